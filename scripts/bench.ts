/**
 * The benchmark: what main, post and the keeper cost, beside bare node and, if wanted, another action, in
 * paired runs on the same two clouds on loopback. A script and no test: it judges nothing. `npm run bench --
 * --help` lists the options.
 *
 * How it is measured. Each action runs in the small runner, with `node` replaced by a shell script around the
 * real one: bash's `time` takes wall time, and user CPU from the rusage of its child, all threads and
 * waited-for children included. Main does not wait for the keeper, so main's CPU does not include it; it is
 * measured by itself, from /proc. NODE_EXTRA_CA_CERTS, which slows every start of node, is not set for any
 * child. A round runs every contender once, in an order that turns with the rounds; ratios are medians of the
 * ratios within a round.
 */
import { execFile } from "node:child_process";
import { existsSync } from "node:fs";
import { mkdtemp, readdir, readFile, rm, stat, writeFile } from "node:fs/promises";
import os from "node:os";
import path from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { promisify } from "node:util";
import { type Clouds, startClouds } from "../harness/clouds/clouds.ts";
import { type Distance, startDistance } from "../harness/clouds/distance.ts";
import { trustGitHub } from "../harness/clouds/trust.ts";
import { keepersOf } from "../harness/machine/stage.ts";
import { repository } from "../harness/repository.ts";
import { readActionManifest } from "../harness/runner/action-manifest.ts";
import { cpuMsOf, memoryOf } from "../harness/runner/processes.ts";
import { createRunner, type Job, type Runner, type StepResult } from "../harness/runner/runner.ts";
import { waitFor } from "../harness/wait.ts";
import {
  type ClientTimes,
  measureClients,
  measureSessionKeeper,
  renderClients,
  type SessionKeeper,
} from "./bench-sessions.ts";
import {
  asJson,
  type Cleanup,
  readFlags,
  runScript,
  UsageError,
  wholeNumber,
  writeResult,
} from "./script.ts";
import { formatTable } from "./table.ts";

const LEAST_RUNS = 11;
/** Without TLS: the wait before each answer. */
const LATENCIES_MS = [0, 60];
const ROLE = "arn:aws:iam::111122223333:role/bench";
const REGION = "eu-west-1";

/** The keeper asks again at half of a token's life. */
const KEEPER_TOKEN_SECONDS = 4;
const KEEPER_REFRESHES = 10;
/** GitHub's tokens live 300 s: 24 refreshes an hour. */
const REAL_TOKEN_SECONDS = 300;
const REFRESHES_PER_HOUR = 3600 / (REAL_TOKEN_SECONDS / 2);
/** Long enough for the keeper's ticks between refreshes, of which there is one in 15 s at least. */
const IDLE_SECONDS = 45;

/** What is measured: main and post of the action, programs of later steps, and keepers. */
const PARTS = ["actions", "clients", "keepers"] as const;
type Part = (typeof PARTS)[number];

const USAGE = `usage: npm run bench -- [--runs N] [--part NAME]... [--rtt LIST] [--peer DIR] [--peer-input NAME=VALUE]... [--json FILE]

  --runs N         rounds to take the medians of (default and least ${LEAST_RUNS}; one more is run first and left out)
  --part NAME      only this one of ${PARTS.join(", ")}; may be given twice
  --rtt LIST       round trips in milliseconds, such as 0,40,80: both clouds over TLS, behind relays that are as far away
  --peer DIR       checkout of another action to run beside this one
  --peer-input     an input of that action; {role}, {region} and {sts} in the value stand for the role, the region and the STS address
  --json FILE      write every figure to FILE

ACTION_NODE names the node that runs the actions; without it, the one that runs this script.
`;

/** The node that runs the actions. */
const NODE = process.env.ACTION_NODE ?? process.execPath;

const root = repository();

interface Options {
  runs: number;
  parts: readonly Part[];
  /** Undefined: no TLS, and a wait before each answer. */
  rtts: number[] | undefined;
  json: string | undefined;
  peer: { directory: string; inputs: Record<string, string> } | undefined;
}

/** One process: wall and user CPU, milliseconds. */
interface Cost {
  wallMs: number;
  userMs: number;
}

