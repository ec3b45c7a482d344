import { setMaxListeners } from "node:events";
import { createServer, type IncomingMessage, type ServerResponse } from "node:http";
import { createServer as createTlsServer } from "node:https";
import type { Server } from "node:net";
import { createSecureContext, type SecureContext } from "node:tls";
import type { Authority } from "./certificates.ts";
import { Connections, listen, stop } from "./listening.ts";

/** What both clouds write down of every request. Never a token, never a key. */
export interface RequestRecord {
  /** Arrival, milliseconds since the epoch. */
  at: number;
  /** The Host header: which name the client asked. */
  host: string;
  /** Number of the TCP connection it came over, from 1: shows how many connections a client needed. */
  connection: number;
  method: string;
  path: string;
  /** HTTP status sent; undefined while nothing has been sent, and for ever when a fault sends none. */
  status: number | undefined;
  /** When all of the answer had been sent, milliseconds since the epoch. */
  answeredAt: number | undefined;
}

/** One request and its answer to be. */
export interface Exchange {
  request: IncomingMessage;
  response: ServerResponse;
  record: RequestRecord;
  /** Aborted when the cloud closes. */
  closing: AbortSignal;
  /** Ends the connection with a TCP reset. */
  reset(): void;
}

export type Handler = (exchange: Exchange) => Promise<void>;

/** Certificates to serve TLS with as well; `name` is for clients that do not name the host they want. */
export interface TlsOptions {
  authority: Authority;
  name: string;
}

/** A request body larger than this is cut off by closing the connection; STS takes far less. */
const MAX_BODY_BYTES = 1024 * 1024;

/**
 * One cloud's server on loopback: HTTP, and the same over TLS if wanted. It can refuse connections for a
 * while, and closes at once.
 */
export class CloudServer {
  readonly port: number;
  readonly tlsPort: number | undefined;
  readonly url: string;
  /** Answers requests; set by the cloud before anybody has the address. */
  handler: Handler | undefined;
  #listeners: { server: Server; port: number }[];
  #connections = new Connections();
  #closing = new AbortController();

  private constructor(
    plain: { server: Server; port: number },
    tls: { server: Server; port: number } | undefined,
  ) {
    this.port = plain.port;
    this.tlsPort = tls?.port;
    this.url = `http://127.0.0.1:${plain.port}`;
    this.#listeners = tls === undefined ? [plain] : [plain, tls];
    // Every answer that waits listens for it: at eleven, Node would warn of a leak.
    setMaxListeners(0, this.#closing.signal);
    for (const { server } of this.#listeners) {
      this.#connections.watch(server);
      server.on("request", (request: IncomingMessage, response: ServerResponse) =>
        this.#handle(request, response),
      );
    }
  }

  static async start(tls?: TlsOptions): Promise<CloudServer> {
    const open = async (server: Server) => ({ server, port: await listen(server) });
    return new CloudServer(await open(createServer()), tls && (await open(tlsServer(tls))));
  }

  /**
   * An outage as the network shows it: true drops every connection and refuses new ones, false listens on the
   * same ports again.
   */
  async refuse(refuse: boolean): Promise<void> {
    if (refuse) await this.#stop();
    else {
      for (const { server, port } of this.#listeners) if (!server.listening) await listen(server, port);
    }
  }

  async close(): Promise<void> {
    this.#closing.abort();
    await this.#stop();
  }

  #stop(): Promise<void> {
    return stop(
      this.#listeners.map(({ server }) => server),
      this.#connections,
    );
  }

  #handle(request: IncomingMessage, response: ServerResponse): void {
    const connection = this.#connections.under(request.socket);
    const record = {
      at: Date.now(),
      host: request.headers.host ?? "",
      connection: connection?.number ?? 0,
      method: request.method ?? "",
      path: (request.url ?? "").replace(/\?.*$/s, ""),
      status: undefined,
      answeredAt: undefined,
    };
    const closing = this.#closing.signal;
    this.handler?.({
      request,
      response,
      record,
      closing,
      reset: () => connection?.socket.resetAndDestroy(),
    }).catch((error: unknown) => {
      // Clients go away and clouds close; anything else is a bug here and must be seen.
      const expected = closing.aborted || request.socket.destroyed;
      response.destroy();
      if (!expected) throw error;
    });
  }
}

/** A TLS server that has a certificate for whatever name it is asked by. */
function tlsServer({ authority, name }: TlsOptions): Server {
  const contexts = new Map<string, SecureContext>();
  const context = (host: string): SecureContext => {
    const made = contexts.get(host) ?? createSecureContext(authority.issue(host));
    contexts.set(host, made);
    return made;
  };
  return createTlsServer({
    ...authority.issue(name),
    SNICallback: (host, done) => done(null, context(host)),
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

/** What both clouds are: a server with an address, an outage to be had, and an end. */
export class Cloud {
  /** The plain HTTP address on loopback, whether or not TLS is served too. */
  readonly url: string;
  /** Loopback ports, for a proxy's routes. */
  readonly ports: { plain: number; tls: number | undefined };
  readonly #server: CloudServer;

  constructor(server: CloudServer) {
    this.url = server.url;
    this.ports = { plain: server.port, tls: server.tlsPort };
    this.#server = server;
  }

  /** An outage as the network shows it: connections are dropped and refused until it is called with false. */
  refuseConnections(refuse: boolean): Promise<void> {
    return this.#server.refuse(refuse);
  }

  close(): Promise<void> {
    return this.#server.close();
  }
}
