// Windows does not replace or delete a file that a program has open without sharing that.
import { readdirSync, statSync } from "node:fs";
import path from "node:path";
import { expect, test } from "@jest/globals";
import { readLane } from "../../harness/windows/lane.ts";
import { expectFresh, finishClean, LIMIT_MS, startJob } from "./setup.ts";

const { holder } = readLane();

test(
  "main replaces a token file that readers keep open",
  async () => {
    const job = await startJob();
    const uses = [await job.use()];
    const readers = await Promise.all([10, 20].map((closed) => job.read(job.directory.secret, 50, closed)));
    for (let n = 0; n < 6; n++) uses.push(await job.use({ profile: `named-${n}`, trial: "false" }));
    for (const reader of readers) expectFresh(await reader.stop());
    await finishClean(job, uses);
  },
  LIMIT_MS,
);

test.each([
  ["that others may write", holder === undefined ? undefined : "shared"],
  ["that nobody else may open", "exclusive"],
] as const)(
  "a token file %s, held open throughout post: post goes on, names it, and the next use removes it",
  async (_, sharing) => {
    if (sharing === undefined) return; // no Go
    const job = await startJob();
    const use = await job.use({ trial: "false" });
    const { secret: token } = job.directory;
    const held =
      sharing === "shared" ? await job.hold(token) : await job.read(token, 120_000, 0, "exclusive");
    const { exitCode, warnings, log } = await job.post(use);
    expect(exitCode).toBe(0);
    expect(log).toContain("profile default removed");
    const state = sharing === "shared" ? "It is empty now" : "It could not be emptied, either";
    expect(warnings.at(-1)).toMatch(/^Could not delete the job directory: Windows does not delete .*token/);
    expect(warnings.at(-1)).toContain(state);
    expect(job.environment.AWS_CONFIG_FILE).not.toContain("aws-role-refresh");
    // Nothing else is left beside it, and that is empty if it could be emptied.
    const left = readdirSync(job.machine.temp, { recursive: true, withFileTypes: true }).filter(
      (entry) => entry.isFile() && !entry.name.startsWith("lock."),
    );
    expect(left.map(({ name }) => name)).toEqual(["token"]);
    const [file] = left.map(({ parentPath, name }) => path.join(parentPath, name));
    if (sharing === "shared") expect(statSync(file ?? "").size).toBe(0);
    await held.stop();
    await finishClean(job, [await job.use({ trial: "false" })]);
  },
  LIMIT_MS,
);
