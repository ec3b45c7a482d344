// Many readers of one shared session: processes that read the file in a tight loop while it is replaced, and
// processes of SDKs, which make no exchange of their own.
import { type ChildProcess, spawn } from "node:child_process";
import os from "node:os";
import path from "node:path";
import { afterEach, describe, expect, test } from "@jest/globals";
import { HeldSession } from "../../harness/machine/session-keeper.ts";
import { repository } from "../../harness/repository.ts";
import { waitFor } from "../../harness/wait.ts";
import { ACTION, finishClean, NODE, type Scene, sessionArn, startScene, WITH, worked } from "../e2e/setup.ts";

const READERS = 16;

interface Seen {
  reads: number;
  different: number;
  empty: number;
  broken: number;
  stale: number;
}

const readers: ChildProcess[] = [];
afterEach(() => {
  for (const reader of readers.splice(0)) reader.kill("SIGKILL");
});

/** Starts a reader that never pauses; resolves once it reads. `seen` resolves when the file is gone. */
async function read(file: string): Promise<{ seen: Promise<Seen> }> {
  const reader = spawn(process.execPath, [
    path.join(repository(), "lib/harness/machine/tight-reader.js"),
    file,
    "session",
  ]);
  readers.push(reader);
  let output = "";
  reader.stdout.on("data", (chunk: Buffer) => {
    output += chunk;
  });
  const closed = new Promise<void>((resolve) => reader.stdout.once("close", resolve));
  await waitFor("the reader", 60_000, () => output.startsWith("ready\n"));
  // So many that never pause would leave nothing for the keeper on a small machine.
  os.setPriority(reader.pid ?? 0, 19);
  return { seen: closed.then(() => JSON.parse(output.split("\n")[1] ?? "{}") as Seen) };
}

test(`${READERS} processes that read in a tight loop while the session is replaced`, async () => {
  const held = await HeldSession.start({ sessionSeconds: 24 });
  try {
    const file = held.keeper.directory.secret;
    const started = await Promise.all(Array.from({ length: READERS }, () => read(file)));
    const { refreshes } = await held.keeper.until("sessions", ({ refreshes }) => refreshes >= 3, 90_000);
    await held.keeper.stop();
    const all = await Promise.all(started.map(({ seen }) => seen));
    for (const one of all) expect(one).toMatchObject({ empty: 0, broken: 0, stale: 0 });
    // Each has met every session, unless it was not given its turn for half a life.
    for (const { different } of all) expect(different).toBeGreaterThan(1);
    expect(Math.max(...all.map(({ different }) => different))).toBeGreaterThanOrEqual(refreshes);
    expect(Math.min(...all.map(({ reads }) => reads))).toBeGreaterThan(100);
  } finally {
    await held.close();
  }
}, 240_000);

const WHO_AM_I = `
  import { GetCallerIdentityCommand, STSClient } from "@aws-sdk/client-sts";
  console.log((await new STSClient({}).send(new GetCallerIdentityCommand({}))).Arn);`;

describe("processes of the JavaScript SDK, four at a time", () => {
  const PROCESSES = 12;
  const AT_ONCE = 4;

  /** Returns who they were, each once. */
  async function runAll({ job }: Scene): Promise<Set<string>> {
    const arns = new Set<string>();
    for (let n = 0; n < PROCESSES; n += AT_ONCE) {
      for (let i = 0; i < AT_ONCE; i++)
        job.background.run([NODE, "--input-type=module", "-e", WHO_AM_I], { cwd: ACTION });
      for (const step of await job.wait()) arns.add(worked(step).stdout.trim());
    }
    return arns;
  }

  test.each([
    { shared: "true", exchanges: 1 },
    // Main's, and one each.
    { shared: "false", exchanges: 1 + PROCESSES },
  ])(
    "shared-session $shared: $exchanges exchanges",
    async ({ shared, exchanges }) => {
      const scene = await startScene();
      const use = worked(await scene.job.use(ACTION, { with: { ...WITH, "shared-session": shared } }));
      expect([...(await runAll(scene))]).toEqual([sessionArn(use)]);
      const made = scene.clouds.sts.requests.filter(({ action }) => action.startsWith("AssumeRole"));
      expect(made).toHaveLength(exchanges);
      await finishClean(scene);
    },
    240_000,
  );
});
