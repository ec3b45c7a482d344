import { jsonLines, quoted, shellWord, shortened } from "../base/text.ts";
import type { Asked } from "./asked.ts";
import { claimsWithKeys, claimText, withoutIds } from "./conditions.ts";
import { type Text, text } from "./explained.ts";
import { evaluateTrustPolicy, type StatementVerdict, suggestStatement } from "./trust-policy.ts";

const SHOWN_CLAIMS =
  "sub aud iss repository ref environment event_name job_workflow_ref repository_id repository_owner_id";

/** Why AWS may have answered AccessDenied, and a trust policy that would have been accepted. */
export function explainRefusal(asked: Asked): Text {
  const { roleArn, claims, trustPolicy, context } = asked;
  const name = roleArn.slice(roleArn.lastIndexOf("/") + 1);
  const path = roleArn.split("/").length > 2 ? "another path" : "a path, which its ARN must include";
  const noRole = `Account ${context.accountId} has no role ${quoted(name)}, or the role has ${path} (role/PATH/NAME).`;
  const { first, lines } = trustPolicy
    ? judged(evaluateTrustPolicy(trustPolicy, claims, context))
    : suggested([...causes(asked)]);
  const sub = quoted(claimText(claims.sub), 160);
  return text(
    "access-denied",
    `AWS refused to let this job assume ${shortened(roleArn, 140)} with sub ${sub}. Likely cause: ${first ?? noRole}`,
    "AWS gives no further detail. Either the role's trust policy does not accept this job's ID token, or the role does not exist.",
    "",
    ...claimLines(claims),
    "",
    ...lines,
    `  - ${noRole}`,
    `    With credentials of that account, this prints its ARN: aws iam get-role --role-name ${shellWord(name)} --query Role.Arn --output text`,
    "",
    "This trust policy accepts exactly this job. Save it as trust.json; the command below replaces the role's trust policy with it.",
    "To keep the statements that the role has, add only this statement to them.",
    ...(asked.accountIsMasked
      ? ["mask-aws-account-id hides the account ID: where this log shows ***, write the account ID."]
      : []),
    "",
    ...jsonLines({ Version: "2012-10-17", Statement: [suggestStatement(claims, context)] }),
    "",
    `  aws iam update-assume-role-policy --role-name ${shellWord(name)} --policy-document file://trust.json`,
    ...(trustPolicy === undefined
      ? [
          "",
          "To see which line of the role's trust policy refuses the job, set the input explain-trust-policy to the policy's JSON.",
        ]
      : []),
  );
}

/** The claims of the ID token that trust policies are about. */
export function claimLines(claims: Record<string, unknown>): string[] {
  return [
    "The ID token has these claims:",
    ...SHOWN_CLAIMS.split(" ")
      .filter((claim) => claims[claim] !== undefined)
      .map((claim) => `  ${claim.padEnd(20)} ${quoted(claimText(claims[claim]))}`),
  ];
}

/** The likely cause for the annotation, and the beginning of a list of causes for the log. */
function suggested(causes: string[]) {
  return {
    first: causes[0],
    lines: ["Causes that these claims suggest:", ...causes.map((cause) => `  - ${cause}`)],
  };
}

/** The same, by the role's trust policy. */
function judged({ allowed, statements }: ReturnType<typeof evaluateTrustPolicy>) {
  if (allowed) {
    return {
      first: "The policy in explain-trust-policy accepts this job, but AWS evaluated a different one.",
      lines: [
        "The trust policy in explain-trust-policy accepts this job, so AWS evaluated a different policy, or another policy denies the request. Causes:",
        "  - The role's trust policy has changed since, or the text is that of another role.",
        "  - A resource control policy (RCP) of the AWS organization denies sts:AssumeRoleWithWebIdentity.",
      ],
    };
  }
  return {
    first: decisive(statements),
    lines: [
      "The trust policy in explain-trust-policy does not accept this job:",
      ...verdictLines(statements),
      "Other causes:",
    ],
  };
}

