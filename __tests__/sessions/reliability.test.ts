// A shared session and the process that renews it: outages, a process that is killed, hangs or loses its
// keeper, and a clock that is set. Meanwhile the old session stays, and afterwards there is a new one.
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import os from "node:os";
import path from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { afterAll, afterEach, beforeAll, describe, expect, test } from "@jest/globals";
import type { GitHubFault, StsFault } from "../../harness/clouds/faults.ts";
import { faketime, unless } from "../../harness/machine/means.ts";
import { HeldSession, type SessionKeeperOptions } from "../../harness/machine/session-keeper.ts";
import { killForGood } from "../../harness/machine/stage.ts";
import { together } from "../../harness/machine/together.ts";
import { waitFor } from "../../harness/wait.ts";
import { TICK_MS } from "../../src/keeper/schedule.ts";

const LIMIT_MS = 120_000;
const held: HeldSession[] = [];
async function start(options: SessionKeeperOptions): Promise<HeldSession> {
  const one = await HeldSession.start(options);
  held.push(one);
  return one;
}
const closeAll = async () => {
  await Promise.all(held.splice(0).map((one) => one.close()));
};

/** Nothing that works for this session runs any more; sooner than a request to STS would end by itself. */
const allGone = (one: HeldSession) =>
  waitFor("the end of all processes", 8_000, () => one.keeper.processes().length === 0);

describe("an outage that begins when the session is renewed", () => {
  const SECONDS = 40;
  /** The longest pause between two tries at this life. */
  const RETRY_CAP_MS = (SECONDS * 1000) / 10;
  /** Less than the half life that is left, by two pauses and what a busy machine needs for the exchange. */
  const LASTS_MS = (SECONDS * 1000) / 2 - 2 * RETRY_CAP_MS - 4_000;
  /** A request that hangs takes a quarter of the life more. */
  const HANGS_MS = 500;
  const CASES: { name: string; github?: GitHubFault; sts?: StsFault; lastsMs?: number }[] = [
    { name: "GitHub answers 503", github: { status: 503 } },
    { name: "GitHub resets", github: "reset" },
    { name: "GitHub hangs", github: "hang-before-headers", lastsMs: HANGS_MS },
    { name: "STS answers 503", sts: { status: 503 } },
    { name: "STS resets", sts: "reset" },
    { name: "STS hangs", sts: "hang-before-headers", lastsMs: HANGS_MS },
    { name: "STS refuses", sts: { error: "AccessDenied" } },
    { name: "STS answers with a page of HTML", sts: "html" },
  ];

  async function outlast({ github, sts, lastsMs = LASTS_MS }: (typeof CASES)[number]) {
    const started = starting.then(() => start({ sessionSeconds: SECONDS }));
    starting = started.catch(() => {});
    const one = await started;
    let endsAt: number | undefined;
    const during = <F>(fault: F | undefined) => {
      endsAt ??= Date.now() + lastsMs;
      return Date.now() < endsAt ? fault : undefined;
    };
    if (github) one.clouds.github.fault = () => during(github);
    if (sts) one.clouds.sts.fault = () => during(sts);
    const status = await one.keeper.until("a session after it", ({ refreshes }) => refreshes === 1, 90_000);
    await waitFor("the reader", 5_000, () => one.reader.seen.tokens === 2);
    return { status, seen: one.reader.stop(), isAlive: one.keeper.isAlive };
  }

  // One after the other: processes that start at once take seconds of the first session's life.
  let starting: Promise<unknown> = Promise.resolve();
  let outlasted: (one: (typeof CASES)[number]) => ReturnType<typeof outlast>;
  beforeAll(() => {
    outlasted = together(CASES, outlast);
  });
  afterAll(closeAll);

  test.each(CASES)(
    "$name: nobody notices",
    async (one) => {
      const { status, seen, isAlive } = await outlasted(one);
      expect(status.failures).toBeGreaterThanOrEqual(1);
      expect(status.outages.map(({ to }) => to)).toEqual(status.outages.map(() => expect.any(Number)));
      expect(seen).toMatchObject({ tokens: 2, missing: 0, torn: 0 });
      expect(seen.staleMs).toBeLessThanOrEqual(seen.blindMs);
      expect(status.stale).toEqual([]);
      expect(isAlive).toBe(true);
    },
    LIMIT_MS,
  );
});

