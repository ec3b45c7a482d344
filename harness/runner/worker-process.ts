/** The runner's handle on the worker process of a job. */
import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { existsSync } from "node:fs";
import path from "node:path";
import { repository } from "../repository.ts";
import type { CancelMessage, EndedMessage, FromWorker, StartMessage, ToWorker } from "./protocol.ts";

/** How long the worker may take to start or to end, in milliseconds. */
const WORKER_LIMIT_MS = 30_000;

/** The worker runs as plain JavaScript, also where this file is run from its source (by jest). */
function workerScript(): string {
  const script = path.join(repository(), "lib", "harness", "runner", "worker.js");
  if (!existsSync(script)) throw new Error(`${script} is missing: run npx tsc first`);
  return script;
}

export interface StepListener {
  onStart(pid: number): void;
  onOutput(stream: "stdout" | "stderr", data: Uint8Array): void;
}

interface RunningStep extends StepListener {
  settle(end: EndedMessage | undefined): void;
}

export class WorkerProcess {
  readonly #child: ChildProcess;
  readonly #running = new Map<number, RunningStep>();
  #lastId = 0;

  /** Starts the worker, with `env` as its whole environment. */
  static async start(env: Record<string, string>): Promise<WorkerProcess> {
    const worker = new WorkerProcess(env);
    await worker.#ready;
    return worker;
  }

  readonly #ready: Promise<void>;

  private constructor(env: Record<string, string>) {
    // Its own session: a Ctrl-C in the runner's terminal reaches no step, so the runner decides what ends.
    this.#child = spawn(process.execPath, [workerScript()], {
      env,
      detached: true,
      stdio: ["ignore", "ignore", "inherit", "ipc"],
      serialization: "advanced",
    });
    this.#ready = new Promise((resolve, reject) => {
      const limit = setTimeout(() => reject(new Error("the worker did not start in time")), WORKER_LIMIT_MS);
      this.#child.on("message", (message: FromWorker) => {
        if (message.type === "ready") {
          clearTimeout(limit);
          resolve();
        } else {
          this.#take(message);
        }
      });
      this.#child.once("error", reject);
      this.#child.once("exit", () => {
        clearTimeout(limit);
        reject(new Error("the worker ended before it was ready"));
        for (const step of this.#running.values()) step.settle(undefined);
        this.#running.clear();
      });
    });
  }

  get pid(): number {
    return this.#child.pid as number;
  }

  /** Runs one step. `ended` is undefined if the worker died before it could tell. */
  run(
    start: Omit<StartMessage, "type" | "id">,
    listener: StepListener,
  ): { id: number; ended: Promise<EndedMessage | undefined> } {
    this.#lastId += 1;
    const id = this.#lastId;
    if (!this.#child.connected) return { id, ended: Promise.resolve(undefined) };
    const ended = new Promise<EndedMessage | undefined>((settle) =>
      this.#running.set(id, { ...listener, settle }),
    );
    this.#send({ type: "start", id, ...start });
    return { id, ended };
  }

  cancel(id: number, grace: Pick<CancelMessage, "interrupt" | "terminate">): void {
    if (this.#running.has(id)) this.#send({ type: "cancel", id, ...grace });
  }

  /** SIGKILL, as an out-of-memory kill would. Its steps live on. */
  async kill(): Promise<void> {
    await this.#end(() => this.#child.kill("SIGKILL"));
  }

  /** Lets it end; a step that still runs is killed. */
  async stop(): Promise<void> {
    await this.#end(() => this.#child.disconnect());
  }

  async #end(ask: () => void): Promise<void> {
    if (this.#child.exitCode !== null || this.#child.signalCode !== null) return;
    const exited = once(this.#child, "exit");
    ask();
    const limit = setTimeout(() => this.#child.kill("SIGKILL"), WORKER_LIMIT_MS);
    await exited;
    clearTimeout(limit);
  }

  #send(message: ToWorker): void {
    // A send that fails because the worker has just died is answered by its exit.
    this.#child.send(message, () => {});
  }

  #take(message: Exclude<FromWorker, { type: "ready" }>): void {
    const step = this.#running.get(message.id);
    if (message.type === "started") step?.onStart(message.pid);
    else if (message.type === "output") step?.onOutput(message.stream, message.data);
    else {
      this.#running.delete(message.id);
      step?.settle(message);
    }
  }
}
