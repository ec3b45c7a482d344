import { createServer, type IncomingMessage, type RequestListener, type Server } from "node:http";
import type { AddressInfo } from "node:net";
import { afterEach, beforeEach, describe, expect, test } from "@jest/globals";
import { type Clouds, startClouds } from "../../harness/clouds/clouds.ts";
import type { GitHubFault } from "../../harness/clouds/faults.ts";
import type { CloudJob } from "../../harness/clouds/github.ts";
import { type Endpoint, requestIdToken } from "../../src/base/id-token.ts";
import { type Failure, RequestError } from "../../src/base/network.ts";

const AUDIENCE = "sts.amazonaws.com";
/** Far more than an answer on loopback takes, on a slow machine as well. */
const PATIENCE_MS = 20_000;

let clouds: Clouds;
let job: CloudJob;
let endpoint: Endpoint;
const servers: Server[] = [];

beforeEach(async () => {
  clouds = await startClouds();
  job = clouds.github.startJob();
  const { ACTIONS_ID_TOKEN_REQUEST_URL: url, ACTIONS_ID_TOKEN_REQUEST_TOKEN: requestToken } = job.environment;
  endpoint = { url, requestToken };
});

afterEach(async () => {
  await clouds.close();
  for (const server of servers.splice(0)) {
    server.closeAllConnections();
    await new Promise((resolve) => server.close(resolve));
  }
});

/** A server of the test's own; its address. */
async function serve(listener: RequestListener): Promise<string> {
  const server = createServer(listener);
  servers.push(server);
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  return `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
}

const encode = (value: unknown): string => Buffer.from(JSON.stringify(value)).toString("base64url");
/** A token without a signature worth the name, made on the spot. */
const tokenWith = (claims: Record<string, unknown>): string =>
  `${encode({ alg: "none" })}.${encode(claims)}.${encode("x")}`;

async function failure(asked: Promise<unknown>): Promise<Failure> {
  const error = await asked.then(
    () => new Error("a token came"),
    (thrown: unknown) => thrown,
  );
  expect(error).toBeInstanceOf(RequestError);
  // Whatever went wrong, the words for it hold no token.
  expect((error as RequestError).message).not.toMatch(/eyJ/);
  expect((error as RequestError).message).not.toContain(endpoint.requestToken);
  return (error as RequestError).failure;
}

describe("a token", () => {
  test("comes with its claims and its times", async () => {
    const before = performance.now();
    const { token, claims, lifetimeMs, remainingMs, clockOffsetMs, receivedAt } = await requestIdToken(
      endpoint,
      AUDIENCE,
      PATIENCE_MS,
    );
    expect(token.split(".")).toHaveLength(3);
    expect(claims).toMatchObject({ aud: AUDIENCE, sub: job.claims.sub, iss: clouds.github.issuer });
    expect(lifetimeMs).toBe(300_000);
    expect(remainingMs).toBeLessThanOrEqual(300_000);
    expect(remainingMs).toBeGreaterThan(300_000 - PATIENCE_MS);
    // Date has no more than seconds.
    expect(Math.abs(clockOffsetMs ?? Number.NaN)).toBeLessThan(PATIENCE_MS);
    expect(receivedAt).toBeGreaterThanOrEqual(before);
    expect(receivedAt).toBeLessThanOrEqual(performance.now());
  });

  test("is asked for once, on a connection that is not kept", async () => {
    await requestIdToken(endpoint, AUDIENCE, PATIENCE_MS);
    await requestIdToken(endpoint, AUDIENCE, PATIENCE_MS);
    expect(clouds.github.requests.map(({ connection }) => connection)).toEqual([1, 2]);
  });

  test("is for the audience that was asked for, whatever is in its name", async () => {
    for (const audience of ["https://github.com/octo-org", "a&b=c?d#e%20f+g", "ä"]) {
      const { claims } = await requestIdToken(endpoint, audience, PATIENCE_MS);
      expect(claims.aud).toBe(audience);
    }
  });

  test("may be for several audiences, if ours is one", async () => {
    clouds.github.fault = () => ({ claims: { aud: ["other", AUDIENCE] } });
    expect((await requestIdToken(endpoint, AUDIENCE, PATIENCE_MS)).claims.aud).toEqual(["other", AUDIENCE]);
    clouds.github.fault = () => ({ claims: { aud: ["other", "another"] } });
    expect((await failure(requestIdToken(endpoint, AUDIENCE, PATIENCE_MS))).message).toBe(
      "the token is for another audience",
    );
  });

  test.each(["", "?", "?api-version=2.0", "?a=b&c=d"])(
    "is asked for at the server's own URL, query %j and all",
    async (query) => {
      let seen: IncomingMessage | undefined;
      const url = await serve((request, response) => {
        seen = request;
        response.end(JSON.stringify({ value: tokenWith({ aud: "a b", exp: Date.now() / 1000 + 300 }) }));
      });
      await requestIdToken(
        { url: `${url}/7//idtoken/x${query}`, requestToken: "request-token" },
        "a b",
        PATIENCE_MS,
      );
      expect(seen?.url).toBe(`/7//idtoken/x${query}${query === "" ? "?" : "&"}audience=a%20b`);
      expect(seen?.method).toBe("GET");
      expect(seen?.headers).toEqual({
        accept: "application/json; api-version=2.0",
        authorization: "Bearer request-token",
        "user-agent": "aws-role-refresh",
        host: url.slice("http://".length),
        connection: "close",
      });
    },
  );
});

