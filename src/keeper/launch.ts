import { spawn } from "node:child_process";
import { once } from "node:events";
import * as path from "node:path";
import { bundlePath } from "../base/bundles.ts";
import { errorText, UserError } from "../base/errors.ts";
import type { KeeperConfig } from "./keep.ts";

const READY_TIMEOUT_MS = 10_000;
const END_TIMEOUT_MS = 2_000;

/**
 * What the keeper may see of the environment, and nothing else: no AWS_*, no INPUT_*, no NODE_OPTIONS, no
 * secret of the job.
 */
const ENVIRONMENT = [
  // The runner ends whatever carries it at the end of the job (actions/runner,
  // src/Runner.Worker/JobExtension.cs).
  "RUNNER_TRACKING_ID",
  "RUNNER_TEMP",
  ...[
    "HOME",
    "PATH",
    "TMPDIR",
    "TEMP",
    "TMP",
    "USERPROFILE",
    "HOMEDRIVE",
    "HOMEPATH",
    "SYSTEMROOT",
    "SYSTEMDRIVE",
    "WINDIR",
  ],
  ...["http_proxy", "https_proxy", "no_proxy", "HTTP_PROXY", "HTTPS_PROXY", "NO_PROXY"],
  ...["NODE_EXTRA_CA_CERTS", "NODE_USE_SYSTEM_CA", "SSL_CERT_FILE", "SSL_CERT_DIR"],
];

/** A keeper that waits for its configuration. One that gets none ends by itself when main does. */
export interface LaunchedKeeper {
  /**
   * Hands over, and returns once the keeper watches over the token; it then lives on without this process.
   * Throws if it is not ready in 10 s, with no keeper left behind.
   */
  watch(config: KeeperConfig): Promise<void>;
  /** Ends a keeper that has not taken over, and returns when it is gone. */
  abandon(): Promise<void>;
}

/**
 * Starts a keeper process. Its start takes longer than anything else it does here, so main begins with it
 * early.
 */
export function launchKeeper(): LaunchedKeeper {
  const env: NodeJS.ProcessEnv = {};
  for (const name of ENVIRONMENT) {
    const value = process.env[name];
    if (value !== undefined) env[name] = value;
  }
  // Of NODE_OPTIONS only what decides which certificates are trusted: without it, the keeper would fail where
  // main did not.
  const trust = (process.env.NODE_OPTIONS ?? "")
    .split(/\s+/)
    .filter((option) => /^--use-(?:bundled|openssl|system)-ca$/.test(option));
  // An interpreter is fast enough for a request every two minutes, and 4 MB smaller.
  const keeper = spawn(process.execPath, ["--lite-mode", ...trust, bundlePath("keeper")], {
    // Not the workspace: Windows could not delete it while the keeper lives.
    cwd: path.dirname(process.execPath),
    // Of its own session and without our pipes, which the runner would wait for (actions/runner,
    // src/Runner.Sdk/ProcessInvoker.cs).
    detached: true,
    stdio: ["ignore", "ignore", "ignore", "ipc"],
    windowsHide: true,
    env,
  });
  const failed = new Promise<never>((_, reject) => {
    keeper.once("error", reject);
    keeper.once("exit", (code, signal) =>
      reject(new Error(`it ended at once (${signal ?? `exit code ${code}`})`)),
    );
  });
  failed.catch(() => {}); // said by watch()
  let handedOver = false;
  // Or this process would wait for it.
  const letGo = () => {
    if (keeper.connected) keeper.disconnect();
    keeper.unref();
  };
  const abandon = async () => {
    if (handedOver || keeper.pid === undefined || keeper.exitCode !== null || keeper.signalCode !== null)
      return;
    const gone = once(keeper, "exit", { signal: AbortSignal.timeout(END_TIMEOUT_MS) });
    keeper.kill("SIGKILL");
    await gone.catch(letGo);
  };
  return {
    async watch(config) {
      let timer: NodeJS.Timeout | undefined;
      const late = new Promise<never>((_, reject) => {
        timer = setTimeout(
          () => reject(new Error(`it was not ready in ${READY_TIMEOUT_MS / 1000} s`)),
          READY_TIMEOUT_MS,
        );
      });
      const ready = new Promise<void>((resolve, reject) => {
        keeper.once("message", () => resolve());
        keeper.send(config, (error) => error && reject(error));
      });
      try {
        await Promise.race([ready, failed, late]);
        handedOver = true;
        letGo();
      } catch (error) {
        await abandon();
        throw new UserError(
          "keeper-did-not-start",
          `The process that keeps the token fresh did not start: ${errorText(error)}. Run the job again.`,
          { cause: error },
        );
      } finally {
        clearTimeout(timer);
      }
    },
    abandon,
  };
}
