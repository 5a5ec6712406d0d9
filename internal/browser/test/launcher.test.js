// Tests of what the launcher resolves with, for each provider.

import { test } from "node:test";
import assert from "node:assert/strict";
import { useChromium } from "./harness.js";
import {
  app, frameOf, launches, moneykitModule, openSite, ospreyModule, outcome, provider, say, start,
} from "./launcher-site.js";

const env = useChromium();
const chase = { id: "chase", name: "Chase" };

test("Dapi's payload is posted as it is", async () => {
  for (const ready of ["at once", "later"]) {
    await openSite(env, {}, async (page) => {
      await page.evaluate((ready) => { window.dapiReady = ready; }, ready);
      await start(page, launches.dapi);
      const call = await provider(page, "dapi");
      const payload = { accessCode: "c", connectionID: "i", userSecret: "u", bankId: null };
      await call("onSuccess", payload);
      assert.deepEqual(await outcome(page), { value: payload });
      const config = await page.evaluate(() => JSON.parse(JSON.stringify(window.dapi.config)));
      assert.deepEqual(config, { appKey: "key", environment: "sandbox", countries: ["AE"], isExperimental: true, language: "ar" });
    });
  }
});

test("Plaid's token and metadata are posted", async () => {
  await openSite(env, {}, async (page) => {
    await start(page, launches.plaid);
    const call = await provider(page, "plaid");
    assert.equal(await page.evaluate(() => "receivedRedirectUri" in window.plaid.config), false);
    assert.equal(await page.evaluate(() => window.plaid.config.token), launches.plaid.token);
    await call("onSuccess", "public-1", { institution: chase });
    assert.deepEqual(await outcome(page), { value: { public_token: "public-1", metadata: { institution: chase } } });
    assert.equal(await page.evaluate(() => window.plaid.destroyed), 1);
  });
});

test("MoneyKit's link posts the token and the institution", async () => {
  await openSite(env, {}, async (page) => {
    await start(page, launches.moneykit);
    const frame = await frameOf(page);
    assert.equal(new URL(frame.url()).pathname, "/start");
    assert.equal(new URL(frame.url()).searchParams.get("linkSessionToken"), launches.moneykit.token);
    await say(frame, "link.complete", { exchangeableToken: "x-1", institution: chase, link_id: "mk_1" });
    assert.deepEqual(await outcome(page), { value: { exchangeable_token: "x-1", institution: chase } });
  });
});

test("MoneyKit's relink posts the institution", async () => {
  await openSite(env, {}, async (page) => {
    await start(page, launches.relink);
    const frame = await frameOf(page);
    assert.equal(new URL(frame.url()).pathname, "/relink");
    await say(frame, "relink.complete", { institution: chase, link_id: "mk_1" });
    assert.deepEqual(await outcome(page), { value: { institution: chase } });
  });
});

test("a user who leaves, and a failure, are posted as an error", async (t) => {
  const errors = [null, { error_id: "e", displayed_message: "m", request_id: null }];
  for (const error of errors) {
    await t.test(`MoneyKit, ${error ? "failure" : "exit"}`, () => openSite(env, {}, async (page) => {
      await start(page, launches.moneykit);
      await say(await frameOf(page), "link.exit", { error });
      assert.deepEqual(await outcome(page), { value: { error } });
    }));
    for (const [name, call] of [["dapi", "onFailure"], ["plaid", "onExit"]]) {
      await t.test(`${name}, ${error ? "failure" : "exit"}`, () => openSite(env, {}, async (page) => {
        await start(page, launches[name]);
        await (await provider(page, name))(call, error, { status: "requires_code" });
        assert.deepEqual(await outcome(page), { value: { error } });
      }));
    }
  }
  await t.test("without an argument", () => openSite(env, {}, async (page) => {
    await start(page, launches.plaid);
    await (await provider(page, "plaid"))("onExit");
    assert.deepEqual(await outcome(page), { value: { error: null } });
  }));
});

test("a MoneyKit link that ends without a token is an exit", async () => {
  await openSite(env, {}, async (page) => {
    await start(page, launches.moneykit);
    await say(await frameOf(page), "link.complete", { institution: chase });
    assert.deepEqual(await outcome(page), { value: { error: null } });
  });
});

