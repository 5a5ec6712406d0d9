// Shows transactions, and computes what the charts show.

import { element, money, words } from "./format.js";

// showRows shows rows as a table. On a phone it has two columns, and what the others would show is
// below the description.
export function showRows(target, rows, accounts, seen) {
  const names = new Map(accounts.map((a) => [a.id, a.name || words(a.kind)]));
  if (rows.length === 0) {
    const cell = element("td", { colSpan: 5, className: "empty" }, "There are no transactions.");
    return target.replaceChildren(element("tr", {}, cell));
  }
  target.replaceChildren(...rows.map((row) => {
    const pending = row.status === "pending";
    const category = row.category ? words(row.category) : "", account = names.get(row.account) ?? "";
    const fresh = seen.size > 0 && !seen.has(row.id + row.status);
    return element("tr", { className: (pending ? "pending " : "") + (fresh ? "fresh" : "") },
      element("td", { className: "wide-only day" }, row.date),
      element("td", {}, row.merchant || row.counterparty || row.description || "", " ",
        pending ? element("span", { className: "pill warn" }, "pending") : null,
        row.perhaps_replaces ? element("span", { className: "pill warn" }, "perhaps shown twice") : null,
        element("span", { className: "second" }, [row.date, category, account].filter(Boolean).join(" · "))),
      element("td", { className: "wide-only" }, category),
      element("td", { className: "wide-only" }, account),
      element("td", { className: "number " + (row.amount.amount.startsWith("-") ? "" : "in") }, money(row.amount)));
  }));
}

const day = (text) => new Date(text + "T00:00:00Z");
const text = (date) => date.toISOString().slice(0, 10);

// balances returns the balance at the end of each day, counted back from the present one. rows are
// those of one account. Pending rows are not part of a booked balance.
export function balances(amount, rows, today, days) {
  const byDay = new Map();
  for (const row of rows) {
    if (row.status !== "pending") byDay.set(row.date, (byDay.get(row.date) ?? 0) + Number(row.amount.amount));
  }
  const points = [];
  let value = Number(amount);
  for (let at = day(today), i = 0; i < days; i++, at = new Date(at - 86400e3)) {
    points.unshift({ day: text(at), value });
    value -= byDay.get(text(at)) ?? 0;
  }
  return points;
}

// spending returns what went out in the days before today, by category, the largest first. Rows of
// one currency only: amounts of two currencies have no sum.
export function spending(rows, currency, today, days) {
  const from = text(new Date(day(today) - days * 86400e3));
  const byCategory = new Map();
  for (const row of rows) {
    const amount = Number(row.amount.amount);
    if (amount >= 0 || row.amount.currency !== currency || row.date < from) continue;
    const name = row.category ? words(row.category) : "Without a category";
    byCategory.set(name, (byCategory.get(name) ?? 0) - amount);
  }
  const parts = [...byCategory].map(([name, value]) => ({ name, value })).sort((a, b) => b.value - a.value);
  const rest = parts.slice(6).reduce((sum, part) => sum + part.value, 0);
  return rest ? [...parts.slice(0, 6), { name: "Other", value: rest }] : parts;
}
