import * as fs from "node:fs";
import { errorCode } from "./errors.ts";

/** A process and when it started, because another process may get the same pid later. */
export interface ProcessIdentity {
  pid: number;
  /** Clock ticks since boot (/proc/PID/stat, field 22); undefined without /proc. */
  started?: string;
}

/** proc(5), /proc/PID/stat; undefined if there is no such process, or it cannot be read now. */
function readStat(pid: number) {
  // On Windows it would be a folder of the current drive, which anybody can make, and under Wine that of Linux.
  if (process.platform === "win32") return undefined;
  try {
    const text = fs.readFileSync(`/proc/${pid}/stat`, "utf8");
    // The name is in parentheses and may contain any character.
    const end = text.lastIndexOf(")");
    const name = text.slice(text.indexOf("(") + 1, end);
    const fields = text.slice(end + 2).split(" ");
    return { name, state: fields[0] ?? "", parent: Number(fields[1]), started: fields[19] ?? "" };
  } catch {
    return undefined;
  }
}

export function identify(pid: number): ProcessIdentity {
  const started = readStat(pid)?.started;
  return started === undefined ? { pid } : { pid, started };
}

/** Whether this process still runs; a zombie does not. Without /proc: whether any process has its pid. */
export function isRunning(process_: ProcessIdentity): boolean {
  if (process_.started !== undefined) {
    const stat = readStat(process_.pid);
    // Gone, or the machine has no file descriptor left to look. To check for the folder needs none.
    if (stat === undefined) return fs.existsSync(`/proc/${process_.pid}`);
    return stat.started === process_.started && stat.state !== "Z" && stat.state !== "X";
  }
  try {
    return process.kill(process_.pid, 0);
  } catch (error) {
    return errorCode(error) === "EPERM";
  }
}

/** Whether a process is suspended by SIGSTOP or the like; false without /proc. */
export function isSuspended({ pid }: ProcessIdentity): boolean {
  return readStat(pid)?.state === "T";
}

/** More than enough for a runner, a composite action and wrapper scripts. */
const MAX_ANCESTORS = 32;

/**
 * The runner's worker among this process's ancestors: the process that runs one job and then ends
 * (actions/runner, src/Runner.Worker; its 13 characters fit the 15 that the kernel keeps of a name).
 * Undefined inside a container, whose processes have no ancestor outside, without /proc, and under other
 * runners.
 */
export function findWorker(): ProcessIdentity | undefined {
  let pid = process.ppid;
  for (let i = 0; i < MAX_ANCESTORS && pid > 1; i++) {
    const stat = readStat(pid);
    if (!stat) return undefined;
    if (stat.name === "Runner.Worker") return { pid, started: stat.started };
    pid = stat.parent;
  }
  return undefined;
}
