// Many readers of one shared session: processes that read the file in a tight loop while it is replaced, and
// processes of SDKs, which make no exchange of their own.
import { type ChildProcess, spawn } from "node:child_process";
import os from "node:os";
import path from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { afterEach, describe, expect, test } from "@jest/globals";
import { HeldSession, ROLE } from "../../harness/machine/session-keeper.ts";
import { repository } from "../../harness/repository.ts";
import { waitFor } from "../../harness/wait.ts";
import { writeFileAtomic } from "../../src/base/files.ts";
import { credentialProcessOutput } from "../../src/base/session.ts";
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
  return { seen: closed.then(() => JSON.parse(output.split("\n")[1] || "{}") as Seen) };
}

describe(`${READERS} processes read in a tight loop`, () => {
  /** Starts the readers, replaces the file, ends the keeper, which deletes it, and returns what they saw. */
  async function during(held: HeldSession, replace: () => Promise<unknown>): Promise<Seen[]> {
    const file = held.keeper.directory.secret;
    const started = await Promise.all(Array.from({ length: READERS }, () => read(file)));
    await replace();
    await held.keeper.stop();
    return Promise.all(started.map(({ seen }) => seen));
  }

  const NOTHING_WRONG = { empty: 0, broken: 0, stale: 0 };

  test("while the keeper renews the session", async () => {
    // An exchange may take 15 s then, which the readers leave to it.
    const held = await HeldSession.start({ sessionSeconds: 60 });
    try {
      const all = await during(held, async () => {
        await held.keeper.until("a session", ({ refreshes }) => refreshes === 1, 120_000);
        // For the last of them to have its turn.
        await sleep(2_000);
      });
      for (const seen of all) expect(seen).toMatchObject(NOTHING_WRONG);
      expect(Math.max(...all.map(({ different }) => different))).toBe(2);
    } finally {
      await held.close();
    }
  }, 240_000);

  test("while it is replaced 2,000 times, as the keeper does it", async () => {
    const held = await HeldSession.start({ sessionSeconds: 3_600 });
    try {
      const { sts } = held.clouds;
      const sessions = Array.from({ length: 50 }, (_, n) => {
        const { expires: expiresAt, ...keys } = sts.addSession(ROLE, "held".padEnd(5 + n, "-"));
        // Of different lengths: half of one would show behind another.
        return credentialProcessOutput({ ...keys, expiresAt }).replace("\n", `${" ".repeat(n * 40)}\n`);
      });
      const all = await during(held, async () => {
        for (let n = 0; n < 2_000; n++) {
          writeFileAtomic(held.keeper.directory.secret, sessions[n % sessions.length] ?? "");
          if (n % 20 === 0) await sleep(1);
        }
      });
      for (const seen of all) expect(seen).toMatchObject(NOTHING_WRONG);
      expect(Math.max(...all.map(({ different }) => different))).toBeGreaterThan(20);
      expect(Math.max(...all.map(({ reads }) => reads))).toBeGreaterThan(1_000);
    } finally {
      await held.close();
    }
  }, 240_000);
});

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
