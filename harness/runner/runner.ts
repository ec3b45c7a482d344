/**
 * A small runner: runs the jobs of one machine by the rules of the real one (actions/runner 2.336.0; the
 * lines cited are its own). It runs the built action as it is published: what action.yml names is copied to
 * the runner's folder, so nothing of the checkout (node_modules, above all) can help it. Linux, host jobs,
 * JavaScript actions and `run:` steps. Every path has a space in it.
 */
import { mkdir, mkdtemp, realpath, rm } from "node:fs/promises";
import os from "node:os";
import path from "node:path";
import { Job } from "./job.ts";
import { killEvery, processesWith } from "./processes.ts";
import type { JobOptions } from "./steps.ts";

export { Job } from "./job.ts";
export type { Annotation } from "./step-log.ts";
export type {
  BackgroundStep,
  JobOptions,
  JobResult,
  StepOptions,
  StepResult,
  Steps,
  UseOptions,
} from "./steps.ts";

export interface RunnerOptions {
  /**
   * Folder of this machine's runner; it is kept on close(). Default: a new one, with a space in its path,
   * removed on close().
   */
  root?: string;
  /** The node that runs actions. Default: ACTION_NODE, else the node of this process. */
  node?: string;
  /** The runner process's own environment, over a PATH and a HOME. Every `env:` overrides it. */
  environment?: Record<string, string>;
  /** HOME. Default: a folder of this runner. */
  home?: string;
  /**
   * Milliseconds from SIGINT to SIGTERM and from there to SIGKILL. Default 7,500 and 2,500
   * (ProcessInvoker.cs:32-33).
   */
  cancelGraceMs?: { interrupt: number; terminate: number };
}

export class Runner {
  /** RUNNER_TEMP. */
  readonly temp: string;
  readonly home: string;
  /** GITHUB_WORKSPACE. */
  readonly workspace: string;
  readonly #root: string;
  readonly #options: RunnerOptions;
  readonly #trackingIds = new Set<string>();
  #job: Job | undefined;

  constructor(root: string, options: RunnerOptions) {
    this.#root = root;
    this.#options = options;
    this.temp = path.join(root, "_work", "_temp");
    this.home = options.home ?? path.join(root, "home");
    this.workspace = path.join(root, "_work", "repository", "repository");
  }

  /** Starts the next job of this machine. Throws if another one is running: a runner runs one at a time. */
  async startJob(options: JobOptions = {}): Promise<Job> {
    if (this.#job?.isOpen) throw new Error("the runner has a job already");
    await Promise.all(
      [this.temp, this.home, this.workspace].map((folder) => mkdir(folder, { recursive: true })),
    );
    this.#job = await Job.start({
      ...options,
      temp: this.temp,
      workspace: this.workspace,
      actions: path.join(this.#root, "_work", "_actions"),
      tools: path.join(this.#root, "_work", "_tool"),
      node: this.#options.node ?? process.env.ACTION_NODE ?? process.execPath,
      runnerEnvironment: {
        PATH: "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin",
        HOME: this.home,
        ...this.#options.environment,
      },
      grace: this.#options.cancelGraceMs ?? { interrupt: 7_500, terminate: 2_500 },
    });
    this.#trackingIds.add(this.#job.trackingId);
    return this.#job;
  }

  /**
   * Ends every process that a job of this runner started, also one that has left its job, and removes the
   * folder. A process is known by RUNNER_TEMP or RUNNER_TRACKING_ID in the environment it was started with.
   */
  async close(): Promise<void> {
    if (this.#job?.isOpen) await this.#job.killWorker();
    await killEvery(() => [
      ...processesWith("RUNNER_TEMP", (value) => value === this.temp),
      ...processesWith("RUNNER_TRACKING_ID", (value) => value !== "" && this.#trackingIds.has(value)),
    ]);
    if (this.#options.root === undefined)
      await rm(this.#root, { recursive: true, force: true, maxRetries: 5 });
  }
}

/** Sets up a machine's runner. close() it when done. */
export async function createRunner(options: RunnerOptions = {}): Promise<Runner> {
  const root = options.root ?? (await mkdtemp(path.join(os.tmpdir(), "runner work ")));
  return new Runner(await realpath(root), options);
}
