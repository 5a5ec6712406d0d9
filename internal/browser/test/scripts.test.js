// Tests of what the providers' scripts promise to a page that uses them without the launcher.

import { test } from "node:test";
import assert from "node:assert/strict";
import { control, state, useBrowser, visit } from "./harness.js";
import { choose, consent, frame, good, heading, link, login, loginAtBank, outcome, widgets } from "./widget.js";

const env = useBrowser();

// startSession starts a session and returns its launch and its id.
const startSession = (page, fields) => page.evaluate(async (fields) => {
  const { start } = await import("/start.js");
  const { launch, session } = await start(fields);
  return { ...launch, session };
}, fields);

// load loads a script into the page.
const load = (page, src) => page.evaluate((src) => new Promise((resolve, reject) => {
  document.head.append(Object.assign(document.createElement("script"), { src, onload: resolve, onerror: reject }));
}), src);

// calls returns the callbacks that the widget made, once there are some.
async function calls(page, name, count = 1) {
  const wanted = { name, count };
  await page.waitForFunction(({ name, count }) => globalThis.seen.filter(([of]) => of === name).length >= count, wanted);
  return page.evaluate((name) => globalThis.seen.filter(([of]) => of === name).map(([, ...rest]) => rest), name);
}

// plaid opens Link with callbacks that write down their arguments.
async function plaid(page, launch, more = {}) {
  if (!(await page.evaluate(() => "Plaid" in globalThis))) await load(page, launch.script_url);
  await page.evaluate(({ token, more }) => {
    globalThis.seen = [];
    const note = (name) => (...values) => globalThis.seen.push([name, ...values]);
    globalThis.handler = Plaid.create({
      token, ...more,
      onSuccess: note("success"), onExit: note("exit"), onEvent: note("event"), onLoad: note("load"),
    });
    globalThis.handler.open();
  }, { token: launch.token, more });
}

