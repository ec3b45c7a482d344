// A job container: steps, keeper and post see the runner's folders under other paths, and no process of the runner.
import { readdirSync, readFileSync } from "node:fs";
import path from "node:path";
import { afterEach, describe, expect, test } from "@jest/globals";
import { JobContainer, WORK } from "../../harness/machine/job-container.ts";
import { canBeAnother, canMount, STRANGER, unless } from "../../harness/machine/means.ts";
import type { CallLine } from "../../scripts/rehearsal/clients/call-loop.ts";
import type { KeeperStatus } from "../../src/keeper/status.ts";
import {
  ACTION,
  failedCalls,
  finishClean,
  NODE,
  type Scene,
  startScene,
  until,
  WITH,
  worked,
} from "./setup.ts";

const TOKEN_SECONDS = 6;
const CLIENT = path.join(ACTION, "lib/scripts/rehearsal/clients/sdk-js.js");

const containers: JobContainer[] = [];
afterEach(() => {
  for (const container of containers.splice(0)) container.close();
});

async function startContainer(user?: number): Promise<{ scene: Scene; container: JobContainer }> {
  const container = new JobContainer(user);
  containers.push(container);
  const scene = await startScene({
    ...{ idTokenSeconds: TOKEN_SECONDS, sessionSeconds: TOKEN_SECONDS },
    runner: { node: container.node },
  });
  await container.start(scene.runner);
  return { scene, container };
}

/** The status of the only keeper of this kind, seen from outside. */
function statusOf({ root }: Scene, kind: "tokens" | "sessions"): KeeperStatus {
  const [id = ""] = readdirSync(path.join(root, kind));
  return JSON.parse(readFileSync(path.join(root, kind, id, "status.json"), "utf8")) as KeeperStatus;
}

async function callInContainer(
  { scene: { job }, container }: Awaited<ReturnType<typeof startContainer>>,
  seconds: number,
): Promise<CallLine[]> {
  const deadline = String(Date.now() + seconds * 1000);
  const { stdout } = worked(await job.run([container.exec, NODE, CLIENT, deadline, "500"]));
  return stdout
    .trim()
    .split("\n")
    .map((line) => JSON.parse(line) as CallLine);
}

(canMount ? describe : describe.skip)(
  `a job container${unless(canMount, "needs root and mount namespaces")}`,
  () => {
    const users: [string, number | undefined][] = [
      ["as root", undefined],
      ...(canBeAnother ? ([["as another user", STRANGER]] as [string, number][]) : []),
    ];
    test.each(users)(
      "%s: steps have the role for longer than an ID token and a session, and post leaves nothing",
      async (_, user) => {
        const begun = await startContainer(user);
        const { scene } = begun;
        const use = worked(await scene.job.use(ACTION, { with: WITH }));
        expect(use.outputs["config-file"]).toBe(`${WORK}/_temp/aws-role-refresh/config`);
        const calls = await callInContainer(begun, 2 * TOKEN_SECONDS + 2);
        expect(failedCalls(calls)).toEqual([]);
        expect(calls.length).toBeGreaterThan(5);
        expect(statusOf(scene, "tokens").refreshes).toBeGreaterThan(1);
        await finishClean(scene);
      },
    );

    test("a shared session, and a keeper that is killed in there comes back", async () => {
      const begun = await startContainer();
      const { scene, container } = begun;
      worked(await scene.job.use(ACTION, { with: { ...WITH, "shared-session": "true" } }));
      const { pid } = await until("a shell", () => {
        const status = statusOf(scene, "sessions");
        return status.watcher && status;
      });
      worked(await scene.job.run([container.exec, "sh", "-c", `kill -9 ${pid}`]));
      await until("the next keeper", () => statusOf(scene, "sessions").pid !== pid);
      expect(failedCalls(await callInContainer(begun, TOKEN_SECONDS + 2))).toEqual([]);
      const { posts } = await finishClean(scene);
      expect(posts[0]?.summary).toContain("brought back 1 time");
    });
  },
);
