/** The scenarios, each as a function from a run to its rows. */
import { readFileSync } from "node:fs";
import { mkdir, readdir, readFile, writeFile } from "node:fs/promises";
import path from "node:path";
import { repository } from "../harness/repository.ts";
import { waitFor } from "../harness/wait.ts";
import { append } from "../src/aws/profile.ts";
import { renderProfile } from "../src/aws/section.ts";
import { type Call, callForSeconds, callOnce, Turns } from "./calls.ts";
import type { Client } from "./clients.ts";
import type { Installation } from "./install.ts";
import { isOurs, judgeAfter, judgeCall, judgeCalls, judgeStale } from "./judge.ts";
import { type Cell, type RowResult, type StepResult, stable } from "./results.ts";
import { ambientNamed, FORMS, REGION, ROLE_ARNS, type Row, type Step } from "./scenarios.ts";
import { type Scene, World, type WorldOptions } from "./world.ts";

/** Short enough to see several within a minute, long enough for a machine that runs twenty clients. */
const SESSION_SECONDS = 20;
const FAST = { idTokenSeconds: 10, sessionSeconds: SESSION_SECONDS };
const SESSIONS = 3;
/**
 * Under the 15 minutes that the AWS CLI wants to be left: its disk cache then serves no client what another
 * one fetched.
 */
const HOSTILE_SESSION_SECONDS = 300;
/** Two cores; a row waits now and then. */
const ROWS_AT_ONCE = 2;

/** One run of the suite. */
export interface Run {
  clients: Client[];
  installation: Installation;
  action: Pick<WorldOptions, "action" | "node24">;
  /** For processes that make one call. */
  turns: Turns;
  progress: (line: string) => void;
}

/** Opens a world for one scenario, and closes it when `act` is over. */
export async function inWorld<T>(
  run: Run,
  lifetimes: Pick<WorldOptions, "idTokenSeconds" | "sessionSeconds">,
  act: (world: World) => Promise<T>,
): Promise<T> {
  const world = await World.open({ ...lifetimes, ...run.action });
  try {
    return await act(world);
  } finally {
    await world.close();
  }
}

/** Resolves with a result for every client, in their order. */
export async function everyClient(
  run: Run,
  act: (client: Client, directory: string) => Promise<Cell | undefined>,
): Promise<Record<string, Cell>> {
  const cells = await Promise.all(
    run.clients.map(async (client): Promise<[string, Cell] | undefined> => {
      const installed = run.installation.installed.get(client.name);
      const cell = installed && (await act(client, installed.directory));
      return cell && [client.name, cell];
    }),
  );
  return Object.fromEntries(cells.filter((cell) => cell !== undefined));
}

/** Every client makes one call in the step's environment. */
export function callAll(
  run: Run,
  world: World,
  environment: Record<string, string>,
  step: Pick<Step, "env" | "explicit"> & { cwd?: string },
  judge: (call: Call, client: Client) => Cell,
): Promise<Record<string, Cell>> {
  return everyClient(run, (client, directory) =>
    run.turns.take(async () => {
      const variables = { ...environment, ...world.endpointVariables(client, "proxy"), ...step.env };
      if (step.explicit !== undefined) variables.CLIENT_PROFILE = step.explicit;
      return judge(await callOnce({ client, directory, environment: variables, cwd: step.cwd }), client);
    }),
  );
}

/** Runs the uses of a row. Resolves with the warnings, and with the message of a main that failed. */
export async function runUses(
  world: World,
  scene: Scene,
  { uses }: Pick<Row, "uses">,
): Promise<{ warnings: string[]; refusal: string | undefined }> {
  const warnings: string[] = [];
  for (const use of uses) {
    const main = await world.use(scene, use);
    const said = (level: string): string[] =>
      main.annotations.filter((each) => each.level === level).map(({ message }) => stable(message));
    warnings.push(...said("warning"));
    if (main.outcome !== "success")
      return { warnings, refusal: said("error").join(" ") || `main: ${main.outcome}` };
  }
  return { warnings, refusal: undefined };
}

