// The command line's first word.
import { execFile } from "node:child_process";
import path from "node:path";
import { promisify } from "node:util";
import { expect, test } from "@jest/globals";
import { repository } from "../../harness/repository.ts";

const PROGRAM = path.join(repository(), "lib", "cli", "main.js");
const run = (...args: string[]) =>
  promisify(execFile)(process.execPath, [PROGRAM, ...args], { timeout: 30_000 });

test.each(["migrate", "trust-policy"])(
  "%s gets the arguments behind it, and prints its own help",
  async (name) => {
    const { stdout, stderr } = await run(name, "--help");
    expect(stdout).toMatch(/^Usage:/);
    expect(stdout).toContain(`${name} `);
    expect(stderr).toBe("");
  },
);

test.each([[], ["unknown"], ["toString"], ["--write"]])(
  "%j is wrong usage, and the names are printed",
  async (...args) => {
    await expect(run(...args)).rejects.toMatchObject({
      code: 2,
      stdout: "",
      stderr: expect.stringMatching(/^Usage: aws-role-refresh migrate\|trust-policy /),
    });
  },
);
