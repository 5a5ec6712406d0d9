// Tests of linking and renewing with the widget of each provider.

import { test } from "node:test";
import assert from "node:assert/strict";
import { accessible, control, state, useBrowser, visit } from "./harness.js";
import {
  choose, consent, enterCode, frame, good, heading, link, login, newest, outcome, start, widgets,
} from "./widget.js";

const env = useBrowser();

// The application responds 409 to an outcome without a link, and the browser notes that.
const expected = ["409"];

// The member that names a connection in a call of the bank's control plane.
const reference = { moneykit: "link_id", dapi: "connectionID", plaid: "reference" };

for (const [name, widget] of Object.entries(widgets)) {
  test(name, async (t) => {
    await t.test("links a bank, and every view is accessible", async () => {
      await visit(env, {}, async (page) => {
        await start(page, widget);
        const at = frame(page);
        const check = async () => accessible(page.frames().at(-1));
        await heading(at, "Choose your bank");
        await check();
        await choose(at, widget.bank);
        await heading(at, "Log in");
        await check();
        await login(at, { ...good, password: "mfa_device" });
        await heading(at, "Enter the code");
        await check();
        await enterCode(at, widget.code);
        await heading(at, "Share your data");
        await check();
        await consent(at);
        await outcome(page, "linked " + (widget.name ?? widget.bank));
        await page.locator("iframe").waitFor({ state: "hidden" });
      });
      const made = await newest(env);
      assert.equal(made.client, widget.client);
      assert.ok(made.accounts.length > 1);
    });

    await t.test("a wrong password and a wrong code can be entered again", async () => {
      await visit(env, {}, async (page) => {
        await start(page, widget);
        const at = frame(page);
        await choose(at, widget.bank);
        await login(at, { username: "", password: "" });
        await at.getByText("Enter your user name and your password.").waitFor();
        await login(at, { ...good, password: "wrong" });
        await at.getByRole("alert").filter({ hasNotText: "Enter your" }).waitFor();
        await accessible(page.frames().at(-1));
        assert.equal(await at.getByLabel("User name").inputValue(), good.username);
        await login(at, { ...good, password: "mfa_device" });
        await enterCode(at, "000000");
        await at.getByText("The code is wrong.").waitFor();
        await enterCode(at, widget.code);
        await consent(at);
        await outcome(page, "linked " + (widget.name ?? widget.bank));
      });
    });

    await t.test("a user leaves from every view", async () => {
      await visit(env, { expected }, async (page) => {
        const steps = [
          () => heading(frame(page), "Choose your bank"),
          () => choose(frame(page), widget.bank),
          () => login(frame(page), { ...good, password: "mfa_device" }),
          () => enterCode(frame(page), widget.code),
        ];
        for (let count = 1; count <= steps.length; count++) {
          await page.reload();
          await start(page, widget);
          for (const step of steps.slice(0, count)) await step();
          await heading(frame(page), ["Choose your bank", "Log in", "Enter the code", "Share your data"][count - 1]);
          await frame(page).getByRole("button", { name: "Leave" }).click();
          await outcome(page, "failed user_action_required");
        }
      });
      assert.deepEqual(JSON.parse((await state(env)).posted.at(-1)), { error: null });
    });

    await t.test("a bank that is down fails, and the application learns why", async () => {
      const outage = (down) => control(env, widget.client, "outage", { institution_id: widget.id, down });
      await outage(true);
      try {
        await visit(env, { expected }, async (page) => {
          await start(page, widget);
          await choose(frame(page), widget.bank);
          await login(frame(page));
          await heading(frame(page), "That did not work");
          await accessible(page.frames().at(-1));
          await frame(page).getByRole("button", { name: "Leave" }).last().click();
          await outcome(page, "failed user_action_required");
        });
      } finally {
        await outage(false);
      }
      const { error } = JSON.parse((await state(env)).posted.at(-1));
      assert.ok(error && !JSON.stringify(error).includes("user_good"));
    });

    await t.test("a connection is renewed", async () => {
      await visit(env, {}, async (page) => {
        const old = await link(env, page, widget);
        await control(env, widget.client, "lapse", { [reference[widget.client]]: old.reference });
        assert.ok((await newest(env)).error, "the consent has ended");
        await start(page, widget, { connection: old.id });
        if (widget.client === "dapi") await choose(frame(page), widget.bank);
        await login(frame(page));
        await consent(frame(page));
        await outcome(page, "linked " + (widget.name ?? widget.bank));
        const renewed = await newest(env);
        assert.equal(renewed.id, old.id);
        assert.equal(renewed.error, undefined);
      });
    });
  });
}
