import { describe, expect, test } from "@jest/globals";
import type { Past } from "../../src/keeper/held-token.ts";
import {
  beginStatus,
  type KeeperStatus,
  recordEnd,
  recordFailure,
  recordRefresh,
} from "../../src/keeper/status.ts";

/** A keeper that has just begun, at 1,000, with a token of 300. */
function begun(): KeeperStatus {
  return {
    pid: 1,
    started: "1",
    startedAt: 1_000,
    tokenReceivedAt: 1_000,
    tokenExpiresAt: 1_300,
    lifetimeMs: 300,
    silentUntil: 1_170,
    refreshes: 0,
    failures: 0,
    longestAgeMs: 0,
    received: [1_000],
    outages: [],
    stale: [],
  };
}

/** A token that was replaced in time, at such an age. */
const fresh = (ageMs: number): Past => ({ ageMs, staleMs: 0 });

test("a refresh replaces the token's times and remembers the oldest one", () => {
  const status = begun();
  recordRefresh(status, 1_150, fresh(150.4), { remainingMs: 300, lifetimeMs: 300 });
  recordRefresh(status, 1_290, fresh(140), { remainingMs: 280, lifetimeMs: 290 });
  expect(status).toMatchObject({
    tokenReceivedAt: 1_290,
    tokenExpiresAt: 1_570,
    lifetimeMs: 290,
    refreshes: 2,
    failures: 0,
    longestAgeMs: 150,
    received: [1_000, 1_150, 1_290],
    outages: [],
    stale: [],
  });
});

test("failures in a row are one outage, which the next token ends", () => {
  const status = begun();
  recordFailure(status, 1_150, "refused");
  recordFailure(status, 1_160, "reset");
  expect(status.outages).toEqual([{ from: 1_150, attempts: 2, lastError: "reset" }]);
  recordRefresh(status, 1_170, fresh(170), { remainingMs: 300, lifetimeMs: 300 });
  recordFailure(status, 1_320, "refused");
  expect(status.outages).toEqual([
    { from: 1_150, to: 1_170, attempts: 2, lastError: "reset" },
    { from: 1_320, attempts: 1, lastError: "refused" },
  ]);
  expect(status.failures).toBe(3);
});

test("a token that expired in the file is a stale interval, which the next one ends", () => {
  const status = begun();
  recordFailure(status, 1_290, "refused");
  recordRefresh(status, 1_350, { ageMs: 350, staleMs: 49.6 }, { remainingMs: 300, lifetimeMs: 300 });
  expect(status.stale).toEqual([{ from: 1_300, to: 1_350 }]);
  expect(status.longestAgeMs).toBe(350);
});

test("how long it was stale counts, not what the clock said: that may have been set", () => {
  const status = begun();
  recordRefresh(status, 9_000_000, { ageMs: 350, staleMs: 50 }, { remainingMs: 300, lifetimeMs: 300 });
  expect(status).toMatchObject({ longestAgeMs: 350, stale: [{ from: 8_999_950, to: 9_000_000 }] });
});

test("the end of the keeper counts for the last token, too", () => {
  const status = begun();
  recordEnd(status, 1_200, fresh(200), "stopped");
  expect(status).toMatchObject({
    longestAgeMs: 200,
    stale: [],
    refreshes: 0,
    ended: { at: 1_200, why: "stopped" },
  });
  recordEnd(status, 1_400, { ageMs: 400, staleMs: 100 }, "job over");
  expect(status).toMatchObject({ longestAgeMs: 400, stale: [{ from: 1_300, to: 1_400 }] });
});

test("the lists are bounded: days of refreshes and outages stay a small file, the newest kept", () => {
  const status = begun();
  for (let n = 1; n <= 5_000; n++) {
    const now = 1_000 + n * 1_000;
    recordFailure(status, now - 1, "refused ".repeat(10));
    recordRefresh(status, now, { ageMs: 1_000, staleMs: 700 }, { remainingMs: 300, lifetimeMs: 300 });
  }
  expect(status.refreshes).toBe(5_000);
  expect(status.failures).toBe(5_000);
  expect(status.received).toHaveLength(200);
  expect(status.received.at(-1)).toBe(5_001_000);
  expect(status.outages).toHaveLength(200);
  expect(status.outages.at(-1)).toMatchObject({ to: 5_001_000 });
  expect(status.stale).toHaveLength(200);
  expect(JSON.stringify(status).length).toBeLessThan(64 * 1024);
});

describe("a new keeper inherits from the one before", () => {
  const token = { remainingMs: 300, lifetimeMs: 300, clockOffsetMs: -5 };

  test("that was killed: its token was stale when it expired, and its outage is over", () => {
    const outages = [{ from: 1_150, attempts: 2, lastError: "reset" }];
    expect(beginStatus(token, 2_000, { ...begun(), refreshes: 3, outages })).toMatchObject({
      refreshes: 3,
      tokenReceivedAt: 2_000,
      tokenExpiresAt: 2_300,
      clockOffsetMs: -5,
      longestAgeMs: 1_000,
      received: [1_000, 2_000],
      stale: [{ from: 1_300, to: 2_000 }],
      outages: [{ ...outages[0], to: 2_000 }],
    });
  });

  test("that a step stopped: it took its token along", () => {
    const dead = { ...begun(), longestAgeMs: 150, ended: { at: 1_200, why: "stopped" as const } };
    const status = beginStatus(token, 2_000, dead);
    expect(status).toMatchObject({ longestAgeMs: 150, stale: [{ from: 1_200, to: 2_000 }] });
    expect(status.ended).toBeUndefined();
  });
});

test("the clock of the server is that of the last answer that had one", () => {
  const status = beginStatus({ remainingMs: 300, lifetimeMs: 300 }, 1_000, undefined);
  expect(status).not.toHaveProperty("clockOffsetMs");
  recordRefresh(status, 1_150, fresh(150), { remainingMs: 300, lifetimeMs: 300, clockOffsetMs: 7 });
  recordRefresh(status, 1_300, fresh(150), { remainingMs: 300, lifetimeMs: 300, clockOffsetMs: undefined });
  expect(status.clockOffsetMs).toBe(7);
});
