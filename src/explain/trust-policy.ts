import { isObject } from "../base/jwt.ts";
import { printable, quoted } from "../base/text.ts";
import {
  type Condition,
  checkCondition,
  claimsWithKeys,
  claimText,
  type Finding,
  like,
  listed,
  type TrustPolicyContext,
  withoutVariables,
} from "./conditions.ts";

export interface TrustPolicy {
  /** Whether `${…}` in values is a policy variable: in Version 2012-10-17 only. */
  variables: boolean;
  statements: Statement[];
}

interface Statement {
  sid: string | undefined;
  effect: "Allow" | "Deny";
  /** Undefined for a principal that only AWS can evaluate ("*", NotPrincipal). */
  federated: string[] | undefined;
  actions: string[];
  /** NotAction: every action but these. */
  otherActions: boolean;
  conditions: Condition[];
}

export interface StatementVerdict {
  /** Its place in the policy, from 1. */
  index: number;
  sid?: string;
  effect: "Allow" | "Deny";
  outcome: "allows" | "denies" | "does not apply" | "cannot be evaluated here";
  /** What made the outcome: what the policy has and what the token has. Empty for "allows". */
  reasons: string[];
}

// IAM's limit is 8,192 characters without white space
// (https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_iam-quotas.html).
const MAX_POLICY_LENGTH = 32_768;

/** Reads the JSON of a role's trust policy. Throws an Error with what is wrong and what is allowed. */
export function parseTrustPolicy(text: string): TrustPolicy {
  if (text.length > MAX_POLICY_LENGTH)
    throw notAPolicy(`it has ${text.length} characters, more than ${MAX_POLICY_LENGTH}`);
  let document: unknown;
  try {
    document = JSON.parse(text);
  } catch (error) {
    throw notAPolicy(
      `it is not JSON (${printable(error instanceof Error ? error.message : String(error), 200)})`,
    );
  }
  if (!isObject(document) || document.Statement === undefined)
    throw notAPolicy("it is not an object with a Statement");
  const statements = Array.isArray(document.Statement) ? document.Statement : [document.Statement];
  if (statements.length === 0) throw notAPolicy("its Statement is empty");
  return { variables: document.Version === "2012-10-17", statements: statements.map(parseStatement) };
}

function parseStatement(statement: unknown, position: number): Statement {
  const at = `statement ${position + 1}`;
  if (!isObject(statement)) throw notAPolicy(`${at} is not an object`);
  const { Sid: sid, Effect: effect, Principal: principal, Action: action } = statement;
  if (effect !== "Allow" && effect !== "Deny")
    throw notAPolicy(`the Effect of ${at} is ${shown(effect)}, not "Allow" or "Deny"`);
  if (principal === undefined && statement.NotPrincipal === undefined)
    throw notAPolicy(`${at} has no Principal`);
  const actions = strings(action ?? statement.NotAction, `the Action of ${at}`);
  if (actions.length === 0) throw notAPolicy(`the Action of ${at} is empty`);
  return {
    sid: typeof sid === "string" && sid !== "" ? sid : undefined,
    effect,
    federated: isObject(principal) ? parseFederated(principal, at) : undefined,
    actions,
    otherActions: action === undefined,
    conditions: parseConditions(statement.Condition ?? {}, at),
  };
}

function parseFederated(principal: Record<string, unknown>, at: string): string[] | undefined {
  const federated = strings(principal.Federated ?? [], `Principal.Federated of ${at}`);
  return [...federated, principal.AWS].flat().includes("*") ? undefined : federated;
}

function parseConditions(block: unknown, at: string): Condition[] {
  if (!isObject(block)) throw notAPolicy(`the Condition of ${at} is ${shown(block)}, not an object`);
  return Object.entries(block).flatMap(([operator, keys]) => {
    if (!isObject(keys))
      throw notAPolicy(
        `${quoted(operator, 60)} in ${at} is ${shown(keys)}, not an object of keys and values`,
      );
    return Object.entries(keys).map(([key, value]) => {
      return { operator, key, values: strings(value, `the value of ${quoted(key, 100)} in ${at}`) };
    });
  });
}

/**
 * Whether the policy certainly lets the bearer of these claims assume its role, and for each statement why or
 * why not. What only AWS can decide (keys of the request, other operators, policy variables) is reported as
 * such.
 */
