import { spawnSync } from "node:child_process";
import { once } from "node:events";
import { get, type IncomingHttpHeaders, type IncomingMessage } from "node:http";
import path from "node:path";
import { pathToFileURL } from "node:url";
import { gunzipSync } from "node:zlib";
import { AssumeRoleWithWebIdentityCommand, GetCallerIdentityCommand, STSClient } from "@aws-sdk/client-sts";
import { afterEach, beforeEach, expect, test } from "@jest/globals";
import { decodeJwt } from "jose";
import { type Clouds, startClouds } from "../../harness/clouds/clouds.ts";
import type { GitHubFault } from "../../harness/clouds/faults.ts";
import type { CloudJob } from "../../harness/clouds/github.ts";

let clouds: Clouds;
let job: CloudJob;

beforeEach(async () => {
  clouds = await startClouds();
  job = clouds.github.startJob();
});

afterEach(() => clouds.close());

interface Reply {
  status: number | undefined;
  headers: IncomingHttpHeaders;
  body: Buffer;
  /** How it ended: "end", the code of the error, or "destroyed" by the test. */
  ending: string;
}

/** Asks for an ID token; `during` runs at each piece of the body. */
function askIdToken(during: (response: IncomingMessage) => void = () => undefined): Promise<Reply> {
  return new Promise((resolve) => {
    const reply: Reply = { status: undefined, headers: {}, body: Buffer.alloc(0), ending: "destroyed" };
    const failed = (error: NodeJS.ErrnoException) => {
      reply.ending = error.code ?? error.message;
    };
    const { ACTIONS_ID_TOKEN_REQUEST_URL: url, ACTIONS_ID_TOKEN_REQUEST_TOKEN: token } = job.environment;
    const request = get(
      `${url}&audience=a`,
      { headers: { authorization: `Bearer ${token}` }, agent: false },
      (response) => {
        reply.status = response.statusCode;
        reply.headers = response.headers;
        response.on("data", (chunk: Buffer) => {
          reply.body = Buffer.concat([reply.body, chunk]);
          during(response);
        });
        response.on("end", () => {
          reply.ending = "end";
        });
        response.on("error", failed);
        response.on("close", () => resolve(reply));
      },
    );
    request.on("error", failed);
    request.on("close", () => {
      if (reply.status === undefined) resolve(reply);
    });
  });
}

function askWith(fault: GitHubFault): Promise<Reply> {
  clouds.github.fault = () => fault;
  return askIdToken();
}

function tokenIn(reply: Reply): string {
  return (JSON.parse(reply.body.toString()) as { value: string }).value;
}

/** Waits until a cloud has recorded so many requests. */
async function recorded(requests: unknown[], count: number): Promise<void> {
  for (let tries = 0; requests.length < count; tries++) {
    if (tries === 200) throw new Error("no request arrived");
    await new Promise((resolve) => setTimeout(resolve, 10));
  }
}

test("an answer of the test's own", async () => {
  const reply = await askWith({ status: 429, headers: { "retry-after": "7" }, body: "later" });
  expect([reply.status, reply.headers["retry-after"], reply.body.toString()]).toEqual([429, "7", "later"]);
  expect(clouds.github.requests).toMatchObject([{ status: 429, issued: undefined }]);
});

test("a redirect", async () => {
  const reply = await askWith({ redirect: "http://127.0.0.1:1/elsewhere", status: 307 });
  expect([reply.status, reply.headers.location]).toEqual([307, "http://127.0.0.1:1/elsewhere"]);
  expect((await askWith({ redirect: "/" })).status).toBe(302);
});

test("a reset", async () => {
  expect(await askWith("reset")).toMatchObject({ status: undefined, ending: "ECONNRESET" });
  expect(clouds.github.requests).toMatchObject([{ status: undefined }]);
});

test("a page of HTML, and nothing at all", async () => {
  const html = await askWith("html");
  expect([html.status, html.headers["content-type"], html.body.toString().slice(0, 15)]).toEqual([
    200,
    "text/html",
    "<!DOCTYPE html>",
  ]);
  expect(await askWith("empty-body")).toMatchObject({ status: 200, body: Buffer.alloc(0), ending: "end" });
});

