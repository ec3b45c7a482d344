import { setTimeout as sleep } from "node:timers/promises";
import {
  AssumeRoleCommand,
  AssumeRoleWithWebIdentityCommand,
  type AssumeRoleWithWebIdentityCommandInput,
  type Credentials,
  GetCallerIdentityCommand,
  STSClient,
  type STSClientConfig,
} from "@aws-sdk/client-sts";
import { afterEach, beforeEach, expect, test } from "@jest/globals";
import { type Clouds, startClouds } from "../../harness/clouds/clouds.ts";
import type { CloudJob, GitHubCloud } from "../../harness/clouds/github.ts";
import { trustGitHub } from "../../harness/clouds/trust.ts";

const ACCOUNT = "111122223333";
const ROLE = `arn:aws:iam::${ACCOUNT}:role/ci/deploy`;
const AUDITOR = "arn:aws:iam::444455556666:role/audit";

let clouds: Clouds;
let job: CloudJob;
let opened: STSClient[];

beforeEach(async () => {
  clouds = await startClouds();
  clouds.sts.addRole({ arn: ROLE, trust: trustGitHub(ACCOUNT, "repo:octo-org/octo-repo:*") });
  job = clouds.github.startJob();
  opened = [];
});

afterEach(async () => {
  for (const sts of opened) sts.destroy();
  await clouds.close();
});

function client(config: STSClientConfig = {}): STSClient {
  const sts = new STSClient({ region: "eu-west-1", endpoint: clouds.sts.url, maxAttempts: 1, ...config });
  opened.push(sts);
  return sts;
}

async function idToken(audience = "sts.amazonaws.com"): Promise<string> {
  const { ACTIONS_ID_TOKEN_REQUEST_URL: url, ACTIONS_ID_TOKEN_REQUEST_TOKEN: token } = job.environment;
  const response = await fetch(`${url}&audience=${audience}`, {
    headers: { authorization: `Bearer ${token}` },
  });
  return ((await response.json()) as { value: string }).value;
}

async function assume(input: Partial<AssumeRoleWithWebIdentityCommandInput> = {}) {
  const WebIdentityToken = input.WebIdentityToken ?? (await idToken());
  return client().send(
    new AssumeRoleWithWebIdentityCommand({
      RoleArn: ROLE,
      RoleSessionName: "run-1",
      ...input,
      WebIdentityToken,
    }),
  );
}

/** SDK credentials of an answer. */
function keys(credentials: Credentials | undefined) {
  const { AccessKeyId = "", SecretAccessKey = "", SessionToken = "" } = credentials ?? {};
  return { accessKeyId: AccessKeyId, secretAccessKey: SecretAccessKey, sessionToken: SessionToken };
}

function whoAmI(config: STSClientConfig) {
  return client(config).send(new GetCallerIdentityCommand({}));
}

/** What an SDK makes of a refusal. */
function refusal(name: string, status: number, message: string | RegExp) {
  const text = typeof message === "string" ? message : expect.stringMatching(message);
  return {
    name,
    message: text,
    $metadata: { httpStatusCode: status, requestId: expect.stringMatching(/^[0-9a-f-]{36}$/) },
  };
}

