// Tests the page code of docs/http.md, which is that of the demo, without a browser.

import assert from "node:assert/strict";
import { cpSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, beforeEach, test } from "node:test";
import { pathToFileURL } from "node:url";

const web = new URL("../../../examples/demo/web/", import.meta.url);
const folder = mkdtempSync(join(tmpdir(), "bankmux-connect-"));
after(() => rmSync(folder, { recursive: true }));

// The launcher is one whose page a test closes.
const launcher = `export const connect = (launch) => globalThis.opened(launch);
export const resume = (launch, back) => Promise.resolve({ launch, back });`;
writeFileSync(join(folder, "package.json"), '{"type":"module"}');
writeFileSync(join(folder, "launcher.js"), launcher);
const code = readFileSync(new URL("connect.js", web), "utf8");
writeFileSync(join(folder, "connect.js"), code.replace("/bank/launcher.js", "./launcher.js"));
cpSync(new URL("api.js", web), join(folder, "api.js"));

const stored = new Map();
Object.assign(globalThis, {
  sessionStorage: {
    getItem: (name) => stored.get(name) ?? null,
    setItem: (name, value) => stored.set(name, value),
    removeItem: (name) => stored.delete(name),
  },
  location: { search: "", pathname: "/banks" },
  history: { replaceState: () => (location.search = "") },
});
const { continueLink, linkBank } = await import(pathToFileURL(join(folder, "connect.js")));

// Each request gets the next response to its method and path, and the last one of them again.
let responses, sent;
globalThis.fetch = async (path, { method, body }) => {
  sent.push([method, path, body].filter(Boolean).join(" "));
  const left = responses[`${method} ${path}`];
  const [status, document] = left.length > 1 ? left.shift() : left[0];
  return { ok: status < 400, status, headers: new Headers({ "Content-Type": "application/json" }), json: async () => document };
};

const away = [503, { kind: "store_unavailable", retry_after: 0 }];
const made = [200, { session: "S1", launch: {} }];
const linked = [200, { connections: [{ id: "C" }] }];

beforeEach(() => {
  stored.clear();
  sent = [];
  location.search = "";
  globalThis.opened = async () => ({ code: 1 });
});

test("a payload is posted again while the server asks for it", async () => {
  responses = { "POST /bank/sessions": [made], "POST /bank/sessions/S1": [away, away, linked] };
  assert.deepEqual(await linkBank("US"), linked[1]);
  assert.equal(sent.filter((request) => request === 'POST /bank/sessions/S1 {"code":1}').length, 3);
  assert.equal(stored.size, 0);
});

test("it is not posted again after other problems, after five times, or if it would take long", async () => {
  for (const [problem, times] of [
    [[409, { kind: "token_spent" }], 1], [away, 5], [[429, { kind: "rate_limited", retry_after: 300 }], 1],
  ]) {
    sent = [];
    responses = { "POST /bank/sessions": [made], "POST /bank/sessions/S1": [problem] };
    await assert.rejects(linkBank("US"), { kind: problem[1].kind });
    assert.equal(sent.length, 1 + times);
    assert.equal(stored.size, 0);
  }
});

test("a double click opens one page and makes one session", async () => {
  responses = { "POST /bank/sessions": [made], "POST /bank/sessions/S1": [linked] };
  let close;
  const page = new Promise((resolve) => (close = resolve));
  const opened = new Promise((resolve) => (globalThis.opened = () => (resolve(), page)));
  const clicks = [linkBank("US"), linkBank("US")];
  await opened;
  clicks.push(linkBank("US"));
  assert.equal(stored.get("bank.session"), "S1");
  close({ code: 1 });
  assert.deepEqual(await Promise.all(clicks), [linked[1], linked[1], linked[1]]);
  assert.equal(sent.length, 2);
  assert.deepEqual(await linkBank("US"), linked[1]);
  assert.equal(sent.length, 4, "the next click makes another");
});

test("a user who stops the way to a page of its own can start again", async () => {
  const hosted = (session) => [200, { session, launch: { url: "https://pay.example/" + session } }];
  responses = {
    "POST /bank/sessions": [hosted("S1"), hosted("S2")],
    "POST /bank/sessions/S1": [[409, { kind: "user_left" }]], "POST /bank/sessions/S2": [linked],
  };
  const ends = [];
  const opened = () => new Promise((resolve) => {
    globalThis.opened = () => new Promise((end) => { ends.push(end); resolve(); });
  });
  let ready = opened();
  const first = linkBank("US");
  await ready;
  ready = opened();
  const second = linkBank("CA");
  await ready;
  ends[0]({ error: null }); // so the launcher ends it
  await assert.rejects(first, { kind: "user_left" });
  assert.equal(stored.get("bank.session"), "S2", "the first run leaves the session of the second");
  ends[1]({ code: 2 });
  assert.deepEqual(await second, linked[1]);
  assert.equal(stored.size, 0);
});

test("a browser that comes back keeps its address until the session was read", async () => {
  location.search = "?session=S1&return=https%3A%2F%2Fapp";
  responses = { "GET /bank/sessions/S1": [away], "POST /bank/sessions/S1": [linked] };
  await assert.rejects(continueLink(), { kind: "store_unavailable" });
  assert.notEqual(location.search, "");
  responses["GET /bank/sessions/S1"] = [away, made];
  assert.deepEqual(await continueLink(), linked[1]);
  assert.equal(sent.at(-1), 'POST /bank/sessions/S1 {"launch":{},"back":"https://app"}');
  assert.equal(location.search, "");
});
