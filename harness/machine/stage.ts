/**
 * A machine with its runner, and the two clouds: what a test of whole jobs needs. Whatever the test is about,
 * at its end all that the action said is searched for every token and key that was issued.
 */
import { existsSync, readdirSync } from "node:fs";
import path from "node:path";
import { readJson } from "../../src/base/files.ts";
import { type KeeperDirectory, keeperDirectoryAt } from "../../src/base/layout.ts";
import { isSuspended } from "../../src/base/process.ts";
import type { KeeperStatus } from "../../src/keeper/status.ts";
import { type Clouds, type CloudsOptions, startClouds } from "../clouds/clouds.ts";
import type { CloudJob } from "../clouds/github.ts";
import { trustGitHub } from "../clouds/trust.ts";
import { repository } from "../repository.ts";
import { isAlive, type ProcessInfo, parentOf, processesWith } from "../runner/processes.ts";
import {
  createRunner,
  type Job,
  type JobOptions,
  type Runner,
  type RunnerOptions,
  type StepResult,
} from "../runner/runner.ts";
import { waitFor } from "../wait.ts";

export const ACCOUNT = "111122223333";
export const ROLE = `arn:aws:iam::${ACCOUNT}:role/deploy`;
/** The inputs that every use needs. */
export const INPUTS = { "role-to-assume": ROLE, "aws-region": "eu-west-1" };
/** Audiences that STS takes, for jobs with more than one token. */
export const AUDIENCES = ["sts.amazonaws.com", "second.example", "third.example", "fourth.example"];

export interface StartedJob {
  job: Job;
  cloudJob: CloudJob;
}

/** Kills a keeper together with the shell that would bring it back. */
export async function killForGood(directory: KeeperDirectory): Promise<void> {
  const recorded = () => readJson<KeeperStatus>(directory.status);
  const keeper = await waitFor("a keeper with its watcher", 20_000, () => {
    const status = recorded();
    return status?.watcher ? status : undefined;
  });
  // Or it would start another shell.
  process.kill(keeper.pid, "SIGSTOP");
  await waitFor("its suspension", 20_000, () => (isSuspended(keeper) ? true : undefined));
  process.kill(recorded()?.watcher?.pid ?? Number.NaN, "SIGKILL");
  process.kill(keeper.pid, "SIGKILL");
}

/**
 * Every keeper process that a job of this machine has started and that lives. A child of one that has not yet
 * become another program is none.
 */
export function keepersOf({ temp }: Runner): ProcessInfo[] {
  const named = processesWith("RUNNER_TEMP", (value) => value === temp).filter(
    ({ pid, command }) => isAlive(pid) && command.trim() === "aws-role-refresh",
  );
  const pids = new Set(named.map(({ pid }) => pid));
  return named.filter(({ pid }) => !pids.has(parentOf(pid)));
}

export class Stage {
  readonly clouds: Clouds;
  readonly runner: Runner;
  readonly action = repository();
  readonly #said: string[] = [];

  constructor(clouds: Clouds, runner: Runner) {
    this.clouds = clouds;
    this.runner = runner;
  }

  static async start(options: { clouds?: CloudsOptions; runner?: RunnerOptions } = {}): Promise<Stage> {
    const started = await startClouds(options.clouds);
    const trust = trustGitHub(ACCOUNT, "repo:*");
    const statements = AUDIENCES.flatMap((audience) => trustGitHub(ACCOUNT, "repo:*", audience).Statement);
    started.sts.addRole({ arn: ROLE, trust: { ...trust, Statement: statements } });
    started.sts.providers.get(ACCOUNT)?.clientIds.push(...AUDIENCES.slice(1));
    return new Stage(started, await createRunner(options.runner));
  }

  /** Starts a job whose environment leads to both clouds. */
  async startJob({ environment, ...options }: JobOptions = {}): Promise<StartedJob> {
    const cloudJob = this.clouds.github.startJob();
    const job = await this.runner.startJob({
      ...options,
      environment: { ...cloudJob.environment, AWS_ENDPOINT_URL_STS: this.clouds.sts.url, ...environment },
    });
    const finish = job.finish.bind(job);
    job.finish = async () => {
      const result = await finish();
      for (const post of result.posts) this.overhear(post);
      return result;
    };
    return { job, cloudJob };
  }

  /** One use of the action as it is built. */
  async use(
    job: Job,
    inputs: Record<string, string> = {},
    env: Record<string, string> = {},
  ): Promise<StepResult> {
    const result = await job.use(this.action, { with: { ...INPUTS, ...inputs }, env });
    this.overhear(result);
    return result;
  }

  /** Keeps all that a step said to anybody, for close() to look through. */
  overhear({ stdout, ...told }: StepResult): void {
    // The one place where a token may stand: without it the runner could not mask what later steps print.
    const unmasked = stdout.split("\n").filter((line) => !line.startsWith("::add-mask::"));
    this.#said.push(JSON.stringify(told), ...unmasked);
  }

  /** The job directory. */
  get root(): string {
    return path.join(this.runner.temp, "aws-role-refresh");
  }

  /** The token directories of the job. */
  tokens(): KeeperDirectory[] {
    const tokens = path.join(this.root, "tokens");
    return existsSync(tokens)
      ? readdirSync(tokens).map((id) => keeperDirectoryAt(path.join(tokens, id)))
      : [];
  }

  /** The status of the only keeper. */
  status(): KeeperStatus {
    const [only, ...others] = this.tokens();
    const status = only && others.length === 0 ? readJson<KeeperStatus>(only.status) : undefined;
    if (status === undefined) throw new Error("not exactly one keeper");
    return status;
  }

  keepers(): ProcessInfo[] {
    return keepersOf(this.runner);
  }

  /** The names of all tokens and keys that the clouds have issued and that stand in `text`. */
  findSecrets(text: string): string[] {
    return [...this.clouds.github.findIssued(text), ...this.clouds.sts.findIssued(text)];
  }

  /** Ends everything. Throws if any step of the action ever told a token or a key. */
  async close(): Promise<void> {
    await this.runner.close();
    await this.clouds.close();
    const told = this.findSecrets(this.#said.join("\n"));
    if (told.length > 0) throw new Error(`told by a step: ${told.join(", ")}`);
  }
}

/** For rmSync: a keeper that lives may be writing its status at this moment. */
export const PATIENT = { maxRetries: 20, retryDelay: 20 };
