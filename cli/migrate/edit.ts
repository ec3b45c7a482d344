// The changes to the text of one step, and the proof that a new text means what it should.
import { isDeepStrictEqual } from "node:util";
import { isScalar, type Pair, type Scalar, type YAMLMap } from "yaml";
import { endOf, pairOf, parse, type Source, startOf } from "./document.ts";
import { lineEnd, lineStart, type Splice } from "./splice.ts";

/** What to write in place of the old action: `org/aws-role-refresh@v1`, and a comment for a hash. */
export interface Replacement {
  uses: string;
  comment: string | undefined;
}

export interface Edit {
  splices: Splice[];
  /** Comments that the edit takes out and puts in. */
  removed: string[];
  added: string[];
}

/** A comment that only says which version a hash is. It would be wrong behind another hash. */
const VERSION =
  /^#\s*(?:(?:tag|pin|version|ver|release)\b[\s=:@]*|ratchet:\S+@|@)?v?\d+(?:\.\d+)*(?:\.x)?\s*$/i;

/** Names the new action in `uses`; undefined if it is not written on one line. */
export function editUses({ text }: Source, step: YAMLMap, { uses, comment }: Replacement): Edit | undefined {
  const scalar = pairOf(step, "uses")?.value as Scalar;
  const [start, end] = [startOf(scalar), endOf(scalar)];
  const written = text.slice(start, end);
  const put = written.replace(/aws-actions\/configure-aws-credentials@[^\s'"]+/i, () => uses);
  if (/\n/.test(written) || put === written) return undefined;
  const edit: Edit = { splices: [{ start, end, text: put }], removed: [], added: [] };
  const rest = text.slice(end, lineEnd(text, end)).replace(/\r?\n$/, "");
  const [, space = "", old] = /^([ \t]*)(#.*)?$/.exec(rest) ?? [];
  if (rest.length > space.length && old === undefined) return edit; // More of a list or map in one line follows.
  const note = comment === undefined ? "" : `# ${comment}`;
  if (old !== undefined && !VERSION.test(old)) return edit;
  if (old !== undefined) edit.removed.push(old.trimEnd());
  if (note !== "") edit.added.push(note);
  const gap = note === "" ? "" : space || " ";
  if (old !== undefined || note !== "")
    edit.splices.push({ start: end, end: end + rest.length, text: `${gap}${note}` });
  return edit;
}

/** Takes out the line of an input; undefined if there is more on it, or if it has more lines. */
export function editDrop({ text }: Source, given: YAMLMap, { key, value }: Pair): Edit | undefined {
  if (given.flow || !isScalar(value)) return undefined;
  const start = lineStart(text, startOf(key));
  const end = Math.max(endOf(value), endOf(key));
  const written = text.slice(startOf(key), end);
  const stop = lineEnd(text, end);
  const rest = /^[ \t]*:?[ \t]*(#.*?)?(?:\r?\n)?$/.exec(text.slice(end, stop));
  if (/\n/.test(written) || text.slice(start, startOf(key)).trim() !== "" || !rest) return undefined;
  const [, comment] = rest;
  const removed = comment === undefined ? [] : [comment.trimEnd()];
  return { splices: [{ start, end: stop, text: "" }], removed, added: [] };
}

/** Puts an entry at the begin of a map. */
export function addFirst({ text, eol }: Source, map: YAMLMap, entry: string): Splice {
  const [first] = map.items;
  if (map.flow) {
    const at = startOf(map) + 1;
    return { start: at, end: at, text: first ? ` ${entry},` : ` ${entry} ` };
  }
  const start = startOf(first?.key);
  const indent = text.slice(lineStart(text, start), start);
  return { start, end: start, text: `${entry}${eol}${indent}` };
}

/**
 * Whether a new text is the old one with these changes and no other: it parses, it means `expected`, and it has all
 * comments.
 */
export function isProven(old: Source, fresh: string, expected: unknown, edits: readonly Edit[]): boolean {
  const read = parse(fresh);
  if ("problem" in read || !isDeepStrictEqual(read.value(), expected)) return false;
  const wanted = [...old.comments, ...edits.flatMap(({ added }) => added)].sort();
  const found = [...read.comments, ...edits.flatMap(({ removed }) => removed)].sort();
  return isDeepStrictEqual(found, wanted);
}
