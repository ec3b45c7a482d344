import { expect, test } from "@jest/globals";
import { seal, unseal } from "../../src/base/seal.ts";

test("what is sealed comes back in the same job only", () => {
  const sealed = seal('{"a":"é\u2028"}', "this job's");
  expect(unseal(sealed, "this job's")).toBe('{"a":"é\u2028"}');
  expect(() => unseal(sealed, "another job's")).toThrow("encrypted in another job");
  expect(() => unseal(sealed, undefined)).toThrow("ACTIONS_RUNTIME_TOKEN is set");
  expect(() => unseal(sealed, "")).toThrow("ACTIONS_RUNTIME_TOKEN is set");
});

test("nothing of it can be read or changed, and no two are the same", () => {
  const [one, other] = [seal("not-a-key", "t"), seal("not-a-key", "t")];
  expect(one).not.toBe(other);
  expect(Buffer.from(one, "base64").includes("not-a-key")).toBe(false);
  const changed = Buffer.from(one, "base64");
  changed[changed.length - 1] = (changed.at(-1) ?? 0) ^ 1;
  expect(() => unseal(changed.toString("base64"), "t")).toThrow("encrypted in another job");
  expect(() => unseal("", "t")).toThrow("encrypted in another job");
});
