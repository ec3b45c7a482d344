import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import {
  chmodSync,
  chownSync,
  existsSync,
  lstatSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  symlinkSync,
  utimesSync,
  writeFileSync,
} from "node:fs";
import os from "node:os";
import path from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { afterEach, beforeEach, describe, expect, test } from "@jest/globals";
import { UserError } from "../../src/base/errors.ts";
import {
  jobDirectory,
  jobDirectoryPath,
  openJobDirectory,
  untrusted,
  withLock,
} from "../../src/job/job-directory.ts";

let temp: string;
let root: string;
const children: ChildProcess[] = [];

beforeEach(() => {
  temp = mkdtempSync(path.join(os.tmpdir(), "job test "));
  root = `${temp}/aws-role-refresh`;
});

afterEach(() => {
  for (const child of children.splice(0)) child.kill("SIGKILL");
  rmSync(temp, { recursive: true, force: true });
});

const modeOf = (file: string): string => (lstatSync(file).mode & 0o777).toString(8);
const asRoot = process.getuid?.() === 0 ? test : test.skip;

function refusal(body: () => unknown): string {
  try {
    body();
  } catch (error) {
    expect(error).toBeInstanceOf(UserError);
    return (error as UserError).message;
  }
  throw new Error("nothing is refused");
}

describe("the path", () => {
  test.each([
    ["/home/runner/work/_temp", "linux", "/home/runner/work/_temp/aws-role-refresh"],
    ["/home/runner work/_temp/", "linux", "/home/runner work/_temp/aws-role-refresh"],
    ["/__w/_temp//", "linux", "/__w/_temp/aws-role-refresh"],
    ["/a+b=c,d@e[f]{g}~h!/%x/(i)", "linux", "/a+b=c,d@e[f]{g}~h!/%x/(i)/aws-role-refresh"],
    ["/Users/runner/work/_temp", "darwin", "/Users/runner/work/_temp/aws-role-refresh"],
    ["D:\\a\\_temp", "win32", "D:/a/_temp/aws-role-refresh"],
    ["D:\\a b\\_temp\\", "win32", "D:/a b/_temp/aws-role-refresh"],
    ["D:/a/_temp", "win32", "D:/a/_temp/aws-role-refresh"],
  ])("%j on %s", (given, platform, expected) => {
    expect(jobDirectoryPath(given, platform)).toBe(expected);
  });

  test.each([undefined, ""])("needs RUNNER_TEMP: %j", (given) => {
    expect(refusal(() => jobDirectoryPath(given))).toBe(
      "RUNNER_TEMP is not set. The runner sets it; this action cannot run without one.",
    );
  });

  test.each([
    ["a relative path", "work/_temp", "linux"],
    ["a dot", ".", "linux"],
    ["a drive on Linux", "D:\\a", "linux"],
    ["a line break", "/tmp/x\nrole_arn = y", "linux"],
    ["a carriage return", "/tmp/x\r", "linux"],
    ["a tab", "/tmp/x\ty", "linux"],
    ["a NUL", "/tmp/x\0y", "linux"],
    ["DEL", "/tmp/x\x7f", "linux"],
    ["a hash", "/tmp/#x", "linux"],
    ["a semicolon", "/tmp/x;y", "linux"],
    ["a dollar", "/tmp/$x", "linux"],
    ["a double quote", '/tmp/"x', "linux"],
    ["a single quote", "/tmp/x'y", "linux"],
    ["a backtick", "/tmp/`x", "linux"],
    ["a backslash", "/tmp/x\\y", "linux"],
    ["an umlaut", "/tmp/ünï", "linux"],
    ["a no-break space", "/tmp/x\u00a0y", "linux"],
    ["a line separator", "/tmp/x\u2028y", "linux"],
    ["an emoji", "/tmp/😀", "linux"],
    ["a percent sign on Windows", "D:\\%TEMP%", "win32"],
    ["a semicolon on Windows", "D:\\x;y", "win32"],
    ["a path without a drive or root on Windows", "a\\_temp", "win32"],
  ])("refuses %s", (_, given, platform) => {
    const message = refusal(() => jobDirectoryPath(given, platform));
    expect(message).toContain(
      `RUNNER_TEMP is ${JSON.stringify(given)}. It must be an absolute path in ASCII without any of`,
    );
    expect(message).toContain("Change the runner's work folder.");
    expect(message).not.toContain("\n");
  });
});

