/**
 * The soak: one job at sixty times the speed, with the built action, a token file and a shared session beside
 * it, endpoints that fail now and then, and readers that never look away. `npm run soak -- --help` lists the
 * options.
 */
import { readdirSync, readFileSync } from "node:fs";
import path from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import type { GitHubFault, StsFault } from "../harness/clouds/faults.ts";
import { AUDIENCES, Stage } from "../harness/machine/stage.ts";
import { expiry, sessionExpiry, TokenReader } from "../harness/machine/token-reader.ts";
import { processesWith } from "../harness/runner/processes.ts";
import { readJson } from "../src/base/files.ts";
import { type KeeperDirectory, keeperDirectoryAt } from "../src/base/layout.ts";
import type { KeeperStatus } from "../src/keeper/status.ts";
import { type Cleanup, readFlags, runScript, UsageError } from "./script.ts";

const SPEED = 60;
/** A real token lives 300 s, a session an hour. */
const TOKEN_LIFE_MS = 300_000 / SPEED;
const SESSION_LIFE_MS = 3_600_000 / SPEED;
/** The shared session asks for ID tokens of its own, so that its outages are its own. */
const SESSION_AUDIENCE = AUDIENCES[1] ?? "";
const FAILURE_RATE = 0.05;
/** Half a life less two retries of a tenth each: the first try after the outage may fail too. */
const OUTAGE_LIVES = 0.3;
/** The two outages begin after these shares of the soak. The session's first is GitHub's, its second STS's. */
const OUTAGES_AT = [1 / 3, 2 / 3];
/** After this share, the process that makes the next session is killed. */
const KILLED_AT = 1 / 2;
const SAMPLE_MS = 1_000;
/** Not counted: what V8 takes at first. */
const WARM_UP = 0.25;
/** Memory may grow by this much after the warm-up: noise of the garbage collector. */
const GROWTH_KB = 4_096;

const USAGE = `usage: npm run soak -- [--minutes N]

  --minutes N   how long the job lasts (default 6, as six hours at ${SPEED} times the speed; at least 3)

Exit code: 0 if no read found a stale, missing or broken token or session, and the keepers' memory and open files stayed flat, else 1.
`;

interface Sample {
  /** Resident memory that is the process's own, kB. */
  privateKb: number;
  files: number;
  /** R, S, D or T: proc(5). */
  state: string;
}

/** A keeper and its file, with what was seen of both. */
interface Kept {
  kind: "token" | "session";
  lifeMs: number;
  directory: KeeperDirectory;
  pid: number;
  reader: TokenReader;
  samples: Sample[];
}

/** A line of the result, and whether it is as it should be. */
type Row = [name: string, value: string, good: boolean];

function readMinutes(): number {
  const { minutes = 6 } = readFlags({ minutes: { type: "string" } });
  if (Number(minutes) >= 3) return Number(minutes);
  throw new UsageError(`--minutes: a number of at least 3, not ${minutes}`);
}

/**
 * proc(5): /proc/PID/status. Private memory: what is shared with other processes of the same node shows
 * nothing of this one.
 */
