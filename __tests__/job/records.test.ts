import { execFileSync } from "node:child_process";
import { copyFileSync, rmSync, symlinkSync, truncateSync, writeFileSync } from "node:fs";
import { beforeEach, describe, expect, test } from "@jest/globals";
import { tokenDirectory } from "../../src/base/layout.ts";
import { activeUses, finishedUses, readClaim } from "../../src/job/records.ts";
import { readStatus } from "../../src/keeper/record.ts";
import { begin, fakeKeeper, job, newUse, record, temp, text } from "./setup.ts";

const file = () => `${job.uses}/a.json`;
const ids = () => activeUses(job).map(({ id }) => id);

beforeEach(() => begin(newUse("a")));

describe("the record of a use is believed", () => {
  test("as main wrote it", () => {
    expect(ids()).toEqual(["a"]);
  });

  test.each<[string, Record<string, unknown>]>([
    ["version is another", { version: 2 }],
    ["version is missing", { version: undefined }],
    ["id is a path", { id: "../a" }],
    ["id is another file's", { id: "b" }],
    ["order is a text", { order: "1" }],
    ["order is 0", { order: 0 }],
    ["audience is a path with a line break", { audience: "../\n" }],
    ["section has a control character", { section: "[default]\r\n" }],
    ["roleArn is none", { roleArn: "::error::x" }],
    ["exported names what no SDK reads", { exported: { NODE_OPTIONS: "--require x" } }],
    ["exported has a line break", { exported: { AWS_REGION: "a\nPATH=b" } }],
    ["previous is not sealed", { previous: { AWS_REGION: "x" } }],
    ["profile is missing", { profile: undefined }],
  ])("but not if its %s", (_, change) => {
    writeFileSync(file(), JSON.stringify({ ...record("a"), ...change }));
    expect(ids()).toEqual([]);
  });

  test("but not as a copy under another name: that would keep the keeper alive", () => {
    copyFileSync(file(), `${job.uses}/b.json`);
    expect(ids()).toEqual(["a"]);
  });

  test("but not beyond 1 MiB, whose content is not even read", () => {
    writeFileSync(file(), `${text(file())}${" ".repeat(1024 * 1024)}`);
    expect(ids()).toEqual([]);
    truncateSync(file(), 64 * 1024 ** 3);
    expect(ids()).toEqual([]);
  });

  test.each<[string, () => void]>([
    ["a pipe", () => execFileSync("mkfifo", [file()])],
    ["a device", () => symlinkSync("/dev/zero", file())],
    ["a link to nowhere", () => symlinkSync(`${temp}/nowhere`, file())],
  ])("but not if it is %s", (_, make) => {
    rmSync(file());
    make();
    expect(ids()).toEqual([]);
  });
});

test.each<[string, Record<string, unknown>]>([
  ["pid is a path", { pid: "../../tmp/fifo" }],
  ["pid is negative", { pid: -1 }],
  ["pid is a fraction", { pid: 1.5 }],
  ["started is a number", { started: 1 }],
  ["outages are not a list", { outages: {} }],
  ["last error has a line break", { outages: [{ from: 1, attempts: 1, lastError: "a\n::error::b" }] }],
  ["ending is unknown", { ended: { at: 1, why: "::error::b" } }],
  ["list is too long", { received: Array(1001).fill(1) }],
])("a keeper's status is not believed if its %s", async (_, change) => {
  const { directory, status } = await fakeKeeper("");
  expect(readStatus(directory)).toEqual(status);
  writeFileSync(directory.status, JSON.stringify({ version: 1, ...status, ...change }));
  expect(readStatus(directory)).toBeUndefined();
});

test("nor a claim or a finished use of another form", () => {
  expect(readClaim(job)?.job).toMatch(/^[0-9a-f]{64}$/);
  writeFileSync(job.claim, JSON.stringify({ version: 1, job: "x", previous: {} }));
  expect(readClaim(job)).toBeUndefined();
  writeFileSync(`${job.finished}/b.json`, JSON.stringify({ version: 1, id: "b", keeper: { pid: 1 } }));
  expect(finishedUses(job)).toEqual([]);
});

test("the token directory is named by the audience alone", () => {
  expect(tokenDirectory(job, "../../x").path).toMatch(/\/tokens\/[0-9a-f]{16}$/);
});
