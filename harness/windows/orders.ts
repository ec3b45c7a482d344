/** What the tests ask of the worker (worker.ts), and its answers. Process ids are those of Windows. */
export type Order =
  | { kind: "start"; file: string; args: string[]; cwd: string; env: Record<string, string> }
  | { kind: "wait"; pid: number }
  | { kind: "kill"; pid: number }
  | { kind: "alive"; pid: number }
  | { kind: "end" };

export interface StepEnd {
  /** null: it was not started. */
  exitCode: number | null;
  stdout: string;
  stderr: string;
}

export interface Answers {
  start: { pid: number };
  wait: StepEnd;
  kill: { done: boolean };
  alive: { done: boolean };
  end: { done: boolean };
}
