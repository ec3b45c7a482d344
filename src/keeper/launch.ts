import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import * as path from "node:path";
import { bundlePath } from "../base/bundles.ts";
import { errorText, UserError } from "../base/errors.ts";
import type { IdToken } from "../base/id-token.ts";
import { RequestError } from "../base/network.ts";
import type { Ask, Reply, Watch, WatchSession } from "./messages.ts";

/** The keeper repeats the first request for up to 30 s (base/retry.ts). */
const FIRST_TOKEN_TIMEOUT_MS = 60_000;
const READY_TIMEOUT_MS = 10_000;
const END_TIMEOUT_MS = 2_000;

/** Paths of certificate authorities. */
const CERTIFICATES = ["NODE_EXTRA_CA_CERTS", "SSL_CERT_FILE", "SSL_CERT_DIR"];

/**
 * What the keeper may see of the environment: no AWS_*, no INPUT_*, no NODE_OPTIONS, no secret of the job.
 */
const ENVIRONMENT = [
  // The runner ends every process that carries it at the end of the job (actions/runner,
  // src/Runner.Worker/JobExtension.cs).
  "RUNNER_TRACKING_ID",
  "RUNNER_TEMP",
  ...["HOME", "PATH", "TMPDIR", "TEMP", "TMP"],
  ...["USERPROFILE", "HOMEDRIVE", "HOMEPATH", "SYSTEMROOT", "SYSTEMDRIVE", "WINDIR"],
  ...["http_proxy", "https_proxy", "no_proxy", "HTTP_PROXY", "HTTPS_PROXY", "NO_PROXY"],
  "NODE_USE_SYSTEM_CA",
  ...CERTIFICATES,
];

/** Makes the inputs http-proxy and no-proxy the environment of this process, and of those that it starts. */
export function applyProxyInputs(env: NodeJS.ProcessEnv): void {
  const set = (value: string | undefined, ...names: string[]) => {
    if (value?.trim()) for (const name of names) env[name] = value.trim();
  };
  set(env["INPUT_HTTP-PROXY"], "http_proxy", "https_proxy", "HTTP_PROXY", "HTTPS_PROXY");
  set(env["INPUT_NO-PROXY"], "no_proxy", "NO_PROXY");
}

/** Starts a keeper process. Its start takes longer than anything else in main, so main begins with it. */
export function launchKeeper(): LaunchedKeeper {
  const { argv, env } = surroundings();
  const child = spawn(process.execPath, [...argv, bundlePath("keeper")], {
    // Not the workspace: Windows could not delete it while the keeper lives.
    cwd: path.dirname(process.execPath),
    // A separate session, without our pipes, for which the runner would wait (actions/runner,
    // src/Runner.Sdk/ProcessInvoker.cs).
    detached: true,
    stdio: ["ignore", "ignore", "ignore", "ipc"],
    windowsHide: true,
    env,
  });
  return new LaunchedKeeper(child);
}

/** Options and environment of the keeper, and of what main tries on its behalf. */
export function surroundings(): { argv: string[]; env: NodeJS.ProcessEnv } {
  return { argv: options(), env: environment() };
}

function options(): string[] {
  // Of NODE_OPTIONS only what decides which certificates are trusted.
  const trust = (process.env.NODE_OPTIONS ?? "")
    .split(/\s+/)
    .filter((option) => /^--use-(?:bundled|openssl|system)-ca$/.test(option));
  // No debugger before the keeper's first line, either (Node.js 22.14 and later).
  const closed = process.allowedNodeEnvironmentFlags.has("--disable-sigusr1") ? ["--disable-sigusr1"] : [];
  // One thread beside the main one is enough, and starts sooner: 50 ms to the first request instead of 63
  // (102 with --lite-mode, which would save 2 MB; medians of 20 runs).
  return ["--v8-pool-size=1", ...closed, ...trust];
}

function environment(): NodeJS.ProcessEnv {
  const env: NodeJS.ProcessEnv = {};
  for (const name of ENVIRONMENT) {
    const value = process.env[name];
    if (value !== undefined) env[name] = value;
  }
  // The keeper works in another directory.
  for (const name of CERTIFICATES) if (env[name]) env[name] = path.resolve(env[name]);
  return env;
}

/** A keeper that waits for instructions. One that gets none ends by itself when main does. */
export class LaunchedKeeper {
  readonly #child: ChildProcess;
  /** Rejects when the process ends or cannot be started. */
  readonly #ended: Promise<never>;
  #handedOver = false;

  constructor(child: ChildProcess) {
    this.#child = child;
    this.#ended = new Promise<never>((_, reject) => {
      child.once("error", reject);
      child.once("exit", (code, signal) => reject(new Error(`it ended (${signal ?? `exit code ${code}`})`)));
    });
    this.#ended.catch(() => {}); // #converse reports it
  }

  /**
   * Lets the keeper ask for the first ID token, in the environment in which it will ask for all others.
   * Throws a RequestError if there is none, and a UserError if the keeper did not start.
   * @param onRetry is called with the reason before each repetition
   */
  async firstToken(ask: Ask, onRetry: (reason: string) => void): Promise<IdToken> {
    const reply = await this.#converse(ask, FIRST_TOKEN_TIMEOUT_MS, (reply) => {
      if ("retrying" in reply) onRetry(reply.retrying);
      return "first" in reply || "failure" in reply ? reply : undefined;
    });
    if ("failure" in reply) throw new RequestError(reply.failure);
    return reply.first;
  }

  /**
   * Hands over, and returns once the keeper watches over the token; it then lives on without this process.
   * Throws a UserError if it is not ready in 10 s, with no keeper left behind.
   */
  async watch(watch: Watch | WatchSession): Promise<void> {
    await this.#converse(watch, READY_TIMEOUT_MS, (reply) => ("ready" in reply ? true : undefined));
    this.#handedOver = true;
    this.#letGo();
  }

  /** Ends a keeper that has not taken over, and returns when it is gone. */
  async abandon(): Promise<void> {
    const { pid, exitCode, signalCode } = this.#child;
    if (this.#handedOver || pid === undefined || exitCode !== null || signalCode !== null) return;
    const gone = once(this.#child, "exit", { signal: AbortSignal.timeout(END_TIMEOUT_MS) });
    this.#child.kill("SIGKILL");
    await gone.catch(() => this.#letGo());
  }

  /** Or this process would wait for it. */
  #letGo(): void {
    if (this.#child.connected) this.#child.disconnect();
    this.#child.unref();
  }

  /** Sends a message and waits for the reply that `read` accepts. */
  async #converse<T>(
    message: Ask | Watch | WatchSession,
    timeoutMs: number,
    read: (reply: Reply) => T | undefined,
  ): Promise<T> {
    let timer: NodeJS.Timeout | undefined;
    let listen = (_: Reply) => {};
    const late = new Promise<never>((_, reject) => {
      timer = setTimeout(() => reject(new Error(`it did not reply in ${timeoutMs / 1000} s`)), timeoutMs);
    });
    const replied = new Promise<T>((resolve, reject) => {
      listen = (reply) => {
        const value = read(reply);
        if (value !== undefined) resolve(value);
      };
      this.#child.on("message", listen);
      this.#child.send(message, (error) => error && reject(error));
    });
    try {
      return await Promise.race([this.#ended, replied, late]);
    } catch (error) {
      await this.abandon();
      const why = `The process that keeps the token fresh did not start: ${errorText(error)}. Run the job again.`;
      throw new UserError("keeper-did-not-start", why, { cause: error });
    } finally {
      clearTimeout(timer);
      this.#child.off("message", listen);
    }
  }
}
