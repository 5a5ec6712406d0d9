// What a user does on the application's page and in the widget of a provider.

import assert from "node:assert/strict";
import { state } from "./harness.js";

// The widgets, each with a bank that takes a password, and the bank's id. The code is correct after
// the password mfa_device. The name is the bank's, where the provider's API has another than its
// widget.
//
// The bank's script for MoneyKit is what the demo uses, and most of its flow is that of the
// official package. So it has all tests at night only.
export const widgets = {
  "MoneyKit, the bank's script": { index: 0, client: "moneykit", country: "US", bank: "Northwind Bank", id: "northwind", code: "123456" },
  "MoneyKit, the official package": { index: 1, client: "moneykit", country: "US", bank: "Harbor Trust", id: "harbor_trust", code: "123456" },
  Dapi: { index: 2, client: "dapi", country: "AE", bank: "Emirates NBD", id: "DAPIBANK_AE_ENBD", code: "123456", name: "Emirates NBD Bank PJSC" },
  Plaid: { index: 3, client: "plaid", country: "US", bank: "First Platypus Bank", id: "ins_109508", code: "1234" },
};

if (process.env.BANKMUX_FULL !== "1") delete widgets["MoneyKit, the bank's script"];

export const good = { username: "user_good", password: "pass_good" };

// start fills in the form of the application's page and starts a link.
export async function start(page, widget, { connection = "", hosted = false, country = widget.country } = {}) {
  await page.selectOption("[name=client]", { index: widget.index });
  await page.fill("[name=country]", country);
  await page.fill("[name=connection]", connection);
  await page.setChecked("[name=hosted]", hosted);
  await page.getByRole("button", { name: "Link" }).click();
}

// frame returns the widget's page.
export const frame = (page) => page.frameLocator("iframe");

// heading waits for a view.
export const heading = (at, name) => at.getByRole("heading", { name, exact: true }).waitFor();

export async function choose(at, bank) {
  await heading(at, "Choose your bank");
  await at.getByRole("button", { name: bank }).click();
}

export async function login(at, { username, password } = good) {
  await at.getByLabel("User name").fill(username);
  await at.getByLabel("Password").fill(password);
  await at.getByRole("button", { name: "Continue" }).click();
}

// loginAtBank logs in on a bank's own page, and allows access there.
export async function loginAtBank(page, { username, password } = good) {
  await heading(page, "Give access");
  await page.getByLabel("User name").fill(username);
  await page.getByLabel("Password").fill(password);
  await page.getByRole("button", { name: "Log in and allow" }).click();
}

export async function enterCode(at, code) {
  await at.getByLabel("Code from your bank").fill(code);
  await at.getByRole("button", { name: "Continue" }).click();
}

// consent allows access, to all accounts without those that are named.
export async function consent(at, ...without) {
  await heading(at, "Share your data");
  for (const account of without) await at.getByLabel(account).uncheck();
  await at.getByRole("button", { name: "Allow", exact: true }).click();
}

// outcome waits for the application's word on the outcome.
export async function outcome(page, want) {
  const output = page.locator("#result").filter({ hasText: /^(linked|failed|refused|broken)/ });
  await output.waitFor();
  assert.equal(await output.textContent(), want);
}

// link links a bank and returns the connection.
export async function link(env, page, widget) {
  await start(page, widget);
  await choose(frame(page), widget.bank);
  await login(frame(page));
  await consent(frame(page));
  await outcome(page, "linked " + (widget.name ?? widget.bank));
  await page.locator("iframe").waitFor({ state: "detached" });
  return newest(env);
}

// newest returns the connection that was made last.
export async function newest(env) {
  const { connections } = await state(env);
  return connections.at(-1);
}
