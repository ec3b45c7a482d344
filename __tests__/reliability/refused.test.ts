// Where no worker can be watched (job containers, macOS, other runners), GitHub's refusals tell the end of the job: once
// the token in the file has expired, and GitHub has answered nothing but 401 or 403 since.
import { existsSync } from "node:fs";
import { setTimeout as sleep } from "node:timers/promises";
import { afterAll, beforeAll, expect, test } from "@jest/globals";
import type { GitHubFault } from "../../harness/clouds/faults.ts";
import { type KeptToken, Scene } from "../../harness/machine/scene.ts";
import { identify } from "../../src/base/process.ts";

const LIFE_MS = 3_000;

let scene: Scene;
beforeAll(async () => {
  scene = await Scene.start();
});
afterAll(() => scene.close());

/** A keeper whose every request but the first fails so. */
const failing = (faults: GitHubFault[], options = {}): Promise<KeptToken> => {
  let count = 0;
  return scene.keep({ lifeMs: LIFE_MS, weather: () => faults[count++ % faults.length], ...options });
};

// On Windows a worker is only a pid, which another process may have by now.
test.each([
  [401, "", {}],
  [403, "", {}],
  [401, ", where the worker is a pid without a start", { worker: { pid: process.pid } }],
])("%d alone%s: the keeper ends with the last token, which it deletes", async (status, _, options) => {
  const { keeper } = await failing([{ status }], options);
  const { tokenExpiresAt, ended } = await keeper.until("its end", ({ ended }) => ended !== undefined);
  expect(ended?.why).toBe("job over");
  expect(ended?.at).toBeGreaterThanOrEqual(tokenExpiresAt);
  await keeper.ended();
  expect(existsSync(keeper.directory.secret)).toBe(false);
  // That is no proof: if the job lives after all, the profiles stay, and post finds what it needs.
  expect(existsSync(keeper.directory.status)).toBe(true);
});

test.each<[string, GitHubFault[], object]>([
  ["some other failure between them", [{ status: 401 }, { status: 503 }], {}],
  ["a worker that lives", [{ status: 401 }], { worker: identify(process.pid) }],
])("with %s, it goes on", async (_, faults, options) => {
  const { keeper, change } = await failing(faults, options);
  await sleep(2 * LIFE_MS);
  expect(keeper.isAlive).toBe(true);
  const { refreshes } = keeper.status();
  change(() => undefined);
  await keeper.until("a token", (status) => status.refreshes > refreshes);
});
