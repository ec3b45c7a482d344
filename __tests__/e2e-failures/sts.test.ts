// What STS says other than AccessDenied, and what stands in its place.
import { describe, expect, test } from "@jest/globals";
import type { StsFault } from "../../harness/clouds/faults.ts";
import { GITHUB_PROVIDER, trustGitHub } from "../../harness/clouds/trust.ts";
import { ACCOUNT, ACTION, finishClean, ROLE, type SceneOptions, WITH, worked } from "../e2e/setup.ts";
import { createProvider, failingUse, finishQuietly, policyIn, startAsGitHub } from "./failing.ts";

const PROVIDER_ARN = `arn:aws:iam::${ACCOUNT}:oidc-provider/${GITHUB_PROVIDER}`;

describe("InvalidIdentityToken", () => {
  test("no provider in that account: correcting the account helps, and so does what the log says", async () => {
    const scene = await startAsGitHub();
    const elsewhere = { "role-to-assume": ROLE.replace(ACCOUNT, "444455556666") };
    const { main, title, anchor, stsCalls } = await failingUse(scene, { with: elsewhere });
    expect([title, anchor, stsCalls]).toEqual([
      `Account 444455556666 has no identity provider for ${GITHUB_PROVIDER}`,
      "no-identity-provider",
      1,
    ]);
    expect(main.log).toContain("Cause: role-to-assume names the wrong account");
    expect(main.log).toContain(
      `create-open-id-connect-provider --url https://${GITHUB_PROVIDER} --client-id-list sts.amazonaws.com\n`,
    );

    worked(await scene.job.use(ACTION, { with: WITH }));
    scene.clouds.sts.addRole({
      arn: elsewhere["role-to-assume"],
      trust: trustGitHub("444455556666", "repo:*"),
    });
    createProvider(scene.clouds, "444455556666", "sts.amazonaws.com");
    worked(await scene.job.use(ACTION, { with: { ...WITH, ...elsewhere } }));
  });

  test("an audience that the provider does not list: added as the log says, with the policy it has to paste", async () => {
    const scene = await startAsGitHub();
    const audience = { audience: "https://github.com/octo-org" };
    const { main, title, anchor, stsCalls } = await failingUse(scene, { with: audience });
    expect([title, anchor, stsCalls]).toEqual([
      `The identity provider in account ${ACCOUNT} does not list the audience https://github.com/octo-org`,
      "audience-not-registered",
      1,
    ]);
    expect(main.log).toContain(
      `Fix: aws iam add-client-id-to-open-id-connect-provider --open-id-connect-provider-arn ${PROVIDER_ARN} --client-id https://github.com/octo-org\n`,
    );

    createProvider(scene.clouds, ACCOUNT, "sts.amazonaws.com", "https://github.com/octo-org");
    const denied = await failingUse(scene, { with: audience });
    expect(denied.main.log).toContain(
      'The audience is "https://github.com/octo-org": the policy\'s condition on aud must accept that.',
    );
    scene.clouds.sts.addRole({ arn: ROLE, trust: policyIn(denied.main.log) });
    worked(await scene.job.use(ACTION, { with: { ...WITH, ...audience } }));
  });

  test("a token that was signed by somebody else", async () => {
    const scene = await startAsGitHub();
    scene.clouds.github.fault = () => "bad-signature";
    const { main, anchor, stsCalls } = await failingUse(scene);
    expect([anchor, stsCalls]).toEqual(["id-token-rejected", 1]);
    expect(main.log).toContain(
      `Check: aws iam get-open-id-connect-provider --open-id-connect-provider-arn ${PROVIDER_ARN}\n`,
    );
    await finishQuietly(scene);
  });
});

/** Final at once: one call, and what the log must say. */
const FINAL: [name: string, fault: StsFault, anchor: string, says: string[]][] = [
  [
    "a thumbprint that does not match",
    {
      error: "InvalidIdentityToken",
      message: "OpenIDConnect provider's HTTPS certificate doesn't match configured thumbprint",
    },
    "provider-thumbprint",
    [
      `aws iam update-open-id-connect-provider-thumbprint --open-id-connect-provider-arn ${PROVIDER_ARN} --thumbprint-list THUMBPRINT`,
    ],
  ],
  [
    "ExpiredToken",
    { error: "ExpiredTokenException" },
    "id-token-expired",
    ["the token lives 300 s", "Fix: run the job again"],
  ],
  ["IDPRejectedClaim", { error: "IDPRejectedClaim" }, "id-token-rejected", ["Fix: run the job again"]],
  [
    "RegionDisabled",
    { error: "RegionDisabledException" },
    "region-disabled",
    [
      "aws account enable-region --region-name eu-west-1",
      "STS is not active in eu-west-1 for account 111122223333",
    ],
  ],
  [
    "session policies that are too large",
    { error: "PackedPolicyTooLarge" },
    "session-policy",
    ["The session policies are too large for STS", "Fix: shorten inline-session-policy"],
  ],
  [
    "a value that STS does not take",
    { error: "ValidationError", message: "1 validation error detected" },
    "sts-validation",
    ["1 validation error detected"],
  ],
  [
    "a code that nobody knows",
    { error: "Brand::New\n##[error]x", message: "::error::x\nnew" },
    "sts-other",
    ["Fix: follow the message."],
  ],
];