/** One step: its process, and what it asked of the clouds. */
interface StepCost extends Cost {
  calls: number;
  connections: number;
}

interface Round {
  main: StepCost;
  post: StepCost | undefined;
  /** What main waited for; with --rtt. */
  waits?: Waits | undefined;
}

/** Milliseconds from a connection to the whole answer, or from the request where the connection was there before. */
interface Waits {
  githubMs: number;
  stsMs: number;
}

/** Of a main: TCP, TLS 1.3 and the request at GitHub; the request at STS, if its connection is made meanwhile. */
const LEAST_ROUND_TRIPS = 4;

interface Contender {
  name: string;
  run(): Promise<Round>;
}

interface Keeper {
  residentMiB: number;
  privateMiB: number;
  cpuMsPerRefresh: number;
  idleCpuMsPerSecond: number;
  /** Extrapolated, see `measureKeeper`. */
  cpuSecondsPerHour: number;
}

function readOptions(): Options {
  const flags = readFlags({
    runs: { type: "string" },
    part: { type: "string", multiple: true },
    rtt: { type: "string" },
    json: { type: "string" },
    peer: { type: "string" },
    "peer-input": { type: "string", multiple: true },
  });
  const runs = wholeNumber("--runs", flags.runs ?? LEAST_RUNS, LEAST_RUNS);
  const rtts = flags.rtt?.split(",").map((ms) => wholeNumber("--rtt", ms, 0));
  // Programs of later steps and keepers are measured near the clouds.
  const parts = (flags.part ?? (rtts ? ["actions"] : PARTS)).map((name): Part => {
    const part = PARTS.find((each) => each === name);
    if (part === undefined) throw new UsageError(`--part: one of ${PARTS.join(", ")}, not ${name}`);
    return part;
  });
  const inputs = (flags["peer-input"] ?? []).map((pair): [string, string] => {
    const equals = pair.indexOf("=");
    if (equals < 1) throw new UsageError(`--peer-input: NAME=VALUE, not ${pair}`);
    return [pair.slice(0, equals), pair.slice(equals + 1)];
  });
  if (flags.peer === undefined && inputs.length > 0) throw new UsageError("--peer-input needs --peer");
  if (flags.peer !== undefined && !existsSync(path.join(flags.peer, "action.yml")))
    throw new UsageError(`--peer: ${flags.peer} has no action.yml`);
  const peer = flags.peer && { directory: path.resolve(flags.peer), inputs: Object.fromEntries(inputs) };
  return { runs, parts, rtts, json: flags.json, peer: peer || undefined };
}

/** A stand-in for node that runs the real one and notes, a line each, wall and user seconds. */
class TimedNode {
  readonly script: string;
  readonly #notes: string;
  readonly #folder: string;

  static async create(): Promise<TimedNode> {
    const timed = new TimedNode(await mkdtemp(path.join(os.tmpdir(), "bench-")));
    // Descriptor 3 is the real stderr, so that only the times end up in the notes.
    const text = `#!/bin/bash\nTIMEFORMAT='%3R %3U'\n{ time '${NODE}' "$@" 2>&3; } 3>&2 2>>'${timed.#notes}'\n`;
    await writeFile(timed.script, text, { mode: 0o755 });
    return timed;
  }

  private constructor(folder: string) {
    this.#folder = folder;
    this.script = path.join(folder, "node");
    this.#notes = path.join(folder, "times");
  }

