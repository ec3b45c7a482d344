// A proxy that never answers, or answers with anything but what it should. Behind a proxy Node.js gives a request its
// socket only once the tunnel stands, so that neither destroy() nor a signal ends what hangs before.
import { execFile } from "node:child_process";
import type { Socket } from "node:net";
import path from "node:path";
import { pathToFileURL } from "node:url";
import { afterEach, describe, expect, test } from "@jest/globals";
import { RawServer } from "../../harness/machine/raw-server.ts";
import { NODE_KNOWS_PROXIES } from "../e2e-failures/failing.ts";

const MODULE = pathToFileURL(path.resolve("lib/src/base/id-token.js")).href;
const ASK = `
  const { requestIdToken } = await import(${JSON.stringify(MODULE)});
  await requestIdToken({ url: "https://tokens.invalid/", requestToken: "x" }, "a", 400).then(
    () => console.log("a token"),
    (error) => console.log(JSON.stringify(error.failure ?? String(error))),
  );`;

let proxy: RawServer | undefined;
afterEach(() => proxy?.close());

/** Asks for an ID token through the proxy in a process that must end by itself; what it printed. */
async function ask(answer: (socket: Socket) => void): Promise<unknown> {
  proxy = await RawServer.start(answer);
  const env = { PATH: process.env.PATH, HTTPS_PROXY: `http://127.0.0.1:${proxy.port}` };
  const printed = await new Promise<string>((resolve, reject) => {
    execFile(
      process.execPath,
      ["--input-type=module", "-e", ASK],
      // A process that does not end is killed, and the test fails.
      { env, timeout: 30_000, killSignal: "SIGKILL" },
      (error, stdout) => (error ? reject(error) : resolve(stdout)),
    );
  });
  expect(proxy.requests[0]?.head).toMatch(/^CONNECT tokens\.invalid:443 /);
  return JSON.parse(printed);
}

const OK = "HTTP/1.1 200 OK\r\n\r\n";
/** Sends a byte of `text` every 20 ms, again and again, for as long as the other side listens. */
const drip = (text: string) => (socket: Socket) => {
  let at = 0;
  const timer = setInterval(() => socket.write(text.charAt(at++ % text.length)), 20);
  socket.on("close", () => clearInterval(timer));
};

(NODE_KNOWS_PROXIES ? describe : describe.skip)(
  "through a proxy that hangs, a request ends by its own deadline",
  () => {
    test.each<[string, (socket: Socket) => void]>([
      ["CONNECT is never answered", () => {}],
      ["half a status line", (socket) => void socket.write("HTTP/1.1 2")],
      [
        "a status line without the end of the headers",
        (socket) => void socket.write("HTTP/1.1 200 OK\r\nA: b\r\n"),
      ],
      ["one byte at a time", drip("HTTP/1.1 200 OK\r\nA: b\r\n")],
      ["headers without end", drip("a")],
      ["200 and then silence", (socket) => void socket.write(OK)],
      [
        "200 and half a TLS record",
        (socket) => void socket.write(Buffer.concat([Buffer.from(OK), Buffer.from([22, 3, 3, 1, 0, 2])])),
      ],
    ])("%s", async (_, answer) => {
      await expect(ask(answer)).resolves.toMatchObject({ kind: "unreachable", code: "TIMEOUT" });
    });
  },
);

(NODE_KNOWS_PROXIES ? describe : describe.skip)(
  "through a proxy that answers nonsense, a request fails",
  () => {
    test.each<[string, (socket: Socket) => void]>([
      ["100 Continue and then silence", (socket) => void socket.write("HTTP/1.1 100 Continue\r\n\r\n")],
      ["hangs up", (socket) => void socket.end()],
      ["resets the connection", (socket) => void socket.resetAndDestroy()],
      ["407", (socket) => void socket.end("HTTP/1.1 407 Proxy Authentication Required\r\n\r\n")],
      [
        "502 with a page",
        (socket) => void socket.end("HTTP/1.1 502 Bad Gateway\r\nContent-Length: 4\r\n\r\npage"),
      ],
      [
        "a redirect",
        (socket) => void socket.end("HTTP/1.1 302 Found\r\nLocation: http://127.0.0.1/\r\n\r\n"),
      ],
      ["no HTTP at all", (socket) => void socket.end("220 mail.invalid ESMTP\r\n\r\n")],
      [
        "200 and plain HTTP instead of TLS",
        (socket) => void socket.end(`${OK}HTTP/1.1 200 OK\r\n\r\n{"value":"x"}`),
      ],
    ])("%s", async (_, answer) => {
      await expect(ask(answer)).resolves.toMatchObject({
        kind: expect.stringMatching(/^(?:unreachable|proxy|not-tls)$/),
      });
    });
  },
);
