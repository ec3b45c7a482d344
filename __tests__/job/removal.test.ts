import { spawnSync } from "node:child_process";
import {
  chmodSync,
  chownSync,
  existsSync,
  lstatSync,
  mkdirSync,
  readdirSync,
  rmdirSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from "node:fs";
import path from "node:path";
import { afterEach, describe, expect, jest, test } from "@jest/globals";
import { withHeldOpen } from "../../harness/machine/held-open.ts";
import { NOBODY } from "../../harness/machine/means.ts";
import { closeDirectory, ensurePrivateDirectory, openJobDirectory } from "../../src/job/private-directory.ts";
import { clearRemains, closeAll, removeJobDirectory, removeTree } from "../../src/job/removal.ts";
import { job, temp } from "./setup.ts";

const asRoot = process.getuid?.() === 0 ? test : test.skip;
afterEach(() => {
  jest.restoreAllMocks();
});

describe("removing", () => {
  test("deletes what is in there, and nothing that a link leads to", () => {
    mkdirSync(`${temp}/mine`);
    writeFileSync(`${temp}/mine/file`, "precious");
    mkdirSync(`${temp}/tree/a/b`, { recursive: true });
    writeFileSync(`${temp}/tree/a/file`, "");
    symlinkSync(`${temp}/mine`, `${temp}/tree/a/link`);
    symlinkSync(`${temp}/nowhere`, `${temp}/tree/dangling`);
    chmodSync(`${temp}/tree/a`, 0o000);
    removeTree(`${temp}/tree`);
    expect(existsSync(`${temp}/tree`)).toBe(false);
    expect(readdirSync(`${temp}/mine`)).toEqual(["file"]);
    symlinkSync(`${temp}/mine`, `${temp}/link`);
    removeTree(`${temp}/link`);
    expect(readdirSync(temp).sort()).toEqual(["home", "mine"]);
    removeTree(`${temp}/link`); // gone already
  });

  asRoot("what another user has put there does not keep the rest", () => {
    mkdirSync(`${temp}/tree/b`, { recursive: true });
    for (const entry of [temp, `${temp}/tree`, `${temp}/tree/b`]) chownSync(entry, NOBODY, NOBODY);
    mkdirSync(`${temp}/tree/a of root/full`, { recursive: true });
    writeFileSync(`${temp}/tree/b/token`, "");
    const script = `const { removeTree } = await import(${JSON.stringify(path.resolve("lib/src/job/removal.js"))});
      try { removeTree(process.argv[1]); } catch (error) { console.log(error.code); }`;
    // The folder of this checkout need not be readable for that user: the module is loaded before.
    const child = spawnSync(
      process.execPath,
      ["--input-type=module", "-e", script.replace("try", `process.setuid(${NOBODY}); try`), `${temp}/tree`],
      { encoding: "utf8" },
    );
    expect([child.stdout.trim(), child.stderr]).toEqual([
      expect.stringMatching(/^E(ACCES|NOTEMPTY|PERM)$/),
      "",
    ]);
    expect(readdirSync(`${temp}/tree`)).toEqual(["a of root"]);
  });

  test("needs no name that another could occupy", () => {
    openJobDirectory(job);
    mkdirSync(`${job.path}.${process.pid}.gone/full`, { recursive: true });
    mkdirSync(`${job.path}.0123456789abcdef.gone`, { mode: 0o000 });
    removeJobDirectory(job);
    expect(readdirSync(temp)).toEqual(["home"]);
    clearRemains(job);
  });
});

describe("what another program has open on Windows", () => {
  const remove = (times: number) =>
    withHeldOpen<string>(
      { file: "/token", times, code: "EBUSY" },
      `const { removeTree } = await load("job/removal.js");
       try { removeTree(${JSON.stringify(`${temp}/tree`)}); return "removed"; } catch (error) { return error.message; }`,
    );
  const fill = (): void => {
    mkdirSync(`${temp}/tree/tokens`, { recursive: true });
    for (const name of ["tokens/token", "tokens/status.json", "config", "lock.1..0123456789ab", "uses"])
      writeFileSync(`${temp}/tree/${name}`, "content");
  };

  test("is removed once it is closed", () => {
    fill();
    expect(remove(50)).toEqual({ result: "removed", refused: 50 });
    expect(existsSync(`${temp}/tree`)).toBe(false);
  });

  test("is emptied and named if it is not closed; all else goes, but not the lock", () => {
    fill();
    const { result } = remove(Number.MAX_SAFE_INTEGER);
    expect(result).toMatch(
      /^Windows does not delete .*\/token, because another program has it open\. It is empty now$/,
    );
    expect(readdirSync(`${temp}/tree`, { recursive: true }).sort()).toEqual([
      "lock.1..0123456789ab",
      "tokens",
      "tokens/token",
    ]);
    expect(statSync(`${temp}/tree/tokens/token`).size).toBe(0);
  });
});

describe("permissions are given back", () => {
  test("to the job directory and everything that this action makes in it", () => {
    openJobDirectory(job);
    ensurePrivateDirectory(`${job.tokens}/0123`);
    const all = [`${job.tokens}/0123`, job.tokens, job.uses, job.finished, job.path];
    for (const directory of all) chmodSync(directory, 0o000);
    closeAll(job);
    expect(all.map((directory) => (statSync(directory).mode & 0o777).toString(8))).toEqual(
      Array(5).fill("700"),
    );
  });

  test("but not through a link", () => {
    openJobDirectory(job);
    mkdirSync(`${temp}/mine`, { mode: 0o755 });
    rmdirSync(job.tokens);
    symlinkSync(`${temp}/mine`, job.tokens);
    closeAll(job);
    expect(() => closeDirectory(job.tokens)).toThrow();
    expect((statSync(`${temp}/mine`).mode & 0o777).toString(8)).toBe("755");
  });
});

asRoot("a directory that becomes a link while root makes it does not give the link's target away", () => {
  chownSync(temp, 12_345, 12_345);
  mkdirSync(`${temp}/of root`, { mode: 0o755 });
  const umask = process.umask.bind(process);
  // What the owner of RUNNER_TEMP could do right after the directory is there.
  jest.spyOn(process, "umask").mockImplementation((mask?: string | number) => {
    if (existsSync(job.path) && !lstatSync(job.path).isSymbolicLink()) {
      rmdirSync(job.path);
      symlinkSync(`${temp}/of root`, job.path);
    }
    return mask === undefined ? umask() : umask(mask);
  });
  expect(() => openJobDirectory(job)).toThrow("cannot be created");
  expect(statSync(`${temp}/of root`)).toMatchObject({ uid: 0, gid: 0 });
});