/** Both ways to AWS: under the real host names, and by AWS_ENDPOINT_URL_STS where a client knows it. */
const REFRESHES = [
  { id: "refresh/ambient", title: "ambient use", profile: "default", env: {}, endpoint: "proxy" },
  {
    id: "refresh/named",
    title: "named use, AWS_PROFILE",
    profile: "deploy",
    env: { AWS_PROFILE: "deploy" },
    endpoint: "variable",
  },
] as const;

/** Scenario 1: calls over several sessions, none of which may fail. */
export function refreshRows(run: Run): Promise<RowResult[]> {
  return inWorld(run, FAST, async (world) => {
    const seconds = SESSIONS * SESSION_SECONDS + 5;
    const ambient = ambientNamed("users-files");
    const rows: RowResult[] = [];
    for (const { id, title, profile, env, endpoint } of REFRESHES) {
      const row = await world.scene(ambient, async (scene): Promise<RowResult> => {
        const { warnings, refusal } = await runUses(world, scene, { uses: [{ profile, role: "role" }] });
        if (refusal !== undefined) throw new Error(`main failed: ${refusal}`);
        const environmentOf = (client: Client) => ({
          ...scene.job.environment,
          ...world.endpointVariables(client, endpoint),
          ...env,
        });
        const hosts = await hostsAsked(run, world, environmentOf);
        run.progress(`scenario 1: ${title}: ${seconds} s`);
        const cells = await everyClient(run, async (client, directory) => {
          const call = { client, directory, environment: environmentOf(client) };
          const cell = judgeCalls(await callForSeconds(call, seconds), SESSION_SECONDS * (SESSIONS - 1));
          const host = hosts[client.name];
          return host === undefined ? cell : { ...cell, host };
        });
        await scene.job.finish();
        const steps = [{ id: "calls", title: `a call a second over ${SESSIONS} sessions`, cells }];
        return { scenario: 1, id, title, ambient: ambient.title, warnings, steps };
      });
      rows.push(row);
      run.progress(`scenario 1: ${title}: ${tally(row)}`);
    }
    return rows;
  });
}

/** The host names that each client asks, one client after the other. */
async function hostsAsked(
  run: Run,
  world: World,
  environmentOf: (client: Client) => Record<string, string>,
): Promise<Record<string, string>> {
  const hosts: Record<string, string> = {};
  for (const client of run.clients) {
    const installed = run.installation.installed.get(client.name);
    if (installed === undefined || world.endpointOf(client, "proxy") !== "proxy") continue;
    const before = world.clouds.sts.requests.length;
    const environment = { ...environmentOf(client) };
    delete environment.AWS_ENDPOINT_URL_STS;
    await callOnce({ client, directory: installed.directory, environment });
    const asked = world.clouds.sts.requests.slice(before).map(({ host }) => host.replace(/:443$/, ""));
    hosts[client.name] = [...new Set(asked)].join(", ");
  }
  return hosts;
}

/**
 * Scenario 2: the same with a token that nobody refreshes. Whoever does not fail here proves nothing in
 * scenario 1.
 */
export function staleRows(run: Run): Promise<RowResult[]> {
  return inWorld(run, FAST, async (world) => {
    const folder = await world.folder("token written once ");
    const tokenFile = path.join(folder, "token");
    const environment = await byHand(world, folder, webIdentity(tokenFile));
    await writeFile(tokenFile, world.idToken(), { mode: 0o600 });
    const seconds = 2 * SESSION_SECONDS;
    run.progress(`scenario 2: ${seconds} s`);
    const cells = await everyClient(run, async (client, directory): Promise<Cell> => {
      const own = { ...environment, ...world.endpointVariables(client, "proxy") };
      const calls = await callForSeconds({ client, directory, environment: own }, seconds);
      return judgeStale(calls);
    });
    const steps = [{ id: "calls", title: `a call a second for ${seconds} s`, cells }];
    const row: RowResult = {
      scenario: 2,
      id: "written-once",
      title: "the token written once",
      ambient: "no action",
      warnings: [],
      steps,
    };
    run.progress(`scenario 2: ${tally(row)}`);
    return [row];
  });
}