/** What each statement did and why, the first twenty of them. */
export function verdictLines(statements: StatementVerdict[]): string[] {
  const rest = statements.length - 20;
  return [
    ...statements.slice(0, 20).flatMap(statementLines),
    ...(rest > 0 ? [`  and ${rest} more statements`] : []),
  ];
}

/** A Deny that applies, or the Allow that has the fewest reasons not to, with the first of them. */
function decisive(statements: StatementVerdict[]): string | undefined {
  const [allow] = statements
    .filter(({ effect, outcome }) => effect === "Allow" && outcome !== "allows")
    .sort((a, b) => a.reasons.length - b.reasons.length);
  const one = statements.find((statement) => statement.effect === "Deny" && !isHarmless(statement)) ?? allow;
  if (one === undefined) return undefined;
  return `${nameOf(one)} ${one.outcome === "denies" ? "denies this job." : `${one.outcome}: ${one.reasons[0]}`}`;
}

function isHarmless({ effect, outcome }: StatementVerdict): boolean {
  return effect === "Deny" && outcome === "does not apply";
}

function nameOf({ index, sid, effect }: StatementVerdict): string {
  return `Statement ${index}${sid === undefined ? "" : `, ${quoted(sid, 60)}`} (${effect})`;
}

function statementLines(statement: StatementVerdict): string[] {
  // A Deny that does not apply needs no fix, so its reasons are not shown.
  const reasons = isHarmless(statement) ? [] : statement.reasons.slice(0, 10);
  return [
    `  ${nameOf(statement)} ${statement.outcome}${reasons.length > 0 ? ":" : ""}`,
    ...reasons.map((reason) => `    ${reason}`),
  ];
}

/**
 * What these claims, and no others, make likely, the likeliest first. The forms of sub:
 * https://docs.github.com/en/actions/reference/security/oidc
 */
function* causes({ claims, audience, context }: Asked): Generator<string> {
  const sub = claimText(claims.sub);
  const repository = claimText(claims.repository);
  if (withoutIds(sub) !== sub)
    yield `sub has the immutable format, with the IDs of owner and repository: GitHub's default for repositories created, renamed or transferred since 2026-07-15. A policy for ${quoted(withoutIds(sub))} refuses it.`;
  if (!/^repo:[^:]+:(?:ref:[^:]+|environment:[^:]+|pull_request)$/.test(sub))
    yield `sub does not have GitHub's default form: the organization or the repository uses its own template. To see it: gh api ${shellWord(`repos/${repository}/actions/oidc/customization/sub`)}`;
  if (!/^sts\.amazonaws\.com(?:\.cn)?$/.test(audience))
    yield `The audience is ${quoted(audience)}: the policy's condition on aud must accept that.`;
  if (sub.includes(":environment:"))
    yield `The job uses an environment, so sub ends in ${quoted(sub.slice(sub.indexOf(":environment:") + 1))}, not in ref:…; the policy must accept that.`;
  else if (sub.endsWith(":pull_request"))
    yield "The job runs for a pull request, so sub ends in pull_request and names no branch. A policy for ref:refs/heads/… refuses it.";
  else if (sub.includes(":ref:refs/tags/"))
    yield "The job runs for a tag, so sub has ref:refs/tags/…. A policy for ref:refs/heads/… refuses it.";
  else if (sub.includes(":ref:refs/heads/"))
    yield `The job runs on a branch, so sub has ${quoted(sub.slice(sub.indexOf(":ref:") + 1))}. A policy for another branch or for environment:… refuses it.`;
  const workflow = claimText(claims.job_workflow_ref);
  if (workflow !== "" && !workflow.startsWith(`${repository}/`)) {
    const key = claimsWithKeys(context).includes("job_workflow_ref")
      ? `; to trust that workflow, use the key ${context.providerHost}:job_workflow_ref`
      : "";
    yield `The job is in the reusable workflow ${quoted(workflow)}, but sub names the repository that calls it${key}.`;
  }
  if (/[A-Z]/.test(sub)) yield "sub has capital letters, and IAM is case-sensitive: copy sub exactly.";
}
