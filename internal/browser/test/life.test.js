// Tests of what users do to the application's page while it links a bank: double clicks, two tabs,
// going back and reloading. The tests of the widgets' pages are in page.test.js.

import { test } from "node:test";
import assert from "node:assert/strict";
import { state, useBrowser, visit } from "./harness.js";
import { choose, consent, frame, good, heading, link, login, loginAtBank, outcome, start, widgets } from "./widget.js";

const env = useBrowser();

// The service responds 409 to an outcome without a link, and the browser notes that.
const expected = ["409"];
const oauth = { moneykit: "OAuth Bank", plaid: "Platypus OAuth Bank" };
const linkedText = (widget) => "linked " + (widget.name ?? widget.bank);

// kept returns what the page has in storage.
const kept = (page) => page.evaluate(() => ({ ...localStorage, ...sessionStorage }));

// fillIn logs in and allows access.
async function fillIn(page, widget) {
  await choose(frame(page), widget.bank);
  await login(frame(page));
  await consent(frame(page));
}

// toBank goes to the bank's own page in the application's window.
async function toBank(page, widget) {
  await start(page, widget);
  await choose(frame(page), oauth[widget.client]);
  await frame(page).getByRole("link", { name: "Continue in this window" }).click();
  await heading(page, "Give access");
}

// allow logs in on the bank's own page, which returns to the application, and allows access there.
async function allow(page) {
  await loginAtBank(page);
  await page.waitForURL(/\/oauth/);
  await consent(frame(page));
}

