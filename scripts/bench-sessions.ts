/**
 * The part of the benchmark about shared sessions: what they cost the programs of later steps, beside keys in
 * the environment and a web identity profile, and what the keeper of one takes.
 */
import { setTimeout as sleep } from "node:timers/promises";
import type { Clouds } from "../harness/clouds/clouds.ts";
import { keepersOf } from "../harness/machine/stage.ts";
import { repository } from "../harness/repository.ts";
import { cpuMsOf, memoryOf } from "../harness/runner/processes.ts";
import type { Job, Runner } from "../harness/runner/runner.ts";
import { waitFor } from "../harness/wait.ts";
import { environmentsOf, installPrograms, type Program, runProgram, WAYS, type Way } from "./clients.ts";
import { ScriptError } from "./script.ts";
import { formatTable } from "./table.ts";

/** Before each answer of STS: how far away its region is. */
const ROUND_TRIPS_MS = [0, 80];
const BASE: Way = "keys in the environment";
/** The keeper renews at half of a session's life; a process on a busy machine needs a second of it. */
const SESSION_SECONDS = 10;
const RENEWALS = 10;

/** From the start of a process to the arrival of its first signed request at STS, in milliseconds. */
type Times = Record<Way, number[]>;
export type ClientTimes = Record<string, Record<number, Times>>;

export interface SessionKeeper {
  residentMiB: number;
  privateMiB: number;
  /** Of the keeper alone, without the process that makes the session. */
  cpuMsPerRenewal: number;
}

interface Role extends Record<string, string> {
  "role-to-assume": string;
  "aws-region": string;
}

async function toSignedRequest(
  clouds: Clouds,
  program: Program,
  env: Record<string, string>,
): Promise<number> {
  const { length } = clouds.sts.requests;
  const start = Date.now();
  await runProgram(program, env);
  const call = clouds.sts.requests.slice(length).find(({ action }) => action === "GetCallerIdentity");
  if (call === undefined) throw new ScriptError(`${program.title} made no call`);
  return call.at - start;
}

/** Runs each program once in a round for each way, in an order that turns, after a round that is left out. */
export async function measureClients(
  clouds: Clouds,
  job: Job,
  inputs: Role,
  runs: number,
  onProgram: (times: ClientTimes) => void,
): Promise<ClientTimes> {
  const programs = await installPrograms();
  const environments = await environmentsOf(job, clouds, inputs);
  const all: ClientTimes = {};
  for (const program of programs) {
    const byTrip: Record<number, Times> = {};
    for (const roundTripMs of ROUND_TRIPS_MS) {
      clouds.sts.latencyMs = roundTripMs;
      const times: Times = { "shared session": [], "web identity": [], "keys in the environment": [] };
      for (let round = 0; round <= runs; round += 1) {
        const turn = round % WAYS.length;
        for (const way of [...WAYS.slice(turn), ...WAYS.slice(0, turn)]) {
          const ms = await toSignedRequest(clouds, program, environments[way]);
          if (round > 0) times[way].push(ms);
        }
      }
      byTrip[roundTripMs] = times;
    }
    all[program.title] = byTrip;
    onProgram({ [program.title]: byTrip });
  }
  clouds.sts.latencyMs = 0;
  await job.finish();
  return all;
}

/** A line for each program and round trip: medians, and ratios to keys in the environment, round by round. */
export function renderClients(all: ClientTimes, median: (values: number[]) => number): string {
  const rows = Object.entries(all).flatMap(([title, byTrip]) =>
    Object.entries(byTrip).map(([roundTripMs, times]) => [
      title,
      roundTripMs,
      ...WAYS.flatMap((way) => {
        const shown = median(times[way]).toFixed(0);
        if (way === BASE) return [shown];
        const ratios = times[way].map((ms, round) => ms / (times[BASE][round] ?? Number.NaN));
        return [shown, median(ratios).toFixed(2)];
      }),
    ]),
  );
  const head = [
    "to the signed request, ms",
    "round trip",
    ...WAYS.flatMap((way) => (way === BASE ? [way] : [way, "ratio"])),
  ];
  return `${formatTable(head, rows)}\n`;
}

/** Memory of the keeper of a session between two renewals, after ten of them, and what each costs. */
export async function measureSessionKeeper(
  clouds: Clouds,
  runner: Runner,
  job: Job,
  inputs: Role,
): Promise<SessionKeeper> {
  clouds.sts.sessionSeconds = SESSION_SECONDS;
  const main = await job.use(repository(), { with: { ...inputs, "shared-session": "true" } });
  if (main.outcome !== "success") throw new ScriptError(`main failed:\n${main.log}`);
  const [keeper] = keepersOf(runner);
  if (keeper === undefined) throw new ScriptError("no keeper is running");
  const first = clouds.sts.requests.length;
  const until = async (renewals: number): Promise<void> => {
    const limitMs = 2 * renewals * SESSION_SECONDS * 1000;
    await waitFor("a renewal", limitMs, () => clouds.sts.requests.length >= first + renewals);
    // The process ends, and the file is written.
    await sleep(1_500);
  };
  await until(1);
  const start = cpuMsOf(keeper.pid);
  await until(RENEWALS);
  const cpuMsPerRenewal = (cpuMsOf(keeper.pid) - start) / (RENEWALS - 1);
  const { residentKiB, privateKiB } = memoryOf(keeper.pid);
  await job.finish();
  clouds.sts.sessionSeconds = undefined;
  return { residentMiB: residentKiB / 1024, privateMiB: privateKiB / 1024, cpuMsPerRenewal };
}
