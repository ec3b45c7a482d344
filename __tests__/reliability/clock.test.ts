// Time that does not go as it should: a stopped process, a clock that is set, a clock that is wrong.
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import os from "node:os";
import path from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { afterAll, beforeAll, describe, expect, test } from "@jest/globals";
import { faketime, unless } from "../../harness/machine/means.ts";
import { Scene } from "../../harness/machine/scene.ts";
import { together } from "../../harness/machine/together.ts";
import { CLOCK_JUMP_MS, TICK_MS } from "../../src/keeper/schedule.ts";

const SLACK_MS = 1_000;
const WHY = "libfaketime is not installed";

let scene: Scene;
let folder: string;

interface Case {
  name: string;
  /** How far the clock is set, or off. */
  seconds: number;
}

const JUMPS: Case[] = [
  { name: "forward an hour", seconds: 3_600 },
  { name: "back an hour", seconds: -3_600 },
];
const SMALL_JUMP: Case = { name: "forward by less than the keeper minds", seconds: CLOCK_JUMP_MS / 2_000 };
const WRONG: Case[] = [
  { name: "10 minutes ahead", seconds: 600 },
  { name: "10 minutes behind", seconds: -600 },
  { name: "in 1970", seconds: -Math.floor(Date.now() / 1000) + 86_400 },
];
/** Far longer than what the test lasts: only a clock that jumped makes the keeper ask. */
const LONG_LIFE_MS = 600_000;
const SHORT_LIFE_MS = 4_000;
const STOPPED_LIFE_MS = 3_000;
const STOPPED = { name: "stopped" };

let jumped: (one: Case) => ReturnType<typeof jump>;
let wrong: (one: Case) => ReturnType<typeof beWrong>;
let stopped: (one: { name: string }) => ReturnType<typeof beStopped>;

beforeAll(async () => {
  scene = await Scene.start();
  folder = mkdtempSync(path.join(os.tmpdir(), "clock "));
  stopped = together([STOPPED], beStopped);
  if (faketime === undefined) return;
  jumped = together([...JUMPS, SMALL_JUMP], jump);
  wrong = together(WRONG, beWrong);
});
afterAll(async () => {
  await scene.close();
  rmSync(folder, { recursive: true, force: true });
});

/** Sets the clock that is read from `file`. */
function set(file: string, seconds: number): void {
  writeFileSync(file, `${seconds < 0 ? "" : "+"}${seconds}\n`);
}

/**
 * The environment of a process whose wall clock is set so; its monotonic clock goes on, as when a real clock
 * is set.
 */
function wallClock(file: string): Record<string, string> {
  return {
    LD_PRELOAD: faketime ?? "",
    FAKETIME_TIMESTAMP_FILE: file,
    FAKETIME_NO_CACHE: "1",
    FAKETIME_DONT_FAKE_MONOTONIC: "1",
  };
}

async function jump({ name, seconds }: Case) {
  const file = path.join(folder, name);
  set(file, 0);
  const kept = await scene.keep({ lifeMs: LONG_LIFE_MS, env: wallClock(file) });
  await sleep(500);
  set(file, seconds);
  await sleep(TICK_MS + SLACK_MS);
  const forth = kept.requests().length;
  set(file, 0);
  await sleep(TICK_MS + SLACK_MS);
  return {
    forth,
    back: kept.requests().length - forth,
    seen: kept.reader.stop(),
    end: await kept.keeper.stop(),
  };
}

async function beWrong({ name, seconds }: Case) {
  const file = path.join(folder, name);
  set(file, seconds);
  const kept = await scene.keep({
    lifeMs: SHORT_LIFE_MS,
    env: wallClock(file),
  });
  const status = await kept.keeper.until("three tokens", ({ refreshes }) => refreshes === 3);
  return { status, requests: kept.requests(), seen: kept.reader.stop() };
}

async function beStopped() {
  const kept = await scene.keep({ lifeMs: STOPPED_LIFE_MS });
  await kept.keeper.until("a token", ({ refreshes }) => refreshes === 1);
  kept.keeper.signal("SIGSTOP");
  const began = performance.now();
  await sleep(3 * STOPPED_LIFE_MS);
  const before = kept.requests().length;
  kept.keeper.signal("SIGCONT");
  const continued = performance.now();
  const status = await kept.keeper.until("a token after it", ({ refreshes }) => refreshes === 2);
  return {
    freshAfterMs: performance.now() - continued,
    stoppedMs: continued - began,
    requests: kept.requests().length - before,
    status,
    seen: kept.reader.stop(),
  };
}

describe(`the clock is set${unless(faketime !== undefined, WHY)}`, () => {
  const run = faketime === undefined ? test.skip : test;

  run.each(JUMPS)("$name, and back again: fresh within a tick, one request each", async (one) => {
    const { forth, back, seen, end } = await jumped(one);
    expect({ forth, back }).toEqual({ forth: 1, back: 1 });
    expect(seen).toMatchObject({ missing: 0, torn: 0, stale: 0 });
    // No token was ever old, whatever the wall clock says.
    expect(end.stale).toEqual([]);
    expect(end.longestAgeMs).toBeGreaterThanOrEqual(0);
    expect(end.longestAgeMs).toBeLessThan(2 * TICK_MS + 4 * SLACK_MS);
  });

  run(`${SMALL_JUMP.name}: no request at all`, async () => {
    const { forth, back, end } = await jumped(SMALL_JUMP);
    expect({ forth, back }).toEqual({ forth: 0, back: 0 });
    expect(end.stale).toEqual([]);
  });
});

describe(`the clock of the machine is wrong${unless(faketime !== undefined, WHY)}`, () => {
  const run = faketime === undefined ? test.skip : test;

  run.each(WRONG)("$name: fresh as ever", async (one) => {
    const { status, requests, seen } = await wrong(one);
    expect(Math.abs(status.startedAt - Date.now() - one.seconds * 1000)).toBeLessThan(60_000);
    expect(status).toMatchObject({ failures: 0, stale: [] });
    expect(requests).toHaveLength(3);
    expect(seen.staleMs).toBeLessThanOrEqual(seen.blindMs);
  });
});

test("stopped for three lives, then continued: fresh at once, with one request", async () => {
  const { freshAfterMs, stoppedMs, requests, status, seen } = await stopped(STOPPED);
  expect(freshAfterMs).toBeLessThan(SLACK_MS);
  expect(requests).toBe(1);
  // It tells post what it could not help.
  expect(status.stale).toHaveLength(1);
  const told = (status.stale[0]?.to ?? 0) - (status.stale[0]?.from ?? 0);
  expect(Math.abs(told - seen.staleMs)).toBeLessThan(SLACK_MS);
  expect(told).toBeGreaterThan(stoppedMs - STOPPED_LIFE_MS - SLACK_MS);
});
