import { mkdirSync, mkdtempSync, rmSync, statSync, writeFileSync } from "node:fs";
import os from "node:os";
import path from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "@jest/globals";
import type { Clouds } from "../../harness/clouds/clouds.ts";
import { readTree } from "../../harness/machine/tree.ts";
import type { Runner, StepResult } from "../../harness/runner/runner.ts";
import {
  ACTION,
  finishClean,
  ROLE,
  sessionAnswer,
  sessionArn,
  startScene,
  WITH,
  whoAmI,
  worked,
} from "./setup.ts";

/** Puts files into HOME/.aws. */
function writeHome(runner: Runner, files: Record<string, string>): void {
  mkdirSync(path.join(runner.home, ".aws"), { recursive: true });
  for (const [name, content] of Object.entries(files))
    writeFileSync(path.join(runner.home, ".aws", name), content, "latin1");
}

/** Static keys of a user, made on the spot, as variables. */
function staticKeys(clouds: Clouds): { AWS_ACCESS_KEY_ID: string; AWS_SECRET_ACCESS_KEY: string } {
  const { accessKeyId, secretAccessKey } = clouds.sts.addUser();
  return { AWS_ACCESS_KEY_ID: accessKeyId, AWS_SECRET_ACCESS_KEY: secretAccessKey };
}

/**
 * An action that does nothing but print its environment, in main and in post: what any action beside ours
 * sees.
 */
let witness: string;
beforeAll(() => {
  witness = mkdtempSync(path.join(os.tmpdir(), "witness "));
  writeFileSync(
    path.join(witness, "action.yml"),
    "name: witness\nruns:\n  using: node24\n  main: dist/main.js\n  post: dist/main.js\n",
  );
  mkdirSync(path.join(witness, "dist"));
  writeFileSync(path.join(witness, "dist", "main.js"), "console.log(JSON.stringify(process.env));\n");
});
afterAll(() => rmSync(witness, { recursive: true, force: true }));

const environmentIn = (step: StepResult | undefined): Record<string, string> =>
  JSON.parse(step?.stdout ?? "{}") as Record<string, string>;

describe("in every environment, later steps run as the role", () => {
  test.each<[string, (clouds: Clouds, runner: Runner) => Record<string, string>, number]>([
    ["nothing", () => ({}), 0],
    ["static keys", staticKeys, 1],
    ["a profile of another name", () => ({ AWS_PROFILE: "other", AWS_DEFAULT_PROFILE: "other" }), 2],
    ["a profile without a name", () => ({ AWS_PROFILE: "" }), 0],
    [
      "container credentials",
      () => ({
        AWS_CONTAINER_CREDENTIALS_FULL_URI: "http://127.0.0.1:1/",
        AWS_CONTAINER_CREDENTIALS_RELATIVE_URI: "/",
      }),
      1,
    ],
    [
      "another web identity",
      () => ({
        AWS_ROLE_ARN: "arn:aws:iam::111122223333:role/of-the-runner",
        AWS_WEB_IDENTITY_TOKEN_FILE: "/nowhere",
        AWS_ROLE_SESSION_NAME: "of-the-runner",
      }),
      1,
    ],
    ["a part of a web identity", () => ({ AWS_WEB_IDENTITY_TOKEN_FILE: "/nowhere" }), 1],
    ["another region", () => ({ AWS_REGION: "us-west-2", AWS_DEFAULT_REGION: "us-west-2" }), 0],
    [
      "files that are not there",
      () => ({ AWS_CONFIG_FILE: "/nowhere", AWS_SHARED_CREDENTIALS_FILE: "/nowhere" }),
      0,
    ],
    [
      "static keys of the default profile in ~/.aws/credentials",
      (clouds, runner) => {
        const { AWS_ACCESS_KEY_ID, AWS_SECRET_ACCESS_KEY } = staticKeys(clouds);
        const credentials = `[default]\naws_access_key_id = ${AWS_ACCESS_KEY_ID}\naws_secret_access_key = ${AWS_SECRET_ACCESS_KEY}\n`;
        writeHome(runner, { credentials, config: "[default]\nregion = us-west-2\n" });
        return {};
      },
      0,
    ],
  ])("%s", async (_, ambient, warnings) => {
    const environment: Record<string, string> = {};
    const scene = await startScene({
      before: (runner, clouds) => Object.assign(environment, ambient(clouds, runner)),
      job: { environment },
    });
    const { job } = scene;
    const use = worked(await job.use(ACTION, { with: WITH }));
    expect(use.annotations.map(({ level }) => level)).toEqual(
      Array.from({ length: warnings }, () => "warning"),
    );
    expect(await whoAmI(job)).toBe(sessionArn(use));
    // No key is in the environment, neither ours nor the one that was there.
    for (const name of ["AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_SESSION_TOKEN"])
      expect(job.environment[name] ?? "").toBe("");
    expect(job.environment).toMatchObject({ AWS_REGION: "eu-west-1", AWS_DEFAULT_REGION: "eu-west-1" });
    await finishClean(scene);
  });
});

