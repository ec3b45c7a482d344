/** The jobs that a trust policy of examples/aws must let in or keep out, as claims of their ID tokens. */
import { type JobClaims, jobClaims, type SubjectFormat } from "../clouds/claims.ts";

export const REPOSITORY = "octo-org/octo-repo";
export const REPOSITORY_ID = "74";
export const OWNER_ID = "65";
export const TEMPLATE = "octo-org/templates/.github/workflows/deploy.yml";
export const TEMPLATE_TAG = `${TEMPLATE}@refs/tags/v1`;

const both = (name: string, given: Partial<JobClaims>): [string, JobClaims][] =>
  (["classic", "immutable"] as const).map((format: SubjectFormat) => [
    `${name}, ${format} sub`,
    jobClaims({ repository_id: REPOSITORY_ID, repository_owner_id: OWNER_ID, ...given }, format),
  ]);

const main = { repository: REPOSITORY };

/** By name. Each comes with a sub of either format, but where only one can be. */
export const TOKENS = new Map<string, JobClaims>([
  ...both("main", main),
  ...both("environment production", { ...main, environment: "production" }),
  ...both("environment staging", { ...main, environment: "staging" }),
  ...both("an environment that is named like another", {
    ...main,
    environment: "x:environment:production",
  }),
  ...both("another branch", { ...main, ref: "refs/heads/feature" }),
  ...both("a branch whose name begins with main", { ...main, ref: "refs/heads/main2" }),
  ...both("a tag named main", { ...main, ref: "refs/tags/main" }),
  ...both("a pull request", { ...main, event_name: "pull_request" }),
  ...both("a fork", {
    repository: "mallory/octo-repo",
    repository_id: "6661",
    repository_owner_id: "666",
  }),
  ...both("a fork with the environment", {
    ...{ repository: "mallory/octo-repo", repository_id: "6661", repository_owner_id: "666" },
    environment: "production",
  }),
  ...both("another repository of the owner", { repository: "octo-org/other", repository_id: "75" }),
  ...both("a repository whose name begins the same", {
    repository: "octo-org/octo-repo-2",
    repository_id: "76",
  }),
  ...both("another owner whose name begins the same", {
    repository: "octo-org-2/octo-repo",
    repository_id: "77",
    repository_owner_id: "66",
  }),
  ...both("the renamed repository", { repository: "octo-org/new-name" }),
  ...both("the renamed repository with the environment", {
    ...{ repository: "octo-org/new-name", environment: "production" },
  }),
  ...both("a new repository with the old name", { ...main, repository_id: "999" }),
  ...both("a new repository with the old name and the environment", {
    ...{ ...main, repository_id: "999", environment: "production" },
  }),
  ...both("a new repository with the old name that calls the reusable workflow", {
    ...{ ...main, repository_id: "999", job_workflow_ref: TEMPLATE_TAG },
  }),
  ...both("a new owner and repository with the old names", {
    ...{ ...main, repository_id: "999", repository_owner_id: "900" },
  }),
  ...both("the reusable workflow at its tag", { ...main, job_workflow_ref: TEMPLATE_TAG }),
  ...both("the reusable workflow at its tag, from another repository of the owner", {
    ...{ repository: "octo-org/other", repository_id: "75", job_workflow_ref: TEMPLATE_TAG },
  }),
  ...both("the reusable workflow on a branch", {
    ...{ ...main, job_workflow_ref: `${TEMPLATE}@refs/heads/main` },
  }),
  ...both("a fork of the reusable workflow", {
    ...{ ...main, job_workflow_ref: TEMPLATE_TAG.replace("octo-org/", "mallory/") },
  }),
  ...both("the reusable workflow at its tag, from another owner", {
    ...{ repository: "mallory/app", repository_id: "6662", repository_owner_id: "666" },
    job_workflow_ref: TEMPLATE_TAG,
  }),
]);

