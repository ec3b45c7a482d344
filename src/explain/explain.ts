import { printable, quoted, shellWord } from "../base/text.ts";
import { explainRefusal, type Refusal } from "./access-denied.ts";
import { claimText, type TrustPolicyContext } from "./conditions.ts";
import { providerArn } from "./trust-policy.ts";

/** Why something failed and how to put it right, safe to print. */
export interface Explanation {
  /** One line. */
  title: string;
  /** Several lines, for the log. */
  text: string;
  /** The entry in docs/troubleshooting.md that says more. */
  anchor: string;
}

/** The refusal of AssumeRoleWithWebIdentity, or why STS could not be asked. */
export interface StsFailure {
  /** STS's error code, with or without "Exception" at its end, or the system's (ECONNREFUSED, ...). */
  code: string;
  message: string;
  httpStatus?: number | undefined;
  attempts: number;
}

/** What was asked of STS, and with which claims. */
export interface StsSituation extends Refusal {
  region: string;
  endpointHost: string;
  /**
   * URL of the proxy, whose user and password are not shown; or, with a space in it, why it cannot be used.
   */
  proxy?: string | undefined;
  /** By how much this machine's clock is ahead of the server's. */
  clockSkewSeconds?: number | undefined;
}

/** permission: the runner gave no endpoint; the others as in id-token.ts. */
export type IdTokenFailureKind = "permission" | "unreachable" | "status" | "answer";

export interface IdTokenSituation {
  audience: string;
  message?: string | undefined;
  /** The system's error code, for "unreachable". */
  code?: string | undefined;
  /** For "status". */
  httpStatus?: number | undefined;
  endpointHost?: string | undefined;
  proxy?: string | undefined;
  /** GITHUB_EVENT_NAME and GITHUB_ACTOR. */
  eventName?: string | undefined;
  actor?: string | undefined;
}

/** Explains why the trial exchange failed. */
export function explainStsError(error: StsFailure, situation: StsSituation): Explanation {
  const code = error.code.replace(/Exception$/, "");
  const tries = `${error.attempts} ${error.attempts === 1 ? "attempt" : "attempts"}`;
  const status = error.httpStatus === undefined ? "" : `HTTP ${error.httpStatus}, `;
  const said = `${situation.endpointHost}: ${code} (${status}${tries}): ${printable(error.message, 500)}`;
  const explain = (anchor: string, title: string, lines: string[]) =>
    explanation(anchor, title, [said, ...lines]);
  const context = contextOf(situation);

  switch (code) {
    case "AccessDenied":
      return explain(
        "access-denied",
        `AWS does not let this job assume ${situation.roleArn}`,
        explainRefusal(situation, context),
      );
    case "InvalidIdentityToken":
      return invalidToken(error.message, context, situation, explain);
    case "IDPRejectedClaim":
      return explain("id-token-rejected", "AWS rejected the ID token", tokenRejected(context));
    case "ExpiredToken":
      return explain("id-token-expired", "AWS takes the ID token for expired", expired(situation));
    case "IDPCommunicationError":
      return explain(
        "provider-not-reached",
        "AWS could not reach the identity provider",
        notReached(context),
      );
    case "RegionDisabled":
      return explain(
        "region-disabled",
        `STS is not active in ${situation.region} for account ${context.accountId}`,
        [
          `Fix: set aws-region to a Region that the account uses, or activate this one: aws account enable-region --region-name ${shellWord(situation.region)}`,
          "or, for a Region that is active, switch STS on for it: IAM console, Account settings, Security Token Service.",
          `Check: aws account get-region-opt-status --region-name ${shellWord(situation.region)}`,
        ],
      );
    case "MalformedPolicyDocument":
    case "PackedPolicyTooLarge":
      return explain("session-policy", "STS speaks of a session policy, and this action sends none", [
        "Fix: none in the workflow. If sts-endpoint is set, look at that server and at what it adds to requests; else report this log as a bug.",
      ]);
    case "ValidationError":
      return explain("sts-validation", "STS refused a value of the request", [
        `Fix: the message names the value. Sent were role-to-assume ${quoted(situation.roleArn)} and, if given, role-session-name.`,
      ]);
  }
  if (THROTTLED.has(code) || error.httpStatus === 429) {
    return explain("sts-throttled", "AWS throttles STS calls", [
      `Account ${context.accountId} makes too many STS calls in ${situation.region} at the moment; ${tries} did not get through.`,
      "Fix: run the job again. If it comes back: start fewer jobs at once (strategy: max-parallel), or spread them over Regions with aws-region.",
    ]);
  }
  if (error.httpStatus === undefined)
    return unreachable("sts", code, situation.endpointHost, situation, said);
  if (error.httpStatus < 500 && NO_CODE.has(code)) {
    return explain(
      "sts-malformed",
      `${situation.endpointHost} answered with something else than an answer of STS`,
      [
        `Cause: a proxy or a firewall answered in its place${via(situation.proxy)}, or the server behind sts-endpoint is no complete STS.`,
        `Fix: let requests to ${situation.endpointHost} through unchanged (NO_PROXY, if a proxy changes them). Check on the runner: curl -v ${shellWord(`https://${situation.endpointHost}/`)}`,
      ],
    );
  }
  if (error.httpStatus >= 500) {
    return explain("sts-unavailable", "STS is not available", [
      `Fix: run the job again later; https://health.aws.amazon.com says whether ${situation.region} has trouble. Another aws-region uses another STS.`,
    ]);
  }
  return explain("sts-other", `STS refused the exchange: ${code}`, [
    `Role ${quoted(situation.roleArn)}, audience ${quoted(situation.audience)}, Region ${situation.region}.`,
    "Fix: what the message says. Common codes: https://docs.aws.amazon.com/STS/latest/APIReference/CommonErrors.html",
  ]);
}

