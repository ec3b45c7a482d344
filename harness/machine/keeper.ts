/** The built keeper without main: started as main starts it, over its own job directory. */
import { type ChildProcess, spawn } from "node:child_process";
import {
  chmodSync,
  chownSync,
  cpSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  realpathSync,
  rmSync,
  writeFileSync,
} from "node:fs";
import os from "node:os";
import path from "node:path";
import type { Endpoint } from "../../src/base/id-token.ts";
import { type KeeperDirectory, keeperDirectoryAt, tokenId } from "../../src/base/layout.ts";
import type { ProcessIdentity } from "../../src/base/process.ts";
import type { Ask, Reply, Watch, WatchSession } from "../../src/keeper/messages.ts";
import type { KeeperStatus } from "../../src/keeper/status.ts";
import { repository } from "../repository.ts";
import { ask } from "../run.ts";
import { isAlive, killEvery, type ProcessInfo, processesWith } from "../runner/processes.ts";
import { waitFor } from "../wait.ts";

export const AUDIENCE = "sts.amazonaws.com";

const READY_LIMIT_MS = 20_000;

export interface KeeperOptions {
  endpoint: Endpoint;
  audience?: string;
  worker?: ProcessIdentity;
  /** Beside PATH, HOME and RUNNER_TEMP. */
  env?: Record<string, string>;
  /**
   * The command that starts the keeper, made from the usual one; it must end in the usual one by exec, in the
   * same process.
   */
  wrap?: (command: string[], root: string) => string[];
  /** Called when the first token is in its file, before the keeper watches over it. */
  onFirstToken?: () => void;
  /** The user it runs as, by number. Only root can choose one. */
  uid?: number;
}

export class Keeper {
  readonly pid: number;
  /** The job directory. */
  readonly root: string;
  readonly directory: KeeperDirectory;
  /** All that it printed, which must be nothing. */
  output = "";
  readonly #child: ChildProcess;
  readonly #folder: string;

  /**
   * @param folder what close() removes
   * @param root the job directory
   */
  constructor(child: ChildProcess, folder: string, root: string, directory: KeeperDirectory) {
    this.pid = child.pid as number;
    this.root = root;
    this.directory = directory;
    this.#child = child;
    this.#folder = folder;
    for (const stream of [child.stdout, child.stderr]) {
      stream?.on("data", (chunk: Buffer) => {
        this.output += chunk;
      });
    }
  }

  get isAlive(): boolean {
    return isAlive(this.pid);
  }

  /** How it ended: its exit code or signal; undefined while it runs. */
  get end(): number | NodeJS.Signals | undefined {
    return this.#child.exitCode ?? this.#child.signalCode ?? undefined;
  }

  /** The keeper, what it has started, and what those have. */
  processes(): ProcessInfo[] {
    const temp = path.dirname(this.root);
    return processesWith("RUNNER_TEMP", (value) => value === temp).filter(({ pid }) => isAlive(pid));
  }

  /** @param directory where to look, if the job directory is seen under another name from here */
  status(directory: KeeperDirectory = this.directory): KeeperStatus {
    return JSON.parse(readFileSync(directory.status, "utf8")) as KeeperStatus;
  }

  signal(signal: NodeJS.Signals): void {
    process.kill(this.pid, signal);
  }

  /** Waits for a status of which `condition` holds. */
  until(what: string, condition: (status: KeeperStatus) => boolean, limitMs = 30_000): Promise<KeeperStatus> {
    return waitFor(what, limitMs, () => {
      const status = this.status();
      return condition(status) && status;
    });
  }

  ended(limitMs = 30_000): Promise<number | NodeJS.Signals> {
    return waitFor("the keeper's end", limitMs, () => this.end);
  }

  /** Asks it to end as post does, and returns its last words. */
  async stop(): Promise<KeeperStatus> {
    writeFileSync(this.directory.stop, "");
    await this.ended();
    return this.status();
  }

  /** Ends it whatever it does, and removes what it worked on. */
  async close(): Promise<void> {
    await killEvery(() => this.processes());
    rmSync(this.#folder, { recursive: true, force: true });
  }

  /** Sends a message and resolves with the reply. */
  async converse(message: Ask | Watch | WatchSession): Promise<Reply> {
    return (await ask(this.#child, message, READY_LIMIT_MS).catch((cause) => {
      throw new Error(`the keeper did not start: ${this.output}`, { cause });
    })) as Reply;
  }

  /** Closes its channel to here, as main does. */
  letGo(): void {
    if (this.#child.connected) this.#child.disconnect();
  }
}

/**
 * Starts the keeper over a new job directory with one use, and returns once it is ready. close() it when
 * done.
 */
export async function startKeeper(options: KeeperOptions): Promise<Keeper> {
  const { audience = AUDIENCE, uid, onFirstToken = () => {} } = options;
  const folder = realpathSync(mkdtempSync(path.join(os.tmpdir(), "keeper ")));
  chmodSync(folder, 0o755);
  // A copy: nothing of the checkout can help it.
  const script = path.join(folder, "keeper");
  cpSync(path.join(repository(), "dist", "keeper"), script, { recursive: true });
  const root = path.join(folder, "temp", "aws-role-refresh");
  const directory = keeperDirectoryAt(path.join(root, "tokens", tokenId(audience)));
  for (const made of [path.join(root, "uses"), directory.path])
    mkdirSync(made, { recursive: true, mode: 0o700 });
  writeFileSync(path.join(root, "uses", "0123456789abcdef.json"), "{}", { mode: 0o600 });
  if (uid !== undefined) giveTo(uid, path.join(folder, "temp"));

  const command = [process.env.ACTION_NODE ?? process.execPath, path.join(script, "index.js")];
  const [file = "", ...args] = options.wrap?.(command, root) ?? command;
  const child = spawn(file, args, {
    stdio: ["ignore", "pipe", "pipe", "ipc"],
    env: { PATH: process.env.PATH ?? "", HOME: folder, RUNNER_TEMP: path.dirname(root), ...options.env },
    ...(uid === undefined ? {} : { uid, gid: uid }),
  });
  const keeper = new Keeper(child, folder, root, directory);
  try {
    const reply = await keeper.converse({ endpoint: options.endpoint, audience });
    if (!("first" in reply)) throw new Error(`no first token: ${JSON.stringify(reply)}`);
    // Here, and as the keeper sees it: it may have a mount namespace (storage.ts).
    for (const file of [directory.secret, path.join("/proc", String(keeper.pid), "root", directory.secret)]) {
      writeFileSync(file, reply.first.token, { mode: 0o600 });
      if (uid !== undefined) chownSync(file, uid, uid);
    }
    onFirstToken();
    await keeper.converse({ directory: directory.path, worker: options.worker, dead: undefined });
    keeper.letGo();
  } catch (error) {
    await keeper.close();
    throw error;
  }
  return keeper;
}

function giveTo(uid: number, folder: string): void {
  for (const entry of [".", ...readdirSync(folder, { recursive: true, encoding: "utf8" })]) {
    chownSync(path.join(folder, entry), uid, uid);
  }
}
