/**
 * The worker process of one job: the parent of every step, as Runner.Worker is. It starts steps, passes their
 * output on, and sends them signals; the runner decides what any of it means. A separate process, so
 * that an action finds "Runner.Worker" among its ancestors and a test can kill it.
 */
import { type ChildProcess, spawn } from "node:child_process";
import type { CancelMessage, FromWorker, StartMessage, ToWorker } from "./protocol.ts";

/**
 * How long a step whose process has ended is waited for while something else holds its pipes (actions/runner
 * ProcessInvoker.cs:485-505). They are read on after that, so that a writer lives; what comes is dropped.
 */
const HELD_PIPES_LIMIT_MS = 5_000;

interface Step {
  child: ChildProcess;
  cancelTimer?: NodeJS.Timeout;
}

const steps = new Map<number, Step>();

function report(message: FromWorker): void {
  // The runner may be gone already; the disconnect handler ends this process then.
  if (process.connected) process.send?.(message);
}

function start({ id, file, args, cwd, env, input }: StartMessage): void {
  const startedAt = performance.now();
  const child = spawn(file, args, { cwd, env, stdio: "pipe" });
  const step: Step = { child };
  steps.set(id, step);

  const end = (
    exitCode: number | null,
    signal: NodeJS.Signals | null,
    heldPipesMs: number,
    error?: string,
  ): void => {
    steps.delete(id);
    const durationMs = performance.now() - startedAt;
    report({
      type: "ended",
      id,
      exitCode,
      signal,
      durationMs,
      heldPipesMs,
      ...(error === undefined ? {} : { error }),
    });
  };

  child.once("spawn", () => {
    report({ type: "started", id, pid: child.pid as number });
    for (const stream of ["stdout", "stderr"] as const) {
      child[stream].on("data", (data: Buffer) => report({ type: "output", id, stream, data }));
    }
    // A step that does not read its stdin closes it early.
    child.stdin.on("error", () => {});
    child.stdin.end(input);
  });
  child.once("error", (error) => {
    if (child.pid === undefined) end(null, null, 0, error.message);
  });
  child.once("exit", (exitCode, signal) => {
    clearTimeout(step.cancelTimer);
    const exitedAt = performance.now();
    const settle = (): void => {
      clearTimeout(limit);
      child.removeListener("close", settle);
      end(exitCode, signal, performance.now() - exitedAt);
    };
    const limit = setTimeout(settle, HELD_PIPES_LIMIT_MS);
    child.once("close", settle);
  });
}

/** Signals go to the step's own pid, never to its process group (ProcessInvoker.cs:443-465, 829-853). */
function cancel({ id, interrupt, terminate }: CancelMessage): void {
  const step = steps.get(id);
  if (step === undefined || step.cancelTimer !== undefined) return;
  step.child.kill("SIGINT");
  step.cancelTimer = setTimeout(() => {
    step.child.kill("SIGTERM");
    step.cancelTimer = setTimeout(() => step.child.kill("SIGKILL"), terminate);
  }, interrupt);
}

process.title = "Runner.Worker";
process.on("message", (message: ToWorker) => (message.type === "start" ? start(message) : cancel(message)));
process.on("disconnect", () => {
  for (const { child } of steps.values()) child.kill("SIGKILL");
  process.exit(0);
});
report({ type: "ready" });