describe("the server's clock decides", () => {
  /** A server whose clock is off by so much. */
  const skewed = (skewMs: number, life = 300): Promise<string> =>
    serve((_, response) => {
      const now = Math.floor((Date.now() + skewMs) / 1000);
      response.setHeader("date", new Date(now * 1000).toUTCString());
      response.end(
        JSON.stringify({ value: tokenWith({ aud: AUDIENCE, iat: now, nbf: now - 600, exp: now + life }) }),
      );
    });

  test.each([-3_600_000, 3_600_000, 86_400_000])("where it differs from ours by %d ms", async (skewMs) => {
    const url = await skewed(skewMs);
    const token = await requestIdToken({ url, requestToken: "x" }, AUDIENCE, PATIENCE_MS);
    expect(token).toMatchObject({ lifetimeMs: 300_000, remainingMs: 300_000 });
    expect(Math.abs((token.clockOffsetMs ?? 0) - skewMs)).toBeLessThan(PATIENCE_MS);
  });

  test("also that a token has expired which our clock takes for good", async () => {
    const url = await skewed(-3_600_000, -1);
    const ahead = await skewed(3_600_000, -1);
    for (const each of [url, ahead]) {
      const error = await failure(requestIdToken({ url: each, requestToken: "x" }, AUDIENCE, PATIENCE_MS));
      expect(error.message).toBe("the token has expired already");
    }
  });

  test("and where it is not told, ours", async () => {
    const url = await serve((_, response) => {
      response.sendDate = false;
      response.end(
        JSON.stringify({ value: tokenWith({ aud: AUDIENCE, exp: Math.floor(Date.now() / 1000) + 100 }) }),
      );
    });
    const token = await requestIdToken({ url, requestToken: "x" }, AUDIENCE, PATIENCE_MS);
    expect(token.clockOffsetMs).toBeUndefined();
    // Without iat the life begins now.
    expect(token.lifetimeMs).toBeGreaterThan(100_000 - PATIENCE_MS);
    expect(token.lifetimeMs).toBeLessThanOrEqual(100_000);
    expect(token.remainingMs).toBe(token.lifetimeMs);
  });

  test("a token handed out twice has less left than its life", async () => {
    clouds.github.fault = () => ({ claims: { iat: Math.floor(Date.now() / 1000) - 200 } });
    const token = await requestIdToken(endpoint, AUDIENCE, PATIENCE_MS);
    expect(token.lifetimeMs).toBeGreaterThanOrEqual(500_000);
    expect(token.remainingMs).toBeLessThanOrEqual(301_000);
  });
});

