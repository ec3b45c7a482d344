// `docker run` with the output docker-args, as README tells. There is no engine here: harness/machine/docker.ts reads the
// arguments as docker does, and gives the command nothing else.

import { readFileSync } from "node:fs";
import path from "node:path";
import { describe, expect, test } from "@jest/globals";
import { parse } from "yaml";
import { trustPrincipal } from "../../harness/clouds/trust.ts";
import { installDocker } from "../../harness/machine/docker.ts";
import { canBeAnother, canMount, STRANGER, unless } from "../../harness/machine/means.ts";
import type { RunOptions } from "../../harness/runner/steps.ts";
import type { CallLine } from "../../scripts/rehearsal/clients/call-loop.ts";
import { WEB_IDENTITY } from "../../src/aws/environment.ts";
import { shellWord } from "../../src/base/text.ts";
import {
  ACTION,
  addRole,
  failedCalls,
  finishClean,
  NODE,
  ROLE,
  type Scene,
  sessionArn,
  startScene,
  WHO_AM_I,
  WITH,
  whoAmI,
  worked,
} from "./setup.ts";

const RELEASE = "arn:aws:iam::444455556666:role/release";
const AUDIT = "arn:aws:iam::777788889999:role/audit";
const TOKEN_SECONDS = 6;
const SESSION_SECONDS = 5;
const CLIENT = path.join(ACTION, "lib/scripts/rehearsal/clients/sdk-js.js");
const WHO = [NODE, "--input-type=module", "-e", WHO_AM_I];

/** What a user writes, once the runner has put the output in. */
function dockerRun(scene: Scene, args: string | undefined, rest: string[]): [string, RunOptions] {
  const bin = path.join(scene.runner.home, "..", "bin");
  installDocker(bin);
  const env = { PATH: `${bin}:${process.env.PATH}` };
  return [`docker run ${args} ${rest.map(shellWord).join(" ")}`, { cwd: ACTION, env }];
}

async function inContainer(
  scene: Scene,
  args: string | undefined,
  rest: string[],
  env: Record<string, string> = {},
): Promise<string> {
  const [command, options] = dockerRun(scene, args, rest);
  const step = worked(await scene.job.run(command, { ...options, env: { ...options.env, ...env } }));
  return step.stdout.trim();
}

