/**
 * Runs a command again and again, as a job that calls a tool for each of many files: one line of JSON for each
 * turn. usage: command-loop.js SECONDS INTERVAL COMMAND; in COMMAND, for `sh -c`, N is the number of the turn.
 */
import { setTimeout as sleep } from "node:timers/promises";
import { run } from "../../harness/run.ts";

/** Bound on one turn. */
const TURN_LIMIT_MS = 60_000;

const [seconds = 0, interval = 0] = process.argv.slice(2, 4).map(Number);
const command = process.argv[4] ?? "";
const end = Date.now() + seconds * 1000;
for (let count = 1; Date.now() < end; count++) {
  const start = Date.now();
  const env = { ...process.env, N: String(count) };
  const ran = await run(["sh", "-ec", command], TURN_LIMIT_MS, { env });
  const text = `${ran.stderr}${ran.stdout}`.trim().split("\n").slice(-3).join(" | ");
  const session = /arn:aws:sts[^"\s]+/.exec(ran.stdout)?.[0];
  const outcome = ran.end === 0 ? { ok: true, session } : { error: `${ran.end}: ${text.slice(-400)}` };
  console.log(JSON.stringify({ t: start, ...outcome }));
  await sleep(Math.max(0, interval * 1000 - (Date.now() - start)));
}
console.log(JSON.stringify({ t: Date.now(), done: true }));
