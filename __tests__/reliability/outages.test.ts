// The guarantee as a model (docs/reliability.md): a token of life L is replaced at about L/2, so an outage is
// noticed by a reader only if it lasts longer than L/2 less one retry; and whatever it lasted, the token is
// fresh again within one retry of its end.
import { setTimeout as sleep } from "node:timers/promises";
import { afterAll, beforeAll, describe, expect, test } from "@jest/globals";
import { Outage, Scene, type Weather } from "../../harness/machine/scene.ts";
import { together } from "../../harness/machine/together.ts";

const LIFE_MS = 8_000;
/** One retry: the longest pause; a connection that is reset costs no time of its own. */
const RETRY_MS = LIFE_MS / 10;
/** What a busy machine may add anywhere. */
const SLACK_MS = 1_000;

const OUTAGES = [0.3, 0.45, 0.6, 3].map((lives) => ({ name: `${lives} lives`, lives }));
const RANDOM = [
  { name: "one request in twenty", rate: 0.05, seed: 8 },
  { name: "every other request", rate: 0.5, seed: 3 },
];

let scene: Scene;
let outage: (one: (typeof OUTAGES)[number]) => ReturnType<typeof liveThroughOutage>;
let random: (one: (typeof RANDOM)[number]) => ReturnType<typeof liveWithFailures>;

beforeAll(async () => {
  scene = await Scene.start();
  outage = together(OUTAGES, liveThroughOutage);
  random = together(RANDOM, liveWithFailures);
});
afterAll(() => scene.close());

async function liveThroughOutage({ lives }: (typeof OUTAGES)[number]) {
  const outage = new Outage(lives * LIFE_MS, "reset");
  const kept = await scene.keep({ lifeMs: LIFE_MS, weather: outage.weather });
  const status = await kept.keeper.until(
    "a token after the outage",
    ({ refreshes }) => refreshes >= 2,
    60_000,
  );
  const freshAfter = Date.now() - (outage.endsAt ?? 0);
  const requests = kept.requests();
  await sleep(LIFE_MS);
  return { kept, status, freshAfter, requests, seen: kept.reader.stop() };
}

async function liveWithFailures({ rate, seed }: (typeof RANDOM)[number]) {
  const kept = await scene.keep({ lifeMs: 2_000, weather: atRandom(rate, seed) });
  await sleep(25_000);
  return { seen: kept.reader.stop(), requests: kept.requests(), status: await kept.keeper.stop() };
}

describe("an outage that begins at the worst moment, when the keeper asks", () => {
  test.each(OUTAGES)("$name", async (one) => {
    const { kept, status, freshAfter, requests, seen } = await outage(one);
    expect(freshAfter).toBeLessThan(RETRY_MS + SLACK_MS);
    expect(seen).toMatchObject({ missing: 0, torn: 0 });

    // From the last moment for the request that met the outage, and from the first.
    const longest = Math.max(0, (0.5 + one.lives - 1) * LIFE_MS + RETRY_MS);
    const shortest = Math.max(0, (0.45 + one.lives - 1) * LIFE_MS);
    expect(seen.staleMs).toBeLessThanOrEqual(longest === 0 ? seen.blindMs : longest + SLACK_MS);
    expect(seen.staleMs).toBeGreaterThanOrEqual(shortest - seen.blindMs);

    // What it tells post is what the reader saw.
    const told = status.stale.reduce((sum, { from, to }) => sum + to - from, 0);
    expect(Math.abs(told - seen.staleMs)).toBeLessThan(SLACK_MS);
    expect(status.outages).toHaveLength(1);
    const { from = 0, to = 0, attempts = 0 } = status.outages[0] ?? {};
    expect(to - from).toBeGreaterThan(one.lives * LIFE_MS - SLACK_MS);
    expect(to - from).toBeLessThan(one.lives * LIFE_MS + RETRY_MS + SLACK_MS);
    expect(attempts).toBe(requests.length - 2);
    // Half a cap between tries on average, after the first few.
    expect(attempts).toBeLessThan(20 + (2 * one.lives * LIFE_MS) / (RETRY_MS / 2));
    expect(kept.keeper.isAlive).toBe(true);
  });
});

test("connections refused from before the first try to long after it", async () => {
  const alone = await Scene.start();
  try {
    const kept = await alone.keep({ lifeMs: LIFE_MS });
    await kept.keeper.until("a first token", ({ refreshes }) => refreshes === 1);
    await sleep(0.2 * LIFE_MS);
    await alone.clouds.github.refuseConnections(true);
    await sleep(0.6 * LIFE_MS);
    const during = kept.keeper.status();
    expect(during).toMatchObject({ refreshes: 1, outages: [{ attempts: expect.any(Number) }] });
    expect(during.outages[0]?.to).toBeUndefined();
    await alone.clouds.github.refuseConnections(false);
    const back = performance.now();
    const status = await kept.keeper.until("a new token", ({ refreshes }) => refreshes === 2);
    expect(performance.now() - back).toBeLessThan(RETRY_MS + SLACK_MS);
    expect(status.outages[0]?.lastError).toMatch(/^127\.0\.0\.1:\d+ cannot be reached: .*ECONNREFUSED/);
    const seen = kept.reader.stop();
    expect(seen.staleMs).toBeLessThanOrEqual(seen.blindMs);
  } finally {
    await alone.close();
  }
});

describe("an endpoint that fails at random", () => {
  test.each(RANDOM)("$name: no reader notices", async (one) => {
    const { seen, requests, status } = await random(one);
    expect(status.failures).toBeGreaterThan(0);
    expect(requests.length).toBe(status.refreshes + status.failures);
    expect(seen).toMatchObject({ missing: 0, torn: 0 });
    expect(seen.staleMs).toBeLessThanOrEqual(seen.blindMs);
    // 25 s at half a life or a little less: as many tokens as without any failure, give or take the pauses.
    expect(status.refreshes).toBeGreaterThan(12);
    expect(status.refreshes).toBeLessThan(30);
  });
});

/** The same failures in each run, of four kinds in turn. */
function atRandom(rate: number, seed: number): Weather {
  const faults = [
    { status: 503 },
    "reset",
    "empty-body",
    { status: 429, headers: { "retry-after": "1" } },
  ] as const;
  let state = seed;
  return ({ count }) => {
    // A linear congruential generator (Numerical Recipes' constants) is plenty here.
    state = (Math.imul(state, 1664525) + 1013904223) >>> 0;
    return state / 2 ** 32 < rate ? faults[count % faults.length] : undefined;
  };
}