const now = (): number => Math.floor(Date.now() / 1000);

describe("an answer without a usable token is refused", () => {
  const cases: [string, () => GitHubFault, string][] = [
    ["a page of HTML", () => "html", "the answer is not JSON"],
    ["nothing", () => "empty-body", "the answer is not JSON"],
    ["gzip that nobody asked for", () => "gzip", "the answer is not JSON"],
    ["null", () => ({ status: 200, body: "null" }), "the answer does not contain a JWT"],
    ["another shape", () => ({ status: 200, body: '{"token":"x"}' }), "the answer does not contain a JWT"],
    [
      "a number for a token",
      () => ({ status: 200, body: '{"value":1}' }),
      "the answer does not contain a JWT",
    ],
    ["an empty token", () => "empty-value", "the answer does not contain a JWT"],
    ["a token that is no JWT", () => "not-a-jwt", "the answer does not contain a JWT"],
    [
      "a token with a line break",
      () => ({ value: `${tokenWith({ aud: AUDIENCE, exp: now() + 300 })}\n` }),
      "the answer does not contain a JWT",
    ],
    ["another audience", () => "other-audience", "the token is for another audience"],
    ["no expiry", () => "no-exp", "the token has no expiry time"],
    ["an expiry in words", () => ({ claims: { exp: "tomorrow" } }), "the token has no expiry time"],
    ["expired", () => "expired-token", "the token has expired already"],
    ["from the future", () => "future-token", "the token is from the future"],
    ["not valid yet", () => ({ claims: { nbf: now() + 120 } }), "the token is from the future"],
    [
      "expired before it was issued",
      () => ({ claims: { iat: now() + 50, exp: now() + 10 } }),
      "the token expires before it was issued",
    ],
    ["larger than 64 KiB", () => "huge", "the answer is larger than 65536 bytes"],
  ];
  test.each(cases)("%s", async (_, fault, message) => {
    clouds.github.fault = fault;
    const error = await failure(requestIdToken(endpoint, AUDIENCE, PATIENCE_MS));
    expect(error).toMatchObject({ kind: "malformed", message });
    // One request: whoever calls decides on another.
    expect(clouds.github.requests).toHaveLength(1);
  });

  test("a token a few seconds from the future is not: clocks differ", async () => {
    clouds.github.fault = () => ({ claims: { iat: now() + 30, nbf: now() + 30 } });
    await expect(requestIdToken(endpoint, AUDIENCE, PATIENCE_MS)).resolves.toMatchObject({
      claims: { aud: AUDIENCE },
    });
  });

  test("64 KiB are not too much", async () => {
    clouds.github.fault = () => {
      const value = tokenWith({ aud: AUDIENCE, exp: now() + 300 });
      const body = JSON.stringify({ value });
      return { status: 200, body: body.padEnd(64 * 1024) };
    };
    await expect(requestIdToken(endpoint, AUDIENCE, PATIENCE_MS)).resolves.toBeDefined();
  });

  test("an endless answer is cut off, not collected", async () => {
    let sent = 0;
    const url = await serve((_, response) => {
      const chunk = Buffer.alloc(16 * 1024, " ");
      const more = () => {
        while (!response.destroyed && response.write(chunk)) sent += chunk.length;
      };
      response.on("drain", more);
      more();
    });
    const error = await failure(requestIdToken({ url, requestToken: "x" }, AUDIENCE, PATIENCE_MS));
    expect(error).toMatchObject({ kind: "malformed", message: "the answer is larger than 65536 bytes" });
    // What was on its way when the connection was cut, in buffers of both ends.
    expect(sent).toBeLessThan(64 * 1024 * 1024);
  });
});

