/** An ID token endpoint at the level of bytes: for answers that no HTTP library would send. */
import { type AddressInfo, createServer, type Server, type Socket } from "node:net";

export interface RawRequest {
  /** The request's first line and headers. */
  head: string;
}

/** A JWT by its looks; nobody here verifies it. */
export function unsignedToken(claims: object): string {
  return ['{"alg":"RS256"}', JSON.stringify(claims), "signature"]
    .map((part) => Buffer.from(part).toString("base64url"))
    .join(".");
}

/** An ordinary answer with a token. */
export function answerWith(token: string, headers = ""): string {
  const body = JSON.stringify({ value: token });
  const date = /^date:/im.test(headers) ? "" : `Date: ${new Date().toUTCString()}\r\n`;
  return `HTTP/1.1 200 OK\r\nContent-Type: application/json\r\n${date}${headers}Content-Length: ${Buffer.byteLength(body)}\r\nConnection: close\r\n\r\n${body}`;
}

export class RawServer {
  readonly requests: RawRequest[] = [];
  readonly port: number;
  readonly #server: Server;
  readonly #sockets = new Set<Socket>();

  private constructor(server: Server) {
    this.#server = server;
    this.port = (server.address() as AddressInfo).port;
  }

  /** Calls `answer` with the connection of every request, once its head is there. */
  static async start(answer: (socket: Socket) => void): Promise<RawServer> {
    const server = createServer();
    await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
    const raw = new RawServer(server);
    server.on("connection", (socket) => raw.#take(socket, answer));
    return raw;
  }

  get url(): string {
    return `http://127.0.0.1:${this.port}/idtoken?api-version=2.0`;
  }

  close(): void {
    this.#server.close();
    for (const socket of this.#sockets) socket.destroy();
  }

  #take(socket: Socket, answer: (socket: Socket) => void): void {
    this.#sockets.add(socket);
    socket.on("close", () => this.#sockets.delete(socket));
    // Whoever is sent nonsense hangs up.
    socket.on("error", () => {});
    let head = "";
    const take = (chunk: Buffer) => {
      head += chunk.toString("latin1");
      if (!head.includes("\r\n\r\n")) return;
      socket.off("data", take);
      socket.resume();
      this.requests.push({ head });
      answer(socket);
    };
    socket.on("data", take);
  }
}
