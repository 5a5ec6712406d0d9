// The demo's page: it loads what is stored, shows it, and handles what the user does.

import { call, get, post, Problem } from "./api.js";
import { balance, showConnections, showTotals } from "./accounts.js";
import { bars, empty, line } from "./chart.js";
import { continueLink, linkBank, reconnect } from "./connect.js";
import { country, element, round } from "./format.js";
import { balances, showRows, spending } from "./rows.js";

const $ = (id) => document.getElementById(id);
const days = 90;

const state = {
  connections: [], accounts: [], rows: [], failed: [], progress: {}, demo: null, chosen: new Set(),
  account: "", currency: "", filter: "", found: [], next: "", seen: new Set(),
};

function say(text, look = "") {
  $("message").className = "message " + look;
  $("message").textContent = text;
  $("message").hidden = !text;
}

// attempt runs what a button does. It shows a problem in words, and asks what a bank asks.
async function attempt(work, done) {
  say("");
  let result, problem;
  try {
    result = await work();
  } catch (error) {
    problem = error;
  }
  await refresh();
  if (problem instanceof Problem && problem.challenge) ask(problem.challenge);
  else if (problem) say(problem.detail ?? problem.message, "bad");
  else if (done) say(done, "good");
  return result;
}

// inOrder runs one piece of work after another, so that old data never replaces newer.
let last = Promise.resolve();
function inOrder(work) {
  last = last.then(work, work);
  return last;
}

// refresh loads and shows everything.
const refresh = () => inOrder(load);

async function load() {
  const [connections, accounts, all, demo] = await Promise.all([
    get("/bank/connections"), get("/bank/accounts"), everyRow(), get("/demo/state"),
  ]);
  state.connections = connections.connections;
  // The store keeps accounts and transactions of a bank that was disconnected, for a later link.
  const live = new Set(state.connections.map((c) => c.id));
  state.every = accounts.accounts;
  state.unnamed = accounts.unnamed ?? [];
  state.accounts = accounts.accounts.filter((a) => live.has(a.connection));
  const shown = new Set(state.accounts.map((a) => a.id));
  state.rows = all.filter((row) => shown.has(row.account));
  state.demo = demo;
  await Promise.all(state.connections.map(progressOf));
  await search();
  show();
}

// everyRow returns the rows that the charts need.
async function everyRow() {
  const rows = [];
  for (let after = "", page = 0; page < 20; page++) {
    const got = await get("/bank/transactions?limit=500" + (after && "&after=" + encodeURIComponent(after)));
    rows.push(...got.transactions);
    if (!got.next) break;
    after = got.next;
  }
  return rows;
}

async function progressOf({ id }) {
  const sync = await get(`/bank/connections/${id}/sync`).catch(() => ({})); // disconnected meanwhile
  if (sync.progress) state.progress[id] = sync.progress;
  else delete state.progress[id];
}

// watch notices what happens without the user: a sync that ended, or a circuit breaker that
// changed.
async function watch() {
  try {
    const now = await get("/demo/state");
    const changed = JSON.stringify(now.log) !== JSON.stringify(state.demo.log);
    state.demo = now;
    if (changed) await refresh();
    else showDemo();
  } catch {
    say("The demo does not respond.", "bad");
  }
  setTimeout(watch, 1000);
}

async function search(after = "") {
  const query = new URLSearchParams({ limit: after ? 25 : Math.max(25, state.found.length), q: $("search").value, account: state.filter, after });
  const got = await get("/bank/transactions?" + query);
  state.found = after ? [...state.found, ...got.transactions] : got.transactions;
  state.next = got.next;
}

function show() {
  $("today").textContent = state.demo.today;
  showTotals($("totals"), state.accounts);
  showConnections($("connections"), state, actions);
  showRows($("rows"), state.found, state.accounts, state.seen);
  state.seen = new Set(state.rows.map((row) => row.id + row.status));
  $("more").hidden = !state.next;
  showAccounts();
  showCharts();
  showDemo();
}

