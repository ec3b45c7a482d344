import { type SpawnOptions, spawn } from "node:child_process";

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