describe("opening", () => {
  test.each([0o000, 0o022, 0o077, 0o777])("makes it and all in it private under umask %o", (mask) => {
    const before = process.umask(mask);
    try {
      openJobDirectory(root);
    } finally {
      process.umask(before);
    }
    expect(readdirSync(root).sort()).toEqual(["finished", "tokens", "uses"]);
    expect(["", "/tokens", "/uses", "/finished"].map((name) => modeOf(root + name))).toEqual([
      "700",
      "700",
      "700",
      "700",
    ]);
  });

  test("takes the one that is there", () => {
    openJobDirectory(root);
    writeFileSync(`${root}/config`, "kept");
    expect(openJobDirectory(root)).toEqual(jobDirectory(root));
    expect(readFileSync(`${root}/config`, "utf8")).toBe("kept");
  });

  test("completes one that a main which was killed had only begun", () => {
    mkdirSync(root, 0o700);
    openJobDirectory(root);
    expect(readdirSync(root).sort()).toEqual(["finished", "tokens", "uses"]);
  });

  const there = "is there already and";
  const remedy = "Remove it from this runner: this action did not make it.";

  test("refuses a symlink, also to a directory that is private, and leaves its target alone", () => {
    mkdirSync(`${temp}/target`, 0o700);
    symlinkSync(`${temp}/target`, root);
    expect(refusal(() => openJobDirectory(root))).toBe(`${root} ${there} is a symlink. ${remedy}`);
    expect(readdirSync(`${temp}/target`)).toEqual([]);
  });

  test("refuses a symlink that points nowhere", () => {
    symlinkSync(`${temp}/nowhere`, root);
    expect(refusal(() => openJobDirectory(root))).toBe(`${root} ${there} is a symlink. ${remedy}`);
    expect(existsSync(`${temp}/nowhere`)).toBe(false);
  });

  test("refuses a file", () => {
    writeFileSync(root, "");
    expect(refusal(() => openJobDirectory(root))).toBe(`${root} ${there} is not a directory. ${remedy}`);
  });

  test.each([0o750, 0o705, 0o710, 0o701, 0o720, 0o702, 0o777])(
    "refuses one that others may enter: mode %o",
    (mode) => {
      mkdirSync(root);
      chmodSync(root, mode);
      expect(refusal(() => openJobDirectory(root))).toBe(
        `${root} ${there} is open to other users (mode ${mode.toString(8)}). ${remedy}`,
      );
      expect(readdirSync(root)).toEqual([]);
    },
  );

  asRoot("refuses another user's", () => {
    mkdirSync(root, 0o700);
    chownSync(root, 12_345, 12_345);
    expect(refusal(() => openJobDirectory(root))).toBe(
      `${root} ${there} belongs to another user (uid 12345). ${remedy}`,
    );
  });

  asRoot("as root in a container gives it to the owner of RUNNER_TEMP, who has to delete it later", () => {
    chownSync(temp, 12_345, 12_346);
    openJobDirectory(root);
    for (const name of ["", "/tokens", "/uses", "/finished"]) {
      expect(statSync(root + name)).toMatchObject({ uid: 12_345, gid: 12_346 });
    }
    // And takes it for its own the next time.
    expect(() => openJobDirectory(root)).not.toThrow();
  });

  test("says so where RUNNER_TEMP does not exist", () => {
    expect(refusal(() => openJobDirectory(`${temp}/no/aws-role-refresh`))).toBe(
      `${temp}/no/aws-role-refresh cannot be made: ENOENT. RUNNER_TEMP must exist and be writable.`,
    );
  });

  test("says so where RUNNER_TEMP is a file", () => {
    writeFileSync(`${temp}/file`, "");
    expect(refusal(() => openJobDirectory(`${temp}/file/aws-role-refresh`))).toContain(
      "cannot be made: ENOTDIR.",
    );
  });

  test("trusts nothing that is not there", () => {
    expect(() => untrusted(`${temp}/no`)).toThrow("ENOENT");
  });
});

