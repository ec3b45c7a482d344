/** One step of a job: its process, its output, and what it leaves in the files of the runner. */
import { StringDecoder } from "node:string_decoder";
import type { ActionManifest } from "./action-manifest.ts";
import type { JobEnvironment, JobSetup } from "./environment.ts";
import { collectFileCommands, createFileCommands, type FileCommandResult } from "./file-commands.ts";
import { type Masker, StepLog } from "./step-log.ts";
import type { RunOptions, StepResult } from "./steps.ts";
import type { WorkerProcess } from "./worker-process.ts";

/** Bound on a step that names none, in milliseconds. */
const DEFAULT_TIMEOUT_MS = 120_000;

/** What the steps of a job share. */
export interface JobParts {
  setup: JobSetup;
  worker: WorkerProcess;
  masker: Masker;
  environment: JobEnvironment;
}

export interface Command {
  file: string;
  args: string[];
  options: RunOptions;
  /** Variables of this step alone, beyond its `env:`. */
  variables: Record<string, string>;
  /** The action's state, to which the step adds. */
  state: Record<string, string>;
  isScript: boolean;
  /** Of the runner itself, before the process starts. */
  warnings: string[];
}

export interface RunningStep {
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

export const NOTHING: Omit<StepResult, "name" | "outcome"> = {
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

/**
 * Runs one step's process to its end. What the step exports is left in `step.exported`; when it counts is the
 * job's to decide.
 */
export async function runStep(
  { worker, masker, environment, setup }: JobParts,
  step: RunningStep,
  command: Command,
): Promise<StepResult> {
  const { options } = command;
  const files = await createFileCommands(setup.temp);
  const log = new StepLog(masker, environment.debug, options.onLine ?? (() => {}));
  const output = {
    stdout: new OutputReader((line) => log.write(line)),
    stderr: new OutputReader((line) => log.write(line)),
  };
  // Cancelled while it was being prepared: there is nothing to signal yet.
  if (step.cancelled) return { ...NOTHING, name: step.name, outcome: "cancelled" };
  for (const warning of command.warnings) log.annotate("warning", warning);

  const { id, ended } = worker.run(
    {
      file: command.file,
      args: command.args,
      cwd: options.cwd ?? setup.workspace,
      env: environment.of(options.env ?? {}, { ...command.variables, ...files.variables }),
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
  const said = () => ({ log: log.text, annotations: log.annotations });
  const timer = setTimeout(() => {
    timedOut = true;
    worker.cancel(id, setup.grace);
  }, timeoutMs);
  const end = await ended;
  clearTimeout(timer);
  const stdout = output.stdout.end();
  const stderr = output.stderr.end();
  if (end === undefined)
    return { ...NOTHING, name: step.name, outcome: "cancelled", stdout, stderr, ...said() };

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
  step.exported = exported;

  const failed = timedOut || end.exitCode !== 0 || exported.failed || log.failed;
  const outcome = step.cancelled ? "cancelled" : failed ? "failure" : "success";
  return {
    name: step.name,
    outcome,
    exitCode: end.exitCode,
    signal: end.signal,
    stdout,
    stderr,
    ...said(),
    outputs: { ...log.outputs, ...exported.outputs },
    exportedEnvironment: exported.environment,
    state: { ...command.state },
    summary: masker.apply(exported.summary),
    durationMs: end.durationMs,
    heldPipesMs: end.heldPipesMs,
  };
}

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

  /** Returns everything, after a last line that had no end. */
  end(): string {
    this.#text += this.#decoder.end();
    const text = this.#text;
    if (this.#printed < text.length) this.push(Buffer.from("\n"));
    return text;
  }
}

/** What the runner warns of before it starts a script of the action (ActionRunner.cs). */
export function unexpectedInputs(manifest: ActionManifest, given: Record<string, string>): string[] {
  const valid = [...manifest.inputs.keys()];
  const declared = new Set(valid.map(inputVariable));
  const unexpected = Object.keys(given).filter((name) => !declared.has(inputVariable(name)));
  const quoted = (names: string[]) => `'${names.join("', '")}'`;
  return unexpected.length === 0
    ? []
    : [`Unexpected input(s) ${quoted(unexpected)}, valid inputs are [${quoted(valid)}]`];
}

/**
 * INPUT_*: every declared input, its default where `with:` is silent, and as the real runner does whatever
 * else was given; upper case, spaces as underscores, hyphens kept.
 */
export function inputVariables(
  manifest: ActionManifest,
  given: Record<string, string>,
): Record<string, string> {
  const values = new Map(Object.entries(given).map(([name, value]) => [inputVariable(name), value]));
  for (const [name, value] of manifest.inputs) {
    if (values.has(inputVariable(name))) continue;
    if (value.includes("${{"))
      throw new Error(`${manifest.directory}: the default of ${name} is an expression: give it by with`);
    values.set(inputVariable(name), value);
  }
  return Object.fromEntries(values);
}

function inputVariable(name: string): string {
  return `INPUT_${name.replaceAll(" ", "_").toUpperCase()}`;
}
