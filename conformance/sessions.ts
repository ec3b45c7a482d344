/** Scenario 6: sessions that a keeper holds, and roles that are reached through another role. */
import { setTimeout as sleep } from "node:timers/promises";
import { isDeepStrictEqual } from "node:util";
import type { StsRequest } from "../harness/clouds/sts.ts";
import { callForSeconds } from "./calls.ts";
import type { Client } from "./clients.ts";
import { judgeCall, judgeCalls } from "./judge.ts";
import type { Cell, RowResult, StepResult } from "./results.ts";
import {
  cachedSessions,
  callAll,
  everyClient,
  inTurns,
  inWorld,
  judgeCache,
  type Run,
  runUses,
} from "./rows.ts";
import { ambientNamed, type Mode, ROLE_ARNS } from "./scenarios.ts";
import type { Scene, World } from "./world.ts";

/** As in scenario 1: three sessions in about a minute. */
const SESSION_SECONDS = 20;
const SESSIONS = 3;
/** The keeper renews at half of a session's life, early by a tenth at most, and main makes the first one. */
const EXCHANGES_PER_SESSION = 2 / 0.9;

/**
 * Every mode: a process that lives for three sessions, and a new process in each of three sessions. A short
 * run has few clients, so it does the first part of every mode at once, and leaves out the second.
 */
export function sessionRows(run: Run, modes: Mode[], isShort: boolean): Promise<RowResult[]> {
  const lifetimes = { idTokenSeconds: 10, sessionSeconds: SESSION_SECONDS };
  return inTurns(
    run,
    modes,
    (mode) =>
      // A world each: its STS has the exchanges of this mode alone.
      inWorld(run, lifetimes, (world) =>
        world.scene(ambientNamed("users-files"), (scene) => modeRow(run, world, scene, mode, isShort)),
      ),
    isShort ? modes.length : 1,
  );
}

async function modeRow(
  run: Run,
  world: World,
  scene: Scene,
  mode: Mode,
  isShort: boolean,
): Promise<RowResult> {
  const started = Date.now();
  const { warnings, refusal } = await runUses(world, scene, mode);
  if (refusal !== undefined) throw new Error(`${mode.id}: main failed: ${refusal}`);
  const seconds = SESSIONS * SESSION_SECONDS + 5;
  run.progress(`scenario 6: ${mode.title}: ${seconds} s`);
  const environmentOf = (client: Client) => ({
    ...scene.job.environment,
    ...world.endpointVariables(client, "proxy"),
  });
  const longLived = async (client: Client, directory: string, more: Record<string, string> = {}) => {
    const call = { client, directory, environment: { ...environmentOf(client), ...more } };
    const calls = await callForSeconds(call, seconds);
    return judgeCalls(calls, SESSION_SECONDS * (SESSIONS - 1), mode.expect);
  };
  const [cells, byFile] = await Promise.all([
    everyClient(run, (client, directory) => longLived(client, directory)),
    // The same once more, for a client that does not know the variable that main exports.
    everyClient(run, async (client, directory) => {
      if (client.credentialsFile === undefined) return undefined;
      const file = scene.job.environment.AWS_SHARED_CREDENTIALS_FILE ?? "";
      return longLived(client, directory, { [client.credentialsFile]: file });
    }),
  ]);
  const steps: StepResult[] = [{ id: "calls", title: "a process that lives for three sessions", cells }];
  for (const { name, title, credentialsFile } of run.clients)
    if (byFile[name] !== undefined)
      steps.push({ id: "by-file", title: `the same, ${title} with ${credentialsFile}`, cells: byFile });
  if (!isShort) steps.push(...(await newProcesses(run, world, scene, mode)));
  // The AWS CLI keeps no session that a process prints, and post removes those of a chain.
  const cached = mode.held === mode.expect ? await cachedSessions(scene.home) : [];
  const exchanges = world.clouds.sts.requests.slice();
  await scene.job.finish();
  const cache = await judgeCache(run, [...cached, ...(await cachedSessions(scene.home))]);
  if (Object.keys(cache).length > 0)
    steps.push({ id: "cache", title: "the disk cache of the AWS CLI", cells: cache });
  const fault = faultOf(mode, exchanges, (Date.now() - started) / 1000);
  if (fault !== undefined) run.progress(`scenario 6: ${mode.id}: ${fault}`);
  const { id, title } = mode;
  return {
    scenario: 6,
    id,
    title,
    ambient: ambientNamed("users-files").title,
    warnings,
    steps: fault === undefined ? steps : steps.map((step) => allWrong(step, fault)),
  };
}

async function newProcesses(run: Run, world: World, scene: Scene, { expect }: Mode): Promise<StepResult[]> {
  const steps: StepResult[] = [];
  for (const ordinal of ["first", "second", "third"]) {
    const session = sleep(SESSION_SECONDS * 1000);
    const cells = await callAll(run, world, scene.job.environment, {}, (call) => judgeCall(call, expect));
    steps.push({ id: ordinal, title: `a new process in the ${ordinal} of three sessions`, cells });
    await session;
  }
  return steps;
}

/** What the exchanges that STS saw show against the action, whatever the clients say. */
function faultOf({ shape, held }: Mode, requests: StsRequest[], seconds: number): string | undefined {
  if (held === undefined) return undefined;
  const exchanges = requests.filter(({ role }) => role === ROLE_ARNS[held]);
  const lacking = exchanges.filter(
    ({ durationSeconds, policy, policyArns }) =>
      shape && !isDeepStrictEqual({ durationSeconds, policy, policyArns }, shape),
  );
  if (lacking.length > 0)
    return `${lacking.length} of ${exchanges.length} exchanges lack a duration or a policy`;
  // One for each renewal, however many processes there are.
  const most = Math.ceil(2 + (seconds / SESSION_SECONDS) * EXCHANGES_PER_SESSION);
  return exchanges.length <= most ? undefined : `${exchanges.length} exchanges; ${most} are enough`;
}

function allWrong(step: StepResult, text: string): StepResult {
  const wrong: Cell = { verdict: "wrong", text };
  return { ...step, cells: Object.fromEntries(Object.keys(step.cells).map((name) => [name, wrong])) };
}
