// Tests of examples/demo: what a newcomer sees and does.

import { execFile, spawn } from "node:child_process";
import { once } from "node:events";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { after, before, test } from "node:test";
import { promisify } from "node:util";
import assert from "node:assert/strict";
import { accessible, useChromium, visit } from "./harness.js";
import { choose, consent, frame, good, heading, login, loginAtBank } from "./widget.js";

const root = new URL("../../..", import.meta.url).pathname;
const env = useChromium();
let demo, folder;

// The binary of the demo's own tests is the demo, and also lists its secrets. BROWSER_DEMO names a
// built one.
before(async () => {
  folder = await mkdtemp(join(tmpdir(), "bankmux-"));
  const binary = process.env.BROWSER_DEMO ?? join(folder, "demo");
  if (!process.env.BROWSER_DEMO) {
    await promisify(execFile)("go", ["test", "-c", "-o", binary, "."], { cwd: root + "examples/demo" });
  }
  demo = spawn(binary, ["-address", "127.0.0.1:0"],
    { env: { ...process.env, BANKMUX_DEMO: "1" }, stdio: ["ignore", "pipe", "inherit"] });
  const lines = createInterface({ input: demo.stdout })[Symbol.asyncIterator]();
  const next = async (pattern) => {
    const { value } = await lines.next();
    assert.match(value ?? "", pattern);
    return pattern.exec(value)[1];
  };
  env.addr = { app: await next(/^Open (http:\S+)$/) };
  const list = await next(/^Secrets (http:\S+)$/);
  env.secrets = async () => (await fetch(list)).json();
});

after(async () => {
  if (demo?.kill("SIGINT")) await once(demo, "exit");
  await rm(folder, { recursive: true, force: true });
});

// open shows the page. A problem of the server is expected where a test provokes one. Nothing of a
// flow stays in storage.
const open = (options, run) => visit(
  env, { expected: ["404", "409", "410", "503"].map((status) => "status of " + status), ...options },
  async (page, context) => {
    await page.locator("body[data-ready]").waitFor();
    await run(page, context);
    assert.deepEqual(await page.evaluate(() => ({ ...localStorage, ...sessionStorage })), {});
  },
);

const message = (page, text) => page.locator("#message").filter({ hasText: text }).waitFor();
const card = (page, name) => page.locator("article", { has: page.getByRole("heading", { name, exact: true }) });
const state = (page, name, text) => card(page, name).locator(".pill", { hasText: text }).waitFor();
const press = (page, name, label) => card(page, name).getByRole("button", { name: label }).click();

// rows returns the newest transactions that the demo has stored.
const rows = (page, limit = 500) => page.evaluate(async (limit) => {
  const response = await fetch("/bank/transactions?limit=" + limit);
  return (await response.json()).transactions;
}, limit);

// drawn returns what the chart of balances shows: the value of each day, as text.
const drawn = (page) => page.locator("#balance .day title").evaluateAll((all) =>
  Object.fromEntries(all.map(({ textContent }) => textContent.split(": "))));

// charts returns what the chart shows for each account.
async function charts(page) {
  const all = {};
  for (const id of await page.locator("#account option").evaluateAll((options) => options.map((o) => o.value))) {
    await page.selectOption("#account", id);
    all[id] = await drawn(page);
  }
  return all;
}

async function connect(page, country, bank) {
  await page.getByRole("button", { name: "Connect a bank", exact: true }).click();
  await page.selectOption("#country", country);
  await page.getByRole("button", { name: "Continue" }).click();
  await choose(frame(page), bank);
  await login(frame(page), good);
  await consent(frame(page));
  await message(page, "is connected");
}

