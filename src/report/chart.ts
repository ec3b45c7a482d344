import type { Interval, KeeperStatus } from "../keeper/status.ts";
import { day, duration, length, longest, plural, timestamp } from "./intervals.ts";

/** The lives of one keeper's tokens. */
export interface Lives
  extends Interval,
    Pick<KeeperStatus, "received" | "lifetimeMs" | "tokenExpiresAt" | "stale"> {
  /** "ID token" or "shared session". */
  what: string;
  /** How many tokens were received; the status lists only the last ones. */
  count: number;
  outages: Interval[];
  /** When there was no valid token, stale or none at all. */
  gaps: Interval[];
}

interface Bar extends Interval {
  name: string;
  tags: string;
}

/** How many outages and gaps are drawn: the longest of each. */
const MAX_DRAWN = 4;

/**
 * A Mermaid chart of token lives, as lines of Markdown: https://mermaid.js.org/syntax/gantt.html. Times are
 * UTC. It holds no text from outside.
 */
export function ganttChart(keepers: Lives[]): string[] {
  const from = Math.min(...keepers.map((lives) => lives.from));
  const to = Math.max(...keepers.map((lives) => lives.to));
  const axis = day(from) !== day(to) ? "%m-%d %H:%M" : to - from > 5 * 60_000 ? "%H:%M" : "%H:%M:%S";
  return [
    "```mermaid",
    "gantt",
    `  title ${[...new Set(keepers.map(({ what }) => `${what}s`))].join(" and ")}, UTC`,
    // Without a zone: the browser treats them as local times, and so shows them unchanged.
    "  dateFormat YYYY-MM-DD HH:mm:ss",
    `  axisFormat ${axis}`,
    "  todayMarker off",
    ...keepers.flatMap((lives, index) => [
      ...(keepers.length > 1 ? [`  section Keeper ${index + 1}`] : []),
      ...bars(lives, keepers.length === 1).map(
        (bar) => `  ${bar.name} :${bar.tags}${timestamp(bar.from)}, ${timestamp(bar.to)}`,
      ),
    ]),
    "```",
  ];
}

function bars(lives: Lives, alone: boolean): Bar[] {
  const outages = longest(lives.outages, MAX_DRAWN);
  const gaps = longest(lives.gaps, MAX_DRAWN);
  const breaks = [...outages, ...gaps];
  const bar = (name: string, tags: string) => (one: Interval) => {
    return { ...one, name: `${name} ${duration(length(one))}`, tags };
  };
  return [
    ...tokenBars(lives, breaks, alone && breaks.length === 0 ? 6 : 2),
    ...outages.map(bar("Outage", "crit, done, ")),
    ...gaps.map(bar(`No valid ${nounOf(lives).toLowerCase()}`, "crit, ")),
  ].sort((a, b) => a.from - b.from || b.to - a.to);
}

function nounOf({ what }: Lives): string {
  return what === "ID token" ? "Token" : "Session";
}

/** Tokens next to a break have a bar each, and so have those of a short run; a longer run shares one. */
function tokenBars(lives: Lives, breaks: Interval[], shortRun: number): Bar[] {
  const { received } = lives;
  const noun = nounOf(lives);
  const last = received.length - 1;
  const at = (index: number) => received[index] ?? (index < 0 ? -Infinity : Infinity);
  const numberOf = (index: number) => lives.count - last + index;
  const isBeside = (index: number) =>
    breaks.some(
      ({ from, to }) =>
        (at(index) <= from && from < at(index + 1)) || (at(index - 1) < to && to <= at(index)),
    );
  const bar = (first: number, to: number): Bar => {
    // The first bar also covers the tokens that the list no longer has.
    const from = first === 0 ? Math.min(lives.from, at(0)) : at(first);
    const number = first === 0 ? 1 : numberOf(first);
    const stale = lives.stale.filter((interval) => interval.from >= from && interval.to <= at(to)).length;
    const name = number === numberOf(to) ? `${noun} ${number}` : `${noun}s ${number} to ${numberOf(to)}`;
    const ends = to === last ? lives.tokenExpiresAt : at(to) + lives.lifetimeMs;
    const times = stale > 0 ? ` (stale ${stale} ${plural(stale, "time")})` : "";
    return { name: name + times, tags: "", from, to: Math.min(ends, lives.to) };
  };

  const drawn: Bar[] = [];
  for (let index = 0; index <= last; index++) {
    let to = index;
    if (!isBeside(index)) while (to < last && !isBeside(to + 1)) to++;
    if (to - index < shortRun) to = index;
    drawn.push(bar(index, to));
    index = to;
  }
  return drawn;
}
