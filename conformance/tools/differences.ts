/** The same exchanges at harness/clouds and at MinIO: what one accepts and the other refuses. */
import { trustGitHub } from "../../harness/clouds/trust.ts";
import { roleOf } from "./minio.ts";
import type { Scene } from "./real.ts";

type Accepted = "both" | "neither" | "clouds" | "MinIO";

interface Request {
  accepted: Accepted;
  /** In place of the right ones; undefined leaves one out. */
  parameters?: Record<string, string | undefined>;
  claims?: Record<string, unknown>;
}

const AUDIENCE = "sts.amazonaws.com";
const ROLE = "arn:aws:iam::111122223333:role/differences";
const policy = (statement: object, version = "2012-10-17"): string =>
  JSON.stringify({ Version: version || undefined, Statement: [statement] });
const ALLOW = { Effect: "Allow", Action: "s3:*", Resource: "*" };
const now = (): number => Math.floor(Date.now() / 1000);

/** AWS is taken to answer as harness/clouds does; MinIO shows what another server makes of it. */
const requests = (): Record<string, Request> => ({
  "as it should be": { accepted: "both" },
  "two audiences": { accepted: "both", claims: { aud: [AUDIENCE, "other.example"] } },
  "another audience": { accepted: "neither", claims: { aud: "other.example" } },
  "no audience": { accepted: "neither", claims: { aud: undefined } },
  "no sub": { accepted: "neither", claims: { sub: undefined } },
  "no exp": { accepted: "neither", claims: { exp: undefined } },
  "exp in the past": { accepted: "neither", claims: { exp: now() - 2 } },
  "nbf in the future": { accepted: "neither", claims: { nbf: now() + 30 } },
  "iat in the future": { accepted: "clouds", claims: { iat: now() + 30 } },
  "no iat": { accepted: "MinIO", claims: { iat: undefined } },
  "another issuer, with the same key": { accepted: "MinIO", claims: { iss: "https://other.example" } },
  "no token": { accepted: "neither", parameters: { WebIdentityToken: undefined } },
  "no role": { accepted: "neither", parameters: { RoleArn: undefined } },
  "no session name": { accepted: "MinIO", parameters: { RoleSessionName: undefined } },
  "a session name with a space": { accepted: "MinIO", parameters: { RoleSessionName: "a b" } },
  "899 seconds": { accepted: "neither", parameters: { DurationSeconds: "899" } },
  "900 seconds": { accepted: "both", parameters: { DurationSeconds: "900" } },
  "9e2 seconds": { accepted: "neither", parameters: { DurationSeconds: "9e2" } },
  "43200 seconds": { accepted: "both", parameters: { DurationSeconds: "43200" } },
  "43201 seconds": { accepted: "MinIO", parameters: { DurationSeconds: "43201" } },
  "a policy": { accepted: "both", parameters: { Policy: policy(ALLOW) } },
  "a policy that is not JSON": { accepted: "neither", parameters: { Policy: "{" } },
  "a policy without statements": { accepted: "neither", parameters: { Policy: "{}" } },
  "a policy without a version": { accepted: "clouds", parameters: { Policy: policy(ALLOW, "") } },
  "a policy for another service": {
    accepted: "clouds",
    parameters: { Policy: policy({ ...ALLOW, Action: "sqs:SendMessage" }) },
  },
  "a policy that is too long": {
    accepted: "neither",
    parameters: { Policy: policy({ ...ALLOW, Sid: "x".repeat(2048) }) },
  },
  "another version of the API": { accepted: "neither", parameters: { Version: "2012-01-01" } },
});

export async function compare({ world: { clouds, minio }, cloudJob, facts, faults }: Scene): Promise<void> {
  clouds.sts.addRole({ arn: ROLE, trust: trustGitHub("111122223333", "repo:*"), maxSessionSeconds: 43_200 });
  const differences: string[] = [];
  for (const [name, request] of Object.entries(requests())) {
    const { value } = clouds.github.issue(cloudJob, AUDIENCE, { claims: request.claims ?? {} });
    const ours = await exchange(clouds.sts.url, ROLE, value, request);
    const theirs = await exchange(minio.url, roleOf(AUDIENCE), value, request);
    const accepted = ours ? (theirs ? "both" : "clouds") : theirs ? "MinIO" : "neither";
    if (accepted !== request.accepted)
      faults.push(`${name}: accepted by ${accepted}, expected ${request.accepted}`);
    if (ours !== theirs) differences.push(`${name} (${accepted})`);
  }
  facts.push(`accepted by one only: ${differences.join(", ")}`);
}

async function exchange(url: string, role: string, token: string, request: Request): Promise<boolean> {
  const parameters = {
    Action: "AssumeRoleWithWebIdentity",
    Version: "2011-06-15",
    RoleArn: role,
    RoleSessionName: "differences",
    WebIdentityToken: token,
    ...request.parameters,
  };
  const given = Object.entries(parameters).filter(
    (entry): entry is [string, string] => entry[1] !== undefined,
  );
  const { ok, body } = await fetch(url, {
    method: "POST",
    body: new URLSearchParams(given),
    signal: AbortSignal.timeout(30_000),
  });
  await body?.cancel();
  return ok;
}