test("three providers are shown side by side", () => open({ viewport: { width: 1280, height: 1180 } }, async (page) => {
  await page.getByText("No bank is connected yet.").waitFor();
  await accessible(page);
  await connect(page, "US", "Northwind Bank");
  await connect(page, "AE", "Emirates NBD");
  await connect(page, "CA", "Maple Credit Union");
  for (const total of ["Total in USD", "Total in AED", "Total in CAD"]) await page.getByText(total).waitFor();
  await page.waitForFunction(() => document.querySelectorAll("#rows tr").length >= 25);
  await page.locator("#balance svg .line").waitFor();
  await page.locator("#spending svg .bar").first().waitFor();
  await accessible(page);
  assert.match(await page.locator("#spending-note").textContent(), /in USD\. Amounts in AED and CAD are not included/);
  await page.selectOption("#currency", "AED");
  await page.locator("#spending text", { hasText: / AED$/ }).first().waitFor();
  assert.match(await page.locator("#spending-note").textContent(), /in AED\. Amounts in CAD and USD are not included/);
  await page.selectOption("#currency", "USD");
  for (const amount of await page.locator("#totals strong, #connections .number, #rows .number").allTextContents()) {
    assert.match(amount, /^not known$|^−?\d{1,3}(,\d{3})*(\.\d+)? [A-Z]{3}$/, "one form of numbers on the page");
  }
  // The picture in the README: BANKMUX_WRITE=1 npm test
  const path = process.env.BANKMUX_WRITE === "1" ? root + "docs/img/demo.png" : undefined;
  const picture = await page.screenshot({ path, animations: "disabled" });
  assert.ok(picture.length > 20_000 && picture.length < 200_000, picture.length + " bytes");
}));

test("transactions are searched, and more are shown", () => open({}, async (page) => {
  await page.getByRole("button", { name: "Show older ones" }).click();
  await page.waitForFunction(() => document.querySelectorAll("#rows tr").length > 25);
  const text = await page.locator("#rows tr td:nth-child(2)").first().textContent();
  const word = text.trim().split(" ")[0];
  await page.getByRole("searchbox", { name: "Search" }).fill(word);
  await page.waitForFunction((w) => [...document.querySelectorAll("#rows tr")].every((row) =>
    row.textContent.toLowerCase().includes(w.toLowerCase())), word);
  await page.getByRole("searchbox", { name: "Search" }).fill("nothing has this text");
  await page.getByText("There are no transactions.").waitFor();
}));

test("a click is not lost if the page is shown again while the button is held down", () => open({}, async (page) => {
  // What the cards show stays the same from here on. Otherwise a sync could replace them.
  const still = new Map();
  await page.route(/\/(bank\/(connections|accounts)|demo\/state)/, async (route) => {
    const request = route.request(), key = request.url();
    if (request.method() !== "GET") return route.fulfill({ json: {} });
    if (!still.has(key)) still.set(key, route.fetch().then((response) => response.text()));
    return route.fulfill({ contentType: "application/json", body: await still.get(key) });
  });
  await page.reload();
  await page.locator("body[data-ready]").waitFor();
  await card(page, "Northwind Bank").getByRole("button", { name: "Read again" }).hover();
  await page.mouse.down();
  await page.evaluate(() => {
    document.querySelector("#rows tr").dataset.old = "true";
    document.querySelector("#search").dispatchEvent(new Event("input"));
  });
  await page.waitForFunction(() => document.querySelector("#rows tr:not([data-old])")); // rows come after cards
  await page.mouse.up();
  await message(page, "The bank was read.");
  await page.unrouteAll({ behavior: "ignoreErrors" });
}));

test("past days keep their balance as the bank's clock moves", () => open({}, async (page) => {
  const [today, before] = [await page.locator("#today").textContent(), await charts(page)];
  for (const days of [7, 14]) {
    const at = new Date(Date.parse(today) + days * 86400e3).toISOString().slice(0, 10);
    await page.getByRole("button", { name: "+1 week" }).click();
    await page.waitForFunction((at) => document.querySelector("#today").textContent === at, at);
  }
  // A provider that says of no row whether it is pending also lists those that no balance has yet.
  const vague = (await rows(page)).filter(({ status }) => status !== "booked" && status !== "pending");
  const exact = Object.entries(before).filter(([id]) => !vague.some(({ account }) => account === id));
  assert.ok(exact.length >= 3);
  for (const [account, values] of exact) {
    await page.selectOption("#account", account);
    const past = Object.keys(await drawn(page)).filter((day) => day < today);
    assert.ok(past.length > 60, past.length + " days");
    const want = past.map((day) => `${day}: ${values[day]}`);
    await page.waitForFunction((want) => { // a sync may still be under way
      const shown = new Set([...document.querySelectorAll("#balance .day title")].map((t) => t.textContent));
      return want.every((value) => shown.has(value));
    }, want);
  }
}));

