// Text from outside (claims, inputs, answers of servers) made safe for the log of a job. The runner treats a
// line that begins with `::`, after white space, and `##[` anywhere in a line, as a command; control and
// format characters can hide or forge lines.

const UNPRINTABLE = /[\p{Cc}\p{Cf}\p{Cs}\p{Zl}\p{Zp}]/gu;
const TOKEN = /eyJ[\w-]+\.eyJ[\w-]+(?:\.[\w-]*)?/g;

/**
 * One line of a log: no control character, no workflow command, nothing like a JWT, at most `limit`
 * characters.
 */
export function printable(text: string, limit = 4000): string {
  return cut(text, limit)
    .replace(TOKEN, "(token)")
    .replace(UNPRINTABLE, " ")
    .replaceAll("##[", "## [")
    .replace(/^(\s*)::/, "$1: :");
}

/**
 * The one way to quote text from outside: in double quotes, as JSON writes it, with invisible characters as
 * escapes. At most `limit` characters of it.
 */
export function quoted(value: string, limit = 300): string {
  return escaped(JSON.stringify(shortened(value, limit)));
}

/** At most `limit` characters of a text, and … where more follow. */
export function shortened(text: string, limit: number): string {
  return text.length > limit ? `${cut(text, limit)}…` : text;
}

/** Never ends inside a number: the runner masks an account ID only where all of it is there. */
function cut(text: string, limit: number): string {
  const begin = text.slice(0, limit);
  return /\d/.test(text.charAt(limit)) ? begin.replace(/\d+$/, "") : begin;
}

/**
 * Indented JSON, line by line, that means the same as the value, even if the value contains text from
 * outside.
 */
export function jsonLines(value: unknown): string[] {
  return JSON.stringify(value, null, 2).split("\n").map(escaped);
}

/**
 * A code span of Markdown, in a table, too, on one line. Characters that are not ASCII, or could end the span
 * or the cell (https://github.github.com/gfm/#code-spans, #tables-extension-), become question marks.
 */
export function codeSpan(text: string): string {
  const shown = printable(text, 300).replace(/[^\x20-\x7e]|[`|\\]/g, "?");
  return shown === "" ? "(empty)" : `\`${shown}\``;
}

/** A word for a POSIX shell, so that a command with an untrusted value in it can be pasted. */
export function shellWord(word: string): string {
  return /^[\w+=,.@:/-]+$/.test(word) ? word : `'${word.replaceAll("'", "'\\''")}'`;
}

function escaped(json: string): string {
  const units = (text: string) =>
    text.replace(/[\s\S]/g, (unit) => `\\u${unit.charCodeAt(0).toString(16).padStart(4, "0")}`);
  return json.replace(UNPRINTABLE, units).replaceAll("##[", "##\\u005b");
}