  /** What the last process cost. */
  async last(): Promise<Cost> {
    const [wall = Number.NaN, user = Number.NaN] = (
      (await readFile(this.#notes, "utf8")).trim().split("\n").at(-1) ?? ""
    )
      .split(" ")
      .map(Number);
    return { wallMs: wall * 1000, userMs: user * 1000 };
  }

  remove(): Promise<void> {
    return rm(this.#folder, { recursive: true });
  }
}

/** Counts the requests and connections that `body` makes to the clouds. */
async function counted<T>(
  clouds: Clouds,
  body: () => Promise<T>,
): Promise<{ value: T; calls: number; connections: number }> {
  const [githubBefore, stsBefore] = [clouds.github.requests.length, clouds.sts.requests.length];
  const value = await body();
  const github = clouds.github.requests.slice(githubBefore);
  const sts = clouds.sts.requests.slice(stsBefore);
  const connections = new Set([
    ...github.map(({ connection }) => `github ${connection}`),
    ...sts.map(({ connection }) => `sts ${connection}`),
  ]);
  return { value, calls: github.length + sts.length, connections: connections.size };
}

function requireSuccess({ name, outcome, log, stderr }: StepResult): void {
  if (outcome !== "success") throw new Error(`${name}: ${outcome}\n${log}${stderr}`);
}

interface Bench {
  clouds: Clouds;
  /** With --rtt: what both clouds are behind. */
  far: Far | undefined;
  runner: Runner;
  timed: TimedNode;
}

async function startJob({ clouds, runner, far }: Bench): Promise<Job> {
  const { environment } = clouds.github.startJob({ repository: "org/repository" });
  return runner.startJob({ environment: far ? far.reach(environment) : { ...environment } });
}

/** Both clouds over TLS, as far away as `setRtt` says. */
interface Far {
  stsUrl: string;
  setRtt(ms: number): void;
  /** What the latest main waited for. */
  waits(): Waits;
  /** The environment of a job that reaches GitHub there. */
  reach(environment: Record<string, string>): Record<string, string>;
}

async function startFar({ github, sts, tls }: Clouds, cleanup: Cleanup): Promise<Far> {
  const [ofGitHub, ofSts] = await Promise.all(
    [github, sts].map(({ ports }) => startDistance(ports.tls ?? Number.NaN, 0)),
  );
  if (!ofGitHub || !ofSts || !tls) throw new Error("the clouds have no TLS");
  for (const relay of [ofGitHub, ofSts]) cleanup(() => relay.close());
  return {
    stsUrl: `https://localhost:${ofSts.port}`,
    waits: () =>
      waitsOf({ requests: github.requests, distance: ofGitHub }, { requests: sts.requests, distance: ofSts }),
    setRtt: (ms) => {
      ofGitHub.rttMs = ms;
      ofSts.rttMs = ms;
    },
    reach: (environment) => {
      const { pathname, search } = new URL(environment.ACTIONS_ID_TOKEN_REQUEST_URL ?? "");
      return {
        ...environment,
        ACTIONS_ID_TOKEN_REQUEST_URL: `https://localhost:${ofGitHub.port}${pathname}${search}`,
        NODE_EXTRA_CA_CERTS: tls.caFile,
      };
    },
  };
}

type Cloud = { requests: { at: number; answeredAt: number | undefined }[]; distance: Distance };

function waitsOf(github: Cloud, sts: Cloud): Waits {
  const arrived = ({ requests, distance: { rttMs } }: Cloud): number =>
    (requests.at(-1)?.answeredAt ?? Number.NaN) + rttMs / 2;
  const asked = ({ requests, distance: { rttMs } }: Cloud): number =>
    (requests.at(-1)?.at ?? Number.NaN) - rttMs / 2;
  const isEarly = sts.distance.connectedAt < arrived(github);
  return {
    githubMs: arrived(github) - github.distance.connectedAt,
    stsMs: arrived(sts) - (isEarly ? asked(sts) : sts.distance.connectedAt),
  };
}

function actionContender(
  bench: Bench,
  name: string,
  directory: string,
  inputs: Record<string, string>,
): Contender {
  const { clouds, timed, far } = bench;
  return {
    name,
    run: async () => {
      const job = await startJob(bench);
      const main = await counted(clouds, () => job.use(directory, { with: inputs }));
      requireSuccess(main.value);
      const mainCost = await timed.last();
      const waits = far?.waits();
      const post = await counted(clouds, () => job.finish());
      const posts = post.value.posts.filter(({ outcome }) => outcome !== "skipped");
      for (const step of posts) requireSuccess(step);
      return {
        main: { ...mainCost, calls: main.calls, connections: main.connections },
        post:
          posts.length === 0
            ? undefined
            : { ...(await timed.last()), calls: post.calls, connections: post.connections },
        waits,
      };
    },
  };
}

function bareNode(bench: Bench): Contender {
  return {
    name: "node -e 0",
    run: async () => {
      const job = await startJob(bench);
      requireSuccess(await job.run([bench.timed.script, "-e", "0"]));
      await job.finish();
      return { main: { ...(await bench.timed.last()), calls: 0, connections: 0 }, post: undefined };
    },
  };
}

/** Runs the rounds, after one that warms the disk cache and is left out. */
async function runRounds(contenders: Contender[], runs: number): Promise<Map<string, Round[]>> {
  const rounds = new Map(contenders.map(({ name }): [string, Round[]] => [name, []]));
  for (let round = 0; round <= runs; round += 1) {
    const turn = round % contenders.length;
    for (const contender of [...contenders.slice(turn), ...contenders.slice(0, turn)]) {
      const result = await contender.run();
      if (round > 0) rounds.get(contender.name)?.push(result);
    }
  }
  return rounds;
}

function median(values: number[]): number {
  const sorted = values.toSorted((a, b) => a - b);
  const middle = sorted.length / 2;
  return sorted.length % 2 === 1
    ? (sorted[Math.floor(middle)] as number)
    : ((sorted[middle - 1] as number) + (sorted[middle] as number)) / 2;
}

/**
 * Memory of the keeper after ten refreshes, and its CPU. A refresh and an idle second are measured apart: the
 * first at a token life of 4 s, over ten refreshes; the second at GitHub's 300 s, between two refreshes. An
 * hour is then 24 refreshes and 3,600 idle seconds.
 */
async function measureKeeper(bench: Bench, inputs: Record<string, string>): Promise<Keeper> {
  const { github } = bench.clouds;
  github.idTokenSeconds = KEEPER_TOKEN_SECONDS;
  const job = await startJob(bench);
  requireSuccess(await job.use(root, { with: inputs }));
  const [keeper] = keepersOf(bench.runner);
  if (keeper === undefined) throw new Error("no keeper is running");

  const first = github.requests.length;
  const until = async (requests: number): Promise<void> => {
    const limitMs = requests * KEEPER_TOKEN_SECONDS * 1000;
    await waitFor("the keeper's refresh", limitMs, () => github.requests.length >= first + requests);
    // The answer is still on its way, then the file is written.
    await sleep(500);
  };
  // The first refresh also compiles what every later one uses.
  await until(1);
  const startCpu = cpuMsOf(keeper.pid);
  await until(KEEPER_REFRESHES);
  const cpuMsPerRefresh = (cpuMsOf(keeper.pid) - startCpu) / (KEEPER_REFRESHES - 1);
  const { residentKiB, privateKiB } = memoryOf(keeper.pid);

  github.idTokenSeconds = REAL_TOKEN_SECONDS;
  await until(KEEPER_REFRESHES + 1);
  const idleCpu = cpuMsOf(keeper.pid);
  await sleep(IDLE_SECONDS * 1000);
  const idleCpuMsPerSecond = (cpuMsOf(keeper.pid) - idleCpu) / IDLE_SECONDS;
  await job.finish();
  return {
    residentMiB: residentKiB / 1024,
    privateMiB: privateKiB / 1024,
    cpuMsPerRefresh,
    idleCpuMsPerSecond,
    cpuSecondsPerHour: (REFRESHES_PER_HOUR * cpuMsPerRefresh + 3600 * idleCpuMsPerSecond) / 1000,
  };
}

/** Bytes of the folders that action.yml names, in all and of their JavaScript. */
async function sizeOf(directory: string): Promise<{ totalBytes: number; scriptBytes: number }> {
  const { main, post = main } = await readActionManifest(directory);
  const folders = new Set([main, post].map((file) => path.normalize(file).split(path.sep)[0] as string));
  const size = { totalBytes: 0, scriptBytes: 0 };
  for (const folder of folders) {
    const entries = await readdir(path.join(directory, folder), { recursive: true, withFileTypes: true });
    for (const entry of entries) {
      if (!entry.isFile()) continue;
      const bytes = (await stat(path.join(entry.parentPath, entry.name))).size;
      size.totalBytes += bytes;
      if (/\.[cm]?js$/.test(entry.name)) size.scriptBytes += bytes;
    }
  }
  return size;
}

type Pick = (round: Round) => number | undefined;

/**
 * The medians of one latency, a line for each contender, with ratios to the peer (or else to bare node) taken
 * round by round.
 */
function renderLatency(latencyMs: number, rounds: Map<string, Round[]>, base: string): string {
  const baseRounds = rounds.get(base) ?? [];
  const mainWall: Pick = ({ main }) => main.wallMs;
  const postWall: Pick = ({ post }) => post?.wallMs;
  const rows = [...rounds].map(([name, all]) => {
    const show = (values: number[], digits: number): string =>
      values.length === 0 ? "-" : median(values).toFixed(digits);
    const of = (pick: Pick): string =>
      show(
        all.flatMap((round) => pick(round) ?? []),
        0,
      );
    const ratio = (pick: Pick): string => {
      const values = all.flatMap((round, index) => {
        const [own, other] = [pick(round), pick(baseRounds[index] as Round)];
        return own === undefined || other === undefined ? [] : own / other;
      });
      return show(values, 2);
    };
    const main = [of(mainWall), ratio(mainWall), of(({ main }) => main.userMs)];
    const asked = `${of(({ main }) => main.calls)}/${of(({ main }) => main.connections)}`;
    const post = [
      of(postWall),
      ratio(postWall),
      of(({ post }) => post?.userMs),
      of(({ post }) => post?.calls),
    ];
    return [name, ...main, asked, ...post];
  });
  const head = [
    "main wall",
    "ratio",
    "user CPU",
    "HTTP calls/conn.",
    "post wall",
    "ratio",
    "user CPU",
    "HTTP calls",
  ];
  return `${formatTable([`${latencyMs} ms`, ...head], rows)}\n`;
}

/** Main as a sum, a line for each action, and the limit: what node and four round trips take. */
function renderSums(rttMs: number, rounds: Map<string, Round[]>): string {
  const [[, bare] = ["", []], ...actions] = [...rounds];
  const nodeMs = median(bare.map(({ main }) => main.wallMs));
  const limitMs = nodeMs + LEAST_ROUND_TRIPS * rttMs;
  const rows = actions.map(([name, all]) => {
    const of = (pick: (waits: Waits, wallMs: number) => number): string =>
      median(all.flatMap(({ main, waits }) => (waits ? pick(waits, main.wallMs) : []))).toFixed(0);
    const parts = [of(({ githubMs }) => githubMs), of(({ stsMs }) => stsMs)];
    const rest = of(({ githubMs, stsMs }, wallMs) => wallMs - nodeMs - githubMs - stsMs);
    const main = median(all.map(({ main }) => main.wallMs));
    return [name, nodeMs.toFixed(0), ...parts, rest, limitMs.toFixed(0), (main / limitMs).toFixed(2)];
  });
  const head = ["bare node", "GitHub", "STS", "the rest", "limit", "main / limit"];
  return `${formatTable([`main, ${rttMs} ms`, ...head], rows)}\n`;
}

async function bench(options: Options, cleanup: Cleanup): Promise<void> {
  const clouds = await startClouds({ tls: options.rtts !== undefined });
  cleanup(() => clouds.close());
  clouds.sts.addRole({ arn: ROLE, trust: trustGitHub("111122223333", "repo:org/repository:*") });
  const timed = await TimedNode.create();
  cleanup(() => timed.remove());
  const runner = await createRunner({ node: timed.script });
  cleanup(() => runner.close());
  const far = options.rtts && (await startFar(clouds, cleanup));
  const setup: Bench = { clouds, far, runner, timed };

  const stsUrl = far?.stsUrl ?? clouds.sts.url;
  const inputs = { "role-to-assume": ROLE, "aws-region": REGION, "sts-endpoint": stsUrl };
  const directories: [string, string][] = [["aws-role-refresh", root]];
  const contenders = [bareNode(setup), actionContender(setup, "aws-role-refresh", root, inputs)];
  if (options.peer !== undefined) {
    const fill = (value: string): string =>
      value.replaceAll("{role}", ROLE).replaceAll("{region}", REGION).replaceAll("{sts}", stsUrl);
    const peerInputs = Object.fromEntries(
      Object.entries(options.peer.inputs).map(([name, value]) => [name, fill(value)]),
    );
    const name = path.basename(options.peer.directory);
    contenders.push(actionContender(setup, name, options.peer.directory, peerInputs));
    directories.push([name, options.peer.directory]);
  }

  const { stdout: version } = await promisify(execFile)(NODE, ["--version"]);
  const machine = { node: version.trim(), cores: os.cpus().length, cpu: os.cpus()[0]?.model ?? "unknown" };
  console.log(
    `Node ${machine.node}, ${machine.cores} cores of ${machine.cpu}; medians of ${options.runs} paired runs, milliseconds`,
  );
  const measured: Record<string, unknown> = { machine };
  const measures = (part: Part): boolean => options.parts.includes(part);
  if (measures("actions"))
    Object.assign(measured, await benchActions(setup, contenders, directories, options));
  if (measures("clients")) {
    const show = (times: ClientTimes): void => console.log(renderClients(times, median));
    const clients = await measureClients(clouds, await startJob(setup), inputs, options.runs, show);
    Object.assign(measured, { clients });
  }
  if (measures("keepers")) {
    const keeper = await measureKeeper(setup, inputs);
    printKeeper(keeper);
    const sessionKeeper = await measureSessionKeeper(clouds, runner, await startJob(setup), inputs);
    printSessionKeeper(sessionKeeper);
    Object.assign(measured, { keeper, sessionKeeper });
  }
  if (options.json !== undefined) await writeResult(options.json, asJson(measured));
}

/** Main and post of each contender at each latency, and the sizes of the actions. */
async function benchActions(
  { clouds, far }: Bench,
  contenders: Contender[],
  directories: [string, string][],
  options: Options,
): Promise<{ latencies: object; sizes: object }> {
  const base = (options.peer === undefined ? contenders[0] : contenders.at(-1)) as Contender;
  console.log(`ratio: to ${base.name}, round by round\n`);
  const latencies: Record<string, Record<string, Round[]>> = {};
  const setLatency = (ms: number): void => {
    clouds.github.latencyMs = ms;
    clouds.sts.latencyMs = ms;
  };
  for (const latencyMs of options.rtts ?? LATENCIES_MS) {
    (far?.setRtt ?? setLatency)(latencyMs);
    const rounds = await runRounds(contenders, options.runs);
    latencies[latencyMs] = Object.fromEntries(rounds);
    console.log(renderLatency(latencyMs, rounds, base.name));
    if (options.rtts) console.log(renderSums(latencyMs, rounds));
  }
  setLatency(0);

  const sizes = Object.fromEntries(
    await Promise.all(directories.map(async ([name, directory]) => [name, await sizeOf(directory)] as const)),
  );
  for (const [name, { totalBytes, scriptBytes }] of Object.entries(sizes)) {
    console.log(
      `${name}: dist ${(totalBytes / 1e6).toFixed(2)} MB, of which JavaScript ${(scriptBytes / 1e6).toFixed(2)} MB`,
    );
  }
  return { latencies, sizes };
}

function printSessionKeeper({ residentMiB, privateMiB, cpuMsPerRenewal }: SessionKeeper): void {
  console.log(
    `keeper of a shared session between renewals: ${residentMiB.toFixed(1)} MiB resident, ${privateMiB.toFixed(1)} MiB private; ` +
      `${cpuMsPerRenewal.toFixed(1)} ms of CPU a renewal, without the process that makes the session`,
  );
}

function printKeeper(keeper: Keeper): void {
  console.log(
    `keeper after ${KEEPER_REFRESHES} refreshes: ${keeper.residentMiB.toFixed(1)} MiB resident, ${keeper.privateMiB.toFixed(1)} MiB private`,
  );
  console.log(
    `keeper CPU: ${keeper.cpuSecondsPerHour.toFixed(2)} s an hour, extrapolated for tokens of ${REAL_TOKEN_SECONDS} s from ` +
      `${keeper.cpuMsPerRefresh.toFixed(1)} ms a refresh (${KEEPER_REFRESHES - 1} refreshes at tokens of ${KEEPER_TOKEN_SECONDS} s) and ` +
      `${keeper.idleCpuMsPerSecond.toFixed(3)} ms an idle second (${IDLE_SECONDS} s)`,
  );
}

await runScript(USAGE, async (cleanup) => {
  await bench(readOptions(), cleanup);
  return 0;
});