test("a pending transaction becomes posted as the bank's clock moves", () => open({}, async (page) => {
  const pending = page.locator("#rows tr.pending");
  for (let days = 0; await pending.count() === 0; days++) {
    assert.ok(days < 14, "the banks have pending rows within two weeks");
    const today = await page.locator("#today").textContent();
    await page.getByRole("button", { name: "+1 day" }).click();
    await page.waitForFunction((t) => document.querySelector("#today").textContent !== t, today);
  }
  const row = await pending.first().textContent();
  const stored = await rows(page);
  const waiting = stored.find(({ status }) => status === "pending");
  const posted = ({ rows, account, description, date }) => rows.filter((r) => r.status !== "pending" &&
    r.account === account && r.description === description && r.date >= date).length;
  const before = posted({ ...waiting, rows: stored });
  await page.getByRole("button", { name: "+1 week" }).click();
  await page.waitForFunction((r) => ![...document.querySelectorAll("#rows tr.pending")].some((tr) =>
    tr.textContent === r), row);
  assert.ok(posted({ ...waiting, rows: await rows(page) }) > before, "it is posted");
  assert.match(await page.locator("#log").textContent(), /rows/);
}));

test("a consent lapses and is renewed, and the rows stay", () => open({}, async (page) => {
  const ids = async (limit) => (await rows(page, limit)).filter(({ status }) => status !== "pending").map(({ id }) => id);
  const before = await ids(100);
  await press(page, "Northwind Bank", "Lapse consent");
  await state(page, "Northwind Bank", "needs a new login");
  await press(page, "Northwind Bank", "Renew access");
  await login(frame(page), good);
  await frame(page).getByRole("button", { name: "Allow", exact: true }).click();
  await state(page, "Northwind Bank", "active");
  assert.equal(await card(page, "Northwind Bank").count(), 1);
  assert.ok(before.length > 50);
  const after = new Set(await ids());
  assert.deepEqual(before.filter((id) => !after.has(id)), []);
}));

test("a bank asks for a one-time password", () => open({}, async (page) => {
  await press(page, "Emirates NBD Bank PJSC", "Ask me next time");
  await message(page, "will ask");
  await press(page, "Emirates NBD Bank PJSC", "Read again");
  await page.getByRole("heading", { name: "Your bank asks" }).waitFor();
  await accessible(page);
  await page.locator("#questions input").fill("123456");
  await page.getByRole("button", { name: "Send" }).click();
  await message(page, "accepted");
}));

test("another provider takes over while one is down", () => open({}, async (page) => {
  await press(page, "MoneyKit", "Take it down");
  await state(page, "MoneyKit", "down");
  await press(page, "Northwind Bank", "Read again");
  await message(page, "try again later");
  await state(page, "MoneyKit", "circuit breaker open");
  await connect(page, "US", "First Platypus Bank");
  await card(page, "First Platypus Bank").getByText("through Plaid").waitFor();
  await press(page, "MoneyKit", "Bring it back");
  await card(page, "MoneyKit").locator(".pill", { hasText: /^up$/ }).waitFor();
}));

// linkGracht links the only bank of its country, whose login is on the bank's own page. A test that
// uses it disconnects it.
async function linkGracht(page) {
  await toGracht(page);
  await loginAtBank(page);
  await consent(frame(page));
  await message(page, "The transactions of Gracht Bank are being read.");
  await card(page, "Gracht Bank").locator(".number", { hasText: "EUR" }).first().waitFor();
}

