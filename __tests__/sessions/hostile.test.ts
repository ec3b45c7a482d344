// Shared sessions and chains in jobs whose environment or files name other identities: the same hostile
// environments as for the plain web identity profile, with the SDKs for JavaScript and Python.
import { spawnSync } from "node:child_process";
import { existsSync, mkdirSync, writeFileSync } from "node:fs";
import path from "node:path";
import { describe, expect, test } from "@jest/globals";
import type { Clouds } from "../../harness/clouds/clouds.ts";
import { trustPrincipal } from "../../harness/clouds/trust.ts";
import type { Job, Runner } from "../../harness/runner/runner.ts";
import {
  ACTION,
  finishClean,
  ROLE,
  type Scene,
  sessionArn,
  startScene,
  WITH,
  whoAmI,
  worked,
} from "../e2e/setup.ts";

const RELEASE = "arn:aws:iam::444455556666:role/release";
const SHARED = { ...WITH, "shared-session": "true" };
const CHAIN = { ...WITH, "role-to-assume": RELEASE, "role-chaining": "true" };
/** Somebody else, whose keys lie about. */
const OTHER = "arn:aws:iam::999900001111:user/other";

/** The Python that has boto3; undefined where there is none, and then only JavaScript is asked. */
const PYTHON = (() => {
  const found = spawnSync("python3", ["-c", "import boto3, sys; print(sys.executable)"], {
    encoding: "utf8",
    timeout: 30_000,
  });
  return found.status === 0 ? found.stdout.trim() : undefined;
})();

const ASK_BOTO3 = `
import boto3
try:
    print(boto3.client("sts").get_caller_identity()["Arn"])
except Exception as error:
    print(type(error).__name__ + ": " + str(error))`;

/** Who a step is to each SDK. */
async function whoAmIEverywhere(job: Job, env: Record<string, string> = {}): Promise<string[]> {
  const answers = [await whoAmI(job, env)];
  if (PYTHON !== undefined) answers.push((await job.run([PYTHON, "-c", ASK_BOTO3], { env })).stdout.trim());
  return answers;
}

/** As many answers as there are SDKs. */
const everywhere = (arn: string): string[] => (PYTHON === undefined ? [arn] : [arn, arn]);

interface Keys {
  accessKeyId: string;
  secretAccessKey: string;
  sessionToken?: string;
}

const variables = ({ accessKeyId, secretAccessKey, sessionToken }: Keys): Record<string, string> => ({
  AWS_ACCESS_KEY_ID: accessKeyId,
  AWS_SECRET_ACCESS_KEY: secretAccessKey,
  ...(sessionToken !== undefined && { AWS_SESSION_TOKEN: sessionToken }),
});
const section = (name: string, { accessKeyId, secretAccessKey }: Keys): string =>
  `[${name}]\naws_access_key_id = ${accessKeyId}\naws_secret_access_key = ${secretAccessKey}\n`;

function writeHome({ home }: Runner, files: Record<string, string>): void {
  mkdirSync(path.join(home, ".aws"), { recursive: true });
  for (const [name, content] of Object.entries(files)) writeFileSync(path.join(home, ".aws", name), content);
}

type Ambient = (clouds: Clouds, runner: Runner) => Record<string, string>;

/** A job in that environment, where RELEASE can be reached through ROLE. */
async function startHostile(ambient: Ambient): Promise<Scene> {
  const environment: Record<string, string> = {};
  return startScene({
    before: (runner, clouds) => {
      clouds.sts.addRole({ arn: RELEASE, trust: trustPrincipal(ROLE) });
      Object.assign(environment, ambient(clouds, runner));
    },
    job: { environment },
  });
}

const other = ({ sts }: Clouds): Keys => sts.addUser({ arn: OTHER });
const windows = (text: string): string => `\ufeff${text.replaceAll("\n", "\r\n")}`;
const OTHERS_CONFIG = "[profile other]\nregion = eu-central-1\n";