describe("the environment of the posts", () => {
  test("before ours has the role still, after ours is what it was before the action", async () => {
    const ambient = {
      AWS_PROFILE: "mine",
      AWS_REGION: "us-west-2",
      AWS_CONFIG_FILE: "/my config",
      AWS_ACCESS_KEY_ID: "not-a-key",
      AWS_SECRET_ACCESS_KEY: "nor-this",
      AWS_ENDPOINT_URL: "http://127.0.0.1:1",
    };
    const scene = await startScene({ job: { environment: ambient } });
    const { job, root } = scene;
    worked(await job.use(witness, { id: "before" }));
    const use = worked(await job.use(ACTION, { with: WITH }));
    worked(await job.use(witness, { id: "after" }));
    const { posts } = await job.finish();
    const [laterPost, , earlierPost] = posts;
    expect(environmentIn(laterPost)).toMatchObject(use.exportedEnvironment);
    expect(environmentIn(laterPost).AWS_CONFIG_FILE).toBe(`${root}/config`);
    const after = environmentIn(earlierPost);
    expect(after).toMatchObject(ambient);
    expect(after.AWS_SHARED_CREDENTIALS_FILE).toBe(`${scene.runner.home}/.aws/credentials`);
    // What had no value keeps one that harms nobody: it cannot be unset, and '' would break SDKs.
    expect(after).toMatchObject({
      AWS_DEFAULT_REGION: "eu-west-1",
      AWS_SDK_LOAD_CONFIG: "1",
      AWS_STS_REGIONAL_ENDPOINTS: "regional",
    });
    expect(
      Object.entries(after).filter(([name, value]) => name.startsWith("AWS_") && value.includes(root)),
    ).toEqual([]);
  });

  test("a variable that a later step has set stays as that step wants it", async () => {
    const scene = await startScene({ job: { environment: { AWS_REGION: "us-west-2" } } });
    const { job } = scene;
    worked(await job.use(ACTION, { with: WITH }));
    worked(
      await job.run(
        `echo AWS_REGION=ap-south-1 >> "$GITHUB_ENV"; echo AWS_CONFIG_FILE=/mine >> "$GITHUB_ENV"`,
      ),
    );
    await finishClean(scene);
    expect(job.environment).toMatchObject({ AWS_REGION: "ap-south-1", AWS_CONFIG_FILE: "/mine" });
  });

  test.each([
    ["keys", "a-key", "eu-west-1"],
    ["keys that its post step emptied again", "", ""],
  ])(
    "where another action set %s after ours: the role was replaced, and post warns",
    async (_, key, region) => {
      const scene = await startScene();
      const { job } = scene;
      const use = worked(await job.use(ACTION, { with: WITH }));
      worked(
        await job.run(
          `printf 'AWS_ACCESS_KEY_ID=${key}\\nAWS_SECRET_ACCESS_KEY=${key}\\nAWS_REGION=${region}\\n' >> "$GITHUB_ENV"`,
        ),
      );
      const { posts } = await job.finish();
      expect(posts.flatMap(({ annotations }) => annotations)).toEqual([
        expect.objectContaining({
          level: "warning",
          message: expect.stringContaining(
            `AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY changed after this action set up ${ROLE}`,
          ),
        }),
      ]);
      expect(use.outcome).toBe("success");
    },
  );

  test("of several uses: the files stay named until the last one is over", async () => {
    const scene = await startScene();
    const { job, root } = scene;
    worked(await job.use(ACTION, { with: WITH }));
    worked(await job.use(witness));
    worked(await job.use(ACTION, { with: { ...WITH, profile: "prod" } }));
    const { posts } = await job.finish();
    expect(environmentIn(posts[1])).toMatchObject({
      AWS_CONFIG_FILE: `${root}/config`,
      AWS_REGION: "eu-west-1",
    });
    expect(job.environment.AWS_CONFIG_FILE).toBe(`${scene.runner.home}/.aws/config`);
  });
});

