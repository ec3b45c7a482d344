/**
 * The trust policy of a role, as IAM writes it: what the clouds understand of the policy language, evaluated
 * as IAM does.
 */
export interface TrustPolicy {
  Version?: string;
  Statement: TrustStatement | TrustStatement[];
}

export interface TrustStatement {
  Sid?: string;
  Effect: "Allow" | "Deny";
  Principal: "*" | { AWS?: string | string[]; Federated?: string | string[] };
  Action: string | string[];
  Condition?: Record<string, Record<string, string | string[]>>;
}

/** The name of GitHub's issuer in trust policies, whatever loopback address stands for it. */
export const GITHUB_PROVIDER = "token.actions.githubusercontent.com";

/** One request to assume the role. */
export interface TrustRequest {
  action: "sts:AssumeRole" | "sts:AssumeRoleWithWebIdentity";
  kind: "AWS" | "Federated";
  /** Every way a policy may write this principal. */
  names: string[];
  /** Condition keys and their values in this request. */
  context: Record<string, string | string[]>;
}

/** Whether the policy lets the request through: some statement allows it and none denies it. */
export function isTrusted(policy: TrustPolicy, request: TrustRequest): boolean {
  const applying = list(policy.Statement).filter((statement) => applies(statement, request));
  return (
    applying.some((statement) => statement.Effect === "Allow") &&
    applying.every((statement) => statement.Effect !== "Deny")
  );
}

/**
 * Throws if the policy contains something that `isTrusted` does not evaluate, as IAM refuses a malformed policy
 * when it is written.
 */
export function checkTrustPolicy(policy: TrustPolicy): void {
  for (const statement of list(policy.Statement)) {
    for (const key of Object.keys(statement)) {
      if (!["Sid", "Effect", "Principal", "Action", "Condition"].includes(key))
        throw new Error(`trust policy: unknown element ${key}`);
    }
    if (statement.Effect !== "Allow" && statement.Effect !== "Deny")
      throw new Error("trust policy: Effect must be Allow or Deny");
    if (statement.Principal === undefined || statement.Action === undefined)
      throw new Error("trust policy: Principal and Action are required");
    for (const operator of Object.keys(statement.Condition ?? {})) parseOperator(operator);
  }
}

function applies(statement: TrustStatement, request: TrustRequest): boolean {
  const principals = statement.Principal === "*" ? ["*"] : list(statement.Principal[request.kind]);
  return (
    list(statement.Action).some((action) => like(action.toLowerCase(), request.action.toLowerCase())) &&
    principals.some((principal) => principal === "*" || request.names.includes(principal)) &&
    Object.entries(statement.Condition ?? {}).every(([operator, conditions]) =>
      Object.entries(conditions).every(([key, expected]) =>
        holds(parseOperator(operator), list(expected), contextValue(request.context, key)),
      ),
    )
  );
}

type Compare = (expected: string, actual: string) => boolean;

interface Operator {
  set: "ForAnyValue" | "ForAllValues" | undefined;
  ifExists: boolean;
  negated: boolean;
  compare: Compare | "null";
}

const COMPARE = new Map<string, Compare>(
  Object.entries({
    StringEquals: (expected, actual) => expected === actual,
    StringEqualsIgnoreCase: (expected, actual) => expected.toLowerCase() === actual.toLowerCase(),
    StringLike: like,
    ArnEquals: like,
    ArnLike: like,
    Bool: (expected, actual) => expected.toLowerCase() === actual.toLowerCase(),
  }),
);

function parseOperator(text: string): Operator {
  const match = /^(?:(ForAnyValue|ForAllValues):)?([A-Za-z]+?)(IfExists)?$/.exec(text);
  const [, set, name = "", ifExists] = match ?? [];
  const positive = name.replace(/^(String|Arn)Not/, "$1");
  const compare = name === "Null" ? "null" : COMPARE.get(positive);
  if (compare === undefined) throw new Error(`trust policy: unknown condition operator ${text}`);
  return {
    set: set as Operator["set"],
    ifExists: ifExists !== undefined,
    negated: positive !== name,
    compare,
  };
}

function holds(operator: Operator, expected: string[], actual: string[] | undefined): boolean {
  const { compare, set, negated } = operator;
  if (compare === "null")
    return expected.some((value) => (value.toLowerCase() === "true") === (actual === undefined));
  // A key that the request lacks: vacuously true of all its values, true of none of them, and different from
  // whatever was expected.
  if (actual === undefined)
    return operator.ifExists || set === "ForAllValues" || (negated && set === undefined);
  const matches = (value: string) => expected.some((pattern) => compare(pattern, value)) !== negated;
  return set === "ForAllValues" || (set === undefined && negated)
    ? actual.every(matches)
    : actual.some(matches);
}

/** Condition keys are compared without regard to case. */
function contextValue(context: TrustRequest["context"], key: string): string[] | undefined {
  const found = Object.keys(context).find((name) => name.toLowerCase() === key.toLowerCase());
  return found === undefined ? undefined : list(context[found]);
}

/** `*` stands for any run of characters, `?` for any one. */
function like(pattern: string, text: string): boolean {
  const source = pattern.replace(/[\\^$.+|()[\]{}*?]/g, (char) =>
    char === "*" ? ".*" : char === "?" ? "." : `\\${char}`,
  );
  return new RegExp(`^${source}$`, "s").test(text);
}

function list<T>(value: T | T[] | undefined): T[] {
  if (value === undefined) return [];
  return Array.isArray(value) ? value : [value];
}

/**
 * The trust policy that AWS's and GitHub's documentation shows: this account's GitHub provider, one audience,
 * subjects like these.
 */
export function trustGitHub(
  account: string,
  subjects: string | string[],
  audience = "sts.amazonaws.com",
): TrustPolicy {
  return {
    Version: "2012-10-17",
    Statement: {
      Effect: "Allow",
      Principal: { Federated: `arn:aws:iam::${account}:oidc-provider/${GITHUB_PROVIDER}` },
      Action: "sts:AssumeRoleWithWebIdentity",
      Condition: {
        StringEquals: { [`${GITHUB_PROVIDER}:aud`]: audience },
        StringLike: { [`${GITHUB_PROVIDER}:sub`]: subjects },
      },
    },
  };
}

/** The trust policy of a role that another role or user may assume, with an external id if one is given. */
export function trustPrincipal(arn: string, externalId?: string): TrustPolicy {
  return {
    Version: "2012-10-17",
    Statement: {
      Effect: "Allow",
      Principal: { AWS: arn },
      Action: "sts:AssumeRole",
      ...(externalId !== undefined && { Condition: { StringEquals: { "sts:ExternalId": externalId } } }),
    },
  };
}