test("Plaid", async (t) => {
  await t.test("a page gets the token, the bank, the accounts and the events", async () => {
    await visit(env, {}, async (page) => {
      const launch = await startSession(page, { client: "plaid", country: "US" });
      await plaid(page, launch);
      await choose(frame(page), "First Platypus Bank");
      await login(frame(page));
      await consent(frame(page), "Plaid CD");
      const [[token, metadata]] = await calls(page, "success");
      assert.match(token, /^public-sandbox-/);
      assert.deepEqual(metadata.institution, { name: "First Platypus Bank", institution_id: "ins_109508" });
      assert.ok(metadata.accounts.some(({ name, mask }) => name === "Plaid Checking" && mask === "0000"));
      assert.ok(!metadata.accounts.some(({ name }) => name === "Plaid CD"));
      const names = (await calls(page, "event")).map(([name]) => name);
      assert.deepEqual(names, ["OPEN", "SELECT_INSTITUTION", "HANDOFF"]);
      assert.equal((await calls(page, "load")).length, 1);
    });
  });

  await t.test("an exit has an error of Plaid's and a status", async () => {
    await visit(env, {}, async (page) => {
      await plaid(page, await startSession(page, { client: "plaid", country: "US" }));
      await choose(frame(page), "First Platypus Bank");
      await heading(frame(page), "Log in"); // a click during a step has no effect
      await frame(page).getByRole("button", { name: "Leave" }).click();
      let [[error, metadata]] = await calls(page, "exit");
      assert.equal(error, null);
      assert.equal(metadata.status, "requires_credentials");
      assert.equal(metadata.institution.institution_id, "ins_109508");
      assert.ok(metadata.link_session_id);

      await plaid(page, await startSession(page, { client: "plaid", country: "US" }));
      await choose(frame(page), "First Platypus Bank");
      await login(frame(page), { ...good, password: "error_ITEM_LOCKED" });
      await heading(frame(page), "That did not work");
      await page.evaluate(() => globalThis.handler.exit());
      [[error]] = await calls(page, "exit");
      assert.deepEqual(Object.keys(error).sort(), ["display_message", "error_code", "error_message", "error_type"]);
      assert.equal(error.error_code, "ITEM_LOCKED");
    });
  });

  await t.test("a token or a redirect that is not valid fails with Plaid's code", async () => {
    await visit(env, { expected: ["409"] }, async (page, context) => {
      const launch = await startSession(page, { client: "plaid", country: "US" });
      await startSession(page, { client: "plaid", country: "US" }); // the session of the application's cookie
      const failure = async (token, more) => {
        await plaid(page, { ...launch, token }, more);
        await frame(page).getByRole("button", { name: "Leave" }).last().click();
        const [[error]] = await calls(page, "exit");
        return error.error_code;
      };
      const back = env.addr.app + "/oauth?oauth_state_id=";
      assert.equal(await failure("link-sandbox-unknown"), "INVALID_LINK_TOKEN");
      assert.equal(await failure(launch.token, { receivedRedirectUri: back + "x" }), "OAUTH_STATE_ID_NOT_FOUND");

      await plaid(page, launch);
      await choose(frame(page), "Platypus OAuth Bank");
      const href = await frame(page).getByRole("link", { name: "Continue in this window" }).getAttribute("href");
      const id = new URL(href, env.addr.plaid).searchParams.get("login");
      await page.evaluate(() => globalThis.handler.destroy());
      assert.equal(await failure(launch.token, { receivedRedirectUri: back + id }), "OAUTH_STATE_ID_NOT_FOUND");

      // The application continues with its newest session, which is another one.
      const other = await context.newPage();
      await other.goto(env.addr.plaid + href);
      await loginAtBank(other);
      await frame(other).getByRole("button", { name: "Leave" }).last().click();
      await outcome(other, "failed user_action_required");
      assert.equal(JSON.parse((await state(env)).posted.at(-1)).error.error_code, "INCORRECT_LINK_TOKEN");

      await plaid(page, launch, { receivedRedirectUri: back + id });
      await consent(frame(page));
      assert.equal((await calls(page, "success")).length, 1);
      assert.equal(await failure(launch.token, { receivedRedirectUri: back + id }), "OAUTH_STATE_ID_ALREADY_PROCESSED");
    });
  });

  await t.test("create without a token throws, and destroy calls nothing back", async () => {
    await visit(env, {}, async (page) => {
      const launch = await startSession(page, { client: "plaid", country: "US" });
      await plaid(page, launch);
      await heading(frame(page), "Choose your bank");
      await page.evaluate(() => globalThis.handler.destroy());
      assert.equal(await page.locator("iframe").count(), 0);
      assert.deepEqual(await page.evaluate(() => globalThis.seen.map(([name]) => name)), ["load", "event"]);
      const thrown = page.evaluate(() => Plaid.create({}));
      await assert.rejects(thrown, /token is missing/);
    });
  });

  await t.test("the hosted page returns to the application without a result", async () => {
    await visit(env, { expected: ["409"] }, async (page) => {
      for (const leave of [false, true]) {
        const launch = await startSession(page, { client: "plaid", country: "US", hosted: "on" });
        assert.ok(launch.url.startsWith(env.addr.plaid + "/link/"));
        await page.goto(launch.url);
        await choose(page, "First Platypus Bank");
        if (leave) {
          await heading(page, "Log in"); // as above
          await page.getByRole("button", { name: "Leave" }).click();
        } else {
          await login(page);
          await consent(page);
        }
        await outcome(page, leave ? "failed user_action_required" : "linked a hosted page");
        await page.goto(env.addr.app);
      }
    });
  });
});

test("Plaid links several banks in one run, and the page gets no token", async () => {
  await visit(env, {}, async (page) => {
    const launch = await startSession(page, { client: "plaid", country: "US", several: "on" });
    await plaid(page, launch);
    for (const bank of ["First Platypus Bank", "Tartan Bank"]) {
      await choose(frame(page), bank);
      await login(frame(page));
      await consent(frame(page));
      await heading(frame(page), "Connected");
      const next = bank === "Tartan Bank" ? "Finish" : "Connect another bank";
      await frame(page).getByRole("button", { name: next }).click();
    }
    const [[token, metadata]] = await calls(page, "success");
    assert.deepEqual([token, metadata], ["", {}]);
    const linked = await page.evaluate(async (session) => {
      const { finish } = await import("/start.js");
      return finish("plaid", session, { public_token: "", metadata: {} });
    }, launch.session);
    assert.equal(linked.connections.length, 2);
  });
  const { connections } = await state(env);
  assert.deepEqual(connections.slice(-2).map(({ institution }) => institution).sort(), ["First Platypus Bank", "Tartan Bank"]);
});

