// npx github:org/aws-role-refresh trust-policy: prints the trust policy of a role, or explains which condition of one refuses a
// token. The code is that of the refusal log. It reads the files that are named and asks no server.
import { readFileSync } from "node:fs";
import { parseArgs } from "node:util";
import { jsonLines, printable, quoted, shellWord } from "../src/base/text.ts";
import { claimLines, verdictLines } from "../src/explain/access-denied.ts";
import {
  type Condition,
  claimsWithKeys,
  listed,
  type TrustPolicyContext,
} from "../src/explain/conditions.ts";
import {
  evaluateTrustPolicy,
  parseTrustPolicy,
  suggestStatement,
  type TrustPolicy,
} from "../src/explain/trust-policy.ts";
import { type Claims, claimsIn, readClaims, subjectsOf, UsageError } from "./trust-policy-claims.ts";

const USAGE = `Usage:
  trust-policy --repository OWNER/NAME JOB [IDS] [ACCOUNT]     prints a trust policy to paste
  trust-policy --explain FILE TOKEN [ACCOUNT]                  says which condition of a policy refuses a token

JOB, one of:
  --environment NAME         jobs with this environment
  --branch NAME, --tag NAME  jobs without an environment, for this branch or tag
  --pull-request             jobs of pull requests, without an environment
IDS, so that the policy also accepts the newer format of sub, and refuses whoever takes over the name:
  --repository-id ID --owner-id ID    gh api repos/OWNER/NAME --jq '.id, .owner.id'
  --job-workflow-ref REF     only jobs of this reusable workflow: OWNER/NAME/.github/workflows/FILE.yml@REF
TOKEN, one or more of:
  --sub SUB                  its sub; a repository, environment, ref and IDs are read from it
  --claims FILE              its claims, as JSON or as the log of a refused run prints them
  --claim NAME=VALUE         any number of them
  JOB and IDS                as above
ACCOUNT:
  --account ID               of the role; default: a placeholder, or that of the policy
  --partition NAME           aws (default), aws-cn, aws-us-gov
  --issuer HOST              default: token.actions.githubusercontent.com; GitHub Enterprise Server: HOST/_services/token
  --audience AUDIENCE        default: sts.amazonaws.com; sts.amazonaws.com.cn in aws-cn
  --outlive-id-tokens        adds the statement that the input of this name needs; with --role NAME

FILE may be -, for standard input. Exit code: 0 printed or accepted, 1 refused, 2 wrong usage.`;

const text = { type: "string" } as const;
const flag = { type: "boolean" } as const;
const OPTIONS = {
  ...{ repository: text, environment: text, branch: text, tag: text, "pull-request": flag },
  ...{ "repository-id": text, "owner-id": text, "job-workflow-ref": text },
  ...{ explain: text, sub: text, claims: text, claim: { type: "string", multiple: true } as const },
  ...{ account: text, partition: text, issuer: text, audience: text },
  ...{ "outlive-id-tokens": flag, role: text, help: { type: "boolean", short: "h" } as const },
};
type Options = ReturnType<typeof parseArgs<{ options: typeof OPTIONS }>>["values"];

const ISSUER = "token.actions.githubusercontent.com";
const PLACEHOLDER = "ACCOUNT_ID";

/** Runs the command with the arguments after its name. Resolves to its exit code: 0 accepted, 1 refused, 2 wrong usage. */
export async function run(args: string[]): Promise<number> {
  try {
    const { values } = parseArgs({ args, options: OPTIONS });
    if (values.help) console.log(USAGE);
    else if (values.explain !== undefined) return explain(values, values.explain);
    else print(values);
    return 0;
  } catch (error) {
    if (!(error instanceof Error)) throw error;
    console.error(`trust-policy: ${error.message}\nFor help: trust-policy --help`);
    return 2;
  }
}