// showAccounts offers accounts and currencies. What the user chose stays chosen while it exists.
function showAccounts() {
  const bank = (a) => state.connections.find((c) => c.id === a.connection)?.institution.name ?? "";
  const options = (accounts) => accounts.map((a) => element("option", { value: a.id }, `${a.name} (${bank(a)})`));
  const offer = (name, options, fallback) => {
    if (!options.some((o) => o.value === state[name])) state[name] = fallback ?? options[0]?.value ?? "";
    $(name).replaceChildren(...options);
    $(name).value = state[name];
  };
  const known = state.accounts.filter(balance), first = busiest();
  // Balances come before rows. A chart without rows gives way to one that has some.
  if (!state.rows.some((row) => row.account === state.account)) {
    for (const name of ["account", "currency"]) if (!state.chosen.has(name)) state[name] = "";
  }
  offer("account", options(known), first?.id);
  offer("filter", [element("option", { value: "" }, "All accounts"), ...options(state.accounts)]);
  const currencies = [...new Set(known.map((a) => balance(a).currency))].sort();
  offer("currency", currencies.map((c) => element("option", { value: c }, c)), first && balance(first).currency);
}

// chosen returns what the user chose in a list.
function chosen(name) {
  state.chosen.add(name);
  return $(name).value;
}

function showCharts() {
  showBalance();
  showSpending();
}

function showBalance() {
  const account = state.accounts.find((a) => a.id === state.account);
  $("balance-title").textContent = "Balance";
  if (!account) return empty($("balance"), "No balance is known yet.");
  const { amount, currency } = balance(account);
  const rows = state.rows.filter((row) => row.account === account.id);
  $("balance-title").textContent = `Balance of ${account.name} in ${currency}`;
  line($("balance"), balances(amount, rows, state.demo.today, days), round);
}

function showSpending() {
  const currency = state.currency, others = [...$("currency").options].map((o) => o.value).filter((c) => c !== currency);
  $("spending-note").textContent = "The last 30 days, all accounts" + (currency ? ` in ${currency}.` : ".") +
    (others.length ? ` Amounts in ${new Intl.ListFormat("en").format(others)} are not included.` : "");
  const parts = spending(state.rows, currency, state.demo.today, 30);
  if (parts.length === 0) return empty($("spending"), "Nothing was spent in these days.");
  bars($("spending"), parts, (v) => `${round(v)} ${currency}`);
}

// The charts are drawn for the width that they have.
let drawn = 0;
new ResizeObserver(([{ contentRect }]) => {
  if (state.demo && Math.round(contentRect.width) !== drawn) showCharts();
  drawn = Math.round(contentRect.width);
}).observe($("balance"));

// busiest returns the account with the most transactions, of those with a balance.
function busiest() {
  const count = Map.groupBy(state.rows, (row) => row.account);
  const rows = (a) => count.get(a.id)?.length ?? 0;
  return state.accounts.filter(balance).sort((a, b) => rows(b) - rows(a))[0];
}

function showDemo() {
  const focused = document.activeElement?.closest("[data-provider]")?.dataset.provider;
  $("providers").replaceChildren(...state.demo.providers.map((provider) => {
    const open = provider.breakers.some((b) => b.state !== "closed");
    const flip = () => attempt(() => post("/demo/outage", { provider: provider.name, down: !provider.down }));
    const article = element("article", { className: "card" },
      element("div", { className: "head" }, element("h3", {}, provider.title),
        element("span", { className: "pill " + (provider.down ? "bad" : "good") }, provider.down ? "down" : "up")),
      element("span", { className: "faint" }, "Countries: " + provider.countries.map(country).join(", ")),
      element("span", { className: "pill " + (open ? "bad" : "good") },
        "circuit breaker " + (open ? "open: nothing is sent" : "closed")),
      element("div", { className: "row" },
        element("button", { type: "button", onclick: flip }, provider.down ? "Bring it back" : "Take it down")));
    article.dataset.provider = provider.name;
    return article;
  }));
  if (focused) $("providers").querySelector(`[data-provider="${focused}"] button`).focus();
  $("log").replaceChildren(...state.demo.log.map((entry) =>
    element("li", {}, element("time", {}, entry.at), entry.text)));
}

// linked shows the balances of a new connection at once, and its rows when the first sync has
// reached its end.
async function linked(connection) {
  if (!connection) return;
  await post("/bank/accounts?connection=" + connection.id).catch(() => {}); // shown below, if it stays
  say(`The transactions of ${connection.institution.name} are being read.`, "good");
  for (let i = 0; i < 120; i++) {
    await refresh();
    if (i > 0 && !state.connections.some((c) => c.id === connection.id)) return; // disconnected meanwhile
    const sync = await get(`/bank/connections/${connection.id}/sync`).catch(unlessGone);
    if (!sync) return;
    if (sync.problem?.challenge) return ask(sync.problem.challenge);
    if (sync.synced_at || sync.problem) break;
    await new Promise((resolve) => setTimeout(resolve, 250));
  }
  await attempt(() => post("/bank/accounts?connection=" + connection.id),
    `${connection.institution.name} is connected.`);
}

