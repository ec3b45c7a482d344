import * as fs from "node:fs";
import { errorCode } from "./errors.ts";

/** A process and when it started, because another process may get the same pid later. */
export interface ProcessIdentity {
  pid: number;
  /** Clock ticks since boot (/proc/PID/stat, field 22); undefined without /proc. */
  started?: string;
}

interface Stat {
  name: string;
  state: string;
  parent: number;
  started: string;
}

/**
 * proc(5), /proc/PID/stat. The name is in parentheses and may contain any character. Undefined if there is no such
 * process.
 */
function readStat(pid: number): Stat | undefined {
  try {
    const text = fs.readFileSync(`/proc/${pid}/stat`, "utf8");
    const end = text.lastIndexOf(")");
    const fields = text.slice(end + 2).split(" ");
    return {
      name: text.slice(text.indexOf("(") + 1, end),
      state: fields[0] ?? "",
      parent: Number(fields[1]),
      started: fields[19] ?? "",
    };
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
    return (
      stat !== undefined && stat.started === process_.started && stat.state !== "Z" && stat.state !== "X"
    );
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
 * The runner's worker among this process's ancestors: the process that runs one job and then ends. Undefined
 * inside a container, whose processes have no ancestor outside, without /proc, and under other runners.
 * https://github.com/actions/runner: src/Runner.Worker; the kernel keeps 15 characters of a name, of which it
 * needs 13.
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
