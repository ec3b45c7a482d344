import { type ChildProcess, spawn } from "node:child_process";
import { bundlePath } from "../base/bundles.ts";
import { identify, type ProcessIdentity } from "../base/process.ts";
import { shellWord } from "../base/text.ts";

// Brings the keeper back when somebody kills it ("pkill node" at the end of a test step). A shell, which is
// small and not Node: it reads what a keeper needs from a pipe, waits for the end of that pipe, which is the
// end of the keeper, and starts the next one with it. So the request token is in no argument, environment or
// file. And the keeper starts another shell when somebody kills this one.
const SCRIPT = `: aws-role-refresh, brings back its keeper
IFS= read -r delay && IFS= read -r task || exit
IFS= read -r over && exit
sleep "$delay"
printf '%s\\n' "$task" | eval "exec $KEEPER_COMMAND" &`;

const LONGEST_DELAY_S = 30;

/** How long to wait before the next start after this many in a short time: none at first. */
export function restartDelay(starts: number): number {
  return starts < 3 ? 0 : Math.min(LONGEST_DELAY_S, 2 ** (starts - 3));
}

export class Watcher {
  readonly #task: string;
  readonly #delay: number;
  readonly #onStart: (process: ProcessIdentity) => void;
  #child: ChildProcess | undefined;
  #timer: NodeJS.Timeout | undefined;
  #isOver = false;
  #starts = 0;

  /**
   * @param task one line, for the next keeper
   * @param delay what the next keeper waits before it starts, in seconds
   * @param onStart called with each shell's process
   */
  constructor(task: string, delay: number, onStart: (process: ProcessIdentity) => void) {
    this.#task = task;
    this.#delay = delay;
    this.#onStart = onStart;
    // Windows has no shell that is there for certain and could do this.
    if (process.platform !== "win32") this.#start();
  }

  /** The keeper ends for good. */
  stop(): void {
    this.#isOver = true;
    clearTimeout(this.#timer);
    this.#child?.kill("SIGKILL");
  }

  #start(): void {
    const words = [process.execPath, ...process.execArgv, bundlePath("keeper"), "again"];
    const child = spawn("/bin/sh", ["-c", SCRIPT], {
      // Not killed with the keeper's process group.
      detached: true,
      stdio: ["pipe", "ignore", "ignore"],
      env: { ...process.env, KEEPER_COMMAND: words.map(shellWord).join(" ") },
    });
    this.#child = child;
    child.on("error", () => {}); // no shell here: as before, only a later use or post notices
    child.stdin.on("error", () => {});
    child.stdin.write(`${this.#delay}\n${this.#task}\n`);
    child.unref();
    child.once("exit", () => {
      if (this.#isOver) return;
      this.#timer = setTimeout(() => this.#start(), restartDelay(this.#starts++) * 1000);
    });
    if (child.pid !== undefined) this.#onStart(identify(child.pid));
  }
}
