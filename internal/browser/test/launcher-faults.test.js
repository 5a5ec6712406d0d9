// Tests of the launcher where something is wrong: blocked scripts, double clicks, aborts, and
// providers that misbehave.

import { test } from "node:test";
import assert from "node:assert/strict";
import { accessible, useChromium } from "./harness.js";
import { frameOf, launches, moneykit, openSite, outcome, provider, say, scripts, start } from "./launcher-site.js";

const env = useChromium();

test("a launch that cannot be opened is rejected with a code and a reason", async (t) => {
  const cases = {
    "no launch": [null, "invalid_launch", "launch lacks provider"],
    "no provider": [{ mode: "link" }, "invalid_launch", "launch lacks provider"],
    "an unknown provider": [{ provider: "osprey", mode: "link" }, "unknown_provider", "loaders.osprey must import its package"],
    "no token": [{ ...launches.plaid, token: undefined }, "invalid_launch", "launch lacks token"],
    "no app key": [{ ...launches.dapi, app_key: "" }, "invalid_launch", "launch lacks app_key"],
    "no script": [{ ...launches.dapi, script_url: undefined }, "loader_missing", "loaders.dapi"],
    "a URL that runs code": [{ provider: "x", url: "javascript:alert(1)" }, "invalid_launch", "launch.url must be http"],
    "a URL that is not an address": [{ provider: "x", url: "https://[" }, "invalid_launch", "launch.url must be http"],
    "a script that is not an address": [{ ...launches.plaid, script_url: "https://[" }, "invalid_launch", "launch.script_url"],
    "a script that is code": [{ ...launches.plaid, script_url: "data:text/javascript,1" }, "invalid_launch", "launch.script_url"],
    "an unknown mode": [{ ...launches.moneykit, mode: "other" }, "provider_failed", "moneykit failed"],
  };
  for (const [name, [launch, code, text]] of Object.entries(cases)) {
    await t.test(name, () => openSite(env, {}, async (page) => {
      await start(page, launch);
      const got = await outcome(page);
      assert.deepEqual([got.code, got.name, got.is], [code, "LaunchError", true]);
      assert.ok(got.text.startsWith("bankmux: ") && got.text.includes(text), got.text);
    }));
  }
});

test("resume needs the whole address", async (t) => {
  const hosted = { provider: "x", mode: "link", url: "http://pay.test/" };
  for (const url of ["", "/return?code=1", "https://[", undefined, null]) {
    await t.test(String(url) || "empty", () => openSite(env, {}, async (page) => {
      for (const launch of [launches.plaid, hosted]) {
        await page.evaluate(([launch, url]) => window.start("resume", launch, url), [launch, url]);
        const got = await outcome(page);
        assert.deepEqual([got.code, got.is, got.text], ["invalid_url", true, "bankmux: the address is not whole"]);
      }
    }));
  }
});

test("a loader that is missing or fails is rejected", async (t) => {
  const cases = {
    missing: [
      (launch) => window.start("connect", launch, { loaders: {} }),
      "loader_missing", "loaders.moneykit must import @moneykit/connect@0.3.28",
    ],
    throws: [
      (launch) => window.start("connect", launch, { loaders: { moneykit() { throw new Error("offline"); } } }),
      "not_loaded", "loaders.moneykit fails",
    ],
    "returns nothing": [
      (launch) => window.start("connect", launch, { loaders: { moneykit() {} } }),
      "not_loaded", "loaders.moneykit fails",
    ],
  };
  for (const [name, [run, code, text]] of Object.entries(cases)) {
    await t.test(name, () => openSite(env, {}, async (page) => {
      await page.evaluate(run, launches.moneykit);
      const got = await outcome(page);
      assert.equal(got.code, code);
      assert.ok(got.text.includes(text), got.text);
    }));
  }
});

test("a script that does not load is rejected, and can be tried again", async () => {
  for (const name of ["dapi", "plaid"]) {
    const blocked = [scripts[name]];
    await openSite(env, { blocked }, async (page) => {
      await start(page, launches[name]);
      const got = await outcome(page);
      assert.equal(got.code, "not_loaded");
      assert.ok(got.text.includes(scripts[name]), got.text);
      blocked.pop();
      await start(page, launches[name]);
      await provider(page, name);
    });
  }
});

test("a script that defines something else is rejected", async () => {
  await openSite(env, {}, async (page) => {
    await start(page, { ...launches.plaid, script_url: scripts.dapi });
    assert.equal((await outcome(page)).code, "not_loaded");
  });
});

