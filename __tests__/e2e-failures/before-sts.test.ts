// What goes wrong before STS is asked: no permission, an endpoint that gives no token, inputs, what is set in
// the job.
import { describe, expect, test } from "@jest/globals";
import type { GitHubFault } from "../../harness/clouds/faults.ts";
import type { JobOptions } from "../../harness/runner/runner.ts";
import { ACCOUNT, ACTION, NODE, ROLE, WITH, worked } from "../e2e/setup.ts";
import { failingUse, finishQuietly, startAsGitHub } from "./failing.ts";

describe("no id-token permission", () => {
  const none = { ACTIONS_ID_TOKEN_REQUEST_URL: "", ACTIONS_ID_TOKEN_REQUEST_TOKEN: "" };
  test.each<[string, Record<string, string>, string[], string[]]>([
    ["a push", {}, ["In a reusable workflow, the job that calls it"], ["fork", "Dependabot"]],
    [
      "a pull request",
      { GITHUB_EVENT_NAME: "pull_request" },
      ["If it comes from a fork", "Skip the step for these jobs (if:)"],
      ["Dependabot"],
    ],
    [
      "Dependabot",
      { GITHUB_ACTOR: "dependabot[bot]" },
      ["This job runs for Dependabot"],
      ["comes from a fork"],
    ],
  ])("%s", async (_, github, has, hasNot) => {
    const scene = await startAsGitHub({ job: { environment: none, github } });
    const { main, title, anchor, stsCalls } = await failingUse(scene);
    expect([title, anchor, stsCalls]).toEqual([
      "This job is not allowed to request an ID token: it lacks the permission id-token: write",
      "id-token-permission",
      0,
    ]);
    for (const text of ["\npermissions:\n  id-token: write\n  contents: read\n", ...has])
      expect(main.log).toContain(text);
    for (const text of hasNot) expect(main.log).not.toContain(text);
    await finishQuietly(scene);
  });
});

/** What the ID token endpoint does, for good. */
const ENDPOINT: [name: string, fault: GitHubFault, anchor: string, says: string][] = [
  ["a page of HTML", "html", "id-token-malformed", "the answer is not JSON"],
  ["an empty value", "empty-value", "id-token-malformed", "the answer does not contain a JWT"],
  ["another audience", "other-audience", "id-token-malformed", "the token is for another audience"],
  ["an expired token", "expired-token", "id-token-malformed", "the token has expired already"],
  ["a token from the future", "future-token", "id-token-malformed", "the token is from the future"],
  ["a token without exp", "no-exp", "id-token-malformed", "the token has no expiry time"],
  ["a huge answer", "huge", "id-token-malformed", "the answer is larger than 65536 bytes"],
  ["401", { status: 401 }, "id-token-refused", "GitHub rejected the job's request token"],
  ["404", { status: 404 }, "id-token-refused", "find what sets ACTIONS_ID_TOKEN_REQUEST_URL"],
];

describe("an ID token endpoint that gives no token", () => {
  test.each(ENDPOINT)("%s", async (_, fault, anchor, says) => {
    const scene = await startAsGitHub();
    scene.clouds.github.fault = () => fault;
    // A job may not count as in progress yet, so that a refusal is asked again for some seconds.
    const failure = await failingUse(scene, { limitMs: 30_000 });
    expect(failure).toMatchObject({ anchor, stsCalls: 0 });
    expect(failure.main.log).toContain(says);
    expect(scene.clouds.github.requests.length).toBeLessThan(30);
    await finishQuietly(scene);
  });

  test("a host that cannot be resolved: given up within seconds", async () => {
    const scene = await startAsGitHub({
      job: { environment: { ACTIONS_ID_TOKEN_REQUEST_URL: `https://${"x".repeat(64)}.invalid/` } },
    });
    const { main, anchor } = await failingUse(scene, { limitMs: 25_000 });
    expect(anchor).toBe("id-token-host-not-found");
    expect(main.log).toContain("Fix: correct the runner's DNS, or HTTPS_PROXY and NO_PROXY.");
    await finishQuietly(scene);
  });

  test("variables that hold something else", async () => {
    const scene = await startAsGitHub({
      job: { environment: { ACTIONS_ID_TOKEN_REQUEST_URL: "ftp://example.com" } },
    });
    expect(await failingUse(scene)).toMatchObject({
      anchor: "id-token-endpoint",
      title: expect.stringContaining("Remove them from the workflow's env."),
    });
    await finishQuietly(scene);
  });
});

