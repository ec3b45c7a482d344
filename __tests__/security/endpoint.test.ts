// The ID token endpoint is told by the environment, so it may be anybody. It can refuse tokens; it cannot
// make the keeper hang, spin, grow, storm it, leave the job without its old token, or carry the request token
// to another host.
import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import type { Socket } from "node:net";
import os from "node:os";
import path from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { beforeAll, describe, expect, test } from "@jest/globals";
import { runAlone } from "../../harness/machine/alone.ts";
import { AUDIENCE, type Keeper, startKeeper } from "../../harness/machine/keeper.ts";
import { answerWith, RawServer, unsignedToken } from "../../harness/machine/raw-server.ts";
import { INPUTS } from "../../harness/machine/stage.ts";
import { together } from "../../harness/machine/together.ts";
import { waitFor } from "../../harness/wait.ts";

const LIFE_MS = 6_000;
const HOSTILE_MS = LIFE_MS / 4;
const HEAD = "HTTP/1.1 200 OK\r\nContent-Type: application/json\r\n";
const REQUEST_TOKEN = "a-request-token";

function claims(changes: object = {}): object {
  const now = Date.now() / 1000;
  return { aud: AUDIENCE, iat: now, exp: now + LIFE_MS / 1000, ...changes };
}

/** Writes `start`, then `chunk` as fast as it is taken, for as long as the connection lives. */
function flood(socket: Socket, start: string, chunk: string): void {
  socket.write(start);
  const more = () => {
    while (!socket.destroyed && socket.write(chunk));
    if (!socket.destroyed) socket.once("drain", more);
  };
  more();
}

interface Case {
  name: string;
  answer: (socket: Socket) => void;
  said?: RegExp;
}

const ANSWERS: Case[] = [
  {
    name: "101 Switching Protocols",
    answer: (socket) =>
      socket.end("HTTP/1.1 101 Switching Protocols\r\nUpgrade: x\r\nConnection: upgrade\r\n\r\n"),
  },
  {
    name: "101 and the connection stays",
    answer: (socket) =>
      socket.write("HTTP/1.1 101 Switching Protocols\r\nUpgrade: x\r\nConnection: upgrade\r\n\r\n"),
  },
  {
    name: "100 Continue without end",
    answer: (socket) => flood(socket, "", "HTTP/1.1 100 Continue\r\n\r\n".repeat(50)),
  },
  { name: "headers without end", answer: (socket) => flood(socket, HEAD, `X-${"a".repeat(500)}: b\r\n`) },
  { name: "a header of 1 MB", answer: (socket) => socket.write(`${HEAD}X: ${"a".repeat(1 << 20)}\r\n\r\n`) },
  {
    name: "a body without end",
    answer: (socket) => flood(socket, `${HEAD}\r\n`, " ".repeat(4096)),
    said: /larger than/,
  },
  {
    name: "chunks without end",
    answer: (socket) => flood(socket, `${HEAD}Transfer-Encoding: chunked\r\n\r\n`, "1\r\n \r\n".repeat(500)),
    said: /more than 1024 pieces|did not answer within/,
  },
  {
    name: "chunks that are none",
    answer: (socket) => socket.end(`${HEAD}Transfer-Encoding: chunked\r\n\r\nzzz\r\n`),
  },
  {
    name: "a Content-Length that is too long",
    answer: (socket) => socket.write(`${HEAD}Content-Length: 999\r\n\r\n{}`),
  },
  {
    name: "two Content-Lengths",
    answer: (socket) => socket.end(`${HEAD}Content-Length: 2\r\nContent-Length: 3\r\n\r\n{}`),
  },
  { name: "the end of the connection instead of an answer", answer: (socket) => socket.end() },
  {
    name: "the end of the connection after the headers",
    answer: (socket) => socket.end(`${HEAD}Content-Length: 99\r\n\r\n`),
  },
  { name: "no HTTP", answer: (socket) => socket.end("SSH-2.0-OpenSSH_9.2\r\n") },
  { name: "TLS", answer: (socket) => socket.end(Buffer.from("16030100020a0a", "hex")) },
  {
    name: "deeply nested JSON",
    answer: (socket) => socket.end(`${HEAD}Connection: close\r\n\r\n${"[".repeat(60_000)}`),
  },
  {
    name: "JSON for a prototype",
    answer: (socket) =>
      socket.end(`${HEAD}Connection: close\r\n\r\n{"__proto__":{"value":"${unsignedToken(claims())}"}}`),
  },
  {
    name: "a Date in 1970",
    answer: (socket) =>
      socket.end(answerWith(unsignedToken(claims()), "Date: Thu, 01 Jan 1970 00:00:01 GMT\r\n")),
    said: /from the future/,
  },
  {
    name: "a Date in 2100",
    answer: (socket) =>
      socket.end(answerWith(unsignedToken(claims()), "Date: Fri, 01 Jan 2100 00:00:01 GMT\r\n")),
    said: /expired already/,
  },
  {
    name: "exp beyond all dates",
    answer: (socket) => socket.end(answerWith(unsignedToken(claims({ exp: 1e306 })))),
  },
  {
    name: "exp before iat",
    answer: (socket) =>
      socket.end(
        answerWith(unsignedToken(claims({ iat: Date.now() / 1000 + 50, exp: Date.now() / 1000 + 10 }))),
      ),
  },
  {
    name: "a token with a line break in it",
    answer: (socket) => socket.end(answerWith(`${unsignedToken(claims())}\n[default]`)),
  },
];

