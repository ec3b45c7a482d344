import { setTimeout as sleep } from "node:timers/promises";

/**
 * Calls `look` every few milliseconds until it returns something other than undefined and false; throws after
 * `limitMs`. A look that throws is tried again.
 */
export async function waitFor<T>(
  what: string,
  limitMs: number,
  look: () => T | undefined | false,
): Promise<T> {
  const deadline = performance.now() + limitMs;
  for (;;) {
    let cause: unknown;
    try {
      const found = look();
      if (found !== undefined && found !== false) return found;
    } catch (error) {
      cause = error;
    }
    if (performance.now() > deadline) throw new Error(`waited ${limitMs} ms in vain for ${what}`, { cause });
    await sleep(5);
  }
}
