// AccessDenied, for each of the reasons that AWS does not tell apart: the log names the reason, and what it
// says to do works.
import { describe, expect, test } from "@jest/globals";
import type { JobClaims, SubjectFormat } from "../../harness/clouds/claims.ts";
import { GITHUB_PROVIDER, type TrustPolicy, trustGitHub } from "../../harness/clouds/trust.ts";
import { ACCOUNT, ACTION, ROLE, type Scene, startJob, WITH, worked } from "../e2e/setup.ts";
import { failingUse, finishQuietly, policyIn, startAsGitHub } from "./failing.ts";

const MAIN_BRANCH = "repo:octo-org/octo-repo:ref:refs/heads/main";

interface Case {
  name: string;
  claims: Partial<JobClaims>;
  format?: SubjectFormat;
  /** What the user's role trusts. */
  trust: TrustPolicy;
  /** What the log says without the policy and with it. */
  suggests: string;
  names: string;
}

const trust = trustGitHub(ACCOUNT, MAIN_BRANCH);

const CASES: Case[] = [
  {
    name: "another branch",
    claims: { ref: "refs/heads/feature" },
    trust,
    suggests:
      'The job runs on a branch, so sub has "ref:refs/heads/feature". A policy for another branch or for environment:… refuses it.',
    names: `StringLike "${GITHUB_PROVIDER}:sub": the policy has "${MAIN_BRANCH}"; the token has "repo:octo-org/octo-repo:ref:refs/heads/feature"`,
  },
  {
    name: "an environment",
    claims: { environment: "production" },
    trust,
    suggests: 'The job uses an environment, so sub ends in "environment:production", not in ref:…',
    names: 'the token has "repo:octo-org/octo-repo:environment:production"',
  },
  {
    name: "a pull request",
    claims: { event_name: "pull_request" },
    trust,
    suggests: "The job runs for a pull request, so sub ends in pull_request and names no branch.",
    names: 'the token has "repo:octo-org/octo-repo:pull_request"',
  },
  {
    name: "a tag",
    claims: { ref: "refs/tags/v1" },
    trust,
    suggests: "The job runs for a tag, so sub has ref:refs/tags/…",
    names: 'the token has "repo:octo-org/octo-repo:ref:refs/tags/v1"',
  },
  {
    name: "a reusable workflow, trusted by the repository that it is in",
    claims: {
      repository: "octo-org/caller",
      job_workflow_ref: "octo-org/octo-repo/.github/workflows/deploy.yml@refs/heads/main",
    },
    trust,
    suggests: `but sub names the repository that calls it; to trust that workflow, use the key ${GITHUB_PROVIDER}:job_workflow_ref.`,
    names: 'the token has "repo:octo-org/caller:ref:refs/heads/main"',
  },
  {
    name: "the immutable subject format",
    claims: {},
    format: "immutable",
    trust,
    suggests: `sub has the immutable format, with the IDs of owner and repository: GitHub's default for repositories created, renamed or transferred since 2026-07-15. A policy for "${MAIN_BRANCH}" refuses it.`,
    names: `the token has "repo:octo-org@65/octo-repo@74:ref:refs/heads/main" (the token's sub carries the IDs of owner and repository)`,
  },
  {
    name: "letter case",
    claims: { repository: "Octo-Org/octo-repo" },
    trust,
    suggests: "sub has capital letters, and IAM is case-sensitive",
    names: 'the token has "repo:Octo-Org/octo-repo:ref:refs/heads/main" (letter case differs)',
  },
  {
    name: "a template of the organization's own",
    claims: { sub: "octo-org:deploy" },
    trust,
    suggests:
      "sub does not have GitHub's default form: the organization or the repository uses its own template. To see it: gh api repos/octo-org/octo-repo/actions/oidc/customization/sub",
    names: 'the token has "octo-org:deploy"',
  },
  {
    name: "a wildcard under StringEquals",
    claims: {},
    trust: JSON.parse(
      JSON.stringify(trustGitHub(ACCOUNT, "repo:octo-org/octo-repo:*")).replace(
        "StringLike",
        "StringEqualsIgnoreCase",
      ),
    ) as TrustPolicy,
    suggests:
      "Either the role's trust policy does not accept this job's ID token, or the role does not exist.",
    names: 'the policy has "repo:octo-org/octo-repo:*"; the token has',
  },
  {
    name: "a provider of another account in the policy",
    claims: {},
    trust: trustGitHub("444455556666", MAIN_BRANCH),
    suggests:
      "Either the role's trust policy does not accept this job's ID token, or the role does not exist.",
    names: `Principal.Federated: the policy has "arn:aws:iam::444455556666:oidc-provider/${GITHUB_PROVIDER}"; the token's provider is "arn:aws:iam::111122223333:oidc-provider/${GITHUB_PROVIDER}"`,
  },
];

