import { describe, expect, test } from "@jest/globals";
import type { Failure, FailureKind } from "../../src/base/network.ts";
import { findProxy } from "../../src/base/proxy.ts";
import { explainStsFailure } from "../../src/explain/sts.ts";
import { ARN, explainSts, HOST, situation } from "./read.ts";

/** Every refusal of STS and every failure to ask it, with what the text must have. */
const STS_CASES: [
  kind: FailureKind,
  code: string,
  message: string,
  httpStatus: number | undefined,
  anchor: string,
  has: string,
][] = [
  ["denied", "AccessDenied", "Not authorized", 403, "access-denied", "aws iam get-role --role-name deploy"],
  [
    "denied",
    "InvalidIdentityToken",
    `No OpenIDConnect provider found in your account for https://${HOST}`,
    400,
    "no-identity-provider",
    `aws iam create-open-id-connect-provider --url https://${HOST} --client-id-list sts.amazonaws.com`,
  ],
  [
    "denied",
    "InvalidIdentityTokenException",
    "Incorrect token audience",
    400,
    "audience-not-registered",
    `aws iam get-open-id-connect-provider --open-id-connect-provider-arn ${ARN} --query ClientIDList`,
  ],
  [
    "provider",
    "InvalidIdentityToken",
    "Couldn't retrieve verification key from your identity provider",
    400,
    "verification-key",
    `curl --fail https://${HOST}/.well-known/openid-configuration`,
  ],
  [
    "denied",
    "InvalidIdentityToken",
    "OpenIDConnect provider's HTTPS certificate doesn't match configured thumbprint",
    400,
    "provider-thumbprint",
    "--query ThumbprintList",
  ],
  [
    "denied",
    "InvalidIdentityToken",
    "The ID Token provided is not a valid JWT.",
    400,
    "id-token-rejected",
    `aws iam get-open-id-connect-provider --open-id-connect-provider-arn ${ARN}`,
  ],
  ["denied", "IDPRejectedClaim", "x", 403, "id-token-rejected", "Fix: run the job again"],
  [
    "denied",
    "ExpiredTokenException",
    "Token expired: current date/time 1 must be before the expiration date/time 0",
    400,
    "id-token-expired",
    "the token lives 300 s",
  ],
  ["provider", "IDPCommunicationError", "x", 400, "provider-not-reached", "https://www.githubstatus.com"],
  [
    "denied",
    "RegionDisabledException",
    "x",
    403,
    "region-disabled",
    "aws account get-region-opt-status --region-name eu-west-1",
  ],
  [
    "denied",
    "MalformedPolicyDocument",
    "x",
    400,
    "session-policy",
    "with Effect, Action and Resource, without Principal",
  ],
  [
    "denied",
    "PackedPolicyTooLargeException",
    "x",
    400,
    "session-policy",
    "Fix: shorten inline-session-policy",
  ],
  [
    "denied",
    "ValidationError",
    "1 validation error detected",
    400,
    "sts-validation",
    "1 validation error detected",
  ],
  ["throttled", "Throttling", "Rate exceeded", 400, "sts-throttled", "max-parallel"],
  ["throttled", "ThrottlingException", "Rate exceeded", 400, "sts-throttled", "max-parallel"],
  ["throttled", "TooManyRequestsException", "x", 429, "sts-throttled", "max-parallel"],
  ["throttled", "Unknown", "x", 429, "sts-throttled", "max-parallel"],
  ["server-error", "ServiceUnavailable", "x", 503, "sts-unavailable", "https://health.aws.amazon.com"],
  ["denied", "Whatever", "never seen", 400, "sts-other", "never seen"],
  // A page of a proxy: the SDK finds no code in it.
  ["malformed", "Unknown", "Unknown", 403, "sts-malformed", "curl -v https://sts.eu-west-1.amazonaws.com/"],
  ["malformed", "Error", "@aws-sdk XML parse error", 404, "sts-malformed", "NO_PROXY"],
  [
    "malformed",
    "UnexpectedAnswer",
    "no session",
    200,
    "sts-malformed",
    "a proxy or a firewall answered instead",
  ],
  ["server-error", "Unknown", "Unknown", 502, "sts-unavailable", "https://health.aws.amazon.com"],
  [
    "proxy",
    "ERR_PROXY_TUNNEL",
    "Failed to establish tunnel: HTTP/1.1 407 Proxy Authentication Required",
    undefined,
    "proxy-refused",
    "Fix: allow sts.eu-west-1.amazonaws.com:443 in the proxy",
  ],
  [
    "unknown-name",
    "ENOTFOUND",
    "getaddrinfo ENOTFOUND sts.eu-wets-1.amazonaws.com",
    undefined,
    "sts-host-not-found",
    "nslookup sts.eu-wets-1.amazonaws.com",
  ],
  ["dns", "EAI_AGAIN", "x", undefined, "sts-host-not-found", "nslookup sts.eu-west-1.amazonaws.com"],
  [
    "unreachable",
    "ECONNREFUSED",
    "connect ECONNREFUSED 127.0.0.1:9",
    undefined,
    "sts-unreachable",
    "(no proxy was used)",
  ],
  [
    "unreachable",
    "ECONNRESET",
    "socket hang up",
    undefined,
    "sts-unreachable",
    "curl -v https://sts.eu-west-1.amazonaws.com/",
  ],
  ["unreachable", "ETIMEDOUT", "x", undefined, "sts-unreachable", "HTTPS_PROXY"],
  ["unreachable", "TimeoutError", "x", undefined, "sts-unreachable", "HTTPS_PROXY"],
  ...[
    "SELF_SIGNED_CERT_IN_CHAIN",
    "UNABLE_TO_GET_ISSUER_CERT_LOCALLY",
    "UNABLE_TO_VERIFY_LEAF_SIGNATURE",
    "CERT_HAS_EXPIRED",
    "DEPTH_ZERO_SELF_SIGNED_CERT",
    "ERR_TLS_CERT_ALTNAME_INVALID",
  ].map((code): (typeof STS_CASES)[number] => [
    "certificate",
    code,
    "x",
    undefined,
    "sts-tls",
    "NODE_EXTRA_CA_CERTS",
  ]),
  ["not-tls", "EPROTO", "write EPROTO: wrong version number", undefined, "not-tls", "a port for plain http"],
];