/** Explains why there is no ID token. */
export function explainIdTokenError(kind: IdTokenFailureKind, situation: IdTokenSituation): Explanation {
  const host = situation.endpointHost ?? "the ID token endpoint";
  const said = printable(situation.message ?? host, 500);
  switch (kind) {
    case "permission":
      return explanation(
        "id-token-permission",
        "This job may not ask for an ID token: it lacks the permission id-token: write",
        permission(situation),
      );
    case "unreachable":
      return unreachable("id-token", situation.code ?? "", host, situation, said);
    case "status":
      return explanation(
        "id-token-refused",
        `GitHub gave no ID token: HTTP ${situation.httpStatus ?? "error"}`,
        [said, ...refusal(situation)],
      );
    case "answer":
      return explanation(
        "id-token-malformed",
        "The ID token endpoint answered with something else than a valid ID token",
        [
          said,
          `Something between this runner and GitHub may have answered in its place${via(situation.proxy)}, or this server (GHES, Forgejo, a test) is no complete one.`,
          `Fix: let the answers of ${host} through unchanged (NO_PROXY, if a proxy changes them). The token must be a JWT for audience ${quoted(situation.audience)} with exp.`,
        ],
      );
  }
}

function explanation(anchor: string, title: string, lines: string[]): Explanation {
  return { anchor, title: printable(title, 300), text: lines.map((line) => printable(line)).join("\n") };
}

// https://docs.aws.amazon.com/STS/latest/APIReference/CommonErrors.html, and the other services' names for
// the same.
const THROTTLED = new Set(["Throttling", "Throttled", "RequestLimitExceeded", "TooManyRequests", "SlowDown"]);

// What the SDK and trial.ts call an answer that has no error code of STS in it, or no session.
const NO_CODE = new Set(["Unknown", "UnknownError", "Error", "UnexpectedAnswer"]);

