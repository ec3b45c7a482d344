// What a web identity profile cannot say: how long a session lives, and what it may do.

import { existsSync } from "node:fs";
import { describe, expect, test } from "@jest/globals";
import { trustGitHub } from "../../harness/clouds/trust.ts";
import {
  ACTION,
  finishClean,
  keepers,
  ROLE,
  sessionArn,
  startScene,
  WITH,
  whoAmI,
  worked,
} from "../e2e/setup.ts";

const POLICY = {
  Version: "2012-10-17",
  Statement: [{ Effect: "Allow", Action: "s3:GetObject", Resource: "*" }],
};
const READ_ONLY = "arn:aws:iam::aws:policy/ReadOnlyAccess";

test("policies and a short duration go into each exchange, and turn the shared session on", async () => {
  const scene = await startScene();
  const { job, clouds, runner } = scene;
  const use = worked(
    await job.use(ACTION, {
      with: {
        ...WITH,
        "inline-session-policy": JSON.stringify(POLICY, null, 2),
        "managed-session-policies": `${READ_ONLY}\n  arn:aws:iam::111122223333:policy/team/limits\n`,
        "role-duration-seconds": "900",
      },
    }),
  );
  expect(await whoAmI(job)).toBe(sessionArn(use));
  const [exchange] = clouds.sts.requests;
  expect(exchange?.policy).toBe(JSON.stringify(POLICY));
  expect(exchange?.policyArns).toEqual([READ_ONLY, "arn:aws:iam::111122223333:policy/team/limits"]);
  expect(exchange?.durationSeconds).toBe(900);
  expect(clouds.sts.requests.filter(({ action }) => action.startsWith("AssumeRole"))).toHaveLength(1);
  expect(keepers(runner)).toHaveLength(1);
  expect(use.log).toContain("one session that is renewed every 8 minutes");
  await finishClean(scene);
});

test("an hour or more is not needed where the profile renews itself, and the log says so once", async () => {
  const scene = await startScene();
  const use = worked(await scene.job.use(ACTION, { with: { ...WITH, "role-duration-seconds": "7200" } }));
  expect(use.outputs["web-identity-token-file"]).not.toBe("");
  expect(use.log.match(/No effect: role-duration-seconds/g)).toHaveLength(1);
  expect(scene.clouds.sts.requests[0]?.durationSeconds).toBeUndefined();
  await finishClean(scene);
});

test("with shared-session true it is asked for", async () => {
  const scene = await startScene();
  const { job, clouds } = scene;
  clouds.sts.addRole({ arn: ROLE, trust: trustGitHub("111122223333", "repo:*"), maxSessionSeconds: 43_200 });
  worked(
    await job.use(ACTION, { with: { ...WITH, "shared-session": "true", "role-duration-seconds": "43200" } }),
  );
  expect(clouds.sts.requests[0]?.durationSeconds).toBe(43_200);
  await finishClean(scene);
});

describe("STS refuses", () => {
  test("a duration that the role does not allow: the message has the command that raises it", async () => {
    const scene = await startScene();
    const { job, root } = scene;
    const use = await job.use(ACTION, {
      with: { ...WITH, "shared-session": "true", "role-duration-seconds": "7200" },
    });
    expect(use.outcome).toBe("failure");
    expect(use.log).toContain("The role does not allow sessions of 7200 s");
    expect(use.log).toContain("aws iam update-role --role-name deploy --max-session-duration 7200");
    expect(existsSync(root)).toBe(false);
    await finishClean(scene);
  });

  test("policies that are too large", async () => {
    const scene = await startScene();
    const { job, root } = scene;
    const Statement = Array.from({ length: 16 }, (_, index) => ({
      Effect: "Allow",
      Action: "s3:GetObject",
      Resource: `arn:aws:s3:::bucket-number-${index}-of-many/prefix/*`,
    }));
    const use = await job.use(ACTION, {
      with: { ...WITH, "inline-session-policy": JSON.stringify({ Version: "2012-10-17", Statement }) },
    });
    expect(use.outcome).toBe("failure");
    expect(use.log).toContain("The session policies are too large for STS");
    expect(use.log).toMatch(/Packed policy consumes \d+% of allotted space/);
    expect(existsSync(root)).toBe(false);
    await finishClean(scene);
  });
});