test("MoneyKit's token leaves local storage at once, and the one of another tab stays", async () => {
  await openSite(env, {}, async (page) => {
    const stored = () => page.evaluate(() => localStorage.getItem("moneykit.linkSessionToken"));
    await start(page, launches.moneykit);
    const frame = await frameOf(page);
    assert.equal(await stored(), null);
    await page.evaluate(() => localStorage.setItem("moneykit.linkSessionToken", "of another tab"));
    await say(frame, "link.complete", { exchangeableToken: "x", institution: chase });
    await outcome(page);
    assert.equal(await stored(), "of another tab");
    await start(page, { ...launches.moneykit, script_url: moneykitModule }); // it stores nothing
    await outcome(page);
    assert.equal(await stored(), "of another tab");
  });
});

test("after a bank's redirect the run continues", async (t) => {
  const path = "/oauth?state=s-1&code=c-1#part";
  await t.test("MoneyKit's link, with the token of its own launch", () => openSite(env, { path }, async (page) => {
    await page.evaluate(() => localStorage.setItem("moneykit.linkSessionToken", "of another tab"));
    await start(page, launches.moneykit, app + path);
    const frame = await frameOf(page);
    const { pathname, searchParams } = new URL(frame.url());
    assert.deepEqual(
      [pathname, searchParams.get("linkSessionToken"), searchParams.get("redirectURL")],
      ["/continue", launches.moneykit.token, app + path],
    );
    assert.equal(page.url(), app + path, "a reload can still continue");
    await say(frame, "link.complete", { exchangeableToken: "x-1", institution: chase, link_id: "mk_1" });
    assert.deepEqual(await outcome(page), { value: { exchangeable_token: "x-1", institution: chase } });
    assert.equal(page.url(), app + "/oauth");
  }));
  await t.test("MoneyKit's relink", () => openSite(env, { path }, async (page) => {
    await start(page, launches.relink, app + path);
    await say(await frameOf(page), "relink.complete", { institution: chase, link_id: "mk_1" });
    assert.deepEqual(await outcome(page), { value: { institution: chase } });
  }));
  await t.test("Plaid, with the address", () => openSite(env, { path }, async (page) => {
    await start(page, launches.plaid, app + path);
    const call = await provider(page, "plaid");
    assert.equal(await page.evaluate(() => window.plaid.config.receivedRedirectUri), app + path);
    await call("onSuccess", "public-1", {});
    assert.deepEqual(await outcome(page), { value: { public_token: "public-1", metadata: {} } });
    assert.equal(page.url(), app + "/oauth");
  }));
});

test("the address loses the bank's query, also in a parameter, and keeps any other", async (t) => {
  const returned = "http://back.test/return?code=c%2F1&state=s";
  const cases = {
    "/done": [`/done?session=1&return=${encodeURIComponent(returned)}`, "/done"],
    "/accounts?tab=2#top": ["/accounts?tab=2#top", "/accounts?tab=2#top"],
  };
  for (const [name, [path, want]] of Object.entries(cases)) {
    await t.test(name, () => openSite(env, { path }, async (page) => {
      await page.evaluate(() => history.replaceState({ own: 1 }, ""));
      await start(page, launches.plaid, returned);
      const call = await provider(page, "plaid");
      assert.equal(await page.evaluate(() => window.plaid.config.receivedRedirectUri), returned);
      await call("onSuccess", "public-1", {});
      await outcome(page);
      assert.equal(page.url(), app + want);
      assert.deepEqual(await page.evaluate(() => history.state), { own: 1 });
    }));
  }
});

test("a popup of MoneyKit wakes its opener and has nothing to post", async () => {
  await openSite(env, {}, async (page, context) => {
    await start(page, launches.moneykit);
    const frame = await frameOf(page);
    await frame.evaluate(() => addEventListener("message", ({ data }) => { window.got = data; }));
    const opening = context.waitForEvent("page");
    await frame.evaluate((url) => void open(url), app + "/oauth?code=c-1");
    const popup = await opening;
    await popup.waitForFunction(() => window.start);
    await start(popup, launches.moneykit, app + "/oauth?code=c-1");
    assert.deepEqual(await outcome(popup), { value: null });
    await frame.waitForFunction(() => window.got);
    assert.deepEqual(await frame.evaluate(() => window.got), {
      moneykit: true, type: "link.resume", eventData: { redirectURL: app + "/oauth?code=c-1" },
    });
    assert.equal(await page.evaluate(() => window.ended), false, "the run is still open");
    await say(frame, "link.complete", { exchangeableToken: "x-1", institution: chase });
    assert.deepEqual(await outcome(page), { value: { exchangeable_token: "x-1", institution: chase } });
  });
});

