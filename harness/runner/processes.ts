/** Looks at the machine's processes through /proc. Linux only, as the harness is. */
import { readdirSync, readFileSync } from "node:fs";
import { setTimeout as sleep } from "node:timers/promises";

export interface ProcessInfo {
  pid: number;
  command: string;
}

function read(pid: number, file: "environ" | "cmdline" | "stat"): string {
  try {
    return readFileSync(`/proc/${pid}/${file}`, "utf8");
  } catch {
    // Gone in the meantime, or another user's.
    return "";
  }
}

function processIds(): number[] {
  return readdirSync("/proc")
    .filter((name) => /^\d+$/.test(name))
    .map(Number);
}

/** Whether the process exists and is not a zombie waiting for its parent. */
export function isAlive(pid: number): boolean {
  const state = read(pid, "stat").replace(/^.*\) /s, "")[0];
  return state !== undefined && state !== "Z" && state !== "X";
}

/** The pid of a process's parent; 0 if the process is gone. */
export function parentOf(pid: number): number {
  return Number(
    read(pid, "stat")
      .replace(/^.*\) /s, "")
      .split(" ")[1] ?? 0,
  );
}

/**
 * Processes that were started with `name` set to a value that `matches` accepts. The environment is the one
 * given at exec (ProcessExtensions.cs:291-316).
 */
export function processesWith(name: string, matches: (value: string) => boolean): ProcessInfo[] {
  const prefix = `${name}=`;
  return processIds()
    .filter((pid) => pid !== process.pid)
    .filter((pid) =>
      read(pid, "environ")
        .split("\0")
        .some((entry) => entry.startsWith(prefix) && matches(entry.slice(prefix.length))),
    )
    .map((pid) => ({ pid, command: read(pid, "cmdline").replaceAll("\0", " ").trim() }));
}

/**
 * Resident memory, and the private part of it, in KiB: anonymous pages, which nothing else can ever share, as
 * node's own code can be with other node processes. Throws if the process is gone.
 */
export function memoryOf(pid: number): { residentKiB: number; privateKiB: number } {
  const rollup = readFileSync(`/proc/${pid}/smaps_rollup`, "utf8");
  const field = (name: string): number =>
    Number(new RegExp(`^${name}:\\s+(\\d+) kB$`, "m").exec(rollup)?.[1]);
  return { residentKiB: field("Rss"), privateKiB: field("Anonymous") };
}

/**
 * CPU time of all threads of a process until now, user and system, in milliseconds. Throws if the process is
 * gone.
 */
export function cpuMsOf(pid: number): number {
  return readdirSync(`/proc/${pid}/task`)
    .map(
      (thread) => Number(readFileSync(`/proc/${pid}/task/${thread}/schedstat`, "utf8").split(" ")[0]) / 1e6,
    )
    .reduce((sum, ms) => sum + ms, 0);
}

/**
 * Kills what `find` finds until it finds nothing, in at most ten rounds: what is killed may have started another
 * between the look and the kill, as the keeper and its watcher do.
 */
export async function killEvery(find: () => ProcessInfo[]): Promise<void> {
  for (let round = 0; round < 10; round += 1) {
    const found = find();
    if (found.length === 0) return;
    await killProcesses([...new Set(found.map(({ pid }) => pid))]);
  }
}

/** Sends SIGKILL to exactly these processes and waits, at most 5 s, until they are gone. */
export async function killProcesses(pids: number[]): Promise<void> {
  for (const pid of pids) {
    try {
      process.kill(pid, "SIGKILL");
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== "ESRCH") throw error;
    }
  }
  const deadline = performance.now() + 5_000;
  while (pids.some(isAlive) && performance.now() < deadline) await sleep(10);
}
