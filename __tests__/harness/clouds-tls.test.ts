import { createPrivateKey, X509Certificate } from "node:crypto";
import { once } from "node:events";
import { existsSync, readFileSync } from "node:fs";
import { type ClientRequestArgs, request as httpRequest } from "node:http";
import { Agent, request as httpsRequest } from "node:https";
import type { Socket } from "node:net";
import type { Duplex } from "node:stream";
import { type TLSSocket, connect as tlsConnect } from "node:tls";
import { AssumeRoleWithWebIdentityCommand, GetCallerIdentityCommand, STSClient } from "@aws-sdk/client-sts";
import { afterEach, beforeEach, expect, test } from "@jest/globals";
import { decodeJwt } from "jose";
import { makeAuthority } from "../../harness/clouds/certificates.ts";
import { type Clouds, type CloudsOptions, type CloudsTls, startClouds } from "../../harness/clouds/clouds.ts";
import { trustGitHub } from "../../harness/clouds/trust.ts";

const ACCOUNT = "111122223333";
const ROLE = `arn:aws:iam::${ACCOUNT}:role/deploy`;

let clouds: Clouds;
let tls: CloudsTls;

async function start(options: CloudsOptions = {}): Promise<void> {
  clouds = await startClouds({ tls: true, ...options });
  if (clouds.tls === undefined) throw new Error("no TLS");
  tls = clouds.tls;
}

beforeEach(() => start());
afterEach(() => clouds.close());

interface Reply {
  status: number;
  body: string;
}

/** Opens a tunnel; rejects with the proxy's refusal. */
function tunnel(authority: string, authorization?: string): Promise<Socket> {
  const { hostname, port } = new URL(tls.proxyUrl);
  const headers = authorization === undefined ? {} : { "proxy-authorization": authorization };
  return new Promise((resolve, reject) => {
    const request = httpRequest({
      hostname,
      port,
      method: "CONNECT",
      path: authority,
      headers,
      agent: false,
    });
    request.on("connect", (response, socket) => {
      if (response.statusCode === 200) resolve(socket as Socket);
      else
        reject(
          new Error(
            `proxy answered ${response.statusCode} ${response.headers["proxy-authenticate"] ?? ""}`.trim(),
          ),
        );
    });
    request.on("error", reject);
    request.end();
  });
}

async function secure(host: string): Promise<TLSSocket> {
  const socket = await tunnel(`${host}:443`);
  return new Promise((resolve, reject) => {
    const secured = tlsConnect({ socket, servername: host, ca: readFileSync(tls.caFile) }, () =>
      resolve(secured),
    );
    secured.on("error", reject);
  });
}

/** Reaches real host names through the proxy, with the run's authority alone trusted. */
class ProxyAgent extends Agent {
  override createConnection(
    options: ClientRequestArgs,
    done: (error: Error | null, socket: Duplex) => void,
  ): undefined {
    secure(String(options.host)).then(
      (socket) => done(null, socket),
      (error: Error) => done(error, undefined as never),
    );
  }
}

function getTls(url: string, headers: Record<string, string> = {}): Promise<Reply> {
  return new Promise((resolve, reject) => {
    const request = httpsRequest(url, { headers, agent: new ProxyAgent() }, async (response) => {
      let body = "";
      response.on("error", reject);
      for await (const chunk of response) body += chunk;
      resolve({ status: response.statusCode ?? 0, body });
    });
    request.on("error", reject);
    request.end();
  });
}

async function idToken(): Promise<string> {
  const { ACTIONS_ID_TOKEN_REQUEST_URL: url, ACTIONS_ID_TOKEN_REQUEST_TOKEN: token } =
    clouds.github.startJob().environment;
  const { body } = await getTls(`${url}&audience=sts.amazonaws.com`, { authorization: `Bearer ${token}` });
  return (JSON.parse(body) as { value: string }).value;
}