describe("the user's own files", () => {
  const CONFIG = [
    "# mine, do not touch",
    "[default]",
    "region=us-west-2   ",
    "s3 =",
    "    max_concurrent_requests = 20",
    "\taddressing_style=path",
    "",
    "[profile  odd] ; comment",
    'cli_pager = "less # not a comment"',
    '[profile "with space"]',
    "output = text # \u00fcml\u00e4ut",
    "[profile chained]",
    "role_arn = arn:aws:iam::444455556666:role/chained",
    "source_profile = default",
    "role_session_name = chained",
    "[profile last]",
    "region = eu-north-1",
  ].join("\r\n");

  test("are kept byte for byte in the job's copies, and untouched where they are", async () => {
    const scene = await startScene({
      before: (runner) =>
        writeHome(runner, {
          config: CONFIG,
          credentials: "[default]\r\naws_access_key_id=x\r\n[odd]\nregion=y",
        }),
    });
    const { job, runner, root, clouds } = scene;
    const look = () => {
      const aws = path.join(runner.home, ".aws");
      const names = [".", ...Object.keys(readTree(aws))];
      return {
        files: readTree(aws),
        times: names.map((name) => {
          const { mtimeNs, ctimeNs, mode, ino } = statSync(path.join(aws, name), { bigint: true });
          return [name, mtimeNs, ctimeNs, mode, ino].join();
        }),
      };
    };
    const before = look();
    clouds.sts.addRole({
      arn: "arn:aws:iam::444455556666:role/chained",
      trust: { Statement: { Effect: "Allow", Principal: { AWS: ROLE }, Action: "sts:AssumeRole" } },
    });
    const use = worked(await job.use(ACTION, { with: WITH }));
    const region = "region=us-west-2   \r\n";
    const own = CONFIG.slice(CONFIG.indexOf("[default]"), CONFIG.indexOf("\r\n[profile  odd]"));
    const settings = own.slice(own.indexOf(region) + region.length);
    const section = [
      "[default]",
      `${settings}role_arn = ${ROLE}`,
      `web_identity_token_file = ${use.outputs["web-identity-token-file"]}`,
      `role_session_name = ${use.outputs["role-session-name"]}`,
      "region = eu-west-1",
      "",
    ].join("\n");
    expect(settings).toMatch(/^s3 =\r\n/);
    expect(readTree(root).config).toBe(`${CONFIG.replace(own, "")}\n${section}`);
    expect(readTree(root).credentials).toBe("[odd]\nregion=y");
    // A profile of the user's that builds on ours works as it does with any other.
    expect(await whoAmI(job, { AWS_PROFILE: "chained" })).toBe(
      "arn:aws:sts::444455556666:assumed-role/chained/chained",
    );
    await finishClean(scene);
    expect(look()).toEqual(before);
  });

  test.each(["default", "prod"])(
    "keep their settings for profile %s: those that were there, and those that a step sets between two uses",
    async (profile) => {
      const header = profile === "default" ? "[default]" : `[profile ${profile}]`;
      const settings = [
        ..."ca_bundle = /etc/corp.pem|output = yaml|retry_mode = standard|cli_pager =|max_attempts = 7".split(
          "|",
        ),
        ...["s3 =", "  addressing_style = path"],
      ];
      const scene = await startScene({
        before: (runner) =>
          writeHome(runner, {
            config: [
              header,
              "role_arn = arn:aws:iam::444455556666:role/x",
              ...settings,
              "source_profile = x",
            ].join("\n"),
            credentials: `[${profile}]\naws_access_key_id = x\ncli_history = enabled\n`,
          }),
      });
      const { job, root } = scene;
      const use = worked(await job.use(ACTION, { with: { ...WITH, profile } }));
      const sectionOf = (config = ""): string[] => config.slice(config.indexOf(header)).split("\n").slice(1);
      const keys = ["role_arn =", "web_identity_token_file =", "role_session_name =", "region ="];
      const ours = keys.map((key) => expect.stringContaining(key));
      expect(sectionOf(readTree(root).config)).toEqual([...settings, ...ours, ""]);
      expect(readTree(root).credentials).toBe(`[${profile}]\ncli_history = enabled\n`);
      expect(await whoAmI(job, { AWS_PROFILE: profile })).toBe(sessionArn(use));
      // As `aws configure set` writes: at the end of the section.
      worked(await job.run(`printf 'output = json\\nregion = us-east-1\\n' >> "$AWS_CONFIG_FILE"`));
      const second = worked(await job.use(ACTION, { with: { ...WITH, profile } }));
      const changed = [...settings.filter((line) => line !== "output = yaml"), "output = json"];
      expect(sectionOf(readTree(root).config)).toEqual([...changed, ...ours, ""]);
      expect(await whoAmI(job, { AWS_PROFILE: profile })).toBe(sessionArn(second));
      await finishClean(scene);
    },
  );

  test("that AWS_CONFIG_FILE names are what the job goes on with", async () => {
    const files = mkdtempSync(path.join(os.tmpdir(), "files of mine "));
    try {
      writeFileSync(path.join(files, "config"), "[profile mine]\nregion = eu-north-1\n");
      const environment = { AWS_CONFIG_FILE: path.join(files, "config") };
      const scene = await startScene({
        job: { environment },
        before: (runner) => writeHome(runner, { config: CONFIG }),
      });
      worked(await scene.job.use(ACTION, { with: WITH }));
      expect(readTree(scene.root).config).toMatch(/^\[profile mine\]\nregion = eu-north-1\n\[default\]\n/);
      await finishClean(scene);
      expect(scene.job.environment).toMatchObject(environment);
    } finally {
      rmSync(files, { recursive: true });
    }
  });

  test("are not made where there are none", async () => {
    const scene = await startScene();
    worked(await scene.job.use(ACTION, { with: WITH }));
    await whoAmI(scene.job);
    await finishClean(scene);
    expect(readTree(scene.runner.home)).toEqual({});
  });
});