test("gzip that nobody asked for", async () => {
  const reply = await askWith("gzip");
  expect(reply.headers["content-encoding"]).toBe("gzip");
  expect(decodeJwt(tokenIn({ ...reply, body: gunzipSync(reply.body) })).aud).toBe("a");
});

test("a body of one MiB that is right but for its size", async () => {
  const reply = await askWith("huge");
  expect(reply.body.length).toBeGreaterThan(1024 * 1024);
  expect(decodeJwt(tokenIn(reply)).aud).toBe("a");
});

test("silence before the headers, which closing ends", async () => {
  clouds.github.fault = () => "hang-before-headers";
  const reply = askIdToken();
  await recorded(clouds.github.requests, 1);
  await clouds.close();
  expect(await reply).toMatchObject({ status: undefined, ending: "ECONNRESET" });
});

test.each(["hang-in-body", "slow"] as const)(
  "%s: the body begins and does not end, until closing ends it",
  async (fault) => {
    clouds.github.fault = () => fault;
    let closed: Promise<void> | undefined;
    const reply = await askIdToken(() => {
      closed ??= clouds.close();
    });
    await closed;
    expect(reply).toMatchObject({ status: 200, ending: "ECONNRESET" });
    expect(reply.body.length).toBeGreaterThan(0);
    expect(reply.body.length).toBeLessThan(Number(reply.headers["content-length"]));
  },
);

test("a slow body is the right one, byte by byte", async () => {
  clouds.github.fault = () => "slow";
  const started = Date.now();
  let pieces = 0;
  const reply = await askIdToken((response) => {
    pieces++;
    if (pieces === 2) response.destroy();
  });
  expect(reply.body.toString()).toBe('{"');
  expect(Date.now() - started).toBeGreaterThan(900);
});

test("a delay, then the answer or another fault; closing ends the wait", async () => {
  const started = Date.now();
  expect((await askWith({ delayMs: 50 })).status).toBe(200);
  expect(Date.now() - started).toBeGreaterThanOrEqual(49);
  expect((await askWith({ delayMs: 1, fault: { status: 503 } })).status).toBe(503);
  expect(tokenIn(await askWith({ delayMs: 1, fault: "empty-value" }))).toBe("");

  const reply = askWith({ delayMs: 3_600_000 });
  await recorded(clouds.github.requests, 4);
  await clouds.close();
  expect(await reply).toMatchObject({ status: undefined, ending: "ECONNRESET" });
});

test("a process whose clouds are closed in the midst of a delay ends by itself: no timer is left", () => {
  const source = `
    import { startClouds } from ${JSON.stringify(pathToFileURL(path.resolve("lib/harness/clouds/clouds.js")).href)};
    const clouds = await startClouds();
    clouds.github.fault = () => ({ delayMs: 3_600_000 });
    const { ACTIONS_ID_TOKEN_REQUEST_URL: url, ACTIONS_ID_TOKEN_REQUEST_TOKEN: token } = clouds.github.startJob().environment;
    const reply = fetch(url, { headers: { authorization: "Bearer " + token } }).catch(() => console.log("cut off"));
    while (clouds.github.requests.length === 0) await new Promise((resolve) => setTimeout(resolve, 5));
    await clouds.close();
    await reply;`;
  const { status, stdout, stderr } = spawnSync(process.execPath, ["--input-type=module", "-e", source], {
    encoding: "utf8",
    timeout: 30_000,
  });
  expect({ status, stdout, stderr }).toEqual({ status: 0, stdout: "cut off\n", stderr: "" });
});

test("latency comes before each answer", async () => {
  clouds.github.latencyMs = 50;
  const started = Date.now();
  await askIdToken();
  expect(Date.now() - started).toBeGreaterThanOrEqual(49);
});

test("tokens with something wrong in them", async () => {
  const claims = async (fault: GitHubFault) => decodeJwt(tokenIn(await askWith(fault)));
  const now = Date.now() / 1000;
  expect((await claims("expired-token")).exp).toBeLessThan(now - 50);
  expect((await claims("future-token")).nbf).toBeGreaterThan(now + 3500);
  expect((await claims("other-audience")).aud).toBe("https://somebody.example");
  expect("exp" in (await claims("no-exp"))).toBe(false);
  expect(await claims({ claims: { sub: "x", aud: undefined } })).toMatchObject({
    sub: "x",
    iss: clouds.github.issuer,
  });
  expect("aud" in (await claims({ claims: { aud: undefined } }))).toBe(false);
  expect(tokenIn(await askWith("empty-value"))).toBe("");
  expect(tokenIn(await askWith("not-a-jwt")).split(".")).toHaveLength(1);
  expect(tokenIn(await askWith({ value: "a\nb" }))).toBe("a\nb");
  expect(clouds.github.requests.some(({ issued }) => issued !== undefined)).toBe(false);
});

