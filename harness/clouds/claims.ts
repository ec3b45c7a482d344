import { randomBytes, randomInt } from "node:crypto";

/**
 * The claims of a job that GitHub puts into its ID tokens, besides iss, aud, jti, iat, nbf and exp. All are
 * strings, as in reality.
 */
export type JobClaims = ReturnType<typeof defaults> &
  Partial<Record<"environment" | "enterprise" | "enterprise_id", string>>;

/**
 * classic: `repo:owner/name:…`. immutable: `repo:owner@id/name@id:…`, GitHub's default for repositories made
 * or renamed since 2026-07-15.
 */
export type SubjectFormat = "classic" | "immutable";

/**
 * The claims of a job: those given, and for the rest what agrees with them. A given `sub` stays as it is,
 * like a customised template.
 */
export function jobClaims(given: Partial<JobClaims>, format: SubjectFormat): JobClaims {
  const claims = { ...defaults(given), ...given };
  return { ...claims, sub: given.sub ?? subject(claims, format) };
}

type Decisive = Record<"repository" | "event_name" | "ref" | "sha" | "workflow_ref", string>;

function defaults(given: Partial<Decisive>) {
  const repository = given.repository ?? "octo-org/octo-repo";
  const event = given.event_name ?? "push";
  const pullRequest = event === "pull_request";
  const ref = given.ref ?? (pullRequest ? "refs/pull/7/merge" : "refs/heads/main");
  const sha = given.sha ?? randomBytes(20).toString("hex");
  const workflowRef = given.workflow_ref ?? `${repository}/.github/workflows/deploy.yml@${ref}`;
  return {
    sub: "",
    ref,
    sha,
    repository,
    repository_owner: repository.replace(/\/.*$/, ""),
    repository_owner_id: "65",
    repository_id: "74",
    repository_visibility: "private",
    run_id: String(randomInt(1e9, 1e11)),
    run_number: "10",
    run_attempt: "1",
    actor: "octocat",
    actor_id: "12",
    workflow: "deploy",
    head_ref: pullRequest ? "change" : "",
    base_ref: pullRequest ? "main" : "",
    event_name: event,
    ref_protected: ref === "refs/heads/main" ? "true" : "false",
    ref_type: ref.startsWith("refs/tags/") ? "tag" : "branch",
    workflow_ref: workflowRef,
    workflow_sha: sha,
    job_workflow_ref: workflowRef,
    job_workflow_sha: sha,
    runner_environment: "github-hosted",
    check_run_id: String(randomInt(1e9, 1e11)),
  };
}

/**
 * The default subject: an environment names itself before all else, then a pull request, then the ref. A
 * colon in a value is escaped.
 */
export function subject(claims: JobClaims, format: SubjectFormat): string {
  const name = claims.repository.slice(claims.repository_owner.length + 1);
  const repository =
    format === "immutable"
      ? `${claims.repository_owner}@${claims.repository_owner_id}/${name}@${claims.repository_id}`
      : claims.repository;
  if (claims.environment !== undefined)
    return `repo:${repository}:environment:${claims.environment.replaceAll(":", "%3A")}`;
  if (claims.event_name === "pull_request") return `repo:${repository}:pull_request`;
  return `repo:${repository}:ref:${claims.ref}`;
}
