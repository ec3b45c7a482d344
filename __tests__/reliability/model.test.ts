// The guarantee of docs/reliability.md, for every life, phase and draw of the random numbers: the keeper's
// own schedule, played through.
import { describe, expect, test } from "@jest/globals";
import fc from "fast-check";
import { refreshDelay, requestTimeout, retryDelay } from "../../src/keeper/schedule.ts";

interface Outage {
  /** From the request for a new token, which is the worst moment, until then it answers nothing. */
  lasts: number;
  /** What a failing request costs, at most the time that one may take. */
  costs: number;
}

/** Plays one token of life L through an outage. Times from its receipt. */
function play(
  life: number,
  { lasts, costs }: Outage,
  random: () => number,
): { staleFor: number; freshAfter: number } {
  let now = refreshDelay(life, life, random());
  const over = now + lasts;
  for (let failures = 1; now < over; failures++) {
    now += costs;
    now += retryDelay(life, failures, random());
  }
  return { staleFor: Math.max(0, now - life), freshAfter: now - over };
}

const random = fc.infiniteStream(fc.double({ min: 0, max: 1, maxExcluded: true, noNaN: true }));
const life = fc.integer({ min: 2_000, max: 3_600_000 });
const share = fc.double({ min: 0, max: 1, noNaN: true });

/** The longest pause between two tries. */
function cap(lifetime: number): number {
  return Math.min(30_000, lifetime / 10);
}

function draw(stream: Iterator<number>): () => number {
  return () => stream.next().value as number;
}

describe("the model", () => {
  test("no reader notices an outage of half a life less one retry", () => {
    fc.assert(
      fc.property(life, share, share, random, (lifetime, lasts, costs, stream) => {
        const cost = Math.max(1, costs * requestTimeout(lifetime));
        const longest = lifetime / 2 - cost - cap(lifetime);
        expect(play(lifetime, { lasts: lasts * longest, costs: cost }, draw(stream)).staleFor).toBe(0);
      }),
      { numRuns: 50 },
    );
  });

  test("after any outage the token is fresh within one retry", () => {
    fc.assert(
      fc.property(
        life,
        fc.double({ min: 0, max: 5, noNaN: true }),
        share,
        random,
        (lifetime, lives, costs, stream) => {
          const cost = Math.max(1, costs * requestTimeout(lifetime));
          const { freshAfter } = play(lifetime, { lasts: lives * lifetime, costs: cost }, draw(stream));
          expect(freshAfter).toBeLessThanOrEqual(cost + cap(lifetime));
        },
      ),
      { numRuns: 50 },
    );
  });

  test("a little more than half a life may be noticed, depending on the jitter: the bound is exact", () => {
    const always = () => 0;
    const lifetime = 300_000;
    const { staleFor } = play(lifetime, { lasts: lifetime / 2 + 1, costs: 1 }, always);
    expect(staleFor).toBeGreaterThan(0);
  });

  test("a keeper's first refresh is early, never late", () => {
    fc.assert(
      fc.property(life, share, (lifetime, chance) => {
        const delay = refreshDelay(lifetime, lifetime, chance, true);
        expect(delay).toBeGreaterThanOrEqual(lifetime / 10 - 1);
        expect(delay).toBeLessThanOrEqual(lifetime / 2);
      }),
    );
  });

  test("for GitHub's 300 s: 120 s of refusals, 110 s of silence", () => {
    const lifetime = 300_000;
    expect(refreshDelay(lifetime, lifetime, 0)).toBe(150_000);
    expect(refreshDelay(lifetime, lifetime, 1)).toBe(135_000);
    expect(requestTimeout(lifetime)).toBe(10_000);
    expect(retryDelay(lifetime, 99, 1)).toBe(30_000);
    const worst = () => {
      let first = true;
      return () => {
        const value = first ? 0 : 1 - 1e-9;
        first = false;
        return value;
      };
    };
    expect(play(lifetime, { lasts: 120_000, costs: 0 }, worst()).staleFor).toBe(0);
    expect(play(lifetime, { lasts: 110_000, costs: 10_000 }, worst()).staleFor).toBe(0);
  });

  test("a Retry-After never makes a token stale that would not be without it", () => {
    fc.assert(
      fc.property(
        life,
        fc.integer({ min: 1, max: 100 }),
        share,
        fc.double({ min: 0, noNaN: true }),
        (lifetime, failures, chance, asked) => {
          const delay = retryDelay(lifetime, failures, chance, asked);
          expect(delay).toBeGreaterThanOrEqual(0);
          expect(delay).toBeLessThanOrEqual(cap(lifetime));
        },
      ),
    );
  });
});
