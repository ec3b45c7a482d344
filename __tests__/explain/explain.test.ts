import { execFileSync } from "node:child_process";
import { describe, expect, test } from "@jest/globals";
import fc from "fast-check";
import { findProxy } from "../../src/base/proxy.ts";
import { jsonLines, printable, quoted, shellWord } from "../../src/base/text.ts";
import {
  type Explanation,
  explainIdTokenError,
  explainStsError,
  type IdTokenFailureKind,
  type IdTokenSituation,
  type StsFailure,
  type StsSituation,
} from "../../src/explain/explain.ts";

const HOST = "token.actions.githubusercontent.com";
const ARN = `arn:aws:iam::111122223333:oidc-provider/${HOST}`;
const claims: Record<string, unknown> = {
  iss: `https://${HOST}`,
  sub: "repo:octo/app:ref:refs/heads/main",
  aud: "sts.amazonaws.com",
  repository: "octo/app",
  repository_id: "456",
  repository_owner_id: "123",
  ref: "refs/heads/main",
  event_name: "push",
  workflow_ref: "octo/app/.github/workflows/deploy.yml@refs/heads/main",
  job_workflow_ref: "octo/app/.github/workflows/deploy.yml@refs/heads/main",
  iat: 1_000,
  exp: 1_300,
};
const situation: StsSituation = {
  roleArn: "arn:aws:iam::111122223333:role/deploy",
  region: "eu-west-1",
  endpointHost: "sts.eu-west-1.amazonaws.com",
  audience: "sts.amazonaws.com",
  claims,
};
const denied: StsFailure = {
  code: "AccessDenied",
  message: "Not authorized to perform sts:AssumeRoleWithWebIdentity",
  httpStatus: 403,
  attempts: 1,
};

function refusal(changes: Record<string, unknown> = {}, more: Partial<StsSituation> = {}): string {
  return explainStsError(denied, { ...situation, ...more, claims: { ...claims, ...changes } }).text;
}

/** The JSON in a text: from the line that opens it to the one that closes it. */
function jsonIn(text: string): unknown {
  const lines = text.split("\n");
  return JSON.parse(lines.slice(lines.indexOf("{"), lines.indexOf("}") + 1).join("\n"));
}

