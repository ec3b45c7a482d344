import type { AddressInfo } from "node:net";
import { connect, createServer, type Server, type Socket } from "node:net";

/** A relay to a port on loopback that is as far away as `rttMs` says. */
export interface Distance {
  port: number;
  rttMs: number;
  /** How many connections it has taken, and how many of them are open. */
  taken: number;
  open: number;
  /** When the latest was made, milliseconds since the epoch. */
  connectedAt: number;
  close(): Promise<void>;
}

/**
 * Holds back the bytes of each direction for half a round trip, and those of a new connection's client for one
 * more, which stands for TCP's own handshake: over loopback that takes no time.
 */
export async function startDistance(targetPort: number, rttMs: number): Promise<Distance> {
  const sockets = new Set<Socket>();
  const distance = { rttMs, taken: 0, open: 0, connectedAt: Number.NaN };
  const server: Server = createServer({ noDelay: true }, (client) => {
    distance.taken++;
    distance.open++;
    distance.connectedAt = Date.now();
    client.on("close", () => distance.open--);
    const target = connect({ port: targetPort, host: "127.0.0.1", noDelay: true });
    pipe(client, target, distance.rttMs * 1.5, distance.rttMs / 2);
    pipe(target, client, distance.rttMs / 2, distance.rttMs / 2);
    for (const socket of [client, target]) {
      sockets.add(socket);
      socket.on("close", () => sockets.delete(socket)).on("error", () => socket.destroy());
    }
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  return Object.assign(distance, {
    port: (server.address() as AddressInfo).port,
    close: () =>
      new Promise<void>((resolve) => {
        for (const socket of sockets) socket.destroy();
        server.close(() => resolve());
      }),
  });
}

/** What arrives first waits until `firstMs` after the connection; everything keeps its order. */
function pipe(from: Socket, to: Socket, firstMs: number, laterMs: number): void {
  const opened = performance.now();
  const later = (action: () => void) =>
    setTimeout(action, Math.max(laterMs, opened + firstMs - performance.now())).unref();
  from.on("data", (chunk) => later(() => to.write(chunk)));
  from.on("end", () => later(() => to.end()));
}
