/**
 * A Windows program that reads the token file over and over and keeps it open between. Prints as JSON what it
 * saw (Sightings). Arguments: the file, for how many milliseconds it is open and closed in turn, a file whose
 * appearance ends it, and "exclusive" if nobody else may open the file meanwhile. It is closed for up to half as long
 * again or half as short: readers of one pace could take turns for seconds and leave no moment to replace the file.
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
  /** The longest that this process itself was late: a machine too busy for lives of seconds. */
  blindMs: number;
}

const [file = "", openMs = "", closedMs = "", stop = "", sharing = ""] = process.argv.slice(2);
/** UV_FS_O_EXLOCK with O_RDWR (libuv, include/uv/win.h): share with nobody. Without it, libuv shares everything. */
const FLAGS = sharing === "exclusive" ? fs.constants.O_RDWR | 0x10000000 : fs.constants.O_RDONLY;
const seen: Sightings = { reads: 0, tokens: 0, stale: 0, missing: 0, torn: 0, errors: [], blindMs: 0 };
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

async function stopped(): Promise<void> {
  while (!fs.existsSync(stop)) await sleep(20);
}

let due = performance.now();
while (!fs.existsSync(stop)) {
  seen.blindMs = Math.max(seen.blindMs, Math.round(performance.now() - due));
  due = performance.now() + Number(openMs) + 1.5 * Number(closedMs);
  try {
    const opened = fs.openSync(file, FLAGS);
    look(fs.readFileSync(opened, "utf8"));
    if (seen.reads === 1) fs.writeFileSync(`${stop}.open`, "");
    await Promise.race([sleep(Number(openMs)), stopped()]);
    fs.closeSync(opened);
  } catch (error) {
    const { code = "unknown" } = error as NodeJS.ErrnoException;
    if (code === "ENOENT") seen.missing += 1;
    else seen.errors.push(code);
  }
  await sleep(Number(closedMs) * (0.5 + Math.random()));
}
console.log(JSON.stringify(seen));
process.exit();
