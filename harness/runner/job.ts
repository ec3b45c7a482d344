/** One job of the small runner: its steps, the environment between them, and its end. */
import { randomUUID } from "node:crypto";
import { mkdir, rm, writeFile } from "node:fs/promises";
import path from "node:path";
import { StringDecoder } from "node:string_decoder";
import { type ActionManifest, readActionManifest } from "./action-manifest.ts";
import { collectFileCommands, createFileCommands, type FileCommandResult } from "./file-commands.ts";
import { isAlive, killProcesses, type ProcessInfo, processesWith } from "./processes.ts";
import type { JobOptions } from "./runner.ts";
import { type Annotation, Masker, StepLog } from "./step-log.ts";
import { copyAction, emptyFolder, githubContext, listTemp, WORKFLOW_FOLDER } from "./surroundings.ts";
import { WorkerProcess } from "./worker-process.ts";

/** Bound on a step that names none, in milliseconds. */
const DEFAULT_TIMEOUT_MS = 120_000;
const ID_TOKEN_VARIABLES = ["ACTIONS_ID_TOKEN_REQUEST_URL", "ACTIONS_ID_TOKEN_REQUEST_TOKEN"];

export interface StepOptions {
  /** `env:` of the step. For an action it holds for its post step too. */
  env?: Record<string, string>;
  /**
   * As `timeout-minutes`: the step is then ended by the signals of a cancel, and has failed. Default 120,000.
   */
  timeoutMs?: number;
  /** Called with each line of the log as it is printed. */
  onLine?: (line: string) => void;
}

export interface UseOptions extends StepOptions {
  with?: Record<string, string>;
  /** GITHUB_ACTION. */
  id?: string;
}

export interface RunOptions extends StepOptions {
  /** Default: the workspace. */
  cwd?: string;
  /** What the step can read from its stdin. Default: nothing. */
  input?: string;
}

export interface StepResult {
  name: string;
  outcome: "success" | "failure" | "cancelled" | "skipped";
  exitCode: number | null;
  signal: NodeJS.Signals | null;
  /** What the process wrote, unmasked. */
  stdout: string;
  stderr: string;
  /** What a reader of the log sees. */
  log: string;
  annotations: Annotation[];
  outputs: Record<string, string>;
  /** What the step wrote to GITHUB_ENV, less what is refused. */
  exportedEnvironment: Record<string, string>;
  /** What its post step will find in STATE_*. */
  state: Record<string, string>;
  summary: string;
  /** From the start of the process until the step was over. */
  durationMs: number;
  /** How long the pipes stayed open after the process had ended: at most 5 s (ProcessInvoker.cs:485-505). */
  heldPipesMs: number;
}

export interface JobResult {
  conclusion: "success" | "failure" | "cancelled";
  /** In the order in which they ran: the reverse of their registration. */
  posts: StepResult[];
  /** What the orphan hunt found and ended. */
  orphans: ProcessInfo[];
  /**
   * Paths relative to RUNNER_TEMP, without the runner's own, when the posts were done and after the runner
   * had emptied it.
   */
  tempLeft: { before: string[]; after: string[] };
}

/** The two kinds of step. */
export interface Steps<Returned> {
  /** A `uses:` step. Reads action.yml in `actionDirectory`. */
  use(actionDirectory: string, options?: UseOptions): Returned;
  /** A `run:` step (`bash -e`); as an array, a program with its arguments and no shell. */
  run(command: string | string[], options?: RunOptions): Returned;
}

/** A step with `background: true`. */
export interface BackgroundStep {
  result: Promise<StepResult>;
  /** The process id, once there is one. Rejects if the step ended without. */
  pid: Promise<number>;
  /** As the keyword `cancel`. Resolves when the step is over. */
  cancel(): Promise<void>;
}

interface JobSetup extends JobOptions {
  temp: string;
  workspace: string;
  actions: string;
  tools: string;
  node: string;
  runnerEnvironment: Record<string, string>;
  grace: { interrupt: number; terminate: number };
}

interface Command {
  file: string;
  args: string[];
  options: RunOptions;
  /** Variables of this step alone, beyond its `env:`. */
  variables: Record<string, string>;
  /** The action's state, to which the step adds. */
  state: Record<string, string>;
  isScript: boolean;
}

