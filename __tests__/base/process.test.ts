import { type ChildProcess, spawn } from "node:child_process";
import { readFileSync } from "node:fs";
import path from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { afterEach, describe, expect, test } from "@jest/globals";
import {
  findWorker,
  identify,
  isRunning,
  isSuspended,
  type ProcessIdentity,
} from "../../src/base/process.ts";

const children: ChildProcess[] = [];
afterEach(() => {
  for (const child of children.splice(0)) child.kill("SIGKILL");
});

function start(...args: string[]): ChildProcess & { pid: number } {
  const child = spawn(process.execPath, args, { stdio: ["pipe", "pipe", "inherit"] });
  children.push(child);
  return child as ChildProcess & { pid: number };
}

/** Rejects if the process ends without one. */
function firstLine(child: ChildProcess): Promise<string> {
  return new Promise((resolve, reject) => {
    let text = "";
    child.stdout?.setEncoding("utf8").on("data", (chunk: string) => {
      text += chunk;
      if (text.includes("\n")) resolve(text.slice(0, text.indexOf("\n")));
    });
    child.once("close", () => reject(new Error("the process ended without a word")));
  });
}

const SLEEPER = ["-e", "console.log('up'); setInterval(() => {}, 1e6)"];

describe("a process", () => {
  test("is running until it has ended, and knows when it started", async () => {
    const child = start(...SLEEPER);
    await firstLine(child);
    const identity = identify(child.pid);
    expect(identity.pid).toBe(child.pid);
    expect(identity.started).toMatch(/^\d+$/);
    expect(isRunning(identity)).toBe(true);
    const closed = new Promise((resolve) => child.once("close", resolve));
    child.kill("SIGKILL");
    await closed;
    expect(isRunning(identity)).toBe(false);
  });

  test("is not the one that has its pid now", () => {
    const self = identify(process.pid);
    expect(isRunning(self)).toBe(true);
    expect(isRunning({ ...self, started: String(Number(self.started) - 1) })).toBe(false);
  });

  test("that was never there is not running", () => {
    expect(identify(2 ** 22 + 1)).toStrictEqual({ pid: 2 ** 22 + 1 });
    for (const pid of [2 ** 22 + 1, -1, 0, Number.NaN]) expect(isRunning({ pid, started: "1" })).toBe(false);
  });

  test("on Windows is known by its pid alone, even where a folder is called /proc", () => {
    const platform = Object.getOwnPropertyDescriptor(process, "platform") as PropertyDescriptor;
    Object.defineProperty(process, "platform", { ...platform, value: "win32" });
    try {
      expect(identify(process.pid)).toStrictEqual({ pid: process.pid });
      expect(isSuspended({ pid: process.pid })).toBe(false);
    } finally {
      Object.defineProperty(process, "platform", platform);
    }
  });

  test("without /proc is known by its pid alone", () => {
    expect(isRunning({ pid: process.pid })).toBe(true);
    expect(isRunning({ pid: 2 ** 22 + 1 })).toBe(false);
  });

  test("whose name tries to look like the fields behind it is read all the same", async () => {
    const child = start("-e", "process.title = 'a) Z 1 ('; console.log('up'); setInterval(() => {}, 1e6)");
    await firstLine(child);
    expect(readFileSync(`/proc/${child.pid}/stat`, "utf8")).toContain("(a) Z 1 ()");
    const identity = identify(child.pid);
    expect(isRunning(identity)).toBe(true);
    expect(Number(identity.started)).toBeGreaterThanOrEqual(Number(identify(process.pid).started));
  });

  test("that cannot be looked at, because no file descriptor is left, counts as running", async () => {
    const LOOK_WITHOUT = `
      const { identify, isRunning } = await import(${JSON.stringify(path.resolve("lib/src/base/process.js"))});
      const { openSync } = await import("node:fs");
      const self = identify(process.pid);
      const gone = { ...self, pid: 2 ** 22 + 1 };
      try { for (;;) openSync("/dev/null"); } catch (error) { var { code } = error; }
      process.stdout.write([code, isRunning(self), isRunning(gone)].join() + "\\n");`;
    const node = [process.execPath, "--input-type=module", "-e", LOOK_WITHOUT];
    const child = spawn("bash", ["-c", 'ulimit -n 64; exec "$@"', "bash", ...node], {
      stdio: ["ignore", "pipe", "inherit"],
    });
    children.push(child);
    expect(await firstLine(child)).toBe("EMFILE,true,false");
  });

  test("that is a zombie is not running", async () => {
    // The child of a parent that does not wait for it: bash, replaced by a program that knows of no child.
    const parent = spawn("bash", ["-c", "sleep 0.2 & echo $!; exec sleep 1000"], {
      stdio: ["ignore", "pipe", "inherit"],
    });
    children.push(parent);
    const identity = identify(Number(await firstLine(parent)));
    const deadline = performance.now() + 20_000;
    while (isRunning(identity) && performance.now() < deadline) await sleep(20);
    expect(readFileSync(`/proc/${identity.pid}/stat`, "utf8")).toContain(") Z ");
    expect(isRunning(identity)).toBe(false);
  });
});

describe("the runner's worker", () => {
  /** Says what it finds, and ends with its stdin. */
  const LOOK = `
    const { findWorker } = await import(${JSON.stringify(path.resolve("lib/src/base/process.js"))});
    console.log(JSON.stringify(findWorker() ?? null));
    process.stdin.resume();`;

  /**
   * A program called `title` that starts one below it, and so on; the last one looks. Each ends with its
   * stdin, and so do those below.
   */
  const chain = (title: string, levels: number): string[] => {
    const below = levels === 0 ? ["--input-type=module", "-e", LOOK] : chain("step", levels - 1);
    return [
      "-e",
      `process.title = ${JSON.stringify(title)};
       const child = require("node:child_process").spawn(process.execPath, ${JSON.stringify(below)}, { stdio: ["pipe", "inherit", "inherit"] });
       process.stdin.on("end", () => child.stdin.end()).resume();
       child.on("exit", () => process.exit());`,
    ];
  };

  async function look(title: string, levels: number): Promise<{ found: unknown; top: ProcessIdentity }> {
    const child = start(...chain(title, levels));
    const found = JSON.parse(await firstLine(child)) as unknown;
    const top = identify(child.pid);
    const exited = new Promise((resolve) => child.once("exit", resolve));
    child.stdin?.end();
    await exited;
    return { found, top };
  }

  test.each([0, 2])("is found with %d processes in between", async (levels) => {
    const { found, top } = await look("Runner.Worker", levels);
    expect(found).toEqual(top);
  });

  test.each(["Runner.Workers", "runner.worker", "Runner.Listener"])("is not %s", async (title) => {
    const { found } = await look(title, 0);
    expect(found).toBeNull();
  });

  test("is undefined where no ancestor is one", () => {
    expect(findWorker()).toBeUndefined();
  });
});
