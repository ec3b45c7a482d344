// npx github:org/aws-role-refresh trust-policy: prints the trust policy of a role, or explains which condition of one refuses a
// token. The code is that of the refusal log. It reads the files that are named and asks no server.
import { readFileSync } from "node:fs";
import { parseArgs } from "node:util";
import { jsonLines, quoted, shellWord } from "../src/base/text.ts";
import { claimLines, verdictLines } from "../src/explain/access-denied.ts";
import type { TrustPolicyContext } from "../src/explain/conditions.ts";
import { type Claims, readClaims, subjectsOf, UsageError } from "./trust-policy-claims.ts";
import { audienceIn, contextOf, judge, makePolicy, PLACEHOLDER } from "./trust-policy-core.ts";

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
  const { policy, without } = makePolicy(subjects, claimsOf(options, context), context, itself(options));
  console.log(JSON.stringify(policy, null, 2));
  for (const claim of without)
    console.error(`AWS has no condition key for ${claim} in ${context.partition}: the policy has none.`);
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

/** Path and name of the role that may assume itself. */
function itself({ "outlive-id-tokens": outlives, role }: Options): string | undefined {
  if (!outlives) return undefined;
  if (role !== undefined && /^(?:[!-.0-~]+\/)*[\w+=,.@-]{1,64}$/.test(role)) return role;
  throw new UsageError(
    "--outlive-id-tokens needs --role NAME (or PATH/NAME) of the role that assumes itself",
  );
}

function explain(options: Options, file: string): number {
  const policy = read(file);
  const log = options.claims === undefined ? undefined : read(options.claims);
  const given = givenClaims(options, log);
  if (given.sub === undefined) throw new UsageError("--explain needs a token: --sub SUB, or --claims FILE");
  // Only a JSON of its claims is all that a token has.
  const known = log === undefined ? "by its sub" : log.trimStart().startsWith("{") ? "all" : "as in the log";
  const { allowed, statements, skipped, claims, suggestion } = judge(policy, given, known, options);
  const verdict = allowed ? "accepts this token" : "does not accept this token";
  const lines = [...claimLines(claims), "", `The trust policy ${verdict}:`, ...verdictLines(statements)];
  if (skipped.length > 0)
    lines.push("", "Not compared, because the claim is not given (--claim NAME=VALUE):");
  lines.push(...skipped.map((line) => `  ${line}`));
  if (!allowed)
    lines.push("", "This trust policy accepts exactly such a token:", "", ...jsonLines(suggestion));
  console.log(lines.join("\n"));
  return allowed ? 0 : 1;
}

function claimsOf(options: Options, context: TrustPolicyContext): Claims {
  return {
    iss: `https://${context.providerHost}`,
    aud: options.audience ?? audienceIn(context),
    ...givenClaims(options, undefined),
  };
}

/** @param log text of the file that --claims names */
function givenClaims(options: Options, log: string | undefined): Claims {
  const sub = options.sub ?? (options.repository === undefined ? undefined : subjectsOf(options).at(-1));
  const own: [string, string | undefined][] = [
    ["repository_id", options["repository-id"]],
    ["repository_owner_id", options["owner-id"]],
    ["job_workflow_ref", options["job-workflow-ref"]],
    ["sub", sub],
  ];
  const single = (options.claim ?? []).map((pair) => {
    const [, name, value] = /^(\w+)=(.*)$/s.exec(pair) ?? [];
    if (name === undefined) throw new UsageError(`--claim is ${quoted(pair)}, not NAME=VALUE`);
    return [name, value] as const;
  });
  return {
    ...(log !== undefined && readClaims(log)),
    ...Object.fromEntries(own.filter(([, value]) => value !== undefined)),
    ...Object.fromEntries(single),
  };
}

function read(file: string): string {
  return readFileSync(file === "-" ? 0 : file, "utf8");
}