function print(options: Options): void {
  const context = contextOf(options);
  const subjects = subjectsOf(options);
  const claims = { ...claimsOf(options, context), sub: subjects[0] };
  const suggested = suggestStatement(claims, context) as {
    Condition: { StringEquals: Record<string, unknown> };
  };
  const { StringEquals: equals } = suggested.Condition;
  const key = (claim: string) => `${context.providerHost}:${claim}`;
  if (subjects.length > 1) equals[key("sub")] = subjects;
  for (const claim of ["repository_id", "repository_owner_id", "job_workflow_ref"]) {
    const value = (claims as Claims)[claim];
    if (value === undefined) continue;
    if (claimsWithKeys(context).includes(claim)) equals[key(claim)] = value;
    else console.error(`AWS has no condition key for ${claim} in ${context.partition}: the policy has none.`);
  }
  const statements = [suggested, ...(options["outlive-id-tokens"] ? [selfAssume(options, context)] : [])];
  console.log(JSON.stringify({ Version: "2012-10-17", Statement: statements }, null, 2));
  if (context.accountId === PLACEHOLDER)
    console.error(`Replace ${PLACEHOLDER} by the account of the role, or give --account.`);
  if (subjects.length === 1)
    console.error(
      "Without --repository-id and --owner-id, this refuses repositories created, renamed or transferred since 2026-07-15, whose sub has the IDs.",
    );
  const name = shellWord(options.role?.replace(/^.*\//, "") ?? "ROLE");
  console.error(
    `To use it: save it as trust.json, then: aws iam update-assume-role-policy --role-name ${name} --policy-document file://trust.json`,
  );
}

/** The account is the principal, because IAM refuses a role that does not exist yet. The condition admits only the role. */
function selfAssume({ role }: Options, { partition, accountId }: TrustPolicyContext): object {
  if (role === undefined || !/^(?:[!-.0-~]+\/)*[\w+=,.@-]{1,64}$/.test(role))
    throw new UsageError(
      "--outlive-id-tokens needs --role NAME (or PATH/NAME) of the role that assumes itself",
    );
  return {
    Sid: "OutliveIdTokens",
    Effect: "Allow",
    Principal: { AWS: `arn:${partition}:iam::${accountId}:root` },
    Action: "sts:AssumeRole",
    Condition: { ArnEquals: { "aws:PrincipalArn": `arn:${partition}:iam::${accountId}:role/${role}` } },
  };
}

function explain(options: Options, file: string): number {
  const policy = parseTrustPolicy(read(file));
  const context = contextOf(options, policy);
  const claims = claimsOf(options, context);
  if (claims.sub === undefined) throw new UsageError("--explain needs a token: --sub SUB, or --claims FILE");
  // Only the claims of a log are all that a token has: beside a sub there are others.
  const unknown = options.claims === undefined ? unknownClaims(claims, context) : [];
  const { compared, skipped } = withoutClaims(policy, unknown, context);
  const { allowed, statements } = evaluateTrustPolicy(compared, claims, context);
  const verdict = allowed ? "accepts this token" : "does not accept this token";
  const lines = [...claimLines(claims), "", `The trust policy ${verdict}:`, ...verdictLines(statements)];
  if (skipped.length > 0)
    lines.push("", "Not compared, because the claim is not given (--claim NAME=VALUE):");
  lines.push(...skipped);
  if (!allowed) {
    lines.push("", "This trust policy accepts exactly such a token:", "");
    lines.push(...jsonLines({ Version: "2012-10-17", Statement: [suggestStatement(claims, context)] }));
  }
  console.log(lines.join("\n"));
  return allowed ? 0 : 1;
}

/** The claims that AWS can compare and that a sub alone does not tell. */
function unknownClaims(claims: Claims, context: TrustPolicyContext): string[] {
  const hasNoEnvironment = claims.ref !== undefined || String(claims.sub).endsWith(":pull_request");
  return claimsWithKeys(context).filter(
    (name) => claims[name] === undefined && !(name === "environment" && hasNoEnvironment),
  );
}

/** The policy without its conditions on these claims, and a line for each of those. */
function withoutClaims(policy: TrustPolicy, claims: string[], { providerHost }: TrustPolicyContext) {
  const keys = claims.map((claim) => `${providerHost}:${claim}`.toLowerCase());
  const isSkipped = ({ key }: Condition) => keys.includes(key.toLowerCase());
  const skipped = policy.statements.flatMap(({ conditions }, index) =>
    conditions
      .filter(isSkipped)
      .map(
        ({ operator, key, values }) =>
          `  Statement ${index + 1}: ${printable(operator, 60)} ${quoted(key, 100)} ${listed(values)}`,
      ),
  );
  const statements = policy.statements.map((statement) => ({
    ...statement,
    conditions: statement.conditions.filter((condition) => !isSkipped(condition)),
  }));
  return { compared: { ...policy, statements }, skipped };
}

function claimsOf(options: Options, context: TrustPolicyContext): Claims {
  const sub = options.sub ?? (options.repository === undefined ? undefined : subjectsOf(options).at(-1));
  const own: [string, string | undefined][] = [
    ["repository_id", options["repository-id"]],
    ["repository_owner_id", options["owner-id"]],
    ["job_workflow_ref", options["job-workflow-ref"]],
  ];
  const single = (options.claim ?? []).map((pair) => {
    const [, name, value] = /^(\w+)=(.*)$/s.exec(pair) ?? [];
    if (name === undefined) throw new UsageError(`--claim is ${quoted(pair)}, not NAME=VALUE`);
    return [name, value] as const;
  });
  const read_ = options.claims === undefined ? {} : readClaims(read(options.claims));
  const fromSub = sub ?? read_.sub;
  return {
    iss: `https://${context.providerHost}`,
    aud: options.audience ?? (context.partition === "aws-cn" ? "sts.amazonaws.com.cn" : "sts.amazonaws.com"),
    ...(typeof fromSub === "string" && claimsIn(fromSub)),
    ...read_,
    ...Object.fromEntries(own.filter(([, value]) => value !== undefined)),
    ...Object.fromEntries(single),
    ...(sub !== undefined && { sub }),
  };
}

/** Who asks: by the arguments, or else by the first identity provider that the policy names. */
function contextOf(options: Options, policy?: TrustPolicy): TrustPolicyContext {
  const federated = policy?.statements.flatMap((statement) => statement.federated ?? []) ?? [];
  const [, partition, account, issuer] =
    federated
      .flatMap((arn) => [/^arn:([\w-]+):iam::(\d+):oidc-provider\/(.+)$/.exec(arn) ?? []])
      .find((match) => match.length > 0) ?? [];
  const context = {
    providerHost: options.issuer ?? issuer ?? ISSUER,
    accountId: options.account ?? account ?? PLACEHOLDER,
    partition: options.partition ?? partition ?? "aws",
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

function read(file: string): string {
  return readFileSync(file === "-" ? 0 : file, "utf8");
}