/** A scene whose job has these claims. */
async function startWith({ claims, format, trust }: Case): Promise<Scene> {
  const scene = await startAsGitHub();
  await scene.job.finish();
  scene.clouds.sts.addRole({ arn: ROLE, trust });
  const cloudJob = scene.clouds.github.startJob(claims, format);
  return { ...scene, cloudJob, job: await startJob({ ...scene, cloudJob }) };
}

describe("AccessDenied", () => {
  test.each(CASES)("$name: explained, and the policy in the log lets the job in", async (one) => {
    const scene = await startWith(one);
    const { clouds, job, cloudJob } = scene;
    const suggested = await failingUse(scene);
    expect(suggested).toMatchObject({
      anchor: "access-denied",
      stsCalls: 1,
    });
    expect(suggested.title).toContain(
      `AWS refused to let this job assume ${ROLE} with sub "${cloudJob.claims.sub}". Likely cause: `,
    );
    expect(suggested.main.log).toContain(one.suggests);
    expect(suggested.main.log).toContain(`\n  sub                  "${cloudJob.claims.sub}"\n`);
    expect(suggested.main.log).toContain(
      "AccessDenied (HTTP 403, 1 attempt): Not authorized to perform sts:AssumeRoleWithWebIdentity",
    );

    const explained = await failingUse(scene, {
      with: { "explain-trust-policy": JSON.stringify(one.trust) },
    });
    expect(explained).toMatchObject({ anchor: "access-denied", stsCalls: 1 });
    expect(explained.title).toContain("Likely cause: Statement 1 (Allow) does not apply: ");
    expect(explained.title.length).toBeLessThanOrEqual(500);
    expect(explained.main.log).toContain(
      "The trust policy in explain-trust-policy does not accept this job:\n  Statement 1 (Allow) does not apply:\n",
    );
    expect(explained.main.log).toContain(one.names);
    expect(policyIn(explained.main.log)).toEqual(policyIn(suggested.main.log));

    clouds.sts.addRole({ arn: ROLE, trust: policyIn(suggested.main.log) });
    worked(await job.use(ACTION, { with: WITH }));
  });

  test("the policy to paste lets in no other job", async () => {
    const scene = await startWith({
      name: "",
      claims: { environment: "production" },
      trust,
      suggests: "",
      names: "",
    });
    const { main } = await failingUse(scene);
    await finishQuietly(scene);
    scene.clouds.sts.addRole({ arn: ROLE, trust: policyIn(main.log) });
    for (const claims of [
      {},
      { environment: "production2" },
      { repository: "octo-org/other", environment: "production" },
    ]) {
      const cloudJob = scene.clouds.github.startJob(claims);
      const other = { ...scene, cloudJob, job: await startJob({ ...scene, cloudJob }) };
      expect(await failingUse(other)).toMatchObject({ anchor: "access-denied" });
      await finishQuietly(other);
    }
  });

  test.each([
    [
      "another name",
      `arn:aws:iam::${ACCOUNT}:role/team/deply`,
      "deply",
      "the role has another path (role/PATH/NAME)",
    ],
    [
      "a path that is left out",
      `arn:aws:iam::${ACCOUNT}:role/deploy`,
      "deploy",
      "the role has a path, which its ARN must include (role/PATH/NAME)",
    ],
  ])("a role that is not there, %s: the log says how to find its ARN", async (_, arn, name, path) => {
    const scene = await startAsGitHub();
    const { main, anchor, stsCalls } = await failingUse(scene, { with: { "role-to-assume": arn } });
    expect([anchor, stsCalls]).toEqual(["access-denied", 1]);
    expect(main.log).toContain(`  - Account ${ACCOUNT} has no role "${name}", or ${path}.\n`);
    expect(main.log).toContain(`aws iam get-role --role-name ${name} --query Role.Arn --output text`);
    worked(await scene.job.use(ACTION, { with: WITH }));
  });

  test("a policy that accepts the job, given for another role than the one in the ARN", async () => {
    const scene = await startAsGitHub();
    scene.clouds.sts.addRole({ arn: ROLE, trust });
    const { main } = await failingUse(scene, {
      with: { "role-to-assume": `${ROLE}2`, "explain-trust-policy": JSON.stringify(trust) },
    });
    expect(main.log).toContain(
      "The trust policy in explain-trust-policy accepts this job, so AWS evaluated a different policy, or another policy denies the request.",
    );
    await finishQuietly(scene);
  });

  test("with a masked account the log says what to write in place of ***", async () => {
    const scene = await startAsGitHub();
    const { main } = await failingUse(scene, {
      with: { "role-to-assume": `${ROLE}2`, "mask-aws-account-id": "true" },
    });
    expect(main.log).not.toContain(ACCOUNT);
    expect(main.log).toContain("where this log shows ***, write the account ID");
    expect(JSON.stringify(policyIn(main.log.replaceAll("***", ACCOUNT)))).toContain(
      `arn:aws:iam::${ACCOUNT}:oidc-provider`,
    );
    await finishQuietly(scene);
  });
});
