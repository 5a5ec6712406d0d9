// What every test in the browser needs: the bank and the application, Chromium, and a page. The
// test fails if the page reaches for the network, logs an error or leaks a secret.

import { spawn } from "node:child_process";
import { existsSync } from "node:fs";
import { mkdtemp, readFile, rm } from "node:fs/promises";
import { createRequire } from "node:module";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { after, before } from "node:test";
import assert from "node:assert/strict";
import { chromium } from "playwright-core";

const root = new URL("..", import.meta.url).pathname;
const axe = createRequire(import.meta.url).resolve("axe-core/axe.min.js");

// The headless shell needs two thirds of the time that Chromium needs, and has the same engine.
const browsers = ["/usr/bin/chromium-headless-shell", "/usr/bin/chromium"];

const flags = [
  "--headless", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run",
  "--disable-background-networking", "--disable-component-update", "--disable-sync",
  // No name resolves, so that nothing but loopback can be reached.
  "--host-resolver-rules=MAP * ~NOTFOUND, EXCLUDE 127.0.0.1",
];

// patience is how long a test waits for the page, in milliseconds: long enough for a busy machine.
const patience = 90_000;

// useBrowser starts a bank, an application and Chromium for the tests of a file. The object that it
// returns is filled before the first test.
export function useBrowser() {
  const env = useChromium();
  before(async () => {
    env.server = await serve();
    env.addr = env.server.addr;
    env.secrets = async () => (await state(env)).secrets;
  });
  after(() => env.server?.close());
  return env;
}

// useChromium starts Chromium alone.
export function useChromium() {
  const env = {};
  before(async () => {
    env.browser = await chromium.launch({
      executablePath: process.env.CHROMIUM ?? browsers.find(existsSync), args: flags,
    });
  });
  after(() => env.browser?.close());
  return env;
}

// serve starts the Go command and waits for its line. BROWSER_SERVER names a built one.
async function serve() {
  const built = process.env.BROWSER_SERVER;
  const args = built ? [] : ["run", "."];
  const child = spawn(built || "go", args, { cwd: root, stdio: ["pipe", "pipe", "inherit"] });
  const ended = new Promise((resolve) => child.once("exit", resolve));
  const lines = createInterface({ input: child.stdout })[Symbol.asyncIterator]();
  const { value } = await lines.next();
  assert.ok(value, "the server printed no line");
  return {
    addr: JSON.parse(value),
    async close() {
      child.stdin.end(); // the command ends with its input
      await ended;
    },
  };
}

// visit runs a test with a page of the application in a new context. It checks afterwards that the
// page stayed on loopback and logged no error. It also looks for secrets in URLs, the console,
// storage, HTML and HAR.
//
// env.addr.app is the application, and env.secrets() lists what to look for.
//
// options has those of Playwright's newContext, and:
//   path      of the application's page ("/")
//   expected  texts of console errors that the test provokes
export async function visit(env, options, test) {
  const { path = "/", expected = [], ...rest } = options;
  const folder = await mkdtemp(join(tmpdir(), "bankmux-"));
  const har = join(folder, "all.har");
  try {
    const context = await env.browser.newContext({ ...rest, recordHar: { path: har, content: "embed" } });
    context.setDefaultTimeout(patience);
    const seen = watch(context);
    try {
      const page = await context.newPage();
      await page.goto(env.addr.app + path);
      await test(page, context);
      for (const open of context.pages()) seen.texts.push(...(await kept(open)));
    } finally {
      await finish(context, patience);
    }
    const errors = seen.errors.filter((text) => !expected.some((known) => text.includes(known)));
    assert.deepEqual(errors, [], "the console has errors");
    assert.deepEqual(seen.foreign, [], "the page left loopback");
    assertNoSecret(await env.secrets(), [...seen.texts, ...harTexts(JSON.parse(await readFile(har, "utf8")))]);
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}

// finish closes a context, which writes its HAR. Playwright first waits for what the browser has
// yet to say: a body, or headers that Chromium announced and may never send
// (microsoft/playwright#42448). After grace, in milliseconds, the pages are closed, and it waits no
// longer.
export async function finish(context, grace) {
  const late = setTimeout(() => context.pages().forEach((page) => page.close().catch(() => {})), grace);
  try {
    await context.close();
  } finally {
    clearTimeout(late);
  }
}

// watch collects what the pages of a context show: texts, errors, and addresses beyond loopback.
function watch(context) {
  const seen = { texts: [], errors: [], foreign: [] };
  const local = (url) => !/^(https?|wss?):/.test(url) || new URL(url).hostname === "127.0.0.1";
  context.on("request", (request) => {
    if (!local(request.url())) seen.foreign.push(request.url());
  });
  context.on("console", (message) => {
    seen.texts.push(message.text());
    if (message.type() === "error") seen.errors.push(message.text());
  });
  context.on("weberror", ({ error }) => seen.errors.push(error().message));
  context.on("page", (page) => page.on("framenavigated", (frame) => seen.texts.push(frame.url())));
  return seen;
}

// kept returns what a page and its frames keep: addresses, HTML and storage.
async function kept(page) {
  const texts = [];
  for (const frame of page.frames()) {
    try {
      texts.push(frame.url(), await frame.content());
      texts.push(await frame.evaluate(() => {
        const all = (store) => JSON.stringify(Object.entries(store));
        return all(localStorage) + all(sessionStorage) + document.cookie + JSON.stringify(history.state);
      }));
    } catch (error) {
      if (!frame.isDetached()) throw error; // a widget that ends removes its frame
    }
  }
  return texts;
}

// harTexts returns the addresses, headers and bodies of a HAR, decoded.
function harTexts(har) {
  return har.log.entries.flatMap(({ request, response }) => [
    JSON.stringify(request),
    JSON.stringify(response.headers),
    Buffer.from(response.content.text ?? "", response.content.encoding ?? "utf8").toString(),
  ]);
}

// assertNoSecret fails without printing the secret.
export function assertNoSecret(secrets, texts) {
  assert.ok(secrets.length >= 3 && texts.length > 0, "there is something to compare");
  for (const [i, secret] of secrets.entries()) {
    assert.ok(secret.length >= 8, `secret ${i} is too short to look for`);
    const where = texts.findIndex((text) => text.includes(secret) || text.includes(encodeURIComponent(secret)));
    assert.equal(where, -1, `secret ${i} is in text ${where}`);
  }
}

// state returns what the application has: its connections, what was posted, and its secrets.
export async function state(env) {
  return (await fetch(env.addr.app + "/test/state")).json();
}

// control calls the bank's control plane at a provider.
export async function control(env, provider, call, body) {
  const response = await fetch(`${env.addr[provider]}/virtualbank/${call}`, {
    method: body === undefined ? "GET" : "POST", body: body === undefined ? undefined : JSON.stringify(body),
  });
  const got = await response.json();
  assert.ok(response.ok, JSON.stringify(got));
  return got;
}

// accessible fails for serious findings of axe-core in a page or frame.
export async function accessible(frame) {
  if (!(await frame.evaluate(() => "axe" in globalThis))) await frame.evaluate(await readFile(axe, "utf8"));
  const found = await frame.evaluate(() => globalThis.axe.run(document, { resultTypes: ["violations"] }));
  const serious = found.violations.filter(({ impact }) => impact === "serious" || impact === "critical");
  const short = serious.map(({ id, nodes }) => `${id}: ${nodes.map((node) => node.target.join(" ")).join(", ")}`);
  assert.deepEqual(short, [], "axe-core finds");
}
