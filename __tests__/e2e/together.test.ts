import { readFileSync } from "node:fs";
import path from "node:path";
import { expect, test } from "@jest/globals";
import type { StepResult } from "../../harness/runner/runner.ts";
import {
  ACTION,
  addRole,
  finishClean,
  keepers,
  postAgain,
  ROLE,
  type Scene,
  sessionArn,
  startScene,
  WITH,
  whoAmI,
  worked,
} from "./setup.ts";

const role = (name: string): string => `arn:aws:iam::111122223333:role/${name}`;

/** Uses of roles by these names, each with a profile; "default" is ambient. */
async function useEach(scene: Scene, profiles: Record<string, string>): Promise<StepResult[]> {
  const uses: StepResult[] = [];
  for (const [name, profile] of Object.entries(profiles)) {
    addRole(scene.clouds, role(name));
    uses.push(
      worked(await scene.job.use(ACTION, { with: { ...WITH, "role-to-assume": role(name), profile } })),
    );
  }
  return uses;
}

const config = (scene: Scene): string => readFileSync(path.join(scene.root, "config"), "utf8");
const sections = (scene: Scene): string[] => config(scene).match(/^\[.*$/gm) ?? [];

test("an ambient and two named roles: each step gets the one it asks for", async () => {
  const scene = await startScene();
  const { job, runner, clouds } = scene;
  const [build, release, audit] = (await useEach(scene, {
    build: "default",
    release: "release",
    audit: "audit",
  })) as [StepResult, StepResult, StepResult];
  expect(await whoAmI(job)).toBe(sessionArn(build, role("build")));
  expect(await whoAmI(job, { AWS_PROFILE: "release" })).toBe(sessionArn(release, role("release")));
  expect(await whoAmI(job, { AWS_PROFILE: "audit" })).toBe(sessionArn(audit, role("audit")));
  expect(await whoAmI(job, { AWS_PROFILE: "nobody" })).toMatch(/^CredentialsProviderError: /);
  // A named use alone makes nothing ambient but the files.
  expect(Object.keys(release.exportedEnvironment).sort()).toEqual([
    "AWS_CONFIG_FILE",
    "AWS_SDK_LOAD_CONFIG",
    "AWS_SHARED_CREDENTIALS_FILE",
    "AWS_STS_REGIONAL_ENDPOINTS",
  ]);
  expect(keepers(runner)).toHaveLength(1);
  const { posts } = await finishClean(scene);
  expect(posts).toHaveLength(3);
  expect(clouds.github.requests).toHaveLength(3);
});

test("a named role alone leaves a step that does not choose it without a role", async () => {
  const scene = await startScene();
  await useEach(scene, { release: "release" });
  expect(await whoAmI(scene.job, { AWS_EC2_METADATA_DISABLED: "true", AWS_REGION: "eu-west-1" })).toMatch(
    /^CredentialsProviderError: /,
  );
  await finishClean(scene);
});

test("a later use of the same profile shadows the earlier one until its post", async () => {
  const scene = await startScene();
  const { job } = scene;
  const [first, second] = (await useEach(scene, { first: "default", second: "default" })) as [
    StepResult,
    StepResult,
  ];
  expect(await whoAmI(job)).toBe(sessionArn(second, role("second")));
  worked(await job.run(...postAgain(second)));
  expect(await whoAmI(job)).toBe(sessionArn(first, role("first")));
  await finishClean(scene);
});

test("posts may run in any order", async () => {
  const scene = await startScene();
  const { job, runner } = scene;
  const uses = await useEach(scene, { one: "default", two: "default", three: "prod", four: "default" });
  const [one, two, three, four] = uses as [StepResult, StepResult, StepResult, StepResult];
  worked(await job.run(...postAgain(two)));
  expect(await whoAmI(job)).toBe(sessionArn(four, role("four")));
  expect(sections(scene)).toEqual(["[profile prod]", "[default]"]);
  worked(await job.run(...postAgain(four)));
  expect(await whoAmI(job)).toBe(sessionArn(one, role("one")));
  worked(await job.run(...postAgain(one)));
  expect(sections(scene)).toEqual(["[profile prod]"]);
  expect(await whoAmI(job, { AWS_PROFILE: "prod" })).toBe(sessionArn(three, role("three")));
  expect(keepers(runner)).toHaveLength(1);
  await finishClean(scene);
});

test("a later use that fails takes nothing away from the earlier one, neither in main nor in its post", async () => {
  const scene = await startScene();
  const { job } = scene;
  const [good] = (await useEach(scene, { good: "default" })) as [StepResult];
  const bad = await job.use(ACTION, { with: { ...WITH, "role-to-assume": role("nobody") } });
  expect(bad.outcome).toBe("failure");
  expect(bad.exportedEnvironment).toEqual({});
  expect(await whoAmI(job)).toBe(sessionArn(good, role("good")));
  const post = worked(await job.run(...postAgain(bad)));
  expect(post.exportedEnvironment).toEqual({});
  expect(await whoAmI(job)).toBe(sessionArn(good, role("good")));
  await finishClean(scene);
});

test("one keeper for each audience, which ends with the last use of it", async () => {
  const scene = await startScene();
  const { job, runner, clouds } = scene;
  addRole(clouds, "arn:aws:iam::444455556666:role/mine", "https://mine.example");
  const a = worked(await job.use(ACTION, { with: { ...WITH, profile: "a" } }));
  const other = {
    ...WITH,
    "role-to-assume": "arn:aws:iam::444455556666:role/mine",
    audience: "https://mine.example",
  };
  const b = worked(await job.use(ACTION, { with: { ...other, profile: "b" } }));
  const c = worked(await job.use(ACTION, { with: { ...other, profile: "c" } }));
  expect(keepers(runner)).toHaveLength(2);
  const file = (use: StepResult) => use.outputs["web-identity-token-file"];
  expect(file(b)).toBe(file(c));
  expect(file(a)).not.toBe(file(b));
  expect(await whoAmI(job, { AWS_PROFILE: "c" })).toBe(sessionArn(c, "arn:aws:iam::444455556666:role/mine"));
  worked(await job.run(...postAgain(b)));
  expect(keepers(runner)).toHaveLength(2);
  worked(await job.run(...postAgain(c)));
  expect(keepers(runner)).toHaveLength(1);
  expect(await whoAmI(job, { AWS_PROFILE: "a" })).toBe(sessionArn(a));
  await finishClean(scene);
});

test("two uses at once, in background steps, export nothing before they are waited for", async () => {
  const scene = await startScene();
  const { job, runner } = scene;
  addRole(scene.clouds, role("release"));
  const steps = [
    job.background.use(ACTION, { with: WITH }),
    job.background.use(ACTION, { with: { ...WITH, "role-to-assume": role("release"), profile: "release" } }),
  ];
  await Promise.all(steps.map(({ result }) => result));
  expect(Object.keys(job.environment).filter((name) => name.startsWith("AWS_"))).toEqual([
    "AWS_ENDPOINT_URL_STS",
  ]);
  const [ambient, release] = (await job.wait(...steps)).map(worked) as [StepResult, StepResult];
  expect(await whoAmI(job)).toBe(sessionArn(ambient));
  expect(await whoAmI(job, { AWS_PROFILE: "release" })).toBe(sessionArn(release, role("release")));
  expect(keepers(runner)).toHaveLength(1);
  await finishClean(scene);
});

test("ten uses at once: every profile is there, one keeper for all, and all is gone in the end", async () => {
  const scene = await startScene();
  const { job, runner, clouds } = scene;
  const names = Array.from({ length: 10 }, (_, index) => `p${index}`);
  for (const name of names) addRole(clouds, role(name));
  const steps = names.map((profile) =>
    job.background.use(ACTION, { with: { ...WITH, "role-to-assume": role(profile), profile } }),
  );
  for (const use of await job.wait(...steps)) worked(use);
  expect(sections(scene).sort()).toEqual(names.map((name) => `[profile ${name}]`));
  for (const name of names) expect(config(scene)).toContain(`role_arn = ${role(name)}\n`);
  expect(keepers(runner)).toHaveLength(1);
  expect(await whoAmI(job, { AWS_PROFILE: "p7" })).toContain(":assumed-role/p7/");
  const { posts } = await finishClean(scene);
  expect(posts).toHaveLength(10);
  expect(clouds.github.requests).toHaveLength(10);
});

test("ten uses at once that all fail: each says why, and nothing is left", async () => {
  const scene = await startScene();
  const { job, runner } = scene;
  const steps = Array.from({ length: 10 }, (_, index) =>
    job.background.use(ACTION, { with: { ...WITH, "role-to-assume": role("nobody"), profile: `p${index}` } }),
  );
  for (const use of await job.wait(...steps)) {
    expect(use.outcome).toBe("failure");
    expect(use.log).toContain("AccessDenied");
  }
  // Nor does any of them leave a process to its post.
  expect(keepers(runner)).toEqual([]);
  await finishClean(scene);
  expect(scene.clouds.sts.requests).toHaveLength(10);
});

test("of the same role with a session name of the user's own, every use is that session", async () => {
  const scene = await startScene();
  const { job } = scene;
  const named = { ...WITH, "role-session-name": "octo-cat" };
  worked(await job.use(ACTION, { with: named }));
  worked(await job.use(ACTION, { with: { ...named, profile: "again" } }));
  const arn = `${ROLE.replace(":iam:", ":sts:").replace(":role/team/", ":assumed-role/")}/octo-cat`;
  expect(await whoAmI(job)).toBe(arn);
  expect(await whoAmI(job, { AWS_PROFILE: "again" })).toBe(arn);
  await finishClean(scene);
});
