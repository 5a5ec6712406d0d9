// Tests of the launcher as an npm package: its types, and what the package contains.

import { execFile } from "node:child_process";
import { cp, mkdir, mkdtemp, rm, symlink } from "node:fs/promises";
import { createRequire } from "node:module";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test } from "node:test";
import { promisify } from "node:util";
import assert from "node:assert/strict";

const run = promisify(execFile);
const folder = new URL("../../../bankhttp/launcher", import.meta.url).pathname;
const sample = new URL("launcher-types.ts", import.meta.url).pathname;
const tsc = createRequire(import.meta.url).resolve("typescript/bin/tsc");

// inApplication runs a test in a folder where the package is installed.
async function inApplication(test) {
  const app = await mkdtemp(join(tmpdir(), "bankmux-"));
  try {
    await mkdir(join(app, "node_modules/@bankmux"), { recursive: true });
    await symlink(folder, join(app, "node_modules/@bankmux/launcher"));
    await cp(sample, join(app, "sample.ts"));
    await test(app);
  } finally {
    await rm(app, { recursive: true });
  }
}

for (const [name, ...flags] of [
  ["a bundler", "--module", "esnext", "--moduleResolution", "bundler"],
  ["Node", "--module", "nodenext", "--moduleResolution", "nodenext"],
]) {
  test(`the types are strict and complete as ${name} resolves them`, () => inApplication(async (app) => {
    const options = ["--noEmit", "--strict", "--target", "es2022", "--lib", "es2022,dom", ...flags, "sample.ts"];
    await run(process.execPath, [tsc, ...options], { cwd: app }).catch(({ stdout }) => assert.fail(stdout));
  }));
}

test("the package has the module, its types, the license and nothing else", async () => {
  const { stdout } = await run("npm", ["pack", "--dry-run", "--json", "--offline"], { cwd: folder });
  const names = JSON.parse(stdout)[0].files.map(({ path }) => path);
  assert.deepEqual(names.sort(), ["LICENSE", "launcher.d.ts", "launcher.js", "package.json"]);
});

test("the module loads where there is no document, as on a server", async () => {
  const { connect } = await import(join(folder, "launcher.js"));
  await assert.rejects(connect({ provider: "dapi", mode: "link" }), ReferenceError);
});
