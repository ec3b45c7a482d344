import { printable, quoted } from "../base/text.ts";

/** Who asks: what a trust policy is evaluated against, besides the claims of the ID token. */
export interface TrustPolicyContext {
  /** The token's issuer without https://, such as token.actions.githubusercontent.com. */
  providerHost: string;
  accountId: string;
  partition: string;
  action: "sts:AssumeRoleWithWebIdentity";
}

/** One line of a statement's Condition. */
export interface Condition {
  operator: string;
  key: string;
  values: string[];
}

/** Whether a check holds; undefined where this cannot be decided here. The reason fits all three. */
export interface Finding {
  holds: boolean | undefined;
  reason: string;
}

type Compare = (value: string, actual: string, variables: boolean) => boolean;
const equal: Compare = (value, actual, variables) => literal(value, variables) === actual;
const equalIgnoringCase: Compare = (value, actual, variables) =>
  literal(value, variables).toLowerCase() === actual.toLowerCase();
/** Those that begin with String have a negated form, such as StringNotEquals. */
const OPERATORS = new Map<string, Compare>([
  ["StringEquals", equal],
  ["StringEqualsIgnoreCase", equalIgnoringCase],
  ["StringLike", like],
  ["Bool", equalIgnoringCase],
]);

/**
 * Whether a condition holds for a token. The rules:
 * https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_elements_condition_operators.html and,
 * beside it, reference_policies_condition-single-vs-multi-valued-context-keys.html.
 * @param variables whether `${…}` in values is a policy variable
 */
export function checkCondition(
  { operator, key, values }: Condition,
  claims: Record<string, unknown>,
  context: TrustPolicyContext,
  variables: boolean,
): Finding {
  const line = `${printable(operator, 60)} ${quoted(key, 100)}`;
  const undecided = (why: string) => ({ holds: undefined, reason: `${line}: ${why}` });
  const [, set, base = "", ifExists] =
    /^(?:(ForAllValues|ForAnyValue):)?(\w+?)(IfExists)?$/.exec(operator) ?? [];
  const compare = OPERATORS.get(base.replace(/^StringNot/, "String"));
  const negated = base.startsWith("StringNot");
  if (!compare && operator !== "Null") return undecided("this operator cannot be evaluated here");
  if (variables && values.some(hasVariable)) return undecided("policy variables cannot be evaluated here");
  const request = requestValues(key, claims, context);
  if (typeof request === "string") return undecided(`cannot be evaluated here, ${request}`);

  const has = request
    ? `the token has ${listed(request)}`
    : `the token has no such claim${foreign(key, context)}`;
  if (!compare) {
    const holds = values.some((value) => (value.toLowerCase() === "true") === (request === undefined));
    return { holds, reason: `${line}: the policy has ${listed(values)} ("true" means absent); ${has}` };
  }
  const accepts = (actual: string) => values.some((value) => compare(value, actual, variables)) !== negated;
  let holds: boolean;
  // What is absent: IfExists accepts it, a set of all values is empty and so accepted, and nothing is unequal
  // to everything.
  if (!request) holds = ifExists !== undefined || set === "ForAllValues" || (negated && set === undefined);
  else if (set === "ForAllValues" || (negated && set === undefined)) holds = request.every(accepts);
  else holds = request.some(accepts);
  const hint = holds || negated ? "" : nearMiss(base, values, request ?? [], variables);
  const policy = `the policy ${negated ? "excludes" : "has"} ${listed(values)}`;
  return { holds, reason: `${line}: ${policy}; ${has}${hint}` };
}

function nearMiss(base: string, values: string[], request: string[], variables: boolean): string {
  const some = (test: (value: string, actual: string) => boolean) =>
    request.some((actual) => values.some((value) => test(value, actual)));
  const lax = (value: string, actual: string) => like(value, actual, variables);
  if (base === "StringEquals" && some(lax))
    return " (StringEquals reads * and ? as plain characters, StringLike as wildcards)";
  if (some((value, actual) => lax(value.toLowerCase(), actual.toLowerCase())))
    return " (letter case differs)";
  if (some((value, actual) => lax(value, withoutIds(actual))))
    return " (the token's sub carries the IDs of owner and repository)";
  if (some((value, actual) => lax(withoutIds(value), actual)))
    return " (the token's sub carries no IDs of owner and repository)";
  return "";
}

/** A sub of the immutable format, `repo:owner@id/name@id:…`, without the IDs; any other text as it is. */
export function withoutIds(sub: string): string {
  return sub.replace(/^repo:([^/:@]+)@\d+\/([^/:@]+)@\d+(?=:|$)/, "repo:$1/$2");
}