test("a web identity gets a session of the role, and the session says who it is", async () => {
  const { Credentials, ...answer } = await assume();
  expect(answer).toMatchObject({
    SubjectFromWebIdentityToken: "repo:octo-org/octo-repo:ref:refs/heads/main",
    AssumedRoleUser: {
      Arn: `arn:aws:sts::${ACCOUNT}:assumed-role/deploy/run-1`,
      AssumedRoleId: expect.stringMatching(/^AROA.{16}:run-1$/),
    },
    Provider: `arn:aws:iam::${ACCOUNT}:oidc-provider/token.actions.githubusercontent.com`,
    Audience: "sts.amazonaws.com",
  });
  const life = (Credentials?.Expiration?.getTime() ?? 0) - Date.now();
  expect(life).toBeGreaterThan(3_500_000);
  expect(life).toBeLessThanOrEqual(3_600_000);

  const identity = await whoAmI({ credentials: keys(Credentials) });
  expect(identity).toMatchObject({
    Account: ACCOUNT,
    Arn: answer.AssumedRoleUser?.Arn,
    UserId: answer.AssumedRoleUser?.AssumedRoleId,
  });

  expect(clouds.sts.requests).toMatchObject([
    {
      action: "AssumeRoleWithWebIdentity",
      role: ROLE,
      sessionName: "run-1",
      caller: job.claims.sub,
      status: 200,
      error: undefined,
    },
    {
      action: "GetCallerIdentity",
      caller: answer.AssumedRoleUser?.Arn,
      status: 200,
      host: clouds.sts.url.slice("http://".length),
    },
  ]);
  expect(clouds.sts.requests[0]?.sessionExpires).toBe(Credentials?.Expiration?.getTime());
  expect(JSON.stringify(clouds.sts.requests)).not.toContain(keys(Credentials).sessionToken.slice(0, 20));
});

test("the query protocol by GET, and the answer's exact form", async () => {
  const query = new URLSearchParams({
    Action: "AssumeRoleWithWebIdentity",
    Version: "2011-06-15",
    RoleArn: ROLE,
    RoleSessionName: "run-1",
    WebIdentityToken: await idToken(),
  });
  const response = await fetch(`${clouds.sts.url}/?${query}`);
  expect([response.status, response.headers.get("content-type")]).toEqual([200, "text/xml"]);
  const body = await response.text();
  expect(body).toContain(
    '<AssumeRoleWithWebIdentityResponse xmlns="https://sts.amazonaws.com/doc/2011-06-15/">\n  <AssumeRoleWithWebIdentityResult>\n',
  );
  expect(body).toMatch(/<Expiration>\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ<\/Expiration>/);
  expect(body).toContain(
    `<ResponseMetadata>\n    <RequestId>${response.headers.get("x-amzn-requestid")}</RequestId>`,
  );
});

test("an error's exact form", async () => {
  const response = await fetch(`${clouds.sts.url}/?Action=<Nothing>&Version=2011-06-15`);
  expect([response.status, response.headers.get("content-type")]).toEqual([400, "text/xml"]);
  expect(await response.text()).toBe(`<ErrorResponse xmlns="https://sts.amazonaws.com/doc/2011-06-15/">
  <Error>
    <Type>Sender</Type>
    <Code>InvalidAction</Code>
    <Message>Could not find operation &lt;Nothing&gt; for version 2011-06-15</Message>
  </Error>
  <RequestId>${response.headers.get("x-amzn-requestid")}</RequestId>
</ErrorResponse>
`);
});

/** Sets the fault of the next ID tokens, then assumes the role with one. */
async function assumeWith(fault: ReturnType<NonNullable<GitHubCloud["fault"]>>) {
  clouds.github.fault = () => fault;
  return assume();
}

test("an ID token is refused for what is wrong with it, in the service's words", async () => {
  await expect(assumeWith("other-audience")).rejects.toMatchObject(
    refusal("InvalidIdentityTokenException", 400, "Incorrect token audience"),
  );
  await expect(assumeWith("expired-token")).rejects.toMatchObject(
    refusal(
      "ExpiredTokenException",
      400,
      /^Token expired: current date\/time \d+ must be before the expiration date\/time\d+$/,
    ),
  );
  await expect(assumeWith("future-token")).rejects.toMatchObject(
    refusal("InvalidIdentityTokenException", 400, /^Token not yet valid/),
  );
  await expect(assumeWith("bad-signature")).rejects.toMatchObject(
    refusal("InvalidIdentityTokenException", 400, "Invalid token signature"),
  );
  await expect(assumeWith("not-a-jwt")).rejects.toMatchObject(
    refusal("InvalidIdentityTokenException", 400, /^The ID Token provided is not a valid JWT/),
  );
  for (const claim of ["aud", "sub", "exp", "iat"]) {
    await expect(assumeWith({ claims: { [claim]: undefined } })).rejects.toMatchObject(
      refusal("InvalidIdentityTokenException", 400, `Missing a required claim: ${claim}`),
    );
  }
  await expect(assumeWith({ claims: { iss: "https://other.example" } })).rejects.toMatchObject(
    refusal(
      "InvalidIdentityTokenException",
      400,
      "No OpenIDConnect provider found in your account for https://other.example",
    ),
  );
  expect(clouds.sts.requests.every(({ sessionExpires }) => sessionExpires === undefined)).toBe(true);
});

