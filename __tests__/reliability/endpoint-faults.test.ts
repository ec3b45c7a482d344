// Every way in which the ID token endpoint can fail, against the built keeper: while it lasts the old token
// stays, nothing but a whole token of this job ever stands in the file, no reader notices, and when it is
// over the token is fresh again.
import { setTimeout as sleep } from "node:timers/promises";
import { afterAll, beforeAll, expect, test } from "@jest/globals";
import type { GitHubFault } from "../../harness/clouds/faults.ts";
import { Outage, Scene } from "../../harness/machine/scene.ts";
import { together } from "../../harness/machine/together.ts";
import { requestTimeout } from "../../src/keeper/schedule.ts";

const LIFE_MS = 8_000;
/** The longest pause between two tries at this life. */
const RETRY_CAP_MS = LIFE_MS / 10;

/** This process could not look for so long: then the keeper may not have had its turn either. */
const BUSY_MS = 200;

interface Case {
  name: string;
  fault: GitHubFault;
  /** What the status file says of it, for the summary. */
  said: RegExp;
  /** Takes as long as a request may take: leaves less time before the token runs out. */
  hangs?: boolean;
}

const CASES: Case[] = [
  { name: "500", fault: { status: 500, body: "oops" }, said: /answered 500$/ },
  {
    name: "502 from a proxy",
    fault: { status: 502, body: "<html>Bad Gateway</html>" },
    said: /answered 502$/,
  },
  {
    name: "429 with Retry-After in seconds",
    fault: { status: 429, headers: { "retry-after": "3600" } },
    said: /answered 429$/,
  },
  {
    name: "503 with Retry-After as a date",
    fault: { status: 503, headers: { "retry-after": new Date(Date.now() + 86_400_000).toUTCString() } },
    said: /answered 503$/,
  },
  {
    name: "429 with a Retry-After that is none",
    fault: { status: 429, headers: { "retry-after": "-1, soon" } },
    said: /answered 429$/,
  },
  { name: "401 for a while", fault: { status: 401, body: "{}" }, said: /answered 401$/ },
  { name: "204", fault: { status: 204 }, said: /answered 204$/ },
  { name: "reset", fault: "reset", said: /cannot be reached/ },
  {
    name: "hang before headers",
    fault: "hang-before-headers",
    said: /did not answer within 1333\.?\d* ms/,
    hangs: true,
  },
  {
    name: "hang in the body",
    fault: "hang-in-body",
    said: /did not answer within 1333\.?\d* ms/,
    hangs: true,
  },
  { name: "one byte a second", fault: "slow", said: /did not answer within 1333\.?\d* ms/, hangs: true },
  { name: "redirect", fault: { redirect: "http://127.0.0.1:9/" }, said: /answered 302$/ },
  { name: "gzip that nobody asked for", fault: "gzip", said: /the answer is not JSON/ },
  { name: "body of 1 MB", fault: "huge", said: /larger than 65536 bytes/ },
  { name: "HTML", fault: "html", said: /the answer is not JSON/ },
  { name: "no body", fault: "empty-body", said: /the answer is not JSON/ },
  { name: "null", fault: { status: 200, body: "null" }, said: /does not contain a JWT/ },
  {
    name: "another JSON",
    fault: { status: 200, body: '{"value":{"value":1}}' },
    said: /does not contain a JWT/,
  },
  { name: "empty value", fault: "empty-value", said: /does not contain a JWT/ },
  { name: "not a JWT", fault: "not-a-jwt", said: /does not contain a JWT/ },
  {
    name: "JWT with a newline behind it",
    fault: { value: `${fakeToken({ exp: 4e9, aud: "sts.amazonaws.com" })}\nx` },
    said: /does not contain a JWT/,
  },
  { name: "expired token", fault: "expired-token", said: /expired already/ },
  { name: "token from the future", fault: "future-token", said: /from the future/ },
  { name: "token for another audience", fault: "other-audience", said: /for another audience/ },
  { name: "token for no audience", fault: { claims: { aud: undefined } }, said: /for another audience/ },
  { name: "token without exp", fault: "no-exp", said: /has no expiry time/ },
  {
    name: "exp that is text",
    fault: { claims: { exp: "4000000000" } },
    said: /has no expiry time/,
  },
];

function fakeToken(claims: object): string {
  return ["{}", JSON.stringify(claims), "signature"]
    .map((part) => Buffer.from(part).toString("base64url"))
    .join(".");
}

let scene: Scene;
let outcome: (one: Case) => ReturnType<typeof live>;

async function live({ fault, hangs }: Case) {
  // Together with the last try before its end and the pause after it, a little less than half a life.
  const lasts = LIFE_MS / 2 - RETRY_CAP_MS - (hangs ? requestTimeout(LIFE_MS) : 0) - LIFE_MS / 8;
  const outage = new Outage(lasts, fault);
  const kept = await scene.keep({ lifeMs: LIFE_MS, weather: outage.weather });
  const first = kept.reader.expires;
  const after = await kept.keeper.until("a token after the outage", ({ refreshes }) => refreshes >= 2);
  const requests = kept.requests();
  // Two lives more: what came of it must not linger.
  await sleep(LIFE_MS);
  return {
    kept,
    requests,
    after,
    first,
    outageEnded: outage.endsAt ?? 0,
    seen: kept.reader.stop(),
    end: await kept.keeper.stop(),
  };
}

beforeAll(async () => {
  scene = await Scene.start();
  outcome = together(CASES, live);
});
afterAll(() => scene.close());

test.each(CASES)("$name: noticed by the keeper, by no reader, and over when it is over", async (one) => {
  const { kept, requests, after, outageEnded, seen, end } = await outcome(one);
  expect(after.outages).toHaveLength(1);
  // On a machine that stands still for a while the last of the failures may be a request that took too long.
  const busy = seen.blindMs > BUSY_MS;
  expect(after.outages[0]?.lastError).toMatch(busy ? /answer|reached|token/ : one.said);
  expect(after.failures).toBe(requests.length - 2);
  expect(after.failures).toBeGreaterThan(0);

  expect(seen).toMatchObject({ missing: 0, torn: 0 });
  if (!busy) expect(seen.stale).toBe(0);
  expect(after.tokenReceivedAt - outageEnded).toBeLessThan(RETRY_CAP_MS + requestTimeout(LIFE_MS) + 1_000);

  // One request at a time and never a storm: at most the doubling pauses, then one in half a cap on average.
  expect(requests.length).toBeLessThan(60);
  expect(end).toMatchObject({ ended: { why: "stopped" } });
  if (!busy) expect(end.failures).toBe(after.failures);
  expect(end.refreshes).toBeGreaterThan(2);
  expect(kept.keeper.output).toBe("");
});
