// A website for tests of the launcher alone: a page with a policy, and stand-ins for the providers'
// scripts and frames that a test controls. Nothing is served: the browser's requests are answered
// here. The official MoneyKit package is the real one.

import { readFile } from "node:fs/promises";
import assert from "node:assert/strict";

const launcher = new URL("../../../bankhttp/launcher/launcher.js", import.meta.url);
const npm = new URL("../node_modules/", import.meta.url);

export const app = "http://app.test";
export const scripts = { dapi: "http://cdn.dapi.test/connector.js", plaid: "http://cdn.plaid.test/link.js" };
export const moneykit = "http://connect.moneykit.test";
export const moneykitModule = "http://bank.test/moneykit.js";
export const ospreyModule = "http://cdn.osprey.test/connect.js";

// The launches of the providers, with tokens that a test looks for.
export const launches = {
  moneykit: { provider: "moneykit", mode: "link", token: "secret-mk-1", package: "@moneykit/connect@0.3.28" },
  relink: { provider: "moneykit", mode: "relink", token: "secret-mk-2", package: "@moneykit/connect@0.3.28" },
  dapi: {
    provider: "dapi", mode: "link", environment: "sandbox", app_key: "key", countries: ["AE"],
    script_url: scripts.dapi, parameters: { isExperimental: "true", language: "ar" },
  },
  plaid: { provider: "plaid", mode: "link", token: "secret-pl-1", script_url: scripts.plaid },
};

const imports = {
  "@moneykit/connect": "/npm/@moneykit/connect/index.js",
  "query-string": "/npm/query-string/index.js",
  "decode-uri-component": "/npm/decode-uri-component/index.js",
  "filter-obj": "/npm/filter-obj/index.js",
  "split-on-first": "/npm/split-on-first/index.js",
};

// start() in the page calls the launcher and keeps the outcome.
const html = `<!doctype html><html lang="en"><title>App</title>
<script type="importmap" nonce="n">${JSON.stringify({ imports })}</script>
<button id="link">Link</button><input id="other" aria-label="Other">
<script type="module" nonce="n">
  import * as launcher from "/launcher.js";
  import MoneyKit from "@moneykit/connect";
  const loaders = { moneykit: () => new MoneyKit({ __connectSDKUIHost: "${moneykit}" }) };
  window.launcher = launcher;
  window.start = (call, ...args) => {
    const options = args[call === "resume" ? 2 : 1] ?? {};
    args[call === "resume" ? 2 : 1] = { loaders, ...options };
    window.promise = launcher[call](...args);
    const outcome = window.outcome = window.promise.then(
      (value) => ({ value }),
      (error) => ({ code: error.code, name: error.name, text: String(error?.message), is: error instanceof launcher.LaunchError }),
    );
    window.ended = false;
    outcome.then(() => { window.ended ||= outcome === window.outcome; });
  };
</script></html>`;

// The stand-ins of Dapi and Plaid keep their configuration and count their calls in window.dapi and
// window.plaid.
const standIns = {
  [scripts.dapi]: `window.Dapi = { create(config) {
    window.dapi = { config, opened: 0 };
    const handler = { open() { window.dapi.opened++; } };
    if (window.dapiReady === "at once") config.onReady();
    else if (window.dapiReady !== "never") setTimeout(config.onReady);
    return handler;
  } };`,
  [scripts.plaid]: `window.Plaid = { create(config) {
    if (window.plaidFails) throw new Error("the token " + config.token + " is wrong");
    window.plaid = { config, opened: 0, destroyed: 0 };
    return { open() { window.plaid.opened++; }, destroy() { window.plaid.destroyed++; } };
  } };`,
  [moneykitModule]: `export default class {
    link(token, success) { success("x-1", { id: "chase", name: "Chase" }, ""); }
  }`,
  [ospreyModule]: "export default async (launch) => ({ id: launch.token });",
};

