import { parseRole } from "../aws/cli-cache.ts";
import { isOtherSts } from "../aws/sts-endpoint.ts";
import type { UserError } from "../base/errors.ts";
import type { ProxySetting } from "../base/proxy.ts";
import type { ExchangeFailure } from "../base/session.ts";
import { jsonLines, printable, quoted, shellWord, shortened } from "../base/text.ts";
import { explained, type Text, text } from "./explained.ts";
import { explainNetworkFailure, isNetworkFailure } from "./network.ts";
import { explainShape } from "./shape.ts";

export interface ChainSituation {
  roleArn: string;
  region: string;
  stsEndpoint: string | undefined;
  endpointHost: string;
  proxy: ProxySetting | undefined;
  /** Where the role is reached from, in terms of the inputs. */
  source: string;
  durationSeconds: number | undefined;
  /** The role assumes itself: outlive-id-tokens. */
  isSelf: boolean;
}

/** Explains why a role could not be reached from its source: which role refused, and what is missing. */
export function explainChainFailure(failure: ExchangeFailure, situation: ChainSituation): UserError {
  const { endpointHost: host } = situation;
  const code = (failure.code ?? "").replace(/Exception$/, "");
  const report = `${code === "NoSource" ? situation.source : host}: ${code} ${printable(failure.message, 500)}`;
  const answer = isNetworkFailure(failure)
    ? explainNetworkFailure(failure, { ...situation, of: "sts", host })
    : textOf(failure, code, situation);
  return explained(answer, report, failure);
}

function textOf(failure: ExchangeFailure, code: string, situation: ChainSituation): Text {
  const { source, isSelf } = situation;
  const roleArn = failure.roleArn ?? situation.roleArn;
  if (code === "NoSource") {
    return text(
      "chain-refused",
      `${source} has no credentials to assume ${shortened(roleArn, 140)} with`,
      "Fix: the first line shows the SDK's own message. Later steps would fail in the same way.",
    );
  }
  const shape = explainShape(failure, code, { ...situation, roleArn });
  if (shape) return shape;
  if (code !== "AccessDenied") {
    return text(
      "chain-refused",
      `STS returned no session of ${shortened(roleArn, 140)}: ${code || "no error code"}`,
      `The role is reached from ${source}.`,
      "Fix: follow the message. Common codes: https://docs.aws.amazon.com/STS/latest/APIReference/CommonErrors.html",
    );
  }
  return isSelf ? cannotAssumeItself(roleArn) : refused(failure, roleArn, situation);
}

/** https://docs.aws.amazon.com/IAM/latest/UserGuide/id_roles_manage-assume.html */
function cannotAssumeItself(roleArn: string): Text {
  return text(
    "role-cannot-assume-itself",
    `${shortened(roleArn, 140)} may not assume itself, which outlive-id-tokens needs`,
    "Cause: after about six hours GitHub stops issuing ID tokens to a job, and from then on the role must assume itself. This step tried that once, and AWS refused.",
    "Fix: add this statement to the role's trust policy, or remove outlive-id-tokens:",
    "",
    ...jsonLines(statement({ Principal: { AWS: roleArn } })),
    "",
    "If inline-session-policy or managed-session-policies are given, they must allow sts:AssumeRole on the role, too.",
  );
}

/** Some answers of AWS name which of the two policies is the reason. */
function refused({ message, callerArn }: ExchangeFailure, roleArn: string, situation: ChainSituation): Text {
  const caller = /\bUser: (arn:[\w+=,.@/:-]+)/.exec(message)?.[1] ?? callerArn;
  const callerRole = roleOf(caller);
  const name = shellWord(roleArn.slice(roleArn.lastIndexOf("/") + 1));
  const isOwn = roleArn === situation.roleArn;
  const who = caller === undefined ? situation.source : quoted(caller, 200);
  const permission = [
    `${callerRole ? quoted(callerRole) : "The source"} needs a policy with this statement:`,
    "",
    ...jsonLines(statement({ Resource: roleArn })),
    "",
  ];
  const trust = [
    `The trust policy of ${quoted(roleArn)} needs this statement:`,
    "",
    ...jsonLines(statement({ Principal: { AWS: callerRole ?? caller ?? "ARN OF THE SOURCE" } })),
    "",
    ...(callerRole ? ["If the source has a path, add it to this ARN: AWS's answer leaves it out."] : []),
    ...(isOwn
      ? ["If the policy requires an external id (sts:ExternalId), give it in role-external-id."]
      : []),
    `Check: aws iam get-role --role-name ${name} --query Role.AssumeRolePolicyDocument`,
  ];
  const reason = /identity-based policy/.test(message)
    ? permission
    : /trust|resource-based policy/.test(message)
      ? trust
      : undefined;
  return text(
    "chain-refused",
    `${isOtherSts(situation.stsEndpoint) ? situation.endpointHost : "AWS"} refused to let ${who} assume ${shortened(roleArn, 140)}${isOwn ? "" : `, a role on the way to ${shortened(situation.roleArn, 140)}`}`,
    `The role is reached from ${situation.source}.`,
    "",
    ...(reason ?? [
      "AWS gives no further detail. Usually one of these two statements is missing, or the role does not exist.",
      "",
      ...permission,
      ...trust,
    ]),
  );
}

function statement(about: object): object {
  return { Effect: "Allow", Action: "sts:AssumeRole", ...about };
}

/** The role of a session's ARN. That ARN leaves out the role's path. */
function roleOf(arn: string | undefined): string | undefined {
  const [partition, account, role] = (arn && parseRole(arn)?.role.split(":")) || [];
  return role === undefined ? undefined : `arn:${partition}:iam::${account}:role/${role}`;
}
