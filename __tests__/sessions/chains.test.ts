// Roles that are reached through another role, a profile of the user's, or the runner's own identity.

import { existsSync, mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import path from "node:path";
import { afterEach, describe, expect, test } from "@jest/globals";
import type { Clouds } from "../../harness/clouds/clouds.ts";
import { trustPrincipal } from "../../harness/clouds/trust.ts";
import {
  ACTION,
  finishClean,
  keepers,
  postAgain,
  ROLE,
  sessionArn,
  startScene,
  WITH,
  whoAmI,
  worked,
} from "../e2e/setup.ts";

const RELEASE = "arn:aws:iam::444455556666:role/release";
const AUDIT = "arn:aws:iam::777788889999:role/audit";
const TO_RELEASE = { ...WITH, "role-to-assume": RELEASE };
const TO_AUDIT = { ...WITH, "role-to-assume": AUDIT };
/** Which requests for a role STS granted. */
const granted = (clouds: Clouds, role: string) =>
  clouds.sts.requests.filter((request) => request.role === role && request.error === undefined);

function addChain({ sts }: Clouds, externalId?: string): void {
  sts.addRole({ arn: RELEASE, trust: trustPrincipal(ROLE, externalId) });
  sts.addRole({ arn: AUDIT, trust: trustPrincipal(RELEASE) });
}

describe("role-chaining", () => {
  test.each(["false", "true"])(
    "twice over, shared-session %s: later steps have the last role, and posts go back one by one",
    async (shared) => {
      const scene = await startScene();
      const { job, clouds, runner } = scene;
      addChain(clouds, "a-b/c");
      const chaining = { "role-chaining": "true", "shared-session": shared };
      const first = worked(await job.use(ACTION, { with: WITH }));
      const second = worked(
        await job.use(ACTION, { with: { ...TO_RELEASE, ...chaining, "role-external-id": "a-b/c" } }),
      );
      expect(await whoAmI(job)).toBe(sessionArn(second, RELEASE));
      const third = worked(await job.use(ACTION, { with: { ...TO_AUDIT, ...chaining } }));
      expect(third.outputs["authenticated-arn"]).toBe(sessionArn(third, AUDIT));
      expect(await whoAmI(job)).toBe(sessionArn(third, AUDIT));
      expect(keepers(runner)).toHaveLength(shared === "true" ? 3 : 1);

      worked(await job.run(...postAgain(third)));
      expect(await whoAmI(job)).toBe(sessionArn(second, RELEASE));
      worked(await job.run(...postAgain(second)));
      expect(await whoAmI(job)).toBe(sessionArn(first));
      await finishClean(scene);
    },
    60_000,
  );

  test("the first use may end before the role that is reached through it", async () => {
    const scene = await startScene();
    const { job, clouds, runner } = scene;
    addChain(clouds);
    const first = worked(await job.use(ACTION, { with: { ...WITH, profile: "build" } }));
    const second = worked(await job.use(ACTION, { with: { ...TO_RELEASE, "source-profile": "build" } }));
    worked(await job.run(...postAgain(first)));
    expect(keepers(runner)).toHaveLength(1);
    expect(await whoAmI(job)).toBe(sessionArn(second, RELEASE));
    expect(await whoAmI(job, { AWS_PROFILE: "build" })).toMatch(/CredentialsProviderError/);
    await finishClean(scene);
    expect(keepers(runner)).toEqual([]);
  });

  test("without an earlier use there is nothing to chain to", async () => {
    const scene = await startScene();
    const use = await scene.job.use(ACTION, { with: { ...TO_RELEASE, "role-chaining": "true" } });
    expect(use.outcome).toBe("failure");
    expect(use.log).toContain("no earlier step of this job uses this action with profile");
    expect(existsSync(scene.root)).toBe(false);
    await finishClean(scene);
  });
});

describe("source-profile", () => {
  test("a profile of the user's own, in a job without ID tokens", async () => {
    const scene = await startScene({
      before: ({ home }, clouds) => {
        const user = clouds.sts.addUser();
        clouds.sts.addRole({ arn: RELEASE, trust: trustPrincipal(user.arn) });
        mkdirSync(path.join(home, ".aws"), { recursive: true });
        writeFileSync(
          path.join(home, ".aws", "credentials"),
          `[base]\naws_access_key_id = ${user.accessKeyId}\naws_secret_access_key = ${user.secretAccessKey}\n`,
        );
      },
      job: {
        environment: {
          ACTIONS_ID_TOKEN_REQUEST_URL: "",
          ACTIONS_ID_TOKEN_REQUEST_TOKEN: "",
          ACTIONS_RUNTIME_TOKEN: "of-this-job",
        },
      },
    });
    const { job, clouds, runner } = scene;
    const use = worked(await job.use(ACTION, { with: { ...TO_RELEASE, "source-profile": "base" } }));
    expect(keepers(runner)).toEqual([]);
    expect(await whoAmI(job)).toBe(sessionArn(use, RELEASE));
    expect(clouds.github.requests).toEqual([]);
    await finishClean(scene);
  });

  test("a profile that is not there", async () => {
    const scene = await startScene();
    const use = await scene.job.use(ACTION, { with: { ...TO_RELEASE, "source-profile": "base" } });
    expect(use.outcome).toBe("failure");
    expect(use.log).toContain('source-profile is "base", but there is no such profile');
    await finishClean(scene);
  });

  test("chained on a shared session", async () => {
    const scene = await startScene();
    const { job, clouds } = scene;
    addChain(clouds);
    worked(await job.use(ACTION, { with: { ...WITH, profile: "build", "shared-session": "true" } }));
    const use = worked(await job.use(ACTION, { with: { ...TO_RELEASE, "source-profile": "build" } }));
    expect(await whoAmI(job)).toBe(sessionArn(use, RELEASE));
    expect(granted(clouds, ROLE)).toHaveLength(1);
    await finishClean(scene);
  });
});

describe("a chain that refuses", () => {
  test("the target: the message names who asked, and what both policies need", async () => {
    const scene = await startScene();
    const { job, clouds } = scene;
    clouds.sts.addRole({ arn: RELEASE, trust: trustPrincipal(AUDIT) });
    const first = worked(await job.use(ACTION, { with: WITH }));
    const use = await job.use(ACTION, { with: { ...TO_RELEASE, "role-chaining": "true" } });
    expect(use.outcome).toBe("failure");
    expect(use.log).toContain(`AWS refused to let "${sessionArn(first)}" assume ${RELEASE}`);
    expect(use.log).toContain(`"Resource": "${RELEASE}"`);
    expect(await whoAmI(job)).toBe(sessionArn(first));
    await finishClean(scene);
  });

  test("a role on the way", async () => {
    const scene = await startScene();
    const { job, clouds } = scene;
    addChain(clouds);
    worked(await job.use(ACTION, { with: WITH }));
    worked(await job.use(ACTION, { with: { ...TO_RELEASE, "role-chaining": "true", profile: "default" } }));
    clouds.sts.addRole({ arn: RELEASE, trust: trustPrincipal(AUDIT) });
    const use = await job.use(ACTION, { with: { ...TO_AUDIT, "role-chaining": "true" } });
    expect(use.outcome).toBe("failure");
    expect(use.log).toContain(`assume ${RELEASE}, a role on the way to ${AUDIT}`);
    await finishClean(scene);
  });
});

const servers: { close(): void }[] = [];
afterEach(() => {
  for (const server of servers.splice(0)) server.close();
});

describe("credential-source", () => {
  test("Environment: a keeper has the keys, and later steps do not", async () => {
    const scene = await startScene();
    const { job, clouds } = scene;
    const user = clouds.sts.addUser();
    clouds.sts.addRole({ arn: RELEASE, trust: trustPrincipal(user.arn) });
    const env = { AWS_ACCESS_KEY_ID: user.accessKeyId, AWS_SECRET_ACCESS_KEY: user.secretAccessKey };
    const use = worked(
      await job.use(ACTION, { with: { ...TO_RELEASE, "credential-source": "Environment" }, env }),
    );
    expect(await whoAmI(job)).toBe(sessionArn(use, RELEASE));
    expect(readFileSync(path.join(scene.root, "config"), "utf8")).not.toContain(user.accessKeyId);
    await finishClean(scene);
  });

  test("EcsContainer: SDKs ask the container's endpoint", async () => {
    const scene = await startScene();
    const { job, clouds, runner } = scene;
    const user = clouds.sts.addUser();
    clouds.sts.addRole({ arn: RELEASE, trust: trustPrincipal(user.arn) });
    const server = createServer((_, response) =>
      response.setHeader("content-type", "application/json").end(
        JSON.stringify({
          AccessKeyId: user.accessKeyId,
          SecretAccessKey: user.secretAccessKey,
          Token: "",
          Expiration: new Date(Date.now() + 3_600_000).toISOString(),
        }),
      ),
    ).listen(0, "127.0.0.1");
    servers.push(server);
    await new Promise((resolve) => server.once("listening", resolve));
    const env = {
      AWS_CONTAINER_CREDENTIALS_FULL_URI: `http://127.0.0.1:${(server.address() as AddressInfo).port}/`,
    };
    const use = worked(
      await job.use(ACTION, { with: { ...TO_RELEASE, "credential-source": "EcsContainer" }, env }),
    );
    expect(keepers(runner)).toEqual([]);
    expect(await whoAmI(job, env)).toBe(sessionArn(use, RELEASE));
    await finishClean(scene);
  });
});