describe("mirror-environment", () => {
  const NO_FILES = { AWS_CONFIG_FILE: "/dev/null", AWS_SHARED_CREDENTIALS_FILE: "/dev/null" };

  test("true: the role is in the environment as well, for tools that read nothing else", async () => {
    const scene = await startScene();
    const { job } = scene;
    const use = worked(await job.use(ACTION, { with: { ...WITH, "mirror-environment": "true" } }));
    expect(use.exportedEnvironment).toMatchObject({
      AWS_ROLE_ARN: ROLE,
      AWS_WEB_IDENTITY_TOKEN_FILE: use.outputs["web-identity-token-file"],
      AWS_ROLE_SESSION_NAME: use.outputs["role-session-name"],
    });
    expect(use.annotations).toEqual([expect.objectContaining({ level: "warning" })]);
    expect(await whoAmI(job, NO_FILES)).toBe(sessionArn(use));
    // A named role beside it could silently lose: that use fails, and says what to do.
    const named = await job.use(ACTION, { with: { ...WITH, profile: "prod" } });
    expect(named.outcome).toBe("failure");
    expect(named.annotations[0]?.message).toContain(
      "if an earlier use of this action set mirror-environment",
    );
    await job.finish();
  });

  test("true, in a container that has the files at another path: JavaScript v3 needs them hidden, as docs/troubleshooting.md tells", async () => {
    const scene = await startScene();
    const { job, runner } = scene;
    const use = worked(await job.use(ACTION, { with: { ...WITH, "mirror-environment": "true" } }));
    // The runner translates the variables and not what the files hold.
    const config = path.join(runner.home, "config-in-container");
    const token = use.outputs["web-identity-token-file"] ?? "";
    writeFileSync(config, (readTree(scene.root).config ?? "").replace(token, "/nowhere/token"));
    expect(await whoAmI(job, { AWS_CONFIG_FILE: config })).toMatch(/ENOENT.*\/nowhere\/token/);
    expect(await whoAmI(job, NO_FILES)).toBe(sessionArn(use));
    rmSync(config);
    await finishClean(scene);
  });

  test("auto: only where something of the kind is set already", async () => {
    const scene = await startScene();
    const use = worked(await scene.job.use(ACTION, { with: WITH }));
    expect(Object.keys(use.exportedEnvironment)).not.toContain("AWS_ROLE_ARN");
    expect(await whoAmI(scene.job, NO_FILES)).toMatch(/^CredentialsProviderError/);
    await finishClean(scene);
  });

  test("false while something of the kind is set: refused before anything is asked", async () => {
    const scene = await startScene({
      job: { environment: { AWS_ROLE_ARN: "arn:aws:iam::111122223333:role/of-the-runner" } },
    });
    const use = await scene.job.use(ACTION, { with: { ...WITH, "mirror-environment": "false" } });
    expect(use.outcome).toBe("failure");
    expect(use.annotations[0]?.message).toContain(
      "mirror-environment cannot be false while AWS_ROLE_ARN is set in this job",
    );
    expect(scene.clouds.github.requests).toEqual([]);
    await finishClean(scene);
  });
});