// openSite opens the page in a new context, runs the test, and checks that no token was printed and
// that no callback threw.
//
// options:
//          policy    the Content-Security-Policy of the page
//          reported  a policy that only reports
//          blocked   addresses that do not load
//          path      of the page ("/")
//          tokens    whether tokens may remain, in a test that leaves in the middle
export async function openSite(env, options, test) {
  const { policy = "default-src 'none'; script-src 'self' 'nonce-n' http:; frame-src http:", path = "/" } = options;
  const context = await env.browser.newContext();
  try {
    const seen = [];
    const errors = [];
    context.on("console", (message) => seen.push(message.text()));
    context.on("weberror", ({ error }) => errors.push(error().message));
    await context.route("**/*", (route) => respond(route, policy, options));
    const page = await context.newPage();
    await page.goto(app + path);
    await page.waitForFunction(() => window.start);
    await test(page, context);
    assert.deepEqual(errors, [], "something threw outside of the launcher's promise");
    assertNoToken(seen, "the console");
    for (const open of context.pages()) {
      assertNoToken([open.url()], "the address");
      if (!open.url().startsWith(app)) continue;
      const kept = await open.evaluate(() => JSON.stringify([{ ...localStorage }, { ...sessionStorage }, history.state]));
      assertNoToken([kept], "storage");
    }
  } finally {
    await context.close();
  }
}

function assertNoToken(texts, where) {
  for (const { token } of Object.values(launches)) {
    assert.ok(!texts.some((text) => token && text.includes(token)), `a token is in ${where}`);
  }
}

async function respond(route, policy, { blocked = [], reported = "" }) {
  const url = new URL(route.request().url());
  const address = url.origin + url.pathname;
  const headers = { "Access-Control-Allow-Origin": "*" }; // modules need it
  const script = (body) => route.fulfill({ contentType: "text/javascript", headers, body });
  if (blocked.includes(address)) return route.abort();
  if (standIns[address]) return script(standIns[address]);
  if (url.origin === moneykit) return route.fulfill({ contentType: "text/html", body: "<title>MoneyKit</title>" });
  if (url.origin !== app) return route.fulfill({ contentType: "text/html", body: "<title>Elsewhere</title>" });
  if (url.pathname === "/launcher.js") return script(await readFile(launcher, "utf8"));
  if (url.pathname.startsWith("/npm/")) return script(await readFile(new URL(url.pathname.slice(5), npm), "utf8"));
  const policies = { "Content-Security-Policy": policy, "Content-Security-Policy-Report-Only": reported };
  return route.fulfill({ contentType: "text/html", headers: policies, body: html });
}

// start calls connect, or resume with an address, and does not wait for the outcome.
export async function start(page, launch, url, options) {
  await page.evaluate(
    ({ launch, url, options }) => window.start(...(url ? ["resume", launch, url, options] : ["connect", launch, options])),
    { launch, url, options },
  );
}

// outcome waits for the end of the run: { value } or { code, text }.
export async function outcome(page) {
  await page.waitForFunction(() => window.ended); // unlike evaluate, it fails if that takes too long
  return page.evaluate(() => window.outcome);
}

// frameOf waits for MoneyKit's frame.
export async function frameOf(page) {
  const handle = await page.waitForSelector("#moneykit-connect-frame");
  const frame = await handle.contentFrame();
  await frame.waitForLoadState();
  return frame;
}

// say sends what MoneyKit's frame sends to the page.
export async function say(frame, type, data = {}) {
  await frame.evaluate(({ type, data, app }) => parent.postMessage({ moneykit: true, type, data }, app), { type, data, app });
}

// provider waits for the page of a stand-in, and calls a function of its configuration.
export async function provider(page, name) {
  await page.waitForFunction((name) => window[name]?.opened === 1, name);
  return (call, ...args) => page.evaluate(([name, call, args]) => window[name].config[call](...args), [name, call, args]);
}
