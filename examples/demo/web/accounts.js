// Shows connections with their accounts and balances.

import { element, money, words } from "./format.js";

const states = {
  active: ["good", "active"], pending: ["warn", "being prepared"], unverified: ["warn", "being checked"],
  reauth_required: ["bad", "needs a new login"], degraded: ["warn", "disturbed"], gone: ["bad", "ended"],
};

// balance returns the balance to show of an account, or undefined if the bank reported none.
export function balance(account) {
  const of = (kind) => account.balances?.find((b) => b.kind === kind);
  return (of("booked") ?? of("available"))?.money;
}

// sums adds exact amounts of one currency without rounding.
export function sums(amounts) {
  const byCurrency = new Map();
  for (const { amount, currency } of amounts) {
    const [whole, fraction = ""] = amount.split(".");
    const entry = byCurrency.get(currency) ?? { total: 0n, digits: 0 };
    const digits = Math.max(entry.digits, fraction.length);
    const scaled = BigInt(whole + fraction) * 10n ** BigInt(digits - fraction.length);
    byCurrency.set(currency, { total: entry.total * 10n ** BigInt(digits - entry.digits) + scaled, digits });
  }
  return [...byCurrency].map(([currency, { total, digits }]) => {
    const text = (total < 0n ? -total : total).toString().padStart(digits + 1, "0");
    const amount = digits ? `${text.slice(0, -digits)}.${text.slice(-digits)}` : text;
    return { currency, amount: (total < 0n ? "-" : "") + amount };
  });
}

export function showTotals(target, accounts) {
  const known = accounts.map(balance).filter(Boolean);
  target.replaceChildren(...sums(known).map((total) =>
    element("div", {}, element("span", { className: "faint" }, "Total in " + total.currency),
      element("strong", {}, money(total)))));
}

let shown = "";

// showConnections shows a card for each connection. Cards that would be the same stay. A click is
// lost if its button is replaced meanwhile.
export function showConnections(target, data, actions) {
  const { connections, accounts, failed, unnamed, progress, demo } = data;
  const now = JSON.stringify([connections, accounts, failed, unnamed, progress, demo.served]);
  if (now === shown) return;
  shown = now;
  if (data.connections.length === 0) {
    const p = element("p", { className: "empty" }, "No bank is connected yet. ");
    p.append(element("button", { className: "primary", type: "button", onclick: actions.connect }, "Connect your first bank"));
    return target.replaceChildren(p);
  }
  target.replaceChildren(...data.connections.map((connection) => card(connection, data, actions)));
}

// elsewhere says why a connection shows no accounts. The store keeps an account once, although two
// connections to a bank list it.
function elsewhere(connection, data) {
  const { name } = connection.institution;
  const has = (c) => data.accounts.some((a) => a.connection === c.id);
  const other = data.connections.find((c) => c.id !== connection.id && c.institution.name === name && has(c));
  if (!other) return "No accounts are known yet.";
  return `Its accounts are shown at your other connection to ${name}, through ${data.demo.served[other.id]}.`;
}

function card(connection, data, actions) {
  const accounts = data.accounts.filter((a) => a.connection === connection.id);
  const failed = data.failed.filter((f) => f.connection === connection.id);
  const [look, text] = states[connection.state] ?? ["warn", words(connection.state)];
  const act = (label, name) => element("button", { type: "button", onclick: () => actions[name](connection) }, label);
  const lines = accounts.map((account) => {
    const amount = balance(account);
    return element("li", {},
      element("span", {}, account.name || words(account.kind), " ",
        element("span", { className: "faint" }, account.mask ? "··" + account.mask.slice(-4) : "")),
      element("span", { className: "number" }, amount ? money(amount) : "not known"));
  });
  const none = accounts.length === 0 && !data.progress[connection.id] && elsewhere(connection, data);
  const progress = data.progress[connection.id];
  const bar = progress && element("progress", progress.total ? { max: progress.total, value: progress.done } : {});
  bar?.setAttribute("aria-label", `Reading ${connection.institution.name}: ${progress.rows} rows`);
  const article = element("article", { className: "card" },
    element("div", { className: "head" },
      element("h3", {}, connection.institution.name || "Your bank"),
      element("span", { className: "pill " + look }, text)),
    element("span", { className: "faint" }, "through " + data.demo.served[connection.id]),
    bar,
    none ? element("p", { className: "faint none" }, none) : element("ul", { className: "lines" }, ...lines),
    ...(data.unnamed ?? []).filter((u) => u.connection === connection.id).map((u) =>
      element("button", { type: "button", onclick: () => actions.identify(u) }, "Which account is this?")),
    ...failed.map((f) => element("p", { className: "pill bad" }, f.problem.detail)),
    element("div", { className: "row" },
      connection.state === "active" ? act("Read again", "read") : act("Renew access", "reconnect"),
      act("Lapse consent", "lapse"), data.demo.served[connection.id] === "Dapi" ? act("Ask me next time", "ask") : null,
      act("Disconnect", "disconnect")));
  article.dataset.connection = connection.id;
  article.dataset.state = connection.state;
  return article;
}
