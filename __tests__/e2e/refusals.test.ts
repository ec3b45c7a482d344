import { existsSync, mkdirSync, mkdtempSync, readdirSync, rmSync, symlinkSync } from "node:fs";
import os from "node:os";
import path from "node:path";
import { describe, expect, test } from "@jest/globals";
import type { StsFault } from "../../harness/clouds/faults.ts";
import type { StepResult } from "../../harness/runner/runner.ts";
import {
  ACTION,
  finishClean,
  keepers,
  ROLE,
  type Scene,
  sessionAnswer,
  sessionArn,
  startScene,
  WITH,
  whoAmI,
  worked,
} from "./setup.ts";

/**
 * Asserts that a use failed, exported nothing and left nothing, even before its post. Its first annotation,
 * of one line.
 */
function failed({ runner, root }: Scene, use: StepResult): string {
  expect(use.outcome).toBe("failure");
  expect(use.exportedEnvironment).toEqual({});
  expect(use.outputs).toEqual({});
  expect(keepers(runner)).toEqual([]);
  expect(existsSync(root)).toBe(false);
  expect(use.annotations.map(({ level }) => level)).toEqual(["error"]);
  return use.annotations[0]?.message.split("\n")[0] ?? "";
}

describe("a trial exchange that is refused", () => {
  test("fails the step at its first word, exports nothing and leaves nothing", async () => {
    const scene = await startScene();
    const { job, clouds } = scene;
    const use = await job.use(ACTION, {
      with: { ...WITH, "role-to-assume": "arn:aws:iam::111122223333:role/nobody" },
    });
    expect(failed(scene, use)).toMatch(
      /^AWS refused to let this job assume arn:aws:iam::111122223333:role\/nobody with sub "repo:/,
    );
    expect(use.log).toContain("AccessDenied");
    expect(clouds.sts.requests).toHaveLength(1);
    expect(clouds.github.requests).toHaveLength(1);
    await finishClean(scene);
  });

  test.each(["html", "empty-body"] as const)(
    "by a 200 without a session (%s) is tried again for 3 s, as one without an ID token is",
    async (fault) => {
      const scene = await startScene();
      scene.clouds.sts.fault = () => fault;
      const use = await scene.job.use(ACTION, { with: WITH });
      failed(scene, use);
      expect(scene.clouds.sts.requests.length).toBeGreaterThan(1);
      expect(scene.clouds.sts.requests.length).toBeLessThan(20);
      await finishClean(scene);
    },
  );

  test.each([
    { error: "ExpiredTokenException" },
    {
      error: "InvalidIdentityToken",
      message: "No OpenIDConnect provider found in your account for https://issuer.example",
    },
    { error: "MalformedPolicyDocument" },
    { error: "RegionDisabledException" },
  ])("$error is final", async (fault) => {
    const scene = await startScene();
    scene.clouds.sts.fault = () => fault;
    const use = await scene.job.use(ACTION, { with: WITH });
    failed(scene, use);
    expect(use.log).toContain(fault.error.replace("Exception", ""));
    expect(scene.clouds.sts.requests).toHaveLength(1);
    await finishClean(scene);
  });

  test.each<[string, StsFault]>([
    ["throttling", { error: "Throttling" }],
    ["a provider that STS cannot reach", { error: "IDPCommunicationError" }],
    [
      "a provider whose keys STS cannot fetch",
      {
        error: "InvalidIdentityToken",
        message: "Couldn't retrieve verification key from your identity provider",
      },
    ],
    ["a server's own error", { status: 503 }],
    ["a reset", "reset"],
  ])("%s passes: tried again", async (_, fault) => {
    const scene = await startScene();
    const { clouds, job } = scene;
    clouds.sts.fault = () => (clouds.sts.requests.length < 2 ? fault : undefined);
    worked(await job.use(ACTION, { with: WITH }));
    expect(clouds.sts.requests).toHaveLength(2);
    await finishClean(scene);
  });
});

describe("allowed-account-ids", () => {
  test("without the role's account: refused before anything is asked", async () => {
    const scene = await startScene();
    const use = await scene.job.use(ACTION, { with: { ...WITH, "allowed-account-ids": "444455556666" } });
    expect(failed(scene, use)).toBe(
      `The role ${ROLE} is in account 111122223333, which allowed-account-ids (444455556666) does not list. Correct the ARN or the list.`,
    );
    expect(scene.clouds.github.requests).toEqual([]);
    await finishClean(scene);
  });

  test("without the account that STS answers with: nothing is exported", async () => {
    const scene = await startScene();
    const { clouds, job } = scene;
    clouds.sts.fault = () => sessionAnswer("arn:aws:sts::444455556666:assumed-role/deploy/x");
    const use = await job.use(ACTION, { with: { ...WITH, "allowed-account-ids": "111122223333" } });
    expect(failed(scene, use)).toContain(
      "is in account 444455556666, which allowed-account-ids (111122223333) does not list.",
    );
    await finishClean(scene);
  });

  test("with it: fine", async () => {
    const scene = await startScene();
    worked(
      await scene.job.use(ACTION, {
        with: { ...WITH, "allowed-account-ids": "444455556666,\n111122223333" },
      }),
    );
    await finishClean(scene);
  });
});

