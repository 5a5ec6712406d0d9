// Tests of the widgets' pages themselves: keyboard, phone, dark colors, double clicks and trouble.

import { test } from "node:test";
import assert from "node:assert/strict";
import { accessible, state, useBrowser, visit } from "./harness.js";
import { choose, consent, enterCode, frame, good, heading, login, outcome, start, widgets } from "./widget.js";

const env = useBrowser();

const phone = { viewport: { width: 390, height: 844 }, isMobile: true, hasTouch: true, deviceScaleFactor: 2 };

// focused returns the text or label of what has the focus in the widget.
const focused = (page) => page.frames().at(-1).evaluate(() => {
  const { activeElement: at } = document;
  return at.labels?.[0]?.textContent ?? at.getAttribute("aria-label") ?? at.textContent;
});

// tabTo presses Tab until an element has the focus.
async function tabTo(page, text) {
  for (let i = 0; i < 40; i++) {
    await page.keyboard.press("Tab");
    if ((await focused(page)).includes(text)) return;
  }
  assert.fail(`Tab does not reach ${text}`);
}

for (const [name, widget] of Object.entries(widgets)) {
  test(name, async (t) => {
    await t.test("the keyboard is enough", async () => {
      await visit(env, {}, async (page) => {
        await start(page, widget);
        await heading(frame(page), "Choose your bank");
        assert.equal(await focused(page), "Choose your bank");
        await tabTo(page, "Search");
        await page.keyboard.type(widget.bank);
        await frame(page).getByText("1 bank", { exact: true }).waitFor();
        await tabTo(page, widget.bank);
        await page.keyboard.press("Enter");
        await heading(frame(page), "Log in");
        await tabTo(page, "User name");
        await page.keyboard.type(good.username);
        await tabTo(page, "Password");
        await page.keyboard.type("wrong");
        await page.keyboard.press("Enter");
        await frame(page).getByRole("alert").waitFor();
        assert.equal(await focused(page), "User name", "the focus is where the mistake is");
        await tabTo(page, "Password");
        await page.keyboard.type(good.password);
        await page.keyboard.press("Enter");
        await heading(frame(page), "Share your data");
        await tabTo(page, "Allow");
        await page.keyboard.press("Enter");
        await outcome(page, "linked " + (widget.name ?? widget.bank));
      });
    });

    await t.test("Tab stays in the page, and Escape leaves it", async () => {
      await visit(env, { expected: ["409"] }, async (page) => {
        await start(page, widget);
        await choose(frame(page), widget.bank);
        await heading(frame(page), "Log in");
        const seen = new Set();
        for (let i = 0; i < 12; i++) {
          await page.keyboard.press("Tab");
          seen.add(await focused(page));
          assert.equal(await page.evaluate(() => document.activeElement.tagName), "IFRAME");
        }
        assert.deepEqual([...seen].sort(), ["Choose another bank", "Continue", "Leave", "Password", "User name"]);
        await page.keyboard.press("Shift+Tab");
        await page.keyboard.press("Escape");
        await outcome(page, "failed user_action_required");
        await page.locator("iframe").waitFor({ state: "detached" });
        await page.waitForFunction(() => document.activeElement.textContent === "Link");
      });
    });

    await t.test("a phone shows every view in full, in dark colors too", async () => {
      await visit(env, { ...phone, colorScheme: "dark" }, async (page) => {
        const check = async () => {
          const widths = await page.frames().at(-1).evaluate(() => {
            const small = [...document.querySelectorAll("button, a.button, input:not([type=checkbox])")]
              .filter((element) => element.getBoundingClientRect().height < 44);
            return { over: document.documentElement.scrollWidth - innerWidth, small: small.length };
          });
          assert.deepEqual(widths, { over: 0, small: 0 });
          await accessible(page.frames().at(-1));
        };
        await start(page, widget);
        await heading(frame(page), "Choose your bank");
        await check();
        await choose(frame(page), widget.bank);
        await login(frame(page), { ...good, password: "wrong" });
        await frame(page).getByRole("alert").waitFor();
        await check();
        await login(frame(page), { ...good, password: "mfa_device" });
        await heading(frame(page), "Enter the code");
        await check();
        await enterCode(frame(page), widget.code);
        await heading(frame(page), "Share your data");
        await check();
        await consent(frame(page));
        await outcome(page, "linked " + (widget.name ?? widget.bank));
      });
    });

    await t.test("a double click links once", async () => {
      const before = await state(env);
      await visit(env, {}, async (page) => {
        await start(page, widget);
        await choose(frame(page), widget.bank);
        await login(frame(page));
        await heading(frame(page), "Share your data");
        await frame(page).getByRole("button", { name: "Allow", exact: true }).dblclick();
        await outcome(page, "linked " + (widget.name ?? widget.bank));
      });
      const after = await state(env);
      assert.equal(after.posted.length, before.posted.length + 1);
      assert.equal(after.connections.length, before.connections.length + 1);
    });

    await t.test("a step that did not reach the bank can be repeated", async () => {
      await visit(env, { expected: ["ERR_FAILED"] }, async (page) => {
        await start(page, widget);
        await choose(frame(page), widget.bank);
        await page.route("**/connect/step", (route) => route.abort());
        await login(frame(page));
        await frame(page).getByText("The bank cannot be reached.").waitFor();
        await page.unroute("**/connect/step");
        await login(frame(page));
        await consent(frame(page));
        await outcome(page, "linked " + (widget.name ?? widget.bank));
      });
    });

    await t.test("the way back leads to another bank", async () => {
      await visit(env, {}, async (page) => {
        await start(page, widget);
        await frame(page).locator("#banks button").last().click();
        await frame(page).getByRole("button", { name: "Choose another bank" }).click();
        await choose(frame(page), widget.bank);
        await login(frame(page));
        await consent(frame(page));
        await outcome(page, "linked " + (widget.name ?? widget.bank));
      });
    });
  });
}