describe("AccessDenied", () => {
  test("shows what was said, the claims that were sent, and the trust policy that accepts them", () => {
    const { title, anchor, text } = explainStsError(denied, situation);
    expect(title).toBe("AWS does not let this job assume arn:aws:iam::111122223333:role/deploy");
    expect(anchor).toBe("access-denied");
    expect(text).toMatch(
      /^sts\.eu-west-1\.amazonaws\.com: AccessDenied \(HTTP 403, 1 attempt\): Not authorized to perform sts:AssumeRoleWithWebIdentity\n/,
    );
    for (const name of [
      "sub",
      "aud",
      "repository",
      "ref",
      "event_name",
      "job_workflow_ref",
      "repository_id",
      "repository_owner_id",
    ]) {
      expect(text).toMatch(
        new RegExp(`^ {2}${name} +${JSON.stringify(claims[name]).replaceAll(/[.]/g, "\\.")}$`, "m"),
      );
    }
    expect(text).not.toMatch(/^ {2}environment /m);
    expect(jsonIn(text)).toEqual({
      Version: "2012-10-17",
      Statement: [
        {
          Effect: "Allow",
          Principal: { Federated: ARN },
          Action: "sts:AssumeRoleWithWebIdentity",
          Condition: {
            StringEquals: {
              [`${HOST}:aud`]: "sts.amazonaws.com",
              [`${HOST}:sub`]: claims.sub,
              [`${HOST}:repository_id`]: "456",
            },
          },
        },
      ],
    });
    expect(text).toContain(
      "aws iam update-assume-role-policy --role-name deploy --policy-document file://trust.json",
    );
  });

  test.each([
    ["aws-cn", "arn:aws-cn:iam::111122223333:role/deploy"],
    ["aws-us-gov", "arn:aws-us-gov:iam::111122223333:role/deploy"],
  ])("names the provider in the partition %s", (partition, roleArn) => {
    expect(jsonIn(refusal({}, { roleArn }))).toMatchObject({
      Statement: [{ Principal: { Federated: ARN.replace("arn:aws:", `arn:${partition}:`) } }],
    });
  });

  const causes = {
    branch: 'The job runs on a branch, so sub has "ref:refs/heads/main',
    environment: "The job uses an environment",
    pullRequest: "The job runs for a pull request",
    tag: "The job runs for a tag",
    reusable: "The job is in the reusable workflow",
    immutable: "sub has the immutable format",
    template: "sub does not have GitHub's default form",
    capitals: "sub has capital letters",
    audience: "The audience is",
  };
  test.each<[string, Record<string, unknown>, Partial<StsSituation>, (keyof typeof causes)[]]>([
    ["a branch", {}, {}, ["branch"]],
    ["an environment", { sub: "repo:octo/app:environment:prod", environment: "prod" }, {}, ["environment"]],
    ["a pull request", { sub: "repo:octo/app:pull_request" }, {}, ["pullRequest"]],
    ["a tag", { sub: "repo:octo/app:ref:refs/tags/v1" }, {}, ["tag"]],
    [
      "another repository's workflow",
      { job_workflow_ref: "octo/shared/.github/workflows/x.yml@v1" },
      {},
      ["branch", "reusable"],
    ],
    [
      "the immutable format",
      { sub: "repo:octo@123/app@456:ref:refs/heads/main" },
      {},
      ["branch", "immutable"],
    ],
    ["a template", { sub: "repo:octo/app:ref:refs/heads/main:workflow:deploy" }, {}, ["branch", "template"]],
    ["a template without the repository", { sub: "repository_owner:octo" }, {}, ["template"]],
    ["capitals", { sub: "repo:Octo/app:environment:Prod" }, {}, ["environment", "capitals"]],
    ["China", { aud: "sts.amazonaws.com.cn" }, { audience: "sts.amazonaws.com.cn" }, ["branch"]],
    [
      "an audience",
      { aud: "https://github.com/octo" },
      { audience: "https://github.com/octo" },
      ["branch", "audience"],
    ],
    ["many", { sub: "repo:Octo@123/app@456:environment:prod" }, {}, ["environment", "immutable", "capitals"]],
  ])("suggests only the causes of %s", (_, changes, more, expected) => {
    const text = refusal(changes, more);
    const found = Object.entries(causes).filter(([, cause]) => text.includes(cause));
    expect(found.map(([name]) => name)).toEqual(expected);
    expect(text).toContain('Account 111122223333 has no role "deploy"');
  });

  test("shows what the immutable format was before", () => {
    expect(refusal({ sub: "repo:octo@123/app@456:environment:prod" })).toContain(
      'A policy for "repo:octo/app:environment:prod" refuses it.',
    );
  });

  test("speaks of a path by whether the ARN has one", () => {
    expect(refusal()).toContain("or one with a path, which its ARN must have (role/PATH/NAME).");
    const text = refusal({}, { roleArn: "arn:aws:iam::111122223333:role/ci/x/deploy" });
    expect(text).toContain("or one with another path (role/PATH/NAME).");
    expect(text).toContain("--role-name deploy ");
  });

  test("says what *** stands for where the account is masked", () => {
    expect(refusal({}, { accountIsMasked: true })).toContain("put it in where this log shows ***.");
    expect(refusal({}, { accountIsMasked: false })).not.toContain("***");
  });

  test("of a server that is not AWS does not speak of IAM", () => {
    const text = refusal({}, { roleArn: "arn:minio:iam:::role/x" });
    expect(text).toContain('  sub                  "repo:octo/app:ref:refs/heads/main"');
    expect(text).toContain('has no role "arn:minio:iam:::role/x"');
    expect(text).not.toMatch(/aws iam|AWS/);
  });

  describe("with the role's trust policy", () => {
    const statement = {
      Sid: "GitHub",
      Effect: "Allow",
      Principal: { Federated: ARN },
      Action: "sts:AssumeRoleWithWebIdentity",
      Condition: { StringLike: { [`${HOST}:sub`]: "repo:octo/app:environment:*" } },
    };
    const deny = { ...statement, Sid: "No", Effect: "Deny" };
    const explained = (...statements: object[]) =>
      refusal({}, { trustPolicy: JSON.stringify({ Version: "2012-10-17", Statement: statements }) });

    test("names the line that refused, in place of what the claims suggest", () => {
      const text = explained(statement, deny);
      expect(text).toContain(
        [
          "The trust policy in explain-trust-policy does not accept this job:",
          '  Statement 1, "GitHub" (Allow) does not apply:',
          `    StringLike "${HOST}:sub": the policy has "repo:octo/app:environment:*"; the token has "repo:octo/app:ref:refs/heads/main"`,
          '  Statement 2, "No" (Deny) does not apply',
          "Other causes:",
          '  - Account 111122223333 has no role "deploy"',
        ].join("\n"),
      );
      expect(text).not.toContain("Causes that these claims suggest");
      expect(jsonIn(text)).toBeDefined();
    });

    test("says that it accepts the job, and what else may refuse", () => {
      const text = explained({ ...statement, Condition: {} });
      expect(text).toContain("The trust policy in explain-trust-policy accepts this job");
      expect(text).toContain("resource control policy");
    });

    test("says what is wrong with the policy", () => {
      expect(refusal({}, { trustPolicy: "[]" })).toContain(
        "explain-trust-policy: Not a trust policy: it is not an object with a Statement.",
      );
    });

    test("is bounded", () => {
      const text = explained(...Array.from({ length: 50 }, () => statement));
      expect(text).toContain("  and 30 more statements");
      const keys = Object.fromEntries(
        Array.from({ length: 50 }, (_, position) => [`k${position}.example.com:sub`, "x"]),
      );
      expect(
        explained({ ...statement, Condition: { StringEquals: keys } }).match(/^ {4}StringEquals /gm),
      ).toHaveLength(10);
    });
  });
});

