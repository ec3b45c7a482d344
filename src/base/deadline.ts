import { AsyncLocalStorage } from "node:async_hooks";
import diagnostics from "node:diagnostics_channel";
import type { Socket } from "node:net";
import { RequestError } from "./network.ts";

/** The sockets that the request of this asynchronous context opened. */
const context = new AsyncLocalStorage<Set<Socket>>();

/**
 * Bounds a request, without relying on the library that makes it. Behind a proxy, Node.js gives a request its
 * socket only once the tunnel is open; until then neither `destroy()` nor a signal ends it. So this function
 * rejects by itself and destroys the raw sockets, which the channel `net.client.socket` names
 * (https://nodejs.org/api/diagnostics_channel.html#net).
 * @param host for the message
 * @param timeoutMs from now to the last byte of the answer, in milliseconds
 * @param end ends the request early
 * @throws RequestError of kind "unreachable" when the time is up (code TIMEOUT) or `end` aborts (code
 * ABORTED)
 */
export function withDeadline<T>(
  host: () => string,
  timeoutMs: number,
  request: (signal: AbortSignal) => Promise<T>,
  end?: AbortSignal,
): Promise<T> {
  const opened = new Set<Socket>();
  const remember = (message: unknown) => {
    if (context.getStore() === opened) opened.add((message as { socket: Socket }).socket);
  };
  const over = new AbortController();
  return new Promise<T>((resolve, reject) => {
    // After any outcome: a tunnel that the proxy refuses may stay open, and the process with it.
    const finish = () => {
      for (const socket of opened) socket.destroy();
      clearTimeout(timer);
      end?.removeEventListener("abort", onEnd);
      diagnostics.unsubscribe("net.client.socket", remember);
    };
    const giveUp = (code: string, message: string) => {
      reject(new RequestError({ kind: "unreachable", code, message }));
      over.abort();
      finish();
    };
    const late = () => giveUp("TIMEOUT", `${host()} did not answer within ${Math.round(timeoutMs)} ms`);
    const timer = setTimeout(late, timeoutMs);
    const onEnd = () => giveUp("ABORTED", `the request to ${host()} was cancelled`);
    end?.addEventListener("abort", onEnd);
    diagnostics.subscribe("net.client.socket", remember);
    context
      .run(opened, () => request(over.signal))
      .then(resolve, reject)
      .finally(finish);
    if (end?.aborted) onEnd();
  });
}