test("an ID token lives to its second and no longer", async () => {
  clouds.github.idTokenSeconds = 2;
  const token = await idToken();
  await assume({ WebIdentityToken: token });
  await sleep((clouds.github.requests[0]?.issued?.exp ?? 0) * 1000 - Date.now() + 1);
  await expect(assume({ WebIdentityToken: token })).rejects.toMatchObject({ name: "ExpiredTokenException" });
});

test("the account must know the provider, and the provider the audience", async () => {
  const provider = clouds.sts.providers.get(ACCOUNT);
  provider?.clientIds.push("https://custom.example");
  const trust = trustGitHub(ACCOUNT, "repo:*", "https://custom.example");
  clouds.sts.addRole({ arn: ROLE, trust });
  await assume({ WebIdentityToken: await idToken("https://custom.example") });

  clouds.sts.providers.delete(ACCOUNT);
  await expect(assume()).rejects.toMatchObject(
    refusal(
      "InvalidIdentityTokenException",
      400,
      `No OpenIDConnect provider found in your account for ${clouds.github.issuer}`,
    ),
  );
  clouds.sts.providers.set(ACCOUNT, { issuer: "https://gone.example", name: "gone.example", clientIds: [] });
  await expect(assumeWith({ claims: { iss: "https://gone.example" } })).rejects.toMatchObject(
    refusal(
      "InvalidIdentityTokenException",
      400,
      /^Couldn't retrieve verification key from your identity provider/,
    ),
  );
});

test("the trust policy decides on the claims; a role that does not exist is refused in the same words", async () => {
  const denied = refusal("AccessDenied", 403, "Not authorized to perform sts:AssumeRoleWithWebIdentity");
  job = clouds.github.startJob({ repository: "octo-org/other" });
  await expect(assume()).rejects.toMatchObject(denied);
  await expect(assume({ RoleArn: `arn:aws:iam::${ACCOUNT}:role/absent` })).rejects.toMatchObject(denied);

  const [statement] = [trustGitHub(ACCOUNT, "repo:*").Statement].flat();
  if (statement === undefined) throw new Error("no statement");
  const condition = {
    StringEquals: { "token.actions.githubusercontent.com:job_workflow_ref": job.claims.job_workflow_ref },
  };
  clouds.sts.addRole({ arn: ROLE, trust: { Statement: { ...statement, Condition: condition } } });
  await assume();
  clouds.sts.addRole({
    arn: ROLE,
    trust: {
      Statement: { ...statement, Principal: { Federated: "arn:aws:iam::000000000000:oidc-provider/x" } },
    },
  });
  await expect(assume()).rejects.toMatchObject(denied);
});

