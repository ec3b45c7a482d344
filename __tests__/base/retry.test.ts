import { expect, test } from "@jest/globals";
import { type Failure, type FailureKind, kindOfCode, RequestError } from "../../src/base/network.ts";
import { retrying } from "../../src/base/retry.ts";

/** Fails as listed, then succeeds; how often it was tried, and what was reported. */
async function attempt(
  failures: Failure[],
): Promise<{ tries: number; reported: Failure[]; error?: unknown }> {
  const reported: Failure[] = [];
  let tries = 0;
  const request = async () => {
    const failure = failures[tries++];
    if (failure) throw new RequestError(failure);
  };
  const error = await retrying(request, (failure) => reported.push(failure)).catch(
    (thrown: unknown) => thrown,
  );
  return { tries, reported, error };
}

test.each<FailureKind>(["certificate", "not-tls", "denied"])("%s: waiting does not help", async (kind) => {
  const failure = { kind, message: "no" };
  const { tries, reported, error } = await attempt([failure]);
  expect([tries, reported]).toEqual([1, []]);
  expect((error as RequestError).failure).toBe(failure);
});

test.each<FailureKind>([
  "unknown-name",
  "dns",
  "proxy",
  "unreachable",
  "throttled",
  "server-error",
  "provider",
  "refused",
  "malformed",
])("%s: tried again", async (kind) => {
  const failure = { kind, message: "not yet" };
  const { tries, reported, error } = await attempt([failure, failure]);
  expect([tries, reported, error]).toEqual([3, [failure, failure], undefined]);
});

test("a Retry-After is waited for", async () => {
  const began = performance.now();
  await attempt([{ kind: "throttled", message: "slow down", retryAfterMs: 700 }]);
  expect(performance.now() - began).toBeGreaterThanOrEqual(690);
});

test("a Retry-After beyond the patience ends it at once", async () => {
  const { tries } = await attempt([{ kind: "malformed", message: "later", retryAfterMs: 3_600_000 }]);
  expect(tries).toBe(1);
});

test("any other error is thrown at once", async () => {
  let tries = 0;
  const request = async () => {
    tries++;
    throw new TypeError("a bug");
  };
  await expect(retrying(request, () => {})).rejects.toThrow("a bug");
  expect(tries).toBe(1);
});

test.each<[string | undefined, FailureKind]>([
  ["EPROTO", "not-tls"],
  ["SELF_SIGNED_CERT_IN_CHAIN", "certificate"],
  ["DEPTH_ZERO_SELF_SIGNED_CERT", "certificate"],
  ["UNABLE_TO_VERIFY_LEAF_SIGNATURE", "certificate"],
  ["UNABLE_TO_GET_ISSUER_CERT_LOCALLY", "certificate"],
  ["CERT_HAS_EXPIRED", "certificate"],
  ["ERR_TLS_CERT_ALTNAME_INVALID", "certificate"],
  ["HOSTNAME_MISMATCH", "certificate"],
  ["ENOTFOUND", "unknown-name"],
  ["EAI_AGAIN", "dns"],
  ["ERR_PROXY_TUNNEL", "proxy"],
  ["ECONNREFUSED", "unreachable"],
  ["ETIMEDOUT", "unreachable"],
  ["TimeoutError", "unreachable"],
  [undefined, "unreachable"],
])("the code %s is of kind %s", (code, kind) => {
  expect(kindOfCode(code)).toBe(kind);
});
