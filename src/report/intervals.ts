import type { Interval } from "../keeper/status.ts";

// Spans of time for a reader: milliseconds since 1970 in, UTC out.

export function length({ from, to }: Interval): number {
  return Math.max(0, to - from);
}

export function overlap(one: Interval, other: Interval): boolean {
  return one.from < other.to && other.from < one.to;
}

/** The time that is in any of them. */
export function total(intervals: Interval[]): number {
  let sum = 0;
  let covered = -Infinity;
  for (const { from, to } of intervals.toSorted((a, b) => a.from - b.from)) {
    sum += Math.max(0, to - Math.max(from, covered));
    covered = Math.max(covered, to);
  }
  return sum;
}

/** The longest of them, in their order. */
export function longest<T extends Interval>(intervals: T[], count: number): T[] {
  const kept = intervals.toSorted((a, b) => length(b) - length(a)).slice(0, count);
  return intervals.filter((interval) => kept.includes(interval));
}

/** The two largest units that matter, such as 2 min 31 s. */
export function duration(ms: number): string {
  const seconds = Math.round(ms / 1000);
  if (seconds < 1) return `${Math.round(ms)} ms`;
  const units: [string, number][] = [
    ["d", Math.floor(seconds / 86_400)],
    ["h", Math.floor(seconds / 3600) % 24],
    ["min", Math.floor(seconds / 60) % 60],
    ["s", seconds % 60],
  ];
  const first = units.findIndex(([, count]) => count > 0);
  return units
    .slice(first, first + 2)
    .filter(([, count]) => count > 0)
    .map(([unit, count]) => `${count} ${unit}`)
    .join(" ");
}

/** YYYY-MM-DD HH:mm:ss. */
export function timestamp(ms: number): string {
  return new Date(ms).toISOString().slice(0, 19).replace("T", " ");
}

export function day(ms: number): string {
  return timestamp(ms).slice(0, 10);
}

export function plural(count: number, word: string): string {
  return count === 1 ? word : `${word}s`;
}
