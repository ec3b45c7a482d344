import { type ChildProcess, type Serializable, type SpawnOptions, spawn } from "node:child_process";
import { once } from "node:events";
import { setTimeout as sleep } from "node:timers/promises";

export interface Ran {
  stdout: string;
  stderr: string;
  /** 0, if it ended well; its exit code, the signal that ended it, or why it did not start. */
  end: number | string;
}

/**
 * Runs a program to its end, without stdin. It gets its own process group, so that one which hangs is ended
 * with everything it started.
 */
export function run(
  [file = "", ...args]: string[],
  timeoutMs: number,
  options: Pick<SpawnOptions, "env" | "cwd" | "uid" | "gid">,
): Promise<Ran> {
  const child = spawn(file, args, { ...options, stdio: ["ignore", "pipe", "pipe"], detached: true });
  const ran: Ran = { stdout: "", stderr: "", end: "" };
  for (const stream of ["stdout", "stderr"] as const) {
    child[stream].setEncoding("utf8").on("data", (text: string) => {
      ran[stream] += text;
    });
  }
  const timer = setTimeout(() => child.pid && process.kill(-child.pid, "SIGKILL"), timeoutMs);
  return new Promise((resolve) => {
    const finish = (end: number | string): void => {
      clearTimeout(timer);
      resolve({ ...ran, end });
    };
    child.on("error", ({ message }) => finish(message));
    child.on("close", (code, signal) => finish(signal ?? code ?? ""));
  });
}

/** Sends a message to a child process, and resolves with what it sends next. Rejects if it ends or is late. */
export async function ask(child: ChildProcess, message: Serializable, limitMs: number): Promise<unknown> {
  const over = new AbortController();
  const ended = async (): Promise<never> => {
    const [code, signal] = await once(child, "exit", over);
    throw new Error(`the process ended (${signal ?? code})`);
  };
  const late = async (): Promise<never> => {
    await sleep(limitMs, undefined, over);
    throw new Error(`the process did not answer within ${limitMs} ms`);
  };
  try {
    const answers = [once(child, "message", over), ended(), late()];
    child.send(message);
    const [answer] = await Promise.race(answers);
    return answer;
  } finally {
    over.abort();
  }
}