/** The section that the action writes for an ambient use of the role. */
function webIdentity(tokenFile: string): string {
  const identity = { roleArn: ROLE_ARNS.role, sessionName: "by-hand", tokenFile };
  return renderProfile({ profile: "default", region: REGION, stsEndpoint: undefined, identity });
}

/** The environment that the action would leave, for a config file that it did not write. */
async function byHand(world: World, folder: string, config: string): Promise<Record<string, string>> {
  await writeFile(path.join(folder, "config"), config);
  await writeFile(path.join(folder, "credentials"), "");
  return {
    PATH: `${path.dirname(process.execPath)}:${process.env.PATH}`,
    HOME: folder,
    ...world.variables,
    AWS_CONFIG_FILE: path.join(folder, "config"),
    AWS_SHARED_CREDENTIALS_FILE: path.join(folder, "credentials"),
    AWS_REGION: REGION,
    AWS_DEFAULT_REGION: REGION,
    AWS_SDK_LOAD_CONFIG: "1",
    AWS_STS_REGIONAL_ENDPOINTS: "regional",
  };
}

/** Scenario 3, and 7 with other uses. */
export function hostileRows(run: Run, rows: Row[], scenario: 3 | 7 = 3): Promise<RowResult[]> {
  return inWorld(run, { idTokenSeconds: 300, sessionSeconds: HOSTILE_SESSION_SECONDS }, async (world) => {
    return inTurns(run, rows, (row) =>
      world.scene(row.ambient, async (scene): Promise<RowResult> => {
        const { warnings, refusal } = await runUses(world, scene, row);
        const steps: StepResult[] = [];
        for (const { id, title, expect, ...step } of row.steps) {
          const cells =
            refusal === undefined
              ? await callAll(run, world, scene.job.environment, step, (call) => judgeCall(call, expect))
              : await everyClient(run, async (): Promise<Cell> => ({ verdict: "refused" }));
          steps.push({ id, title, cells });
        }
        await scene.job.finish();
        const refused = refusal === undefined ? {} : { refusal };
        const { id, title, ambient } = row;
        return { scenario, id, title, ambient: ambient.title, warnings, ...refused, steps };
      }),
    );
  });
}

const PROBE = path.join(repository(), "conformance", "probe");
const PROBE_TIMEOUT_MS = 600_000;

/** Scenario 4. */
export function afterRows(run: Run, rows: Row[]): Promise<RowResult[]> {
  return inWorld(run, { idTokenSeconds: 300 }, async (world) => {
    return inTurns(run, rows, (row) => world.scene(row.ambient, (scene) => afterRow(run, world, scene, row)));
  });
}

async function afterRow(run: Run, world: World, scene: Scene, row: Row): Promise<RowResult> {
  const { job, home } = scene;
  const meeting = await world.folder("meeting ");
  await job.use(PROBE, { env: { PROBE_DIRECTORY: meeting }, timeoutMs: PROBE_TIMEOUT_MS });
  const before = new Map<string, Call>();
  await callAll(run, world, job.environment, {}, (call, client) => {
    before.set(client.name, call);
    return { verdict: "right" };
  });
  const { warnings, refusal } = await runUses(world, scene, row);
  if (refusal !== undefined) throw new Error(`${row.id}: main failed: ${refusal}`);
  for (const step of row.steps)
    await callAll(run, world, job.environment, step, (call) => judgeCall(call, step.expect));

  const finished = job.finish();
  const left = await Promise.race([
    waitFor("the probe", 60_000, () => readFileSync(path.join(meeting, "environment.json"), "utf8")),
    finished.then(() => undefined),
  ]);
  if (left === undefined) throw new Error(`${row.id}: the probe's post step told no environment`);
  const cells = await callAll(run, world, JSON.parse(left) as Record<string, string>, {}, (call, client) =>
    judgeAfter(before.get(client.name), call),
  );
  const cacheCells = await judgeCache(run, await cachedSessions(home));
  await writeFile(path.join(meeting, "go"), "");
  await finished;
  const steps: StepResult[] = [{ id: "after", title: "a call after post", cells }];
  if (Object.keys(cacheCells).length > 0)
    steps.push({ id: "cache", title: "the disk cache of the AWS CLI after post", cells: cacheCells });
  return { scenario: 4, id: row.id, title: row.title, ambient: row.ambient.title, warnings, steps };
}