test("mask-aws-account-id hides the account in every line, also of a refusal", async () => {
  const scene = await startScene();
  const { job } = scene;
  const masked = { ...WITH, "mask-aws-account-id": "true" };
  const refused = await job.use(ACTION, { with: { ...masked, "allowed-account-ids": "444455556666" } });
  const denied = await job.use(ACTION, {
    with: { ...masked, "role-to-assume": "arn:aws:iam::111122223333:role/nobody" },
  });
  const good = worked(await job.use(ACTION, { with: masked }));
  const { posts } = await job.finish();
  for (const { log, annotations } of [refused, denied, good, ...posts]) {
    expect(log).not.toContain("111122223333");
    expect(JSON.stringify(annotations)).not.toContain("111122223333");
  }
  expect(good.log).toContain("arn:aws:iam::***:role/team/deploy");
});

test("trial: false asks STS nothing and says what the session will be", async () => {
  const scene = await startScene();
  const { job, clouds } = scene;
  const use = worked(await job.use(ACTION, { with: { ...WITH, trial: "false" } }));
  expect(clouds.sts.requests).toEqual([]);
  expect(use.outputs).toMatchObject({
    "aws-account-id": "111122223333",
    "assumed-role-arn": sessionArn(use),
  });
  expect(await whoAmI(job)).toBe(sessionArn(use));
  await finishClean(scene);
});

describe("the ID token endpoint", () => {
  test("that takes the job for one not in progress is asked again", async () => {
    const scene = await startScene();
    scene.cloudJob.delayStart({ requests: 3 });
    worked(await scene.job.use(ACTION, { with: WITH }));
    expect(scene.clouds.github.requests.map(({ status }) => status)).toEqual([403, 403, 403, 200]);
    await finishClean(scene);
  });

  test("is asked again after an error of its own, as late as it asks for", async () => {
    const scene = await startScene();
    const { clouds, job } = scene;
    clouds.github.fault = ({ count }) =>
      count === 1 ? { status: 503, headers: { "retry-after": "2" } } : undefined;
    worked(await job.use(ACTION, { with: WITH }));
    const [first, second] = clouds.github.requests;
    expect((second?.at ?? 0) - (first?.at ?? 0)).toBeGreaterThanOrEqual(1_900);
    await finishClean(scene);
  });

  test("that goes on answering with no token ends the step within seconds, and nothing is left", async () => {
    const scene = await startScene();
    const { clouds, job } = scene;
    clouds.github.fault = () => "html";
    const use = await job.use(ACTION, { with: WITH });
    failed(scene, use);
    expect(use.log).toContain("the answer is not JSON");
    expect(clouds.sts.requests).toEqual([]);
    expect(clouds.github.requests.length).toBeGreaterThan(1);
    expect(clouds.github.requests.length).toBeLessThan(20);
    await finishClean(scene);
  });

  test("is not there: the step says which permission is missing, and where", async () => {
    const scene = await startScene({
      job: { environment: { ACTIONS_ID_TOKEN_REQUEST_URL: "", ACTIONS_ID_TOKEN_REQUEST_TOKEN: "" } },
    });
    const use = await scene.job.use(ACTION, { with: WITH });
    failed(scene, use);
    expect(use.log).toContain("id-token: write");
    const { posts } = await finishClean(scene);
    expect(posts[0]?.log).toBe("Nothing to clean up: the main step stopped before it wrote anything.\n");
  });
});

describe("RUNNER_TEMP", () => {
  /** Runs `body` with a job whose RUNNER_TEMP has `odd` in its path. */
  async function inFolder(odd: string, body: (scene: Scene) => Promise<void>): Promise<void> {
    const parent = mkdtempSync(path.join(os.tmpdir(), "odd runner "));
    const root = path.join(parent, `run${odd}er`);
    mkdirSync(root);
    const scene = await startScene({ runner: { root } });
    try {
      await body(scene);
    } finally {
      await scene.runner.close();
      rmSync(parent, { recursive: true, force: true });
    }
  }

  test.each(["#", ";", "$", "'", "ü"])(
    "with %s in it is refused, since SDKs read such a path in different ways",
    (odd) =>
      inFolder(odd, async (scene) => {
        const use = await scene.job.use(ACTION, { with: WITH });
        expect(failed(scene, use)).toContain("It must be an absolute path in ASCII without any of");
        expect(scene.clouds.github.requests).toEqual([]);
        await finishClean(scene);
      }),
  );

  test.each(["a  b", "+=,@", "[x]~%20(1)&!"])("with %s in it works", (odd) =>
    inFolder(odd, async (scene) => {
      const use = worked(await scene.job.use(ACTION, { with: WITH }));
      expect(await whoAmI(scene.job)).toBe(sessionArn(use));
      await finishClean(scene);
    }),
  );

  test("in which a symlink stands at the action's place: refused, and nothing goes through it", async () => {
    const scene = await startScene();
    const { job, root, runner } = scene;
    const target = path.join(runner.home, "target");
    mkdirSync(target, { mode: 0o700 });
    symlinkSync(target, root);
    const use = await job.use(ACTION, { with: WITH });
    expect(use.annotations[0]?.message.split("\n")[0]).toBe(
      `${root} already exists and is a symlink. Remove it from this runner: another program made it or changed it.`,
    );
    expect(use.exportedEnvironment).toEqual({});
    const { posts } = await job.finish();
    expect(posts[0]?.outcome).toBe("success");
    expect(readdirSync(target)).toEqual([]);
  });
});