function contextOf({ claims, roleArn }: StsSituation): TrustPolicyContext {
  const [, partition = "aws", , , accountId = ""] = roleArn.split(":");
  const providerHost = claimText(claims.iss).replace(/^https:\/\//, "");
  return { providerHost, accountId, partition, action: "sts:AssumeRoleWithWebIdentity" };
}

function invalidToken(
  message: string,
  context: TrustPolicyContext,
  { audience }: StsSituation,
  explain: (anchor: string, title: string, lines: string[]) => Explanation,
): Explanation {
  const url = shellWord(`https://${context.providerHost}`);
  const arn = shellWord(providerArn(context));
  if (/no openidconnect provider/i.test(message)) {
    return explain(
      "no-identity-provider",
      `Account ${context.accountId} has no identity provider for ${context.providerHost}`,
      [
        "Cause: role-to-assume names the wrong account, or the provider was never created in that account or has another URL.",
        `Fix: correct the account in role-to-assume, or create the provider there: aws iam create-open-id-connect-provider --url ${url} --client-id-list ${shellWord(audience)}`,
        "Check, with credentials of that account: aws iam list-open-id-connect-providers",
      ],
    );
  }
  if (/audience/i.test(message)) {
    return explain(
      "audience-not-registered",
      `The identity provider in account ${context.accountId} does not list the audience ${audience}`,
      [
        `Fix: aws iam add-client-id-to-open-id-connect-provider --open-id-connect-provider-arn ${arn} --client-id ${shellWord(audience)}`,
        "or set the input audience to one that it lists, and the trust policy's condition on aud to the same.",
        `Check: aws iam get-open-id-connect-provider --open-id-connect-provider-arn ${arn} --query ClientIDList`,
      ],
    );
  }
  if (/verification key/i.test(message)) {
    return explain(
      "verification-key",
      "AWS could not fetch the identity provider's keys",
      notReached(context),
    );
  }
  if (/thumbprint/i.test(message)) {
    return explain(
      "provider-thumbprint",
      "The identity provider's certificate does not match the thumbprint in IAM",
      [
        `Fix: aws iam update-open-id-connect-provider-thumbprint --open-id-connect-provider-arn ${arn} --thumbprint-list THUMBPRINT`,
        "https://docs.aws.amazon.com/IAM/latest/UserGuide/id_roles_providers_create_oidc_verify-thumbprint.html says how to get it.",
        `Check: aws iam get-open-id-connect-provider --open-id-connect-provider-arn ${arn} --query ThumbprintList`,
      ],
    );
  }
  return explain("id-token-rejected", "AWS rejected the ID token", tokenRejected(context));
}

function tokenRejected(context: TrustPolicyContext): string[] {
  return [
    `Cause: AWS checks issuer, signature, times and audience of the token against the provider ${quoted(context.providerHost)} in account ${context.accountId}.`,
    "Fix: run the job again. If it comes back, compare the provider in IAM with iss and aud of this token, and any sts-endpoint with AWS's own.",
    `Check: aws iam get-open-id-connect-provider --open-id-connect-provider-arn ${shellWord(providerArn(context))}`,
  ];
}

function notReached(context: TrustPolicyContext): string[] {
  const url = shellWord(`https://${context.providerHost}/.well-known/openid-configuration`);
  return [
    "Cause: passing trouble between AWS and the provider, as a rule; it was tried again for up to 30 s.",
    "Fix: run the job again. For a provider of your own (GHES), AWS must reach it from the internet, with all of its keys.",
    `Check: curl --fail ${url}; GitHub's state is at https://www.githubstatus.com`,
  ];
}

function expired({ claims, clockSkewSeconds: skew }: StsSituation): string[] {
  const life = Number(claims.exp) - Number(claims.iat);
  const clock =
    skew !== undefined && Math.abs(skew) >= 60
      ? [
          `This machine's clock is ${Math.round(Math.abs(skew))} s ${skew > 0 ? "ahead of" : "behind"} GitHub's. Set it by NTP: later steps sign with it, too.`,
        ]
      : [];
  return [
    `Cause: the token ${life > 0 ? `lives ${life} s and ` : ""}was issued for this exchange, so the runner stood still in between, or the clock of an sts-endpoint of your own is wrong.`,
    ...clock,
    "Fix: run the job again, on a machine that is not suspended.",
  ];
}

function permission({ eventName, actor }: IdTokenSituation): string[] {
  const fork = /^pull_request(?!_target)/.test(eventName ?? "")
    ? [
        "This job runs for a pull request: if it comes from a fork, GitHub grants id-token to none of its jobs.",
      ]
    : [];
  const bot =
    actor === "dependabot[bot]"
      ? ["This job runs for Dependabot, whose jobs GitHub treats as those of a fork: they get no id-token."]
      : [];
  return [
    "GitHub gave this job no way to ask for one: ACTIONS_ID_TOKEN_REQUEST_URL is not set.",
    "Fix: add this to the job, or to the top of the workflow, and list whatever else the job needs (what is not listed is none):",
    "",
    "permissions:",
    "  id-token: write",
    "  contents: read",
    "",
    "In a reusable workflow the job that calls it (uses: …/workflow.yml) must have it as well: a called workflow can only keep what its caller has.",
    ...fork,
    ...bot,
    ...(fork.length + bot.length > 0
      ? ["Skip the step for these jobs (if:), or do the AWS part in a workflow that runs on push."]
      : []),
  ];
}

function refusal({ httpStatus = 0 }: IdTokenSituation): string[] {
  if (httpStatus >= 500 || httpStatus === 429)
    return ["Fix: run the job again; https://www.githubstatus.com says whether Actions has trouble."];
  if (httpStatus === 401 || httpStatus === 403) {
    return [
      "Cause: GitHub takes the job's request token for invalid: it has expired (after about 6 hours), the job was cancelled, or its variables come from another job.",
      "Fix: run the job again; never set ACTIONS_ID_TOKEN_REQUEST_TOKEN or ACTIONS_ID_TOKEN_REQUEST_URL yourself.",
    ];
  }
  return [
    "Fix: run the job again. If it comes back, look for what sets ACTIONS_ID_TOKEN_REQUEST_URL, or for a proxy that answers in GitHub's place.",
  ];
}

const TLS_CODE = /CERT|SIGNATURE|SSL|TLS|ISSUER|HOSTNAME_MISMATCH|EPROTO/;

function unreachable(
  prefix: "sts" | "id-token",
  code: string,
  host: string,
  { proxy }: { proxy?: string | undefined },
  said: string,
): Explanation {
  const explain = (what: string, title: string, lines: string[]) =>
    explanation(`${prefix}-${what}`, title, [said, ...lines]);
  if (TLS_CODE.test(code)) {
    return explain("tls", `The certificate of ${host} cannot be verified: ${code}`, [
      `Cause: the certificate that came back is not one that Node.js trusts. As a rule a proxy or firewall opens TLS${via(proxy)} with a certificate authority of its own, or the runner's clock is wrong.`,
      "Fix: put that authority's certificate (PEM) on the runner and name it in the job's env: NODE_EXTRA_CA_CERTS for actions, AWS_CA_BUNDLE for later AWS steps.",
      `Check: openssl s_client -connect ${shellWord(host.includes(":") ? host : `${host}:443`)} -servername ${shellWord(host.replace(/:\d+$/, ""))} </dev/null | openssl x509 -noout -issuer -dates`,
    ]);
  }
  if (code === "ERR_PROXY_TUNNEL") {
    return explanation("proxy-refused", `The proxy does not connect this runner with ${host}`, [
      said,
      `Fix: allow ${shellWord(host.includes(":") ? host : `${host}:443`)} in the proxy${via(proxy)}, or exempt it with NO_PROXY. For 407, HTTPS_PROXY must have a user and a password that the proxy knows.`,
      `Check on the runner: curl -v ${shellWord(`https://${host}/`)}`,
    ]);
  }
  if (/^(?:ENOTFOUND|EAI_)/.test(code)) {
    const name = /getaddrinfo \S+ ([\w.-]+)/.exec(said)?.[1] ?? host.replace(/:\d+$/, "");
    return explain("host-not-found", `The name ${name} cannot be resolved: ${code}`, [
      `Cause: ${prefix === "sts" ? "aws-region or sts-endpoint is misspelt, or " : ""}this runner's DNS does not know the name. ${host} was asked for${via(proxy) || " without a proxy"}.`,
      `Fix: correct ${prefix === "sts" ? "the input, " : ""}the runner's DNS, or HTTPS_PROXY and NO_PROXY. Check on the runner: nslookup ${shellWord(name)}`,
    ]);
  }
  return explain("unreachable", `${host} cannot be reached: ${code || "no answer"}`, [
    `Cause: nothing answered${via(proxy) || " (no proxy was used)"}. A firewall, a proxy or, in a private network, a missing route or VPC endpoint stands in between.`,
    `Fix: let the runner reach ${host} by HTTPS, or set HTTPS_PROXY (and NO_PROXY) on the runner. Check on the runner: curl -v ${shellWord(`https://${host}/`)}`,
  ]);
}

function via(proxy: string | undefined): string {
  if (proxy === undefined || proxy === "") return "";
  // No URL: proxy.ts says what is wrong with it.
  if (proxy.includes(" ")) return ` (past the proxy of the environment, which is ${printable(proxy, 200)})`;
  return ` (through the proxy ${quoted(proxy.replace(/^([a-z0-9+.-]+:\/\/)?.*@/i, "$1"))})`;
}