describe("sts-endpoint", () => {
  test.each(["default", "prod"])(
    "for profile %s: what main asks, and later steps by the profile alone",
    async (profile) => {
      const scene = await startScene({ stsInEnvironment: false });
      const { job, clouds } = scene;
      const use = worked(
        await job.use(ACTION, { with: { ...WITH, profile, "sts-endpoint": `${clouds.sts.url}/` } }),
      );
      expect(clouds.sts.requests).toHaveLength(1);
      expect(readTree(scene.root).config).toContain(
        `[services aws-role-refresh-${profile}]\nsts =\n  endpoint_url = ${clouds.sts.url}\n`,
      );
      expect(use.exportedEnvironment.AWS_ENDPOINT_URL_STS).toBe(
        profile === "default" ? clouds.sts.url : undefined,
      );
      expect(await whoAmI(job, { AWS_PROFILE: profile, AWS_ENDPOINT_URL_STS: "" })).toBe(sessionArn(use));
      await finishClean(scene);
    },
  );

  test("that would lose to the environment is refused before anything is asked", async () => {
    const scene = await startScene({
      job: { environment: { AWS_ENDPOINT_URL: "http://127.0.0.1:1" } },
      stsInEnvironment: false,
    });
    const use = await scene.job.use(ACTION, {
      with: { ...WITH, profile: "prod", "sts-endpoint": scene.clouds.sts.url },
    });
    expect(use.annotations[0]?.message).toContain(
      "AWS_ENDPOINT_URL is set in this job and would override sts-endpoint",
    );
    expect(scene.clouds.github.requests).toEqual([]);
    await finishClean(scene);
  });

  test.each([
    ["a named use for AWS", { profile: "prod" }],
    ["an ambient use for AWS", {}],
    ["a named use for AWS, not tried", { profile: "prod", trial: "false" }],
  ])("of an ambient use does not get the ID token of %s, which is refused", async (_, inputs) => {
    const scene = await startScene({ stsInEnvironment: false });
    const { job, clouds } = scene;
    const first = worked(await job.use(ACTION, { with: { ...WITH, "sts-endpoint": clouds.sts.url } }));
    const use = await job.use(ACTION, { with: { ...WITH, ...inputs } });
    expect(use.outcome).toBe("failure");
    expect(use.annotations[0]?.message).toContain(
      "An earlier use of this action exported AWS_ENDPOINT_URL_STS, so later steps would send this use's ID token to",
    );
    expect(clouds.sts.requests).toHaveLength(1);
    // The first one's profile is as it was.
    expect(await whoAmI(job)).toBe(sessionArn(first));
    await finishClean(scene);
  });

  test("of an ambient use after a named use for AWS is refused", async () => {
    const scene = await startScene({ stsInEnvironment: false });
    const { job, clouds } = scene;
    worked(await job.use(ACTION, { with: { ...WITH, profile: "prod", trial: "false" } }));
    const use = await job.use(ACTION, { with: { ...WITH, "sts-endpoint": clouds.sts.url } });
    expect(use.annotations[0]?.message).toContain(
      'This use would export AWS_ENDPOINT_URL_STS, so later steps would send the ID token of profile "prod" to',
    );
    expect(clouds.sts.requests).toEqual([]);
    expect(job.environment).not.toHaveProperty("AWS_ENDPOINT_URL_STS");
    await finishClean(scene);
  });

  test.each<[string, Record<string, string>, string]>([
    ["AWS_ENDPOINT_URL_STS", { AWS_ENDPOINT_URL_STS: "http://sts.example" }, ""],
    ["AWS_ENDPOINT_URL", { AWS_ENDPOINT_URL: "http://sts.example" }, ""],
    ["endpoint_url of profile", {}, "[default]\nendpoint_url = http://sts.example\n"],
  ])("over plain http is refused in the user's settings, too: %s", async (what, environment, config) => {
    const scene = await startScene({
      before: (runner) => writeHome(runner, { config }),
      job: { environment },
      stsInEnvironment: false,
    });
    const use = await scene.job.use(ACTION, { with: { ...WITH, trial: "false" } });
    expect(use.outcome).toBe("failure");
    expect(use.annotations[0]?.message).toContain(what);
    expect(use.annotations[0]?.message).toContain("would send the ID token there over plain http");
    await finishClean(scene);
  });

  test.each(["default", "prod"])(
    "left out, in the user's own profile %s: main asks the server that later steps ask",
    async (profile) => {
      const scene = await startScene({
        before: (runner, clouds) =>
          writeHome(runner, {
            config:
              `[${profile === "default" ? "default" : `profile ${profile}`}]\nendpoint_url = ${clouds.sts.url}\n` +
              `[${profile === "default" ? "profile other" : "default"}]\nendpoint_url = http://127.0.0.1:1\n`,
          }),
        job: { environment: { AWS_PROFILE: profile === "default" ? "other" : "default" } },
        stsInEnvironment: false,
      });
      const { job, clouds } = scene;
      const use = worked(await job.use(ACTION, { with: { ...WITH, profile } }));
      expect(clouds.sts.requests).toHaveLength(1);
      expect(await whoAmI(job, { AWS_PROFILE: profile })).toBe(sessionArn(use));
      await finishClean(scene);
    },
  );

  // The clouds know no such role; what a server of this kind answers is enough. Some give the session no ARN.
  test.each(["arn:minio:sts:::assumed-role/uploads/x", ""])(
    "of a role that is not AWS's, whose session is %j",
    async (arn) => {
      const scene = await startScene({ stsInEnvironment: false });
      const { job, clouds } = scene;
      clouds.sts.fault = () => sessionAnswer(arn);
      const use = worked(
        await job.use(ACTION, {
          with: { ...WITH, "role-to-assume": "arn:minio:iam:::role/uploads", "sts-endpoint": clouds.sts.url },
        }),
      );
      expect(use.outputs).toMatchObject({ "assumed-role-arn": arn, "aws-account-id": "" });
      expect(readTree(scene.root).config).toContain("role_arn = arn:minio:iam:::role/uploads\n");
      await finishClean(scene);
    },
  );
});