export function evaluateTrustPolicy(
  policy: TrustPolicy,
  claims: Record<string, unknown>,
  context: TrustPolicyContext,
): { allowed: boolean; statements: StatementVerdict[] } {
  const statements = policy.statements.map((statement, position): StatementVerdict => {
    const { sid, effect, conditions } = statement;
    const findings = [
      checkPrincipal(statement, context),
      checkAction(statement, context),
      ...conditions.map((condition) => checkCondition(condition, claims, context, policy.variables)),
    ];
    const reasons = (holds: boolean | undefined) =>
      findings.filter((finding) => finding.holds === holds).map(({ reason }) => reason);
    const subject = { index: position + 1, ...(sid && { sid }), effect };
    if (reasons(false).length > 0) return { ...subject, outcome: "does not apply", reasons: reasons(false) };
    if (reasons(undefined).length > 0)
      return { ...subject, outcome: "cannot be evaluated here", reasons: reasons(undefined) };
    if (effect === "Allow") return { ...subject, outcome: "allows", reasons: [] };
    return { ...subject, outcome: "denies", reasons: reasons(true) };
  });
  const denied = statements.some(({ effect, outcome }) => effect === "Deny" && outcome !== "does not apply");
  return { allowed: !denied && statements.some(({ outcome }) => outcome === "allows"), statements };
}

/** The ARN of the identity provider that a trust policy has to name. */
export function providerArn({ partition, accountId, providerHost }: TrustPolicyContext): string {
  return `arn:${partition}:iam::${accountId}:oidc-provider/${providerHost}`;
}

function checkPrincipal({ federated }: Statement, context: TrustPolicyContext): Finding {
  if (!federated)
    return { holds: undefined, reason: 'Principal: "*" and NotPrincipal cannot be evaluated here' };
  const needed = providerArn(context);
  const has = federated.length > 0 ? listed(federated) : "none";
  return {
    holds: federated.includes(needed),
    reason: `Principal.Federated: the policy has ${has}; the token's provider is ${quoted(needed)}`,
  };
}

function checkAction({ actions, otherActions }: Statement, { action }: TrustPolicyContext): Finding {
  const named = actions.some((pattern) => like(pattern.toLowerCase(), action.toLowerCase(), false));
  const element = otherActions ? "NotAction" : "Action";
  return {
    holds: named !== otherActions,
    reason: `${element}: the policy has ${listed(actions)}; the call is ${action}`,
  };
}

/**
 * The narrow statement that accepts this job: its exact aud and sub. Somebody else can take over the name of
 * a deleted repository, so the statement adds the repository's ID where sub has none and AWS has a key for
 * it.
 */
export function suggestStatement(claims: Record<string, unknown>, context: TrustPolicyContext): object {
  const sub = claimText(claims.sub);
  const id = claimText(claims.repository_id);
  const hasId = sub.split(/[/:]/).some((part) => part.endsWith(`@${id}`));
  const pin = !hasId && /^\d+$/.test(id) && claimsWithKeys(context).includes("repository_id");
  const exactly = (claim: unknown) => withoutVariables(claimText(claim));
  return {
    Effect: "Allow",
    Principal: { Federated: providerArn(context) },
    Action: context.action,
    Condition: {
      StringEquals: {
        [`${context.providerHost}:aud`]: Array.isArray(claims.aud)
          ? claims.aud.map(exactly)
          : exactly(claims.aud),
        [`${context.providerHost}:sub`]: exactly(sub),
        ...(pin && { [`${context.providerHost}:repository_id`]: id }),
      },
    },
  };
}

// IAM reads numbers and booleans as the strings that they print as.
function strings(value: unknown, what: string): string[] {
  const list = Array.isArray(value) ? value : [value];
  if (list.every((one) => ["string", "number", "boolean"].includes(typeof one))) return list.map(String);
  throw notAPolicy(`${what} is ${shown(value)}, not a string or a list of strings`);
}

function shown(value: unknown): string {
  return value === undefined
    ? "missing"
    : quoted(typeof value === "string" ? value : JSON.stringify(value), 100);
}

function notAPolicy(what: string): Error {
  return new Error(
    `Not a trust policy: ${what}. Allowed: the JSON that "aws iam get-role --role-name NAME --query Role.AssumeRolePolicyDocument" prints, with Effect, Principal and Action in each statement.`,
  );
}