interface RunningStep {
  name: string;
  pid: number | undefined;
  onPid: (pid: number) => void;
  cancelled: boolean;
  /** The worker's number for the step, once it was asked to start it. */
  id: number | undefined;
  /** Post steps are not ended by a cancel of the job (ExecutionContext.cs:436). */
  isPost: boolean;
  /** GITHUB_ENV and GITHUB_PATH wait for wait(). */
  isBackground: boolean;
  exported: FileCommandResult | undefined;
  result: Promise<StepResult>;
}

/** One `uses:`, from its main to its post. */
interface Use {
  name: string;
  directory: string;
  /** GITHUB_ACTION. */
  id: string;
  options: UseOptions;
  state: Record<string, string>;
}

const NOTHING: Omit<StepResult, "name" | "outcome"> = {
  exitCode: null,
  signal: null,
  stdout: "",
  stderr: "",
  log: "",
  annotations: [],
  outputs: {},
  exportedEnvironment: {},
  state: {},
  summary: "",
  durationMs: 0,
  heldPipesMs: 0,
};

export class Job implements Steps<Promise<StepResult>> {
  /** RUNNER_TRACKING_ID; empty without. */
  readonly trackingId: string;
  /**
   * Steps with `background: true`: they start at once, and what they export counts from wait() on
   * (ExecutionContext.cs:453-460).
   */
  readonly background: Steps<BackgroundStep>;
  readonly #setup: JobSetup;
  readonly #worker: WorkerProcess;
  readonly #masker = new Masker();
  readonly #debug: boolean;
  readonly #idToken: Record<string, string>;
  readonly #context: Record<string, string>;
  /**
   * Job `env:` with GITHUB_ENV over it, in one dictionary (JobExtension.cs:235-246,
   * FileCommandManager.cs:198-213).
   */
  readonly #environment: Record<string, string>;
  /** From GITHUB_PATH; the last one comes first in PATH. */
  readonly #path: string[] = [];
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
    return new Job(setup, eventPath, await WorkerProcess.start(setup.runnerEnvironment));
  }

  private constructor(setup: JobSetup, eventPath: string, worker: WorkerProcess) {
    const environment = Object.entries(setup.environment ?? {});
    this.#setup = setup;
    this.#worker = worker;
    this.trackingId = setup.trackingId === false ? "" : `github_${randomUUID()}`;
    this.#debug = setup.environment?.RUNNER_DEBUG === "1";
    this.#idToken = Object.fromEntries(environment.filter(([name]) => ID_TOKEN_VARIABLES.includes(name)));
    this.#environment = Object.fromEntries(
      environment.filter(([name]) => !ID_TOKEN_VARIABLES.includes(name)),
    );
    // Worker.cs:195-205: the request token is a secret from the first line on.
    if (this.#idToken.ACTIONS_ID_TOKEN_REQUEST_TOKEN)
      this.#masker.add(this.#idToken.ACTIONS_ID_TOKEN_REQUEST_TOKEN);
    this.#context = {
      ...githubContext({
        workspace: setup.workspace,
        eventPath,
        ...(setup.name === undefined ? {} : { name: setup.name }),
        ...(setup.github === undefined ? {} : { changes: setup.github }),
      }),
      RUNNER_OS: "Linux",
      RUNNER_ARCH: process.arch === "arm64" ? "ARM64" : "X64",
      RUNNER_NAME: "small-runner",
      RUNNER_ENVIRONMENT: "self-hosted",
      RUNNER_TEMP: setup.temp,
      RUNNER_TOOL_CACHE: setup.tools,
      RUNNER_WORKSPACE: path.dirname(setup.workspace),
      ...(this.#debug ? { RUNNER_DEBUG: "1" } : {}),
    };
    this.background = {
      use: (directory, options = {}) =>
        this.#inBackground(`uses ${directory}`, (step) => this.#use(step, directory, options)),
      run: (command, options = {}) =>
        this.#inBackground(runName(command), (step) => this.#run(step, command, options)),
    };
  }

  get isOpen(): boolean {
    return this.#phase !== "closed";
  }

  /** What a `run:` step would see now, without the file commands of its own. */
  get environment(): Record<string, string> {
    return this.#environmentWith({}, {});
  }

  /** The secrets added so far. */
  get masks(): string[] {
    return this.#masker.values;
  }

  /** Process ids of the steps that run now. */
  get runningPids(): number[] {
    return [...this.#running].flatMap(({ pid }) => pid ?? []);
  }

  get workerPid(): number {
    return this.#worker.pid;
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
      if (this.#unwaited.delete(step) && step.exported !== undefined) this.#applyExports(step.exported);
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
   * SIGKILL to the worker: no posts, no orphan hunt, RUNNER_TEMP stays as it is. Its steps live on by their
   * own rules, at most until close().
   */
  async killWorker(): Promise<void> {
    this.#phase = "closed";
    await this.#worker.kill();
    await Promise.all([...this.#running].map(({ result }) => result));
  }

  /**
   * The runner is being stopped: as cancel(), but without posts (StepsRunner.cs:205-208). Orphan hunt and
   * emptying still happen.
   */
  async shutdown(): Promise<JobResult> {
    this.#beginFinish();
    await this.cancel();
    return this.#complete([]);
  }

  /**
   * Ends the job: waits for background steps (JobExtension.cs:515-551), runs the posts in reverse, hunts
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
    const before = await listTemp(this.#setup.temp);
    await emptyFolder(this.#setup.temp);
    const after = await listTemp(this.#setup.temp);
    await this.#worker.stop();
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
    if (step.id !== undefined) this.#worker.cancel(step.id, this.#setup.grace);
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
    if (name !== undefined) return ({ ...this.#environment, ...stepEnvironment }[name] ?? "") !== value;
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
      this.#setup.actions,
      "org",
      path.basename(actionDirectory),
      `v${this.#actionCopies.size + 1}`,
    );
    const copied = copyAction(actionDirectory, target).then(() => target);
    this.#actionCopies.set(actionDirectory, copied);
    return copied;
  }

  #actionCommand(use: Use, manifest: ActionManifest, script: string): Command {
    return {
      file: this.#setup.node,
      args: [path.join(use.directory, script)],
      options: use.options,
      variables: {
        ...inputVariables(manifest, use.options.with ?? {}),
        ...Object.fromEntries(Object.entries(use.state).map(([name, value]) => [`STATE_${name}`, value])),
        GITHUB_ACTION: use.id,
        GITHUB_ACTION_REPOSITORY: `org/${path.basename(path.dirname(use.directory))}`,
        GITHUB_ACTION_REF: path.basename(use.directory),
      },
      state: use.state,
      isScript: false,
    };
  }

  async #run(step: RunningStep, command: string | string[], options: RunOptions): Promise<StepResult> {
    const common = { options, variables: { GITHUB_ACTION: "__run" }, state: {}, isScript: true };
    if (typeof command !== "string") {
      const [file = "", ...args] = command;
      return this.#execute(step, { ...common, file, args });
    }
    const script = path.join(this.#setup.temp, `${randomUUID()}.sh`);
    await writeFile(script, command);
    try {
      return await this.#execute(step, { ...common, file: "bash", args: ["-e", script] });
    } finally {
      await rm(script, { force: true });
    }
  }

  /**
   * The layers of a step's environment, the later over the earlier (StepsRunner.cs:108-129,
   * NodeScriptActionHandler.cs:43-70, ProcessInvoker.cs:262-279).
   */
  #environmentWith(
    stepEnvironment: Record<string, string>,
    variables: Record<string, string>,
  ): Record<string, string> {
    const environment: Record<string, string> = {
      ...this.#setup.runnerEnvironment,
      CI: "true",
      // JobExtension.cs:51: a variable of the worker process, so an `env:` can change it.
      RUNNER_TRACKING_ID: this.trackingId,
      ...this.#environment,
      ...stepEnvironment,
      ...this.#context,
      ...variables,
      ...this.#idToken,
    };
    environment.PATH = [...this.#path.toReversed(), environment.PATH].join(path.delimiter);
    return environment;
  }

  async #execute(step: RunningStep, command: Command): Promise<StepResult> {
    const { options } = command;
    const files = await createFileCommands(this.#setup.temp);
    const log = new StepLog(this.#masker, this.#debug, options.onLine ?? (() => {}));
    const output = {
      stdout: new OutputReader((line) => log.write(line)),
      stderr: new OutputReader((line) => log.write(line)),
    };
    // Cancelled while it was being prepared: there is nothing to signal yet.
    if (step.cancelled) return { ...NOTHING, name: step.name, outcome: "cancelled" };

    const { id, ended } = this.#worker.run(
      {
        file: command.file,
        args: command.args,
        cwd: options.cwd ?? this.#setup.workspace,
        env: this.#environmentWith(options.env ?? {}, { ...command.variables, ...files.variables }),
        input: options.input ?? "",
      },
      {
        onStart: (pid) => {
          step.pid = pid;
          step.onPid(pid);
        },
        onOutput: (stream, data) => output[stream].push(data),
      },
    );
    step.id = id;
    let timedOut = false;
    const timeoutMs = options.timeoutMs ?? DEFAULT_TIMEOUT_MS;
    const timer = setTimeout(() => {
      timedOut = true;
      this.#worker.cancel(id, this.#setup.grace);
    }, timeoutMs);
    const end = await ended;
    clearTimeout(timer);
    const stdout = output.stdout.end();
    const stderr = output.stderr.end();
    if (end === undefined)
      return {
        ...NOTHING,
        name: step.name,
        outcome: "cancelled",
        stdout,
        stderr,
        log: log.text,
        annotations: log.annotations,
      };

    // In a `finally` of the step, whatever became of it (ActionRunner.cs:275-283).
    const exported = await collectFileCommands(files);
    for (const message of exported.errors) log.annotate("error", message);
    if (end.error !== undefined)
      log.annotate("error", `An error occurred trying to start process '${command.file}': ${end.error}`);
    if (timedOut) log.annotate("error", `The action '${step.name}' has timed out after ${timeoutMs} ms.`);
    if (command.isScript && end.exitCode !== null && end.exitCode !== 0) {
      log.annotate("error", `Process completed with exit code ${end.exitCode}.`);
    }
    Object.assign(command.state, log.state, exported.state);
    if (step.isBackground) step.exported = exported;
    else this.#applyExports(exported);

    const failed = timedOut || end.exitCode !== 0 || exported.failed || log.failed;
    const outcome = step.cancelled ? "cancelled" : failed ? "failure" : "success";
    if (outcome === "failure" && this.#status === "success") this.#status = "failure";
    return {
      name: step.name,
      outcome,
      exitCode: end.exitCode,
      signal: end.signal,
      stdout,
      stderr,
      log: log.text,
      annotations: log.annotations,
      outputs: { ...log.outputs, ...exported.outputs },
      exportedEnvironment: exported.environment,
      state: { ...command.state },
      summary: this.#masker.apply(exported.summary),
      durationMs: end.durationMs,
      heldPipesMs: end.heldPipesMs,
    };
  }

  #applyExports(exported: FileCommandResult): void {
    Object.assign(this.#environment, exported.environment);
    for (const entry of exported.path) {
      const known = this.#path.indexOf(entry);
      if (known >= 0) this.#path.splice(known, 1);
      this.#path.push(entry);
    }
  }
}

const runName = (command: string | string[]): string => `run ${[command].flat().join(" ")}`;

/** Splits one output stream into lines and keeps it whole. */
class OutputReader {
  readonly #decoder = new StringDecoder("utf8");
  readonly #onLine: (line: string) => void;
  #text = "";
  #printed = 0;

  constructor(onLine: (line: string) => void) {
    this.#onLine = onLine;
  }

  push(data: Uint8Array): void {
    this.#text += this.#decoder.write(data);
    for (
      let end = this.#text.indexOf("\n", this.#printed);
      end >= 0;
      end = this.#text.indexOf("\n", this.#printed)
    ) {
      // A lone carriage return ends a line too.
      for (const line of this.#text.slice(this.#printed, end).replace(/\r$/, "").split("\r"))
        this.#onLine(line);
      this.#printed = end + 1;
    }
  }

  /** Returns everything, after a last line without an end of its own. */
  end(): string {
    this.#text += this.#decoder.end();
    const text = this.#text;
    if (this.#printed < text.length) this.push(Buffer.from("\n"));
    return text;
  }
}

/**
 * INPUT_*: every declared input, its default where `with:` is silent; upper case, spaces as underscores,
 * hyphens kept. The real runner warns of an input that is not declared; here it throws, since it can only be
 * a mistake of the caller's.
 */
function inputVariables(manifest: ActionManifest, given: Record<string, string>): Record<string, string> {
  const variable = (name: string): string => `INPUT_${name.replaceAll(" ", "_").toUpperCase()}`;
  const values = new Map(Object.entries(given).map(([name, value]) => [variable(name), value]));
  const declared = new Set([...manifest.inputs.keys()].map(variable));
  for (const name of Object.keys(given)) {
    if (!declared.has(variable(name)))
      throw new Error(`${manifest.directory}: ${name} is not an input of this action`);
  }
  for (const [name, value] of manifest.inputs) {
    if (values.has(variable(name))) continue;
    if (value.includes("${{"))
      throw new Error(`${manifest.directory}: the default of ${name} is an expression: give it by with`);
    values.set(variable(name), value);
  }
  return Object.fromEntries(values);
}
