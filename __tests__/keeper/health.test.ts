import { mkdirSync, rmSync, writeFileSync } from "node:fs";
import { expect, test } from "@jest/globals";
import { waitFor } from "../../harness/wait.ts";
import { writeRecord } from "../../src/base/files.ts";
import type { KeeperDirectory } from "../../src/base/layout.ts";
import { identify } from "../../src/base/process.ts";
import { healthOf, type Trouble } from "../../src/keeper/health.ts";
import type { KeeperStatus } from "../../src/keeper/status.ts";
import { fakeKeeper, tokenUntil } from "../job/setup.ts";

/** Whole seconds, as in a token. */
const NOW = Math.floor(Date.now() / 1000) * 1000;
const outage = { from: NOW - 9_000, attempts: 3, lastError: "github answered 503" };

/** A token directory with a keeper that is well. Its token was received a minute ago. */
async function kept(changes: Partial<KeeperStatus> = {}, expires = NOW + 240_000): Promise<KeeperDirectory> {
  const { directory, status: running } = await fakeKeeper("");
  const status: KeeperStatus = {
    ...running,
    startedAt: NOW - 600_000,
    tokenReceivedAt: NOW - 60_000,
    tokenExpiresAt: NOW + 240_000,
    lifetimeMs: 300_000,
    silentUntil: NOW + 110_000,
    refreshes: 12,
    failures: 0,
    longestAgeMs: 150_000,
    received: [],
    outages: [],
    stale: [],
    ...changes,
  };
  writeRecord(directory.status, status);
  writeFileSync(directory.secret, tokenUntil(expires / 1000));
  return directory;
}

/** What the keeper records on receipt of a token of 300 s: half of its life, and twice the longest request. */
const receivedAt = (at: number) => ({
  tokenReceivedAt: at,
  tokenExpiresAt: at + 300_000,
  silentUntil: at + 170_000,
});
const old = receivedAt(NOW - 310_000);
const late = (ms: number) => receivedAt(NOW - ms);

const CASES: [name: string, changes: Partial<KeeperStatus>, trouble: Trouble | undefined][] = [
  ["is well", {}, undefined],
  ["has failed since a token that is still valid", { outages: [outage] }, undefined],
  ["has failed, and got a token since", { ...old, outages: [{ ...outage, to: NOW }] }, "frozen"],
  ["has failed for longer than its token was valid", { ...old, outages: [outage] }, "cannot refresh"],
  ["is late by the longest request", late(160_000), undefined],
  ["is late by more than that", late(171_000), "frozen"],
  ["has recorded its end", { ended: { at: NOW, why: "job over" } }, "ended"],
  ["was stopped", { ended: { at: NOW, why: "stopped" } }, "stopped"],
  ["is another process by now", { started: "1" }, "died"],
  ["is a process that works elsewhere", identify(process.pid), "died"],
];

test.each(CASES)("a keeper that %s", async (_, changes, trouble) => {
  expect(healthOf(await kept(changes), NOW)).toMatchObject({ trouble, remainingMs: 240_000 });
});

test("no keeper, with and without a token", async () => {
  const directory = await kept();
  rmSync(directory.status);
  expect(healthOf(directory, NOW)).toEqual({
    trouble: "no keeper",
    remainingMs: 240_000,
    status: undefined,
  });
  rmSync(directory.path, { recursive: true });
  expect(healthOf(directory, NOW)).toEqual({
    trouble: "no keeper",
    remainingMs: undefined,
    status: undefined,
  });
});

test("a keeper that a step has asked to end", async () => {
  const directory = await kept();
  writeFileSync(directory.stop, "");
  expect(healthOf(directory, NOW).trouble).toBe("stopped");
});

test("a keeper that is suspended, at once", async () => {
  const { directory, status, child } = await fakeKeeper("");
  writeRecord(directory.status, { ...status, ...late(60_000), lifetimeMs: 300_000 });
  writeFileSync(directory.secret, tokenUntil(NOW / 1000 + 240));
  expect(healthOf(directory, NOW).trouble).toBeUndefined();
  child.kill("SIGSTOP");
  // A busy machine stops it a moment later.
  await waitFor("its suspension", 10_000, () => healthOf(directory, NOW).trouble === "frozen");
});

test("a token that a step replaced by an old one, removed, or made something else of", async () => {
  expect(healthOf(await kept({}, NOW - 5_000), NOW)).toMatchObject({
    trouble: "token stale",
    remainingMs: -5_000,
  });
  const directory = await kept();
  for (const content of ["", "x", "eyJ.e30.x"]) {
    writeFileSync(directory.secret, content);
    expect(healthOf(directory, NOW)).toMatchObject({ trouble: "token missing", remainingMs: undefined });
  }
  rmSync(directory.secret);
  expect(healthOf(directory, NOW).trouble).toBe("token missing");
  mkdirSync(directory.secret);
  expect(healthOf(directory, NOW).trouble).toBe("token missing");
});

test.each([-86_400_000, 86_400_000])(
  "a clock that is wrong by %d ms changes nothing",
  async (clockOffsetMs) => {
    // The token's own times are GitHub's; all of the status is by the wrong clock.
    expect(healthOf(await kept({ clockOffsetMs }, NOW + 240_000 + clockOffsetMs), NOW)).toMatchObject({
      trouble: undefined,
      remainingMs: 240_000,
    });
    expect(healthOf(await kept({ clockOffsetMs }, NOW - 1_000 + clockOffsetMs), NOW).trouble).toBe(
      "token stale",
    );
  },
);
