import { execFileSync } from "node:child_process";
import { existsSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import os from "node:os";
import path from "node:path";
import { afterEach, beforeEach, expect, test } from "@jest/globals";

let checkout: string;
beforeEach(() => {
  checkout = mkdtempSync(path.join(os.tmpdir(), "ensure test "));
  // An npm that only notes what it was asked for.
  writeFileSync(path.join(checkout, "npm"), '#!/bin/sh\necho "$@" > asked\n', { mode: 0o755 });
  writeLock("package-lock.json", "1.0.0");
});
afterEach(() => rmSync(checkout, { recursive: true }));

/** A lock file with one package of this version, and one that only other systems need. */
function writeLock(file: string, version: string): void {
  const packages = { "": {}, "node_modules/a": { version }, "node_modules/b": { version, optional: true } };
  if (file !== "package-lock.json") Reflect.deleteProperty(packages, "node_modules/b");
  mkdirSync(path.dirname(path.join(checkout, file)), { recursive: true });
  writeFileSync(path.join(checkout, file), JSON.stringify({ packages }));
}

function ensureAsks(): boolean {
  const options = { cwd: checkout, env: { PATH: `${checkout}:/bin:/usr/bin` } };
  execFileSync(process.execPath, [path.resolve("scripts/ensure.mjs")], options);
  return existsSync(path.join(checkout, "asked"));
}

test("packages are installed on a fresh clone", () => {
  expect(ensureAsks()).toBe(true);
});

test("packages are installed anew when the lock file asks for others", () => {
  writeLock("node_modules/.package-lock.json", "0.9.0");
  expect(ensureAsks()).toBe(true);
});

test("packages that are there are left alone, whatever the files' times", () => {
  writeLock("node_modules/.package-lock.json", "1.0.0");
  writeLock("package-lock.json", "1.0.0");
  expect(ensureAsks()).toBe(false);
});
