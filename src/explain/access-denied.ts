import { jsonLines, quoted, shellWord } from "../base/text.ts";
import { claimsWithKeys, claimText, type TrustPolicyContext, withoutIds } from "./conditions.ts";
import {
  evaluateTrustPolicy,
  parseTrustPolicy,
  type StatementVerdict,
  suggestStatement,
} from "./trust-policy.ts";

export interface Refusal {
  roleArn: string;
  audience: string;
  claims: Record<string, unknown>;
  /** JSON of the role's trust policy, from the input explain-trust-policy. */
  trustPolicy?: string | undefined;
  /** Whether the log shows *** for the account id. */
  accountIsMasked?: boolean | undefined;
}

const SHOWN_CLAIMS = [
  "sub",
  "aud",
  "iss",
  "repository",
  "ref",
  "environment",
  "event_name",
  "job_workflow_ref",
  "repository_id",
  "repository_owner_id",
];

/** Why AWS may have answered AccessDenied, and the trust policy that it would not have answered so with. */
export function explainRefusal(situation: Refusal, context: TrustPolicyContext): string[] {
  const { claims, trustPolicy } = situation;
  const name = situation.roleArn.slice(situation.roleArn.lastIndexOf("/") + 1);
  const hasPath = situation.roleArn.split("/").length > 2;
  const token = [
    "The ID token says:",
    ...SHOWN_CLAIMS.filter((claim) => claims[claim] !== undefined).map(
      (claim) => `  ${claim.padEnd(20)} ${quoted(claimText(claims[claim]))}`,
    ),
  ];
  if (context.accountId === "") {
    return [
      ...token,
      `Cause: the server behind sts-endpoint has no role ${quoted(situation.roleArn)}, or its rules for that role do not accept these claims.`,
      "Fix: correct role-to-assume, or make the server accept this issuer, audience and sub.",
    ];
  }
  return [
    "AWS says no more. Either the role's trust policy does not accept this job's ID token, or there is no such role.",
    "",
    ...token,
    "",
    ...(trustPolicy === undefined
      ? ["Causes that these claims suggest:", ...causes(situation, context)]
      : verdict(trustPolicy, claims, context)),
    `  - Account ${context.accountId} has no role ${quoted(name)}, or ${hasPath ? "one with another path" : "one with a path, which its ARN must have"} (role/PATH/NAME).`,
    `    With credentials of that account, this prints its ARN: aws iam get-role --role-name ${shellWord(name)} --query Role.Arn --output text`,
    "",
    "This trust policy accepts exactly this job. Saved as trust.json, it takes the place of the role's own with the command below it;",
    "to keep what the role has, add only the statement to it.",
    ...(situation.accountIsMasked
      ? ["mask-aws-account-id hides the account id: put it in where this log shows ***."]
      : []),
    "",
    ...jsonLines({ Version: "2012-10-17", Statement: [suggestStatement(claims, context)] }),
    "",
    `  aws iam update-assume-role-policy --role-name ${shellWord(name)} --policy-document file://trust.json`,
    ...(trustPolicy === undefined
      ? [
          "",
          "To see which line of the role's trust policy refuses, give its JSON as the input explain-trust-policy.",
        ]
      : []),
  ];
}

function verdict(
  trustPolicy: string,
  claims: Record<string, unknown>,
  context: TrustPolicyContext,
): string[] {
  let result: ReturnType<typeof evaluateTrustPolicy>;
  try {
    result = evaluateTrustPolicy(parseTrustPolicy(trustPolicy), claims, context);
  } catch (error) {
    return [
      `explain-trust-policy: ${error instanceof Error ? error.message : String(error)}`,
      "Other causes:",
    ];
  }
  if (result.allowed) {
    return [
      "The trust policy in explain-trust-policy accepts this job, so AWS looked at another one, or something else denies. Causes:",
      "  - The role has another trust policy by now, or the text is that of another role.",
      "  - A resource control policy (RCP) of the AWS organization denies sts:AssumeRoleWithWebIdentity.",
    ];
  }
  const shown = result.statements.slice(0, 20);
  const rest = result.statements.length - shown.length;
  return [
    "The trust policy in explain-trust-policy does not accept this job:",
    ...shown.flatMap(statementLines),
    ...(rest > 0 ? [`  and ${rest} more statements`] : []),
    "Other causes:",
  ];
}

function statementLines({ index, sid, effect, outcome, reasons }: StatementVerdict): string[] {
  const name = sid === undefined ? `Statement ${index}` : `Statement ${index}, ${quoted(sid, 60)}`;
  // Why a Deny leaves the job alone is nothing to put right.
  const shown = effect === "Deny" && outcome === "does not apply" ? [] : reasons.slice(0, 10);
  return [
    `  ${name} (${effect}) ${outcome}${shown.length > 0 ? ":" : ""}`,
    ...shown.map((reason) => `    ${reason}`),
  ];
}

/**
 * What these claims, and no others, make likely. The forms of sub:
 * https://docs.github.com/en/actions/reference/security/oidc
 */
function causes({ claims, audience }: Refusal, context: TrustPolicyContext): string[] {
  const sub = claimText(claims.sub);
  const lines: string[] = [];
  if (sub.includes(":environment:")) {
    lines.push(
      `The job uses an environment, so sub ends in ${quoted(sub.slice(sub.indexOf(":environment:") + 1))}, not in ref:…; the policy must have that.`,
    );
  } else if (sub.endsWith(":pull_request")) {
    lines.push(
      "The job runs for a pull request, so sub ends in pull_request and names no branch. A policy for ref:refs/heads/… refuses it.",
    );
  } else if (sub.includes(":ref:refs/tags/")) {
    lines.push(
      "The job runs for a tag, so sub has ref:refs/tags/…. A policy for ref:refs/heads/… refuses it.",
    );
  } else if (sub.includes(":ref:refs/heads/")) {
    lines.push(
      `The job runs on a branch, so sub has ${quoted(sub.slice(sub.indexOf(":ref:") + 1))}. A policy for another branch or for environment:… refuses it.`,
    );
  }
  const workflow = claimText(claims.job_workflow_ref);
  if (workflow !== "" && !workflow.startsWith(`${claimText(claims.repository)}/`)) {
    const key = claimsWithKeys(context).includes("job_workflow_ref")
      ? `; to trust that workflow, use the key ${context.providerHost}:job_workflow_ref`
      : "";
    lines.push(
      `The job is in the reusable workflow ${quoted(workflow)}, but sub names the repository that calls it${key}.`,
    );
  }
  if (withoutIds(sub) !== sub) {
    lines.push(
      `sub has the immutable format, with the IDs of owner and repository: GitHub's default for repositories created, renamed or transferred since 2026-07-15. A policy for ${quoted(withoutIds(sub))} refuses it.`,
    );
  }
  if (!/^repo:[^:]+:(?:ref:[^:]+|environment:[^:]+|pull_request)$/.test(sub)) {
    const where = shellWord(`repos/${claimText(claims.repository)}/actions/oidc/customization/sub`);
    lines.push(
      `sub does not have GitHub's default form: the organization or the repository has a template of its own. See: gh api ${where}`,
    );
  }
  if (/[A-Z]/.test(sub))
    lines.push("sub has capital letters, and IAM compares letter for letter: copy it as it stands.");
  if (!/^sts\.amazonaws\.com(?:\.cn)?$/.test(audience))
    lines.push(`The audience is ${quoted(audience)}: the policy's condition on aud must have that.`);
  return lines.map((line) => `  - ${line}`);
}