/** What Linux says of a process: seconds of CPU, and the most memory it ever had. */
function consumption(pid: number): { cpuSeconds: number; peakMb: number } {
  const [user, system] =
    readFileSync(`/proc/${pid}/stat`, "utf8").split(") ")[1]?.split(" ").slice(11, 13) ?? [];
  const peak = /^VmHWM:\s+(\d+)/m.exec(readFileSync(`/proc/${pid}/status`, "utf8"))?.[1];
  return { cpuSeconds: (Number(user) + Number(system)) / 100, peakMb: Number(peak) / 1024 };
}

function keeperOf(server: RawServer): Promise<Keeper> {
  return startKeeper({ endpoint: { url: server.url, requestToken: REQUEST_TOKEN } });
}

/** A server that answers its first request well, which is the one that main waits for, and then as given. */
function startServer(lifeMs: number, answer: (socket: Socket) => void): Promise<RawServer> {
  let count = 0;
  return RawServer.start((socket) => {
    if (count++ > 0) answer(socket);
    else socket.end(answerWith(unsignedToken(claims({ exp: (Date.now() + lifeMs) / 1000 }))));
  });
}

describe("hostile answers for a while, then a good one", () => {
  async function endure({ answer }: Case) {
    let hostileUntil = Number.POSITIVE_INFINITY;
    const server = await startServer(LIFE_MS, (socket) => {
      if (hostileUntil === Number.POSITIVE_INFINITY) hostileUntil = performance.now() + HOSTILE_MS;
      if (performance.now() < hostileUntil) answer(socket);
      else socket.end(answerWith(unsignedToken(claims())));
    });
    const keeper = await keeperOf(server);
    const first = readFileSync(keeper.directory.secret, "utf8");
    try {
      const status = await keeper.until("a good token", ({ refreshes }) => refreshes > 0);
      const late = performance.now() - hostileUntil;
      const used = consumption(keeper.pid);
      return {
        status,
        late,
        requests: server.requests.length,
        changed: readFileSync(keeper.directory.secret, "utf8") !== first,
        used,
        said: keeper.output,
      };
    } finally {
      await keeper.close();
      server.close();
    }
  }

  let outcome: (one: Case) => ReturnType<typeof endure>;
  beforeAll(() => {
    // In turns of a few: what counts is what each of them costs.
    let turn: Promise<unknown> = Promise.resolve();
    const lanes = [turn, turn, turn, turn, turn];
    outcome = together(ANSWERS, (one) => {
      const lane = ANSWERS.indexOf(one) % lanes.length;
      const run = (lanes[lane] as Promise<unknown>).then(() => endure(one));
      lanes[lane] = turn = run.catch(() => {});
      return run;
    });
  });

  test.each(ANSWERS)(
    "$name",
    async (one) => {
      const { status, late, requests, changed, used, said } = await outcome(one);
      expect(status.failures).toBeGreaterThan(0);
      if (one.said) expect(status.outages[0]?.lastError).toMatch(one.said);
      expect(status.outages).toHaveLength(1);
      // Fresh again within a retry, which is a tenth of a life, and the time that one request may take, a
      // sixth.
      expect(late).toBeLessThan(LIFE_MS / 10 + LIFE_MS / 6 + 2_000);
      expect(changed).toBe(true);
      expect(requests).toBeLessThan(60);
      expect(used.cpuSeconds).toBeLessThan(3);
      expect(used.peakMb).toBeLessThan(250);
      expect(said).toBe("");
      expect(JSON.stringify(status)).not.toContain(REQUEST_TOKEN);
    },
    90_000,
  );
});