test("parameters are checked against their grammar, all violations in one answer", async () => {
  await expect(assume({ RoleSessionName: "a b", DurationSeconds: 899 })).rejects.toMatchObject(
    refusal(
      "ValidationError",
      400,
      "2 validation errors detected: Value 'a b' at 'roleSessionName' failed to satisfy constraint: Member must satisfy regular expression " +
        "pattern: [\\w+=,.@-]*; Value '899' at 'durationSeconds' failed to satisfy constraint: Member must have value greater than or equal to 900",
    ),
  );
  await expect(assume({ RoleSessionName: "x" })).rejects.toMatchObject(
    refusal("ValidationError", 400, /length greater than or equal to 2$/),
  );
  await expect(assume({ RoleSessionName: "x".repeat(65) })).rejects.toMatchObject(
    refusal("ValidationError", 400, /^1 validation error detected.*length less than or equal to 64$/),
  );
  await expect(assume({ DurationSeconds: 43_201 })).rejects.toMatchObject(
    refusal("ValidationError", 400, /less than or equal to 43200$/),
  );
  await expect(assume({ DurationSeconds: 900.5 })).rejects.toMatchObject(
    refusal("ValidationError", 400, /'900.5' at 'durationSeconds'/),
  );
  await expect(assume({ DurationSeconds: 3601 })).rejects.toMatchObject(
    refusal(
      "ValidationError",
      400,
      "The requested DurationSeconds exceeds the MaxSessionDuration set for this role.",
    ),
  );
  await expect(assume({ RoleArn: `arn:aws:iam::${ACCOUNT}:user/x` })).rejects.toMatchObject(
    refusal("ValidationError", 400, "Request ARN is invalid"),
  );
  for (const Policy of ["{", "{}", "null", '{"Statement":"x"}'])
    await expect(assume({ Policy })).rejects.toMatchObject(
      refusal("MalformedPolicyDocumentException", 400, "Syntax errors in policy."),
    );
});

test("a session lives as long as asked for, within the role's limit, unless the cloud says otherwise", async () => {
  const life = async (seconds?: number) => {
    const before = Date.now();
    const { Credentials } = await assume(seconds === undefined ? {} : { DurationSeconds: seconds });
    return Math.round(((Credentials?.Expiration?.getTime() ?? 0) - before) / 60_000);
  };
  clouds.sts.addRole({ arn: ROLE, trust: trustGitHub(ACCOUNT, "repo:*"), maxSessionSeconds: 7200 });
  expect(await life()).toBe(60);
  expect(await life(900)).toBe(15);
  expect(await life(7200)).toBe(120);
  clouds.sts.sessionSeconds = 600;
  expect(await life(7200)).toBe(10);
});

test("an expired session is refused with ExpiredToken", async () => {
  clouds.sts.sessionSeconds = 2;
  const { Credentials } = await assume();
  const credentials = keys(Credentials);
  await whoAmI({ credentials });
  await sleep((Credentials?.Expiration?.getTime() ?? 0) - Date.now() + 1);
  await expect(whoAmI({ credentials })).rejects.toMatchObject(
    refusal("ExpiredToken", 403, "The security token included in the request is expired"),
  );
  expect(clouds.sts.requests.at(-1)).toMatchObject({ status: 403, error: "ExpiredToken", caller: undefined });
});

test("a signature must be right in every part", async () => {
  const { accessKeyId, secretAccessKey } = clouds.sts.addUser();
  const credentials = { accessKeyId, secretAccessKey };
  const other = clouds.sts.addUser();
  const mismatch = refusal(
    "SignatureDoesNotMatch",
    403,
    /^The request signature we calculated does not match the signature you provided/,
  );
  const invalid = refusal(
    "InvalidClientTokenId",
    403,
    "The security token included in the request is invalid.",
  );

  expect((await whoAmI({ credentials })).Arn).toBe("arn:aws:iam::111122223333:user/somebody");
  await expect(
    whoAmI({ credentials: { ...credentials, secretAccessKey: other.secretAccessKey } }),
  ).rejects.toMatchObject(mismatch);
  await expect(
    whoAmI({ credentials: { ...credentials, accessKeyId: `${accessKeyId}X` } }),
  ).rejects.toMatchObject(invalid);
  await expect(whoAmI({ credentials: { ...credentials, sessionToken: "none" } })).rejects.toMatchObject(
    invalid,
  );

  const session = keys((await assume()).Credentials);
  const another = keys((await assume()).Credentials);
  await expect(
    whoAmI({ credentials: { ...session, sessionToken: another.sessionToken } }),
  ).rejects.toMatchObject(invalid);
  await expect(
    whoAmI({ credentials: { ...session, sessionToken: `${session.sessionToken}x` } }),
  ).rejects.toMatchObject(invalid);
  await expect(
    whoAmI({ credentials: { accessKeyId: session.accessKeyId, secretAccessKey: session.secretAccessKey } }),
  ).rejects.toMatchObject(invalid);
});

