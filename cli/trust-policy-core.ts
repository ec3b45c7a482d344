/** What trust-policy does, without arguments and output: also for the page docs/setup. Runs in a browser, too. */
import { printable, quoted } from "../src/base/text.ts";
import {
  type Condition,
  claimsWithKeys,
  claimText,
  listed,
  type TrustPolicyContext,
} from "../src/explain/conditions.ts";
import {
  evaluateTrustPolicy,
  parseTrustPolicy,
  type StatementVerdict,
  suggestStatement,
  type TrustPolicy,
} from "../src/explain/trust-policy.ts";
import { type Claims, claimsIn, UsageError } from "./trust-policy-claims.ts";

const ISSUER = "token.actions.githubusercontent.com";
/** In place of an account that nobody gave. */
export const PLACEHOLDER = "ACCOUNT_ID";

/** What decides whose tokens a policy is about. */
export interface Where {
  account?: string | undefined;
  partition?: string | undefined;
  /** Host and path, without https://. */
  issuer?: string | undefined;
}

/** Who asks: as given, or else as the first identity provider that the policy names. Throws a UsageError. */
export function contextOf(where: Where, policy?: TrustPolicy): TrustPolicyContext {
  const federated = policy?.statements.flatMap((statement) => statement.federated ?? []) ?? [];
  const arns = federated.map((arn) => /^arn:([\w-]+):iam::(\d+):oidc-provider\/(.+)$/.exec(arn));
  const [, partition, account, issuer] = arns.find((match) => match !== null) ?? [];
  const context = {
    providerHost: where.issuer ?? issuer ?? ISSUER,
    accountId: where.account ?? account ?? PLACEHOLDER,
    partition: where.partition ?? partition ?? "aws",
    action: "sts:AssumeRoleWithWebIdentity" as const,
  };
  if (context.accountId !== PLACEHOLDER && !/^\d{12}$/.test(context.accountId))
    throw new UsageError(`--account is ${quoted(context.accountId)}, not twelve digits`);
  if (!/^aws(?:-[a-z]+)*$/.test(context.partition))
    throw new UsageError(`--partition is ${quoted(context.partition)}, not a partition such as aws-us-gov`);
  if (!/^[\w.-]+(?::\d+)?(?:\/[\w.~-]+)*$/.test(context.providerHost))
    throw new UsageError(`--issuer is ${quoted(context.providerHost)}, not a host and path without https://`);
  return context;
}

/** Audience of the ID tokens that the action asks for. */
export function audienceIn({ partition }: TrustPolicyContext): string {
  return partition === "aws-cn" ? "sts.amazonaws.com.cn" : "sts.amazonaws.com";
}

/**
 * A policy that accepts jobs with one of these subs, and the claims that pin the repository.
 * @param itself path and name of the role, which may then assume itself
 * @returns the policy, and claims that AWS has no key for there
 */
export function makePolicy(
  subjects: string[],
  claims: Claims,
  context: TrustPolicyContext,
  itself?: string,
): { policy: object; without: string[] } {
  const suggested = suggestStatement({ ...claims, sub: subjects[0] }, context) as {
    Condition: { StringEquals: Record<string, unknown> };
  };
  const { StringEquals: equals } = suggested.Condition;
  const key = (claim: string) => `${context.providerHost}:${claim}`;
  if (subjects.length > 1) equals[key("sub")] = subjects;
  const pins = ["repository_id", "repository_owner_id", "job_workflow_ref"].filter((claim) => claims[claim]);
  const possible = claimsWithKeys(context);
  for (const claim of pins) if (possible.includes(claim)) equals[key(claim)] = claims[claim];
  const statements = [suggested, ...(itself === undefined ? [] : [selfAssume(itself, context)])];
  return {
    policy: { Version: "2012-10-17", Statement: statements },
    without: pins.filter((claim) => !possible.includes(claim)),
  };
}

/** The account is the principal, because IAM refuses a role that does not exist yet. The condition admits only the role. */
function selfAssume(role: string, { partition, accountId }: TrustPolicyContext): object {
  return {
    Sid: "OutliveIdTokens",
    Effect: "Allow",
    Principal: { AWS: `arn:${partition}:iam::${accountId}:root` },
    Action: "sts:AssumeRole",
    Condition: { ArnEquals: { "aws:PrincipalArn": `arn:${partition}:iam::${accountId}:role/${role}` } },
  };
}

export interface Judgement {
  allowed: boolean;
  statements: StatementVerdict[];
  /** A line for each condition that was not compared, because nobody gave the claim. */
  skipped: string[];
  /** With what is known of the issuer and audience. */
  claims: Claims;
  /** A policy that accepts exactly such a token. */
  suggestion: object;
}

/** How much of a token its claims are. A log shows those that policies usually compare. */
export type Known = "all" | "as in the log" | "by its sub";
const NOT_IN_THE_LOG = ["actor", "actor_id", "enterprise_id", "workflow"];

/** Whether a policy lets the bearer of these claims in. Throws an Error with what is wrong with the policy. */
export function judge(
  text: string,
  given: Claims,
  known: Known,
  where: Where & { audience?: string | undefined },
): Judgement {
  const policy = parseTrustPolicy(text);
  const issuer = where.issuer ?? /^https:\/\/(.+)$/.exec(claimText(given.iss))?.[1];
  const context = contextOf({ ...where, issuer }, policy);
  const claims: Claims = {
    iss: `https://${context.providerHost}`,
    aud: audienceIn(context),
    ...(typeof given.sub === "string" && claimsIn(given.sub)),
    ...given,
    ...(where.audience !== undefined && { aud: where.audience }),
  };
  const { compared, skipped } = withoutClaims(policy, unknownClaims(claims, known, context), context);
  const suggestion = { Version: "2012-10-17", Statement: [suggestStatement(claims, context)] };
  return { ...evaluateTrustPolicy(compared, claims, context), skipped, claims, suggestion };
}

/** The claims that AWS can compare, that were not given, and that the token may have. */
function unknownClaims(claims: Claims, known: Known, context: TrustPolicyContext): string[] {
  const hasNoEnvironment = claims.ref !== undefined || claimText(claims.sub).endsWith(":pull_request");
  const missing = claimsWithKeys(context).filter((name) => claims[name] === undefined);
  if (known === "all") return [];
  if (known === "as in the log") return missing.filter((name) => NOT_IN_THE_LOG.includes(name));
  return missing.filter((name) => !(name === "environment" && hasNoEnvironment));
}

/** The policy without its conditions on these claims, and a line for each of those. */
function withoutClaims(policy: TrustPolicy, claims: string[], { providerHost }: TrustPolicyContext) {
  const keys = claims.map((claim) => `${providerHost}:${claim}`.toLowerCase());
  const isSkipped = ({ key }: Condition) => keys.includes(key.toLowerCase());
  const line = ({ operator, key, values }: Condition) =>
    `${printable(operator, 60)} ${quoted(key, 100)} ${listed(values)}`;
  const skipped = policy.statements.flatMap(({ conditions }, index) =>
    conditions.filter(isSkipped).map((condition) => `Statement ${index + 1}: ${line(condition)}`),
  );
  const statements = policy.statements.map((statement) => ({
    ...statement,
    conditions: statement.conditions.filter((condition) => !isSkipped(condition)),
  }));
  return { compared: { ...policy, statements }, skipped };
}
