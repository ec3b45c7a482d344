// The command line as a process: its first word, and what a kill leaves behind.
import { execFile, spawn } from "node:child_process";
import { once } from "node:events";
import { mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import os from "node:os";
import path from "node:path";
import { promisify } from "node:util";
import { expect, test } from "@jest/globals";
import { repository } from "../../harness/repository.ts";
import { waitFor } from "../../harness/wait.ts";
import { NEW, OLD, STEP, workflow } from "./workflow.ts";

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

test.each([{ args: [] }, { args: ["unknown"] }, { args: ["toString"] }, { args: ["--write"] }])(
  "$args is wrong usage, and the names are printed",
  async ({ args }) => {
    await expect(run(...args)).rejects.toMatchObject({
      code: 2,
      stdout: "",
      stderr: expect.stringMatching(/^Usage: aws-role-refresh migrate\|trust-policy /),
    });
  },
);

test("killed in the middle of its writes, every file is the old one or the new one", async () => {
  const root = mkdtempSync(path.join(os.tmpdir(), "migrate killed "));
  try {
    const folder = path.join(root, ".github", "workflows");
    mkdirSync(folder, { recursive: true });
    const old = workflow(STEP) + "# a long file\n".repeat(100);
    const names = Array.from({ length: 150 }, (_, index) => `${index}.yml`);
    for (const name of names) writeFileSync(path.join(folder, name), old);
    const text = (name: string): string => readFileSync(path.join(folder, name), "utf8");
    const child = spawn(process.execPath, [PROGRAM, "migrate", "--write", root], { stdio: "ignore" });
    const ended = once(child, "exit");
    await waitFor("the first file is written", 30_000, () => text("0.yml") !== old);
    child.kill("SIGKILL");
    await ended;
    const states = new Set(names.map(text));
    expect([...states].filter((each) => each !== old && each !== old.replace(`${OLD}@v4`, NEW))).toEqual([]);
    // GitHub takes no file for a workflow that does not end in .yml or .yaml.
    const others = readdirSync(folder).filter((name) => !names.includes(name));
    expect(others.filter((name) => !/^\..*\.tmp$/.test(name))).toEqual([]);
  } finally {
    rmSync(root, { recursive: true, force: true });
  }
});
