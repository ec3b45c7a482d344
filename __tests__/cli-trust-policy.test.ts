// The command trust-policy, in its own process as npx starts it, but from lib/ and not from the bundle: `npm run compile` first.
import { spawnSync } from "node:child_process";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import os from "node:os";
import path from "node:path";
import { pathToFileURL } from "node:url";
import { afterAll, describe, expect, test } from "@jest/globals";
import fc from "fast-check";
import { claimsIn, readClaims, subjectsOf } from "../cli/trust-policy-claims.ts";
import { jobClaims } from "../harness/clouds/claims.ts";
import { isTrusted, type TrustPolicy } from "../harness/clouds/trust.ts";
import { TOKENS } from "../harness/examples/tokens.ts";
import { repository } from "../harness/repository.ts";
import { claimLines } from "../src/explain/access-denied.ts";
import { evaluateTrustPolicy, parseTrustPolicy } from "../src/explain/trust-policy.ts";

const folder = mkdtempSync(path.join(os.tmpdir(), "arr-trust-policy-"));
afterAll(() => rmSync(folder, { recursive: true, force: true }));

const MODULE = path.join(repository(), "lib", "cli", "trust-policy.js");
const PROGRAM = `const { run } = await import(${JSON.stringify(pathToFileURL(MODULE).href)}); process.exitCode = await run(process.argv.slice(1));`;

/** No credentials and no proxy. Windows cannot start a program without its own folder. */
const ENVIRONMENT = process.env.SYSTEMROOT === undefined ? {} : { SYSTEMROOT: process.env.SYSTEMROOT };

/** Runs the command. */
function trustPolicy(args: string[], input = "") {
  const program = ["--input-type=module", "-e", PROGRAM, "--", ...args];
  const { status, stdout, stderr } = spawnSync(process.execPath, program, {
    ...{ input, env: ENVIRONMENT, cwd: folder, encoding: "utf8", timeout: 30_000 },
  });
  return { status, stdout, stderr };
}

function saved(policy: unknown): string {
  const file = path.join(folder, "policy.json");
  writeFileSync(file, typeof policy === "string" ? policy : JSON.stringify(policy));
  return file;
}

const IDS = ["--repository-id", "74", "--owner-id", "65"];
const OURS = ["--repository", "octo-org/octo-repo", ...IDS, "--account", "111122223333"];
const context = {
  ...{ providerHost: "token.actions.githubusercontent.com", accountId: "111122223333", partition: "aws" },
  action: "sts:AssumeRoleWithWebIdentity" as const,
};

function accepted(policy: string): string[] {
  const parsed = parseTrustPolicy(policy);
  const issued = { iss: "https://token.actions.githubusercontent.com", aud: "sts.amazonaws.com" };
  const names = [...TOKENS].filter(
    ([, claims]) => evaluateTrustPolicy(parsed, { ...claims, ...issued }, context).allowed,
  );
  return names.map(([name]) => name);
}