/** Inputs as they are given by mistake, the error, and how a user corrects them. */
const INPUTS: [input: string, given: string, says: string, corrected: string][] = [
  [
    "role-to-assume",
    "",
    "role-to-assume is missing or empty. Give the ARN of a role, such as arn:aws:iam::111122223333:role/deploy",
    ROLE,
  ],
  ["role-to-assume", "deploy", "A name alone does not identify the account.", ROLE],
  [
    "role-to-assume",
    `arn:aws:sts::${ACCOUNT}:assumed-role/deploy/x`,
    "That is the ARN of a session. Give the ARN of the role itself.",
    ROLE,
  ],
  ["role-to-assume", `${ROLE}\n[profile evil]`, "Allowed: the ARN of a role, such as", ROLE],
  [
    "aws-region",
    "",
    "aws-region is missing or empty. Give a region in lower case, such as eu-west-1",
    "eu-west-1",
  ],
  ["aws-region", "eu-west-1a", "That is an Availability Zone of the region eu-west-1.", "eu-west-1"],
  ["aws-region", "EU (Ireland)", "Allowed: a region in lower case, such as eu-west-1.", "eu-west-1"],
  ["profile", "my profile", "Allowed: 1 to 64 of the characters A-Z a-z 0-9 _ . -", "my-profile"],
  ["role-session-name", "my job", "Allowed: 2 to 64 of the characters A-Z a-z 0-9 _ + = , . @ -", "my-job"],
  ["audience", "two words", "Allowed: 1 to 255 ASCII characters without a space", "sts.amazonaws.com"],
  [
    "allowed-account-ids",
    "1111-2222-3333",
    "Allowed: account ids of 12 digits, separated by commas",
    ACCOUNT,
  ],
  [
    "allowed-account-ids",
    "444455556666",
    `is in account ${ACCOUNT}, which allowed-account-ids (444455556666) does not list`,
    ACCOUNT,
  ],
  [
    "sts-endpoint",
    "http://sts.example.com",
    "Over plain http, anyone on the network path could read the ID token.",
    "",
  ],
  ["mask-aws-account-id", "yes", "Allowed: true or false", "true"],
  ["trial", "1", "Allowed: true or false", "true"],
  ["mirror-environment", "on", "Allowed: auto, true or false", "auto"],
  [
    "explain-trust-policy",
    "{ Version: 2012-10-17 }",
    "explain-trust-policy cannot be read: Not a trust policy: it is not JSON",
    '{"Statement":{"Effect":"Allow","Principal":"*","Action":"*"}}',
  ],
  ["summary", "sometimes", "Allowed: auto, always or never", "always"],
];

describe("an input", () => {
  test.each(INPUTS)(
    "%s: %j is refused; corrected as the error advises, it works",
    async (input, given, says, corrected) => {
      const scene = await startAsGitHub();
      const { title, anchor, stsCalls } = await failingUse(scene, { with: { [input]: given } });
      expect(title).toContain(says);
      expect(anchor).toMatch(/^(?:input-missing|input-refused|account-not-allowed)$/);
      expect([stsCalls, scene.clouds.github.requests]).toEqual([0, []]);
      worked(await scene.job.use(ACTION, { with: { ...WITH, [input]: corrected } }));
    },
  );
});

describe("variables that would override the profile", () => {
  const webIdentity = {
    AWS_ROLE_ARN: `arn:aws:iam::${ACCOUNT}:role/pod`,
    AWS_WEB_IDENTITY_TOKEN_FILE: "/var/run/token",
  };
  test.each<[string, JobOptions["environment"], Record<string, string>, string, string]>([
    [
      "a named profile beside web identity variables",
      webIdentity,
      { profile: "deploy" },
      "named-profile-loses",
      "or leave out profile to make this role ambient",
    ],
    [
      "no mirror beside web identity variables",
      webIdentity,
      { "mirror-environment": "false" },
      "mirror-refused",
      "Leave it at auto.",
    ],
    [
      "a mirror of a named profile",
      {},
      { profile: "deploy", "mirror-environment": "true" },
      "mirror-refused",
      "give every step this role",
    ],
    [
      "a named profile beside another endpoint",
      { AWS_ENDPOINT_URL: "https://x.example" },
      { profile: "deploy", "sts-endpoint": "https://sts.example.com" },
      "sts-endpoint-loses",
      "Remove",
    ],
  ])("%s", async (_, environment, inputs, anchor, says) => {
    const scene = await startAsGitHub({ job: { environment: environment ?? {} } });
    const failure = await failingUse(scene, { with: inputs });
    expect(failure).toMatchObject({ anchor, stsCalls: 0 });
    expect(failure.title).toContain(says);
    await finishQuietly(scene);
  });

  test("keys: emptied for later steps, with one warning", async () => {
    const scene = await startAsGitHub({
      job: { environment: { AWS_ACCESS_KEY_ID: "x", AWS_SECRET_ACCESS_KEY: "y" } },
    });
    const use = worked(await scene.job.use(ACTION, { with: WITH }));
    expect(use.annotations).toEqual([
      {
        level: "warning",
        message: expect.stringMatching(
          /^AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY are set and would override the profile/,
        ),
      },
    ]);
    const later = await scene.job.run([
      NODE,
      "-p",
      "[process.env.AWS_ACCESS_KEY_ID, process.env.AWS_SECRET_ACCESS_KEY].join()",
    ]);
    expect(later.stdout).toBe(",\n");
  });
});
