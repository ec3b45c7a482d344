import {
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  rmSync,
  symlinkSync,
  utimesSync,
  writeFileSync,
} from "node:fs";
import os from "node:os";
import path from "node:path";
import { afterEach, beforeEach, describe, expect, test } from "@jest/globals";
import { deleteCachedSessions, parseRole } from "../../src/aws/cli-cache.ts";

let cache: string;
beforeEach(() => {
  cache = mkdtempSync(path.join(os.tmpdir(), "cache test "));
});
afterEach(() => rmSync(cache, { recursive: true, force: true }));

const session = (arn: unknown): string =>
  JSON.stringify({ Credentials: { Expiration: "2030-01-01T00:00:00Z" }, AssumedRoleUser: { Arn: arn } });
const put = (name: string, content: string): void => writeFileSync(path.join(cache, name), content);
const OURS = "arn:aws:sts::111122223333:assumed-role/deploy/session";
const ROLE = "arn:aws:iam::111122223333:role/team/deploy";
const CHAINED = "arn:aws:sts::444455556666:assumed-role/chained/x";
const remove = (isOurs?: (arn: string, writtenAt: number) => boolean): number =>
  deleteCachedSessions(cache, ROLE, "session", isOurs);

describe("deleting", () => {
  test("takes the sessions of the role and session name, and no others", () => {
    put("0a.json", session(OURS));
    put("0b.json", session(OURS));
    put("0c.json", session("arn:aws:sts::111122223333:assumed-role/deploy/another"));
    put("0d.json", session("arn:aws:sts::111122223333:assumed-role/deploy2/session"));
    put("0e.json", session("arn:aws:sts::444455556666:assumed-role/deploy/session"));
    put("0f.json", session(""));
    expect(remove()).toBe(2);
    expect(readdirSync(cache)).toEqual(["0c.json", "0d.json", "0e.json", "0f.json"]);
  });

  test("takes the others that are asked for", () => {
    put("0a.json", session("arn:aws:sts::444455556666:assumed-role/chained/x"));
    put("0b.json", session("arn:aws:sts::444455556666:assumed-role/other/x"));
    expect(remove((arn) => arn.includes("/chained/"))).toBe(1);
    expect(readdirSync(cache)).toEqual(["0b.json"]);
  });

  // Computed by botocore: AssumeRoleWithWebIdentityCredentialFetcher(...)._cache_key.
  const NAME = "eb41f7d05b7f224bf5b37f4c7d6d79513e5821b6.json";
  test.each([
    ["no ARN", session("")],
    ["no text for one", session(undefined)],
    ["nothing that can be read", "{"],
  ])("takes the file that the AWS CLI names after the role and session name, with %s in it", (_, content) => {
    put(NAME, content);
    put(NAME.replace(/^./, "0"), content);
    expect(remove()).toBe(1);
    expect(readdirSync(cache)).toEqual([NAME.replace(/^./, "0")]);
  });

  test("goes by when a file was written, too", () => {
    for (const [name, seconds] of [
      ["old.json", 1_000],
      ["new.json", 3_000],
    ] as const) {
      put(name, session(CHAINED));
      utimesSync(path.join(cache, name), seconds, seconds);
    }
    expect(remove((_, writtenAt) => writtenAt >= 2_000_000)).toBe(1);
    expect(readdirSync(cache)).toEqual(["old.json"]);
  });

  test("leaves what is not a session, whatever it is", () => {
    put("session.db", session(OURS));
    put("a.json", "");
    put("b.json", "null");
    put("c.json", "[1");
    put("d.json", session(undefined));
    put("e.json", session({ a: 1 }));
    put("f.json", JSON.stringify({ AssumedRoleUser: null }));
    put("g.json", JSON.stringify([session(OURS)]));
    mkdirSync(path.join(cache, "h.json"));
    const before = readdirSync(cache);
    expect(remove(() => true)).toBe(0);
    expect(readdirSync(cache)).toEqual(before);
  });

  test("takes a symlink and not what it points at", () => {
    const target = path.join(cache, "target");
    writeFileSync(target, session(OURS));
    symlinkSync(target, path.join(cache, "link.json"));
    expect(remove(() => true)).toBe(1);
    expect(existsSync(target)).toBe(true);
  });

  test.each(["no", "file"])("of a cache that is not there (%s) deletes nothing", (name) => {
    put("file", "");
    expect(deleteCachedSessions(path.join(cache, name), ROLE, "session", () => true)).toBe(0);
  });
});

describe("parseRole", () => {
  test.each([
    ["arn:aws:sts::111122223333:assumed-role/deploy/session", "aws:111122223333:deploy", "session"],
    [
      "arn:aws-cn:sts::111122223333:assumed-role/A.b+c=d,e@f-g_h/s=1,2.3@4-5",
      "aws-cn:111122223333:A.b+c=d,e@f-g_h",
      "s=1,2.3@4-5",
    ],
    ["arn:aws:iam::111122223333:role/deploy", "aws:111122223333:deploy", undefined],
    // The path of a role is not in the ARN of its sessions.
    ["arn:aws:iam::111122223333:role/a/b/deploy", "aws:111122223333:deploy", undefined],
    ["arn:minio:iam:::role/deploy", "minio::deploy", undefined],
  ])("%s", (arn, role, name) => {
    expect(parseRole(arn)).toEqual({ role, session: name });
  });

  test.each([
    "",
    "deploy",
    "arn:aws:iam::111122223333:user/x",
    "arn:aws:sts::111122223333:assumed-role/deploy",
    "arn:aws:sts::111122223333:federated-user/x",
  ])("%j is none", (arn) => {
    expect(parseRole(arn)).toBeUndefined();
  });
});
