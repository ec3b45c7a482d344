import * as fs from "node:fs";
import { requestIdToken } from "./base/id-token.ts";
import { RequestError } from "./base/network.ts";
import { retrying } from "./base/retry.ts";
import { keep } from "./keeper/keep.ts";
import type { Ask, Reply, Watch, WatchSession } from "./keeper/messages.ts";
import { sessionSource, tokenSource } from "./keeper/source.ts";

// The background process. It prints nothing, takes its instructions from main over IPC, and ends when the job
// does.
const REQUEST_TIMEOUT_MS = 10_000;

leaveNoCore();
// Without a listener Node.js opens its debugger on SIGUSR1, through which others could read the request
// token.
process.on("SIGUSR1", () => {});
process.once("disconnect", giveUp);
process.once("message", (message: Ask | WatchSession) => {
  if ("renewal" in message) watchSession(message);
  else void begin(message);
});

async function begin(ask: Ask): Promise<void> {
  try {
    const first = await retrying(
      () => requestIdToken(ask.endpoint, ask.audience, REQUEST_TIMEOUT_MS),
      ({ message }) => reply({ retrying: message }),
    );
    process.once("message", (watch: Watch) => {
      process.removeListener("disconnect", giveUp);
      const source = tokenSource(ask, first.clockOffsetMs ?? 0);
      void keep(source, watch, { kind: "token", ...first }, onReady);
    });
    reply({ first });
  } catch (error) {
    if (!(error instanceof RequestError)) throw error;
    reply({ failure: error.failure });
  }
}

function watchSession({ renewal, first, ...watch }: WatchSession): void {
  process.removeListener("disconnect", giveUp);
  const clockOffset = first.clockOffsetMs ?? 0;
  const source = sessionSource(renewal, first.keys, clockOffset);
  const remainingMs = first.keys.expiresAt - (Date.now() + clockOffset);
  const receivedAt = performance.now();
  void keep(source, watch, { kind: "session", ...first, remainingMs, receivedAt }, onReady);
}

function onReady(): void {
  reply({ ready: true }, () => process.disconnect());
}

function reply(message: Reply, onSent: () => void = () => {}): void {
  process.send?.(message, onSent);
}

/** Main ended before it handed over: there is nothing to keep. */
function giveUp(): void {
  process.exit(0);
}

/** A core dump would contain the request token. With this filter Linux leaves the memory out (core(5)). */
function leaveNoCore(): void {
  try {
    fs.writeFileSync("/proc/self/coredump_filter", "0", { flag: "r+" });
  } catch {
    // Not on Linux, or a kernel without core dumps.
  }
}
