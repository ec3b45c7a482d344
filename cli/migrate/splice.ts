// Changes to a text, each by its place in the original.

export interface Splice {
  start: number;
  end: number;
  text: string;
}

/** The text after all changes. Throws if two of them overlap: then the plan is wrong, and nothing must be written. */
export function apply(text: string, splices: readonly Splice[]): string {
  let result = "";
  let at = 0;
  for (const { start, end, text: put } of splices.toSorted((a, b) => a.start - b.start || a.end - b.end)) {
    if (start < at || end < start || end > text.length) throw new Error("changes overlap");
    result += text.slice(at, start) + put;
    at = end;
  }
  return result + text.slice(at);
}

export const lineStart = (text: string, offset: number): number => text.lastIndexOf("\n", offset - 1) + 1;

/** The offset behind the end of the line, its line break included. */
export function lineEnd(text: string, offset: number): number {
  const at = text.indexOf("\n", offset);
  return at < 0 ? text.length : at + 1;
}