describe("a shared session, and a chain on top of it, win over", () => {
  test.each<[string, Ambient]>([
    ["static keys", (clouds) => variables(other(clouds))],
    [
      "temporary keys that expired long ago, by AWS_CREDENTIAL_EXPIRATION",
      ({ sts }) => ({
        ...variables(sts.addSession(ROLE, "of-another-step")),
        AWS_CREDENTIAL_EXPIRATION: "2020-01-01T00:00:00Z",
      }),
    ],
    ["a profile of another name", () => ({ AWS_PROFILE: "other", AWS_DEFAULT_PROFILE: "other" })],
    [
      "container credentials",
      () => ({
        AWS_CONTAINER_CREDENTIALS_FULL_URI: "http://127.0.0.1:1/",
        AWS_CONTAINER_CREDENTIALS_RELATIVE_URI: "/",
      }),
    ],
    ["a session name without a role", () => ({ AWS_ROLE_SESSION_NAME: "of-the-runner" })],
    [
      "keys and a chain of the default profile in ~/.aws",
      (clouds, runner) => {
        const credentials = section("default", other(clouds)) + section("other", other(clouds));
        writeHome(runner, {
          credentials,
          config: `[default]\nrole_arn = ${RELEASE}\nsource_profile = other\nexternal_id = no\n`,
        });
        return {};
      },
    ],
    [
      "a credential process of the default profile in both files",
      (_, runner) => {
        const text = "[default]\ncredential_process = false\n";
        writeHome(runner, { credentials: text, config: text });
        return {};
      },
    ],
    [
      "files with CRLF and a byte order mark",
      (clouds, runner) => {
        const keys = other(clouds);
        writeHome(runner, {
          credentials: windows(section("default", keys) + section("other", keys)),
          config: windows(`[default]\nregion = us-west-2\n${OTHERS_CONFIG}`),
        });
        return {};
      },
    ],
    ["files that are not there", () => ({ AWS_CONFIG_FILE: "/no", AWS_SHARED_CREDENTIALS_FILE: "/no" })],
  ])(
    "%s",
    async (_, ambient) => {
      const scene = await startHostile(ambient);
      const { job } = scene;
      const first = worked(await job.use(ACTION, { with: SHARED }));
      expect(await whoAmIEverywhere(job)).toEqual(everywhere(sessionArn(first)));
      const second = worked(await job.use(ACTION, { with: CHAIN }));
      expect(await whoAmIEverywhere(job)).toEqual(everywhere(sessionArn(second, RELEASE)));
      for (const name of ["AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_SESSION_TOKEN"])
        expect(job.environment[name] ?? "").toBe("");
      await finishClean(scene);
    },
    120_000,
  );
});

test("a named shared session wins over keys of its own name; the user's other profile keeps working", async () => {
  const scene = await startHostile((clouds, runner) => {
    writeHome(runner, {
      credentials: windows(section("deploy", other(clouds)) + section("other", other(clouds))),
      config: windows(`${OTHERS_CONFIG}[profile deploy]\nsource_profile = other\nrole_arn = ${RELEASE}\n`),
    });
    return variables(other(clouds));
  });
  const { job } = scene;
  const use = worked(await job.use(ACTION, { with: { ...SHARED, profile: "deploy" } }));
  const step = { AWS_REGION: "eu-west-1", AWS_DEFAULT_REGION: "eu-west-1" };
  expect(await whoAmIEverywhere(job, { ...step, AWS_PROFILE: "deploy" })).toEqual(
    everywhere(sessionArn(use)),
  );
  expect(await whoAmIEverywhere(job, { ...step, AWS_PROFILE: "other" })).toEqual(everywhere(OTHER));
  await finishClean(scene);
}, 120_000);

describe("a web identity of the runner cannot be beaten, so main refuses", () => {
  const IRSA = {
    AWS_ROLE_ARN: "arn:aws:iam::111122223333:role/of-the-runner",
    AWS_WEB_IDENTITY_TOKEN_FILE: "/nowhere",
  };
  const { AWS_ROLE_ARN, AWS_WEB_IDENTITY_TOKEN_FILE } = IRSA;
  const CHAIN_OF_OTHERS = { ...WITH, "source-profile": "other" };
  test.each<[string, Record<string, string>, Record<string, string>, string]>([
    ["a shared session", SHARED, IRSA, "AWS_ROLE_ARN and AWS_WEB_IDENTITY_TOKEN_FILE are set"],
    ["a shared session beside half of it", SHARED, { AWS_ROLE_ARN }, "AWS_ROLE_ARN is set"],
    ["a named one", { ...SHARED, profile: "deploy" }, { AWS_ROLE_ARN }, "AWS_ROLE_ARN is set"],
    ["a chain", CHAIN_OF_OTHERS, { AWS_WEB_IDENTITY_TOKEN_FILE }, "AWS_WEB_IDENTITY_TOKEN_FILE is set"],
    ["a mirrored shared session", { ...SHARED, "mirror-environment": "true" }, {}, "mirror-environment"],
  ])("%s", async (_, inputs, environment, found) => {
    const scene = await startHostile((clouds, runner) => {
      writeHome(runner, { credentials: section("other", other(clouds)), config: OTHERS_CONFIG });
      return environment;
    });
    const { job, clouds, root } = scene;
    const use = await job.use(ACTION, { with: inputs });
    expect(use.outcome).toBe("failure");
    expect(use.log).toContain(found);
    // Before it touched anything.
    expect(use.exportedEnvironment).toEqual({});
    expect([existsSync(root), clouds.sts.requests.length]).toEqual([false, 0]);
    await finishClean(scene);
  });
});

test("keys that a later step exports replace a shared session, and post warns", async () => {
  const scene = await startHostile(() => ({}));
  const { job, clouds } = scene;
  worked(await job.use(ACTION, { with: SHARED }));
  const lines = Object.entries(variables(other(clouds))).map(([name, value]) => `${name}=${value}`);
  worked(await job.run(`printf '%s\\n' ${lines.join(" ")} >> "$GITHUB_ENV"`));
  expect(await whoAmIEverywhere(job)).toEqual(everywhere(OTHER));
  const { posts } = await job.finish();
  expect(posts.flatMap(({ annotations }) => annotations)).toEqual([
    expect.objectContaining({
      level: "warning",
      message: expect.stringContaining(
        `AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY changed after this action set up ${ROLE}`,
      ),
    }),
  ]);
}, 120_000);