describe("prints a policy", () => {
  test.each([
    ["--environment", "production", "environment production"],
    ["--environment", "staging", "environment staging"],
    ["--branch", "feature", "another branch"],
    ["--tag", "main", "a tag named main"],
  ])("that accepts %s %s in both formats of sub, and nothing else", (option, value, name) => {
    const { status, stdout } = trustPolicy([...OURS, option, value]);
    expect(status).toBe(0);
    expect(accepted(stdout)).toEqual([`${name}, classic sub`, `${name}, immutable sub`]);
  });

  test("for pull requests, and for one reusable workflow", () => {
    expect(accepted(trustPolicy([...OURS, "--pull-request"]).stdout)).toEqual([
      "a pull request, classic sub",
      "a pull request, immutable sub",
    ]);
    const workflow = "octo-org/templates/.github/workflows/deploy.yml@refs/tags/v1";
    expect(
      accepted(trustPolicy([...OURS, "--branch", "main", "--job-workflow-ref", workflow]).stdout),
    ).toEqual([
      "the reusable workflow at its tag, classic sub",
      "the reusable workflow at its tag, immutable sub",
    ]);
  });

  test("on standard output alone, so that it can be redirected; what is missing is on standard error", () => {
    const { stdout, stderr } = trustPolicy(["--repository", "octo-org/octo-repo", "--environment", "x:y"]);
    expect(JSON.parse(stdout)).toMatchObject({ Version: "2012-10-17" });
    expect(stdout).toContain('"repo:octo-org/octo-repo:environment:x%3Ay"');
    expect(stderr).toContain("Replace ACCOUNT_ID");
    expect(stderr).toContain("Without --repository-id and --owner-id");
    expect(stderr).toContain("aws iam update-assume-role-policy --role-name ROLE --policy-document file://");
  });

  test("without keys that AWS lacks, outside the partition aws", () => {
    const { stdout, stderr } = trustPolicy([...OURS, "--branch", "main", "--partition", "aws-cn"]);
    expect(stdout).not.toContain(":repository_id");
    expect(stdout).toContain('"sts.amazonaws.com.cn"');
    expect(stdout).toContain("arn:aws-cn:iam::111122223333:oidc-provider/");
    expect(stderr).toContain("AWS has no condition key for repository_id in aws-cn");
  });

  test("with the statement that lets the role assume itself, and no other role", () => {
    const args = [...OURS, "--branch", "main", "--outlive-id-tokens", "--role", "ci/deploy"];
    const { stdout, stderr } = trustPolicy(args);
    const policy = JSON.parse(stdout) as TrustPolicy;
    const letsIn = (role: string) =>
      isTrusted(policy, {
        ...{ action: "sts:AssumeRole", kind: "AWS", names: [role, "arn:aws:iam::111122223333:root"] },
        context: { "aws:PrincipalArn": role },
      });
    expect(letsIn("arn:aws:iam::111122223333:role/ci/deploy")).toBe(true);
    expect(letsIn("arn:aws:iam::111122223333:role/deploy")).toBe(false);
    expect(accepted(stdout)).toContain("main, classic sub");
    expect(stderr).toContain("--role-name deploy ");
  });
});

