import { spawnSync } from "node:child_process";
import { findWorker as findAncestor, type ProcessIdentity } from "../base/process.ts";

const TASKLIST_TIMEOUT_MS = 5_000;

let onWindows: { found: ProcessIdentity | undefined } | undefined;

/** The runner's worker, whose end is the end of the job, or undefined: see findWorker in base/process.ts. */
export function findWorker(): ProcessIdentity | undefined {
  if (process.platform !== "win32") return findAncestor();
  onWindows ??= { found: parentIfWorker() };
  return onWindows.found;
}

/**
 * The runner starts an action's node.exe itself (actions/runner, src/Runner.Worker/Handlers/StepHost.cs), so its
 * worker is the parent of this process. No other ancestor can be found without another program. Under a runner
 * of another name, the parent may be a shell that ends with the step.
 */
function parentIfWorker(): ProcessIdentity | undefined {
  const program = `${process.env.SystemRoot ?? "C:\\Windows"}\\System32\\tasklist.exe`;
  const { stdout } = spawnSync(program, ["/NH", "/FO", "CSV", "/FI", `PID eq ${process.ppid}`], {
    stdio: ["ignore", "pipe", "ignore"],
    encoding: "latin1",
    timeout: TASKLIST_TIMEOUT_MS,
    windowsHide: true,
  });
  // One line, which begins with the name of the program. Wine's tasklist prints UTF-16.
  const line = stdout?.replaceAll("\0", "").trim() ?? "";
  return line.startsWith('"Runner.Worker.exe",') ? { pid: process.ppid } : undefined;
}
