import { spawn } from "node:child_process";
import * as fs from "node:fs";
import * as path from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { fileURLToPath } from "node:url";
import { readJson } from "./files.ts";
import type { KeeperConfig } from "./keep.ts";
import { isRunning } from "./process.ts";
import type { KeeperStatus } from "./status.ts";
import type { TokenDirectory } from "./token-directory.ts";

/** dist/keeper/index.js, from where main and post are bundled: dist/main/index.js and dist/post/index.js. */
const KEEPER = path.join(path.dirname(fileURLToPath(import.meta.url)), "..", "keeper", "index.js");

const READY_TIMEOUT_MS = 10_000;

/** What the keeper may see of the environment, and nothing else: no AWS_*, no INPUT_*, no NODE_OPTIONS, no secret of the job. */
const ENVIRONMENT = [
  // The runner ends whatever carries it at the end of the job (actions/runner, src/Runner.Worker/JobExtension.cs).
  "RUNNER_TRACKING_ID",
  "RUNNER_TEMP",
  ...["HOME", "PATH", "TMPDIR", "TEMP", "TMP", "USERPROFILE", "HOMEDRIVE", "HOMEPATH", "SYSTEMROOT", "SYSTEMDRIVE", "WINDIR"],
  ...["http_proxy", "https_proxy", "no_proxy", "HTTP_PROXY", "HTTPS_PROXY", "NO_PROXY"],
  ...["NODE_EXTRA_CA_CERTS", "SSL_CERT_FILE", "SSL_CERT_DIR"],
];

/**
 * Starts the keeper and returns once it watches over the token; it then lives on without this process. Throws if it is not ready
 * in 10 s, with no keeper left behind.
 */
export async function startKeeper(config: KeeperConfig): Promise<void> {
  const env: NodeJS.ProcessEnv = {};
  for (const name of ENVIRONMENT) {
    const value = process.env[name];
    if (value !== undefined) env[name] = value;
  }
  const keeper = spawn(process.execPath, [KEEPER], {
    // Of its own session and without our pipes, which the runner would wait for (actions/runner, src/Runner.Sdk/ProcessInvoker.cs).
    detached: true,
    stdio: ["ignore", "ignore", "ignore", "ipc"],
    windowsHide: true,
    env,
  });
  let timer: NodeJS.Timeout | undefined;
  try {
    await new Promise<void>((resolve, reject) => {
      timer = setTimeout(() => reject(new Error(`it was not ready in ${READY_TIMEOUT_MS / 1000} s`)), READY_TIMEOUT_MS);
      keeper.once("error", reject);
      keeper.once("exit", (code, signal) => reject(new Error(`it ended at once (${signal ?? `exit code ${code}`})`)));
      keeper.once("message", () => resolve());
      keeper.send(config, (error) => error && reject(error));
    });
  } catch (error) {
    keeper.kill("SIGKILL");
    throw error;
  } finally {
    clearTimeout(timer);
    keeper.removeAllListeners();
    if (keeper.connected) keeper.disconnect();
    keeper.unref();
  }
}

/** Whether a keeper watches over a token directory. */
export function hasKeeper(directory: TokenDirectory): boolean {
  const status = readJson<KeeperStatus>(directory.status);
  return status !== undefined && status.ended === undefined && isRunning(status);
}

const STOP_TIMEOUT_MS = 2_000;

/**
 * Ends the keeper of a token directory, if there is one: by message, and if it does not listen by a signal. Only ever signals the
 * very process that wrote the status file. Returns its last status, or undefined where none was ever written.
 */
export async function stopKeeper(directory: TokenDirectory): Promise<KeeperStatus | undefined> {
  const status = readJson<KeeperStatus>(directory.status);
  if (status === undefined) return undefined;
  if (await hasEnded(status, 0)) return status;
  fs.closeSync(fs.openSync(directory.stop, "w", 0o600));
  // Without /proc a pid proves nothing once the process may have ended: then the message has to do, and the tick that follows it.
  const signals: NodeJS.Signals[] = status.started === "" ? [] : ["SIGTERM", "SIGKILL"];
  for (const signal of signals) {
    if (await hasEnded(status, STOP_TIMEOUT_MS)) break;
    process.kill(status.pid, signal);
  }
  await hasEnded(status, STOP_TIMEOUT_MS);
  return readJson<KeeperStatus>(directory.status) ?? status;
}

async function hasEnded(status: KeeperStatus, withinMs: number): Promise<boolean> {
  const deadline = performance.now() + withinMs;
  while (isRunning(status)) {
    if (performance.now() >= deadline) return false;
    await sleep(5);
  }
  return true;
}
