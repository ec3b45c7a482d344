/** Verdicts: what calls show about the action. */
import type { Call } from "./calls.ts";
import { type Cell, type RowResult, type StepResult, stable } from "./results.ts";
import { ACCOUNTS, type Principal } from "./scenarios.ts";

/** One call, which should have run as `expected`. */
export function judgeCall(call: Call, expected: Principal): Cell {
  if (call.error !== undefined) return { verdict: "error", text: stable(call.error) };
  return call.principal === expected
    ? { verdict: "right" }
    : { verdict: "wrong", text: `ran as ${call.principal}` };
}

/**
 * Whether a call failed only because its session expired on its way: a client that asks for a new session at the very
 * second of expiry, as Go does, may have signed it just before. Then it fails alone, and the refresh has not failed.
 * STS's ExpiredTokenException is another error: an ID token that has expired.
 */
export function failedAtExpiry(error: string, isNextRight: boolean): boolean {
  return /ExpiredToken\b/.test(error) && isNextRight;
}

/** Scenarios 1 and 6: calls that should all have run as `expected`, over so many seconds. */
export function judgeCalls(calls: Call[], mustLastSeconds: number, expected: Principal = "role"): Cell {
  const others = calls.filter(({ error, principal }) => error === undefined && principal !== expected);
  if (others[0] !== undefined) {
    return {
      verdict: "wrong",
      text: `${others.length} of ${calls.length} calls ran as ${others[0].principal}`,
    };
  }
  const failed = calls.filter(
    ({ error }, index) =>
      error !== undefined && !failedAtExpiry(error, calls[index + 1]?.principal === expected),
  );
  if (failed[0] !== undefined) {
    const count = failed.length === calls.length ? "all calls" : `${failed.length} of ${calls.length} calls`;
    return { verdict: "error", text: `${count} failed: ${stable(failed[0].error ?? "")}` };
  }
  const lasted = ((calls.at(-1)?.at ?? 0) - (calls[0]?.at ?? 0)) / 1000;
  return lasted >= mustLastSeconds
    ? { verdict: "right" }
    : { verdict: "error", text: `stopped after ${Math.round(lasted)} s` };
}

/** Scenario 4: a call before the action and one after its post. */
export function judgeAfter(before: Call | undefined, after: Call): Cell {
  if (after.error !== undefined)
    return { verdict: before?.error === undefined ? "error" : "right", text: stable(after.error) };
  if (before?.error === undefined) {
    return after.principal === before?.principal
      ? { verdict: "right" }
      : { verdict: "wrong", text: `ran as ${after.principal}` };
  }
  // It may work now, by a region that stays: but never as a role of ours.
  const text = `ran as ${after.principal}; before: ${stable(before.error)}`;
  return { verdict: isOurs(after.arn) ? "wrong" : "right", text };
}

/** Whether a session is of a role that the action, or a profile on top of it, gave. */
export function isOurs(arn: string | undefined): boolean {
  return [ACCOUNTS.role, ACCOUNTS.second, ACCOUNTS.chained].some((account) => arn?.includes(account));
}

/** Scenario 2: worked, then failed for good, once token and session were over. */
export function judgeStale(calls: Call[]): Cell {
  const worked = calls.findLastIndex(({ principal }) => principal === "role");
  if (worked === -1) return { verdict: "error", text: `never worked: ${stable(calls[0]?.error ?? "")}` };
  return worked === calls.length - 1 ? { verdict: "error", text: "did not fail" } : { verdict: "right" };
}

/** Cells that the committed results have as right and these have not. */
export function regressions(results: RowResult[], committed: RowResult[]): string[] {
  const key = (row: RowResult, step: StepResult, client: string): string =>
    `scenario ${row.scenario}, ${row.id}, ${step.id}, ${client}`;
  const cells = (rows: RowResult[]): [string, Cell][] =>
    rows.flatMap((row) =>
      row.steps.flatMap((step) =>
        Object.entries(step.cells).map(([client, cell]): [string, Cell] => [key(row, step, client), cell]),
      ),
    );
  const known = new Map(cells(committed));
  return cells(results).flatMap(([where, cell]) =>
    cell.verdict !== "right" && known.get(where)?.verdict === "right"
      ? [`${where}: ${cell.verdict}: ${cell.text ?? ""}`]
      : [],
  );
}