test("what was signed must be what arrives", async () => {
  const credentials = clouds.sts.addUser();
  const tampered = (
    change: (request: {
      body: string;
      headers: Record<string, string>;
      query: Record<string, string>;
    }) => void,
  ) => {
    const sts = client({ credentials });
    const middleware = (next: (args: never) => Promise<never>) => (args: { request: never }) => {
      change(args.request);
      return next(args as never);
    };
    sts.middlewareStack.add(middleware as never, { step: "deserialize", name: "tamper" });
    return sts.send(new GetCallerIdentityCommand({}));
  };
  await tampered(() => undefined);
  // Each is legal by itself and harmless to the meaning: only the signature can object.
  const changes: Parameters<typeof tampered>[0][] = [
    (request) => {
      request.body += "&";
      request.headers["content-length"] = String(request.body.length);
    },
    (request) => {
      request.headers["content-type"] += "; charset=utf-8";
    },
    (request) => {
      request.query.x = "1";
    },
  ];
  for (const change of changes) {
    await expect(tampered(change)).rejects.toMatchObject({
      name: "SignatureDoesNotMatch",
      message: expect.stringMatching(/^The request signature we calculated/),
    });
  }
  // Without a host among the signed headers a request could be replayed elsewhere.
  await expect(
    tampered((request) => {
      request.headers.authorization = request.headers.authorization?.replace("host;", "") ?? "";
    }),
  ).rejects.toMatchObject({
    name: "SignatureDoesNotMatch",
    message: expect.stringContaining("must be a 'SignedHeader'"),
  });
});

test("the record tells connections apart", async () => {
  const credentials = clouds.sts.addUser();
  const patient = client({ credentials });
  await patient.send(new GetCallerIdentityCommand({}));
  await patient.send(new GetCallerIdentityCommand({}));
  await whoAmI({ credentials });
  expect(clouds.sts.requests.map(({ connection }) => connection)).toEqual([1, 1, 2]);
});

test("an unsigned or half-signed request is told what it lacks", async () => {
  const ask = async (headers: Record<string, string>) => {
    const response = await fetch(`${clouds.sts.url}/?Action=GetCallerIdentity&Version=2011-06-15`, {
      headers,
    });
    return `${response.status} ${/<Code>(.*)<\/Code>/.exec(await response.text())?.[1]}`;
  };
  expect(await ask({})).toBe("403 MissingAuthenticationToken");
  expect(await ask({ authorization: "Bearer x" })).toBe("400 IncompleteSignature");
  expect(await ask({ authorization: "AWS4-HMAC-SHA256 Credential=a/b/c/d/e, SignedHeaders=host" })).toBe(
    "400 IncompleteSignature",
  );
  expect(
    await ask({ authorization: "AWS4-HMAC-SHA256 Credential=a/b/c, SignedHeaders=host, Signature=00" }),
  ).toBe("400 IncompleteSignature");
  const known = `AWS4-HMAC-SHA256 Credential=${clouds.sts.addUser().accessKeyId}/20260101/eu-west-1/sts/aws4_request, SignedHeaders=host, Signature=00`;
  // fetch sends no Date.
  expect(await ask({ authorization: known })).toBe("400 IncompleteSignature");
});

