import { expect, test } from "@jest/globals";
import { expiry, hold, pastOf } from "../../src/keeper/held-token.ts";

/** A token of five minutes, received at 1,000 by the monotonic clock and at 5,000,000 by the server's. */
const held = hold({ lifetimeMs: 300_000, remainingMs: 300_000 }, 1_000, 5_000_000);

test("a token expires when what was left of its life on receipt is over", () => {
  expect(expiry(held)).toBe(301_000);
  expect(expiry(hold({ lifetimeMs: 300_000, remainingMs: 20_000 }, 1_000, 0))).toBe(21_000);
});

test("a token that is replaced in time was never stale", () => {
  expect(pastOf(held, 151_000)).toEqual({ ageMs: 150_000, staleMs: 0 });
  expect(pastOf(held, 151_000, 5_150_000)).toEqual({ ageMs: 150_000, staleMs: 0 });
});

test("a token that expired was stale from then on", () => {
  expect(pastOf(held, 311_000)).toEqual({ ageMs: 310_000, staleMs: 10_000 });
});

test("the server's clock counts the time that the machine slept", () => {
  // Ten minutes by the server, two of them awake.
  expect(pastOf(held, 121_000, 5_600_000)).toEqual({ ageMs: 600_000, staleMs: 300_000 });
});

test("small differences between the clocks are not sleep, nor is a server's clock that was set back", () => {
  expect(pastOf(held, 300_500, 5_303_000)).toEqual({ ageMs: 299_500, staleMs: 0 });
  expect(pastOf(held, 121_000, 4_000_000)).toEqual({ ageMs: 120_000, staleMs: 0 });
});