// unlessGone ignores a problem that says that something does not exist any more.
function unlessGone(problem) {
  if (problem.status !== 404) throw problem;
}

// again shows the first rows for what the user looks for now.
const again = () => inOrder(async () => {
  state.found = [];
  await search();
  show();
});

// more shows the next rows too.
const more = () => inOrder(async () => {
  if (state.next) await search(state.next);
  show();
});

// identify asks which stored account an account of a new link is.
function identify(unnamed) {
  const of = (id) => state.every.find((a) => a.id === id);
  const title = (a) => a ? `${a.name || "Account"} ${a.mask ? "··" + a.mask.slice(-4) : ""}` : "an earlier account";
  $("unnamed-text").textContent = `Your bank lists ${title(unnamed)}. You may have linked it before.`;
  $("unnamed-choice").replaceChildren(
    ...(unnamed.may_be ?? []).map((id) => element("option", { value: id }, title(of(id)))),
    element("option", { value: "" }, "a new account"));
  $("unnamed-form").onsubmit = () => {
    const account = $("unnamed-choice").value;
    attempt(() => post("/bank/unnamed/" + unnamed.id, account ? { account } : { new: true }), "The account is stored.");
  };
  openDialog($("unnamed-dialog"));
}

const actions = {
  identify,
  connect: () => openDialog($("connect-dialog")),
  read: ({ id }) => attempt(async () => {
    await post(`/bank/connections/${id}/sync`);
    state.failed = (await post("/bank/accounts?connection=" + id)).failed ?? [];
  }, "The bank was read."),
  reconnect: ({ id }) => attempt(async () => linked((await reconnect(id)).connections[0])),
  lapse: ({ id }) => attempt(() => post("/demo/lapse", { connection: id })),
  ask: ({ id }) => attempt(() => post("/demo/ask", { connection: id }), "The bank will ask at the next reading."),
  disconnect: ({ id, institution }) => attempt(
    () => call("DELETE", "/bank/connections/" + id), institution.name + " is disconnected."),
};

function openDialog(dialog) {
  dialog.querySelector("select, input")?.setAttribute("autofocus", "");
  dialog.showModal();
}

// ask shows the questions of a bank and sends the answers.
function ask(challenge) {
  $("questions").replaceChildren(...challenge.inputs.map((input) => {
    const label = element("label", {}, input.query || input.kind);
    if (input.image) label.append(element("img", { src: input.image, alt: "A picture from your bank" }));
    label.append(input.options
      ? element("select", { name: "answer" }, ...input.options.map((o, i) => element("option", { value: i }, o)))
      : element("input", { name: "answer", required: true, autocomplete: "one-time-code" }));
    return label;
  }));
  $("challenge-form").onsubmit = () => {
    const answers = [...$("questions").querySelectorAll("[name=answer]")].map((field) => field.value);
    attempt(() => post("/bank/challenges/" + challenge.id, { answers }), "The bank accepted the answer.");
  };
  openDialog($("challenge-dialog"));
}

for (const button of document.querySelectorAll("[data-close]")) {
  button.onclick = () => button.closest("dialog").close();
}
for (const button of document.querySelectorAll("[data-advance]")) {
  button.onclick = () => attempt(() => post("/demo/advance", { days: Number(button.dataset.advance) }));
}
$("connect").onclick = actions.connect;
$("connect-form").onsubmit = () => attempt(async () => linked((await linkBank($("country").value)).connections[0]));
$("country").onchange = () => {
  const served = state.demo.providers.filter((p) => p.countries.includes($("country").value));
  $("served").textContent = "Served by " + served.map((p) => p.title).join(", or by ") + ".";
};
$("account").onchange = () => { state.account = chosen("account"); showBalance(); };
$("currency").onchange = () => { state.currency = chosen("currency"); showSpending(); };
$("filter").onchange = () => { state.filter = $("filter").value; return again(); };
$("search").oninput = again;
$("more").onclick = more;

await refresh();
$("country").replaceChildren(...state.demo.countries.map((code) => element("option", { value: code }, country(code))));
$("country").onchange();
document.body.dataset.ready = "true";
const back = await attempt(continueLink);
if (back?.problem) say("The bank's page ended without a connection.", "bad");
else if (back) {
  const [first] = back.connections;
  const connection = state.connections.find((c) => c.id === first.id) ?? first;
  if (connection.institution) await attempt(() => linked(connection));
  else say("This does not exist.", "bad");
}
setTimeout(watch, 1000);
