// Readers in a tight loop while the file is rewritten as the keeper rewrites it, 10,000 times: never empty,
// short or mixed.
import { spawn } from "node:child_process";
import { mkdtempSync, rmSync } from "node:fs";
import os from "node:os";
import path from "node:path";
import { afterAll, expect, test } from "@jest/globals";
import { sealed } from "../../harness/machine/sealed.ts";
import { repository } from "../../harness/repository.ts";
import { writeFileAtomic } from "../../src/base/files.ts";

const REWRITES = 10_000;
const folder = mkdtempSync(path.join(os.tmpdir(), "rewrites "));
afterAll(() => rmSync(folder, { recursive: true, force: true }));

test(`${REWRITES} rewrites`, async () => {
  const file = path.join(folder, "token");
  writeFileAtomic(file, sealed(0));
  const reader = spawn(process.execPath, [
    path.join(repository(), "lib/harness/machine/tight-reader.js"),
    file,
  ]);
  let output = "";
  await new Promise<void>((resolve, reject) => {
    reader.stdout.on("data", (chunk) => {
      output += chunk;
      resolve();
    });
    reader.once("error", reject);
    reader.once("exit", () => reject(new Error("the reader ended at once")));
  });
  const over = new Promise((resolve) => reader.stdout.once("close", resolve));
  for (let number = 1; number <= REWRITES; number++) writeFileAtomic(file, sealed(number));
  rmSync(file);
  await over;
  const seen = JSON.parse(output.split("\n")[1] ?? "{}");
  expect(seen).toMatchObject({ empty: 0, broken: 0 });
  // It did look: at a good part of the contents, more than once each.
  expect(seen.different).toBeGreaterThan(REWRITES / 100);
  expect(seen.reads).toBeGreaterThan(seen.different);
});