describe("tokens of a life that is none: the keeper neither spins nor storms", () => {
  const LIVES = [
    { name: "a thousandth of a second", seconds: 0.001 },
    { name: "a year", seconds: 31_536_000 },
    { name: "until the end of all dates", seconds: 8e12 },
  ];
  async function live({ seconds }: { seconds: number }) {
    // Dates are in whole seconds: an exp in the very second of the answer is past.
    const server = await startServer(2_000, (socket) => {
      const now = Math.ceil(Date.now() / 1000);
      socket.end(answerWith(unsignedToken({ aud: AUDIENCE, iat: now, exp: now + seconds })));
    });
    const keeper = await keeperOf(server);
    try {
      await waitFor("a second request", 10_000, () => (server.requests.length > 1 ? true : undefined));
      const before = { ...consumption(keeper.pid), requests: server.requests.length };
      await sleep(5_000);
      const after = consumption(keeper.pid);
      return {
        requests: server.requests.length - before.requests,
        cpu: after.cpuSeconds - before.cpuSeconds,
        alive: keeper.isAlive,
        said: keeper.output,
      };
    } finally {
      await keeper.close();
      server.close();
    }
  }
  let outcome: (one: (typeof LIVES)[number]) => ReturnType<typeof live>;
  beforeAll(() => {
    outcome = together(LIVES, live);
  });
  test.each(LIVES)(
    "$name",
    async (one) => {
      const { requests, cpu, alive, said } = await outcome(one);
      expect(alive).toBe(true);
      expect(requests).toBeLessThan(20);
      expect(cpu).toBeLessThan(1);
      expect(said).toBe("");
    },
    60_000,
  );
});

test("a redirect leads nowhere: the request token goes to no other host", async () => {
  const other = await RawServer.start((socket) => socket.end(answerWith(unsignedToken(claims()))));
  const codes = [301, 302, 303, 307, 308];
  let count = 0;
  const server = await startServer(3_000, (socket) => {
    const code = codes[count++ % codes.length];
    socket.end(
      `HTTP/1.1 ${code} x\r\nLocation: ${other.url}\r\nRefresh: 0; url=${other.url}\r\nContent-Length: 0\r\nConnection: close\r\n\r\n`,
    );
  });
  const keeper = await keeperOf(server);
  try {
    const { outages } = await keeper.until("one of each", ({ failures }) => failures >= 2 * codes.length);
    expect(outages[0]?.lastError).toMatch(/answered 30\d$/);
    expect(server.requests.every(({ head }) => head.includes(`Bearer ${REQUEST_TOKEN}`))).toBe(true);
    expect(other.requests).toEqual([]);
  } finally {
    await keeper.close();
    server.close();
    other.close();
  }
});

describe("an address or a request token that the runner would not give", () => {
  const CASES = [
    { name: "a file", url: "file:///etc/passwd", token: "x" },
    { name: "another protocol", url: "ftp://127.0.0.1/x", token: "x" },
    { name: "no URL", url: "//127.0.0.1/x", token: "x" },
    { name: "a line break in the URL", url: "http://127.0.0.1:9/x\r\nHost: other.example", token: "x" },
    { name: "a space in the URL", url: "http://127.0.0.1:9/x y", token: "x" },
    { name: "a header in the token", url: "http://127.0.0.1:9/x", token: "x\r\nX-Evil: 1" },
    { name: "more than ASCII in the token", url: "http://127.0.0.1:9/x", token: "x\u0100" },
  ];
  test.each(CASES)("$name: refused before anything is sent", async ({ url, token }) => {
    const folder = mkdtempSync(path.join(os.tmpdir(), "endpoint "));
    try {
      const inputs = Object.entries(INPUTS).map(([name, value]) => [`INPUT_${name.toUpperCase()}`, value]);
      const { code, stdout } = await runAlone({
        entry: "main",
        env: {
          ...Object.fromEntries(inputs),
          ...{
            HOME: folder,
            RUNNER_TEMP: folder,
            ACTIONS_ID_TOKEN_REQUEST_URL: url,
            ACTIONS_ID_TOKEN_REQUEST_TOKEN: token,
          },
        },
        folder,
      });
      expect(code).toBe(1);
      expect(stdout.split("\n").filter((line) => line.startsWith("::error::"))).toEqual([
        expect.stringMatching(/ACTIONS_ID_TOKEN_REQUEST_URL and ACTIONS_ID_TOKEN_REQUEST_TOKEN/),
      ]);
    } finally {
      rmSync(folder, { recursive: true, force: true });
    }
  });
});
