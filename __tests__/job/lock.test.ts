import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import {
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  utimesSync,
  writeFileSync,
} from "node:fs";
import os from "node:os";
import path from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { afterEach, beforeEach, describe, expect, test } from "@jest/globals";
import { type JobDirectory, jobDirectory } from "../../src/base/layout.ts";
import { identify } from "../../src/base/process.ts";
import { withLock } from "../../src/job/lock.ts";

let temp: string;
let root: string;
let job: JobDirectory;
const children: ChildProcess[] = [];

beforeEach(() => {
  temp = mkdtempSync(path.join(os.tmpdir(), "lock test "));
  root = `${temp}/aws-role-refresh`;
  job = jobDirectory(root);
});

afterEach(() => {
  for (const child of children.splice(0)) child.kill("SIGKILL");
  rmSync(temp, { recursive: true, force: true });
});

describe("the lock", () => {
  const MODULE = JSON.stringify(path.resolve("lib/src/job/lock.js"));

  /** Another process, which has `withLock` and `fs`. */
  function other(script: string): ChildProcess {
    const source = `import * as fs from "node:fs"; import { setTimeout as sleep } from "node:timers/promises";
      import { withLock } from ${MODULE}; const job = { path: process.argv[1] }; ${script}`;
    const child = spawn(process.execPath, ["--input-type=module", "-e", source, root], {
      stdio: ["ignore", "pipe", "inherit"],
    });
    children.push(child);
    return child;
  }

  async function said(child: ChildProcess, word: string): Promise<void> {
    let text = "";
    for await (const chunk of child.stdout ?? []) {
      text += chunk;
      if (text.includes(word)) return;
    }
    throw new Error(`the process ended without saying ${word}: ${text}`);
  }

  beforeEach(() => mkdirSync(root, 0o700));

  const locks = (): string[] => readdirSync(root).filter((name) => name.startsWith("lock."));

  test("gives back what the action gives, and leaves nothing", async () => {
    expect(await withLock(job, 1_000, () => locks().length)).toBe(1);
    expect(locks()).toEqual([]);
  });

  test("is released when the action throws", async () => {
    await expect(withLock(job, 1_000, () => Promise.reject(new Error("mine")))).rejects.toThrow("mine");
    expect(locks()).toEqual([]);
  });

  test("lets one in at a time within a process, too", async () => {
    let inside = 0;
    let most = 0;
    await Promise.all(
      Array.from({ length: 20 }, () =>
        withLock(job, 30_000, async () => {
          most = Math.max(most, ++inside);
          await sleep(2);
          inside--;
        }),
      ),
    );
    expect(most).toBe(1);
    expect(locks()).toEqual([]);
  });

  test("lets one in at a time among twelve processes, and each in turn", async () => {
    const [processes, rounds] = [12, 12];
    writeFileSync(`${root}/counter`, "0");
    const all = Array.from({ length: processes }, () =>
      other(`
        const [root] = process.argv.slice(1);
        for (let n = 0; n < ${rounds}; n++) {
          await withLock(job, 50_000, async () => {
            fs.writeFileSync(root + "/inside", "", { flag: "wx" }); // throws if another is inside
            const counter = Number(fs.readFileSync(root + "/counter", "utf8"));
            await sleep(Math.random() * 3);
            fs.writeFileSync(root + "/counter", String(counter + 1));
            fs.rmSync(root + "/inside");
          });
        }`),
    );
    const codes = await Promise.all(all.map(async (child) => (await once(child, "exit"))[0] as number));
    expect(codes).toEqual(all.map(() => 0));
    expect(readFileSync(`${root}/counter`, "utf8")).toBe(String(processes * rounds));
    expect(locks()).toEqual([]);
  });

  test("of a process that lives is waited for, and then given up", async () => {
    const holder = other(
      `await withLock(job, 1000, async () => { console.log("in"); await sleep(50_000); });`,
    );
    await said(holder, "in");
    const began = performance.now();
    await expect(withLock(job, 300, () => "in")).rejects.toThrow(
      `Another use of this action has kept ${root} locked for `,
    );
    expect(performance.now() - began).toBeGreaterThanOrEqual(300);
    // What it made for itself is gone, the other's is still there.
    expect(locks()).toHaveLength(1);
    expect(locks()[0]).toMatch(new RegExp(`^lock\\.${holder.pid}\\.`));
  });

  test("of a process that was killed is taken at once", async () => {
    const holder = other(
      `await withLock(job, 1000, async () => { console.log("in"); await sleep(50_000); });`,
    );
    await said(holder, "in");
    holder.kill("SIGKILL");
    await once(holder, "exit");
    expect(locks()).toHaveLength(1);
    expect(await withLock(job, 5_000, () => "in")).toBe("in");
    expect(locks()).toEqual([]);
  });

  test("that is far too old is taken even if its pid is somebody's", async () => {
    const old = `${root}/lock.${process.pid}.${identify(process.pid).started}.0123456789ab`;
    writeFileSync(old, "");
    await expect(withLock(job, 100, () => "in")).rejects.toThrow("Another use");
    utimesSync(old, new Date(), new Date(Date.now() - 3_600_000));
    expect(await withLock(job, 5_000, () => "in")).toBe("in");
    expect(locks()).toEqual([]);
  });

  test("is not held by a file that this action cannot have made", async () => {
    // A process of that pid runs. Before, a step could hold up main for 30 s and post for 12 s with such a file.
    for (const name of [
      "lock.1",
      `lock.${process.pid}.0123456789ab`,
      "lock.-1..0123456789ab",
      "lock.x",
      "lock.",
    ])
      writeFileSync(`${root}/${name}`, "");
    mkdirSync(`${root}/lock.1.1.0123456789ab/full`, { recursive: true });
    expect(await withLock(job, 100, () => "in")).toBe("in");
    expect(locks()).toEqual([]);
  });

  test("does not take other files for locks", async () => {
    for (const name of ["locks", "config", "lock"]) writeFileSync(`${root}/${name}`, "");
    expect(await withLock(job, 1_000, () => "in")).toBe("in");
    expect(readdirSync(root).sort()).toEqual(["config", "lock", "locks"]);
  });

  test("needs the directory", async () => {
    rmSync(root, { recursive: true });
    await expect(withLock(job, 1_000, () => "in")).rejects.toMatchObject({ code: "ENOENT" });
    expect(existsSync(root)).toBe(false);
  });

  test("survives that the action removes the directory", async () => {
    expect(await withLock(job, 1_000, () => rmSync(root, { recursive: true }))).toBeUndefined();
    expect(existsSync(root)).toBe(false);
  });
});