for (const [name, widget] of Object.entries(widgets)) {
  test(name, async (t) => {
    await t.test("the page runs what its name says", async () => {
      await visit(env, {}, async (page) => {
        await start(page, widget);
        await heading(frame(page), "Choose your bank");
        const { searchParams } = new URL(page.frames().at(-1).url());
        // Only MoneyKit's own package sends its version.
        assert.equal(searchParams.has("launcherVersion"), name === "MoneyKit, the official package");
      });
    });

    await t.test("a double click links once", async () => {
      const before = await state(env);
      await visit(env, {}, async (page) => {
        const sessions = [];
        page.on("request", (request) => /\/sessions(\?|$)/.test(request.url()) && sessions.push(request));
        await page.selectOption("[name=client]", { index: widget.index });
        await page.fill("[name=country]", widget.country);
        await page.getByRole("button", { name: "Link" }).dblclick();
        await fillIn(page, widget);
        await outcome(page, linkedText(widget));
        assert.equal(sessions.length, 1);
        assert.deepEqual(await kept(page), {}, "nothing stays in storage");
      });
      const after = await state(env);
      assert.equal(after.connections.length, before.connections.length + 1);
      assert.equal(after.posted.length, before.posted.length + 1);
    });

    await t.test("two tabs link two banks", async () => {
      const before = await state(env);
      await visit(env, {}, async (page, context) => {
        const other = await context.newPage();
        await other.goto(env.addr.app);
        for (const tab of [page, other]) await start(tab, widget);
        for (const tab of [page, other]) await choose(frame(tab), widget.bank);
        for (const tab of [other, page]) await login(frame(tab));
        for (const tab of [page, other]) {
          await consent(frame(tab));
          await outcome(tab, linkedText(widget));
          assert.deepEqual(await kept(tab), {});
        }
      });
      const { connections } = await state(env);
      assert.equal(new Set(connections.map(({ id }) => id)).size, before.connections.length + 2);
    });

    await t.test("going back and forward allows a new start", async () => {
      await visit(env, {}, async (page) => {
        await page.goto(env.addr.app + "/?again");
        await start(page, widget);
        await choose(frame(page), widget.bank);
        await page.goto("about:blank");
        await page.goBack();
        await page.waitForURL(/\/\?again/);
        assert.equal(await page.evaluate(() => localStorage.length), 0);
        await start(page, widget);
        await fillIn(page, widget);
        await outcome(page, linkedText(widget));
        assert.deepEqual(await kept(page), {});
      });
    });

    await t.test("a reload in the middle allows a new start", async () => {
      await visit(env, {}, async (page) => {
        await start(page, widget);
        await choose(frame(page), widget.bank);
        await login(frame(page), { ...good, password: "mfa_device" });
        await heading(frame(page), "Enter the code");
        await page.reload();
        assert.equal(await page.locator("iframe").count(), 0);
        assert.equal(await page.evaluate(() => localStorage.length), 0);
        await start(page, widget);
        await fillIn(page, widget);
        await outcome(page, linkedText(widget));
        assert.deepEqual(await kept(page), {});
      });
    });

    await t.test("a policy that blocks the provider is named to the page", async () => {
      await visit(env, { path: "/?policy=none", expected: ["Content Security Policy", "Failed to fetch"] }, async (page) => {
        await start(page, widget);
        const text = page.locator("#result").filter({ hasText: /^broken/ });
        await text.waitFor();
        assert.match(await text.textContent(), /^broken blocked_by_csp bankmux: the page's (script-src-elem|frame-src) lacks http:\/\/127/);
        assert.equal(await page.locator("iframe").count(), 0);
        assert.deepEqual(await kept(page), {});
      });
    });

    await t.test("the focus returns to the button of a keyboard user, after a link and an exit", async () => {
      await visit(env, { expected }, async (page) => {
        await start(page, widget);
        await fillIn(page, widget);
        await outcome(page, linkedText(widget));
        await page.waitForFunction(() => document.activeElement.textContent === "Link");
        await page.locator("iframe").waitFor({ state: "hidden" });
        await page.keyboard.press("Enter");
        await heading(frame(page), "Choose your bank");
        await page.keyboard.press("Escape");
        await outcome(page, "failed user_action_required");
        await page.waitForFunction(() => document.activeElement.textContent === "Link");
        assert.deepEqual(await kept(page), {});
      });
    });

    if (!oauth[widget.client]) return;

    await t.test("two tabs at the bank's own page return to their own sessions", async () => {
      const before = await state(env);
      await visit(env, {}, async (page, context) => {
        const other = await context.newPage();
        await other.goto(env.addr.app);
        for (const tab of [page, other]) await toBank(tab, widget);
        for (const tab of [page, other]) {
          await allow(tab);
          await outcome(tab, "linked " + oauth[widget.client]);
          assert.equal(tab.url(), env.addr.app + "/oauth", "the bank's query has left the address");
          assert.deepEqual(await kept(tab), {});
        }
      });
      assert.equal((await state(env)).connections.length, before.connections.length + 2);
    });

    await t.test("going back from the bank's own page allows a new start", async () => {
      await visit(env, {}, async (page) => {
        await toBank(page, widget);
        await page.goBack();
        await page.waitForURL(env.addr.app + "/");
        assert.equal(await page.evaluate(() => localStorage.length), 0);
        await page.reload();
        const made = await link(env, page, widget);
        assert.ok(made.id);
        assert.deepEqual(await kept(page), {});
      });
    });
  });
}

test("Plaid's hosted page", async (t) => {
  const widget = widgets.Plaid;
  const open = async (page) => {
    await start(page, widget, { hosted: true });
    await heading(page, "Choose your bank");
    assert.ok(page.url().startsWith(env.addr.plaid));
  };
  await t.test("links, and the service finishes it", async () => {
    await visit(env, {}, async (page) => {
      await open(page);
      await choose(page, widget.bank);
      await login(page);
      await consent(page);
      await outcome(page, "linked a hosted page");
    });
  });
  await t.test("going back allows a new start", async () => {
    await visit(env, {}, async (page) => {
      await open(page);
      await page.goBack();
      await page.waitForURL(env.addr.app + "/");
      await start(page, widget);
      await fillIn(page, widget);
      await outcome(page, linkedText(widget));
      assert.deepEqual(await kept(page), {});
    });
  });
});
