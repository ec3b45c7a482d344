// README.md: what it shows is what the tested files, the log and the other pages have.
import { readFileSync } from "node:fs";
import path from "node:path";
import { describe, expect, test } from "@jest/globals";
import { parseDocument } from "yaml";
import { ACCOUNT } from "../harness/examples/cloudformation.ts";
import { slug } from "../harness/examples/slug.ts";
import { TOKENS, WANTED, type Wanted } from "../harness/examples/tokens.ts";
import { repository } from "../harness/repository.ts";
import { evaluateTrustPolicy, parseTrustPolicy } from "../src/explain/trust-policy.ts";
import { migrate, STEP, withInputs, workflow } from "./cli/workflow.ts";
import { denied, explainSts } from "./explain/read.ts";

const read = (file: string): string => readFileSync(path.join(repository(), file), "utf8");
const README = read("README.md");
const ISSUER = "token.actions.githubusercontent.com";

/** The blocks in one language whose text matches. */
const blocks = (language: string, pattern: RegExp): string[] =>
  [...README.matchAll(new RegExp(`^\`\`\`${language}\\n([\\s\\S]*?)^\`\`\`$`, "gm"))]
    .map(([, text = ""]) => text)
    .filter((text) => pattern.test(text));
const section = (heading: string): string =>
  README.split(/^## /m).find((one) => one.startsWith(heading)) ?? "";

/** The lines of `part` that are missing in `whole` after the line before them. */
function outOfOrder(part: string[], whole: string[]): string[] {
  let from = 0;
  return part.filter((line) => {
    const at = whole.indexOf(line, from);
    if (at >= 0) from = at + 1;
    return at < 0;
  });
}

test("is short, and answers in the order in which a reader asks", () => {
  expect(README.trimEnd().split("\n").length).toBeLessThanOrEqual(350);
  expect([...README.matchAll(/^## (.+)$/gm)].map(([, heading]) => heading)).toEqual([
    ...["Why", "Set up AWS", "Moving from configure-aws-credentials", "Inputs", "Outputs"],
    ...[
      "Several roles and chains",
      "Jobs of more than six hours",
      "Check it while the job runs",
      "Containers",
    ],
    ...["Windows, macOS, own runners, GHES, Forgejo", "Which SDKs and tools", "What it costs", "Limits"],
    ...["How it works", "Verify it yourself", "Links"],
  ]);
});

test.each(["main", "post", "keeper", "use", "ambient", "named", "chain"])(
  "defines %s before it is used",
  (word) => {
    const at = README.indexOf(`**${word}**`);
    expect(at).toBeGreaterThan(0);
    // In backticks it is a name: of an input, a branch, a claim.
    const before = README.slice(0, at).replaceAll(/`[^`]*`|\]\([^)]*\)/g, "");
    if (word !== "use" && word !== "named")
      expect(new RegExp(`\\b${word}s?\\b`, "i").exec(before)?.[0]).toBeUndefined();
  },
);

describe("the first block", () => {
  const [first = ""] = blocks("yaml", /./);

  test("pins the action by a hash, with its version as a comment", () => {
    const [, hash = "", pinned = ""] =
      new RegExp(`uses: ${slug()}@([0-9a-f]{40}) # v(\\d+\\.\\d+\\.\\d+)$`, "m").exec(first) ?? [];
    const { version } = JSON.parse(read("package.json")) as { version: string };
    // Between `npm run set-version` and `npm run set-pin` the pin is that of the release before.
    expect(pinned.localeCompare(version, "en", { numeric: true })).toBeLessThanOrEqual(0);
    expect(README).toContain(`repos/${slug()}/commits/v${pinned} `);
    // Before the first release there is no hash.
    if (version !== "1.0.0") expect(hash).not.toMatch(/^0+$/);
    expect(pinned).not.toBe("");
  });

  test("is a job that the roles below accept", () => {
    expect(first).toContain("environment: production");
    expect(section("Set up AWS")).toContain('environments        = ["production"]');
  });
});