test("a job through the real host names: ID token, exchange and identity over TLS", async () => {
  clouds.sts.addRole({ arn: ROLE, trust: trustGitHub(ACCOUNT, "repo:*") });
  const token = await idToken();
  expect(decodeJwt(token).iss).toBe("https://token.actions.githubusercontent.com");

  const requestHandler = { httpsAgent: new ProxyAgent({ keepAlive: true }) };
  const sts = new STSClient({ region: "eu-west-1", requestHandler, maxAttempts: 1 });
  const exchange = new AssumeRoleWithWebIdentityCommand({
    RoleArn: ROLE,
    RoleSessionName: "run-1",
    WebIdentityToken: token,
  });
  const { Credentials: keys, AssumedRoleUser } = await sts.send(exchange);
  sts.destroy();

  // The session's key in a client of the global endpoint.
  const { AccessKeyId = "", SecretAccessKey = "", SessionToken = "" } = keys ?? {};
  const credentials = {
    accessKeyId: AccessKeyId,
    secretAccessKey: SecretAccessKey,
    sessionToken: SessionToken,
  };
  const config = {
    credentials,
    requestHandler: { httpsAgent: new ProxyAgent() },
    maxAttempts: 1,
    endpoint: "https://sts.amazonaws.com",
  };
  const global = new STSClient({ ...config, region: "us-east-1" });
  expect((await global.send(new GetCallerIdentityCommand({}))).Arn).toBe(AssumedRoleUser?.Arn);
  global.destroy();
  // The scope of a signature must be the region of the host.
  const elsewhere = new STSClient({ ...config, region: "eu-west-1" });
  await expect(elsewhere.send(new GetCallerIdentityCommand({}))).rejects.toThrow("scoped to a valid region");
  elsewhere.destroy();

  expect(clouds.sts.requests.map(({ host, status }) => [host, status])).toEqual([
    ["sts.eu-west-1.amazonaws.com", 200],
    ["sts.amazonaws.com", 200],
    ["sts.amazonaws.com", 403],
  ]);
  expect(clouds.github.requests.map(({ host }) => host)).toEqual([
    "run-actions-1-azure-eastus.actions.githubusercontent.com",
  ]);
  expect(tls.proxyRequests).toMatchObject([
    {
      method: "CONNECT",
      host: "run-actions-1-azure-eastus.actions.githubusercontent.com",
      port: 443,
      status: 200,
    },
    { method: "CONNECT", host: "sts.eu-west-1.amazonaws.com", port: 443, status: 200 },
    { method: "CONNECT", host: "sts.amazonaws.com", port: 443, status: 200 },
    { method: "CONNECT", host: "sts.amazonaws.com", port: 443, status: 200 },
  ]);
});

test("the issuer's documents are where the tokens say", async () => {
  const discovery = JSON.parse(
    (await getTls(`${clouds.github.issuer}/.well-known/openid-configuration`)).body,
  ) as {
    jwks_uri: string;
  };
  expect(JSON.parse((await getTls(discovery.jwks_uri)).body)).toEqual(clouds.github.jwks);
});

test("every region has its name, and only names of the clouds lead anywhere", async () => {
  for (const host of [
    "sts.ap-southeast-7.amazonaws.com",
    "sts.us-gov-west-1.amazonaws.com",
    "sts.cn-north-1.amazonaws.com.cn",
  ]) {
    const { status, body } = await getTls(`https://${host}/?Action=GetCallerIdentity&Version=2011-06-15`);
    expect([status, body]).toEqual([403, expect.stringContaining("MissingAuthenticationToken")]);
  }
  for (const authority of [
    "example.com:443",
    "sts.amazonaws.com:22",
    "sts.amazonaws.com.example.com:443",
    "127.0.0.1:1",
    "nonsense",
  ]) {
    await expect(tunnel(authority)).rejects.toThrow("proxy answered 403");
  }
  expect(tls.proxyRequests.at(-1)).toMatchObject({ host: "", status: 403 });
});

test("nobody else's authority vouches for the names", async () => {
  const socket = await tunnel("sts.amazonaws.com:443");
  const error = await new Promise<Error>((resolve) => {
    tlsConnect({ socket, servername: "sts.amazonaws.com", ca: makeAuthority().certificate }).on(
      "error",
      resolve,
    );
  });
  expect(error).toMatchObject({ code: "UNABLE_TO_VERIFY_LEAF_SIGNATURE" });
});

/** Asks the proxy to forward a plain request. */
function plain(target: string): Promise<Reply> {
  return new Promise((resolve, reject) => {
    const { hostname, port } = new URL(tls.proxyUrl);
    const request = httpRequest(
      { hostname, port, path: target, headers: { host: new URL(target).host }, agent: false },
      async (response) => {
        let body = String(response.headers["proxy-authenticate"] ?? "");
        for await (const chunk of response) body += chunk;
        resolve({ status: response.statusCode ?? 0, body });
      },
    );
    request.on("error", reject);
    request.end();
  });
}

