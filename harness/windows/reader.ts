/**
 * A Windows program that reads the token file over and over and keeps it open between. Prints as JSON what it
 * saw (Sightings). Arguments: the file, for how many milliseconds it is open and closed in turn, and a file
 * whose appearance ends it.
 */
import * as fs from "node:fs";
import { setTimeout as sleep } from "node:timers/promises";

export interface Sightings {
  reads: number;
  tokens: number;
  /** Reads that found an expired token, no file, or not a whole token. */
  stale: number;
  missing: number;
  torn: number;
  /** Codes of other errors. */
  errors: string[];
}

const [file = "", openMs = "", closedMs = "", stop = ""] = process.argv.slice(2);
const seen: Sightings = { reads: 0, tokens: 0, stale: 0, missing: 0, torn: 0, errors: [] };
let last = "";

function look(token: string): void {
  seen.reads += 1;
  const parts = token.split(".");
  if (parts.length !== 3 || parts.some((part) => part === "")) {
    seen.torn += 1;
    return;
  }
  if (token !== last) seen.tokens += 1;
  last = token;
  const { exp } = JSON.parse(Buffer.from(parts[1] ?? "", "base64url").toString()) as { exp: number };
  if (Date.now() >= exp * 1000) seen.stale += 1;
}

while (!fs.existsSync(stop)) {
  try {
    const opened = fs.openSync(file, "r");
    look(fs.readFileSync(opened, "utf8"));
    await sleep(Number(openMs));
    fs.closeSync(opened);
  } catch (error) {
    const { code = "unknown" } = error as NodeJS.ErrnoException;
    if (code === "ENOENT") seen.missing += 1;
    else seen.errors.push(code);
  }
  await sleep(Number(closedMs));
}
console.log(JSON.stringify(seen));
