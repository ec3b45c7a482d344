import { quoted } from "../base/text.ts";
import { troubleshootingLink } from "../base/troubleshooting.ts";
import { type Health, openOutage, type Trouble } from "../keeper/health.ts";
import type { KeeperStatus } from "../keeper/status.ts";
import { plural, timestamp } from "./intervals.ts";

/** The state of a keeper and its token, in half a line: for logs and alarms. */
export function describeHealth(
  { trouble, remainingMs, status }: Health,
  kind: "token" | "session" = "token",
  now = Date.now(),
): string {
  const outage = status && openOutage(status);
  const failing =
    outage &&
    `${outage.attempts} ${plural(outage.attempts, "request")} failed since ${time(outage.from)}, the last with ${quoted(outage.lastError)}`;
  const refreshed = status && `refreshed ${status.refreshes} ${plural(status.refreshes, "time")}`;
  const why = trouble === undefined ? refreshed : reason(trouble, status);
  return [
    validity(kind, remainingMs, now),
    why,
    trouble === undefined || trouble === "cannot refresh" ? failing : "",
  ]
    .filter(Boolean)
    .join(", ");
}

/**
 * What main warns about if it finds an earlier use's keeper in trouble. By then it has written a fresh token.
 */
export function replacedWarning({ trouble, status }: Health, now = Date.now()): string {
  const since = status && Math.min(status.ended?.at ?? Infinity, status.tokenExpiresAt);
  const gap =
    since !== undefined && since < now ? ` There had been no valid ID token since ${time(since)}.` : "";
  const found = trouble && reason(trouble, status);
  return (
    `The keeper of an earlier use of this action did not renew the ID token: ${found}.${gap} ` +
    `This use wrote a new token and started a new keeper. More: ${troubleshootingLink("keeper-was-replaced")}`
  );
}

function validity(kind: string, remainingMs: number | undefined, now: number): string {
  if (remainingMs === undefined) return `${kind} was missing`;
  if (remainingMs <= 0) return `${kind} had been stale since ${time(now + remainingMs)}`;
  return `${kind} valid for ${Math.round(remainingMs / 1000)} s`;
}

function reason(trouble: Trouble, status: KeeperStatus | undefined): string {
  const reasons: Record<Trouble, string> = {
    "no keeper": "no keeper was running",
    stopped: "a step had stopped the keeper",
    ended: `the keeper had ended (${status?.ended?.why})`,
    died: "the keeper had been killed",
    frozen: "the keeper was suspended or hung",
    "cannot refresh": "the keeper could not refresh it",
    "token missing": "a step had removed or changed it",
    "token stale": "a step had changed it",
  };
  return reasons[trouble];
}

function time(ms: number): string {
  return `${timestamp(Math.min(Math.max(0, ms), 8.64e15 - 1)).slice(11)} UTC`;
}
