/**
 * The fleet: what many jobs that start in the same minute ask of GitHub's ID token endpoint and of STS,
 * second by second, simulated with the keeper's own schedule. `npm run fleet -- --help` lists the options.
 */
import path from "node:path";
import { repository } from "../harness/repository.ts";
import { refreshDelay, retryDelay } from "../src/keeper/schedule.ts";
import { type Panel, renderPanels } from "./panels.ts";
import { readFlags, runScript, wholeNumber, writeResult } from "./script.ts";
import { formatTable } from "./table.ts";

const HOURS = 6;
const SECONDS = HOURS * 3600;
const TOKEN_MS = 300_000;
const SESSION_SECONDS = 3600;
/** The jobs start evenly over this long. */
const START_SECONDS = 60;
/**
 * Answers take between these times, evenly: it is far less than anything else here and only keeps equal jobs
 * apart.
 */
const ANSWER_MS = [50, 250] as const;
/**
 * botocore refreshes a session when 15 minutes are left (botocore/credentials.py, _advisory_refresh_timeout):
 * the earliest of the SDKs.
 */
const SDK_EARLY_SECONDS = 900;
/** For the table: an outage in which every request fails at once. */
const OUTAGE = { at: 3 * 3600, seconds: 120 };

const USAGE = `usage: npm run fleet -- [--jobs N] [--svg FILE | --write]

  --jobs N     how many jobs start in the same minute (default 10000)
  --svg FILE   where to write the picture (default out/fleet.svg)
  --write      write the picture of the documents: docs/reliability.svg
`;

/** Requests in each second. */
type Load = Uint32Array;

/**
 * A way to keep a token fresh: the milliseconds from the receipt of one, the first or a later one, to the
 * next request; undefined for never.
 */
type Way = (random: () => number, first: boolean) => number | undefined;

const WAYS: { name: string; note: string; next: Way }[] = [
  {
    name: "this action",
    note: "at half of the life, early by up to a tenth of that; the first time by up to four fifths",
    next: (random, first) => refreshDelay(TOKEN_MS, TOKEN_MS, random(), first),
  },
  {
    name: "the same without jitter",
    note: "at half of the life",
    next: () => refreshDelay(TOKEN_MS, TOKEN_MS, 0),
  },
  { name: "a loop: every 4 minutes", note: "sleep 240", next: () => 240_000 },
  { name: "once", note: "no job that outlives its session", next: () => undefined },
];

/** Marsaglia's xorshift32: the same jobs in each run, so that the picture only changes with the schedule. */
function generator(seed: number): () => number {
  let state = seed;
  return () => {
    state ^= state << 13;
    state ^= state >>> 17;
    state ^= state << 5;
    return (state >>> 0) / 2 ** 32;
  };
}

/**
 * Requests at the ID token endpoint, those that fail in the outage (if there is one) and are tried again
 * included.
 */
function idTokenLoad(jobs: number, next: Way, outage?: typeof OUTAGE): Load {
  const load = new Uint32Array(SECONDS);
  const random = generator(2026);
  const answer = () => ANSWER_MS[0] + random() * (ANSWER_MS[1] - ANSWER_MS[0]);
  for (let job = 0; job < jobs; job++) {
    let failures = 0;
    let received = 0;
    for (let at = (job / jobs) * START_SECONDS * 1000; at < SECONDS * 1000; ) {
      load[Math.floor(at / 1000)] = (load[Math.floor(at / 1000)] ?? 0) + 1;
      const out = outage && at >= outage.at * 1000 && at < (outage.at + outage.seconds) * 1000;
      failures = out ? failures + 1 : 0;
      const wait = out ? retryDelay(TOKEN_MS, failures, random()) : next(random, received++ === 0);
      if (wait === undefined) break;
      at += answer() + wait;
    }
  }
  return load;
}

/** Requests at STS: the trial of main, and one client that begins a minute later and never pauses. */
function stsLoad(jobs: number, { trial, lasting }: { trial: boolean; lasting: boolean }): Load {
  const load = new Uint32Array(SECONDS);
  const count = (at: number) => {
    load[Math.floor(at)] = (load[Math.floor(at)] ?? 0) + 1;
  };
  const random = generator(2027);
  for (let job = 0; job < jobs; job++) {
    const start = (job / jobs) * START_SECONDS + 1;
    if (trial) count(start);
    let at = start + 60 * random();
    if (!lasting) count(at);
    for (; lasting && at < SECONDS; at += SESSION_SECONDS - SDK_EARLY_SECONDS) count(at);
  }
  return load;
}

/** The busiest second of a while. */
function peak(load: Load, from: number, to: number): string {
  return String(load.subarray(from, to).reduce((most, one) => Math.max(most, one), 0));
}

async function fleet(): Promise<number> {
  const flags = readFlags({
    jobs: { type: "string" },
    svg: { type: "string" },
    write: { type: "boolean", default: false },
  });
  const jobs = wholeNumber("--jobs", flags.jobs ?? 10_000, 1);
  const svg = flags.svg ?? path.join(repository(), flags.write ? "docs/reliability.svg" : "out/fleet.svg");
  const panels: Panel[] = [
    ...WAYS.map(({ name, note, next }) => ({
      group: "ID token endpoint",
      name,
      note,
      load: idTokenLoad(jobs, next),
    })),
    {
      group: "STS",
      name: "any of them that lasts",
      note: "main's trial, then one SDK client",
      load: stsLoad(jobs, { trial: true, lasting: true }),
    },
    {
      group: "STS",
      name: "once",
      note: "keys exported",
      load: stsLoad(jobs, { trial: false, lasting: false }),
    },
  ];
  await writeResult(
    svg,
    renderPanels(`${jobs.toLocaleString("en")} jobs that start in the same minute`, SECONDS, panels),
  );

  const loads: [string, Load][] = [
    ...panels.map(({ group, name, load }): [string, Load] => [`${group}: ${name}`, load]),
    ["ID token endpoint: this action, outage of 2 min", idTokenLoad(jobs, WAYS[0]?.next as Way, OUTAGE)],
  ];
  const rows = loads.map(([name, load]) => [
    name,
    (load.reduce((sum, one) => sum + one, 0) / SECONDS).toFixed(1),
    peak(load, 0, 120),
    peak(load, 120, 3600),
    peak(load, SECONDS - 3600, SECONDS),
    peak(load, OUTAGE.at, OUTAGE.at + OUTAGE.seconds + 60),
  ]);
  const head = ["requests per second", "mean", "peak, minutes 1-2", "minutes 3-60", "last hour", "outage"];
  console.log(formatTable(head, rows));
  console.log(`\npicture: ${svg}`);
  return 0;
}

await runScript(USAGE, fleet);
