/** One job of the small runner: its steps, the environment between them, and its end. */
import { randomUUID } from "node:crypto";
import { mkdir, rm, writeFile } from "node:fs/promises";
import path from "node:path";
import { type ActionManifest, readActionManifest } from "./action-manifest.ts";
import { JobEnvironment, type JobSetup } from "./environment.ts";
import { isAlive, killProcesses, processesWith } from "./processes.ts";
import {
  type Command,
  inputVariables,
  type JobParts,
  NOTHING,
  type RunningStep,
  runStep,
  unexpectedInputs,
} from "./step.ts";
import { Masker } from "./step-log.ts";
import type { BackgroundStep, JobResult, RunOptions, StepResult, Steps, UseOptions } from "./steps.ts";
import { copyAction, emptyFolder, listTemp, WORKFLOW_FOLDER } from "./surroundings.ts";
import { WorkerProcess } from "./worker-process.ts";

/** One `uses:`, from its main to its post. */
interface Use {
  name: string;
  directory: string;
  /** GITHUB_ACTION. */
  id: string;
  options: UseOptions;
  state: Record<string, string>;
}

export class Job implements Steps<Promise<StepResult>> {
  /**
   * Steps with `background: true`: they start at once, and what they export counts from wait() on
   * (ExecutionContext.cs:453-460).
   */
  readonly background: Steps<BackgroundStep>;
  readonly #parts: JobParts;
  readonly #posts: Use[] = [];
  readonly #running = new Set<RunningStep>();
  readonly #unwaited = new Set<RunningStep>();
  readonly #actionCopies = new Map<string, Promise<string>>();
  #foreground: RunningStep | undefined;
  #uses = 0;
  #status: JobResult["conclusion"] = "success";
  #phase: "open" | "finishing" | "closed" = "open";

  /**
   * Empties RUNNER_TEMP, as the real runner does before the first step (JobRunner.cs:178-180), and starts the
   * worker.
   */
  static async start(setup: JobSetup): Promise<Job> {
    await emptyFolder(setup.temp);
    await rm(setup.actions, { recursive: true, force: true });
    const eventPath = path.join(setup.temp, WORKFLOW_FOLDER, "event.json");
    await mkdir(path.dirname(eventPath));
    await writeFile(eventPath, "{}");
    const worker = await WorkerProcess.start(setup.runnerEnvironment);
    return new Job({
      setup,
      worker,
      masker: new Masker(),
      environment: new JobEnvironment(setup, eventPath),
    });
  }

  private constructor(parts: JobParts) {
    this.#parts = parts;
    // Worker.cs:195-205: the request token is a secret from the first line on.
    const requestToken = parts.environment.idToken.ACTIONS_ID_TOKEN_REQUEST_TOKEN;
    if (requestToken) parts.masker.add(requestToken);
    this.background = {
      use: (directory, options = {}) =>
        this.#inBackground(`uses ${directory}`, (step) => this.#use(step, directory, options)),
      run: (command, options = {}) =>
        this.#inBackground(runName(command), (step) => this.#run(step, command, options)),
    };
  }

  /** RUNNER_TRACKING_ID; empty without. */
  get trackingId(): string {
    return this.#parts.environment.trackingId;
  }

  get isOpen(): boolean {
    return this.#phase !== "closed";
  }

  /** What a `run:` step would see now, without its own file commands. */
  get environment(): Record<string, string> {
    return this.#parts.environment.of({}, {});
  }

  /** The secrets added so far. */
  get masks(): string[] {
    return this.#parts.masker.values;
  }

