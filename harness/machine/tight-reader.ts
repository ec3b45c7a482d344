/**
 * Reads one file as fast as it can until it is gone, and prints as JSON what it saw of contents made by
 * `sealed`. Takes the file's path.
 */
import { readFileSync } from "node:fs";
import { isWhole } from "./sealed.ts";

const [file = ""] = process.argv.slice(2);
const seen = { reads: 0, different: 0, empty: 0, broken: 0 };
let last = "";
process.stdout.write("ready\n");
for (;;) {
  let content: string;
  try {
    content = readFileSync(file, "latin1");
  } catch {
    break;
  }
  seen.reads += 1;
  if (content === last) continue;
  last = content;
  seen.different += 1;
  if (content === "") seen.empty += 1;
  else if (!isWhole(content)) seen.broken += 1;
}
process.stdout.write(`${JSON.stringify(seen)}\n`);
