import { createServer, type IncomingMessage, type ServerResponse } from "node:http";
import type { AddressInfo, Server, Socket } from "node:net";

/** What both clouds write down of every request. Never a token, never a key. */
export interface RequestRecord {
  /** Arrival, milliseconds since the epoch. */
  at: number;
  /** The Host header: which name the client asked. */
  host: string;
  /** Number of the TCP connection it came over, counted from 1: tells how many connections a client needed. */
  connection: number;
  method: string;
  path: string;
  /** HTTP status sent; undefined while nothing has been sent, and for ever when a fault sends none. */
  status: number | undefined;
}

export type Handler = (request: IncomingMessage, response: ServerResponse, closing: AbortSignal) => Promise<void>;

/** A request body larger than this is cut off by closing the connection; STS takes far less. */
const MAX_BODY_BYTES = 1024 * 1024;

/** One HTTP server on a free loopback port that can refuse connections for a while and stops at once whatever is in flight. */
export class CloudServer {
  readonly port: number;
  readonly url: string;
  /** Answers requests; set by the cloud before it tells anybody the address. */
  handler: Handler | undefined;
  #server: Server;
  #sockets = new Map<Socket, number>();
  #connections = 0;
  #closing = new AbortController();

  private constructor(server: Server) {
    this.port = (server.address() as AddressInfo).port;
    this.url = `http://127.0.0.1:${this.port}`;
    this.#server = server;
    server.on("connection", (socket: Socket) => {
      this.#sockets.set(socket, ++this.#connections);
      socket.on("close", () => this.#sockets.delete(socket));
    });
    server.on("request", (request: IncomingMessage, response: ServerResponse) => this.#handle(request, response));
  }

  static async start(): Promise<CloudServer> {
    const server = createServer();
    await listen(server, 0);
    return new CloudServer(server);
  }

  /** The record of a request that has just arrived. */
  record(request: IncomingMessage): RequestRecord {
    return {
      at: Date.now(),
      host: request.headers.host ?? "",
      connection: this.#sockets.get(request.socket) ?? 0,
      method: request.method ?? "",
      path: (request.url ?? "").replace(/\?.*$/s, ""),
      status: undefined,
    };
  }

  /** An outage as the network shows it: true drops every connection and refuses new ones, false listens on the same port again. */
  async refuse(refuse: boolean): Promise<void> {
    if (refuse === !this.#server.listening) return;
    if (refuse) await this.#stop();
    else await listen(this.#server, this.port);
  }

  async close(): Promise<void> {
    this.#closing.abort();
    if (this.#server.listening) await this.#stop();
  }

  #handle(request: IncomingMessage, response: ServerResponse): void {
    this.handler?.(request, response, this.#closing.signal).catch((error: unknown) => {
      // A client that went away and a cloud that closes are ordinary; anything else is a bug here and must be seen.
      const expected = this.#closing.signal.aborted || request.socket.destroyed;
      response.destroy();
      if (!expected) throw error;
    });
  }

  async #stop(): Promise<void> {
    const closed = new Promise((resolve) => this.#server.once("close", resolve));
    this.#server.close();
    for (const socket of this.#sockets.keys()) socket.destroy();
    await closed;
  }
}

function listen(server: Server, port: number): Promise<void> {
  return new Promise((resolve, reject) => {
    server.once("error", reject);
    server.listen(port, "127.0.0.1", () => {
      server.off("error", reject);
      resolve();
    });
  });
}

export async function readBody(request: IncomingMessage): Promise<Buffer> {
  const chunks: Buffer[] = [];
  let size = 0;
  for await (const chunk of request as AsyncIterable<Buffer>) {
    size += chunk.length;
    if (size > MAX_BODY_BYTES) {
      request.destroy();
      throw new Error(`request body larger than ${MAX_BODY_BYTES} bytes`);
    }
    chunks.push(chunk);
  }
  return Buffer.concat(chunks);
}