describe("the process that makes the session", () => {
  /** An exchange may take 6 s then, less what the clocks of STS cut off: whole seconds. */
  const SECONDS = 24;
  afterEach(closeAll);

  test(
    "killed in the middle: the old session stays, and the next try works",
    async () => {
      const one = await start({ sessionSeconds: SECONDS });
      const { clouds, keeper } = one;
      const before = one.content;
      clouds.sts.fault = () => "hang-before-headers";
      const { pid } = await one.renewalAtSts();
      clouds.sts.fault = undefined;
      process.kill(pid, "SIGKILL");
      await keeper.until("a failure", ({ failures }) => failures === 1);
      expect(one.content === before).toBe(true);
      await one.replaced(before);
      const status = await keeper.until("a session", ({ refreshes }) => refreshes === 1);
      expect(status.outages[0]?.lastError).toContain("the exchange ended early (SIGKILL)");
      await waitFor("the reader", 5_000, () => one.reader.seen.tokens === 2);
      expect(one.reader.stop()).toMatchObject({ missing: 0, torn: 0, stale: 0 });
      await waitFor("the end of the exchange", 5_000, () => one.renewals().length === 0);
    },
    LIMIT_MS,
  );

  test.each([
    { name: "suspended", signal: "SIGSTOP" as const },
    { name: "hangs at STS", signal: undefined },
  ])(
    "$name: it is ended after a quarter of the session's life, and the next try works",
    async ({ signal }) => {
      const one = await start({ sessionSeconds: SECONDS });
      const { clouds, keeper } = one;
      const before = one.content;
      clouds.sts.fault = () => "hang-before-headers";
      const { pid } = await one.renewalAtSts();
      clouds.sts.fault = undefined;
      if (signal) process.kill(pid, signal);
      await keeper.until("a failure", ({ failures }) => failures === 1);
      expect(one.renewals().filter((renewal) => renewal.pid === pid)).toEqual([]);
      await one.replaced(before);
      const status = await keeper.until("a session", ({ refreshes }) => refreshes === 1);
      expect(status.outages[0]?.lastError).toMatch(/no session within [56]\d{3} ms/);
    },
    LIMIT_MS,
  );

  test.each(["SIGKILL", "stop"] as const)(
    "ends with its keeper (%s), and nothing goes on",
    async (how) => {
      const one = await start({ sessionSeconds: SECONDS });
      one.clouds.sts.fault = () => "hang-before-headers";
      await one.renewalAtSts();
      const before = one.content;
      if (how === "stop") {
        expect((await one.keeper.stop()).ended?.why).toBe("stopped");
        // A renewal that was cancelled is no failure.
        expect(one.keeper.status().failures).toBe(0);
      } else {
        await killForGood(one.keeper.directory);
        await one.keeper.ended();
        // What it had laid there is valid to its end.
        expect(one.content === before).toBe(true);
      }
      await allGone(one);
    },
    LIMIT_MS,
  );
});

test(
  "STS's refusals say nothing about the job: the keeper is still there when they end, long after the session's",
  async () => {
    const one = await start({ sessionSeconds: 8 });
    one.clouds.sts.fault = () => ({ error: "AccessDenied" });
    const { tokenExpiresAt } = one.keeper.status();
    await one.keeper.until(
      "failures",
      ({ failures }) => failures > 3 && Date.now() > tokenExpiresAt + 2_000,
      60_000,
    );
    expect(one.keeper.status().ended).toBeUndefined();
    one.clouds.sts.fault = undefined;
    await one.keeper.until("a session", ({ refreshes }) => refreshes > 0, 30_000);
    await closeAll();
  },
  LIMIT_MS,
);

const runWithClock = faketime === undefined ? test.skip : test;
describe(`the clock is set${unless(faketime !== undefined, "libfaketime is not installed")}`, () => {
  const folder = mkdtempSync(path.join(os.tmpdir(), "session clock "));
  const SLACK_MS = 10_000;
  afterEach(closeAll);
  afterAll(() => rmSync(folder, { recursive: true, force: true }));

  runWithClock.each([
    { name: "forward by an hour", seconds: 3_600 },
    { name: "back by an hour", seconds: -3_600 },
  ])(
    "$name: one renewal within a tick, and none of it counts as stale",
    async ({ name, seconds }) => {
      const file = path.join(folder, name);
      const set = (offset: number) => writeFileSync(file, `${offset < 0 ? "" : "+"}${offset}\n`);
      set(0);
      const env = {
        LD_PRELOAD: faketime ?? "",
        FAKETIME_TIMESTAMP_FILE: file,
        FAKETIME_NO_CACHE: "1",
        FAKETIME_DONT_FAKE_MONOTONIC: "1",
      };
      // Long enough that only the clock makes the keeper ask.
      const one = await start({ sessionSeconds: 3_600, env });
      const before = one.content;
      await sleep(500);
      set(seconds);
      await one.replaced(before, TICK_MS + SLACK_MS);
      await one.keeper.until("its status", ({ refreshes }) => refreshes === 1);
      await sleep(TICK_MS + 1_000);
      expect(one.exchanges().map(({ error }) => error)).toEqual([undefined]);
      expect(one.reader.stop()).toMatchObject({ missing: 0, torn: 0, stale: 0 });
      const status = await one.keeper.stop();
      expect(status).toMatchObject({ failures: 0, stale: [] });
    },
    LIMIT_MS,
  );
});
