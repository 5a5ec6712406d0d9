// Runs all tests: "npm test". It builds the commands once, and runs the files that take longest
// first, so that none is left alone at the end.

import { execFile } from "node:child_process";
import { mkdtemp, readdir, rm } from "node:fs/promises";
import { availableParallelism, tmpdir } from "node:os";
import { join } from "node:path";
import { run } from "node:test";
import { spec } from "node:test/reporters";
import { promisify } from "node:util";

const here = new URL(".", import.meta.url).pathname;
const root = new URL("../../..", import.meta.url).pathname;
const first = ["demo", "life", "link", "page", "scripts", "oauth"];

const folder = await mkdtemp(join(tmpdir(), "bankmux-"));
try {
  const go = (dir, ...args) => promisify(execFile)("go", args, { cwd: root + dir });
  process.env.BROWSER_SERVER = join(folder, "server");
  process.env.BROWSER_DEMO = join(folder, "demo");
  await Promise.all([
    go("internal/browser", "build", "-o", process.env.BROWSER_SERVER, "."),
    go("examples/demo", "test", "-c", "-o", process.env.BROWSER_DEMO, "."),
  ]);

  const names = (await readdir(here)).filter((name) => name.endsWith(".test.js"));
  const rank = (name) => first.indexOf(name.split(".")[0]) + 1 || first.length + 1;
  const files = names.sort((a, b) => rank(a) - rank(b)).map((name) => join(here, name));
  // A page waits now and then, so two files for each processor keep it busy. The longest file takes
  // three minutes, so one that takes half an hour hangs.
  const tests = run({ files, concurrency: 2 * availableParallelism(), timeout: 30 * 60_000 });
  tests.on("test:fail", () => { process.exitCode = 1; });
  const report = tests.compose(new spec());
  for await (const text of report) process.stdout.write(text);
} finally {
  await rm(folder, { recursive: true });
}
