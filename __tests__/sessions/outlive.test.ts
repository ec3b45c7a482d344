// After GitHub's last ID token: a session of full length, or a role that assumes itself.
import { expect, test } from "@jest/globals";
import { trustGitHub, trustPrincipal } from "../../harness/clouds/trust.ts";
import {
  ACTION,
  callFor,
  failedCalls,
  finishClean,
  ROLE,
  type Scene,
  startScene,
  WITH,
  worked,
} from "../e2e/setup.ts";

const SHARED = { ...WITH, "shared-session": "true" };

/** The role trusts the job, and itself. */
function trustItself({ clouds }: Scene): void {
  const [token, own] = [trustGitHub("111122223333", "repo:*"), trustPrincipal(ROLE)].map(({ Statement }) =>
    [Statement].flat(),
  );
  clouds.sts.addRole({ arn: ROLE, trust: { Statement: [...(token ?? []), ...(own ?? [])] } });
}

test("the role assumes itself, for twenty lives of the request token", async () => {
  const requestSeconds = 3;
  const scene = await startScene({ sessionSeconds: 10, requestTokenSeconds: requestSeconds });
  trustItself(scene);
  worked(await scene.job.use(ACTION, { with: { ...SHARED, "outlive-id-tokens": "true" } }));
  expect(failedCalls(await callFor(scene.job, 20 * requestSeconds))).toEqual([]);
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
  expect(failedCalls(await callFor(scene.job, 38))).toEqual([]);
  const exchanges = scene.clouds.sts.requests.filter(({ action }) => action === "AssumeRoleWithWebIdentity");
  const last = exchanges.at(-1);
  expect(last?.sessionExpires).toBeGreaterThan(begun + 39_000);
  // What main promised is kept: to the second, since times are written in whole ones.
  const promised = Date.parse(use.outputs["refreshable-until"] ?? "");
  expect(promised).toBeGreaterThan(begun + 39_000);
  expect(promised).toBeLessThanOrEqual((last?.sessionExpires ?? 0) + 1_000);
  await scene.job.finish();
}, 120_000);