// The claims of GitHub's tokens that AWS has condition keys for, besides sub and aud, and GitHub's providers
// that it has them for:
// https://docs.aws.amazon.com/service-authorization/latest/reference/list_awssecuritytokenservice.html
// (AssumeRoleWithWebIdentity). Announced for the commercial Regions only:
// https://aws.amazon.com/about-aws/whats-new/2026/01/aws-sts-supports-validation-identity-provider-claims/
const GITHUB_CLAIMS =
  "actor actor_id enterprise_id environment job_workflow_ref ref repository repository_id repository_owner_id workflow";
const GITHUB_PROVIDER = /^token\.actions\.(?:githubusercontent\.com|[\w-]+\.ghe\.com)(?:\/|$)/;

/** The claims that AWS has condition keys for, `<provider>:<claim>`. */
export function claimsWithKeys({ providerHost, partition }: TrustPolicyContext): string[] {
  const github = partition === "aws" && GITHUB_PROVIDER.test(providerHost);
  return ["aud", "sub", ...(github ? GITHUB_CLAIMS.split(" ") : [])];
}

/** The values that the request has for a condition key, undefined for none, or why only AWS can decide. */
function requestValues(
  key: string,
  claims: Record<string, unknown>,
  context: TrustPolicyContext,
): string[] | undefined | string {
  const { prefix, name } = splitKey(key);
  if (prefix !== context.providerHost.toLowerCase()) {
    // Keys of other identity providers, which this token never has, begin with a host; all others with the
    // name of a service.
    return prefix.includes(".") ? undefined : "the key does not belong to the token's provider";
  }
  const keys = claimsWithKeys(context);
  if (!keys.includes(name))
    return `AWS lists no such condition key for this provider (it lists ${keys.join(", ")})`;
  const present = [claims[name]].flat().filter((value) => value !== undefined && value !== null);
  return present.length > 0 ? present.map(claimText) : undefined;
}

/** A claim as the text that conditions compare: "" for an absent one, JSON for lists and objects. */
export function claimText(claim: unknown): string {
  if (claim === undefined || claim === null) return "";
  return typeof claim === "object" ? JSON.stringify(claim) : String(claim);
}

// Names of keys are compared without letter case; GitHub writes its claims in lower case.
function splitKey(key: string): { prefix: string; name: string } {
  const colon = key.lastIndexOf(":");
  return { prefix: key.slice(0, Math.max(colon, 0)).toLowerCase(), name: key.slice(colon + 1).toLowerCase() };
}

function foreign(key: string, { providerHost }: TrustPolicyContext): string {
  const isOwn = splitKey(key).prefix === providerHost.toLowerCase();
  return isOwn ? "" : ` (its keys begin with ${quoted(`${providerHost}:`)})`;
}

// Policy variables: ${*}, ${?} and ${$} stand for the characters themselves
// (https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_variables.html#policy-vars-specialchars).
const CHARACTER = /\$\{([*?$])\}/g;

/** A value that means the text itself, in a policy with variables and under an operator without wildcards. */
export function withoutVariables(text: string): string {
  return text.replace(/\$(?=\{)/g, "$${$$}");
}

function hasVariable(value: string): boolean {
  return /\$\{/.test(value.replace(CHARACTER, " "));
}

function literal(value: string, variables: boolean): string {
  return variables ? value.replace(CHARACTER, "$1") : value;
}

/**
 * Whether the pattern, with * for any text and ? for any character, matches the whole text. Time at most the
 * product of the lengths.
 */
export function like(pattern: string, text: string, variables: boolean): boolean {
  const parts = pattern.match(variables ? /\$\{[*?$]\}|[\s\S]/g : /[\s\S]/g) ?? [];
  let part = 0;
  let at = 0;
  let star = -1;
  let resume = 0;
  while (at < text.length) {
    const wanted = parts[part];
    if (wanted === "*") {
      star = part++;
      resume = at;
    } else if (wanted !== undefined && (wanted === "?" || literal(wanted, variables) === text[at])) {
      part++;
      at++;
    } else if (star >= 0) {
      part = star + 1;
      at = ++resume;
    } else return false;
  }
  return parts.slice(part).every((rest) => rest === "*");
}

/** Values of a policy or a token, for a sentence: in quotes, the first five of them. */
export function listed(values: string[]): string {
  if (values.length === 0) return "no value";
  const shown = values.slice(0, 5).map((value) => quoted(value));
  return [...shown, ...(values.length > 5 ? [`${values.length - 5} more`] : [])].join(" or ");
}