function sample(pid: number): Sample {
  const status = readFileSync(`/proc/${pid}/status`, "utf8");
  const privateKb = Number(/^RssAnon:\s+(\d+)/m.exec(status)?.[1]);
  const state = /^State:\s+(\w)/m.exec(status)?.[1] ?? "";
  return { privateKb, files: readdirSync(`/proc/${pid}/fd`).length, state };
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

/** What went wrong at one endpoint for one of the two files: at random, and in outages. */
class Weather {
  failures = 0;
  outages = 0;
  readonly #began = performance.now();
  readonly #starts: number[];
  readonly #outageMs: number;
  #until = 0;

  /** @param starts when the outages may begin, in milliseconds from now, in order */
  constructor(starts: number[], lifeMs: number) {
    this.#starts = [...starts];
    this.#outageMs = OUTAGE_LIVES * lifeMs;
  }

  /** Whether the request of this moment fails. An outage begins with the first after its time: the worst moment. */
  fails(): boolean {
    const at = performance.now() - this.#began;
    if (at >= (this.#starts[0] ?? Number.POSITIVE_INFINITY)) {
      this.#starts.shift();
      this.#until = at + this.#outageMs;
      this.outages += 1;
    }
    if (at < this.#until) return true;
    if (Math.random() >= FAILURE_RATE) return false;
    this.failures += 1;
    return true;
  }
}

/** All that goes wrong, and how often it did. */
interface Disturbance {
  token: Weather;
  session: Weather;
  sts: Weather;
  killed: number;
}

/** Makes both endpoints fail, and kills one process in the middle of an exchange. */
function disturb({ clouds, runner }: Stage, lastsMs: number): Disturbance {
  const [first = 0, second = 0] = OUTAGES_AT.map((share) => share * lastsMs);
  const counts: Disturbance = {
    token: new Weather([first, second], TOKEN_LIFE_MS),
    session: new Weather([first], SESSION_LIFE_MS),
    sts: new Weather([second], SESSION_LIFE_MS),
    killed: 0,
  };
  const killAt = performance.now() + KILLED_AT * lastsMs;
  clouds.github.fault = ({ audience }): GitHubFault => {
    const isSession = audience === SESSION_AUDIENCE;
    if ((isSession ? counts.session : counts.token).fails()) return { status: 503 };
    if (isSession && counts.killed === 0 && performance.now() > killAt) {
      for (const { pid, command } of processesWith("RUNNER_TEMP", (value) => value === runner.temp)) {
        if (!command.includes(`${path.sep}renew${path.sep}`)) continue;
        process.kill(pid, "SIGKILL");
        counts.killed += 1;
      }
    }
    const now = Date.now() / 1000;
    return { claims: { iat: now, nbf: now - 600, exp: now + TOKEN_LIFE_MS / 1000 } };
  };
  clouds.sts.fault = (): StsFault | undefined => (counts.sts.fails() ? { status: 503 } : undefined);
  return counts;
}

/** Uses the action for a token file and for a shared session, and begins to read both. */
async function begin(stage: Stage, job: Parameters<Stage["use"]>[0]): Promise<Kept[]> {
  const shared = { profile: "shared", audience: SESSION_AUDIENCE, "shared-session": "true" };
  for (const inputs of [{}, shared]) {
    const main = await stage.use(job, inputs);
    if (main.outcome !== "success") throw new Error(`main failed:\n${main.log}`);
  }
  return (["token", "session"] as const).map((kind): Kept => {
    const folder = path.join(stage.root, `${kind}s`);
    const [id = ""] = readdirSync(folder);
    const directory = keeperDirectoryAt(path.join(folder, id), kind);
    const isToken = kind === "token";
    const reader = new TokenReader(directory.secret, isToken ? expiry : sessionExpiry);
    const { pid } = statusOf(directory);
    return { kind, lifeMs: isToken ? TOKEN_LIFE_MS : SESSION_LIFE_MS, directory, pid, reader, samples: [] };
  });
}

function statusOf({ status }: KeeperDirectory): KeeperStatus {
  const read = readJson<KeeperStatus>(status);
  if (read === undefined) throw new Error(`${status} cannot be read`);
  return read;
}

/** What became of one of the files. If something is wrong: when it was, and which errors the keeper had then. */
function judge({ kind, lifeMs, directory, reader, samples }: Kept, lastsMs: number): Row[] {
  const seen = reader.stop();
  const status = statusOf(directory);
  const stopped = samples.filter(({ state }) => state === "T").length;
  if (stopped > 0) console.log(`! suspended from outside in ${stopped} of ${samples.length} samples`);
  const wasSuspended = seen.blindMs > lifeMs / 2;
  if (wasSuspended) console.log(`! this machine was suspended for ${Math.round(seen.blindMs)} ms`);
  for (const { from, to } of status.stale) console.log(`! stale from ${time(from)} to ${time(to)}`);
  for (const { from, to = Date.now(), attempts, lastError } of status.outages) {
    if (to - from <= lifeMs / 2) continue;
    console.log(`! ${attempts} tries from ${time(from)} to ${time(to)}: ${lastError}`);
  }
  const memory = drift(samples, ({ privateKb }) => privateKb);
  const files = drift(samples, (one) => one.files);
  const unread = seen.missing + seen.torn;
  return [
    [`reads of the ${kind} file`, String(seen.reads), seen.reads > lastsMs / 100],
    [`different ${kind}s`, String(seen.tokens), seen.tokens > lastsMs / lifeMs],
    // A machine that was suspended for longer than a token lives has no fresh one when it wakes.
    ["of them stale", `${seen.stale} (${seen.staleMs} ms)`, seen.stale === 0 || wasSuspended],
    [`reads of a missing or broken ${kind}`, String(unread), unread === 0],
    [`oldest ${kind}, in lives`, (status.longestAgeMs / lifeMs).toFixed(2), status.longestAgeMs < lifeMs],
    [
      "private memory of its keeper, kB",
      `${memory.first} -> ${memory.last}`,
      memory.last < memory.first + GROWTH_KB,
    ],
    ["open files of its keeper", `${files.first} -> ${files.last}`, files.last <= files.first],
  ];
}

async function soak(cleanup: Cleanup): Promise<number> {
  const lastsMs = readMinutes() * 60_000;
  const stage = await Stage.start({
    clouds: { requestTokenSeconds: 2 * (lastsMs / 1000), sessionSeconds: SESSION_LIFE_MS / 1000 },
  });
  cleanup(() => stage.close());

  const began = performance.now();
  const counts = disturb(stage, lastsMs);
  const { job } = await stage.startJob();
  const both = await begin(stage, job);
  while (performance.now() - began < lastsMs) {
    await sleep(SAMPLE_MS);
    for (const { pid, samples } of both) samples.push(sample(pid));
  }
  const rows = both.flatMap((kept) => judge(kept, lastsMs));
  const { posts, tempLeft, orphans } = await job.finish();

  const all = [counts.token, counts.session, counts.sts];
  const sum = (of: (weather: Weather) => number) => all.reduce((total, weather) => total + of(weather), 0);
  const left = tempLeft.before.length + orphans.length;
  const outcomes = posts.map(({ outcome }) => outcome);
  rows.push(
    ["requests that failed at random", String(sum(({ failures }) => failures)), true],
    [
      `outages of ${OUTAGE_LIVES} lives (GitHub, GitHub, STS)`,
      all.map(({ outages }) => outages).join(" + "),
      sum(({ outages }) => outages) === 2 * OUTAGES_AT.length,
    ],
    ["exchange processes killed", String(counts.killed), counts.killed === 1],
    ["left behind after post", String(left), left === 0],
    ["posts", outcomes.join(), outcomes.length === 2 && outcomes.every((outcome) => outcome === "success")],
  );
  for (const [name, value, good] of rows) console.log(`${good ? "  " : "! "}${name.padEnd(42)} ${value}`);
  return rows.every(([, , good]) => good) ? 0 : 1;
}

await runScript(USAGE, soak);