/** Every refusal of STS and every failure to ask it, with what the text must have. */
const STS_CASES: [
  code: string,
  message: string,
  httpStatus: number | undefined,
  anchor: string,
  has: string,
][] = [
  ["AccessDenied", "Not authorized", 403, "access-denied", "aws iam get-role --role-name deploy"],
  [
    "InvalidIdentityToken",
    `No OpenIDConnect provider found in your account for https://${HOST}`,
    400,
    "no-identity-provider",
    `aws iam create-open-id-connect-provider --url https://${HOST} --client-id-list sts.amazonaws.com`,
  ],
  [
    "InvalidIdentityTokenException",
    "Incorrect token audience",
    400,
    "audience-not-registered",
    `aws iam get-open-id-connect-provider --open-id-connect-provider-arn ${ARN} --query ClientIDList`,
  ],
  [
    "InvalidIdentityToken",
    "Couldn't retrieve verification key from your identity provider",
    400,
    "verification-key",
    `curl --fail https://${HOST}/.well-known/openid-configuration`,
  ],
  [
    "InvalidIdentityToken",
    "OpenIDConnect provider's HTTPS certificate doesn't match configured thumbprint",
    400,
    "provider-thumbprint",
    "--query ThumbprintList",
  ],
  [
    "InvalidIdentityToken",
    "The ID Token provided is not a valid JWT.",
    400,
    "id-token-rejected",
    `aws iam get-open-id-connect-provider --open-id-connect-provider-arn ${ARN}`,
  ],
  ["IDPRejectedClaim", "x", 403, "id-token-rejected", "Fix: run the job again"],
  [
    "ExpiredTokenException",
    "Token expired: current date/time 1 must be before the expiration date/time 0",
    400,
    "id-token-expired",
    "the token lives 300 s",
  ],
  ["IDPCommunicationError", "x", 400, "provider-not-reached", "https://www.githubstatus.com"],
  [
    "RegionDisabledException",
    "x",
    403,
    "region-disabled",
    "aws account get-region-opt-status --region-name eu-west-1",
  ],
  ["MalformedPolicyDocument", "x", 400, "session-policy", "sts-endpoint"],
  ["PackedPolicyTooLargeException", "x", 400, "session-policy", "sts-endpoint"],
  ["ValidationError", "1 validation error detected", 400, "sts-validation", "1 validation error detected"],
  ["Throttling", "Rate exceeded", 400, "sts-throttled", "max-parallel"],
  ["ThrottlingException", "Rate exceeded", 400, "sts-throttled", "max-parallel"],
  ["TooManyRequestsException", "x", 429, "sts-throttled", "max-parallel"],
  ["Unknown", "x", 429, "sts-throttled", "max-parallel"],
  ["ServiceUnavailable", "x", 503, "sts-unavailable", "https://health.aws.amazon.com"],
  ["Whatever", "never seen", 400, "sts-other", "never seen"],
  // A page of a proxy: the SDK finds no code in it.
  ["Unknown", "Unknown", 403, "sts-malformed", "curl -v https://sts.eu-west-1.amazonaws.com/"],
  ["Error", "@aws-sdk XML parse error", 404, "sts-malformed", "NO_PROXY"],
  ["UnexpectedAnswer", "no session", 200, "sts-malformed", "a proxy or a firewall answered in its place"],
  ["Unknown", "Unknown", 502, "sts-unavailable", "https://health.aws.amazon.com"],
  [
    "ERR_PROXY_TUNNEL",
    "Failed to establish tunnel: HTTP/1.1 407 Proxy Authentication Required",
    undefined,
    "proxy-refused",
    "Fix: allow sts.eu-west-1.amazonaws.com:443 in the proxy",
  ],
  [
    "ENOTFOUND",
    "getaddrinfo ENOTFOUND sts.eu-wets-1.amazonaws.com",
    undefined,
    "sts-host-not-found",
    "nslookup sts.eu-wets-1.amazonaws.com",
  ],
  ["EAI_AGAIN", "x", undefined, "sts-host-not-found", "nslookup sts.eu-west-1.amazonaws.com"],
  ["ECONNREFUSED", "connect ECONNREFUSED 127.0.0.1:9", undefined, "sts-unreachable", "(no proxy was used)"],
  [
    "ECONNRESET",
    "socket hang up",
    undefined,
    "sts-unreachable",
    "curl -v https://sts.eu-west-1.amazonaws.com/",
  ],
  ["ETIMEDOUT", "x", undefined, "sts-unreachable", "HTTPS_PROXY"],
  ["TimeoutError", "x", undefined, "sts-unreachable", "HTTPS_PROXY"],
  ...[
    "SELF_SIGNED_CERT_IN_CHAIN",
    "UNABLE_TO_GET_ISSUER_CERT_LOCALLY",
    "UNABLE_TO_VERIFY_LEAF_SIGNATURE",
    "CERT_HAS_EXPIRED",
    "DEPTH_ZERO_SELF_SIGNED_CERT",
    "ERR_TLS_CERT_ALTNAME_INVALID",
    "EPROTO",
  ].map((code): (typeof STS_CASES)[number] => [code, "x", undefined, "sts-tls", "NODE_EXTRA_CA_CERTS"]),
];

