// Two uses of one profile, the second reached through the first, which end in either order or at once: later
// steps have what is still there, and in the end nothing is left.
import { existsSync, readdirSync } from "node:fs";
import path from "node:path";
import { describe, expect, test } from "@jest/globals";
import type { Clouds } from "../../harness/clouds/clouds.ts";
import { trustPrincipal } from "../../harness/clouds/trust.ts";
import type { StepResult } from "../../harness/runner/runner.ts";
import {
  ACTION,
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
} from "../e2e/setup.ts";

const RELEASE = "arn:aws:iam::444455556666:role/release";
const AUDIT = "arn:aws:iam::777788889999:role/audit";
const chained = (role: string, shared: string) => ({
  ...WITH,
  "role-to-assume": role,
  "role-chaining": "true",
  "shared-session": shared,
});

function addChain({ sts }: Clouds): void {
  sts.addRole({ arn: RELEASE, trust: trustPrincipal(ROLE) });
  sts.addRole({ arn: AUDIT, trust: trustPrincipal(RELEASE) });
}

/** Runs the posts of these uses at the same time. */
async function postTogether({ job }: Scene, uses: StepResult[]): Promise<void> {
  for (const use of uses) job.background.run(...postAgain(use));
  for (const post of await job.wait()) worked(post);
}

const NOBODY = /CredentialsProviderError/;
const SHAPES = [
  { first: "false", second: "false" },
  { first: "true", second: "true" },
  { first: "false", second: "true" },
  { first: "true", second: "false" },
];

describe.each(SHAPES)("shared-session $first, then $second by role-chaining", ({ first, second }) => {
  async function startBoth() {
    const scene = await startScene();
    addChain(scene.clouds);
    const { job, runner } = scene;
    const one = worked(await job.use(ACTION, { with: { ...WITH, "shared-session": first } }));
    const two = worked(await job.use(ACTION, { with: chained(RELEASE, second) }));
    expect(await whoAmI(job)).toBe(sessionArn(two, RELEASE));
    // A token or a session of the first, and a session of the second where it shares one.
    expect(keepers(runner)).toHaveLength(second === "true" ? 2 : 1);
    return { scene, one, two };
  }

  test("the first ends first: later steps keep the second role", async () => {
    const { scene, one, two } = await startBoth();
    const { job, runner } = scene;
    worked(await job.run(...postAgain(one)));
    expect(await whoAmI(job)).toBe(sessionArn(two, RELEASE));
    // The second still needs the first one's keeper.
    expect(keepers(runner)).toHaveLength(second === "true" ? 2 : 1);
    worked(await job.run(...postAgain(two)));
    expect(await whoAmI(job)).toMatch(NOBODY);
    expect(keepers(runner)).toEqual([]);
    await finishClean(scene);
  }, 90_000);

  test("the second ends first: later steps have the first role again", async () => {
    const { scene, one, two } = await startBoth();
    const { job, runner } = scene;
    worked(await job.run(...postAgain(two)));
    expect(await whoAmI(job)).toBe(sessionArn(one));
    expect(keepers(runner)).toHaveLength(1);
    worked(await job.run(...postAgain(one)));
    expect(await whoAmI(job)).toMatch(NOBODY);
    await finishClean(scene);
  }, 90_000);

  test("both end at the same time, twice over", async () => {
    const { scene, one, two } = await startBoth();
    const { job, runner, root } = scene;
    await postTogether(scene, [one, two, two, one]);
    expect(await whoAmI(job)).toMatch(NOBODY);
    expect(keepers(runner)).toEqual([]);
    expect(existsSync(path.join(root, "sessions"))).toBe(false);
    await job.finish();
    expect(existsSync(root)).toBe(false);
  }, 90_000);
});

test("three in a row: the middle one ends first, then the others at once", async () => {
  const scene = await startScene();
  addChain(scene.clouds);
  const { job, runner, root } = scene;
  const one = worked(await job.use(ACTION, { with: WITH }));
  const two = worked(await job.use(ACTION, { with: chained(RELEASE, "true") }));
  const three = worked(await job.use(ACTION, { with: chained(AUDIT, "true") }));
  expect(await whoAmI(job)).toBe(sessionArn(three, AUDIT));
  worked(await job.run(...postAgain(two)));
  expect(await whoAmI(job)).toBe(sessionArn(three, AUDIT));
  // What the last role is reached through goes on: the token, and the middle session.
  expect(keepers(runner)).toHaveLength(3);
  await postTogether(scene, [three, one]);
  expect(keepers(runner)).toEqual([]);
  expect(readdirSync(runner.temp).filter((name) => name === path.basename(root))).toEqual([]);
  await job.finish();
}, 90_000);

test("a use of its own profile on top of a chain: each post puts back what was there before it", async () => {
  const scene = await startScene();
  addChain(scene.clouds);
  const { job } = scene;
  const one = worked(await job.use(ACTION, { with: WITH }));
  const two = worked(await job.use(ACTION, { with: chained(RELEASE, "false") }));
  const again = worked(await job.use(ACTION, { with: { ...WITH, "shared-session": "true" } }));
  expect(await whoAmI(job)).toBe(sessionArn(again));
  worked(await job.run(...postAgain(again)));
  expect(await whoAmI(job)).toBe(sessionArn(two, RELEASE));
  worked(await job.run(...postAgain(two)));
  expect(await whoAmI(job)).toBe(sessionArn(one));
  await finishClean(scene);
}, 90_000);
