import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import os from "node:os";
import path from "node:path";
import { afterAll, expect, test } from "@jest/globals";
import { chained, credentialProcessOutput, readKeys } from "../../src/base/session.ts";

const folder = mkdtempSync(path.join(os.tmpdir(), "session file "));
afterAll(() => rmSync(folder, { recursive: true }));
const file = path.join(folder, "session");

const keys = {
  accessKeyId: "id",
  secretAccessKey: "a/b+c",
  sessionToken: "t==",
  expiresAt: 1_800_000_000_000,
};
const output = JSON.parse(credentialProcessOutput(keys)) as Record<string, unknown>;

test("what goes into the file comes out of it", () => {
  expect(output).toEqual({
    Version: 1,
    AccessKeyId: "id",
    SecretAccessKey: "a/b+c",
    SessionToken: "t==",
    Expiration: "2027-01-15T08:00:00Z",
  });
  writeFileSync(file, credentialProcessOutput(keys));
  expect(readKeys(file)).toEqual(keys);
});

test.each([
  ["no JSON", "{"],
  ["a list", "[]"],
  ["no keys", "{}"],
  ["a key that is no text", JSON.stringify({ ...output, AccessKeyId: { toString: "x" } })],
  ["a key with a line end", JSON.stringify({ ...output, SecretAccessKey: "a\nb" })],
  ["an empty key", JSON.stringify({ ...output, SessionToken: "" })],
  ["a time of another form", JSON.stringify({ ...output, Expiration: "tomorrow" })],
])("%s: no keys", (_, content) => {
  writeFileSync(file, content);
  expect(readKeys(file)).toBeUndefined();
});

test("no file: no keys", () => expect(readKeys(path.join(folder, "nothing"))).toBeUndefined());

test("a session that the role has from itself lives an hour at most", () => {
  const request = { roleArn: "r", sessionName: "s", region: "eu-west-1", endpoint: undefined };
  expect(chained(request).durationSeconds).toBe(3600);
  expect(chained({ ...request, durationSeconds: 900 }).durationSeconds).toBe(900);
  expect(chained({ ...request, durationSeconds: 43_200 }).durationSeconds).toBe(3600);
});
