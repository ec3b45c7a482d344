// examples/aws, by the tool of each kind, and every trust policy in it by the evaluator of the refusal log: jobs that must get
// in, and jobs that must not (a fork, another branch, another repository, another owner, a renamed repository).
import { mkdtempSync, readdirSync, readFileSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import path from "node:path";
import { afterAll, beforeAll, describe, expect, jest, test } from "@jest/globals";
import { isTrusted, type TrustPolicy } from "../../harness/clouds/trust.ts";
import {
  ACCOUNT,
  deploy,
  type Resource,
  readTemplates,
  type Template,
} from "../../harness/examples/cloudformation.ts";
import { TOKENS, WANTED, type Wanted } from "../../harness/examples/tokens.ts";
import {
  MISSING,
  outputOf,
  type PlannedResource,
  planTerraform,
  pythonTool,
  runTool,
  TOOLS_DIRECTORY,
  tools,
} from "../../harness/examples/tools.ts";
import { unless } from "../../harness/machine/means.ts";
import { repository } from "../../harness/repository.ts";
import { evaluateTrustPolicy, parseTrustPolicy } from "../../src/explain/trust-policy.ts";

// Each starts several programs, which take ten times as long on a busy machine.
jest.setTimeout(240_000);

const AWS = path.join(repository(), "examples", "aws");
const ISSUER = "token.actions.githubusercontent.com";
const names = Object.keys(WANTED);

/** The names of the tokens that a policy lets in. */
function accepted(policy: string, { partition = "aws", audience = "sts.amazonaws.com" }: Wanted): string[] {
  const parsed = parseTrustPolicy(policy);
  const context = {
    ...{ providerHost: ISSUER, accountId: ACCOUNT, partition },
    action: "sts:AssumeRoleWithWebIdentity" as const,
  };
  const issued = { iss: `https://${ISSUER}`, aud: audience };
  return [...TOKENS]
    .filter(([, claims]) => evaluateTrustPolicy(parsed, { ...claims, ...issued }, context).allowed)
    .map(([name]) => name);
}

function expectPolicy(policy: unknown, wanted: Wanted): void {
  const text = typeof policy === "string" ? policy : JSON.stringify(policy);
  expect(accepted(text, wanted).sort()).toEqual(wanted.accepts.toSorted());
  expect(accepted(text, { ...wanted, audience: "https://github.com/octo-org" })).toEqual([]);
  expect(accepted(text.replaceAll(ACCOUNT, "444455556666"), wanted)).toEqual([]);
  // IAM's default limit (https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_iam-quotas.html).
  expect(JSON.stringify(JSON.parse(text)).length).toBeLessThan(2048);
}

/** Whether a session of this role may assume the role of the policy, as far as its trust policy goes. */
function letsIn(policy: unknown, role: string): boolean {
  const document = (typeof policy === "string" ? JSON.parse(policy) : policy) as TrustPolicy;
  return isTrusted(document, {
    action: "sts:AssumeRole",
    kind: "AWS",
    names: [role, role.replace(/:role\/.*/, ":root")],
    context: { "aws:PrincipalArn": role },
  });
}

function expectSelfAssume(policy: unknown, grants: unknown, own: string): void {
  expect(letsIn(policy, own)).toBe(true);
  expect(letsIn(policy, own.replace(/[^/]+$/, "other"))).toBe(false);
  expect(letsIn(policy, `${own}2`)).toBe(false);
  expect(letsIn(policy, own.replace(ACCOUNT, "444455556666"))).toBe(false);
  expect(grants).toMatchObject({
    Statement: [{ Effect: "Allow", Action: "sts:AssumeRole", Resource: own }],
  });
}

test("the tokens differ", () => {
  expect(new Set([...TOKENS.values()].map(({ sub }) => sub)).size).toBeGreaterThan(25);
  for (const { accepts } of Object.values(WANTED))
    expect(accepts.filter((name) => !TOKENS.has(name))).toEqual([]);
});

const withPython = tools.python ? describe : describe.skip;

withPython(`CloudFormation${unless(tools.python !== undefined, MISSING)}`, () => {
  const FOLDER = path.join(AWS, "cloudformation");
  const files = readdirSync(FOLDER);
  const roleOf = (resources: Record<string, Resource>) => resources.Role?.Properties ?? {};
  let read: Template[] = [];
  const template = (file: string): Template => {
    const found = read[files.indexOf(file)];
    if (found === undefined) throw new Error(`no template ${file}`);
    return found;
  };
  beforeAll(() => {
    read = readTemplates(files.map((file) => path.join(FOLDER, file)));
  });

  test("cfn-lint finds nothing", () => {
    const linted = runTool([pythonTool("cfn-lint"), ...files.map((file) => path.join(FOLDER, file))]);
    expect(linted).toMatchObject({ stdout: "", status: 0 });
  });

  test.each(names)("trusts: %s", (name) => {
    const wanted = WANTED[name] as Wanted;
    for (const file of ["account.yml", "stackset-roles.yml"]) {
      const resources = deploy(template(file), wanted.cloudformation, wanted.partition);
      expectPolicy(roleOf(resources).AssumeRolePolicyDocument, wanted);
    }
  });

  test("a pin outside the partition aws lets nobody in, rather than everybody", () => {
    const wanted = { ...(WANTED["the main branch, by name and id"] as Wanted), partition: "aws-cn" };
    const resources = deploy(template("account.yml"), wanted.cloudformation, wanted.partition);
    expect(accepted(String(roleOf(resources).AssumeRolePolicyDocument), wanted)).toEqual([]);
  });

  test("lets the role assume itself, and nobody else, only if asked", () => {
    const given = { RolePath: "/ci/", RoleName: "deploy" };
    const without = deploy(template("account.yml"), given);
    expect(letsIn(roleOf(without).AssumeRolePolicyDocument, `arn:aws:iam::${ACCOUNT}:role/ci/deploy`)).toBe(
      false,
    );
    expect(roleOf(without).Policies).toBeUndefined();
    const { AssumeRolePolicyDocument, Policies } = roleOf(
      deploy(template("account.yml"), { ...given, OutliveIdTokens: "yes" }),
    );
    const [policy] = Policies as { PolicyDocument: unknown }[];
    expectSelfAssume(
      AssumeRolePolicyDocument,
      policy?.PolicyDocument,
      `arn:aws:iam::${ACCOUNT}:role/ci/deploy`,
    );
  });

  test("the provider is made once: by account.yml if asked, by stackset-provider.yml always, never by the roles", () => {
    const provider = {
      Type: "AWS::IAM::OIDCProvider",
      Properties: { Url: `https://${ISSUER}`, ClientIdList: ["sts.amazonaws.com"] },
    };
    expect(deploy(template("account.yml")).Provider).toEqual(provider);
    expect(deploy(template("account.yml"), { CreateProvider: "no" }).Provider).toBeUndefined();
    expect(deploy(template("stackset-provider.yml"))).toEqual({ Provider: provider });
    expect(Object.keys(deploy(template("stackset-roles.yml")))).toEqual(["Role"]);
  });

  test("both templates have the same role, with the settings that are given", () => {
    expect(template("stackset-roles.yml").Resources.Role).toEqual(template("account.yml").Resources.Role);
    const boundary = `arn:aws:iam::${ACCOUNT}:policy/boundary`;
    const given = {
      PermissionsBoundary: boundary,
      ManagedPolicyArns: "arn:a,arn:b",
      MaxSessionDuration: "7200",
    };
    expect(roleOf(deploy(template("account.yml"), given))).toMatchObject({
      ...{ PermissionsBoundary: boundary, ManagedPolicyArns: ["arn:a", "arn:b"], MaxSessionDuration: "7200" },
    });
    const plain = roleOf(deploy(template("account.yml")));
    expect([plain.PermissionsBoundary, plain.ManagedPolicyArns]).toEqual([undefined, undefined]);
  });
});

const canTerraform = tools.terraform !== undefined && tools.python !== undefined;
const withTerraform = canTerraform ? describe : describe.skip;

withTerraform(`Terraform${unless(canTerraform, MISSING)}`, () => {
  const planned = new Map<string, PlannedResource[]>();
  const roleNamed = (name: string): string => name.replaceAll(/[^\w]+/g, "-");
  beforeAll(() => {
    for (const partition of new Set(names.map((name) => WANTED[name]?.partition ?? "aws"))) {
      const own = names.filter((name) => (WANTED[name]?.partition ?? "aws") === partition);
      const roles = Object.fromEntries(own.map((name) => [roleNamed(name), WANTED[name]?.role]));
      planned.set(partition, planTerraform({ roles }, partition));
    }
  });
  const rolesIn = (resources: PlannedResource[]) => resources.filter(({ type }) => type === "aws_iam_role");

  test("fmt changes nothing", () => {
    const folder = path.join(AWS, "terraform");
    expect(runTool([tools.terraform ?? "", "fmt", "-check", "-recursive", folder])).toMatchObject({
      ...{ stdout: "", status: 0 },
    });
  });

  test.each(names)("trusts: %s", (name) => {
    const wanted = WANTED[name] as Wanted;
    const roles = rolesIn(planned.get(wanted.partition ?? "aws") ?? []);
    expectPolicy(roles.find(({ index }) => index === roleNamed(name))?.values.assume_role_policy, wanted);
  });

  test("makes several roles and one provider, or none", () => {
    const all = planned.get("aws") ?? [];
    expect(rolesIn(all).length).toBeGreaterThan(3);
    expect(all.filter(({ type }) => type === "aws_iam_openid_connect_provider")).toHaveLength(1);
    const role = { subjects: ["repo:octo-org/octo-repo:ref:refs/heads/main"], path: "/ci/" };
    const more = planTerraform({
      create_provider: false,
      roles: { deploy: { ...role, outlive_id_tokens: true, policy_arns: ["arn:a", "arn:b"] }, plan: role },
      tags: { team: "platform" },
    });
    const count = (type: string) => more.filter((resource) => resource.type === type).length;
    expect(count("aws_iam_openid_connect_provider")).toBe(0);
    expect(count("aws_iam_role")).toBe(2);
    expect(count("aws_iam_role_policy")).toBe(1);
    expect(count("aws_iam_role_policy_attachment")).toBe(2);
    for (const { values, index } of rolesIn(more)) {
      expect(values).toMatchObject({ tags: { team: "platform" }, max_session_duration: 3600, path: "/ci/" });
      const own = `arn:aws:iam::${ACCOUNT}:role/ci/${index}`;
      const grants = { Statement: [{ Effect: "Allow", Action: "sts:AssumeRole", Resource: own }] };
      if (index === "deploy") expectSelfAssume(values.assume_role_policy, grants, own);
      else expect(letsIn(values.assume_role_policy, own)).toBe(false);
    }
  });

  test.each([
    ["A role needs subjects", { repository: "octo-org/octo-repo" }],
    ["rename_proof needs repository_id", { repository: "a/b", refs: ["x"], rename_proof: true }],
  ])("refuses: %s", (message, role) => {
    expect(() => planTerraform({ roles: { deploy: role } })).toThrow(message);
  });

  test("refuses what AWS cannot check in a partition", () => {
    const { role } = WANTED["a reusable workflow at its tag"] as Wanted;
    expect(() => planTerraform({ roles: { deploy: role } }, "aws-cn")).toThrow("job_workflow_refs cannot");
  });
});

const withCdk = tools.cdk ? describe : describe.skip;

withCdk(`CDK${unless(tools.cdk !== undefined, MISSING)}`, () => {
  // Beside node_modules, so that the construct finds aws-cdk-lib there.
  const folder =
    tools.cdk === undefined ? TOOLS_DIRECTORY : mkdtempSync(path.join(TOOLS_DIRECTORY, "synth-"));
  let synthesized: Record<string, Record<string, Resource> | string> = {};
  const camel = (key: string) => key.replaceAll(/_(\w)/g, (_, letter: string) => letter.toUpperCase());
  const propertiesOf = ({ role, audience, partition }: Wanted) => ({
    roleName: "deploy",
    ...Object.fromEntries(Object.entries(role).map(([key, value]) => [camel(key), value])),
    ...(audience && { audience }),
    ...(partition && { claimKeys: false }),
  });
  const resourceOf = (name: string, type: string) => {
    const stack = synthesized[name];
    if (typeof stack !== "object") throw new Error(`${name}: ${stack}`);
    const resources = deploy({ Resources: stack }, {}, WANTED[name]?.partition);
    return Object.values(resources).find(({ Type }) => Type === type)?.Properties;
  };

  beforeAll(() => {
    symlinkSync(path.join(tools.cdk ?? "", "node_modules"), path.join(folder, "node_modules"));
    writeFileSync(path.join(folder, "package.json"), '{ "type": "module" }');
    for (const file of ["github-role.ts", "app.ts", "tsconfig.json"])
      writeFileSync(path.join(folder, file), readFileSync(path.join(AWS, "cdk", file)));
    outputOf([path.join(repository(), "node_modules", ".bin", "tsc"), "-p", folder]);
    const stacks = {
      ...Object.fromEntries(Object.entries(WANTED).map(([name, wanted]) => [name, propertiesOf(wanted)])),
      itself: { roleName: "deploy", path: "/ci/", repository: "a/b", refs: ["x"], outliveIdTokens: true },
      "no jobs": { roleName: "deploy", repository: "a/b" },
      "no id": { roleName: "deploy", repository: "a/b", refs: ["x"], renameProof: true },
      "no keys": {
        ...{ roleName: "deploy", repository: "a/b", refs: ["x"], claimKeys: false },
        jobWorkflowRefs: ["x"],
      },
    };
    const program = `
      import { App, Stack } from "aws-cdk-lib";
      import { Template } from "aws-cdk-lib/assertions";
      import { GitHubRole } from "./out/github-role.js";
      const synthesize = (props) => {
        const stack = new Stack(new App(), "Stack");
        new GitHubRole(stack, "Role", props);
        return Template.fromStack(stack).toJSON().Resources;
      };
      const attempt = (props) => { try { return synthesize(props); } catch (error) { return error.message; } };
      const stacks = Object.entries(JSON.parse(process.env.STACKS));
      console.log(JSON.stringify(Object.fromEntries(stacks.map(([name, props]) => [name, attempt(props)]))));`;
    const env = { ...process.env, STACKS: JSON.stringify(stacks) };
    const command = [process.execPath, "--input-type=module", "-e", program];
    synthesized = JSON.parse(outputOf(command, { cwd: folder, env })) as typeof synthesized;
  });
  afterAll(() => {
    if (tools.cdk !== undefined) rmSync(folder, { recursive: true, force: true });
  });

  test.each(names)("trusts: %s", (name) => {
    expectPolicy(resourceOf(name, "AWS::IAM::Role")?.AssumeRolePolicyDocument, WANTED[name] as Wanted);
  });

  test("lets the role assume itself, and nobody else", () => {
    expectSelfAssume(
      resourceOf("itself", "AWS::IAM::Role")?.AssumeRolePolicyDocument,
      resourceOf("itself", "AWS::IAM::Policy")?.PolicyDocument,
      `arn:aws:iam::${ACCOUNT}:role/ci/deploy`,
    );
  });

  test("refuses what would trust nobody or everybody", () => {
    expect([synthesized["no jobs"], synthesized["no id"], synthesized["no keys"]]).toEqual([
      "GitHubRole needs environments or refs.",
      "renameProof needs repositoryId.",
      "renameProof and jobWorkflowRefs need the condition keys of the partition aws.",
    ]);
  });

  test("the app synthesizes, with a provider, a boundary and tags", () => {
    const assembly = path.join(folder, "assembly");
    outputOf([process.execPath, path.join(folder, "out", "app.js")], {
      ...{ cwd: folder, env: { ...process.env, CDK_OUTDIR: assembly } },
    });
    const template = readFileSync(path.join(assembly, "GitHubDeploy.template.json"), "utf8");
    const { Resources } = JSON.parse(template) as { Resources: Record<string, Resource> };
    const types = Object.values(Resources).map(({ Type }) => Type);
    expect(types.sort()).toEqual(["AWS::IAM::OIDCProvider", "AWS::IAM::Policy", "AWS::IAM::Role"]);
    const role = Object.values(Resources).find(({ Type }) => Type === "AWS::IAM::Role");
    expect(role?.Properties).toMatchObject({
      ...{ MaxSessionDuration: 7200, Tags: [{ Key: "team", Value: "platform" }] },
      PermissionsBoundary: expect.anything(),
    });
  });
});