test("Plaid lets the user take accounts away in a renewal with account selection", async () => {
  await visit(env, {}, async (page) => {
    const old = await link(env, page, widgets.Plaid);
    for (const [selection, boxes] of [[{}, 0], [{ selection: "on" }, old.accounts.length]]) {
      const launch = await startSession(page, { client: "plaid", country: "US", connection: old.id, ...selection });
      await plaid(page, launch);
      await login(frame(page), { ...good, username: "user_other" });
      await frame(page).getByText("Use the user name of this connection.").waitFor();
      await login(frame(page));
      await heading(frame(page), "Share your data");
      assert.equal(await frame(page).getByRole("checkbox").count(), boxes);
      await consent(frame(page), ...(boxes ? ["Plaid Saving"] : []));
      const [[token, { accounts }]] = await calls(page, "success");
      assert.equal(token, null);
      assert.equal(accounts.length, old.accounts.length - (boxes ? 1 : 0));
    }
  });
});

test("Dapi", async (t) => {
  const create = (page, config) => page.evaluate((config) => {
    globalThis.seen = [];
    const note = (name) => (...values) => globalThis.seen.push([name, ...values]);
    const handler = Dapi.create({
      ...config, onSuccess: note("success"), onFailure: note("failure"),
      onReady: () => {
        globalThis.seen.push(["ready"]);
        handler.open();
      },
    });
    globalThis.handler = handler;
  }, config);

  await t.test("a page gets the payload of Dapi's documentation", async () => {
    await visit(env, {}, async (page) => {
      const launch = await startSession(page, { client: "dapi", country: "AE" });
      await load(page, launch.script_url);
      assert.deepEqual(await page.evaluate(() => Dapi.environments), { sandbox: "sandbox", production: "production" });
      await create(page, { appKey: launch.app_key, environment: "sandbox", countries: ["KW", "SA"] });
      await heading(frame(page), "Choose your bank");
      assert.equal(await frame(page).getByText("Emirates NBD").count(), 0, "the countries limit the banks");
      await choose(frame(page), "NBK");
      await login(frame(page));
      assert.equal(await frame(page).getByRole("checkbox").count(), 0, "all accounts are shared");
      await consent(frame(page));
      const [[payload]] = await calls(page, "success");
      assert.deepEqual(Object.keys(payload).sort(), [
        "accessCode", "connectionID", "operationID", "status", "success", "tokenID", "userID", "userSecret",
      ]);
      assert.ok(payload.success && payload.operationID.startsWith("DAPIBANK_KW_NBK:"));

      await page.evaluate(() => globalThis.handler.open());
      await heading(frame(page), "Choose your bank");
      await page.keyboard.press("Escape");
      assert.deepEqual(await calls(page, "failure"), [[null]]);
      assert.equal((await calls(page, "ready")).length, 1);
    });
  });

  await t.test("a bank that asks for a code does so, and production has its own ids", async () => {
    await visit(env, {}, async (page) => {
      const launch = await startSession(page, { client: "dapi", country: "AE" });
      await load(page, launch.script_url);
      await create(page, { appKey: launch.app_key, environment: "production", countries: ["AE"] });
      await choose(frame(page), "ADCB");
      await login(frame(page));
      await frame(page).getByLabel("Code from your bank").fill("123456");
      await frame(page).getByRole("button", { name: "Continue" }).click();
      await consent(frame(page));
      const [[payload]] = await calls(page, "success");
      assert.ok(payload.operationID.startsWith("ADCBAEAA:"));
    });
  });

  await t.test("an application that Dapi does not know fails", async () => {
    await visit(env, {}, async (page) => {
      const launch = await startSession(page, { client: "dapi", country: "AE" });
      await load(page, launch.script_url);
      await create(page, { appKey: "0".repeat(64) });
      await frame(page).getByRole("button", { name: "Leave" }).last().click();
      const [[error]] = await calls(page, "failure");
      assert.equal(error.type, "INVALID_ARGS");
      await assert.rejects(page.evaluate(() => Dapi.create({})), /appKey is missing/);
    });
  });
});

