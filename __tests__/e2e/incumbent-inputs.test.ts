// A step that came from aws-actions/configure-aws-credentials, with the inputs that it had there.
// __tests__/incumbent-inputs.test.ts has all of them.

import { existsSync } from "node:fs";
import { expect, test } from "@jest/globals";
import { ACTION, finishClean, sessionArn, startScene, WITH, whoAmI, worked } from "./setup.ts";

test("inputs that mean the same are honoured, and those without effect are in the log, once", async () => {
  const scene = await startScene();
  const { job } = scene;
  const use = worked(
    await job.use(ACTION, {
      with: {
        ...WITH,
        "aws-profile": "release",
        "output-credentials": "true",
        "output-env-credentials": "false",
        "retry-max-attempts": "3",
      },
    }),
  );
  expect(await whoAmI(job, { AWS_PROFILE: "release" })).toBe(sessionArn(use));
  expect(use.outputs).toMatchObject({
    profile: "release",
    "aws-account-id": "111122223333",
    "authenticated-arn": sessionArn(use),
    "aws-expiration": expect.stringMatching(/^\d{4}-\d\d-\d\dT[\d:]{8}Z$/),
  });
  for (const name of ["aws-access-key-id", "aws-secret-access-key", "aws-session-token"])
    expect(use.outputs[name]).toMatch(/.{16}/);
  expect(Object.keys(use.exportedEnvironment)).not.toContain("AWS_ACCESS_KEY_ID");
  const notes = use.log.split("\n").filter((line) => line.startsWith("No effect: "));
  expect(notes).toEqual([
    "No effect: output-env-credentials: keys are never exported",
    "No effect: retry-max-attempts: requests that fail for a temporary reason are retried for up to 30 s",
  ]);
  await finishClean(scene);
});

test("the keys in the outputs work as they are, and are masked", async () => {
  const scene = await startScene();
  const { job } = scene;
  const use = worked(await job.use(ACTION, { with: { ...WITH, "output-credentials": "true" } }));
  const { outputs } = use;
  const env = {
    AWS_ACCESS_KEY_ID: outputs["aws-access-key-id"] ?? "",
    AWS_SECRET_ACCESS_KEY: outputs["aws-secret-access-key"] ?? "",
    AWS_SESSION_TOKEN: outputs["aws-session-token"] ?? "",
    AWS_CONFIG_FILE: "/nowhere",
    AWS_SHARED_CREDENTIALS_FILE: "/nowhere",
  };
  expect(await whoAmI(job, env)).toBe(sessionArn(use));
  const printed = worked(await job.run('echo "key: $KEY"', { env: { KEY: env.AWS_SECRET_ACCESS_KEY } }));
  expect(printed.log).toContain("key: ***");
  await finishClean(scene);
});

test("an input that cannot be honoured stops the step before it changes anything", async () => {
  const scene = await startScene();
  const { job, clouds, root } = scene;
  const use = await job.use(ACTION, { with: { ...WITH, "custom-tags": '{"Team":"octo"}' } });
  expect(use.outcome).toBe("failure");
  expect(use.log).toContain(
    "custom-tags is not supported. A session for an ID token takes its tags from the token",
  );
  expect(use.exportedEnvironment).toEqual({});
  expect(clouds.sts.requests).toEqual([]);
  expect(existsSync(root)).toBe(false);
  await scene.job.finish();
});
