import { afterEach, beforeEach, expect, test } from "@jest/globals";
import { createRemoteJWKSet, decodeJwt, decodeProtectedHeader, jwtVerify } from "jose";
import { type Clouds, startClouds } from "../../harness/clouds/clouds.ts";
import type { CloudJob, JobClaims } from "../../harness/clouds/github.ts";

let clouds: Clouds;

beforeEach(async () => {
  clouds = await startClouds();
});

afterEach(() => clouds.close());

function ask(
  job: CloudJob,
  { audience = "sts.amazonaws.com", token = job.environment.ACTIONS_ID_TOKEN_REQUEST_TOKEN } = {},
): Promise<Response> {
  return fetch(`${job.environment.ACTIONS_ID_TOKEN_REQUEST_URL}&audience=${encodeURIComponent(audience)}`, {
    headers: { authorization: `Bearer ${token}` },
  });
}

async function idToken(job: CloudJob, audience?: string): Promise<string> {
  const response = await ask(job, audience === undefined ? {} : { audience });
  return ((await response.json()) as { value: string }).value;
}

test("an ID token is signed by the issuer's published key and names the job", async () => {
  clouds.github.idTokenSeconds = 6;
  const job = clouds.github.startJob({ repository: "acme/shop", environment: "prod" });
  const response = await ask(job);
  expect(response.status).toBe(200);
  expect(response.headers.get("date")).not.toBeNull();
  const { count, value } = (await response.json()) as { count: number; value: string };
  expect(count).toBe(value.length);

  const discovery = await fetch(`${clouds.github.issuer}/.well-known/openid-configuration`);
  const { issuer, jwks_uri } = (await discovery.json()) as { issuer: string; jwks_uri: string };
  const { payload, protectedHeader } = await jwtVerify(value, createRemoteJWKSet(new URL(jwks_uri)), {
    issuer,
    audience: "sts.amazonaws.com",
  });
  expect(protectedHeader).toMatchObject({ typ: "JWT", alg: "RS256", kid: expect.any(String) });
  expect(payload).toMatchObject({
    ...job.claims,
    sub: "repo:acme/shop:environment:prod",
    repository_owner: "acme",
    job_workflow_ref: "acme/shop/.github/workflows/deploy.yml@refs/heads/main",
    jti: expect.any(String),
  });
  const { iat = 0, exp, nbf } = payload;
  expect([exp, nbf]).toEqual([iat + 6, iat - 600]);
  // The documents are not requests of a job.
  expect(clouds.github.requests).toMatchObject([
    { job, audience: "sts.amazonaws.com", count: 1, status: 200, issued: { jti: payload.jti, iat, exp } },
  ]);
});

test("tokens of one job differ and the default audience is the owner's page", async () => {
  const job = clouds.github.startJob({ repository: "acme/shop" });
  const response = await fetch(job.environment.ACTIONS_ID_TOKEN_REQUEST_URL, {
    headers: { authorization: `bearer ${job.environment.ACTIONS_ID_TOKEN_REQUEST_TOKEN}` },
  });
  const first = decodeJwt(((await response.json()) as { value: string }).value);
  expect(first.aud).toBe("https://github.com/acme");
  expect(decodeJwt(await idToken(job)).jti).not.toBe(first.jti);
});

const SUBJECTS: [string, Partial<JobClaims>, "classic" | "immutable"][] = [
  ["repo:octo-org/octo-repo:ref:refs/heads/main", {}, "classic"],
  ["repo:octo-org@65/octo-repo@74:ref:refs/heads/main", {}, "immutable"],
  ["repo:octo-org/octo-repo:ref:refs/tags/v1", { ref: "refs/tags/v1" }, "classic"],
  ["repo:octo-org/octo-repo:pull_request", { event_name: "pull_request" }, "classic"],
  ["repo:octo-org/octo-repo:ref:refs/heads/main", { event_name: "pull_request_target" }, "classic"],
  [
    "repo:octo-org/octo-repo:environment:a%3Ab",
    { event_name: "pull_request", environment: "a:b" },
    "classic",
  ],
  [
    "repo:a@1/b@2:environment:prod",
    { repository: "a/b", repository_owner_id: "1", repository_id: "2", environment: "prod" },
    "immutable",
  ],
  ["repository_owner:acme", { sub: "repository_owner:acme" }, "immutable"],
];

test.each(SUBJECTS)("the subject is %s for %j (%s)", async (subject, claims, format) => {
  expect(decodeJwt(await idToken(clouds.github.startJob(claims, format))).sub).toBe(subject);
});

test("a request token is a JWT that lives from ten minutes before the job to 6 h 10 min into it", () => {
  const { environment, requestTokenExpires } = clouds.github.startJob();
  const { nbf = 0, exp = 0 } = decodeJwt(environment.ACTIONS_ID_TOKEN_REQUEST_TOKEN);
  expect(exp).toBe(requestTokenExpires);
  expect(exp - nbf).toBe(600 + 22_200);
  expect(decodeProtectedHeader(environment.ACTIONS_ID_TOKEN_REQUEST_TOKEN).alg).toBe("RS256");
});

test("only the job's own, unexpired request token gets an ID token", async () => {
  const job = clouds.github.startJob();
  const other = clouds.github.startJob();
  const refused = async (response: Promise<Response>) => [
    (await response).status,
    await (await response).json(),
  ];
  expect(await refused(ask(job, { token: other.environment.ACTIONS_ID_TOKEN_REQUEST_TOKEN }))).toMatchObject([
    401,
    {},
  ]);
  expect(await refused(ask(job, { token: "nonsense" }))).toMatchObject([
    401,
    { errorMessage: "token is invalid" },
  ]);
  // An ID token is signed by GitHub too, but it is no request token.
  expect(await refused(ask(job, { token: await idToken(job) }))).toMatchObject([
    401,
    { errorMessage: "token is invalid" },
  ]);

  clouds.github.requestTokenSeconds = 0;
  expect(await refused(ask(clouds.github.startJob()))).toMatchObject([
    401,
    { errorMessage: "token is expired" },
  ]);
  expect((await ask(job)).status).toBe(200);
});

test("a job that is not in progress gets no ID token", async () => {
  const job = clouds.github.startJob();
  job.delayStart({ requests: 2 });
  const statuses = [];
  for (let i = 0; i < 3; i++) statuses.push((await ask(job)).status);
  expect(statuses).toEqual([403, 403, 200]);

  job.delayStart({ ms: 3_600_000 });
  expect((await ask(job)).status).toBe(403);
  job.delayStart({ ms: 0 });
  expect((await ask(job)).status).toBe(200);

  job.finish();
  expect((await ask(job)).status).toBe(403);
  expect(clouds.github.requests.map(({ count, issued }) => [count, issued !== undefined])).toEqual([
    [1, false],
    [2, false],
    [3, true],
    [4, false],
    [5, true],
    [6, false],
  ]);
});

test("an unknown path is refused and recorded without a job", async () => {
  expect((await fetch(`${clouds.github.url}/idtoken`)).status).toBe(404);
  expect(clouds.github.requests).toMatchObject([{ job: undefined, path: "/idtoken", status: 404 }]);
});
