// After GitHub's last ID token: a session of full length, or a role that assumes itself.

import path from "node:path";
import { expect, test } from "@jest/globals";
import { trustGitHub, trustPrincipal } from "../../harness/clouds/trust.ts";
import type { CallLine } from "../../scripts/rehearsal/clients/call-loop.ts";
import { ACTION, finishClean, NODE, ROLE, type Scene, startScene, WITH, worked } from "../e2e/setup.ts";

const SHARED = { ...WITH, "shared-session": "true" };

/** The role trusts the job, and itself. */
function trustItself({ clouds }: Scene): void {
  const [token, own] = [trustGitHub("111122223333", "repo:*"), trustPrincipal(ROLE)].map(({ Statement }) =>
    [Statement].flat(),
  );
  clouds.sts.addRole({ arn: ROLE, trust: { Statement: [...(token ?? []), ...(own ?? [])] } });
}

async function callFor(scene: Scene, seconds: number): Promise<CallLine[]> {
  const loop = await scene.job.run([
    NODE,
    path.join(ACTION, "lib/scripts/rehearsal/clients/sdk-js.js"),
    String(Date.now() + seconds * 1000),
    "500",
  ]);
  return loop.stdout
    .trim()
    .split("\n")
    .map((line) => JSON.parse(line) as CallLine);
}
const failed = (calls: CallLine[]) => calls.filter(({ error }) => error !== undefined);

test("the role assumes itself, for twenty lives of the request token", async () => {
  const requestSeconds = 3;
  const scene = await startScene({ sessionSeconds: 10, requestTokenSeconds: requestSeconds });
  trustItself(scene);
  worked(await scene.job.use(ACTION, { with: { ...SHARED, "outlive-id-tokens": "true" } }));
  expect(failed(await callFor(scene, 20 * requestSeconds))).toEqual([]);
  const own = scene.clouds.sts.requests.filter(({ action }) => action === "AssumeRole");
  expect(own.length).toBeGreaterThan(6);
  expect(
    own.every(({ error, caller }) => error === undefined && caller?.includes(":assumed-role/deploy/")),
  ).toBe(true);
  await finishClean(scene);
}, 120_000);

test("a role that may not assume itself is refused at the start, with the statement that is missing", async () => {
  const scene = await startScene();
  const use = await scene.job.use(ACTION, { with: { ...WITH, "outlive-id-tokens": "true" } });
  expect(use.outcome).toBe("failure");
  expect(use.log).toContain(`${ROLE} may not assume itself`);
  expect(use.log).toContain(`"AWS": "${ROLE}"`);
  await finishClean(scene);
});

test("without it, the last session is renewed as late as is safe, and lives on", async () => {
  const scene = await startScene({ sessionSeconds: 20, requestTokenSeconds: 24 });
  const begun = Date.now();
  const use = worked(await scene.job.use(ACTION, { with: SHARED }));
  // 24 s, less the tenth that is left for retries, and 20 s.
  expect(failed(await callFor(scene, 38))).toEqual([]);
  const exchanges = scene.clouds.sts.requests.filter(({ action }) => action === "AssumeRoleWithWebIdentity");
  const last = exchanges.at(-1);
  expect(last?.sessionExpires).toBeGreaterThan(begun + 39_000);
  expect(use.outputs["refreshable-until"]).not.toBe("");
  await scene.job.finish();
}, 120_000);