/** Of every client that keeps credentials on the disk: whether some were left. */
export function judgeCache(run: Run, left: string[]): Promise<Record<string, Cell>> {
  return everyClient(run, async ({ diskCache }): Promise<Cell | undefined> => {
    if (!diskCache) return undefined;
    return left.length === 0
      ? { verdict: "right" }
      : { verdict: "wrong", text: `left in ~/.aws/cli/cache: ${left.map(stable).join(", ")}` };
  });
}

/** The sessions of our roles that the AWS CLI keeps on the disk. */
export async function cachedSessions(home: string): Promise<string[]> {
  const directory = path.join(home, ".aws", "cli", "cache");
  const names = await readdir(directory).catch((): string[] => []);
  const texts = await Promise.all(
    names
      .filter((name) => name.endsWith(".json"))
      .map((name) => readFile(path.join(directory, name), "utf8")),
  );
  const arns = texts.map(
    (text) => (JSON.parse(text) as { AssumedRoleUser?: { Arn?: string } }).AssumedRoleUser?.Arn,
  );
  return arns.filter((arn) => arn !== undefined).filter(isOurs);
}

/** Scenario 5. */
export function formRows(run: Run): Promise<RowResult[]> {
  return inWorld(run, { idTokenSeconds: 900, sessionSeconds: HOSTILE_SESSION_SECONDS }, async (world) => {
    return inTurns(run, FORMS, async ({ id, title, tokenFile, before, change }): Promise<RowResult> => {
      const folder = await world.folder("form ");
      const token = path.join(folder, tokenFile);
      await mkdir(path.dirname(token), { recursive: true });
      await writeFile(token, world.idToken());
      const written = append(before, webIdentity(tokenFile));
      const environment = await byHand(world, folder, change?.(written) ?? written);
      const cells = await callAll(run, world, environment, { cwd: folder }, (call) =>
        judgeCall(call, "role"),
      );
      const steps = [{ id: "parse", title: "a call", cells }];
      return { scenario: 5, id, title, ambient: "config file written by hand", warnings: [], steps };
    });
  });
}

/** As many rows at once as the machine takes; results in the order of the rows. */
export async function inTurns<R extends { id: string }>(
  run: Run,
  rows: R[],
  act: (row: R) => Promise<RowResult>,
  atOnce = ROWS_AT_ONCE,
): Promise<RowResult[]> {
  const turns = new Turns(atOnce);
  let done = 0;
  return Promise.all(
    rows.map((row) =>
      turns.take(async () => {
        const result = await act(row);
        done += 1;
        run.progress(`scenario ${result.scenario}: ${done} of ${rows.length}: ${row.id}: ${tally(result)}`);
        return result;
      }),
    ),
  );
}

function tally({ steps }: RowResult): string {
  const counts = new Map<string, number>();
  for (const { verdict } of steps.flatMap(({ cells }) => Object.values(cells)))
    counts.set(verdict, (counts.get(verdict) ?? 0) + 1);
  return [...counts].map(([verdict, count]) => `${count} ${verdict}`).join(", ");
}