  /** Process ids of the steps that run now. */
  get runningPids(): number[] {
    return [...this.#running].flatMap(({ pid }) => pid ?? []);
  }

  get workerPid(): number {
    return this.#parts.worker.pid;
  }

  /**
   * Runs an action's main; its post is registered before that (ActionRunner.cs:111-137). A failed step does
   * not skip later ones: each is taken to have `if: always()`, except that a cancelled job skips the rest.
   */
  use(actionDirectory: string, options: UseOptions = {}): Promise<StepResult> {
    return this.#inForeground(`uses ${actionDirectory}`, (step) => this.#use(step, actionDirectory, options));
  }

  run(command: string | string[], options: RunOptions = {}): Promise<StepResult> {
    return this.#inForeground(runName(command), (step) => this.#run(step, command, options));
  }

  /**
   * Waits for these background steps, or all, and only then lets what they exported count
   * (BackgroundStepCoordinator.cs:371-391).
   */
  async wait(...steps: BackgroundStep[]): Promise<StepResult[]> {
    const wanted = steps.map(({ result }) => result);
    const waited = [...this.#unwaited].filter(({ result }) => steps.length === 0 || wanted.includes(result));
    const results = await Promise.all(waited.map(({ result }) => result));
    for (const step of waited) {
      if (this.#unwaited.delete(step) && step.exported !== undefined)
        this.#parts.environment.add(step.exported);
    }
    return results;
  }

  /**
   * Cancels the job: signals to every running step, later ones skipped; finish() still runs the posts.
   * Resolves when the steps are over.
   */
  async cancel(): Promise<void> {
    this.#status = "cancelled";
    await Promise.all(
      [...this.#running].filter(({ isPost }) => !isPost).map((step) => this.#cancelStep(step)),
    );
  }

  /**
   * SIGKILL to the worker: no posts, no orphan cleanup, RUNNER_TEMP stays as it is. Its steps live on by their
   * own rules, at most until close().
   */
  async killWorker(): Promise<void> {
    this.#phase = "closed";
    await this.#parts.worker.kill();
    await Promise.all([...this.#running].map(({ result }) => result));
  }

  /**
   * The runner is being stopped: as cancel(), but without posts (StepsRunner.cs:205-208). Orphan cleanup and
   * emptying still happen.
   */
  async shutdown(): Promise<JobResult> {
    this.#beginFinish();
    await this.cancel();
    return this.#complete([]);
  }

  /**
   * Ends the job: waits for background steps (JobExtension.cs:515-551), runs the posts in reverse, ends
   * orphans, empties RUNNER_TEMP.
   */
  async finish(): Promise<JobResult> {
    this.#beginFinish();
    await this.#foreground?.result;
    await this.wait();
    const posts: StepResult[] = [];
    for (let use = this.#posts.pop(); use !== undefined; use = this.#posts.pop())
      posts.push(await this.#runPost(use));
    return this.#complete(posts);
  }

  #beginFinish(): void {
    if (this.#phase !== "open") throw new Error("the job is over");
    this.#phase = "finishing";
  }

  /**
   * JobExtension.cs:880-928, then JobRunner.cs:303. The real runner also spares processes from before the
   * job; none of them can have the id that was made for it.
   */
  async #complete(posts: StepResult[]): Promise<JobResult> {
    const tracked =
      this.trackingId === "" ? [] : processesWith("RUNNER_TRACKING_ID", (value) => value === this.trackingId);
    const orphans = tracked.filter(({ pid }) => isAlive(pid));
    await killProcesses(orphans.map(({ pid }) => pid));
    const before = await listTemp(this.#parts.setup.temp);
    await emptyFolder(this.#parts.setup.temp);
    const after = await listTemp(this.#parts.setup.temp);
    await this.#parts.worker.stop();
    this.#phase = "closed";
    return { conclusion: this.#status, posts, orphans, tempLeft: { before, after } };
  }

  #inForeground(name: string, body: (step: RunningStep) => Promise<StepResult>): Promise<StepResult> {
    if (this.#foreground !== undefined)
      throw new Error("a step is running: only background steps run beside another");
    const step = this.#launch(name, body);
    this.#foreground = step;
    return step.result.finally(() => {
      this.#foreground = undefined;
    });
  }

  #inBackground(name: string, body: (step: RunningStep) => Promise<StepResult>): BackgroundStep {
    const step = this.#launch(name, body, { isBackground: true });
    this.#unwaited.add(step);
    const pid = new Promise<number>((resolve, reject) => {
      step.onPid = resolve;
      const none = (): void => reject(new Error("the step ended without a process"));
      step.result.then(none, none);
    });
    pid.catch(() => {});
    return { result: step.result, pid, cancel: () => this.#cancelStep(step) };
  }

  #launch(
    name: string,
    body: (step: RunningStep) => Promise<StepResult>,
    { isBackground = false, isPost = false }: { isBackground?: boolean; isPost?: boolean } = {},
  ): RunningStep {
    if (this.#phase === "closed" || (this.#phase === "finishing" && !isPost))
      throw new Error("the job is over");
    const step: RunningStep = {
      name,
      pid: undefined,
      onPid: () => {},
      cancelled: false,
      id: undefined,
      isPost,
      isBackground,
      exported: undefined,
      result: Promise.resolve({ ...NOTHING, name, outcome: "skipped" }),
    };
    if (this.#status !== "cancelled" || isPost) {
      this.#running.add(step);
      step.result = body(step).finally(() => this.#running.delete(step));
    }
    return step;
  }

  async #cancelStep(step: RunningStep): Promise<void> {
    step.cancelled = true;
    if (step.id !== undefined) this.#parts.worker.cancel(step.id, this.#parts.setup.grace);
    await step.result;
  }

  async #use(step: RunningStep, actionDirectory: string, options: UseOptions): Promise<StepResult> {
    this.#uses += 1;
    const name = path.basename(actionDirectory);
    const id = options.id ?? `__org_${name}_${this.#uses}`;
    const use: Use = {
      name: `uses ${actionDirectory}`,
      directory: await this.#copyOf(actionDirectory),
      id,
      options,
      state: {},
    };
    const manifest = await readActionManifest(use.directory);
    if (manifest.post !== undefined) this.#posts.push(use);
    return this.#execute(step, this.#actionCommand(use, manifest, manifest.main));
  }

  async #runPost(use: Use): Promise<StepResult> {
    const name = `post ${use.name}`;
    const manifest = await readActionManifest(use.directory);
    if (!this.#holds(manifest.postIf, use.options.env ?? {})) return { ...NOTHING, name, outcome: "skipped" };
    const command = this.#actionCommand(use, manifest, manifest.post as string);
    return this.#launch(name, (step) => this.#execute(step, command), { isPost: true }).result;
  }

  /** The conditions that published actions use for their post. */
  #holds(condition: string, stepEnvironment: Record<string, string>): boolean {
    const [, name, value] = /^env\.(\w+) != '([^']*)'$/.exec(condition) ?? [];
    if (name !== undefined) return this.#parts.environment.valueOf(name, stepEnvironment) !== value;
    switch (condition) {
      case "always()":
        return true;
      case "success()":
        return this.#status === "success";
      case "failure()":
        return this.#status === "failure";
      case "cancelled()":
        return this.#status === "cancelled";
      case "!cancelled()":
        return this.#status !== "cancelled";
      default:
        throw new Error(`post-if: ${condition} is not evaluated here`);
    }
  }

  /** The action as the job has downloaded it, once. */
  #copyOf(actionDirectory: string): Promise<string> {
    const known = this.#actionCopies.get(actionDirectory);
    if (known !== undefined) return known;
    const target = path.join(
      this.#parts.setup.actions,
      "org",
      path.basename(actionDirectory),
      `v${this.#actionCopies.size + 1}`,
    );
    const copied = copyAction(actionDirectory, target).then(() => target);
    this.#actionCopies.set(actionDirectory, copied);
    return copied;
  }

  #actionCommand(use: Use, manifest: ActionManifest, script: string): Command {
    const given = use.options.with ?? {};
    return {
      file: this.#parts.setup.node,
      args: [path.join(use.directory, script)],
      options: use.options,
      variables: {
        ...inputVariables(manifest, given),
        ...Object.fromEntries(Object.entries(use.state).map(([name, value]) => [`STATE_${name}`, value])),
        GITHUB_ACTION: use.id,
        GITHUB_ACTION_REPOSITORY: `org/${path.basename(path.dirname(use.directory))}`,
        GITHUB_ACTION_REF: path.basename(use.directory),
      },
      state: use.state,
      isScript: false,
      warnings: unexpectedInputs(manifest, given),
    };
  }

  async #run(step: RunningStep, command: string | string[], options: RunOptions): Promise<StepResult> {
    const variables = { GITHUB_ACTION: "__run" };
    const common = { options, variables, state: {}, isScript: true, warnings: [] };
    if (typeof command !== "string") {
      const [file = "", ...args] = command;
      return this.#execute(step, { ...common, file, args });
    }
    const script = path.join(this.#parts.setup.temp, `${randomUUID()}.sh`);
    await writeFile(script, command);
    try {
      return await this.#execute(step, { ...common, file: "bash", args: ["-e", script] });
    } finally {
      await rm(script, { force: true });
    }
  }

  async #execute(step: RunningStep, command: Command): Promise<StepResult> {
    const result = await runStep(this.#parts, step, command);
    if (!step.isBackground && step.exported !== undefined) this.#parts.environment.add(step.exported);
    if (result.outcome === "failure" && this.#status === "success") this.#status = "failure";
    return result;
  }
}

const runName = (command: string | string[]): string => `run ${[command].flat().join(" ")}`;
