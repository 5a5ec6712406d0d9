// Tests of the harness itself: a check that cannot fail protects nothing.

import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test } from "node:test";
import assert from "node:assert/strict";
import { accessible, assertNoSecret, finish, state, useBrowser, visit } from "./harness.js";

const env = useBrowser();

test("the application's page loads offline and is accessible", async () => {
  await visit(env, {}, async (page) => {
    assert.equal(await page.title(), "Link a bank");
    await accessible(page.mainFrame());
  });
});

test("a page that leaves loopback fails", async () => {
  const left = visit(env, {}, async (_, context) => {
    const other = await context.newPage();
    await other.goto("http://bank.example/").catch(() => {});
    await other.close();
  });
  await assert.rejects(left, /the page left loopback/);
});

test("a secret in the address, the console, storage, HTML or a request fails", async (t) => {
  const { secrets: [secret] } = await state(env);
  const places = {
    address: (page) => page.evaluate((text) => history.pushState(null, "", "#" + text), secret),
    console: (page) => page.evaluate((text) => console.log(text), secret),
    storage: (page) => page.evaluate((text) => localStorage.setItem("x", text), secret),
    HTML: (page) => page.evaluate((text) => document.body.append(text), secret),
    request: (page) => page.evaluate((text) => fetch("/?" + text).catch(() => {}), secret),
  };
  for (const [place, leak] of Object.entries(places)) {
    await t.test(place, async () => {
      await assert.rejects(visit(env, {}, leak), /secret \d+ is in text/);
    });
  }
});

test("a serious finding of axe-core fails", async () => {
  await visit(env, {}, async (page) => {
    await page.evaluate(() => document.querySelector("form").append(document.createElement("input")));
    await assert.rejects(accessible(page.mainFrame()), /label/);
  });
});

test("a page that answers no longer does not keep the test", { timeout: 600_000 }, async () => {
  const folder = await mkdtemp(join(tmpdir(), "bankmux-"));
  try {
    const context = await env.browser.newContext({ recordHar: { path: join(folder, "all.har"), content: "embed" } });
    const page = await context.newPage();
    await page.goto(env.addr.app);
    const read = page.waitForEvent("requestfinished");
    page.evaluate(async () => {
      await (await fetch("/test/state")).text();
      for (;;);
    }).catch(() => {});
    await read;
    await finish(context, 100);
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
});

test("the secrets to look for are there", () => {
  assert.throws(() => assertNoSecret([], ["text"]), /something to compare/);
});
