import * as https from "node:https";
import { isIP } from "node:net";
import type { Duplex } from "node:stream";

type Options = Parameters<https.Agent["createConnection"]>[0];
type Callback = Parameters<https.Agent["createConnection"]>[1];

/**
 * Opens its first connection before there is a request for it: TCP and TLS then cost no time of their own.
 * The certificate is verified as for any other connection of the agent.
 */
export class EarlyAgent extends https.Agent {
  #early: { socket: Duplex; host: string; port: number } | undefined;

  /** A failure shows when a request is made, which then opens a connection itself. */
  open({ hostname: host, port: given }: URL): void {
    const port = Number(given || 443);
    const socket = super.createConnection({ host, port, servername: isIP(host) ? "" : host } as Options);
    if (!socket) return;
    this.#early = { socket, host, port };
    socket.on("error", () => this.close()).on("close", () => this.close());
  }

  /** Closes what no request has used. */
  close(): void {
    const { socket } = this.#early ?? {};
    this.#early = undefined;
    socket?.destroy();
  }

  override createConnection(options: Options, callback?: Callback): Duplex | null | undefined {
    const early = this.#early;
    if (!early || options.host !== early.host || Number(options.port) !== early.port)
      return super.createConnection(options, callback);
    this.#early = undefined;
    return early.socket;
  }
}
