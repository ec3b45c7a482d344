import { execFileSync } from "node:child_process";
import { createHash } from "node:crypto";
import { existsSync, mkdirSync, readdirSync, utimesSync, writeFileSync } from "node:fs";
import path from "node:path";
import { describe, expect, test } from "@jest/globals";
import { unless } from "../../harness/machine/means.ts";
import {
  ACTION,
  finishClean,
  ROLE,
  type Scene,
  sessionAnswer,
  sessionArn,
  startScene,
  WITH,
  worked,
} from "./setup.ts";

const cacheOf = ({ runner }: Pick<Scene, "runner">): string => path.join(runner.home, ".aws", "cli", "cache");

/** Puts a session into the cache as the AWS CLI does: what STS answered, under a name that is a hash. */
function putSession(scene: Pick<Scene, "runner">, name: string, arn: string): string {
  mkdirSync(cacheOf(scene), { recursive: true });
  const file = path.join(cacheOf(scene), `${name}.json`);
  const session = {
    Credentials: {
      AccessKeyId: "x",
      SecretAccessKey: "y",
      SessionToken: "z",
      Expiration: new Date(Date.now() + 3_600_000).toISOString(),
    },
    AssumedRoleUser: { AssumedRoleId: "AROA:x", Arn: arn },
    ResponseMetadata: { HTTPStatusCode: 200 },
  };
  writeFileSync(file, JSON.stringify(session), { mode: 0o600 });
  return file;
}

describe("sessions that the AWS CLI keeps on disk", () => {
  test("of this role and session go with the use; others stay", async () => {
    const scene = await startScene();
    const use = worked(await scene.job.use(ACTION, { with: WITH }));
    putSession(scene, "ours", sessionArn(use));
    const old = putSession(scene, "of-an-earlier-session", `${sessionArn(use)}-not`);
    utimesSync(old, new Date(), new Date(Date.now() - 600_000));
    putSession(scene, "of-another-role", sessionArn(use).replace("/deploy/", "/deploy2/"));
    putSession(scene, "of-another-account", sessionArn(use).replace("111122223333", "444455556666"));
    await finishClean(scene);
    expect(readdirSync(cacheOf(scene)).sort()).toEqual([
      "of-an-earlier-session.json",
      "of-another-account.json",
      "of-another-role.json",
    ]);
  });

  test("of a role that a profile of the user's reaches through ours go, too, if they are from this job", async () => {
    const chained = "arn:aws:sts::444455556666:assumed-role/chained/botocore-session-1";
    const scene = await startScene({
      before: (runner) => {
        mkdirSync(path.join(runner.home, ".aws"), { recursive: true });
        writeFileSync(
          path.join(runner.home, ".aws", "config"),
          "[profile chained]\nrole_arn = arn:aws:iam::444455556666:role/path/chained\nsource_profile = default\n",
        );
        const old = putSession({ runner }, "from-before", chained);
        utimesSync(old, new Date(), new Date(Date.now() - 600_000));
      },
    });
    worked(await scene.job.use(ACTION, { with: WITH }));
    putSession(scene, "from-this-job", chained);
    await finishClean(scene);
    expect(readdirSync(cacheOf(scene))).toEqual(["from-before.json"]);
  });

  test("under a session name of the user's own that a crashed job left are not used", async () => {
    const scene = await startScene();
    const left = putSession(scene, "left", "arn:aws:sts::111122223333:assumed-role/deploy/octo-cat");
    const other = putSession(scene, "other", "arn:aws:sts::111122223333:assumed-role/deploy/hubot");
    worked(await scene.job.use(ACTION, { with: { ...WITH, "role-session-name": "octo-cat" } }));
    expect([existsSync(left), existsSync(other)]).toEqual([false, true]);
    await finishClean(scene);
  });

  test("of a server that returns no ARN are found by the file's name: what a crashed job left, and ours", async () => {
    const nameOf = (session: string): string =>
      createHash("sha1").update(`{"RoleArn": "${ROLE}", "RoleSessionName": "${session}"}`).digest("hex");
    const scene = await startScene();
    const left = putSession(scene, nameOf("octo-cat"), "");
    const other = putSession(scene, nameOf("hubot"), "");
    const use = worked(await scene.job.use(ACTION, { with: { ...WITH, "role-session-name": "octo-cat" } }));
    expect([existsSync(left), existsSync(other)]).toEqual([false, true]);
    expect(use.outputs["role-session-name"]).toBe("octo-cat");
    putSession(scene, nameOf("octo-cat"), "");
    await finishClean(scene);
    expect([existsSync(left), existsSync(other)]).toEqual([false, true]);
  });
});

/** Where the AWS CLI is, if it is one that knows AWS_ENDPOINT_URL_STS (1.29 and 2.13, July 2023). */
function findCli(): string | undefined {
  try {
    const version = execFileSync("aws", ["--version"], {
      encoding: "utf8",
      timeout: 30_000,
      stdio: ["ignore", "pipe", "ignore"],
    });
    const [, major, minor] = /^aws-cli\/(\d+)\.(\d+)\./.exec(version) ?? [];
    const isNew = (major === "1" && Number(minor) >= 29) || (major === "2" && Number(minor) >= 13);
    return isNew ? process.env.PATH : undefined;
  } catch {
    return undefined;
  }
}

const cliPath = findCli();
(cliPath === undefined ? test.skip : test)(
  `the AWS CLI itself runs as the role, and nothing of it is left on disk${unless(cliPath !== undefined, "needs the AWS CLI")}`,
  async () => {
    const scene = await startScene({ runner: { environment: { PATH: cliPath ?? "" } } });
    const { job } = scene;
    const use = worked(await job.use(ACTION, { with: WITH }));
    const step = worked(await job.run("aws sts get-caller-identity --query Arn --output text"));
    expect(step.stdout.trim()).toBe(sessionArn(use));
    expect(readdirSync(cacheOf(scene)).filter((name) => name.endsWith(".json"))).toHaveLength(1);
    await finishClean(scene);
    expect(readdirSync(cacheOf(scene)).filter((name) => name.endsWith(".json"))).toEqual([]);
  },
);

(cliPath === undefined ? test.skip : test)(
  `the AWS CLI never writes a shared session to disk${unless(cliPath !== undefined, "needs the AWS CLI")}`,
  async () => {
    const scene = await startScene({ runner: { environment: { PATH: cliPath ?? "" } } });
    const { job } = scene;
    const use = worked(await job.use(ACTION, { with: { ...WITH, "shared-session": "true" } }));
    const step = worked(await job.run("aws sts get-caller-identity --query Arn --output text"));
    expect(step.stdout.trim()).toBe(sessionArn(use));
    expect(existsSync(cacheOf(scene)) ? readdirSync(cacheOf(scene)) : []).toEqual([]);
    await finishClean(scene);
  },
);

(cliPath === undefined ? test.skip : test)(
  "the AWS CLI leaves nothing on disk where the server returns no ARN",
  async () => {
    const scene = await startScene({ runner: { environment: { PATH: cliPath ?? "" } } });
    const { job, clouds } = scene;
    worked(await job.use(ACTION, { with: WITH }));
    clouds.sts.fault = () => sessionAnswer("");
    // The call itself gets a session for an answer, too, and fails; what matters is what the CLI wrote.
    await job.run("aws sts get-caller-identity || true");
    expect(readdirSync(cacheOf(scene)).filter((name) => name.endsWith(".json"))).toHaveLength(1);
    await finishClean(scene);
    expect(readdirSync(cacheOf(scene)).filter((name) => name.endsWith(".json"))).toEqual([]);
  },
);
