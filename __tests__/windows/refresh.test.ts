// A job that outlives its first token three times, with Windows programs as clients and readers.
import { mkdirSync, readFileSync, writeFileSync } from "node:fs";
import path from "node:path";
import { expect, test } from "@jest/globals";
import { failedAtExpiry } from "../../conformance/judge.ts";
import { trustGitHub } from "../../harness/clouds/trust.ts";
import { ROLE } from "../../harness/windows/job.ts";
import { readLane } from "../../harness/windows/lane.ts";
import type { StepEnd } from "../../harness/windows/orders.ts";
import { expectFresh, finishClean, LIMIT_MS, startJob, wasPunctual } from "./setup.ts";

const RELEASE = "arn:aws:iam::444455556666:role/release";
const USER = "arn:aws:iam::777788889999:user/mine";
/** exp - iat of ID tokens, seconds: short, but half of it is still long for a busy machine. */
const TOKEN_SECONDS = 10;
const SESSION_SECONDS = 12;
const SECONDS = 3 * SESSION_SECONDS + 2;

const { jsClient = "", goClient } = readLane();
/** The role or user that each call of a client ran as, or its error. */
const calls = ({ stdout, stderr }: StepEnd): string[] => {
  const lines = stdout.split(/\r?\n/).filter((line) => line.startsWith("{"));
  if (lines.length === 0) return [`no line: ${stderr}`];
  return lines.map((line) => {
    const { arn, error } = JSON.parse(line) as { arn?: string; error?: string };
    return arn?.replace(/\/[^/]*$/, "") ?? error ?? line;
  });
};
const worked = (call = ""): boolean => call.startsWith("arn:");
const failed = (all: string[]): string[] =>
  all.filter((call, index) => !worked(call) && !failedAtExpiry(call, worked(all[index + 1])));
const assumed = (role: string): string => role.replace(":iam:", ":sts:").replace(":role/", ":assumed-role/");

test(
  "ambient and named uses stay fresh over three lives, under readers that keep the token file open, beside the user's own profile",
  async () => {
    const job = await startJob({ idTokenSeconds: TOKEN_SECONDS, sessionSeconds: SESSION_SECONDS });
    const { clouds, machine } = job;
    clouds.sts.addRole({ arn: RELEASE, trust: trustGitHub("444455556666", "repo:*") });
    // Files as Windows editors write them, in the folder that USERPROFILE names.
    const { accessKeyId, secretAccessKey } = clouds.sts.addUser({ arn: USER });
    const folder = path.join(machine.home, ".aws");
    mkdirSync(folder);
    const config = "[default]\r\noutput = json\r\n\r\n[profile mine]\r\nregion = us-east-1\r\n";
    const keys = `[mine]\r\naws_access_key_id = ${accessKeyId}\r\naws_secret_access_key = ${secretAccessKey}\r\n`;
    writeFileSync(path.join(folder, "config"), config);
    writeFileSync(path.join(folder, "credentials"), keys);

    const ambient = await job.use();
    const named = await job.use({ "role-to-assume": RELEASE, profile: "release" });
    // A path that every SDK on Windows takes, with its drive letter.
    expect(ambient.outputs["web-identity-token-file"]).toMatch(/^[A-Z]:\/.* .*\/token$/);
    expect(machine.host(job.environment.AWS_CONFIG_FILE ?? "")).toBe(path.join(job.root, "config"));
    expect(readFileSync(path.join(job.root, "config"), "latin1")).toContain(
      "[profile mine]\r\nregion = us-east-1\r\n",
    );
    expect(readFileSync(path.join(job.root, "credentials"), "latin1")).toBe(keys);

    const start = (profile: string, kind: "js" | "go", seconds: number) => {
      const env = { CLIENT_SECONDS: String(seconds), CLIENT_PROFILE: profile };
      return kind === "js"
        ? job.run("node", [machine.windows(jsClient)], env)
        : job.run(goClient ?? "", [], env);
    };
    const readers = await Promise.all([10, 20].map((closed) => job.read(job.directory.secret, 50, closed)));
    const kinds = goClient === undefined ? (["js"] as const) : (["js", "go"] as const);
    const clients = await Promise.all(
      kinds.flatMap((kind) => ["", "release"].map((profile) => start(profile, kind, SECONDS))),
    );
    const ofUser = await Promise.all(kinds.map((kind) => start("mine", kind, 1)));
    const ended = await Promise.all(clients.map((client) => client.ended));
    const seen = await Promise.all(readers.map((reader) => reader.stop()));

    for (const client of ofUser)
      expect(calls(await client.ended)).toContain("arn:aws:iam::777788889999:user");
    const made = ended.map(calls);
    const arns = made.map((all) => [...new Set(all.filter(worked))]);
    expect(arns).toEqual(kinds.flatMap(() => [[assumed(ROLE)], [assumed(RELEASE)]]));
    const isBusy = !seen.every(wasPunctual);
    if (!isBusy) expect(made.flatMap(failed)).toEqual([]);
    for (const sightings of seen) {
      expectFresh(sightings);
      expect(sightings.tokens).toBeGreaterThanOrEqual(4);
    }
    // Sessions were renewed with tokens that the keeper fetched after main was over.
    const renewals = clouds.sts.requests.filter(({ action }) => action === "AssumeRoleWithWebIdentity");
    expect(renewals.length).toBeGreaterThanOrEqual(3 * clients.length);
    const { refreshes, failures } = job.status();
    expect(refreshes).toBeGreaterThanOrEqual(4);
    // Each use asked for one token of its own; one more may be on its way.
    expect(clouds.github.requests.length - (2 + refreshes + failures)).toBeLessThanOrEqual(1);

    const posts = await finishClean(job, [ambient, named], isBusy);
    expect(posts.map(({ log }) => log).join("")).toContain(`${ROLE}: profile default removed`);
  },
  LIMIT_MS,
);

test.each([
  [", through a path with spaces, but not by Go, which cannot quote it", "runner work ", ["js"]],
  ["", "runner-work-", goClient === undefined ? ["js"] : ["js", "go"]],
])(
  "a shared session is read by Windows programs%s",
  async (_, folder, kinds) => {
    const job = await startJob({}, folder);
    const use = await job.use({ profile: "shared", "shared-session": "true" });
    const env = { CLIENT_SECONDS: "1", CLIENT_PROFILE: "shared" };
    for (const kind of kinds) {
      const client =
        kind === "js"
          ? job.run("node", [job.machine.windows(jsClient)], env)
          : job.run(goClient ?? "", [], env);
      expect(calls(await (await client).ended)).toContain(assumed(ROLE));
    }
    const exchanges = job.clouds.sts.requests.filter(({ action }) => action === "AssumeRoleWithWebIdentity");
    expect(exchanges).toHaveLength(1);
    await finishClean(job, [use]);
  },
  LIMIT_MS,
);
