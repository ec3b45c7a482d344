/**
 * The soak: one job at sixty times the speed, with the built action, an ID token endpoint that fails now and
 * then, and a reader that never looks away. `npm run soak -- --help` lists the options.
 */
import { readdirSync, readFileSync } from "node:fs";
import { setTimeout as sleep } from "node:timers/promises";
import type { GitHubCloud } from "../harness/clouds/github.ts";
import { Stage } from "../harness/machine/stage.ts";
import { TokenReader } from "../harness/machine/token-reader.ts";
import { type Cleanup, readFlags, runScript, UsageError } from "./script.ts";

/** A real token lives 300 s. */
const SPEED = 60;
const LIFE_MS = 300_000 / SPEED;
const FAILURE_RATE = 0.05;
/** Half a life less two retries of a tenth each: the first try after the outage may fail too. */
const OUTAGE_MS = 0.3 * LIFE_MS;
/** The two outages begin after these shares of the soak. */
const OUTAGES_AT = [1 / 3, 2 / 3];
const SAMPLE_MS = 1_000;
/** Not counted: what V8 takes at first. */
const WARM_UP = 0.25;
/** Memory may grow by this much after the warm-up: noise of the garbage collector. */
const GROWTH_KB = 4_096;

const USAGE = `usage: npm run soak -- [--minutes N]

  --minutes N   how long the job lasts (default 6, as six hours at ${SPEED} times the speed; at least 1)

Exit code: 0 if no read found a stale, missing or broken token and the keeper's memory and open files stayed flat, else 1.
`;

interface Sample {
  at: number;
  /** Resident memory that is the process's own, kB. */
  privateKb: number;
  files: number;
  /** R, S, D or T: proc(5). */
  state: string;
}

function readMinutes(): number {
  const { minutes = 6 } = readFlags({ minutes: { type: "string" } });
  if (Number(minutes) >= 1) return Number(minutes);
  throw new UsageError(`--minutes: a number of at least 1, not ${minutes}`);
}

/**
 * proc(5): /proc/PID/status. Private memory: what is shared with other processes of the same node shows
 * nothing of this one.
 */
function sample(pid: number, began: number): Sample {
  const status = readFileSync(`/proc/${pid}/status`, "utf8");
  const privateKb = Number(/^RssAnon:\s+(\d+)/m.exec(status)?.[1]);
  const state = /^State:\s+(\w)/m.exec(status)?.[1] ?? "";
  return { at: performance.now() - began, privateKb, files: readdirSync(`/proc/${pid}/fd`).length, state };
}

function median(numbers: number[]): number {
  return numbers.toSorted((a, b) => a - b)[Math.floor(numbers.length / 2)] ?? Number.NaN;
}

/** Medians of the first and the last quarter after the warm-up. */
function drift(samples: Sample[], of: (sample: Sample) => number): { first: number; last: number } {
  const counted = samples.slice(Math.floor(samples.length * WARM_UP)).map(of);
  const quarter = Math.ceil(counted.length / 4);
  return { first: median(counted.slice(0, quarter)), last: median(counted.slice(-quarter)) };
}

function time(ms: number): string {
  return new Date(ms).toISOString().slice(11, 23);
}

/** Makes the endpoint fail at random, and in two outages of the job's time. Counts what it did. */
function disturb(github: GitHubCloud, began: number, lastsMs: number): { failures: number; outages: number } {
  const outages = OUTAGES_AT.map((share) => share * lastsMs);
  const counts = { failures: 0, outages: 0 };
  github.fault = () => {
    const at = performance.now() - began;
    // From the first request after its time on: the worst moment.
    const outage = outages.findIndex((from, index) => at >= from && index === counts.outages);
    if (outage >= 0) {
      counts.outages += 1;
      outages[outage] = at;
    }
    if (outages.some((from, index) => index < counts.outages && at < from + OUTAGE_MS))
      return { status: 503 };
    if (github.requests.length > 1 && Math.random() < FAILURE_RATE) {
      counts.failures += 1;
      return { status: 500 };
    }
    const now = Date.now() / 1000;
    return { claims: { iat: now, nbf: now - 600, exp: now + LIFE_MS / 1000 } };
  };
  return counts;
}

async function soak(cleanup: Cleanup): Promise<number> {
  const lastsMs = readMinutes() * 60_000;
  const stage = await Stage.start({ clouds: { requestTokenSeconds: 2 * (lastsMs / 1000) } });
  cleanup(() => stage.close());

  const began = performance.now();
  const counts = disturb(stage.clouds.github, began, lastsMs);

  const { job } = await stage.startJob();
  const main = await stage.use(job);
  if (main.outcome !== "success") throw new Error(`main failed:\n${main.log}`);
  const [token] = stage.tokens();
  const { pid } = stage.status();
  const reader = new TokenReader(token?.secret ?? "");
  const samples: Sample[] = [];
  while (performance.now() - began < lastsMs) {
    await sleep(SAMPLE_MS);
    samples.push(sample(pid, began));
  }
  const seen = reader.stop();
  const stopped = samples.filter(({ state }) => state === "T").length;
  if (stopped > 0)
    console.log(`! the keeper was suspended from outside in ${stopped} of ${samples.length} samples`);
  const status = stage.status();
  const { posts, tempLeft, orphans } = await job.finish();

  const wasSuspended = seen.blindMs > LIFE_MS / 2;
  if (wasSuspended) console.log(`! this machine was suspended for ${Math.round(seen.blindMs)} ms`);
  const memory = drift(samples, ({ privateKb }) => privateKb);
  const files = drift(samples, (one) => one.files);
  const rows: [string, string, boolean][] = [
    ["reads of the token file", String(seen.reads), seen.reads > lastsMs / 100],
    ["different tokens", String(seen.tokens), seen.tokens > lastsMs / LIFE_MS],
    // A machine that was suspended for longer than a token lives has no fresh one when it wakes.
    ["of them stale", `${seen.stale} (${seen.staleMs} ms)`, seen.stale === 0 || wasSuspended],
    ["reads of a missing or broken token", String(seen.missing + seen.torn), seen.missing + seen.torn === 0],
    ["requests that failed at random", String(counts.failures), true],
    ["outages of 0.3 lives", String(counts.outages), counts.outages === OUTAGES_AT.length],
    ["oldest token, in lives", (status.longestAgeMs / LIFE_MS).toFixed(2), status.longestAgeMs < LIFE_MS],
    [
      "private memory of the keeper, kB",
      `${memory.first} -> ${memory.last}`,
      memory.last < memory.first + GROWTH_KB,
    ],
    ["open files of the keeper", `${files.first} -> ${files.last}`, files.last <= files.first],
    [
      "left behind after post",
      String(tempLeft.before.length + orphans.length),
      tempLeft.before.length + orphans.length === 0,
    ],
    ["post", posts[0]?.outcome ?? "none", posts[0]?.outcome === "success"],
  ];
  // If something is wrong: when it was, and which errors the keeper had then.
  for (const { from, to } of status.stale) console.log(`! stale from ${time(from)} to ${time(to)}`);
  for (const { from, to = Date.now(), attempts, lastError } of status.outages) {
    if (to - from <= LIFE_MS / 2) continue;
    console.log(`! ${attempts} tries from ${time(from)} to ${time(to)}: ${lastError}`);
  }
  for (const [name, value, good] of rows) console.log(`${good ? "  " : "! "}${name.padEnd(36)} ${value}`);
  return rows.every(([, , good]) => good) ? 0 : 1;
}

await runScript(USAGE, soak);
