/**
 * What every client of the rehearsal does: call again and again until a deadline and print how each call went,
 * a line of JSON each.
 */
import { setTimeout as sleep } from "node:timers/promises";

/** One call, as a client prints it. */
export interface CallLine {
  /**
   * When it was answered or given up, milliseconds since the epoch. A slow call may well begin with good
   * credentials and fail later.
   */
  at: number;
  /** Name of the error, if it failed. */
  error?: string;
}

/**
 * Calls `call` at every multiple of `intervalMs` from now until `deadline` (milliseconds since the epoch),
 * never two at once: a call that takes longer makes the next ones late or leaves them out. `call` resolves to
 * the name of the error, or undefined.
 */
export async function callUntil(
  deadline: number,
  intervalMs: number,
  call: () => Promise<string | undefined>,
): Promise<void> {
  const start = Date.now();
  for (
    let next = start;
    next < deadline;
    next = start + Math.ceil((Date.now() + 1 - start) / intervalMs) * intervalMs
  ) {
    await sleep(Math.max(0, next - Date.now()));
    const error = await call();
    const line: CallLine = { at: Date.now(), ...(error === undefined ? {} : { error }) };
    console.log(JSON.stringify(line));
  }
}

/** The two numbers every client takes on its command line: deadline and interval. */
export function loopArguments(): [deadline: number, intervalMs: number] {
  const [deadline, intervalMs] = process.argv.slice(2).map(Number);
  if (!deadline || !intervalMs) throw new Error("usage: DEADLINE-MS INTERVAL-MS");
  return [deadline, intervalMs];
}