test("a script that the policy blocks is named as such", async (t) => {
  const policy = "default-src 'none'; script-src 'self' 'nonce-n'; frame-src http:";
  for (const name of ["dapi", "plaid"]) {
    await t.test(name, () => openSite(env, { policy }, async (page) => {
      await start(page, launches[name]);
      const got = await outcome(page);
      assert.equal(got.code, "blocked_by_csp");
      assert.ok(got.text.includes("script-src-elem"), got.text);
      assert.ok(got.text.includes(new URL(scripts[name]).origin), got.text);
    }));
    await t.test(`${name} loads with the page's nonce`, () => openSite(env, { policy }, async (page) => {
      await start(page, launches[name], undefined, { nonce: "n" });
      await provider(page, name);
    }));
  }
});

test("a frame that the policy blocks is named as such, without its token", async () => {
  const policy = "default-src 'none'; script-src 'self' 'nonce-n'; frame-src 'none'";
  await openSite(env, { policy }, async (page) => {
    await start(page, launches.moneykit);
    const got = await outcome(page);
    assert.equal(got.code, "blocked_by_csp");
    assert.ok(got.text.includes("frame-src") && got.text.endsWith(moneykit), got.text);
    assert.equal(await page.locator("iframe").count(), 0);
  });
});

test("a policy that only reports does not end the run", async () => {
  await openSite(env, { reported: "script-src 'none'; frame-src 'none'" }, async (page) => {
    await start(page, launches.plaid);
    const call = await provider(page, "plaid");
    assert.equal(await page.evaluate(() => window.ended), false);
    await call("onExit", null);
    assert.deepEqual(await outcome(page), { value: { error: null } });
  });
});

test("what else the policy blocks does not end the run", async () => {
  const policy = `default-src 'none'; script-src 'self' 'nonce-n' ${scripts.plaid}; frame-src 'none'`;
  await openSite(env, { policy }, async (page) => {
    await start(page, launches.plaid);
    const call = await provider(page, "plaid");
    await page.evaluate(() => new Promise((resolve) => {
      document.addEventListener("securitypolicyviolation", () => setTimeout(resolve), { once: true });
      document.body.append(Object.assign(document.createElement("iframe"), { src: "http://ads.test/" }));
    }));
    assert.equal(await page.evaluate(() => window.ended), false);
    await call("onExit", null);
    assert.deepEqual(await outcome(page), { value: { error: null } });
  });
});

test("an error of the provider's code is rejected without the token that it quotes", async () => {
  await openSite(env, {}, async (page) => {
    await page.evaluate(() => { window.plaidFails = true; });
    await start(page, launches.plaid);
    const got = await outcome(page);
    assert.deepEqual([got.code, got.text], ["provider_failed", "bankmux: plaid failed: the token … is wrong"]);
  });
});

test("a second call of the same launch returns the same promise, and another is rejected", async () => {
  await openSite(env, {}, async (page) => {
    const got = await page.evaluate(async ([launch, other]) => {
      const { connect, resume } = window.launcher;
      const first = connect(launch);
      const open = new Promise((resolve) => setTimeout(resolve, 0, "open")); // later than a rejection
      const code = (promise) => Promise.race([promise.then(() => "", (error) => error.code), open]);
      const same = first === connect(structuredClone(launch));
      return { same, other: await code(connect(other)), resumed: await code(resume(launch, location.href)) };
    }, [launches.plaid, launches.dapi]);
    assert.deepEqual(got, { same: true, other: "already_open", resumed: "already_open" });
    const call = await provider(page, "plaid");
    await call("onExit", null);
    await start(page, launches.dapi);
    await (await provider(page, "dapi"))("onFailure", null);
    assert.deepEqual(await outcome(page), { value: { error: null } });
  });
});

test("a double click opens one frame", async () => {
  await openSite(env, {}, async (page) => {
    await page.evaluate((launch) => {
      document.getElementById("link").onclick = () => window.start("connect", launch);
    }, launches.moneykit);
    await page.locator("#link").dblclick();
    const frame = await frameOf(page);
    assert.equal(await page.locator("iframe").count(), 1);
    await say(frame, "link.exit", { error: null });
    assert.deepEqual(await outcome(page), { value: { error: null } });
  });
});

test("a run right after a success watches its own frame", async () => {
  await openSite(env, {}, async (page) => {
    await start(page, launches.moneykit);
    await page.evaluate((launch) => {
      window.promise.then(async () => { // MoneyKit removes the frame a moment later
        window.start("connect", launch);
        for (let turn = 0; turn < 50; turn++) await null; // no timer runs meanwhile
        window.both = document.querySelectorAll("iframe").length;
      });
    }, launches.relink);
    await say(await frameOf(page), "link.complete", { exchangeableToken: "x-1", institution: {} });
    await page.waitForFunction(() => window.both);
    assert.equal(await page.evaluate(() => window.both), 2);
    await page.waitForFunction(() => document.querySelectorAll("iframe").length === 1);
    const frame = await frameOf(page);
    assert.equal(new URL(frame.url()).pathname, "/relink");
    assert.equal(await page.evaluate(() => window.ended), false);
    await say(frame, "relink.complete", { institution: { id: "chase" } });
    assert.deepEqual(await outcome(page), { value: { institution: { id: "chase" } } });
  });
});

