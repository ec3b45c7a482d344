// A session that a keeper holds: from the inputs to its end, with the SDK's own refresh.
import { readdirSync, readFileSync, statSync } from "node:fs";
import path from "node:path";
import { expect, test } from "@jest/globals";
import {
  ACTION,
  callFor,
  failedCalls,
  finishClean,
  keepers,
  sessionArn,
  startScene,
  WITH,
  whoAmI,
  worked,
} from "../e2e/setup.ts";

const SHARED = { ...WITH, "shared-session": "true" };
/** Half of it is still long for a busy machine. */
const SESSION_SECONDS = 16;

test("steps read one session after another, without an exchange of their own and without a failed call", async () => {
  const scene = await startScene({ sessionSeconds: SESSION_SECONDS });
  const { job, clouds, runner, root } = scene;
  const use = worked(await job.use(ACTION, { with: SHARED }));
  expect(clouds.sts.requests).toHaveLength(1);
  expect(keepers(runner)).toHaveLength(1);
  const [id = ""] = readdirSync(path.join(root, "sessions"));
  const file = path.join(root, "sessions", id, "session");
  expect(statSync(file).mode & 0o777).toBe(0o600);
  expect(readFileSync(path.join(root, "config"), "utf8")).toContain(`credential_process = cat '${file}'\n`);
  expect(use.outputs["web-identity-token-file"]).toBe("");

  const seconds = 3 * SESSION_SECONDS;
  const calls = await callFor(job, seconds);
  expect(calls.length).toBeGreaterThan(seconds);
  expect(failedCalls(calls)).toEqual([]);
  expect(await whoAmI(job)).toBe(sessionArn(use));

  const exchanges = clouds.sts.requests.filter(({ action }) => action === "AssumeRoleWithWebIdentity");
  expect(exchanges.filter(({ error }) => error !== undefined)).toEqual([]);
  expect(exchanges.length).toBeGreaterThanOrEqual(5);
  expect(exchanges.length).toBeLessThanOrEqual(9);
  // One ID token for each, and no token file.
  expect(clouds.github.requests).toHaveLength(exchanges.length);
  expect(readdirSync(path.join(root, "tokens"))).toEqual([]);
  await finishClean(scene);
}, 120_000);