/** A role of the examples: what it is told, in the words of each tool, and which tokens it lets in. */
export interface Wanted {
  /** Parameters of the CloudFormation templates. */
  cloudformation: Record<string, string>;
  /** An entry of Terraform's map of roles, and properties of the CDK construct in its spelling. */
  role: Record<string, unknown>;
  partition?: string;
  audience?: string;
  accepts: string[];
}

const subjects = (job: string): string =>
  `repo:${REPOSITORY}:${job},repo:octo-org@${OWNER_ID}/octo-repo@${REPOSITORY_ID}:${job}`;
const ids = { repository_id: REPOSITORY_ID, repository_owner_id: OWNER_ID };
const pinned = { RepositoryId: REPOSITORY_ID, RepositoryOwnerId: OWNER_ID };
const named = (...names: string[]): string[] =>
  names.flatMap((name) => [`${name}, classic sub`, `${name}, immutable sub`]);
const atMain = named(
  "main",
  ...["at its tag", "on a branch"].map((where) => `the reusable workflow ${where}`),
  "a fork of the reusable workflow",
);
const impostors = [
  "a new repository with the old name",
  "a new repository with the old name that calls the reusable workflow",
  "a new owner and repository with the old names",
];

export const WANTED: Record<string, Wanted> = {
  "the main branch, by name and id": {
    cloudformation: { Subjects: subjects("ref:refs/heads/main"), ...pinned },
    role: { repository: REPOSITORY, ...ids, refs: ["refs/heads/main"] },
    accepts: atMain,
  },
  "an environment, by name and id": {
    cloudformation: { Subjects: subjects("environment:production"), ...pinned, Environments: "production" },
    role: { repository: REPOSITORY, ...ids, environments: ["production"] },
    accepts: named("environment production"),
  },
  "the main branch, by id under any name": {
    cloudformation: { Subjects: "repo:*:ref:refs/heads/main", ...pinned },
    role: { repository: REPOSITORY, ...ids, refs: ["refs/heads/main"], rename_proof: true },
    accepts: [...atMain, ...named("the renamed repository")],
  },
  "a reusable workflow at its tag": {
    cloudformation: {
      ...{ Subjects: subjects("ref:refs/heads/main"), JobWorkflowRefs: TEMPLATE_TAG },
      ...pinned,
    },
    role: { repository: REPOSITORY, ...ids, refs: ["refs/heads/main"], job_workflow_refs: [TEMPLATE_TAG] },
    accepts: named("the reusable workflow at its tag"),
  },
  "any repository of the owner, through a reusable workflow at its tag": {
    cloudformation: {
      Subjects: `repo:octo-org/*,repo:octo-org@${OWNER_ID}/*`,
      ...{ RepositoryOwnerId: OWNER_ID, JobWorkflowRefs: TEMPLATE_TAG },
    },
    role: {
      subjects: ["repo:octo-org/*", `repo:octo-org@${OWNER_ID}/*`],
      ...{ repository_owner_id: OWNER_ID, job_workflow_refs: [TEMPLATE_TAG] },
    },
    accepts: named(
      "the reusable workflow at its tag",
      "the reusable workflow at its tag, from another repository of the owner",
      "a new repository with the old name that calls the reusable workflow",
    ),
  },
  // Without keys for the ids, whoever gets the old name passes with a sub of the old format.
  "the main branch, in GovCloud": {
    cloudformation: { Subjects: subjects("ref:refs/heads/main") },
    role: { repository: REPOSITORY, ...ids, refs: ["refs/heads/main"] },
    partition: "aws-us-gov",
    accepts: [...atMain, ...impostors.map((name) => `${name}, classic sub`)],
  },
  "an environment, in China": {
    cloudformation: { Subjects: subjects("environment:production"), Audience: "sts.amazonaws.com.cn" },
    role: { repository: REPOSITORY, ...ids, environments: ["production"] },
    partition: "aws-cn",
    audience: "sts.amazonaws.com.cn",
    accepts: [
      ...named("environment production"),
      "a new repository with the old name and the environment, classic sub",
    ],
  },
};
