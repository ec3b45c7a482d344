import { isOtherSts } from "../aws/sts-endpoint.ts";
import type { UserError } from "../base/errors.ts";
import type { Failure } from "../base/network.ts";
import { printable, quoted, shellWord } from "../base/text.ts";
import { explainRefusal } from "./access-denied.ts";
import type { Asked, StsSituation } from "./asked.ts";
import { claimText, type TrustPolicyContext } from "./conditions.ts";
import { explained, type Text, text, via } from "./explained.ts";
import { explainNetworkFailure, isNetworkFailure } from "./network.ts";
import { explainOtherSts } from "./other-sts.ts";
import { explainShape } from "./shape.ts";
import { providerArn } from "./trust-policy.ts";

/** Explains why AssumeRoleWithWebIdentity returned no session. */
export function explainStsFailure(failure: Failure, situation: StsSituation): UserError {
  const { endpointHost: host } = situation;
  const code = (failure.code ?? "").replace(/Exception$/, "");
  const status = failure.httpStatus === undefined ? "" : `HTTP ${failure.httpStatus}, `;
  const report = `${host}: ${code && `${code} `}(${status}${tries(situation)}): ${printable(failure.message, 500)}`;
  const answer = isNetworkFailure(failure)
    ? explainNetworkFailure(failure, { ...situation, of: "sts", host })
    : textOf({ ...situation, failure, code, context: contextOf(situation) });
  return explained(answer, report, failure);
}

function tries({ attempts }: StsSituation): string {
  return attempts === 1 ? "1 attempt" : `${attempts} attempts`;
}

function textOf(asked: Asked): Text {
  const { endpointHost, region } = asked;
  if (asked.failure.kind === "malformed") {
    return text(
      "sts-malformed",
      `${endpointHost} did not return an STS response`,
      `Cause: a proxy or a firewall answered instead${via(asked.proxy)}, or the server in sts-endpoint does not fully implement STS.`,
      `Fix: let requests to ${endpointHost} pass unchanged (NO_PROXY, if a proxy changes them). Check on the runner: curl -v ${shellWord(asked.stsEndpoint ?? `https://${endpointHost}/`)}`,
    );
  }
  if (isOtherSts(asked.stsEndpoint)) return explainOtherSts(asked);
  switch (asked.failure.kind) {
    case "throttled":
      return text(
        "sts-throttled",
        "AWS is throttling STS calls",
        `Cause: account ${asked.context.accountId} makes too many STS calls in ${region} at the moment; none of ${tries(asked)} succeeded.`,
        "Fix: run the job again. If it fails again, start fewer jobs at once (strategy: max-parallel), or use several Regions (aws-region).",
      );
    case "provider":
      return notReached(asked);
    case "server-error":
      return text(
        "sts-unavailable",
        "STS is not available",
        `Fix: run the job again later. https://health.aws.amazon.com shows whether ${region} has a problem. Each aws-region has its own STS.`,
      );
    default:
      return denied(asked);
  }
}

/** STS answered, and its answer is final: its code decides. */
function denied(asked: Asked): Text {
  const { code, context, region, roleArn } = asked;
  const shape = explainShape(asked.failure, code, asked);
  if (shape) return shape;
  switch (code) {
    case "AccessDenied":
      return explainRefusal(asked);
    case "InvalidIdentityToken":
      return invalidToken(asked);
    case "IDPRejectedClaim":
      return rejected(context);
    case "ExpiredToken":
      return expired(asked);
    case "RegionDisabled":
      return text(
        "region-disabled",
        `STS is not active in ${region} for account ${context.accountId}`,
        `Fix: set aws-region to a Region that the account uses, or enable this Region: aws account enable-region --region-name ${shellWord(region)}`,
        "If the Region is enabled, activate STS for it: IAM console, Account settings, Security Token Service.",
        `Check: aws account get-region-opt-status --region-name ${shellWord(region)}`,
      );
    case "ValidationError":
      return text(
        "sts-validation",
        "STS rejected a value in the request",
        `Fix: the message names the value. The request had role-to-assume ${quoted(roleArn)} and, if given, role-session-name.`,
      );
    default:
      return text(
        "sts-other",
        `STS refused the exchange: ${code || "no error code"}`,
        `The request had the role ${quoted(roleArn)}, the audience ${quoted(asked.audience)} and the Region ${region}.`,
        "Fix: follow the message. Common codes: https://docs.aws.amazon.com/STS/latest/APIReference/CommonErrors.html",
      );
  }
}

