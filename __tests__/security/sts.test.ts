// Whoever answers in the place of STS: main neither hangs nor collects what comes without end, nor prints it.
import { execFile } from "node:child_process";
import type { Socket } from "node:net";
import path from "node:path";
import { pathToFileURL } from "node:url";
import { expect, test } from "@jest/globals";
import { RawServer } from "../../harness/machine/raw-server.ts";
import { repository } from "../../harness/repository.ts";
import { NODE_KNOWS_PROXIES } from "../e2e-failures/failing.ts";

const MODULE = pathToFileURL(path.join(repository(), "dist/exchange/index.js")).href;
const EXCHANGE = `
  const { exchange } = await import(${JSON.stringify(MODULE)});
  const request = {
    roleArn: "arn:aws:iam::111122223333:role/deploy",
    sessionName: "test",
    region: "eu-west-1",
    endpoint: process.argv[1],
  };
  const result = await exchange(request, { idToken: "x" }, () => {});
  console.log(JSON.stringify({ ...result, peakMb: process.resourceUsage().maxRSS / 1024 }));`;

const HEAD = "HTTP/1.1 200 OK\r\nContent-Type: text/xml\r\n";
const session = (arn: string): string => {
  const keys =
    "<AccessKeyId>x</AccessKeyId><SecretAccessKey>x</SecretAccessKey><SessionToken>x</SessionToken><Expiration>2030-01-01T00:00:00Z</Expiration>";
  const xml = `<AssumeRoleWithWebIdentityResponse><AssumeRoleWithWebIdentityResult><Credentials>${keys}</Credentials><AssumedRoleUser><Arn>${arn}</Arn></AssumedRoleUser></AssumeRoleWithWebIdentityResult></AssumeRoleWithWebIdentityResponse>`;
  return `${HEAD}Content-Length: ${Buffer.byteLength(xml)}\r\nConnection: close\r\n\r\n${xml}`;
};

/** Exchanges in a process that must end by itself. */
async function exchangeWith(
  answer: (socket: Socket) => void,
  /** What the server is: STS itself, or the proxy before it. */
  isProxy = false,
): Promise<{
  session?: { assumedRoleArn?: string };
  failure?: { kind: string; code?: string; message: string };
  peakMb: number;
}> {
  const server = await RawServer.start(answer);
  try {
    const url = `http://127.0.0.1:${server.port}`;
    const args = ["--input-type=module", "-e", EXCHANGE, isProxy ? "https://sts.invalid" : url];
    // A process that does not end is killed, and the test fails.
    const env = { PATH: process.env.PATH, ...(isProxy && { HTTPS_PROXY: url }) };
    const options = { env, timeout: 100_000, killSignal: "SIGKILL" } as const;
    const printed = await new Promise<string>((resolve, reject) => {
      execFile(process.execPath, args, options, (error, stdout) => (error ? reject(error) : resolve(stdout)));
    });
    return JSON.parse(printed);
  } finally {
    server.close();
  }
}

test("an answer that stops in its middle ends by a deadline, and so does one that never begins, of STS or of a proxy", async () => {
  const results = await Promise.all([
    exchangeWith((socket) => void socket.write(`${HEAD}Content-Length: 1000\r\n\r\n<Assume`)),
    exchangeWith(() => {}),
    ...(NODE_KNOWS_PROXIES ? [exchangeWith(() => {}, true)] : []),
  ]);
  for (const { failure } of results) {
    expect(failure).toMatchObject({ kind: "unreachable", code: expect.stringMatching(/timeout|ETIMEDOUT/i) });
  }
}, 120_000);

test("an answer without end is cut off, not collected", async () => {
  const { failure, peakMb } = await exchangeWith((socket) => {
    socket.write(`${HEAD}Transfer-Encoding: chunked\r\n\r\n`);
    const chunk = `10000\r\n${" ".repeat(65_536)}\r\n`;
    const more = () => {
      while (!socket.destroyed && socket.write(chunk));
    };
    socket.on("drain", more);
    more();
  });
  expect(failure).toMatchObject({ kind: "malformed", message: expect.stringContaining("larger than") });
  expect(peakMb).toBeLessThan(250);
}, 120_000);

test.each([
  ["a workflow command", "arn:aws:sts::1:assumed-role/x/y&#10;::error::z"],
  ["another text", "##[error]x"],
])("an ARN that is %s is refused", async (_, arn) => {
  const { failure } = await exchangeWith((socket) => void socket.end(session(arn)));
  expect(failure).toMatchObject({ kind: "malformed", message: "AssumedRoleUser.Arn is not an ARN" });
});

test("the ARN of a session is not", async () => {
  const arn = "arn:aws:sts::111122223333:assumed-role/deploy/test@x";
  const { session: made } = await exchangeWith((socket) => void socket.end(session(arn)));
  expect(made?.assumedRoleArn).toBe(arn);
});
