/** What a caller gives to a job and its steps, and what it gets back. */
import type { ProcessInfo } from "./processes.ts";
import type { Annotation } from "./step-log.ts";

export interface JobOptions {
  /**
   * `env:` of the job. ACTIONS_ID_TOKEN_REQUEST_URL and _TOKEN in it count as sent by the server: no later
   * `env:` changes them, and the token is masked. RUNNER_DEBUG=1 turns debug logging on.
   */
  environment?: Record<string, string>;
  /** GITHUB_JOB. */
  name?: string;
  /** Changes to the GITHUB_* variables, under their full names. */
  github?: Record<string, string>;
  /** False: RUNNER_TRACKING_ID is empty and nobody ends orphans, as under act or in a container job. */
  trackingId?: boolean;
}

export interface StepOptions {
  /** `env:` of the step. For an action it holds for its post step too. */
  env?: Record<string, string>;
  /** As `timeout-minutes`: then the signals of a cancel end the step, and it has failed. Default 120,000. */
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
  /** What the orphan cleanup found and ended. */
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