(canMount ? describe : describe.skip)(
  `docker run with docker-args${unless(canMount, "needs root and mount namespaces")}`,
  () => {
    test("gives a container the role for longer than an ID token and a session: ambient, named, shared, chained", async () => {
      const scene = await startScene({
        ...{ idTokenSeconds: TOKEN_SECONDS, sessionSeconds: SESSION_SECONDS, stsInEnvironment: false },
      });
      const { job, clouds } = scene;
      addRole(clouds, RELEASE);
      clouds.sts.addRole({ arn: AUDIT, trust: trustPrincipal(ROLE) });
      const endpoint = { ...WITH, "sts-endpoint": clouds.sts.url };
      const use = async (inputs: Record<string, string>) =>
        worked(await job.use(ACTION, { with: { ...endpoint, ...inputs } }));
      const release = { "role-to-assume": RELEASE };
      const uses = [
        await use({}),
        await use({ ...release, profile: "release" }),
        await use({ ...release, profile: "shared", "shared-session": "true" }),
        await use({ "role-to-assume": AUDIT, profile: "audit", "source-profile": "default" }),
      ];
      const asked = clouds.github.requests.length;
      const deadline = String(Date.now() + (2 * TOKEN_SECONDS + 2) * 1000);
      const containers = uses.map(({ outputs }) =>
        job.background.run(
          ...dockerRun(scene, outputs["docker-args"], ["root", NODE, CLIENT, deadline, "500"]),
        ),
      );
      for (const step of await job.wait(...containers)) {
        const calls = worked(step)
          .stdout.trim()
          .split("\n")
          .map((line) => JSON.parse(line) as CallLine);
        expect(failedCalls(calls)).toEqual([]);
        expect(calls.length).toBeGreaterThan(5);
      }
      expect(clouds.github.requests.length - asked).toBeGreaterThan(2);
      const callers = clouds.sts.requests.filter(({ action }) => action === "GetCallerIdentity");
      const roles = [ROLE, RELEASE, RELEASE, AUDIT];
      expect(new Set(callers.map(({ caller }) => caller))).toEqual(
        new Set(uses.map((one, index) => sessionArn(one, roles[index]))),
      );
      await finishClean(scene);
    }, 60_000);

    test("passes no key that the job had, and nothing that a container could write to", async () => {
      const keys = { AWS_ACCESS_KEY_ID: "x", AWS_SECRET_ACCESS_KEY: "x" };
      const scene = await startScene({ job: { environment: keys } });
      const { "docker-args": args } = worked(await scene.job.use(ACTION, { with: WITH })).outputs;
      // A later step that sets keys again.
      const found = await inContainer(scene, args, ["root", "env"], keys);
      expect(
        found
          .split("\n")
          .map((line) => line.split("=")[0])
          .sort(),
      ).toEqual([
        ...["AWS_CONFIG_FILE", "AWS_DEFAULT_REGION", "AWS_REGION", "AWS_SDK_LOAD_CONFIG"],
        ...["AWS_SHARED_CREDENTIALS_FILE", "AWS_STS_REGIONAL_ENDPOINTS", "HOME", "PATH"],
        "PWD", // set by the shell that is the container's first process
      ]);
      const write = `touch "$(dirname "$AWS_CONFIG_FILE")/x" 2>&1 || true`;
      expect(await inContainer(scene, args, ["root", "sh", "-c", write])).toContain("Read-only file system");
      // Nothing else of RUNNER_TEMP.
      const list = `ls "$(dirname "$AWS_CONFIG_FILE")/.."`;
      expect(await inContainer(scene, args, ["root", "sh", "-c", list])).toBe("aws-role-refresh");
      await scene.job.finish();
    });

    test("the volumes and variables of the compose file in docs/tools.md give the same", async () => {
      const scene = await startScene();
      const use = worked(await scene.job.use(ACTION, { with: WITH }));
      const page = readFileSync(path.join(ACTION, "docs/tools.md"), "utf8");
      const block = /```yaml\n(services:\n[\s\S]*?)```/.exec(page)?.[1] ?? "";
      const { volumes, environment } = (parse(block) as { services: { app: Record<string, string[]> } })
        .services.app;
      // As compose does: it puts variables in, and a name alone is a variable of its own environment.
      const mounts = (volumes ?? []).flatMap((volume) => ["-v", `"${volume}"`]);
      const args = [...mounts, ...(environment ?? []).flatMap((name) => ["-e", name])].join(" ");
      expect(
        args.replaceAll('"', "").replaceAll(`\${RUNNER_TEMP}`, scene.runner.temp).split(" -").sort(),
      ).toEqual((use.outputs["docker-args"] ?? "").replaceAll("'", "").split(" -").sort());
      expect(await inContainer(scene, args, ["-e", "AWS_ENDPOINT_URL_STS", "root", ...WHO])).toBe(
        sessionArn(use),
      );
      for (const name of [
        ...WEB_IDENTITY,
        "AWS_ROLE_SESSION_NAME",
        "AWS_ENDPOINT_URL_STS",
        "AWS_PROFILE=NAME",
      ])
        expect(block).toContain(name);
      await finishClean(scene);
    });

    test("with mirror-environment; and for another profile of the job with one -e more", async () => {
      const scene = await startScene();
      const { job, clouds } = scene;
      addRole(clouds, RELEASE);
      const endpoint = ["-e", "AWS_ENDPOINT_URL_STS"];
      const second = { ...WITH, "role-to-assume": RELEASE, profile: "release" };
      const [one, two] = [
        worked(await job.use(ACTION, { with: WITH })),
        worked(await job.use(ACTION, { with: second })),
      ];
      const args = one.outputs["docker-args"];
      expect(await inContainer(scene, args, [...endpoint, "root", ...WHO])).toBe(sessionArn(one));
      const chosen = [...endpoint, "-e", "AWS_PROFILE=release", "root", ...WHO];
      expect(await inContainer(scene, args, chosen)).toBe(sessionArn(two, RELEASE));
      await finishClean(scene);

      const mirrored = await startScene();
      const use = worked(await mirrored.job.use(ACTION, { with: { ...WITH, "mirror-environment": "true" } }));
      const alone = [
        ...endpoint,
        "-e",
        "AWS_CONFIG_FILE=/dev/null",
        "-e",
        "AWS_SHARED_CREDENTIALS_FILE=/dev/null",
      ];
      expect(await inContainer(mirrored, use.outputs["docker-args"], [...alone, "root", ...WHO])).toBe(
        sessionArn(use),
      );
      await mirrored.job.finish();
    });

    test("a Docker container action has the variables at its own path, and the profile not: mirror-environment, as README tells", async () => {
      const scene = await startScene();
      const { home, temp } = scene.runner;
      const mirror = { ...WITH, "mirror-environment": "true" };
      const use = worked(await scene.job.use(ACTION, { with: mirror }));
      // As the runner does: RUNNER_TEMP is elsewhere, and a variable that begins with its path is translated.
      const inside = path.join(home, "github", "runner_temp");
      const translated = Object.entries(use.exportedEnvironment).map(
        ([name, value]) =>
          `${name}=${value.startsWith(`${temp}/`) ? inside + value.slice(temp.length) : value}`,
      );
      const flags = ["AWS_ENDPOINT_URL_STS", ...translated].flatMap((variable) => ["-e", variable]);
      const run = (...more: string[]) =>
        inContainer(scene, "", ["-v", `${temp}:${inside}`, ...flags, ...more, "root", ...WHO]);
      expect(await run()).toMatch(/ENOENT.*\/_work\/_temp\/aws-role-refresh\/tokens\//);
      const noFiles = ["AWS_CONFIG_FILE=/dev/null", "AWS_SHARED_CREDENTIALS_FILE=/dev/null"];
      expect(await run(...noFiles.flatMap((variable) => ["-e", variable]))).toBe(sessionArn(use));
      await finishClean(scene);
    });

    (canBeAnother ? test : test.skip)(
      `an image with another user has the role only with --user, as documented${unless(canBeAnother, "needs a readable checkout")}`,
      async () => {
        const scene = await startScene();
        const use = worked(await scene.job.use(ACTION, { with: WITH }));
        const run = (...flags: string[]) =>
          inContainer(scene, `${use.outputs["docker-args"]} ${flags.join(" ")}`, [
            ...["-e", "AWS_ENDPOINT_URL_STS", String(STRANGER)],
            ...WHO,
          ]);
        expect(await run()).toMatch(/^CredentialsProviderError/);
        expect(await run("--user", '"$(id -u)"')).toBe(sessionArn(use));
        expect(await whoAmI(scene.job)).toBe(sessionArn(use));
        await finishClean(scene);
      },
    );
  },
);
