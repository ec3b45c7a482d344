/**
 * Reads one file as fast as it can until it is gone, and prints as JSON what it saw. Takes the file's path, and
 * what is in it: `sealed` contents, or the `session` that a keeper renews.
 */
import { readFileSync } from "node:fs";
import { isWhole } from "./sealed.ts";
import { sessionExpiry } from "./token-reader.ts";

const [file = "", kind = "sealed"] = process.argv.slice(2);
const seen = { reads: 0, different: 0, empty: 0, broken: 0, stale: 0 };
let last = "";
let expires = Number.POSITIVE_INFINITY;
process.stdout.write("ready\n");
for (;;) {
  let content: string;
  try {
    content = readFileSync(file, "latin1");
  } catch {
    break;
  }
  seen.reads += 1;
  if (content !== last) look(content);
  if (Date.now() >= expires) seen.stale += 1;
}
process.stdout.write(`${JSON.stringify(seen)}\n`);

function look(content: string): void {
  last = content;
  seen.different += 1;
  if (kind === "session") expires = sessionExpiry(content) ?? Number.NaN;
  if (content === "") seen.empty += 1;
  else if (kind === "session" ? Number.isNaN(expires) : !isWhole(content)) seen.broken += 1;
}
