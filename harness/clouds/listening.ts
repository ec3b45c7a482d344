import type { AddressInfo, Server, Socket } from "node:net";

/**
 * The TCP connections of one or more servers: numbered as they come, and all destroyed at once when it must
 * end promptly.
 */
export class Connections {
  #open = new Map<string, { socket: Socket; number: number }>();
  #count = 0;

  watch(server: Server): void {
    server.on("connection", (socket: Socket) => this.add(socket));
  }

  add(socket: Socket): void {
    const key = ends(socket);
    this.#open.set(key, { socket, number: ++this.#count });
    socket.on("close", () => this.#open.delete(key));
  }

  /** The TCP connection under a socket, which may be the TLS layer above it. */
  under(socket: Socket): { socket: Socket; number: number } | undefined {
    return this.#open.get(ends(socket));
  }

  destroy(): void {
    for (const { socket } of this.#open.values()) socket.destroy();
  }
}

function ends(socket: Socket): string {
  return `${socket.localPort}-${socket.remotePort}`;
}

/** Listens on loopback, on a free port unless one is named. Returns the port. */
export function listen(server: Server, port = 0): Promise<number> {
  return new Promise((resolve, reject) => {
    server.once("error", reject);
    server.listen(port, "127.0.0.1", () => {
      server.off("error", reject);
      resolve((server.address() as AddressInfo).port);
    });
  });
}

/** Stops listening and drops every connection, whatever is in flight. */
export async function stop(servers: Server[], connections: Connections): Promise<void> {
  const closed = servers
    .filter((server) => server.listening)
    .map((server) => new Promise((resolve) => server.close(resolve)));
  connections.destroy();
  await Promise.all(closed);
}
