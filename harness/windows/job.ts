/** A job on a Windows machine: uses of the action, their post steps, and both clouds. */
import { randomUUID } from "node:crypto";
import * as fs from "node:fs";
import path from "node:path";
import { type KeeperDirectory, keeperDirectoryAt } from "../../src/base/layout.ts";
import type { KeeperStatus } from "../../src/keeper/status.ts";
import { type Clouds, type CloudsOptions, startClouds } from "../clouds/clouds.ts";
import { trustGitHub } from "../clouds/trust.ts";
import { repository } from "../repository.ts";
import { readActionManifest } from "../runner/action-manifest.ts";
import { collectFileCommands, createFileCommands } from "../runner/file-commands.ts";
import { inputVariables } from "../runner/step.ts";
import { Masker, StepLog } from "../runner/step-log.ts";
import { waitFor } from "../wait.ts";
import { readLane } from "./lane.ts";
import { Machine, type Program } from "./machine.ts";
import type { StepEnd } from "./orders.ts";
import type { Sightings } from "./reader.ts";

export const ACCOUNT = "111122223333";
export const ROLE = `arn:aws:iam::${ACCOUNT}:role/deploy`;
/** The inputs that every use needs. */
const INPUTS = { "role-to-assume": ROLE, "aws-region": "eu-west-1" };

export interface Reader {
  /** Ends it, and returns what it saw. */
  stop(): Promise<Sightings>;
}

export interface Ran {
  exitCode: number | null;
  /** Masked, workflow commands carried out. */
  log: string;
  warnings: string[];
  outputs: Record<string, string>;
  summary: string;
}

/** A main that was started: its process, its end, and what its post step needs. */
export interface Use {
  pid: number;
  ended: Promise<Ran>;
  inputs: Record<string, string>;
  state: Record<string, string>;
}

export class WindowsJob {
  readonly clouds: Clouds;
  readonly machine: Machine;
  readonly #masker = new Masker();
  /** The job's environment: its own, and what steps exported. */
  readonly environment: Record<string, string>;

  private constructor(clouds: Clouds, machine: Machine) {
    this.clouds = clouds;
    this.machine = machine;
    const { environment } = clouds.github.startJob();
    for (const [name, value] of Object.entries(environment))
      if (name.endsWith("_TOKEN")) this.#masker.add(value);
    this.environment = {
      ...environment,
      AWS_ENDPOINT_URL_STS: clouds.sts.url,
      AWS_EC2_METADATA_DISABLED: "true",
      NODE_NO_WARNINGS: "1",
      CI: "true",
      GITHUB_ACTIONS: "true",
      GITHUB_RUN_ID: "1234567890",
      GITHUB_RUN_ATTEMPT: "1",
      RUNNER_OS: "Windows",
      RUNNER_TEMP: machine.windows(machine.temp),
      RUNNER_TRACKING_ID: machine.trackingId,
      USERPROFILE: machine.windows(machine.home),
    };
  }

  /** @param folder with which the name of the machine's folder begins */
  static async start(options: CloudsOptions = {}, folder = "runner work "): Promise<WindowsJob> {
    const [clouds, machine] = await Promise.all([startClouds(options), Machine.start(readLane(), folder)]);
    clouds.sts.addRole({ arn: ROLE, trust: trustGitHub(ACCOUNT, "repo:*") });
    return new WindowsJob(clouds, machine);
  }

  /** Starts the main step. What it exports counts once it has ended. */
  async begin(inputs: Record<string, string> = {}): Promise<Use> {
    const manifest = await readActionManifest(this.machine.action);
    const variables = inputVariables(manifest, { ...INPUTS, ...inputs });
    const use: Use = { pid: 0, ended: Promise.reject(), inputs: variables, state: {} };
    use.ended.catch(() => {});
    const { pid, ended } = await this.#step(manifest.main, use);
    return Object.assign(use, { pid, ended });
  }

  /** A main step that must work. */
  async use(inputs: Record<string, string> = {}): Promise<Use & { outputs: Record<string, string> }> {
    const use = await this.begin(inputs);
    const { exitCode, log, outputs } = await use.ended;
    if (exitCode !== 0) throw new Error(`main ended with ${exitCode}:\n${log}`);
    return { ...use, outputs };
  }