describe("explainStsError", () => {
  test.each(STS_CASES)("%s (%s)", (code, message, httpStatus, anchor, has) => {
    const explanation = explainStsError({ code, message, httpStatus, attempts: 3 }, situation);
    expect(explanation.anchor).toBe(anchor);
    expect(explanation.text.split("\n")[0]).toContain(
      `sts.eu-west-1.amazonaws.com: ${code.replace(/Exception$/, "")} (`,
    );
    expect(explanation.text).toContain("3 attempts");
    expect(explanation.text).toContain(has);
    expect(explanation.title.length).toBeLessThan(150);
  });

  test("names the proxy, without its password", () => {
    for (const proxy of [
      "http://me:secret@proxy.example.com:3128",
      "me:secret@proxy.example.com:3128",
      "http://me:se@cret@proxy.example.com:3128",
    ]) {
      for (const code of ["ECONNREFUSED", "ENOTFOUND", "CERT_HAS_EXPIRED"]) {
        const { text } = explainStsError({ code, message: "x", attempts: 1 }, { ...situation, proxy });
        expect(text).toMatch(/\(through the proxy "(?:http:\/\/)?proxy\.example\.com:3128"\)/);
        expect(text).not.toMatch(/secret|se@/);
      }
    }
  });

  test("says that a proxy cannot be used", () => {
    const { text } = explainStsError(
      { code: "ENOTFOUND", message: "x", attempts: 1 },
      {
        ...situation,
        proxy: findProxy({ HTTPS_PROXY: "proxy.example.com:3128" }, "https://sts.eu-west-1.amazonaws.com"),
      },
    );
    expect(text).toContain(
      "was asked for (past the proxy of the environment, which is one that Node cannot use",
    );
  });

  test.each([
    [undefined, undefined],
    [30, undefined],
    [420.4, "420 s ahead of"],
    [-420, "420 s behind"],
  ])("speaks of a clock that is off by %s s: %s", (clockSkewSeconds, said) => {
    const { text } = explainStsError(
      { code: "ExpiredToken", message: "x", httpStatus: 400, attempts: 1 },
      { ...situation, clockSkewSeconds },
    );
    expect(text.includes("This machine's clock")).toBe(said !== undefined);
    expect(text).toContain(said ?? "Cause");
  });

  test("does not repeat a token that STS quotes", () => {
    const part = (value: object) => Buffer.from(JSON.stringify(value)).toString("base64url");
    const token = `${part({ alg: "none" })}.${part({ sub: "x" })}.${Buffer.from("signature").toString("base64url")}`;
    const { text } = explainStsError(
      {
        code: "ValidationError",
        message: `Value '${token}' at 'webIdentityToken'`,
        httpStatus: 400,
        attempts: 1,
      },
      situation,
    );
    expect(text).toContain("Value '(token)' at 'webIdentityToken'");
    expect(text).not.toContain("eyJ");
  });
});