describe("a status other than 200 is told", () => {
  test.each([204, 301, 400, 401, 403, 404, 429, 500, 502, 503])("%d", async (status) => {
    clouds.github.fault = () => ({ status });
    const error = await failure(requestIdToken(endpoint, AUDIENCE, PATIENCE_MS));
    const kind = status === 429 ? "throttled" : status >= 500 ? "server-error" : "refused";
    expect(error).toMatchObject({ kind, httpStatus: status, retryAfterMs: undefined });
    expect(error.code).toBeUndefined();
    expect(error.message).toBe(`${new URL(endpoint.url).host} answered ${status}`);
  });

  test.each([301, 302, 303, 307, 308] as const)(
    "a redirect (%d) is not followed: the request token stays here",
    async (status) => {
      let reached = 0;
      const elsewhere = await serve((_, response) => {
        reached += 1;
        response.end();
      });
      clouds.github.fault = () => ({ redirect: `${elsewhere}/take?it=`, status });
      expect(await failure(requestIdToken(endpoint, AUDIENCE, PATIENCE_MS))).toMatchObject({
        kind: "refused",
        httpStatus: status,
      });
      expect(reached).toBe(0);
    },
  );

  test.each([
    ["0", 0],
    ["7", 7_000],
    ["999999", 999_999_000],
    ["1.5", undefined],
    ["-1", undefined],
    ["soon", undefined],
    ["9999999", undefined],
    ["", undefined],
    ["Fri, 01 Jan 2021 00:00:00 GMT", undefined],
  ])("with Retry-After %j", async (value, retryAfterMs) => {
    clouds.github.fault = () => ({ status: 429, headers: { "retry-after": value } });
    expect((await failure(requestIdToken(endpoint, AUDIENCE, PATIENCE_MS))).retryAfterMs).toBe(retryAfterMs);
  });

  test("with Retry-After as a date, by the server's clock", async () => {
    const date = Date.UTC(2040, 0, 1);
    clouds.github.fault = () => ({
      status: 503,
      headers: { date: new Date(date).toUTCString(), "retry-after": new Date(date + 9_000).toUTCString() },
    });
    expect((await failure(requestIdToken(endpoint, AUDIENCE, PATIENCE_MS))).retryAfterMs).toBe(9_000);
  });
});

describe("an endpoint that does not answer is told", () => {
  test("refused", async () => {
    await clouds.github.refuseConnections(true);
    expect(await failure(requestIdToken(endpoint, AUDIENCE, PATIENCE_MS))).toMatchObject({
      kind: "unreachable",
      code: "ECONNREFUSED",
    });
  });

  test("reset", async () => {
    clouds.github.fault = () => "reset";
    expect(await failure(requestIdToken(endpoint, AUDIENCE, PATIENCE_MS))).toMatchObject({
      kind: "unreachable",
      code: "ECONNRESET",
    });
  });

  test("cut off in the body", async () => {
    const url = await serve((_, response) => {
      response.writeHead(200, { "content-length": 100 });
      response.write("{", () => response.destroy());
    });
    expect(await failure(requestIdToken({ url, requestToken: "x" }, AUDIENCE, PATIENCE_MS))).toMatchObject({
      kind: "unreachable",
    });
  });

  test.each(["hang-before-headers", "hang-in-body", "slow"] as const)(
    "within the time given: %s",
    async (fault) => {
      clouds.github.fault = () => fault;
      const began = performance.now();
      const error = await failure(requestIdToken(endpoint, AUDIENCE, 400));
      expect(error).toMatchObject({ kind: "unreachable", code: "TIMEOUT" });
      expect(error.message).toBe(`${new URL(endpoint.url).host} did not answer within 400 ms`);
      expect(performance.now() - began).toBeGreaterThanOrEqual(390);
      expect(performance.now() - began).toBeLessThan(PATIENCE_MS);
    },
  );

  test("as soon as the caller has no more use for it", async () => {
    clouds.github.fault = () => "hang-before-headers";
    const over = new AbortController();
    const asked = requestIdToken(endpoint, AUDIENCE, PATIENCE_MS, over.signal);
    setTimeout(() => over.abort(), 50);
    const began = performance.now();
    await failure(asked);
    expect(performance.now() - began).toBeLessThan(PATIENCE_MS / 2);
  });
});
