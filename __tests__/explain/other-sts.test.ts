// Behind the input sts-endpoint, no text is about AWS.
import { describe, expect, test } from "@jest/globals";
import type { Failure } from "../../src/base/network.ts";
import type { StsSituation } from "../../src/explain/asked.ts";
import { explainSts, type Read } from "./read.ts";

const HOST = "minio.example.com:9000";
const AZP = "STS JWT Token has `azp` claim invalid, `azp` must match configured OpenID Client ID";

function explain(
  failure: Omit<Failure, "message"> & { message?: string },
  more: Partial<StsSituation> = {},
): Read {
  return explainSts(
    { message: "x", httpStatus: 400, ...failure },
    { stsEndpoint: `https://${HOST}`, endpointHost: HOST, roleArn: "arn:minio:iam:::role/x", ...more },
  );
}

const CASES: [
  failure: Omit<Failure, "message"> & { message?: string },
  anchor: string,
  title: string,
  has: string,
][] = [
  [
    { kind: "denied", code: "AccessDenied" },
    "access-denied",
    `${HOST} refused to let this job assume arn:minio:iam:::role/x with sub "repo:octo/app:ref:refs/heads/main". Likely cause: its rules do not accept that sub, or it has no such role.`,
    'has no role "arn:minio:iam:::role/x"',
  ],
  [
    { kind: "denied", code: "InvalidParameterValue", message: AZP },
    "audience-not-registered",
    `${HOST} does not accept the audience "sts.amazonaws.com"`,
    "Fix: set the input audience to that client ID.",
  ],
  [
    { kind: "denied", code: "InvalidParameterValue", message: AZP.replaceAll("azp", "aud") },
    "audience-not-registered",
    `${HOST} does not accept the audience "sts.amazonaws.com"`,
    "MINIO_IDENTITY_OPENID_CLIENT_ID",
  ],
  [
    { kind: "denied", code: "InvalidParameterValue" },
    "sts-other",
    `${HOST} refused the exchange: InvalidParameterValue`,
    "read the documentation of that server",
  ],
  [{ kind: "denied" }, "sts-other", `${HOST} refused the exchange: no error code`, "follow the message"],
  [
    { kind: "denied", code: "ExpiredTokenException" },
    "id-token-expired",
    `${HOST} considers the ID token expired`,
    "the clock of that server",
  ],
  [
    { kind: "denied", code: "InvalidParameterValue", message: "Token is expired" },
    "id-token-expired",
    `${HOST} considers the ID token expired`,
    "the clock of that server",
  ],
  [
    { kind: "denied", code: "InvalidParameterValue", message: "Token used before issued" },
    "id-token-expired",
    `${HOST} considers the ID token not valid yet`,
    "the clock of that server is slow",
  ],
  [
    { kind: "denied", code: "InvalidIdentityToken" },
    "id-token-rejected",
    `${HOST} rejected the ID token`,
    "\n  iss ",
  ],
  [
    { kind: "denied", code: "IDPRejectedClaim" },
    "id-token-rejected",
    `${HOST} rejected the ID token`,
    "the OpenID configuration of that server",
  ],
  [
    { kind: "denied", code: "PackedPolicyTooLargeException" },
    "session-policy",
    `${HOST} rejected the session policy`,
    "not every server supports them",
  ],
  [
    { kind: "throttled", httpStatus: 429 },
    "sts-throttled",
    `${HOST} refuses requests because it gets too many`,
    "max-parallel",
  ],
  [
    { kind: "server-error", httpStatus: 503 },
    "sts-unavailable",
    `${HOST} is not available: HTTP 503`,
    "the log of that server",
  ],
  [
    { kind: "provider", code: "IDPCommunicationError" },
    "provider-not-reached",
    `${HOST} could not reach the identity provider`,
    'let that server reach "https://token.actions.githubusercontent.com"',
  ],
  [
    { kind: "malformed" },
    "sts-malformed",
    `${HOST} did not return an STS response`,
    `curl -v https://${HOST}`,
  ],
  [
    { kind: "unreachable", code: "ECONNREFUSED" },
    "sts-unreachable",
    `${HOST} cannot be reached: ECONNREFUSED`,
    `The server in sts-endpoint is not running`,
  ],
  [
    { kind: "unknown-name", code: "ENOTFOUND" },
    "sts-host-not-found",
    "The name minio.example.com cannot be resolved: ENOTFOUND",
    "Cause: sts-endpoint is misspelled",
  ],
  [
    { kind: "dns", code: "EAI_AGAIN" },
    "sts-host-not-found",
    "DNS did not answer for the name minio.example.com: EAI_AGAIN",
    "nslookup",
  ],
  [
    { kind: "not-tls", code: "EPROTO" },
    "not-tls",
    `${HOST} did not answer with TLS: EPROTO`,
    "correct the port in sts-endpoint",
  ],
  [
    { kind: "proxy" },
    "proxy-refused",
    `The proxy refused to connect this runner to ${HOST}`,
    `allow ${HOST} in`,
  ],
];

describe("behind sts-endpoint", () => {
  test.each(CASES)("%j", (failure, anchor, title, has) => {
    const explanation = explain(failure);
    expect(explanation).toMatchObject({ anchor, title });
    expect(explanation.text).toContain(has);
    expect(explanation.text).toMatch(/^minio\.example\.com:9000: /);
    // But for the default audience, which the token has.
    const words = `${title}\n${explanation.text}`.replaceAll("sts.amazonaws.com", "");
    expect(words).not.toMatch(/\bAWS\b|\bIAM\b|CloudTrail|aws iam|aws-region|amazonaws/);
  });

  test("a VPC endpoint is AWS", () => {
    const host = "vpce-1a2b.sts.eu-west-1.vpce.amazonaws.com";
    const { title } = explain({ kind: "throttled" }, { stsEndpoint: `https://${host}`, endpointHost: host });
    expect(title).toBe("AWS is throttling STS calls");
  });

  test("a name that only begins like AWS's is not AWS", () => {
    const { title } = explain(
      { kind: "throttled" },
      { stsEndpoint: "https://sts.amazonaws.com.example.com" },
    );
    expect(title).toBe(`${HOST} refuses requests because it gets too many`);
  });
});
