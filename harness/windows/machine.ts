/** A Windows machine with one job: its folders, its worker, and the steps that this starts. */
import { type ChildProcess, spawn } from "node:child_process";
import { randomUUID } from "node:crypto";
import { once } from "node:events";
import * as fs from "node:fs";
import { request } from "node:http";
import path from "node:path";
import { repository } from "../repository.ts";
import { copyAction } from "../runner/surroundings.ts";
import { waitFor } from "../wait.ts";
import { type Lane, toHost, toWindows } from "./lane.ts";
import type { Answers, Order, StepEnd } from "./orders.ts";

const START_LIMIT_MS = 120_000;
const END_LIMIT_MS = 30_000;

/** A Windows program that runs. */
export interface Program {
  pid: number;
  ended: Promise<StepEnd>;
}

export class Machine {
  readonly lane: Lane;
  /** Everything of this machine. All paths here are this system's own. */
  readonly root: string;
  /** RUNNER_TEMP. */
  readonly temp: string;
  /** USERPROFILE. */
  readonly home: string;
  readonly action: string;
  /** RUNNER_TRACKING_ID. */
  readonly trackingId = `github_${randomUUID()}`;
  readonly #worker: ChildProcess;
  readonly #log: string;
  #port = 0;

  private constructor(lane: Lane, name: string) {
    this.lane = lane;
    fs.mkdirSync(lane.folder, { recursive: true });
    this.root = fs.mkdtempSync(path.join(lane.folder, name));
    this.temp = path.join(this.root, "_temp");
    this.home = path.join(this.root, "Users", "runner admin");
    this.action = path.join(this.root, "_actions", "v1");
    for (const folder of [this.temp, this.home, this.action, path.join(this.root, "output")])
      fs.mkdirSync(folder, { recursive: true });
    this.#log = path.join(this.root, "worker.log");
    const log = fs.openSync(this.#log, "w");
    const script = path.join(repository(), "lib", "harness", "windows", "worker.js");
    const [file = "", ...args] = [
      ...lane.start,
      lane.worker,
      ...[script, this.#address, path.join(this.root, "output")].map((each) => toWindows(lane, each)),
    ];
    this.#worker = spawn(file, args, {
      env: { ...process.env, ...lane.environment },
      stdio: ["ignore", log, log],
    });
    fs.closeSync(log);
  }

  /**
   * close() it when done.
   * @param name with which its folder begins
   */
  static async start(lane: Lane, name: string): Promise<Machine> {
    const machine = new Machine(lane, name);
    await copyAction(repository(), machine.action);
    const port = () => fs.existsSync(machine.#address) && Number(fs.readFileSync(machine.#address, "utf8"));
    machine.#port = await waitFor("the worker", START_LIMIT_MS, port).catch((cause) => {
      throw new Error(`the worker did not start: ${fs.readFileSync(machine.#log, "utf8")}`, { cause });
    });
    return machine;
  }

  get #address(): string {
    return path.join(this.root, "worker.port");
  }

  windows(file: string): string {
    return toWindows(this.lane, file);
  }

  host(file: string): string {
    return toHost(this.lane, file);
  }

  /** Starts a Windows program as a step of the job. `file` "node" is node.exe. */
  async start(file: string, args: string[], env: Record<string, string> = {}): Promise<Program> {
    const order = { kind: "start", args, env, cwd: this.windows(this.root) } as const;
    const { pid } = await this.#ask({
      ...order,
      file: file === "node" ? this.lane.node : this.windows(file),
    });
    const ended = this.#ask({ kind: "wait", pid });
    ended.catch(() => {}); // the worker was killed
    return { pid, ended };
  }

  /** TerminateProcess. Returns whether there was such a process. */
  async kill(pid: number): Promise<boolean> {
    return (await this.#ask({ kind: "kill", pid })).done;
  }

  async isAlive(pid: number): Promise<boolean> {
    return (await this.#ask({ kind: "alive", pid })).done;
  }

  /** Ends the worker at once, as a crash of the runner does. Nothing can be started afterwards. */
  async killWorker(): Promise<void> {
    await this.#ask({ kind: "end" });
    await this.#ended();
  }

  async close(): Promise<void> {
    if (this.#worker.exitCode === null) await this.killWorker().catch(() => this.#worker.kill("SIGKILL"));
    fs.rmSync(this.root, { recursive: true, force: true, maxRetries: 20, retryDelay: 100 });
  }

  async #ended(): Promise<void> {
    if (this.#worker.exitCode !== null || this.#worker.signalCode !== null) return;
    await once(this.#worker, "exit", { signal: AbortSignal.timeout(END_LIMIT_MS) });
  }

  /** Not fetch: it ends a request after five minutes, and jest's environment has it not. */
  #ask<K extends Order["kind"]>(order: Extract<Order, { kind: K }>): Promise<Answers[K]> {
    return new Promise((resolve, reject) => {
      const asked = request(
        { host: "127.0.0.1", port: this.#port, method: "POST", agent: false },
        (response) => {
          let body = "";
          response.setEncoding("utf8").on("data", (text: string) => {
            body += text;
          });
          response.on("error", reject).on("end", () => {
            if (response.statusCode === 200) resolve(JSON.parse(body) as Answers[K]);
            else reject(new Error(body));
          });
        },
      );
      asked.on("error", reject).end(JSON.stringify(order));
    });
  }
}