test("a launch with a URL leaves the page, and the query of the return is posted", async (t) => {
  const hosted = { provider: "osprey", mode: "link", url: "http://pay.osprey.test/start" };
  await t.test("it leaves", () => openSite(env, {}, async (page) => {
    const left = page.waitForURL(hosted.url);
    await start(page, hosted);
    await left;
  }));
  await t.test("a user who stops it can start again", () => openSite(env, {}, async (page) => {
    const other = { ...hosted, url: "http://pay.osprey.test/other" };
    await page.route("http://pay.osprey.test/**", (route) => route.fulfill({ status: 204 })); // the page stays
    const leave = (launch) => Promise.all([page.waitForRequest(launch.url), start(page, launch)]);
    const ends = async () => {
      await page.waitForFunction(() => window.left);
      assert.deepEqual(await page.evaluate(() => window.left), { error: null });
    };
    const remember = () => page.evaluate(() => {
      window.left = undefined;
      window.promise.then((value) => { window.left = value; });
      window.first = window.promise;
    });
    await leave(hosted);
    await remember();
    await leave(hosted);
    assert.ok(await page.evaluate(() => window.promise === window.first), "the run is the same");
    await leave(other);
    await ends();
    await remember();
    await start(page, launches.plaid);
    await ends();
    const call = await provider(page, "plaid");
    await page.evaluate((launch) => void window.launcher.connect(launch).catch(({ code }) => { window.refused = code; }), hosted);
    await page.waitForFunction(() => window.refused === "already_open"); // the run that followed is open
    await call("onExit", null);
    assert.deepEqual(await outcome(page), { value: { error: null } });
  }));
  await t.test("it returns", () => openSite(env, { path: "/return?state=s&code=c&__proto__=p" }, async (page) => {
    await start(page, hosted, page.url());
    await outcome(page);
    assert.deepEqual(await page.evaluate(async () => JSON.stringify(await window.promise)), '{"state":"s","code":"c","__proto__":"p"}');
    assert.equal(page.url(), app + "/return");
  }));
  await t.test("it returns without a query", () => openSite(env, { path: "/return" }, async (page) => {
    await start(page, { ...hosted, provider: "plaid" }, page.url());
    assert.deepEqual(await outcome(page), { value: {} });
  }));
  await t.test("a query that repeats a parameter is refused", () => openSite(env, { path: "/return?a=1&a=2" }, async (page) => {
    await start(page, hosted, page.url());
    assert.equal((await outcome(page)).code, "invalid_url");
  }));
  await t.test("the user goes back to a page that the browser kept", () => openSite(env, {}, async (page) => {
    await page.route(hosted.url, (route) => route.fulfill({ status: 204 })); // the page stays
    await start(page, hosted);
    await page.evaluate(() => dispatchEvent(new PageTransitionEvent("pageshow", { persisted: true })));
    assert.deepEqual(await outcome(page), { value: { error: null } });
  }));
});

test("a module that the launch names opens the page, whatever the loader imports", async () => {
  const modules = {
    [moneykitModule]: [{ exchangeable_token: "x-1", institution: chase }, launches.moneykit],
    [ospreyModule]: [{ id: "t" }, { provider: "osprey", mode: "link", token: "t" }],
  };
  for (const [script_url, [value, launch]] of Object.entries(modules)) {
    await openSite(env, {}, async (page) => {
      await start(page, { ...launch, script_url });
      assert.deepEqual(await outcome(page), { value });
    });
  }
});

test("a loader can open a provider that the launcher does not know", async () => {
  await openSite(env, {}, async (page) => {
    await page.evaluate(() => window.start("connect", { provider: "osprey", mode: "link", token: "t" }, {
      loaders: { osprey: async () => ({ default: async (launch, run) => ({ got: launch.token, aborted: run.signal.aborted }) }) },
    }));
    assert.deepEqual(await outcome(page), { value: { got: "t", aborted: false } });
  });
});

test("a loader replaces the script of Dapi and Plaid", async () => {
  await openSite(env, {}, async (page) => {
    await page.evaluate((launch) => window.start("connect", launch, {
      loaders: { plaid: () => ({ create: ({ onSuccess }) => ({ open: () => onSuccess("own", {}), destroy() {} }) }) },
    }), launches.plaid);
    assert.deepEqual(await outcome(page), { value: { public_token: "own", metadata: {} } });
  });
});