test("an abort rejects with its reason and closes the provider's page", async (t) => {
  const startAborting = (page, launch) => page.evaluate((launch) => {
    window.controller = new AbortController();
    window.start("connect", launch, { signal: window.controller.signal });
  }, launch);
  const abort = (page) => page.evaluate(() => window.controller.abort(new DOMException("the user chose another way", "AbortError")));
  await t.test("MoneyKit", () => openSite(env, {}, async (page) => {
    await startAborting(page, launches.moneykit);
    await frameOf(page);
    await abort(page);
    assert.deepEqual([(await outcome(page)).text, (await outcome(page)).name], ["the user chose another way", "AbortError"]);
    assert.equal(await page.locator("iframe").count(), 0);
  }));
  await t.test("Plaid", () => openSite(env, {}, async (page) => {
    await startAborting(page, launches.plaid);
    const call = await provider(page, "plaid");
    await abort(page);
    assert.equal((await outcome(page)).name, "AbortError");
    assert.equal(await page.evaluate(() => window.plaid.destroyed), 1);
    await call("onSuccess", "late", {}); // has no effect
    assert.equal((await outcome(page)).name, "AbortError");
  }));
  await t.test("Dapi, before it is ready", () => openSite(env, {}, async (page) => {
    await page.evaluate(() => { window.dapiReady = "never"; });
    await startAborting(page, launches.dapi);
    await page.waitForFunction(() => window.dapi);
    await abort(page);
    assert.equal((await outcome(page)).name, "AbortError");
    assert.equal(await page.evaluate(async () => { window.dapi.config.onReady(); await null; await null; return window.dapi.opened; }), 0);
  }));
  await t.test("while the script loads", () => openSite(env, {}, async (page) => {
    let respond;
    const held = new Promise((resolve) => { respond = resolve; });
    await page.route(scripts.plaid, async (route) => { await held; await route.fallback(); });
    const asked = page.waitForRequest(scripts.plaid);
    await startAborting(page, launches.plaid);
    await asked;
    await abort(page);
    assert.equal((await outcome(page)).name, "AbortError");
    respond();
    await page.waitForFunction(() => window.Plaid);
    assert.equal(await page.evaluate(() => window.plaid), undefined);
  }));
  await t.test("before the call", () => openSite(env, {}, async (page) => {
    await page.evaluate((launch) => window.start("connect", launch, { signal: AbortSignal.abort("no") }), launches.moneykit);
    await outcome(page);
    assert.equal(await page.evaluate(() => window.promise.catch((reason) => reason)), "no");
    assert.equal(await page.locator("iframe").count(), 0);
  }));
  await t.test("after the end", () => openSite(env, {}, async (page) => {
    await startAborting(page, launches.plaid);
    await (await provider(page, "plaid"))("onExit", null);
    await outcome(page);
    await abort(page);
    assert.deepEqual(await outcome(page), { value: { error: null } });
  }));
});

test("the outcome is the first one, and no callback throws, whatever the provider passes", async () => {
  const odd = [[], [undefined], [null, null], [0, Symbol.iterator.toString()], [{ get a() { return 1; } }], ["x".repeat(1e6)]];
  for (const name of ["dapi", "plaid"]) {
    await openSite(env, {}, async (page) => {
      await start(page, launches[name]);
      const call = await provider(page, name);
      await call("onSuccess", { first: true });
      const first = await outcome(page);
      for (const args of odd) {
        for (const callback of ["onSuccess", name === "dapi" ? "onFailure" : "onExit"]) {
          assert.equal(await call(callback, ...args), undefined);
        }
      }
      assert.deepEqual(await outcome(page), first);
    });
  }
});

test("a page may frame MoneyKit accessibly, and the focus returns to where it was", async () => {
  await openSite(env, {}, async (page) => {
    await page.evaluate((launch) => {
      document.getElementById("link").onclick = () => window.start("connect", launch);
    }, launches.moneykit);
    await page.keyboard.press("Tab");
    await page.keyboard.press("Enter");
    const frame = await frameOf(page);
    await page.waitForFunction(() => document.activeElement.tagName === "IFRAME");
    assert.equal(await page.locator("iframe").getAttribute("title"), "MoneyKit");
    await say(frame, "link.exit", { error: null });
    await outcome(page);
    await page.waitForFunction(() => document.activeElement.id === "link");
    await accessible(page.mainFrame());
  });
});

test("the focus stays where the page put it", async () => {
  await openSite(env, {}, async (page) => {
    await page.locator("#link").focus();
    await start(page, launches.plaid);
    const call = await provider(page, "plaid");
    await page.locator("#other").focus();
    await call("onExit", null);
    await outcome(page);
    assert.equal(await page.evaluate(() => document.activeElement.id), "other");
  });
});
