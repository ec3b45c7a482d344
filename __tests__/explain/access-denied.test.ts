import { describe, expect, test } from "@jest/globals";
import type { StsSituation } from "../../src/explain/asked.ts";
import { parseTrustPolicy } from "../../src/explain/trust-policy.ts";
import { ARN, claims, denied, explainSts, HOST, jsonIn, refused } from "./read.ts";

const textOf = (changes: Record<string, unknown> = {}, more: Partial<StsSituation> = {}) =>
  refused(changes, more).text;

describe("AccessDenied", () => {
  test("shows what was said, the claims that were sent, and the trust policy that accepts them", () => {
    const { title, anchor, text } = explainSts(denied);
    expect(title).toBe(
      'AWS refused to let this job assume arn:aws:iam::111122223333:role/deploy with sub "repo:octo/app:ref:refs/heads/main". ' +
        'Likely cause: The job runs on a branch, so sub has "ref:refs/heads/main". A policy for another branch or for environment:… refuses it.',
    );
    expect(anchor).toBe("access-denied");
    expect(text).toMatch(
      /^sts\.eu-west-1\.amazonaws\.com: AccessDenied \(HTTP 403, 1 attempt\): Not authorized to perform sts:AssumeRoleWithWebIdentity\n/,
    );
    for (const name of [
      "sub",
      "aud",
      "repository",
      "ref",
      "event_name",
      "job_workflow_ref",
      "repository_id",
      "repository_owner_id",
    ]) {
      expect(text).toMatch(
        new RegExp(`^ {2}${name} +${JSON.stringify(claims[name]).replaceAll(/[.]/g, "\\.")}$`, "m"),
      );
    }
    expect(text).not.toMatch(/^ {2}environment /m);
    expect(jsonIn(text)).toEqual({
      Version: "2012-10-17",
      Statement: [
        {
          Effect: "Allow",
          Principal: { Federated: ARN },
          Action: "sts:AssumeRoleWithWebIdentity",
          Condition: {
            StringEquals: {
              [`${HOST}:aud`]: "sts.amazonaws.com",
              [`${HOST}:sub`]: claims.sub,
              [`${HOST}:repository_id`]: "456",
            },
          },
        },
      ],
    });
    expect(text).toContain(
      "aws iam update-assume-role-policy --role-name deploy --policy-document file://trust.json",
    );
  });

  test.each([
    ["aws-cn", "arn:aws-cn:iam::111122223333:role/deploy"],
    ["aws-us-gov", "arn:aws-us-gov:iam::111122223333:role/deploy"],
  ])("names the provider in the partition %s", (partition, roleArn) => {
    expect(jsonIn(textOf({}, { roleArn }))).toMatchObject({
      Statement: [{ Principal: { Federated: ARN.replace("arn:aws:", `arn:${partition}:`) } }],
    });
  });

  const causes = {
    branch: 'The job runs on a branch, so sub has "ref:refs/heads/main',
    environment: "The job uses an environment",
    pullRequest: "The job runs for a pull request",
    tag: "The job runs for a tag",
    reusable: "The job is in the reusable workflow",
    immutable: "sub has the immutable format",
    template: "sub does not have GitHub's default form",
    capitals: "sub has capital letters",
    audience: "The audience is",
  };
  test.each<[string, Record<string, unknown>, Partial<StsSituation>, (keyof typeof causes)[]]>([
    ["a branch", {}, {}, ["branch"]],
    ["an environment", { sub: "repo:octo/app:environment:prod", environment: "prod" }, {}, ["environment"]],
    ["a pull request", { sub: "repo:octo/app:pull_request" }, {}, ["pullRequest"]],
    ["a tag", { sub: "repo:octo/app:ref:refs/tags/v1" }, {}, ["tag"]],
    [
      "another repository's workflow",
      { job_workflow_ref: "octo/shared/.github/workflows/x.yml@v1" },
      {},
      ["branch", "reusable"],
    ],
    [
      "the immutable format",
      { sub: "repo:octo@123/app@456:ref:refs/heads/main" },
      {},
      ["branch", "immutable"],
    ],
    ["a template", { sub: "repo:octo/app:ref:refs/heads/main:workflow:deploy" }, {}, ["branch", "template"]],
    ["a template without the repository", { sub: "repository_owner:octo" }, {}, ["template"]],
    ["capitals", { sub: "repo:Octo/app:environment:Prod" }, {}, ["environment", "capitals"]],
    ["China", { aud: "sts.amazonaws.com.cn" }, { audience: "sts.amazonaws.com.cn" }, ["branch"]],
    [
      "an audience",
      { aud: "https://github.com/octo" },
      { audience: "https://github.com/octo" },
      ["branch", "audience"],
    ],
    ["many", { sub: "repo:Octo@123/app@456:environment:prod" }, {}, ["environment", "immutable", "capitals"]],
  ])("suggests only the causes of %s", (_, changes, more, expected) => {
    const text = textOf(changes, more);
    const found = Object.entries(causes).filter(([, cause]) => text.includes(cause));
    expect(found.map(([name]) => name)).toEqual(expected);
    expect(text).toContain('Account 111122223333 has no role "deploy"');
  });

  test("shows what the immutable format was before", () => {
    expect(textOf({ sub: "repo:octo@123/app@456:environment:prod" })).toContain(
      'A policy for "repo:octo/app:environment:prod" refuses it.',
    );
  });

  test("speaks of a path by whether the ARN has one", () => {
    expect(textOf()).toContain("or the role has a path, which its ARN must include (role/PATH/NAME).");
    const text = textOf({}, { roleArn: "arn:aws:iam::111122223333:role/ci/x/deploy" });
    expect(text).toContain("or the role has another path (role/PATH/NAME).");
    expect(text).toContain("--role-name deploy ");
  });

  test("says what *** stands for where the account is masked", () => {
    expect(textOf({}, { accountIsMasked: true })).toContain(
      "where this log shows ***, write the account ID.",
    );
    expect(textOf({}, { accountIsMasked: false })).not.toContain("***");
  });

  test.each([
    [
      "an environment",
      { sub: "repo:o/r:environment:prod" },
      'The job uses an environment, so sub ends in "environment:prod"',
    ],
    [
      "the format before the branch",
      { sub: "repo:o@1/r@2:ref:refs/heads/main" },
      "sub has the immutable format",
    ],
    [
      "a template before the environment",
      { sub: "repo:o/r:environment:prod:x:y" },
      "sub does not have GitHub's default form",
    ],
    [
      "no cause but a role that does not exist",
      { sub: "repo:o/r:ref:refs/pull/1/merge" },
      'Account 111122223333 has no role "deploy"',
    ],
  ])("names in the annotation the likeliest cause: %s", (_, changes, cause) => {
    expect(refused(changes).title).toContain(` with sub "${changes.sub}". Likely cause: ${cause}`);
  });

  test("the annotation is one bounded line, and never shows a part of an account ID", () => {
    const sub = `repo:octo/app:environment:${"x".repeat(500)}`;
    const roleArn = `arn:aws:iam::111122223333:role/${"y".repeat(120)}111122223333/z`;
    const { title } = refused({ sub }, { roleArn });
    expect(title.length).toBeLessThanOrEqual(500);
    expect(title).not.toContain("\n");
    expect(title).toContain(`with sub "repo:octo/app:environment:xxx`);
    for (let at = 0; at < 24; at++) {
      const shifted = refused(
        {},
        { roleArn: `arn:aws:iam::111122223333:role/${"y".repeat(90 + at)}/444455556666` },
      );
      expect(shifted.title.replaceAll(/111122223333|444455556666/g, "")).not.toMatch(/\d{3}/);
    }
  });

  describe("with the role's trust policy", () => {
    const statement = {
      Sid: "GitHub",
      Effect: "Allow",
      Principal: { Federated: ARN },
      Action: "sts:AssumeRoleWithWebIdentity",
      Condition: { StringLike: { [`${HOST}:sub`]: "repo:octo/app:environment:*" } },
    };
    const deny = { ...statement, Sid: "No", Effect: "Deny" };
    const explained = (...statements: object[]) =>
      refused(
        {},
        {
          trustPolicy: parseTrustPolicy(JSON.stringify({ Version: "2012-10-17", Statement: statements })),
        },
      );

    test("names the line that refused, in place of what the claims suggest", () => {
      const { text } = explained(statement, deny);
      expect(text).toContain(
        [
          "The trust policy in explain-trust-policy does not accept this job:",
          '  Statement 1, "GitHub" (Allow) does not apply:',
          `    StringLike "${HOST}:sub": the policy has "repo:octo/app:environment:*"; the token has "repo:octo/app:ref:refs/heads/main"`,
          '  Statement 2, "No" (Deny) does not apply',
          "Other causes:",
          '  - Account 111122223333 has no role "deploy"',
        ].join("\n"),
      );
      expect(text).not.toContain("Causes that these claims suggest");
      expect(jsonIn(text)).toBeDefined();
    });

    test("says that it accepts the job, and what else may refuse", () => {
      const { text } = explained({ ...statement, Condition: {} });
      expect(text).toContain("The trust policy in explain-trust-policy accepts this job");
      expect(text).toContain("resource control policy");
    });

    test("names in the annotation the statement that is closest to accept, and why it does not", () => {
      const far = { ...statement, Principal: { Federated: "x" }, Action: "y" };
      expect(explained(far, statement, deny).title).toBe(
        'AWS refused to let this job assume arn:aws:iam::111122223333:role/deploy with sub "repo:octo/app:ref:refs/heads/main". ' +
          `Likely cause: Statement 2, "GitHub" (Allow) does not apply: StringLike "${HOST}:sub": the policy has "repo:octo/app:environment:*"; the token has "repo:octo/app:ref:refs/heads/main"`,
      );
      expect(explained({ ...statement, Condition: {} }, { ...deny, Condition: {} }).title).toMatch(
        /Likely cause: Statement 2, "No" \(Deny\) denies this job\.$/,
      );
      expect(explained({ ...statement, Condition: {} }).title).toMatch(
        /Likely cause: The policy in explain-trust-policy accepts this job, but AWS evaluated a different one\.$/,
      );
    });

    test("is bounded", () => {
      const { text } = explained(...Array.from({ length: 50 }, () => statement));
      expect(text).toContain("  and 30 more statements");
      const keys = Object.fromEntries(
        Array.from({ length: 50 }, (_, position) => [`k${position}.example.com:sub`, "x"]),
      );
      expect(
        explained({ ...statement, Condition: { StringEquals: keys } }).text.match(/^ {4}StringEquals /gm),
      ).toHaveLength(10);
    });
  });
});