test("a fault is told of the request it would spoil, and can choose", async () => {
  const seen: unknown[] = [];
  clouds.github.fault = ({ job, audience, count, at }) => {
    seen.push([job, audience, count, at <= Date.now()]);
    return count === 2 ? { status: 500 } : undefined;
  };
  const statuses = [(await askIdToken()).status, (await askIdToken()).status, (await askIdToken()).status];
  expect(statuses).toEqual([200, 500, 200]);
  expect(seen).toEqual([1, 2, 3].map((count) => [job, "a", count, true]));
});

test("an outage refuses connections, and the same address answers after it", async () => {
  await clouds.github.refuseConnections(true);
  expect((await askIdToken()).ending).toBe("ECONNREFUSED");
  await clouds.github.refuseConnections(false);
  expect((await askIdToken()).status).toBe(200);
  await clouds.github.refuseConnections(true);
});

test("an outage drops connections that are open", async () => {
  clouds.github.fault = () => "hang-before-headers";
  const reply = askIdToken();
  await recorded(clouds.github.requests, 1);
  await clouds.github.refuseConnections(true);
  expect((await reply).ending).toBe("ECONNRESET");
});

test("the errors of STS as the SDK sees them, and its transport faults", async () => {
  const sts = new STSClient({
    region: "eu-west-1",
    endpoint: clouds.sts.url,
    maxAttempts: 1,
    requestHandler: { requestTimeout: 60_000 },
    credentials: clouds.sts.addUser(),
  });
  const call = () =>
    sts.send(
      new AssumeRoleWithWebIdentityCommand({
        RoleArn: "arn:aws:iam::111122223333:role/x",
        RoleSessionName: "ab",
        WebIdentityToken: "abcd",
      }),
    );
  const errors: [string, number, string][] = [
    ["IDPCommunicationError", 400, "IDPCommunicationErrorException"],
    ["Throttling", 400, "Throttling"],
    ["RegionDisabledException", 403, "RegionDisabledException"],
    ["PackedPolicyTooLarge", 400, "PackedPolicyTooLargeException"],
    ["InternalFailure", 500, "InternalFailure"],
    ["ServiceUnavailable", 503, "ServiceUnavailable"],
  ];
  for (const [error, status, name] of errors) {
    clouds.sts.fault = () => ({ error });
    await expect(call()).rejects.toMatchObject({ name, $metadata: { httpStatusCode: status } });
    expect(clouds.sts.requests.at(-1)).toMatchObject({ action: "AssumeRoleWithWebIdentity", status, error });
  }
  clouds.sts.fault = () => ({ error: "AccessDenied", message: "Not <today>" });
  await expect(call()).rejects.toMatchObject({ name: "AccessDenied", message: "Not <today>" });
  clouds.sts.fault = () => "reset";
  await expect(call()).rejects.toThrow("ECONNRESET");
  clouds.sts.fault = () => "html";
  await expect(sts.send(new GetCallerIdentityCommand({}))).resolves.not.toHaveProperty(
    "Arn",
    expect.any(String),
  );
  clouds.sts.fault = () => "huge";
  expect((await sts.send(new GetCallerIdentityCommand({}))).Account).toBe("111122223333");
  await clouds.sts.refuseConnections(true);
  await expect(call()).rejects.toThrow(/ECONNREFUSED|hang up/);
  sts.destroy();
});

test("a client that goes away in the middle harms nobody", async () => {
  clouds.github.fault = () => ({ delayMs: 30 });
  const { ACTIONS_ID_TOKEN_REQUEST_URL: url } = job.environment;
  const request = get(url, { agent: false });
  const gone = once(request, "error");
  await recorded(clouds.github.requests, 1);
  request.destroy();
  await gone;
  expect((await askIdToken()).status).toBe(200);
});