describe("the lock", () => {
  const MODULE = JSON.stringify(path.resolve("lib/src/job/job-directory.js"));

  /** Another process, which has `withLock` and `fs`. */
  function other(script: string): ChildProcess {
    const source = `import * as fs from "node:fs"; import { setTimeout as sleep } from "node:timers/promises";
      import { withLock } from ${MODULE}; ${script}`;
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
    expect(await withLock(root, 1_000, () => locks().length)).toBe(1);
    expect(locks()).toEqual([]);
  });

  test("is released when the action throws", async () => {
    await expect(withLock(root, 1_000, () => Promise.reject(new Error("mine")))).rejects.toThrow("mine");
    expect(locks()).toEqual([]);
  });

  test("lets one in at a time within a process, too", async () => {
    let inside = 0;
    let most = 0;
    await Promise.all(
      Array.from({ length: 20 }, () =>
        withLock(root, 30_000, async () => {
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
          await withLock(root, 50_000, async () => {
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
      `await withLock(process.argv[1], 1000, async () => { console.log("in"); await sleep(50_000); });`,
    );
    await said(holder, "in");
    const began = performance.now();
    await expect(withLock(root, 300, () => "in")).rejects.toThrow(
      `Another use of this action has held ${root} for `,
    );
    expect(performance.now() - began).toBeGreaterThanOrEqual(300);
    // What it made for itself is gone, the other's is still there.
    expect(locks()).toHaveLength(1);
    expect(locks()[0]).toMatch(new RegExp(`^lock\\.${holder.pid}\\.`));
  });

  test("of a process that was killed is taken at once", async () => {
    const holder = other(
      `await withLock(process.argv[1], 1000, async () => { console.log("in"); await sleep(50_000); });`,
    );
    await said(holder, "in");
    holder.kill("SIGKILL");
    await once(holder, "exit");
    expect(locks()).toHaveLength(1);
    expect(await withLock(root, 5_000, () => "in")).toBe("in");
    expect(locks()).toEqual([]);
  });

  test("that is far too old is taken even if its pid is somebody's", async () => {
    const old = `${root}/lock.${process.pid}.0123456789ab`;
    writeFileSync(old, "");
    await expect(withLock(root, 100, () => "in")).rejects.toThrow("Another use");
    utimesSync(old, new Date(), new Date(Date.now() - 3_600_000));
    expect(await withLock(root, 5_000, () => "in")).toBe("in");
    expect(locks()).toEqual([]);
  });

  test("does not take other files for locks", async () => {
    for (const name of ["locks", "config", "lock"]) writeFileSync(`${root}/${name}`, "");
    expect(await withLock(root, 1_000, () => "in")).toBe("in");
    expect(readdirSync(root).sort()).toEqual(["config", "lock", "locks"]);
  });

  test("needs the directory", async () => {
    rmSync(root, { recursive: true });
    await expect(withLock(root, 1_000, () => "in")).rejects.toMatchObject({ code: "ENOENT" });
    expect(existsSync(root)).toBe(false);
  });

  test("survives that the action removes the directory", async () => {
    expect(await withLock(root, 1_000, () => rmSync(root, { recursive: true }))).toBeUndefined();
    expect(existsSync(root)).toBe(false);
  });
});