const NO_STS: typeof FINAL = [
  ["a page of HTML, with 200", "html", "sts-malformed", ["Cause: a proxy or a firewall answered instead"]],
  ["nothing, with 200", "empty-body", "sts-malformed", ["Fix: let requests to "]],
  [
    "a page of HTML, with 403",
    { status: 403, headers: { "content-type": "text/html" }, body: "<html><p>No</html>" },
    "sts-malformed",
    ["a proxy or a firewall"],
  ],
  ["a redirect", { redirect: "https://login.example.com/" }, "sts-malformed", ["a proxy or a firewall"]],
];

describe("an answer that is final", () => {
  test.each(FINAL)("%s", async (_, fault, anchor, says) => {
    const scene = await startAsGitHub();
    scene.clouds.sts.fault = () => fault;
    const failure = await failingUse(scene);
    expect(failure).toMatchObject({ anchor, stsCalls: 1 });
    for (const text of says) expect(failure.main.log).toContain(text);
    await finishQuietly(scene);
  });
});

describe("an answer that is not of STS is tried again for 3 s, as one of GitHub without a token is", () => {
  test.each(NO_STS)("%s", async (_, fault, anchor, says) => {
    const scene = await startAsGitHub();
    scene.clouds.sts.fault = () => fault;
    const failure = await failingUse(scene);
    expect(failure.anchor).toBe(anchor);
    expect(failure.stsCalls).toBeGreaterThan(1);
    expect(failure.stsCalls).toBeLessThan(20);
    for (const text of says) expect(failure.main.log).toContain(text);
    await finishQuietly(scene);
  });
});

test("names the server that was asked, wherever its address came from", async () => {
  const scene = await startAsGitHub();
  scene.clouds.sts.fault = () => ({ error: "NeverSeen" });
  const { main } = await failingUse(scene);
  expect(main.log).toContain(`${new URL(scene.clouds.sts.url).host}: NeverSeen (HTTP 400, 1 attempt)`);
  await finishQuietly(scene);
});

/** What passes: the first two calls meet it, or all of them. */
const PASSING: [name: string, fault: StsFault, anchor: string, says: string][] = [
  [
    "IDPCommunicationError",
    { error: "IDPCommunicationError" },
    "provider-not-reached",
    "Fix: run the job again.",
  ],
  [
    "a provider whose keys STS cannot fetch",
    { error: "InvalidIdentityToken" },
    "verification-key",
    `Check: curl --fail https://${GITHUB_PROVIDER}/.well-known/openid-configuration`,
  ],
  [
    "throttling",
    { error: "Throttling" },
    "sts-throttled",
    "start fewer jobs at once (strategy: max-parallel)",
  ],
  [
    "an STS that is down",
    { error: "ServiceUnavailable" },
    "sts-unavailable",
    "Each aws-region has its own STS.",
  ],
];

describe("an answer that passes", () => {
  test.each(PASSING)("%s, twice: the use works and says nothing of it", async (_, fault) => {
    const scene = await startAsGitHub();
    scene.clouds.sts.fault = () => (scene.clouds.sts.requests.length <= 2 ? fault : undefined);
    const use = worked(await scene.job.use(ACTION, { with: WITH }));
    expect([scene.clouds.sts.requests.length, use.annotations, use.stderr]).toEqual([3, [], ""]);
    await finishClean(scene);
  });

  // All at once: each of them waits for half a minute.
  const forGood = (
    name: string,
    options: SceneOptions,
    withInputs: Record<string, string>,
    fault?: StsFault,
  ) => ({
    name,
    options,
    withInputs,
    fault,
  });
  const patient = [
    ...PASSING.map(([name, fault]) => forGood(name, {}, {}, fault)),
    forGood(
      "an STS that refuses connections",
      { stsInEnvironment: false },
      { "sts-endpoint": "http://127.0.0.1:1" },
    ),
    forGood("an STS that never answers", {}, {}, "hang-before-headers"),
  ];
  test("for good: given up after half a minute, with the number of attempts and what to do", async () => {
    const failures = await Promise.all(
      patient.map(async ({ name, options, withInputs, fault }) => {
        const scene = await startAsGitHub(options);
        if (fault !== undefined) scene.clouds.sts.fault = () => fault;
        const failure = await failingUse(scene, { with: withInputs, limitMs: 150_000 });
        await finishQuietly(scene);
        return { name, ...failure };
      }),
    );
    for (const { name, main, anchor, stsCalls } of failures) {
      const expected = PASSING.find(([passing]) => passing === name);
      expect([name, anchor]).toEqual([name, expected?.[2] ?? "sts-unreachable"]);
      expect(main.log).toContain(expected?.[3] ?? "(no proxy was used)");
      expect(stsCalls).toBeLessThan(30);
      expect(Number(/(\d+) attempts\)/.exec(main.log)?.[1])).toBeGreaterThan(1);
    }
  }, 200_000);

  test("a host that does not exist is not waited for", async () => {
    const scene = await startAsGitHub({ stsInEnvironment: false });
    // A label of 64 characters: no resolver can know it, with or without a network.
    const { main, title, anchor } = await failingUse(scene, {
      with: { "sts-endpoint": `https://${"x".repeat(64)}.invalid` },
    });
    expect([title, anchor]).toEqual([
      expect.stringMatching(/^The name x+\.invalid cannot be resolved: ENOTFOUND$/),
      "sts-host-not-found",
    ]);
    expect(main.log).toContain(
      "Cause: sts-endpoint is misspelled, or this runner's DNS does not have the name.",
    );
    await finishQuietly(scene);
  });
});