describe("the roles to set up", () => {
  test("by CloudFormation accept the jobs that they must, and no other", () => {
    const [template = ""] = blocks("yaml", /^Resources:/m);
    const data = parseDocument(template, { logLevel: "error" }).toJS() as {
      Resources: { Deploy: { Properties: { AssumeRolePolicyDocument: object } } };
    };
    const policy = JSON.stringify(data.Resources.Deploy.Properties.AssumeRolePolicyDocument);
    // What CloudFormation puts in the place of !Ref GitHub.
    const deployed = policy.replace('"GitHub"', `"arn:aws:iam::${ACCOUNT}:oidc-provider/${ISSUER}"`);
    expect(deployed).not.toBe(policy);
    const context = { providerHost: ISSUER, accountId: ACCOUNT, partition: "aws" };
    const accepted = [...TOKENS].filter(([, claims]) => {
      const token = { ...claims, iss: `https://${ISSUER}`, aud: "sts.amazonaws.com" };
      const action = "sts:AssumeRoleWithWebIdentity" as const;
      return evaluateTrustPolicy(parseTrustPolicy(deployed), token, { ...context, action }).allowed;
    });
    const wanted = WANTED["an environment, by name and id"] as Wanted;
    expect(accepted.map(([name]) => name).sort()).toEqual(wanted.accepts.toSorted());
  });

  test("by Terraform are lines of the tested example, with the module's place on GitHub", () => {
    const [block = ""] = blocks("hcl", /^module /m);
    const example = read("examples/aws/terraform/example/main.tf").split("\n");
    const lines = block.split("\n").filter((line) => !/^# Terraform, OpenTofu$|^$/.test(line));
    const [, place = ""] = /^ {2}source = "(.*)"$/m.exec(block) ?? [];
    expect(example.join("\n")).toContain(`source = "../" # ${place}\n`);
    expect(outOfOrder(lines, example)).toEqual([`  source = "${place}"`]);
  });

  test("and the log of a refusal is what the action writes", () => {
    const [log = ""] = blocks("text", /^AWS refused/);
    const { title, text } = explainSts(denied);
    const [shown = "", ...lines] = log
      .trimEnd()
      .split("\n")
      .filter((line) => line !== "…" && line !== "");
    expect(title.startsWith(shown.replace(" …", " "))).toBe(true);
    expect(outOfOrder(lines, text.split("\n"))).toEqual([]);
  });
});

test("shows the rehearsal: three jobs, of which two fail and one does not", () => {
  expect(README.slice(0, README.indexOf("## Set up AWS"))).toContain("](docs/rehearsal.svg)");
  const picture = read("docs/rehearsal.svg");
  for (const job of ["keys exported once", "token written once", "aws-role-refresh"])
    expect(picture).toContain(`>${job}<`);
  expect(picture.match(/✗ ExpiredToken/g)).toHaveLength(2);
  expect(picture.match(/✓ no failure in \d+ calls/g)).toHaveLength(1);
  expect(picture.length).toBeLessThan(60_000);
});

test("has no cost that the page for security teams has not", () => {
  const page = read("docs/network-and-processes.md");
  const [, memory = ""] = /About (\d+) MB of memory/.exec(section("What it costs")) ?? [];
  const [, shell = ""] = /A shell of (\d+) MB/.exec(section("What it costs")) ?? [];
  expect(page).toContain(`| about ${memory} MB resident, most of it Node's; a few milliseconds a minute;`);
  expect(page).toContain(`| ${shell} MB; nothing |`);
  for (const fact of [
    "24 to 27",
    "about 2 kB",
    "`*.actions.githubusercontent.com` and `sts.REGION.amazonaws.com`",
  ]) {
    expect(section("What it costs")).toContain(fact);
    expect(page).toContain(fact);
  }
  expect(section("What it costs")).toContain("No telemetry, no update check, no download.");
  expect(page).toContain("no telemetry, no update check, no download");
});

describe("the five cases of a migration", () => {
  const page = read("docs/migration.md");
  const rows = [...section("Moving").matchAll(/^\| (?!Your|---)(.+?) \| (.+) \|$/gm)].map(([row]) => row);
  const second = STEP.replaceAll("111122223333", "444455556666");
  const byHand = withInputs(`aws-access-key-id: \${{ env.AWS_ACCESS_KEY_ID }}`);

  test("are those that the command changes, or leaves with the advice of the table", () => {
    expect(rows).toHaveLength(5);
    for (const steps of [STEP, withInputs("role-duration-seconds: 21600"), STEP + second])
      expect(migrate(workflow(steps))).toMatchObject({ changed: true, left: [] });
    for (const steps of [STEP + byHand, `${STEP}      - run: docker run -e AWS_ACCESS_KEY_ID app\n`]) {
      const { changed, left } = migrate(workflow(steps));
      expect([changed, left.length > 0]).toEqual([false, true]);
    }
    expect(JSON.stringify(migrate(workflow(STEP + byHand)).findings)).toContain("role-chaining: true");
    expect(rows[3]).toContain("`role-chaining: true`");
    expect(page).toContain(
      "| A chain by hand: keys of one step as inputs of the next | `role-chaining: true` |",
    );
  });

  test("come with commands that docs/migration.md describes", () => {
    const commands = section("Moving").match(/^npx \S+ migrate .*?(?= *#)/gm) ?? [];
    expect(commands).toHaveLength(2);
    for (const command of commands) expect(page).toContain(command);
  });
});
