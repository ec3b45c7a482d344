import { describe, expect, test } from "@jest/globals";
import {
  CLOCK_JUMP_MS,
  clockJumped,
  refreshDelay,
  requestTimeout,
  retryDelay,
  TICK_MS,
} from "../../src/keeper/schedule.ts";

const GITHUB = 300_000;
const LIVES = [2_000, 6_000, 60_000, GITHUB, 3_600_000];
const RANDOM = [0, 0.25, 0.5, 0.999_999];
const ALMOST_1 = 1 - Number.EPSILON;

describe("the first request after a token", () => {
  test("comes at half of GitHub's 300 s, up to 15 s early", () => {
    expect(refreshDelay(GITHUB, GITHUB, 0)).toBe(150_000);
    expect(refreshDelay(GITHUB, GITHUB, 0.5)).toBe(142_500);
    expect(refreshDelay(GITHUB, GITHUB, ALMOST_1)).toBeCloseTo(135_000, 3);
  });

  test("comes at half of what is left of a token that was not new", () => {
    expect(refreshDelay(GITHUB, 100_000, 0)).toBe(50_000);
  });

  test("never comes later for a server that claims more left than a life", () => {
    expect(refreshDelay(GITHUB, GITHUB * 10, 0)).toBe(150_000);
  });

  test.each(LIVES)("scales with a life of %d ms", (life) => {
    for (const random of RANDOM) {
      const delay = refreshDelay(life, life, random);
      expect(delay).toBeGreaterThanOrEqual(0.45 * life);
      expect(delay).toBeLessThanOrEqual(0.5 * life);
    }
  });
});

describe("the next try after failures", () => {
  test("waits up to 1, 2, 4, 8, 16 and then 30 s for GitHub's token", () => {
    const ceilings = [1, 2, 3, 4, 5, 6, 7, 100, 2_000].map((failures) => retryDelay(GITHUB, failures, 1));
    expect(ceilings).toEqual([1_000, 2_000, 4_000, 8_000, 16_000, 30_000, 30_000, 30_000, 30_000]);
  });

  test("is spread over all of that time", () => {
    expect(retryDelay(GITHUB, 3, 0)).toBe(0);
    expect(retryDelay(GITHUB, 3, 0.25)).toBe(1_000);
  });

  test("waits as long as the server asks, but not beyond the cap", () => {
    expect(retryDelay(GITHUB, 1, 0, 7_000)).toBe(7_000);
    expect(retryDelay(GITHUB, 1, 0, 3_600_000)).toBe(30_000);
    // A Retry-After shorter than our own wait does not shorten it.
    expect(retryDelay(GITHUB, 6, 1, 1_000)).toBe(30_000);
  });

  test("never waits long enough to lose half a life", () => {
    for (const life of LIVES) {
      for (const failures of [1, 5, 50]) {
        expect(retryDelay(life, failures, ALMOST_1, 1e9) + requestTimeout(life)).toBeLessThan(0.45 * life);
      }
    }
  });
});

test("a request takes 10 s at most, less for short lives", () => {
  expect(requestTimeout(GITHUB)).toBe(10_000);
  expect(requestTimeout(3_600_000)).toBe(10_000);
  expect(requestTimeout(6_000)).toBe(1_000);
});

test("whatever a server says of its token's life, it is not stormed", () => {
  for (const life of [-40_000, 0, 1, 10, 999]) {
    for (const random of RANDOM) {
      expect(refreshDelay(life, life, random)).toBeGreaterThanOrEqual(450);
      expect(refreshDelay(GITHUB, life, random)).toBeGreaterThanOrEqual(450);
    }
    expect(retryDelay(life, 100, 1)).toBe(100);
    expect(requestTimeout(life)).toBeGreaterThan(100);
  }
});

describe("clocks", () => {
  test.each([
    ["both went on alike", TICK_MS, TICK_MS, false],
    ["a little drift", TICK_MS + CLOCK_JUMP_MS, TICK_MS, false],
    ["the machine slept for an hour", 3_600_000, TICK_MS, true],
    ["the clock was set forward", TICK_MS + CLOCK_JUMP_MS + 1, TICK_MS, true],
    ["the clock was set back", TICK_MS - CLOCK_JUMP_MS - 1, TICK_MS, true],
    ["the process was stopped, as both clocks say", 900_000, 900_000, false],
  ])("%s", (_, wall, monotonic, jumped) => {
    expect(clockJumped(wall, monotonic)).toBe(jumped);
  });

  test("are looked at at least every 15 s", () => {
    expect(TICK_MS).toBeLessThanOrEqual(15_000);
  });
});