async function toGracht(page) {
  await page.getByRole("button", { name: "Connect a bank", exact: true }).click();
  await page.selectOption("#country", "NL");
  await page.getByRole("button", { name: "Continue" }).click();
  await heading(frame(page), "Continue at Gracht Bank");
  await frame(page).getByRole("link", { name: "Continue in this window" }).click();
  await heading(page, "Give access");
}

test("two tabs at a bank's own page return to their own sessions", () => open({}, async (page, context) => {
  const other = await context.newPage();
  await other.goto(page.url());
  await other.locator("body[data-ready]").waitFor();
  for (const tab of [page, other]) await toGracht(tab); // the cookie names the second session
  for (const tab of [page, other]) {
    await loginAtBank(tab);
    await consent(frame(tab));
    await message(tab, "is connected");
    await press(tab, "Gracht Bank", "Disconnect");
    await message(tab, "Gracht Bank is disconnected.");
  }
  await other.close();
}));

test("a bank with its own page sends the browser back, and balances come first", () => open({}, async (page) => {
  let reading = true; // the first sync has not ended
  await page.route("**/bank/connections/*/sync", (route) => reading ? route.fulfill({ json: {} }) : route.continue());
  await linkGracht(page);
  reading = false;
  await message(page, "is connected");
  assert.equal(new URL(page.url()).search, "");
  await press(page, "Gracht Bank", "Disconnect");
  await message(page, "Gracht Bank is disconnected.");
}));

test("a provider's page that does not load, or that the user leaves, leaves nothing in storage", () => open(
  { expected: ["ERR_FAILED", "409"] },
  async (page) => {
    const start = async () => {
      await page.getByRole("button", { name: "Connect a bank", exact: true }).click();
      await page.selectOption("#country", "CA");
      await page.getByRole("button", { name: "Continue" }).click();
    };
    const stored = () => page.evaluate(() => JSON.stringify({ ...localStorage, ...sessionStorage }));
    await page.route("**/link-initialize.js", (route) => route.abort());
    await start();
    await message(page, "fails or is blocked");
    assert.equal(await stored(), "{}");
    await page.unroute("**/link-initialize.js");
    await start();
    await heading(frame(page), "Choose your bank");
    assert.ok(!(await stored()).includes("link-sandbox"), "the launch token is not stored");
    await frame(page).getByRole("button", { name: "Leave" }).click();
    await message(page, "left before the end");
    await start();
    await heading(frame(page), "Choose your bank");
    await page.reload();
    await page.locator("body[data-ready]").waitFor();
    assert.equal(await stored(), "{}", "a reload in the middle ends the flow");
  },
));

test("the user says which account it is, and sees what may be shown twice", () => open({}, async (page) => {
  const { accounts } = await page.evaluate(async () => (await fetch("/bank/accounts")).json());
  const { id, connection } = accounts.find(({ ended }) => !ended);
  const posted = [];
  await page.route("**/bank/accounts", async (route) => {
    const response = await route.fetch();
    const unnamed = posted.length ? [] : [{ id: "u1", connection, kind: "checking", name: "Everyday", may_be: [id] }];
    await route.fulfill({ response, json: { ...await response.json(), unnamed } });
  });
  await page.route("**/bank/unnamed/u1", (route) => {
    posted.push(route.request().postDataJSON());
    return route.fulfill({ json: { account: id, connection } });
  });
  await page.route("**/bank/transactions?*", async (route) => {
    const response = await route.fetch();
    const body = await response.json();
    for (const row of body.transactions.slice(0, 1)) row.perhaps_replaces = ["other"];
    await route.fulfill({ response, json: body });
  });
  await page.reload();
  await page.getByText("perhaps shown twice").first().waitFor();
  const button = page.getByRole("button", { name: "Which account is this?" });
  await button.click();
  await accessible(page);
  assert.equal(await page.locator("#unnamed-choice option").count(), 2);
  await page.locator("#unnamed-choice").selectOption(id);
  await page.getByRole("button", { name: "Save" }).click();
  await message(page, "is stored");
  assert.deepEqual(posted, [{ account: id }]);
  await button.waitFor({ state: "detached" });
}));