test("the proxy forwards plain HTTP to the clouds and to nothing else", async () => {
  expect((await plain("http://sts.amazonaws.com/?Action=X&Version=2011-06-15")).body).toContain(
    "Could not find operation X",
  );
  expect((await plain(`${clouds.github.url}/.well-known/jwks`)).status).toBe(200);
  expect((await plain("http://example.com/")).status).toBe(403);
  expect((await plain("http://127.0.0.1:1/")).status).toBe(403);
  expect(clouds.sts.requests).toMatchObject([{ host: "sts.amazonaws.com", action: "X" }]);
  await clouds.sts.refuseConnections(true);
  expect((await plain("http://sts.amazonaws.com/")).status).toBe(502);
  expect(tls.proxyRequests.map(({ method, host, port, status }) => [method, host, port, status])).toEqual([
    ["GET", "sts.amazonaws.com", 80, 400],
    ["GET", "127.0.0.1", Number(new URL(clouds.github.url).port), 200],
    ["GET", "example.com", 80, 403],
    ["GET", "127.0.0.1", 1, 403],
    ["GET", "sts.amazonaws.com", 80, 502],
  ]);
});

test("a proxy with a password lets nobody through without it", async () => {
  await clouds.close();
  await start({ proxyPassword: true });
  const { username, password } = new URL(tls.proxyUrl);
  const basic = (text: string) => `Basic ${Buffer.from(text).toString("base64")}`;
  await expect(tunnel("sts.amazonaws.com:443")).rejects.toThrow('proxy answered 407 Basic realm="clouds"');
  await expect(tunnel("sts.amazonaws.com:443", basic(`${username}:wrong`))).rejects.toThrow(
    "proxy answered 407",
  );
  const socket = await tunnel("sts.amazonaws.com:443", basic(`${username}:${password}`));
  socket.destroy();
  expect(await plain("http://sts.amazonaws.com/")).toEqual({ status: 407, body: 'Basic realm="clouds"' });
  expect(tls.proxyRequests.map(({ status }) => status)).toEqual([407, 407, 200, 407]);
  expect(clouds.sts.requests).toEqual([]);
});

test("faults reach a client through the tunnel: a reset is a reset, an outage a bad gateway", async () => {
  clouds.github.fault = () => "reset";
  const { ACTIONS_ID_TOKEN_REQUEST_URL: url } = clouds.github.startJob().environment;
  await expect(getTls(url)).rejects.toMatchObject({ code: "ECONNRESET" });
  // Without the TLS layer, whose every end looks like a reset.
  const socket = await tunnel("token.actions.githubusercontent.com:80");
  socket.write("GET / HTTP/1.1\r\nHost: x\r\n\r\n");
  const [error] = await once(socket, "error");
  expect(error).toMatchObject({ code: "ECONNRESET" });

  await clouds.github.refuseConnections(true);
  await expect(getTls(url)).rejects.toThrow("proxy answered 502");
  await clouds.github.refuseConnections(false);
  clouds.github.fault = undefined;
  expect((await getTls(url)).status).toBe(401);
});

test("closing ends tunnels that hang, and leaves no file", async () => {
  clouds.github.fault = () => "hang-before-headers";
  const { ACTIONS_ID_TOKEN_REQUEST_URL: url } = clouds.github.startJob().environment;
  const idle = await secure("sts.amazonaws.com");
  const closed = new Promise((resolve) => idle.on("close", resolve));
  idle.on("error", () => undefined);
  const hanging = getTls(url).catch((error: NodeJS.ErrnoException) => error.code);
  while (clouds.github.requests.length === 0) await new Promise((resolve) => setTimeout(resolve, 10));
  await clouds.close();
  await closed;
  expect(await hanging).toBe("ECONNRESET");
  expect(existsSync(tls.caFile)).toBe(false);
});

test("the certificates are what strict clients ask for", () => {
  const authority = makeAuthority();
  const ca = new X509Certificate(authority.certificate);
  const { cert, key } = authority.issue("sts.amazonaws.com");
  const leaf = new X509Certificate(cert);
  expect([ca.ca, leaf.ca]).toEqual([true, false]);
  expect(ca.verify(ca.publicKey) && leaf.verify(ca.publicKey) && leaf.checkIssued(ca)).toBe(true);
  expect(leaf.subjectAltName).toBe("DNS:sts.amazonaws.com");
  expect(leaf.keyUsage).toEqual(["1.3.6.1.5.5.7.3.1"]);
  expect(leaf.checkHost("sts.amazonaws.com")).toBe("sts.amazonaws.com");
  expect(createPrivateKey(key).asymmetricKeyType).toBe("ec");
  const hours = (a: string, b: string) => Math.round((Date.parse(b) - Date.parse(a)) / 3_600_000);
  expect(hours(leaf.validFrom, leaf.validTo)).toBe(72);
  expect(leaf.serialNumber).not.toBe(
    new X509Certificate(authority.issue("sts.amazonaws.com").cert).serialNumber,
  );
});
