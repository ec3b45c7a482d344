/**
 * What the runner and its worker process send each other over IPC (advanced serialization, so bytes stay
 * bytes).
 */

export interface StartMessage {
  type: "start";
  id: number;
  file: string;
  args: string[];
  cwd: string;
  env: Record<string, string>;
  /** Written to the step's stdin, which is then closed. */
  input: string;
}

export interface CancelMessage {
  type: "cancel";
  id: number;
  /** Milliseconds between SIGINT and SIGTERM. */
  interrupt: number;
  /** Milliseconds between SIGTERM and SIGKILL. */
  terminate: number;
}

export type ToWorker = StartMessage | CancelMessage;

export interface EndedMessage {
  type: "ended";
  id: number;
  exitCode: number | null;
  signal: NodeJS.Signals | null;
  durationMs: number;
  heldPipesMs: number;
  /** Set when the process could not be started at all. */
  error?: string;
}

export type FromWorker =
  | { type: "ready" }
  | { type: "started"; id: number; pid: number }
  | { type: "output"; id: number; stream: "stdout" | "stderr"; data: Uint8Array }
  | EndedMessage;
