// What an organization copies: workflow-templates/ and the reusable workflows in examples/workflows, by actionlint, zizmor and act.
import { existsSync, readdirSync, readFileSync } from "node:fs";
import path from "node:path";
import { afterEach, beforeEach, describe, expect, jest, test } from "@jest/globals";
import { type Clouds, startClouds } from "../../harness/clouds/clouds.ts";
import { GITHUB_PROVIDER, type TrustPolicy, trustGitHub } from "../../harness/clouds/trust.ts";
import { runUnderAct } from "../../harness/examples/act.ts";
import { slug } from "../../harness/examples/slug.ts";
import { MISSING, outputOf, pythonTool, runTool, tools } from "../../harness/examples/tools.ts";
import { unless } from "../../harness/machine/means.ts";
import { repository } from "../../harness/repository.ts";

// Each starts several programs, which take ten times as long on a busy machine.
jest.setTimeout(240_000);

const ROOT = repository();
const read = (...names: string[]) => readFileSync(path.join(ROOT, ...names), "utf8");
const filesIn = (folder: string, end: string) =>
  readdirSync(path.join(ROOT, folder)).filter((name) => name.endsWith(end));
const TEMPLATES = filesIn("workflow-templates", ".yml").map((name) => name.replace(".yml", ""));
const REUSABLE = "octo-org/.github/.github/workflows/";
/** As GitHub fills it in. */
const template = (name: string) =>
  read("workflow-templates", `${name}.yml`).replaceAll("$default-branch", "main");

const FORGEJO_LACKS =
  "repository_id repository_owner_id job_workflow_ref job_workflow_sha runner_environment actor_id check_run_id".split(
    " ",
  );

interface Called {
  permissions?: Record<string, string>;
  uses?: string;
  with?: Record<string, string>;
}
interface Workflow {
  on: Record<string, { inputs?: Record<string, { required?: boolean }> } | null>;
  jobs: Record<string, Called>;
}

/** YAML, as GitHub reads it: `on` is a key. */
function parse(text: string): Workflow {
  const program = `import json, sys, yaml
yaml.SafeLoader.yaml_implicit_resolvers.pop("o", None)
print(json.dumps(yaml.safe_load(sys.stdin)))`;
  return JSON.parse(outputOf([tools.python ?? "", "-c", program], { input: text })) as Workflow;
}

describe("workflow templates", () => {
  // https://docs.github.com/en/actions/how-tos/reuse-automations/create-workflow-templates
  test.each(TEMPLATES)("%s has its properties and an icon", (name) => {
    const properties = JSON.parse(read("workflow-templates", `${name}.properties.json`)) as Record<
      string,
      unknown
    >;
    expect(Object.keys(properties).sort()).toEqual(
      ["categories", "description", "filePatterns", "iconName", "name"].sort(),
    );
    expect(properties.description).toMatch(/^[A-Z].{20,}\.$/);
    expect(existsSync(path.join(ROOT, "workflow-templates", `${properties.iconName}.svg`))).toBe(true);
    for (const pattern of properties.filePatterns as string[])
      expect(() => new RegExp(pattern)).not.toThrow();
  });

  test("there is nothing else in the folder", () => {
    const names = readdirSync(path.join(ROOT, "workflow-templates"));
    const own = TEMPLATES.flatMap((name) => [`${name}.yml`, `${name}.properties.json`]);
    expect(names.sort()).toEqual([...own, "aws-role-refresh.svg"].sort());
  });

  const withPython = tools.python ? test : test.skip;
  withPython.each(TEMPLATES)(
    `%s calls a workflow that is there, with its inputs and the permissions that it uses${unless(tools.python !== undefined, MISSING)}`,
    (name) => {
      const { jobs } = parse(template(name));
      for (const { uses = "", with: given = {}, permissions = {} } of Object.values(jobs)) {
        expect(uses).toMatch(new RegExp(`^${REUSABLE}[\\w-]+\\.yml@v1$`));
        const called = parse(read("examples", "workflows", uses.slice(REUSABLE.length, -"@v1".length)));
        const inputs = called.on.workflow_call?.inputs ?? {};
        expect(Object.keys(given).filter((input) => !(input in inputs))).toEqual([]);
        const required = Object.keys(inputs).filter((input) => inputs[input]?.required);
        expect(required.filter((input) => !(input in given))).toEqual([]);
        const needed = Object.values(called.jobs).flatMap((job) => Object.entries(job.permissions ?? {}));
        expect(permissions).toEqual(Object.fromEntries(needed));
        expect(permissions["id-token"]).toBe("write");
      }
    },
  );
});

