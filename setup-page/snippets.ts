/** What the page docs/setup shows for some answers. No DOM here. */
import { type Claims, type Job, subjectsOf, UsageError } from "../cli/trust-policy-claims.ts";
import { audienceIn, contextOf, makePolicy } from "../cli/trust-policy-core.ts";
import { quoted } from "../src/base/text.ts";

const ACTION = "org/aws-role-refresh@v1";
const MODULE = "github.com/org/aws-role-refresh//examples/aws/terraform?ref=v1";

export interface Answers {
  repository: string;
  kind: "environment" | "branch" | "tag" | "pull-request";
  /** Of the environment, branch or tag. */
  name: string;
  repositoryId: string;
  ownerId: string;
  account: string;
  partition: string;
  region: string;
  role: string;
}

export interface Snippets {
  policy: string;
  cloudFormation: string;
  terraform: string;
  workflow: string;
}

/** @param template examples/aws/cloudformation/account.yml. Throws a UsageError. */
export function snippetsFor(answers: Answers, template: string): Snippets {
  const { account, partition, repositoryId: id, ownerId, role } = answers;
  const context = contextOf({ account: account === "" ? undefined : account, partition });
  if (!/^[\w+=,.@-]{1,64}$/.test(role))
    throw new UsageError(`--role is ${quoted(role)}, not the name of a role`);
  if (!/^[a-z]{2}(?:-[a-z]+)+-\d+$/.test(answers.region))
    throw new UsageError(`--region is ${quoted(answers.region)}, not a Region such as eu-west-1`);
  const job = jobOf(answers);
  const subjects = subjectsOf(job);
  const claims: Claims = {
    ...{ iss: `https://${context.providerHost}`, aud: audienceIn(context) },
    ...(id !== "" && { repository_id: id }),
    ...(ownerId !== "" && { repository_owner_id: ownerId }),
  };
  const pinned = partition === "aws";
  const parameters = {
    Subjects: subjects.join(","),
    RepositoryId: pinned ? id : "",
    RepositoryOwnerId: pinned ? ownerId : "",
    ...{ RoleName: role, Audience: audienceIn(context) },
  };
  return {
    policy: JSON.stringify(makePolicy(subjects, claims, context).policy, null, 2),
    cloudFormation: Object.entries(parameters).reduce(
      (text, [name, value]) => withDefault(text, name, value),
      template,
    ),
    terraform: terraform(answers, subjects),
    workflow: workflow(answers, `arn:${partition}:iam::${context.accountId}:role/${role}`),
  };
}

function jobOf({ repository, kind, name, repositoryId, ownerId }: Answers): Job {
  if (kind !== "pull-request" && !/^[^\s\p{Cc}*?](?:[^\p{Cc}*?]*[^\s\p{Cc}*?])?$/u.test(name))
    throw new UsageError(`--${kind} is ${quoted(name)}, not a name`);
  return {
    ...{ repository, [kind]: kind === "pull-request" ? true : name },
    ...(repositoryId !== "" && { "repository-id": repositoryId }),
    ...(ownerId !== "" && { "owner-id": ownerId }),
  };
}

/** The template with another default of a parameter. */
function withDefault(template: string, parameter: string, value: string): string {
  const pattern = new RegExp(`(\\n {2}${parameter}:\\n(?: {4}.*\\n)*? {4}Default: )(?:>-\\n {6})?.*`);
  if (!pattern.test(template)) throw new Error(`the template has no default of ${parameter}`);
  return template.replace(pattern, (_, before: string) => before + JSON.stringify(value));
}

function terraform(answers: Answers, subjects: string[]): string {
  const { repository, kind, name, repositoryId: id, ownerId, role } = answers;
  const which: [string, string[]] =
    kind === "environment"
      ? ["environments", [name]]
      : kind === "pull-request"
        ? ["subjects", subjects]
        : ["refs", [`refs/${kind === "branch" ? "heads" : "tags"}/${name}`]];
  const attributes: [string, string | string[]][] = [
    ...(kind === "pull-request" ? [] : [["repository", repository] as [string, string]]),
    ...(id === "" ? [] : [["repository_id", id] as [string, string]]),
    ...(ownerId === "" ? [] : [["repository_owner_id", ownerId] as [string, string]]),
    which,
  ];
  const width = Math.max(...attributes.map(([key]) => key.length));
  const lines = attributes.map(([key, value]) => `      ${key.padEnd(width)} = ${hcl(value)}`);
  return [
    'module "github" {',
    `  source = "${MODULE}"`,
    "  # create_provider = false, if the account has the provider already",
    "",
    "  roles = {",
    `    ${hcl(role)} = {`,
    ...lines,
    "    }",
    "  }",
    "}",
    "",
  ].join("\n");
}

/** A string or list of HCL, which reads ${ and %{ in strings as templates. */
function hcl(value: string | string[]): string {
  if (Array.isArray(value)) return `[${value.map(hcl).join(", ")}]`;
  return JSON.stringify(value).replace(/[$%](?=\{)/g, "$&$&");
}

function workflow({ kind, name, region }: Answers, role: string): string {
  const on = {
    environment: ["  push:", "    branches: [main]"],
    branch: ["  push:", `    branches: [${JSON.stringify(name)}]`],
    tag: ["  push:", `    tags: [${JSON.stringify(name)}]`],
    "pull-request": ["  pull_request:"],
  };
  return [
    "name: Deploy",
    "on:",
    ...on[kind],
    "permissions: {}",
    "jobs:",
    "  deploy:",
    "    runs-on: ubuntu-latest",
    ...(kind === "environment" ? [`    environment: ${JSON.stringify(name)}`] : []),
    "    permissions:",
    "      id-token: write",
    "      contents: read",
    "    steps:",
    `      - uses: ${ACTION}`,
    "        with:",
    `          role-to-assume: ${role}`,
    `          aws-region: ${region}`,
    "      - uses: actions/checkout@v5",
    "      - run: ./deploy.sh",
    "",
  ].join("\n");
}