test("a connection that does not exist is said to be so", () => open({ path: "/?connection=nope" }, async (page) => {
  await message(page, /^This does not exist\.$/);
}));

test("a bank that is disconnected while it is read shows no error", () => open({}, async (page) => {
  let reading = true, release;
  const released = new Promise((resolve) => { release = resolve; });
  const sync = "**/bank/connections/*/sync";
  await page.route(sync, async (route) => {
    if (reading) return route.fulfill({ json: {} });
    await released;
    await route.continue();
  });
  await linkGracht(page);
  reading = false;
  await page.waitForRequest(sync); // it arrives after the bank is disconnected
  const deleted = page.waitForResponse((r) => r.request().method() === "DELETE");
  await press(page, "Gracht Bank", "Disconnect");
  await deleted;
  const gone = page.waitForResponse((r) => r.url().endsWith("/sync") && r.status() === 404);
  release();
  await gone;
  await message(page, "Gracht Bank is disconnected.");
  const said = await page.evaluateHandle(() => {
    const said = [], shown = document.getElementById("message");
    new MutationObserver(() => said.push(shown.textContent)).observe(shown, { childList: true });
    return said;
  });
  // What the page has yet to say of the bank, it says before this ends.
  await press(page, "First Platypus Bank", "Read again");
  await message(page, "The bank was read.");
  assert.deepEqual(await said.evaluate((all) => all.filter(Boolean)), ["The bank was read."]);
}));

test("it is shown on a phone and in the dark", () => open(
  { viewport: { width: 360, height: 740 }, colorScheme: "dark" },
  async (page) => {
    await accessible(page);
    const wide = await page.evaluate(() => document.documentElement.scrollWidth <= innerWidth ? [] :
      [...document.querySelectorAll("body *")].filter((e) => e.getBoundingClientRect().right > innerWidth).map((e) =>
        `${e.tagName} ${e.id} ${e.className} ${e.getBoundingClientRect().right}`));
    assert.deepEqual(wide, [], "the page does not scroll sideways");
    for (const name of ["#rows tr .number", "#rows tr .second", "#balance text", "#spending text"]) {
      const edges = await page.locator(name).evaluateAll((all) => all.map((one) => one.getBoundingClientRect())
        .map(({ left, right, width }) => ({ left, right, width })));
      assert.ok(edges.length > 1, name);
      for (const { left, right, width } of edges) assert.ok(left >= 0 && right <= 360 && width > 0, `${name} ${left} to ${right}`);
    }
    const sizes = await page.locator(".chart text").evaluateAll((all) => all.map((text) =>
      parseFloat(getComputedStyle(text).fontSize) * text.getScreenCTM().a));
    assert.ok(Math.min(...sizes) >= 11, Math.min(...sizes) + " px");
    const top = () => page.locator(".top").boundingBox();
    assert.ok((await top()).height <= 110, (await top()).height + " px");
    await page.locator("#rows").scrollIntoViewIfNeeded();
    await page.evaluate(() => scrollBy(0, 1000));
    assert.ok((await top()).y < -200, "the header leaves room for the page");
  },
));

test("a bank is disconnected", () => open({}, async (page) => {
  await press(page, "Emirates NBD Bank PJSC", "Disconnect");
  await message(page, "is disconnected");
  await card(page, "Emirates NBD Bank PJSC").waitFor({ state: "detached" });
  await page.getByText("Total in AED").waitFor({ state: "detached" });
}));

test("a second connection to a bank says where its accounts are", () => open({}, async (page) => {
  await card(page, "Maple Credit Union").waitFor();
  await connect(page, "CA", "Maple Credit Union");
  await card(page, "Maple Credit Union").nth(1).waitFor();
  await page.getByText("Its accounts are shown at your other connection to Maple Credit Union, through Plaid.").waitFor();
}));