  async post(use: Use): Promise<Ran> {
    const { post = "" } = await readActionManifest(this.machine.action);
    return (await this.#step(post, use)).ended;
  }

  /** A Windows program with the job's environment. */
  run(file: string, args: string[], env: Record<string, string> = {}): Promise<Program> {
    return this.machine.start(file, args, { ...this.environment, ...env });
  }

  /** A Windows program that reads a file of this machine; see reader.ts. It has it open when this resolves. */
  async read(file: string, openMs: number, closedMs = 0, sharing = ""): Promise<Reader> {
    const stop = path.join(this.machine.root, `stop ${randomUUID()}`);
    const script = path.join(repository(), "lib", "harness", "windows", "reader.js");
    const [program = "", ...paths] = [script, file, stop].map((each) => this.machine.windows(each));
    const [target = "", end = ""] = paths;
    const args = [program, target, String(openMs), String(closedMs), end, sharing];
    const { ended } = await this.run("node", args);
    await this.#opened(stop, ended);
    return {
      async stop() {
        fs.writeFileSync(stop, "");
        const { stdout, stderr } = await ended;
        if (stdout === "") throw new Error(`the reader failed: ${stderr}`);
        return JSON.parse(stdout) as Sightings;
      },
    };
  }

  /** A Windows program that has a file open until stop() is called; see hold.go. */
  async hold(file: string): Promise<{ stop(): Promise<void> }> {
    const stop = path.join(this.machine.root, `stop ${randomUUID()}`);
    const { ended } = await this.run(
      this.machine.lane.holder ?? "",
      [file, stop].map((each) => this.machine.windows(each)),
    );
    await this.#opened(stop, ended);
    return {
      async stop() {
        fs.writeFileSync(stop, "");
        await ended;
      },
    };
  }

  async #opened(stop: string, ended: Promise<StepEnd>): Promise<void> {
    let end: StepEnd | undefined;
    ended.then(
      (how) => {
        end = how;
      },
      () => {},
    );
    await waitFor("the file to be open", 120_000, () => end !== undefined || fs.existsSync(`${stop}.open`));
    if (end !== undefined) throw new Error(`it ended before: ${end.stdout}${end.stderr}`);
  }

  /** The job directory. */
  get root(): string {
    return path.join(this.machine.temp, "aws-role-refresh");
  }

  /** The only token directory. */
  get directory(): KeeperDirectory {
    const [only, ...others] = fs.readdirSync(path.join(this.root, "tokens"));
    if (only === undefined || others.length > 0) throw new Error("not exactly one token directory");
    return keeperDirectoryAt(path.join(this.root, "tokens", only));
  }

  status(): KeeperStatus {
    return JSON.parse(fs.readFileSync(this.directory.status, "utf8")) as KeeperStatus;
  }

  /** What is in RUNNER_TEMP beside the runner's own. */
  left(): string[] {
    return fs.readdirSync(this.machine.temp).filter((name) => !name.startsWith("_runner"));
  }

  async close(): Promise<void> {
    // The runner ends what carries the job's RUNNER_TRACKING_ID. Here the only such process is known.
    let pid: number | undefined;
    try {
      const { ended, ...keeper } = this.status();
      if (!ended) pid = keeper.pid;
    } catch {
      // There is no keeper any more.
    }
    if (pid !== undefined) await this.machine.kill(pid).catch(() => {});
    await this.machine.close();
    await this.clouds.close();
  }

  async #step(script: string, use: Use): Promise<{ pid: number; ended: Promise<Ran> }> {
    const files = await createFileCommands(this.machine.temp);
    const variables = Object.entries(files.variables).map(([name, file]) => [
      name,
      this.machine.windows(file),
    ]);
    const state = Object.entries(use.state).map(([name, value]) => [`STATE_${name}`, value]);
    const env = { ...use.inputs, ...Object.fromEntries([...state, ...variables]) };
    const { pid, ended } = await this.run(
      "node",
      [this.machine.windows(path.join(this.machine.action, script))],
      env,
    );
    const collect = async (): Promise<Ran> => {
      const { exitCode, stdout, stderr } = await ended;
      const log = new StepLog(this.#masker, false, () => {});
      for (const line of `${stdout}${stderr}`.split(/\r?\n/)) log.write(line);
      const exported = await collectFileCommands(files);
      Object.assign(use.state, exported.state);
      Object.assign(this.environment, exported.environment);
      const warnings = log.annotations
        .filter(({ level }) => level !== "notice")
        .map(({ message }) => message);
      return { exitCode, log: log.text, warnings, outputs: exported.outputs, summary: exported.summary };
    };
    return { pid, ended: collect() };
  }
}