for (const name of Object.keys(widgets).filter((name) => name.startsWith("MoneyKit"))) {
  const official = name.includes("official");
  const widget = widgets[name];

  // open runs a function of the module with callbacks that write down their arguments.
  const open = (page, launch, method) => page.evaluate(async ({ launch, method, official, host }) => {
    const { default: MoneyKit } = await import(official ? "@moneykit/connect" : launch.script_url);
    globalThis.seen = [];
    const note = (name) => (...values) => globalThis.seen.push([name, ...values]);
    new MoneyKit(official ? { __connectSDKUIHost: host } : {})[method](
      launch.token, note("success"), note("exit"), note("event"));
  }, { launch, method, official, host: env.addr.moneykit });
  const stored = (page) => page.evaluate(() => localStorage.getItem("moneykit.linkSessionToken"));

  test(name, async (t) => {
    await t.test("a link passes token and institution, and leaves its token in storage", async () => {
      await visit(env, {}, async (page) => {
        const launch = await startSession(page, { client: "moneykit", country: "US" });
        await open(page, launch, "link");
        await choose(frame(page), "Instant Bank");
        await consent(frame(page));
        const [[token, institution, id]] = await calls(page, "success");
        assert.match(token, /^mkx_/);
        assert.equal(institution.name, "Instant Bank");
        assert.ok(institution.selectedAccounts.length > 1);
        assert.equal(id, "", "the id of the link stays in the back end");
        assert.equal(await stored(page), launch.token);
        const names = (await calls(page, "event")).map(([{ name }]) => name);
        assert.deepEqual(names, ["open", "select_institution", "submit_accounts", "success"]);
        await page.locator("iframe").waitFor({ state: "detached" });
      });
    });

    await t.test("an exit passes null, and removes the token", async () => {
      await visit(env, {}, async (page) => {
        const launch = await startSession(page, { client: "moneykit", country: "US" });
        await open(page, launch, "link");
        await heading(frame(page), "Choose your bank");
        await frame(page).getByRole("button", { name: "Leave" }).click();
        assert.deepEqual(await calls(page, "exit"), [[null]]);
        assert.equal(await stored(page), null);
      });
    });

    await t.test("a session that was used fails with an error", async () => {
      await visit(env, {}, async (page) => {
        const launch = await startSession(page, { client: "moneykit", country: "US" });
        await control(env, "moneykit", "link", { link_session_token: launch.token });
        await open(page, launch, "link");
        await frame(page).getByRole("button", { name: "Leave" }).last().click();
        const [[error]] = await calls(page, "exit");
        assert.deepEqual(Object.keys(error).sort(), ["displayed_message", "error_id", "request_id"]);
        assert.equal(error.error_id, "invalid_link_session");
      });
    });

    await t.test("relink passes the institution first, and link calls nothing back for its session", async () => {
      await visit(env, {}, async (page) => {
        const old = await link(env, page, widget);
        const fields = { client: "moneykit", country: "US", connection: old.id };
        await open(page, await startSession(page, fields), "relink");
        await login(frame(page));
        await consent(frame(page));
        const [[institution, id]] = await calls(page, "success");
        assert.deepEqual([institution.name, id], [widget.bank, ""]);
        await page.locator("iframe").waitFor({ state: "detached" });

        await open(page, await startSession(page, fields), "link");
        await login(frame(page));
        await consent(frame(page));
        await page.locator("iframe").waitFor({ state: "detached" });
        const seen = await page.evaluate(() => globalThis.seen.map(([name]) => name));
        assert.ok(!seen.includes("success") && !seen.includes("exit"));
      });
    });

    await t.test("relink refuses a session for a new link", async () => {
      await visit(env, {}, async (page) => {
        await open(page, await startSession(page, { client: "moneykit", country: "US" }), "relink");
        await frame(page).getByRole("button", { name: "Leave" }).last().click();
        const [[error]] = await calls(page, "exit");
        assert.equal(error.error_id, "invalid_link_session");
      });
    });
  });
}
