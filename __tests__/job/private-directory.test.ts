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
  writeFileSync,
} from "node:fs";
import os from "node:os";
import path from "node:path";
import { afterEach, beforeEach, describe, expect, test } from "@jest/globals";
import { UserError } from "../../src/base/errors.ts";
import { type JobDirectory, jobDirectory } from "../../src/base/layout.ts";
import { closeDirectory, notOurs, openJobDirectory } from "../../src/job/private-directory.ts";

let temp: string;
let root: string;
let job: JobDirectory;

beforeEach(() => {
  temp = mkdtempSync(path.join(os.tmpdir(), "job test "));
  root = `${temp}/aws-role-refresh`;
  job = jobDirectory(root);
});

afterEach(() => rmSync(temp, { recursive: true, force: true }));

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

describe("opening", () => {
  test.each([0o000, 0o022, 0o077, 0o777])("makes it and all in it private under umask %o", (mask) => {
    const before = process.umask(mask);
    try {
      openJobDirectory(job);
    } finally {
      process.umask(before);
    }
    expect(readdirSync(root).sort()).toEqual(["finished", "sessions", "tokens", "uses"]);
    for (const name of ["", "/tokens", "/sessions", "/uses", "/finished"])
      expect([name, modeOf(root + name)]).toEqual([name, "700"]);
  });

  test("takes the one that is there", () => {
    openJobDirectory(job);
    writeFileSync(`${root}/config`, "kept");
    openJobDirectory(job);
    expect(readFileSync(`${root}/config`, "utf8")).toBe("kept");
  });

  test("completes one that a main which was killed had only begun", () => {
    mkdirSync(root, 0o700);
    openJobDirectory(job);
    expect(readdirSync(root).sort()).toEqual(["finished", "sessions", "tokens", "uses"]);
  });

  const there = "already exists and";
  const remedy = "Remove it from this runner: another program made it or changed it.";

  test("refuses a symlink, also to a directory that is private, and leaves its target alone", () => {
    mkdirSync(`${temp}/target`, 0o700);
    symlinkSync(`${temp}/target`, root);
    expect(refusal(() => openJobDirectory(job))).toBe(`${root} ${there} is a symlink. ${remedy}`);
    expect(readdirSync(`${temp}/target`)).toEqual([]);
  });

  test("refuses a symlink that points nowhere", () => {
    symlinkSync(`${temp}/nowhere`, root);
    expect(refusal(() => openJobDirectory(job))).toBe(`${root} ${there} is a symlink. ${remedy}`);
    expect(existsSync(`${temp}/nowhere`)).toBe(false);
  });

  test("refuses a file", () => {
    writeFileSync(root, "");
    expect(refusal(() => openJobDirectory(job))).toBe(`${root} ${there} is not a directory. ${remedy}`);
  });

  test.each([0o750, 0o705, 0o710, 0o701, 0o720, 0o702, 0o777])(
    "refuses one that others may enter: mode %o",
    (mode) => {
      mkdirSync(root);
      chmodSync(root, mode);
      expect(refusal(() => openJobDirectory(job))).toBe(
        `${root} ${there} is open to other users (mode ${mode.toString(8)}). ${remedy}`,
      );
      expect(readdirSync(root)).toEqual([]);
    },
  );

  asRoot("refuses another user's", () => {
    mkdirSync(root, 0o700);
    chownSync(root, 12_345, 12_345);
    expect(refusal(() => openJobDirectory(job))).toBe(
      `${root} ${there} belongs to another user (uid 12345). ${remedy}`,
    );
  });

  asRoot("as root in a container gives it to the owner of RUNNER_TEMP, who has to delete it later", () => {
    chownSync(temp, 12_345, 12_346);
    openJobDirectory(job);
    for (const name of ["", "/tokens", "/uses", "/finished"]) {
      expect(statSync(root + name)).toMatchObject({ uid: 12_345, gid: 12_346 });
    }
    // And takes it for its own the next time.
    expect(() => openJobDirectory(job)).not.toThrow();
  });

  test("says so where RUNNER_TEMP does not exist", () => {
    expect(refusal(() => openJobDirectory(jobDirectory(`${temp}/no/aws-role-refresh`)))).toBe(
      `${temp}/no/aws-role-refresh cannot be created: ENOENT. RUNNER_TEMP must exist and be writable.`,
    );
  });

  test("says so where RUNNER_TEMP is a file", () => {
    writeFileSync(`${temp}/file`, "");
    expect(refusal(() => openJobDirectory(jobDirectory(`${temp}/file/aws-role-refresh`)))).toContain(
      "cannot be created: ENOTDIR.",
    );
  });

  test("trusts nothing that is not there", () => {
    expect(() => notOurs(`${temp}/no`)).toThrow("ENOENT");
  });
});

describe("closing", () => {
  const platform = Object.getOwnPropertyDescriptor(process, "platform") as PropertyDescriptor;
  afterEach(() => {
    Object.defineProperty(process, "platform", platform);
  });

  test.each(["linux", "darwin"])(
    "works on a directory of any mode, and never through a link (%s)",
    (value) => {
      Object.defineProperty(process, "platform", { ...platform, value });
      for (const mode of [0o000, 0o077, 0o777]) {
        mkdirSync(root);
        chmodSync(root, mode);
        closeDirectory(root);
        expect(modeOf(root)).toBe("700");
        rmSync(root, { recursive: true });
      }
      mkdirSync(`${temp}/target`);
      chmodSync(`${temp}/target`, 0o755);
      symlinkSync(`${temp}/target`, root);
      expect(() => closeDirectory(root)).toThrow();
      expect(modeOf(`${temp}/target`)).toBe("755");
    },
  );
});