const ID_TOKEN_CASES: [
  kind: IdTokenFailureKind,
  more: Partial<IdTokenSituation>,
  anchor: string,
  has: string[],
  hasNot: string[],
][] = [
  [
    "permission",
    { eventName: "push" },
    "id-token-permission",
    [
      "ACTIONS_ID_TOKEN_REQUEST_URL is not set.\nFix: ",
      "\npermissions:\n  id-token: write\n",
      "reusable workflow the job that calls it",
    ],
    ["fork", "Dependabot"],
  ],
  ["permission", { eventName: "pull_request" }, "id-token-permission", ["comes from a fork"], ["Dependabot"]],
  ["permission", { eventName: "pull_request_target" }, "id-token-permission", [], ["comes from a fork"]],
  [
    "permission",
    { eventName: "push", actor: "dependabot[bot]" },
    "id-token-permission",
    ["runs for Dependabot"],
    ["comes from a fork"],
  ],
  [
    "status",
    { httpStatus: 500, message: "actions.example.com answered 500" },
    "id-token-refused",
    ["actions.example.com answered 500", "githubstatus"],
    [],
  ],
  ["status", { httpStatus: 429 }, "id-token-refused", ["githubstatus"], []],
  ["status", { httpStatus: 401 }, "id-token-refused", ["request token"], ["githubstatus"]],
  ["status", { httpStatus: 404 }, "id-token-refused", ["ACTIONS_ID_TOKEN_REQUEST_URL"], ["githubstatus"]],
  [
    "answer",
    { message: "the answer is not JSON" },
    "id-token-malformed",
    ["the answer is not JSON", '"sts.amazonaws.com"'],
    [],
  ],
  [
    "unreachable",
    { code: "ECONNREFUSED" },
    "id-token-unreachable",
    ["let the runner reach actions.example.com"],
    ["misspelt"],
  ],
  ["unreachable", {}, "id-token-unreachable", ["nothing answered"], []],
  [
    "unreachable",
    { code: "ENOTFOUND", message: "getaddrinfo ENOTFOUND proxy.example.com" },
    "id-token-host-not-found",
    ["Fix: correct the runner's DNS", "without a proxy", "nslookup proxy.example.com"],
    ["aws-region", "the input"],
  ],
  [
    "unreachable",
    { code: "ERR_PROXY_TUNNEL" },
    "proxy-refused",
    ["allow actions.example.com:443 in the proxy"],
    ["nothing answered"],
  ],
  [
    "unreachable",
    { code: "CERT_HAS_EXPIRED" },
    "id-token-tls",
    ["-connect actions.example.com:443 -servername actions.example.com "],
    [],
  ],
];