/** Several causes share the code: AWS tells them apart in the message only. */
function invalidToken({ failure, context, audience }: Asked): Text {
  const url = shellWord(`https://${context.providerHost}`);
  const arn = shellWord(providerArn(context));
  if (/no openidconnect provider/i.test(failure.message)) {
    return text(
      "no-identity-provider",
      `Account ${context.accountId} has no identity provider for ${context.providerHost}`,
      "Cause: role-to-assume names the wrong account, or that account's identity provider was never created or has another URL.",
      `Fix: correct the account in role-to-assume, or create the provider there: aws iam create-open-id-connect-provider --url ${url} --client-id-list ${shellWord(audience)}`,
      "Check, with credentials of that account: aws iam list-open-id-connect-providers",
    );
  }
  if (/audience/i.test(failure.message)) {
    return text(
      "audience-not-registered",
      `The identity provider in account ${context.accountId} does not list the audience ${audience}`,
      `Fix: aws iam add-client-id-to-open-id-connect-provider --open-id-connect-provider-arn ${arn} --client-id ${shellWord(audience)}`,
      "Or set the input audience to one that it lists, and the trust policy's condition on aud to the same.",
      `Check: aws iam get-open-id-connect-provider --open-id-connect-provider-arn ${arn} --query ClientIDList`,
    );
  }
  if (/thumbprint/i.test(failure.message)) {
    return text(
      "provider-thumbprint",
      "The identity provider's certificate does not match the thumbprint in IAM",
      `Fix: aws iam update-open-id-connect-provider-thumbprint --open-id-connect-provider-arn ${arn} --thumbprint-list THUMBPRINT`,
      "How to get it: https://docs.aws.amazon.com/IAM/latest/UserGuide/id_roles_providers_create_oidc_verify-thumbprint.html",
      `Check: aws iam get-open-id-connect-provider --open-id-connect-provider-arn ${arn} --query ThumbprintList`,
    );
  }
  return rejected(context);
}

function rejected(context: TrustPolicyContext): Text {
  return text(
    "id-token-rejected",
    "AWS rejected the ID token",
    `Cause: AWS checks issuer, signature, times and audience of the token against the provider ${quoted(context.providerHost)} in account ${context.accountId}.`,
    "Fix: run the job again. If it fails again, compare the provider in IAM with iss and aud of this token.",
    `Check: aws iam get-open-id-connect-provider --open-id-connect-provider-arn ${shellWord(providerArn(context))}`,
  );
}

function notReached({ code, context }: Asked): Text {
  const url = shellWord(`https://${context.providerHost}/.well-known/openid-configuration`);
  const lines = [
    "Cause: usually a transient problem between AWS and the provider; retried for up to 30 s.",
    "Fix: run the job again. If the provider is your own (GHES), AWS must reach it and all of its keys from the internet.",
    `Check: curl --fail ${url}; https://www.githubstatus.com shows the state of GitHub.`,
  ];
  return code === "IDPCommunicationError"
    ? text("provider-not-reached", "AWS could not reach the identity provider", ...lines)
    : text("verification-key", "AWS could not fetch the identity provider's keys", ...lines);
}

function expired({ claims, clockSkewSeconds: skew }: Asked): Text {
  const life = Number(claims.exp) - Number(claims.iat);
  const clock =
    skew !== undefined && Math.abs(skew) >= 60
      ? [
          `This machine's clock is ${Math.round(Math.abs(skew))} s ${skew > 0 ? "ahead of" : "behind"} GitHub's. Set it by NTP: later steps sign requests with it, too.`,
        ]
      : [];
  return text(
    "id-token-expired",
    "AWS considers the ID token expired",
    `Cause: the token ${life > 0 ? `lives ${life} s and ` : ""}was issued for this exchange, so the runner was suspended in between.`,
    ...clock,
    "Fix: run the job again, on a machine that is not suspended.",
  );
}

function contextOf({ claims, roleArn }: StsSituation): TrustPolicyContext {
  const [, partition = "aws", , , accountId = ""] = roleArn.split(":");
  const providerHost = claimText(claims.iss).replace(/^https:\/\//, "");
  return { providerHost, accountId, partition, action: "sts:AssumeRoleWithWebIdentity" };
}