describe("explains", () => {
  const policy = () => trustPolicy([...OURS, "--branch", "main"]).stdout;

  test("which condition refuses a sub", () => {
    const { status, stdout } = trustPolicy([
      "--explain",
      saved(policy()),
      "--sub",
      "repo:octo-org/octo-repo:environment:production",
    ]);
    expect(status).toBe(1);
    expect(stdout).toContain(
      "The trust policy does not accept this token:\n  Statement 1 (Allow) does not apply:",
    );
    expect(stdout).toMatch(
      /^ {4}StringEquals "token\.actions\.githubusercontent\.com:sub": the policy has "repo:octo-org\/octo-repo:ref:refs\/heads\/main" or .*; the token has "repo:octo-org\/octo-repo:environment:production"$/m,
    );
    // What a sub does not say refuses nothing.
    expect(stdout).not.toContain("no such claim");
    expect(stdout).toMatch(/^Not compared.*\n {2}Statement 1: StringEquals ".*:repository_id" "74"$/m);
    const suggested = stdout.slice(stdout.indexOf("\n{\n"));
    expect(accepted(suggested)).toContain("environment production, classic sub");
  });

  test("that a token is accepted, from its sub or from all of its claims, on standard input", () => {
    const file = saved(policy());
    const sub = "repo:octo-org@65/octo-repo@74:ref:refs/heads/main";
    expect(trustPolicy(["--explain", file, "--sub", sub])).toMatchObject({ status: 0 });
    const claims = jobClaims({ repository_id: "74", repository_owner_id: "65" }, "classic");
    const log = claimLines(claims).map((line) => `2026-11-28T08:00:00.1234567Z ${line}`);
    for (const text of [JSON.stringify(claims), claimLines(claims).join("\n"), log.join("\r\n")])
      expect(trustPolicy(["--explain", file, "--claims", "-"], text)).toMatchObject({
        status: 0,
        stderr: "",
      });
    const other = JSON.stringify({ ...claims, repository_id: "999" });
    const refused = trustPolicy(["--explain", file, "--claims", "-"], other);
    expect(refused.status).toBe(1);
    expect(refused.stdout).toContain(':repository_id": the policy has "74"; the token has "999"');
    expect(refused.stdout).not.toContain("Not compared");
  });

  test("a token of another issuer, and a claim that no log shows", () => {
    const own = {
      iss: "https://token.actions.githubusercontent.com",
      sub: "repo:octo-org/octo-repo:ref:refs/heads/main",
    };
    const other = JSON.stringify({ ...own, iss: "https://ghes.example.com/_services/token" });
    const refused = trustPolicy(["--explain", saved(policy()), "--claims", "-"], other);
    expect(refused.status).toBe(1);
    expect(refused.stdout).toContain(
      "the token's provider is \"arn:aws:iam::111122223333:oidc-provider/ghes.",
    );
    const actor = policy()
      .replace('":repository_id"', '":actor"')
      .replace(/:repository_(owner_)?id/g, ":actor");
    const log = `  iss  "${own.iss}"\n  sub  "${own.sub}"\n`;
    const unknown = trustPolicy(["--explain", saved(actor), "--claims", "-"], log);
    expect(unknown).toMatchObject({ status: 0, stdout: expect.stringMatching(/Not compared.*\n.*:actor"/) });
  });

  test("a policy from standard input, of another account, issuer and partition", () => {
    const args = ["--partition", "aws-us-gov", "--issuer", "ghes.example.com/_services/token"];
    const gov = trustPolicy([...OURS, ...args, "--branch", "main"]).stdout;
    const accepts = trustPolicy(
      ["--explain", "-", "--repository", "octo-org/octo-repo", "--branch", "main"],
      gov,
    );
    expect(accepts).toMatchObject({ status: 0 });
    expect(accepts.stdout).toContain('"https://ghes.example.com/_services/token"');
    expect(trustPolicy(["--explain", "-", ...OURS, "--tag", "main"], gov).status).toBe(1);
  });

  test("never prints what a terminal or a runner reads as a command", () => {
    const sub = "repo:a/b:ref:\u001b[31m\n::error::x\n##[error]y";
    const { stdout } = trustPolicy(["--explain", saved(policy()), "--sub", sub]);
    expect(stdout).not.toContain("\u001b");
    expect(stdout).not.toMatch(/^\s*::|##\[/m);
  });
});

test.each([
  [[], "--repository is"],
  [["--repository", "octo"], "not OWNER/NAME"],
  [["--repository", "a/b"], "give one of --environment"],
  [["--repository", "a/b", "--branch", "x", "--tag", "y"], "give one of --environment"],
  [["--repository", "a/b", "--branch", "x", "--owner-id", "z"], "not a number"],
  [["--repository", "a/b", "--branch", "x", "--account", "1"], "not twelve digits"],
  [["--repository", "a/b", "--branch", "x", "--partition", "x"], "not a partition"],
  [["--repository", "a/b", "--branch", "x", "--issuer", "https://x"], "without https://"],
  [["--repository", "a/b", "--branch", "x", "--outlive-id-tokens"], "needs --role NAME"],
  [["--explain", "missing.json", "--sub", "x"], "missing.json"],
  [["--explain", "-", "--sub", "x"], "Not a trust policy"],
  [["--nonsense"], "--nonsense"],
])("%j is refused: %s", (args, message) => {
  const { status, stdout, stderr } = trustPolicy(args);
  expect({ status, stdout }).toEqual({ status: 2, stdout: "" });
  expect(stderr).toContain(message);
});

test("--help has every option", () => {
  const { status, stdout } = trustPolicy(["--help"]);
  expect(status).toBe(0);
  for (const option of "repository environment branch tag pull-request repository-id owner-id job-workflow-ref explain sub claims claim account partition issuer audience outlive-id-tokens role".split(
    " ",
  ))
    expect(stdout).toContain(`--${option}`);
});

test("a sub says of the other claims what the job's token has", () => {
  const name = fc.stringMatching(/^[\w.-]{1,20}$/);
  const number = fc.integer({ min: 1, max: 1e9 }).map(String);
  const job = fc.record({
    ...{ owner: name, name, id: number, ownerId: number, format: fc.constantFrom("classic", "immutable") },
    environment: fc.option(fc.stringMatching(/^[\w :/]{1,20}$/), { nil: undefined }),
  });
  fc.assert(
    fc.property(job, ({ owner, name, id, ownerId, environment, format }) => {
      const given = { repository: `${owner}/${name}`, repository_id: id, repository_owner_id: ownerId };
      const claims = jobClaims(
        { ...given, ...(environment !== undefined && { environment }) },
        format as "classic",
      );
      expect(claims).toMatchObject(claimsIn(claims.sub));
      const options = { repository: given.repository, "repository-id": id, "owner-id": ownerId };
      const asked = environment === undefined ? { branch: "main" } : { environment };
      expect(subjectsOf({ ...options, ...asked })).toContain(claims.sub);
    }),
  );
});

test("a log without claims is refused", () => {
  expect(() => readClaims("nothing here")).toThrow("--claims has no line such as");
  expect(() => readClaims("{")).toThrow("not a JSON object");
});
