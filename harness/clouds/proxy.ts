import {
  createServer,
  request as forward,
  type IncomingMessage,
  type Server,
  type ServerResponse,
} from "node:http";
import { connect, type Socket } from "node:net";
import { Connections, listen, stop } from "./listening.ts";

/** What the proxy was asked for. */
export interface ProxyRecord {
  /** Arrival, milliseconds since the epoch. */
  at: number;
  /** CONNECT, or the method of a request to be forwarded in plain HTTP. */
  method: string;
  /** Name or address as the client wrote it. */
  host: string;
  port: number;
  /** 200 for a tunnel, 403 for a host that is not routed, 407 without the right password, 502 when nobody listens there, 400 for what
   * is no proxy request; of a forwarded request, the host's own status. */
  status: number;
}

export interface ProxyOptions {
  /** The loopback port that stands for a host and its port; undefined is refused. */
  route: (host: string, port: number) => number | undefined;
  /** Who may use it; everybody unless given. */
  user?: { name: string; password: string };
}

export interface Proxy {
  /** With the user's name and password in it, if it wants them. */
  url: string;
  requests: ProxyRecord[];
  /** Ends at once, tunnels and all. */
  close(): Promise<void>;
}

/** An HTTP proxy on loopback for the hosts that are routed: tunnels by CONNECT, and plain HTTP forwarding. */
export async function startProxy({ route, user }: ProxyOptions): Promise<Proxy> {
  const requests: ProxyRecord[] = [];
  const connections = new Connections();
  const server: Server = createServer();
  connections.watch(server);

  /** Records the request and finds where it goes; without a target, the record holds the reason. */
  const admit = (
    request: IncomingMessage,
    host: string,
    port: number,
  ): { record: ProxyRecord; target: number | undefined } => {
    const target = route(host, port);
    const status = isAllowed(request, user) ? (target === undefined ? 403 : 200) : 407;
    const record = { at: Date.now(), method: request.method ?? "", host, port, status };
    requests.push(record);
    return { record, target: status === 200 ? target : undefined };
  };

  server.on("connect", (request: IncomingMessage, client: Socket, head: Buffer) => {
    const [, host = "", port = ""] = /^\[?([^\]]*?)\]?:(\d+)$/.exec(request.url ?? "") ?? [];
    const { record, target } = admit(request, host, Number(port));
    client.on("error", () => client.destroy());
    if (target === undefined) {
      client.end(refusal(record.status));
      return;
    }
    let isOpen = false;
    const upstream = connect(target, "127.0.0.1", () => {
      isOpen = true;
      connections.add(upstream);
      client.write("HTTP/1.1 200 Connection established\r\n\r\n");
      upstream.write(head);
      upstream.pipe(client).pipe(upstream);
    });
    upstream.on("error", () => {
      if (isOpen) {
        // libuv refuses to reset a socket that is shutting down, and Node then never closes it: the process
        // would spin at its exit.
        if (client.writableEnded) client.destroy();
        else client.resetAndDestroy();
        return;
      }
      record.status = 502;
      client.end(refusal(502));
    });
    client.on("close", () => upstream.destroy());
    upstream.on("close", () => client.destroySoon());
  });

  server.on("request", (request: IncomingMessage, response: ServerResponse) => {
    const url = URL.canParse(request.url ?? "") ? new URL(request.url ?? "") : undefined;
    const { record, target } = admit(
      request,
      url?.hostname ?? request.headers.host ?? "",
      Number(url?.port || 80),
    );
    const refuse = (status: number) => {
      record.status = status;
      response.writeHead(status, status === 407 ? { "proxy-authenticate": CHALLENGE } : {}).end();
    };
    if (target === undefined || url === undefined) {
      refuse(url === undefined ? 400 : record.status);
      return;
    }
    const { "proxy-authorization": _password, "proxy-connection": _connection, ...headers } = request.headers;
    const outgoing = forward({
      port: target,
      host: "127.0.0.1",
      method: request.method,
      path: url.pathname + url.search,
      headers,
      agent: false,
    });
    outgoing.on("response", (answer) => {
      record.status = answer.statusCode ?? 0;
      response.writeHead(record.status, answer.headers);
      answer.pipe(response);
      answer.on("error", () => response.destroy());
    });
    outgoing.on("socket", (socket) => socket.once("connect", () => connections.add(socket)));
    outgoing.on("error", () => (response.headersSent ? response.destroy() : refuse(502)));
    response.on("close", () => outgoing.destroy());
    request.pipe(outgoing);
  });

  const port = await listen(server);
  const credentials =
    user === undefined ? "" : `${encodeURIComponent(user.name)}:${encodeURIComponent(user.password)}@`;
  return {
    url: `http://${credentials}127.0.0.1:${port}`,
    requests,
    close: () => stop([server], connections),
  };
}

const CHALLENGE = 'Basic realm="clouds"';
const REASONS: Record<number, string> = {
  403: "Forbidden",
  407: "Proxy Authentication Required",
  502: "Bad Gateway",
};

function refusal(status: number): string {
  const challenge = status === 407 ? `Proxy-Authenticate: ${CHALLENGE}\r\n` : "";
  return `HTTP/1.1 ${status} ${REASONS[status]}\r\n${challenge}Content-Length: 0\r\nConnection: close\r\n\r\n`;
}

function isAllowed(request: IncomingMessage, user: ProxyOptions["user"]): boolean {
  if (user === undefined) return true;
  const [scheme = "", value = ""] = (request.headers["proxy-authorization"] ?? "").split(" ");
  return (
    scheme.toLowerCase() === "basic" &&
    Buffer.from(value, "base64").toString() === `${user.name}:${user.password}`
  );
}