describe("explainStsFailure", () => {
  test.each(STS_CASES)("%s: %s (%s)", (kind, code, message, httpStatus, anchor, has) => {
    const explanation = explainSts({ kind, code, message, httpStatus }, { attempts: 3 });
    expect(explanation.anchor).toBe(anchor);
    expect(explanation.text.split("\n")[0]).toContain(
      `sts.eu-west-1.amazonaws.com: ${code.replace(/Exception$/, "")} (`,
    );
    expect(explanation.text).toContain("3 attempts");
    expect(explanation.text).toContain(has);
    expect(explanation.title.length).toBeLessThan(anchor === "access-denied" ? 501 : 150);
  });

  test("names the proxy, without its password", () => {
    for (const [value, said] of [
      ["http://me:secret@proxy.example.com:3128", '(through the proxy "http://proxy.example.com:3128")'],
      ["http://me:se@cret@proxy.example.com:3128", '(through the proxy "http://proxy.example.com:3128")'],
      [
        "me:secret@proxy.example.com:3128",
        "(not through the proxy that is set in the environment, because its URL does not begin with http:// or https://)",
      ],
    ] as const) {
      const proxy = findProxy({ HTTPS_PROXY: value }, "https://sts.eu-west-1.amazonaws.com");
      for (const kind of [
        "unreachable",
        "unknown-name",
        "dns",
        "certificate",
        "not-tls",
        "malformed",
      ] as const) {
        const { text } = explainSts({ kind, message: "x" }, { proxy });
        expect(text).toContain(said);
        expect(text).not.toMatch(/secret|se@/);
      }
    }
  });

  test.each<[FailureKind, string]>([
    ["certificate", "The certificate of sts.eu-west-1.amazonaws.com cannot be verified"],
    ["not-tls", "sts.eu-west-1.amazonaws.com did not answer with TLS"],
    ["unknown-name", "The name sts.eu-west-1.amazonaws.com cannot be resolved: unknown name"],
    ["dns", "DNS did not answer for the name sts.eu-west-1.amazonaws.com"],
    ["unreachable", "sts.eu-west-1.amazonaws.com cannot be reached: no answer"],
    ["denied", "STS refused the exchange: no error code"],
  ])("of the kind %s without a code", (kind, title) => {
    const explanation = explainSts({ kind, message: "x" });
    expect(explanation.title).toBe(title);
    expect(explanation.text).toMatch(/^sts\.eu-west-1\.amazonaws\.com: \(1 attempt\): x\n/);
  });

  test("a port without TLS is not explained as a certificate", () => {
    const failure: Failure = { kind: "not-tls", code: "EPROTO", message: "wrong version number" };
    const { title, text } = explainSts(failure, {
      endpointHost: "minio.example.com:9000",
      stsEndpoint: "https://minio.example.com:9000",
    });
    expect(title).toBe("minio.example.com:9000 did not answer with TLS: EPROTO");
    expect(text).toContain("correct the port in sts-endpoint");
    expect(text).not.toMatch(/NODE_EXTRA_CA_CERTS|openssl/);
  });

  test("has the failure as its cause", () => {
    for (const kind of ["denied", "unreachable"] as const) {
      const failure: Failure = { kind, message: "x" };
      expect(explainStsFailure(failure, situation).cause).toBe(failure);
    }
  });

  test.each([
    [undefined, undefined],
    [30, undefined],
    [420.4, "420 s ahead of"],
    [-420, "420 s behind"],
  ])("names a clock that is off by %s s: %s", (clockSkewSeconds, said) => {
    const failure: Failure = { kind: "denied", code: "ExpiredToken", message: "x", httpStatus: 400 };
    const { text } = explainSts(failure, { clockSkewSeconds });
    expect(text.includes("This machine's clock")).toBe(said !== undefined);
    expect(text).toContain(said ?? "Cause");
  });

  test("does not repeat a token that STS quotes", () => {
    const part = (value: object) => Buffer.from(JSON.stringify(value)).toString("base64url");
    const token = `${part({ alg: "none" })}.${part({ sub: "x" })}.${Buffer.from("signature").toString("base64url")}`;
    const { text } = explainSts({
      kind: "denied",
      code: "ValidationError",
      message: `Value '${token}' at 'webIdentityToken'`,
      httpStatus: 400,
    });
    expect(text).toContain("Value '(token)' at 'webIdentityToken'");
    expect(text).not.toContain("eyJ");
  });
});