describe("explainIdTokenError", () => {
  test.each(ID_TOKEN_CASES)("%s %j", (kind, more, anchor, has, hasNot) => {
    const explanation = explainIdTokenError(kind, {
      audience: "sts.amazonaws.com",
      endpointHost: "actions.example.com",
      ...more,
    });
    expect(explanation.anchor).toBe(anchor);
    for (const part of has) expect(explanation.text).toContain(part);
    for (const part of hasNot) expect(explanation.text).not.toContain(part);
  });
});

describe("text from outside", () => {
  const hostile = fc.oneof(
    fc.string({ unit: "binary", maxLength: 400 }),
    fc
      .array(
        fc.constantFrom(
          "::error::x",
          "\n",
          "\r",
          "\u2028",
          "\u0085",
          "##[",
          "##[error]x",
          " ",
          "\t",
          ":",
          "'",
          '"',
          "`",
          "$",
          "\u001b[31m",
          "\u202e",
          "a",
          "@1",
          "/",
          "\ud800",
        ),
        { maxLength: 12 },
      )
      .map((parts) => parts.join("")),
  );

  function checkLines({ title, text }: Explanation): void {
    const lines = [title, ...text.split("\n")];
    // What the runner takes for a command: ActionCommand.cs of actions/runner, TryParseV2 and TryParse.
    expect(lines.filter((line) => line.trimStart().startsWith("::") || line.includes("##["))).toEqual([]);
    expect(
      lines.filter((line) => /[\p{Cc}\p{Cf}\p{Cs}\p{Zl}\p{Zp}]/u.test(line) || line.length > 4_010),
    ).toEqual([]);
  }

  test("adds no line and no workflow command to an explanation", () => {
    const input = fc.record({
      code: fc.oneof(hostile, fc.constantFrom(...STS_CASES.map(([code]) => code))),
      message: hostile,
      httpStatus: fc.constantFrom(undefined, 400, 403, 500),
      attempts: fc.nat(),
    });
    const names = [
      "sub",
      "aud",
      "iss",
      "repository",
      "ref",
      "environment",
      "job_workflow_ref",
      "repository_id",
    ];
    const anyClaims = fc.record(
      Object.fromEntries(names.map((name) => [name, fc.oneof(hostile, fc.jsonValue())])),
      {
        requiredKeys: [],
      },
    );
    const where = fc.record({
      roleArn: hostile,
      region: hostile,
      endpointHost: hostile,
      proxy: hostile,
      audience: hostile,
      trustPolicy: fc.option(hostile, { nil: undefined }),
      accountIsMasked: fc.boolean(),
    });
    const lines = (explanation: Explanation) => explanation.text.split("\n").length;
    fc.assert(
      fc.property(input, anyClaims, where, (error, some, there) => {
        const explanation = explainStsError(error, { ...there, claims: some });
        checkLines(explanation);
        expect(lines(explanation)).toBeLessThan(80);
        expect(
          lines(explainStsError({ ...error, message: `${error.message}\nmore` }, { ...there, claims: some })),
        ).toBe(lines(explanation));
      }),
      { numRuns: 300 },
    );
  });

  test("nor does the trust policy", () => {
    fc.assert(
      fc.property(hostile, hostile, hostile, hostile, (sid, operator, key, value) => {
        const one = {
          Sid: sid,
          Effect: "Allow",
          Principal: { Federated: value },
          Action: value,
          Condition: { [operator]: { [key]: [value] }, StringEquals: { [`${HOST}:sub`]: value } },
        };
        checkLines(
          explainStsError(denied, { ...situation, trustPolicy: JSON.stringify({ Statement: one }) }),
        );
        checkLines(
          explainStsError(denied, {
            ...situation,
            trustPolicy: JSON.stringify({ Statement: { ...one, Condition: { [operator]: value } } }),
          }),
        );
      }),
      { numRuns: 200 },
    );
  });

  test("nor does the ID token endpoint", () => {
    fc.assert(
      fc.property(
        fc.constantFrom<IdTokenFailureKind>("permission", "unreachable", "status", "answer"),
        hostile,
        hostile,
        hostile,
        (kind, one, two, three) => {
          checkLines(
            explainIdTokenError(kind, {
              audience: one,
              message: two,
              code: three,
              endpointHost: one,
              proxy: two,
              eventName: one,
              actor: two,
            }),
          );
        },
      ),
    );
  });

  test("stays what it is in the JSON to paste", () => {
    fc.assert(
      fc.property(hostile, hostile, (sub, aud) => {
        const shown = jsonIn(refusal({ sub, aud }, { audience: aud })) as {
          Statement: { Condition: { StringEquals: Record<string, string> } }[];
        };
        const literal = (value: string) => value.split("${").join(`\${$}{`);
        expect(shown.Statement[0]?.Condition.StringEquals).toMatchObject({
          [`${HOST}:sub`]: literal(sub),
          [`${HOST}:aud`]: literal(aud),
        });
      }),
    );
    fc.assert(
      fc.property(fc.jsonValue(), (value) =>
        expect(JSON.parse(jsonLines(value).join("\n"))).toEqual(JSON.parse(JSON.stringify(value))),
      ),
    );
  });

  test("is one word to a shell", () => {
    const words = fc
      .sample(hostile, 200)
      .map((word) => Buffer.from(word).toString("utf8").replaceAll("\0", ""));
    words.push("", "$(id)", "a'b", "'", "\\", "-n", "*", "~", "a b", "!x");
    const printed = execFileSync("sh", ["-c", `printf '%s\\0' ${words.map(shellWord).join(" ")}`], {
      encoding: "utf8",
      timeout: 10_000,
    });
    expect(printed.split("\0").slice(0, -1)).toEqual(words);
  });

  test.each([
    ["::error::x", ": :error::x"],
    [" \t::x", "  : :x"],
    ["a ::x", "a ::x"],
    ["####[[x", "#### [[x"],
    ["a\r\nb\u0007\u2028c\u202ed", "a  b  c d"],
  ])("%j is printed as %j", (given, shown) => expect(printable(given)).toBe(shown));

  test("is bounded", () => {
    expect(printable("x".repeat(9_999))).toHaveLength(4_000);
    expect(quoted("x".repeat(9_999))).toBe(`"${"x".repeat(300)}…"`);
    expect(quoted("a\n\u007f\u{e0001}##[b")).toBe('"a\\n\\u007f\\udb40\\udc01##\\u005bb"');
  });
});
