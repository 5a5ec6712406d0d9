// Tests of banks that log the user in on their own page, in a window of its own and without one.

import { test } from "node:test";
import assert from "node:assert/strict";
import { accessible, state, useBrowser, visit } from "./harness.js";
import { choose, consent, frame, good, heading, loginAtBank, newest, outcome, start, widgets } from "./widget.js";

const env = useBrowser();
const expected = ["409"];

const banks = {
  "MoneyKit, the bank's script": { bank: "OAuth Bank", kept: "Everyday Checking" },
  "MoneyKit, the official package": { bank: "OAuth Bank", kept: "Everyday Checking" },
  Plaid: { bank: "Platypus OAuth Bank", kept: "Plaid Checking" },
};

// popup opens the bank's page in a window of its own.
async function popup(page, bank) {
  const opened = page.waitForEvent("popup");
  await frame(page).getByRole("button", { name: "Open " + bank }).click();
  return opened;
}

for (const [name, { bank, kept }] of Object.entries(banks)) {
  const widget = widgets[name];
  if (!widget) continue;
  test(name, async (t) => {
    await t.test("links through a window of its own", async () => {
      await visit(env, {}, async (page) => {
        await start(page, widget);
        await choose(frame(page), bank);
        await heading(frame(page), "Continue at " + bank);
        await accessible(page.frames().at(-1));
        const window = await popup(page, bank);
        await heading(window, "Give access");
        await accessible(window.mainFrame());
        await heading(frame(page), "Log in at " + bank);
        await loginAtBank(window, { ...good, password: "wrong" });
        await window.getByRole("alert").waitFor();
        const closed = window.waitForEvent("close");
        await loginAtBank(window);
        await closed;
        await consent(frame(page));
        await outcome(page, "linked " + bank);
      });
    });

    await t.test("links in the application's window, with the accounts that the user chose", async () => {
      await visit(env, {}, async (page) => {
        await start(page, widget);
        await choose(frame(page), bank);
        await frame(page).getByRole("link", { name: "Continue in this window" }).click();
        await loginAtBank(page);
        await page.waitForURL(/\/oauth/);
        await heading(frame(page), "Share your data");
        for (const box of await frame(page).getByRole("checkbox").all()) await box.uncheck();
        await frame(page).getByRole("button", { name: "Allow", exact: true }).click();
        await frame(page).getByText("Choose an account.").waitFor();
        for (const box of await frame(page).getByRole("checkbox").all()) await box.uncheck();
        await frame(page).getByLabel(kept).check();
        await frame(page).getByRole("button", { name: "Allow", exact: true }).click();
        await outcome(page, "linked " + bank);
      });
      assert.deepEqual((await newest(env)).accounts, [kept]);
    });

    await t.test("a refusal at the bank can be corrected, and the user can leave", async () => {
      await visit(env, { expected }, async (page) => {
        await start(page, widget);
        await choose(frame(page), bank);
        const window = await popup(page, bank);
        await window.getByRole("button", { name: "Refuse" }).click();
        await frame(page).getByText(`You did not give access at ${bank}.`).waitFor();
        await loginAtBank(await popup(page, bank));
        await consent(frame(page));
        await outcome(page, "linked " + bank);

        await page.reload();
        await start(page, widget);
        await choose(frame(page), bank);
        await frame(page).getByRole("link", { name: "Continue in this window" }).click();
        await page.getByRole("button", { name: "Refuse" }).click();
        await frame(page).getByText(`You did not give access at ${bank}.`).waitFor();
        await frame(page).getByRole("button", { name: "Leave" }).click();
        await outcome(page, "failed user_action_required");
      });
      assert.deepEqual(JSON.parse((await state(env)).posted.at(-1)), { error: null });
    });

    await t.test("a window that the user closes brings the choice back", async () => {
      await visit(env, {}, async (page) => {
        await start(page, widget);
        await choose(frame(page), bank);
        await (await popup(page, bank)).close();
        await heading(frame(page), "Continue at " + bank);
      });
    });

    await t.test("an address that the bank returned to works once", async () => {
      await visit(env, { expected }, async (page) => {
        await start(page, widget);
        await choose(frame(page), bank);
        await frame(page).getByRole("link", { name: "Continue in this window" }).click();
        await loginAtBank(page);
        await page.waitForURL(/\/oauth/);
        await heading(frame(page), "Share your data");
        await page.reload();
        await heading(frame(page), "That did not work");
        await frame(page).getByText("This login was used already.").waitFor();
        await frame(page).getByRole("button", { name: "Leave" }).last().click();
        await outcome(page, "failed user_action_required");
      });
      assert.ok(JSON.parse((await state(env)).posted.at(-1)).error);
    });
  });
}
