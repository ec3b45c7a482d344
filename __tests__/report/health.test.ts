import { expect, test } from "@jest/globals";
import { keeperDirectoryAt } from "../../src/base/layout.ts";
import { type Health, healthOf } from "../../src/keeper/health.ts";
import type { KeeperStatus } from "../../src/keeper/status.ts";
import { describeHealth, replacedWarning } from "../../src/report/health.ts";

const NOW = Date.UTC(2026, 10, 24, 14, 3, 30);
const status: KeeperStatus = {
  pid: 1,
  startedAt: NOW - 600_000,
  tokenReceivedAt: NOW - 60_000,
  tokenExpiresAt: NOW + 240_000,
  lifetimeMs: 300_000,
  silentUntil: NOW + 110_000,
  refreshes: 12,
  failures: 0,
  longestAgeMs: 0,
  received: [],
  outages: [],
  stale: [],
};
const outages = [{ from: NOW - 200_000, attempts: 14, lastError: "x\n::error::" }];
const failed = '14 requests failed since 14:00:10 UTC, the last with "x\\n::error::"';

const CASES: [health: Health, text: string][] = [
  [{ trouble: undefined, remainingMs: 240_000, status }, "token valid for 240 s, refreshed 12 times"],
  [
    { trouble: undefined, remainingMs: 9_400, status: { ...status, refreshes: 1, outages } },
    `token valid for 9 s, refreshed 1 time, ${failed}`,
  ],
  [
    { trouble: "died", remainingMs: -8_000, status },
    "token had been stale since 14:03:22 UTC, the keeper had been killed",
  ],
  [
    { trouble: "cannot refresh", remainingMs: -8_000, status: { ...status, outages } },
    `token had been stale since 14:03:22 UTC, the keeper could not refresh it, ${failed}`,
  ],
  [
    { trouble: "stopped", remainingMs: undefined, status },
    "token was missing, a step had stopped the keeper",
  ],
  [
    { trouble: "ended", remainingMs: undefined, status: { ...status, ended: { at: NOW, why: "failed" } } },
    "token was missing, the keeper had ended (failed)",
  ],
  [
    { trouble: "frozen", remainingMs: 1_000, status },
    "token valid for 1 s, the keeper was suspended or hung",
  ],
  [
    { trouble: "token missing", remainingMs: undefined, status },
    "token was missing, a step had removed or changed it",
  ],
  [
    { trouble: "token stale", remainingMs: -8_000, status },
    "token had been stale since 14:03:22 UTC, a step had changed it",
  ],
  [healthOf(keeperDirectoryAt("/nowhere")), "token was missing, no keeper was running"],
];

test.each(CASES.map(([health, text]) => ({ health, text })))("$text", ({ health, text }) => {
  expect(describeHealth(health, "token", NOW)).toBe(text);
});

test("a time that no clock has is no crash", () => {
  expect(describeHealth({ trouble: "died", remainingMs: -1e300, status }, "token", NOW)).toContain(
    "00:00:00",
  );
});

test("what main warns about has the time without a token only if there was one", () => {
  const dead: Health = { trouble: "died", remainingMs: 300_000, status };
  expect(replacedWarning(dead, NOW)).toMatch(/: the keeper had been killed\. This use wrote/);
  expect(replacedWarning(dead, NOW + 300_000)).toMatch(
    /: the keeper had been killed\. There had been no valid ID token since 14:07:30 UTC\. This use wrote/,
  );
  // It took the token along.
  const ended = { at: NOW, why: "stopped" as const };
  const stopped: Health = { ...dead, trouble: "stopped", status: { ...status, ended } };
  expect(replacedWarning(stopped, NOW + 1_000)).toContain("since 14:03:30 UTC");
});