const withZizmor = tools.python ? test : test.skip;
withZizmor(`zizmor finds nothing in any workflow${unless(tools.python !== undefined, MISSING)}`, () => {
  const folders = [".github/workflows", "examples/workflows", "workflow-templates"];
  const files = folders.flatMap((folder) => filesIn(folder, ".yml").map((name) => path.join(folder, name)));
  const command = [
    pythonTool("zizmor"),
    "--offline",
    "--quiet",
    "--no-progress",
    "--color=never",
    "--config",
    ".github/zizmor.yml",
  ];
  const audited = runTool([...command, ...files, "action.yml", "check/action.yml", ".github/dependabot.yml"]);
  expect(audited.stdout).toMatch(/^No findings to report\./);
  expect(audited.status).toBe(0);
});

const withAct = tools.act ? describe : describe.skip;

// act loses the last lines of a step that fails, so those are not looked for.
withAct(`under act${unless(tools.act !== undefined, MISSING)}`, () => {
  const ACCOUNT = "111122223333";
  const arn = (name: string, account = ACCOUNT) => `arn:aws:iam::${account}:role/${name}`;
  /** Fails where the profile, or its token, is not there. */
  const DEPLOY = `#!/bin/sh
set -eu
test -s "$(sed -n 's/^web_identity_token_file = //p' "$AWS_CONFIG_FILE")"
echo "as $(sed -n 's/^role_arn = //p' "$AWS_CONFIG_FILE"): \${1:-\${UNTIL:-}}"
`;
  const MAIN = "repo:octo-org/octo-repo:ref:refs/heads/main";
  let clouds: Clouds;
  beforeEach(async () => {
    clouds = await startClouds();
  });
  afterEach(async () => {
    await clouds.close();
  });
  const assumed = () =>
    clouds.sts.requests.filter(({ error }) => error === undefined).map(({ role }) => role);

  test("aws-deploy: one role", async () => {
    clouds.sts.addRole({ arn: arn("deploy"), trust: trustGitHub(ACCOUNT, MAIN) });
    const { end, log } = await runUnderAct(clouds, {
      workflow: template("aws-deploy"),
      files: { "deploy.sh": DEPLOY },
    });
    expect(`${end}\n${log}`).toMatch(/^0\n/);
    expect(log).toMatch(/as arn:aws:iam::111122223333:role\/deploy: \d{4}-\d\d-\d\dT/);
    expect(log).toContain("profile default removed");
    expect(assumed()).toEqual([arn("deploy")]);
  });

  test("aws-build-deploy: builds with one role, hands the version over, deploys with the other", async () => {
    for (const name of ["build", "deploy"])
      clouds.sts.addRole({ arn: arn(name), trust: trustGitHub(ACCOUNT, MAIN) });
    const { end, log } = await runUnderAct(clouds, {
      workflow: template("aws-build-deploy"),
      files: { "deploy.sh": DEPLOY, "build.sh": `${DEPLOY}echo "version=1.2.3" >> "$GITHUB_OUTPUT"\n` },
    });
    expect(`${end}\n${log}`).toMatch(/^0\n/);
    expect(log).toContain(`as ${arn("build")}: `);
    expect(log).toContain(`as ${arn("deploy")}: 1.2.3`);
    expect(assumed()).toEqual([arn("build"), arn("deploy")]);
  });

  test("aws-publish-site: the role is the template's, and only the template's jobs may assume it", async () => {
    const ref = `${REUSABLE}reusable-trusted.yml@refs/tags/v1`;
    const trust = trustGitHub(ACCOUNT, "repo:octo-org/*") as TrustPolicy & {
      Statement: { Condition: object };
    };
    trust.Statement.Condition = {
      StringEquals: {
        ...{ [`${GITHUB_PROVIDER}:aud`]: "sts.amazonaws.com", [`${GITHUB_PROVIDER}:job_workflow_ref`]: ref },
        [`${GITHUB_PROVIDER}:repository_owner_id`]: "65",
      },
      StringLike: { [`${GITHUB_PROVIDER}:sub`]: "repo:octo-org/*" },
    };
    clouds.sts.addRole({ arn: arn("publish"), trust });
    const run = {
      workflow: template("aws-publish-site"),
      // Stands for the AWS CLI.
      files: { "site/index.html": "<p>", "bin/aws": '#!/bin/sh\necho "aws $*"\n' },
    };
    const ours = await runUnderAct(clouds, { ...run, claims: { job_workflow_ref: ref } });
    expect(`${ours.end}\n${ours.log}`).toMatch(/^0\n/);
    expect(ours.log).toContain("aws s3 sync ./site s3://octo-org-sites/octo-org/octo-repo --delete");
    // The caller's own workflow, with the same steps.
    const theirs = await runUnderAct(clouds, run);
    expect(theirs.end).not.toBe(0);
    expect(theirs.log).toContain(`Failure - Main ${slug()}@v1`);
    expect(clouds.sts.requests.at(-1)?.error).toBe("AccessDenied");
    expect(theirs.log).not.toContain("aws s3 sync ./site s3://");
    expect(assumed()).toEqual([arn("publish")]);
  });

  test("aws-publish-site: a stage that is not one is refused before there is a role", async () => {
    const workflow = template("aws-publish-site").replace("stage: production", "stage: productio");
    const { end, log } = await runUnderAct(clouds, { workflow });
    expect(end).not.toBe(0);
    expect(log).toContain("Failure - Main role and bucket of the stage");
    expect(clouds.sts.requests).toEqual([]);
  });

  test("aws-smoke-test: passes with the role's name, or fails in the step of the action", async () => {
    const run = { workflow: template("aws-smoke-test"), event: "workflow_dispatch" as const };
    clouds.sts.addRole({ arn: arn("deploy"), trust: trustGitHub(ACCOUNT, `${MAIN}2`) });
    const refused = await runUnderAct(clouds, run);
    expect(refused.end).not.toBe(0);
    expect(refused.log).toContain(`Failure - Main ${slug()}@v1`);
    expect(clouds.sts.requests.map(({ error }) => error)).toEqual(["AccessDenied"]);
    clouds.sts.addRole({ arn: arn("deploy"), trust: trustGitHub(ACCOUNT, MAIN) });
    const passed = await runUnderAct(clouds, run);
    expect(`${passed.end}\n${passed.log}`).toMatch(/^0\n/);
    expect(passed.log).toContain("This repository can assume arn:aws:sts::111122223333:assumed-role/deploy/");
    expect(passed.log).toContain("aws-role-refresh: healthy");
  });

  // What its documentation shows: https://forgejo.org/docs/next/user/actions/security-openid-connect
  test("as on Forgejo: an ID token of an hour, without the claims that only GitHub has", async () => {
    await clouds.close();
    clouds = await startClouds({ idTokenSeconds: 3600 });
    clouds.sts.addRole({ arn: arn("deploy"), trust: trustGitHub(ACCOUNT, MAIN) });
    const { end, log } = await runUnderAct(clouds, {
      workflow: `on: push
jobs:
  deploy:
    runs-on: ubuntu-latest
    steps:
      - uses: ${slug()}@v1
        with: { role-to-assume: "${arn("deploy")}", aws-region: eu-west-1 }
      - uses: ${slug()}/check@v1
`,
      claims: Object.fromEntries(FORGEJO_LACKS.map((claim) => [claim, undefined])),
    });
    expect(`${end}\n${log}`).toMatch(/^0\n/);
    expect(log).toContain(`ID token: sub "${MAIN}", aud "sts.amazonaws.com", valid for 3600 s`);
    expect(log).toMatch(/aws-role-refresh: healthy; profile default, token valid for 3\d\d\d s/);
  });

  test.each(["long-deploy.yml", "several-roles.yml"])("examples/workflows/%s", async (name) => {
    const roles = [arn("deploy"), arn("build"), arn("release", "444455556666")];
    for (const role of roles)
      clouds.sts.addRole({ arn: role, trust: trustGitHub(role.split(":")[4] ?? "", MAIN) });
    const { end, log } = await runUnderAct(clouds, {
      workflow: read("examples", "workflows", name),
      event: name === "long-deploy.yml" ? "push" : "workflow_dispatch",
      files: { "six-hour-deploy.sh": DEPLOY, "bin/aws": '#!/bin/sh\necho "aws $*"\n' },
    });
    expect(`${end}\n${log}`).toMatch(/^0\n/);
    expect(log).toContain(
      name === "long-deploy.yml" ? `as ${arn("deploy")}` : "aws s3 cp ./app s3://releases/app",
    );
    expect(assumed()).toEqual(name === "long-deploy.yml" ? roles.slice(0, 1) : roles.slice(1));
  });
});

test("every example uses this repository's action", () => {
  for (const name of filesIn("examples/workflows", ".yml"))
    expect(read("examples", "workflows", name)).toContain(`uses: ${slug()}@v1`);
});
