// When a session is renewed, as numbers: the bounds that docs/reliability.md promises, for every life.
import { describe, expect, test } from "@jest/globals";
import fc from "fast-check";
import {
  exchangeTimeout,
  lastRenewal,
  refreshDelay,
  renewalDelay,
  retryDelay,
} from "../../src/keeper/schedule.ts";
import { LONGEST_JOB_MS } from "../../src/keeper/source.ts";

const SECOND = 1000;
const MINUTE = 60 * SECOND;
const HOUR = 60 * MINUTE;

/** As AWS issues them: 15 minutes to 12 hours. */
const life = fc.integer({ min: 15 * MINUTE, max: 12 * HOUR });
const random = fc.double({ min: 0, max: 1, noNaN: true, maxExcluded: true });
/** Lives of tests, from a second on. */
const anyLife = fc.integer({ min: SECOND, max: 12 * HOUR });

describe("renewalDelay", () => {
  test.each([
    // Half of it; 20 minutes cannot be left of a session of 15.
    { lifetime: 15 * MINUTE, from: 6.75 * MINUTE, to: 7.5 * MINUTE },
    { lifetime: 30 * MINUTE, from: 10 * MINUTE, to: 10 * MINUTE },
    { lifetime: 40 * MINUTE, from: 18 * MINUTE, to: 20 * MINUTE },
    { lifetime: HOUR, from: 27 * MINUTE, to: 30 * MINUTE },
    { lifetime: 12 * HOUR, from: 5.4 * HOUR, to: 6 * HOUR },
    // As tests shorten it.
    { lifetime: 24 * SECOND, from: 10.8 * SECOND, to: 12 * SECOND },
  ])("a session of $lifetime ms is renewed after $from to $to ms", ({ lifetime, from, to }) => {
    expect(renewalDelay(lifetime, lifetime, 0)).toBeCloseTo(to);
    expect(renewalDelay(lifetime, lifetime, 1)).toBeCloseTo(from);
  });

  test("never after half of what is left, and 20 minutes before the end where a quarter of the life allows it", () => {
    fc.assert(
      fc.property(life, random, (lifetime, random) => {
        const delay = renewalDelay(lifetime, lifetime, random);
        expect(delay).toBeGreaterThanOrEqual(lifetime / 4);
        expect(delay).toBeLessThanOrEqual(lifetime / 2);
        if (lifetime >= (20 * MINUTE * 4) / 3) expect(lifetime - delay).toBeGreaterThanOrEqual(20 * MINUTE);
      }),
    );
  });

  test("an outage of 25 minutes leaves an hour's session valid: two tries and their pauses fit into the rest", () => {
    fc.assert(
      fc.property(random, fc.integer({ min: 1, max: 100 }), random, (early, failures, pause) => {
        const left = HOUR - renewalDelay(HOUR, HOUR, early);
        const tries = 2 * (exchangeTimeout(HOUR) + retryDelay(HOUR, failures, pause));
        expect(left - tries).toBeGreaterThan(25 * MINUTE);
      }),
    );
  });

  test("what is already old is renewed sooner, and nothing makes it ask without a pause", () => {
    fc.assert(
      fc.property(anyLife, random, random, (lifetime, share, random) => {
        const remaining = lifetime * share;
        const delay = renewalDelay(lifetime, remaining, random);
        expect(delay).toBeLessThanOrEqual(Math.max(remaining, SECOND) / 2);
        expect(delay).toBeGreaterThanOrEqual(Math.min(remaining / 4, 0.45 * SECOND));
        expect(delay).toBeGreaterThan(0);
        expect(delay).toBeLessThanOrEqual(refreshDelay(lifetime, remaining, random));
      }),
    );
  });
});

describe("lastRenewal", () => {
  test("five minutes before GitHub's last ID token, or a tenth of the time until then", () => {
    expect(lastRenewal(0, 6 * HOUR)).toBe(6 * HOUR - 5 * MINUTE);
    expect(lastRenewal(5 * HOUR, 5 * HOUR + 50 * MINUTE)).toBe(5 * HOUR + 45 * MINUTE);
    expect(lastRenewal(0, 10 * SECOND)).toBe(9 * SECOND);
    expect(lastRenewal(0, LONGEST_JOB_MS)).toBe(LONGEST_JOB_MS - 5 * MINUTE);
  });

  test("leaves time for several tries, and never lies in the past while there is a future", () => {
    fc.assert(
      fc.property(
        fc.integer({ min: 0, max: LONGEST_JOB_MS }),
        fc.integer({ min: 1, max: LONGEST_JOB_MS }),
        (now, left) => {
          const last = lastRenewal(now, now + left);
          expect(last).toBeGreaterThanOrEqual(now);
          expect(last).toBeLessThan(now + left);
          if (left >= 50 * MINUTE)
            expect(now + left - last).toBeGreaterThan(4 * (exchangeTimeout(HOUR) + retryDelay(HOUR, 9, 1)));
        },
      ),
    );
  });
});

describe("exchangeTimeout", () => {
  test("30 s, and for shorter lives a quarter, but no less than a process needs to start", () => {
    expect(exchangeTimeout(HOUR)).toBe(30 * SECOND);
    expect(exchangeTimeout(15 * MINUTE)).toBe(30 * SECOND);
    expect(exchangeTimeout(40 * SECOND)).toBe(10 * SECOND);
    expect(exchangeTimeout(SECOND)).toBe(5 * SECOND);
  });

  test("one that hangs leaves time for another before the session ends", () => {
    fc.assert(
      fc.property(fc.integer({ min: 40 * SECOND, max: 12 * HOUR }), random, (lifetime, random) => {
        const left = lifetime - renewalDelay(lifetime, lifetime, random);
        expect(2 * exchangeTimeout(lifetime)).toBeLessThanOrEqual(left);
      }),
    );
  });
});
