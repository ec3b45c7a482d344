import { spawnSync } from "node:child_process";
import { mkdtempSync, readdirSync, rmSync } from "node:fs";
import os from "node:os";
import path from "node:path";
import { expect, test } from "@jest/globals";

interface JestReporter {
  onRunStart(results: object): void;
  onRunComplete(contexts: unknown, results: object): void;
}
// Plain JavaScript, which jest loads before anything is compiled.
const { default: Reporter } = (await import("../../scripts/jest-reporter.mjs" as string)) as {
  default: new (
    config: object,
    options: undefined,
    context: undefined,
    log: (line: string) => void,
  ) => JestReporter;
};

const skipped = (fullName: string) => ({ fullName, status: "pending" });

/** What is printed for these tests. */
function printed(tests: object[], jestConfig = {}): string[] {
  const lines: string[] = [];
  const reporter = new Reporter(jestConfig, undefined, undefined, (line) => lines.push(line));
  reporter.onRunStart({ numTotalTestSuites: 58 });
  reporter.onRunComplete(new Set(), { testResults: [{ testResults: tests }] });
  return lines;
}

test("the start of a run says how much there is", () => {
  expect(printed([])).toEqual([expect.stringMatching(/^Test files: 58\. .*npm run test:quick/)]);
});

test("the end of a run counts what was skipped, by reason", () => {
  const tests = [
    skipped("a [skipped: needs root]"),
    { fullName: "b", status: "passed" },
    skipped("c [skipped: needs root]"),
    skipped("d"),
  ];
  expect(printed(tests).slice(1)).toEqual([
    "\nSkipped 3 of 4 tests:",
    "    2  needs root",
    "    1  no reason given: d",
  ]);
});

test("tests left out by -t are not counted", () => {
  expect(printed([skipped("a")], { testNamePattern: "b" })).toHaveLength(1);
});

test("jest reports that way, and leaves nothing in the temporary directory", () => {
  const temp = mkdtempSync(path.join(os.tmpdir(), "jest test "));
  try {
    const jest = ["--experimental-vm-modules", "node_modules/jest/bin/jest.js", "__tests__/base/jwt.test.ts"];
    const { status, stderr } = spawnSync(process.execPath, jest, {
      env: { ...process.env, TMPDIR: temp },
      encoding: "utf8",
    });
    expect([status, stderr]).toEqual([0, expect.stringContaining("Test files: 1. Each is reported")]);
    expect(readdirSync(temp)).toEqual([]);
  } finally {
    rmSync(temp, { recursive: true });
  }
});