test("scope and clock are checked", async () => {
  const credentials = clouds.sts.addUser();
  await expect(whoAmI({ credentials, region: "Europe" })).rejects.toMatchObject({
    message: expect.stringMatching(/scoped to a valid region/),
  });
  await expect(whoAmI({ credentials, systemClockOffset: -16 * 60_000 })).rejects.toMatchObject(
    refusal(
      "SignatureDoesNotMatch",
      403,
      /^Signature expired: \d{8}T\d{6}Z is now earlier than \d{8}T\d{6}Z \(\d{8}T\d{6}Z - 15 min\.\)$/,
    ),
  );
  await expect(whoAmI({ credentials, systemClockOffset: 16 * 60_000 })).rejects.toMatchObject({
    message: expect.stringMatching(/^Signature not yet current/),
  });
  clouds.sts.skewSeconds = 20 * 60;
  await whoAmI({ credentials, systemClockOffset: 16 * 60_000 });
});

test("a chain: the session of one role assumes another, as that role's trust policy wants it", async () => {
  const assumeAuditor = (credentials: STSClientConfig["credentials"], input = {}) =>
    client(credentials ? { credentials } : {}).send(
      new AssumeRoleCommand({ RoleArn: AUDITOR, RoleSessionName: "run-2", ExternalId: "id:1", ...input }),
    );
  const trust = (principal: string) => ({
    Statement: {
      Effect: "Allow" as const,
      Principal: { AWS: principal },
      Action: "sts:AssumeRole",
      Condition: { StringEquals: { "sts:ExternalId": "id:1" } },
    },
  });
  clouds.sts.addRole({ arn: AUDITOR, trust: trust(ROLE), maxSessionSeconds: 43_200 });
  const session = await assume();
  const credentials = keys(session.Credentials);
  const denied = refusal(
    "AccessDenied",
    403,
    `User: arn:aws:sts::${ACCOUNT}:assumed-role/deploy/run-1 is not authorized to perform: sts:AssumeRole on resource: ${AUDITOR}`,
  );

  const chained = await assumeAuditor(credentials);
  expect(chained.AssumedRoleUser?.Arn).toBe("arn:aws:sts::444455556666:assumed-role/audit/run-2");
  expect((await whoAmI({ credentials: keys(chained.Credentials) })).Arn).toBe(chained.AssumedRoleUser?.Arn);
  expect(clouds.sts.requests.at(-2)).toMatchObject({
    action: "AssumeRole",
    role: AUDITOR,
    sessionName: "run-2",
    caller: session.AssumedRoleUser?.Arn,
  });

  await expect(assumeAuditor(credentials, { ExternalId: "id:2" })).rejects.toMatchObject(denied);
  await expect(assumeAuditor(credentials, { ExternalId: "id 1" })).rejects.toMatchObject(
    refusal("ValidationError", 400, /'externalId'/),
  );
  await expect(assumeAuditor(credentials, { DurationSeconds: 3601 })).rejects.toMatchObject(
    refusal("ValidationError", 400, /role chaining$/),
  );
  for (const principal of [
    `arn:aws:iam::${ACCOUNT}:root`,
    ACCOUNT,
    session.AssumedRoleUser?.Arn ?? "",
    "*",
  ]) {
    clouds.sts.addRole({ arn: AUDITOR, trust: trust(principal) });
    await assumeAuditor(credentials);
  }
  clouds.sts.addRole({ arn: AUDITOR, trust: trust("arn:aws:iam::111122223333:role/other") });
  await expect(assumeAuditor(credentials)).rejects.toMatchObject(denied);

  const user = clouds.sts.addUser({ arn: "arn:aws:iam::444455556666:user/ops" });
  clouds.sts.addRole({ arn: AUDITOR, trust: trust(user.arn), maxSessionSeconds: 43_200 });
  await assumeAuditor(user, { DurationSeconds: 43_200 });
});

test("a role is refused that could not exist", () => {
  expect(() => clouds.sts.addRole({ arn: "arn:aws:iam::1:role/x", trust: trustGitHub("1", "*") })).toThrow(
    "not a role ARN",
  );
  const trust = {
    Statement: { Effect: "Allow", Principal: "*", Action: "*", Condition: { Odd: {} } },
  } as const;
  expect(() => clouds.sts.addRole({ arn: ROLE, trust })).toThrow("unknown condition operator");
});
