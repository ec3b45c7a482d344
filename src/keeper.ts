import * as fs from "node:fs";
import { requestIdToken } from "./base/id-token.ts";
import { keeperDirectoryAt } from "./base/layout.ts";
import { RequestError } from "./base/network.ts";
import { isRunning } from "./base/process.ts";
import { retrying } from "./base/retry.ts";
import { readKeys } from "./base/session.ts";
import { keep, type Place } from "./keeper/keep.ts";
import type { Ask, Reply, Watch, WatchSession } from "./keeper/messages.ts";
import { readStatus } from "./keeper/record.ts";
import { sessionSource, tokenSource } from "./keeper/source.ts";
import { beginStatus, reviveStatus } from "./keeper/status.ts";

// The background process. It prints nothing, takes its instructions from main over IPC, and ends when the job
// does.
const REQUEST_TIMEOUT_MS = 10_000;

// Neither "pkill node" nor "pkill -f node" means this process.
process.title = "aws-role-refresh";
leaveNoCore();
dieLast();
// Without a listener Node.js opens its debugger on SIGUSR1, through which others could read the request
// token.
process.on("SIGUSR1", () => {});
if (process.argv[2] === "again") goOn();
else {
  process.once("disconnect", giveUp);
  process.once("message", (message: Ask | WatchSession) => {
    if ("renewal" in message) watchSession(message);
    else void begin(message);
  });
}

async function begin(ask: Ask): Promise<void> {
  try {
    const first = await retrying(
      () => requestIdToken(ask.endpoint, ask.audience, REQUEST_TIMEOUT_MS),
      ({ message }) => reply({ retrying: message }),
    );
    process.once("message", ({ directory, worker, dead }: Watch) => {
      process.removeListener("disconnect", giveUp);
      const source = tokenSource(ask, first.clockOffsetMs ?? 0);
      const status = beginStatus(first, Date.now() - (performance.now() - first.receivedAt), dead);
      void keep({ kind: "token", source, worker, directory, orders: { ask } }, first, status, onReady);
    });
    reply({ first });
  } catch (error) {
    if (!(error instanceof RequestError)) throw error;
    reply({ failure: error.failure });
  }
}

function watchSession({ renewal, first, directory, worker, dead }: WatchSession): void {
  process.removeListener("disconnect", giveUp);
  const { keys, lifetimeMs, clockOffsetMs } = first;
  const clockOffset = clockOffsetMs ?? 0;
  const remainingMs = keys.expiresAt - (Date.now() + clockOffset);
  const fresh = { lifetimeMs, remainingMs, clockOffsetMs, receivedAt: performance.now() };
  const source = sessionSource(renewal, keys, clockOffset);
  const status = beginStatus(fresh, Date.now(), dead);
  const task = { kind: "session", source, worker, directory, orders: { renewal } } as const;
  void keep(task, fresh, status, onReady);
}

function onReady(): void {
  reply({ ready: true }, () => {
    // On Windows main may have done it by now, and to do it twice is an error, which would end this process.
    if (process.connected) process.disconnect();
  });
}

/** What keep() hands on. */
type Again = { worker: Watch["worker"]; place: Place } & ({ ask: Ask } | Pick<WatchSession, "renewal">);

/** In the place of a keeper that was killed (keeper/watcher.ts), in its directory, whatever that is called now. */
function goOn(): void {
  delete process.env.KEEPER_COMMAND;
  const { worker, place, ...orders } = JSON.parse(fs.readFileSync(0, "utf8")) as Again;
  const kind = "renewal" in orders ? "session" : "token";
  const directory = keeperDirectoryAt(".", kind);
  const dead = readStatus(directory);
  // Ended by itself, or a later use has started another. Without a status there is nothing to go on with.
  if (dead === undefined || dead.ended || isRunning(dead)) return;
  const { lifetimeMs, tokenReceivedAt, tokenExpiresAt, clockOffsetMs } = dead;
  const remainingMs = tokenExpiresAt - tokenReceivedAt;
  const receivedAt = performance.now() - (Date.now() - tokenReceivedAt);
  const clockOffset = clockOffsetMs ?? 0;
  const source =
    "renewal" in orders
      ? sessionSource(orders.renewal, readKeys(directory.secret), clockOffset)
      : tokenSource(orders.ask, clockOffset);
  const task = { kind, source, worker, directory: place, orders } as const;
  void keep(task, { lifetimeMs, remainingMs, clockOffsetMs, receivedAt }, reviveStatus(dead), () => {});
}

function reply(message: Reply, onSent: () => void = () => {}): void {
  process.send?.(message, onSent);
}

/** Main ended before it handed over: there is nothing to keep. */
function giveUp(): void {
  process.exit(0);
}

/**
 * The runner gives steps an oom_score_adj of 500 (actions/runner, src/Runner.Sdk/ProcessInvoker.cs), so that
 * the kernel ends them first. A process may go back to what its privileged parent had.
 */
function dieLast(): void {
  try {
    fs.writeFileSync("/proc/self/oom_score_adj", "0", { flag: "r+" });
  } catch {
    // Not on Linux, or not allowed.
  }
}

/** A core dump would contain the request token. With this filter Linux leaves the memory out (core(5)). */
function leaveNoCore(): void {
  try {
    fs.writeFileSync("/proc/self/coredump_filter", "0", { flag: "r+" });
  } catch {
    // Not on Linux, or a kernel without core dumps.
  }
}
