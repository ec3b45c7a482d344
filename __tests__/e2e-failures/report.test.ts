// What post tells of a job in which a token went stale, a keeper died, or nothing happened at all.
import { readdirSync, readFileSync, readlinkSync } from "node:fs";
import os from "node:os";
import path from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { describe, expect, test } from "@jest/globals";
import { killForGood } from "../../harness/machine/stage.ts";
import type { StepResult } from "../../harness/runner/runner.ts";
import { type KeeperDirectory, keeperDirectoryAt } from "../../src/base/layout.ts";
import type { KeeperStatus } from "../../src/keeper/status.ts";
import { duration } from "../../src/report/intervals.ts";
import {
  ACTION,
  addRole,
  finishClean,
  keepers,
  ROLE,
  type Scene,
  startScene,
  until,
  WITH,
  worked,
} from "../e2e/setup.ts";

const OTHER_ROLE = "arn:aws:iam::111122223333:role/logs";
const TIMES = String.raw`from \d\d:\d\d:\d\d to \d\d:\d\d:\d\d UTC \(\d+ (?:s|ms)\)`;

/** Ends a job whose posts have something to tell. */
async function finish({
  job,
}: Scene): Promise<{ warnings: string[]; summaries: string[]; posts: StepResult[] }> {
  const { posts } = await job.finish();
  for (const post of posts) expect([post.outcome, post.stderr]).toEqual(["success", ""]);
  const annotations = posts.flatMap((post) => post.annotations);
  expect(annotations.filter(({ level }) => level !== "warning")).toEqual([]);
  const summaries = posts.map(({ summary }) => summary).filter((summary) => summary !== "");
  return { warnings: annotations.map(({ message }) => message), summaries, posts };
}

function directoryOf(use: StepResult): KeeperDirectory {
  return keeperDirectoryAt(path.dirname(use.outputs["web-identity-token-file"] ?? ""));
}

function statusOf(use: StepResult): KeeperStatus {
  return JSON.parse(readFileSync(directoryOf(use).status, "utf8")) as KeeperStatus;
}

describe("a job in which all went well", () => {
  test.each([
    ["auto", 0],
    ["never", 0],
    ["always", 1],
  ])("summary: %s", async (summary, count) => {
    const scene = await startScene();
    worked(await scene.job.use(ACTION, { with: { ...WITH, summary } }));
    const { posts } = await finishClean(scene);
    expect(posts.map((post) => post.summary).filter((text) => text !== "")).toHaveLength(count);
    // One line of log, whether or not there is a summary.
    expect(posts[0]?.log).toBe(`${ROLE}: profile default removed\n`);
  });

  test("three uses have one summary, by the last post", async () => {
    const scene = await startScene();
    addRole(scene.clouds, OTHER_ROLE);
    const always = { ...WITH, summary: "always" };
    const uses = [
      worked(await scene.job.use(ACTION, { with: always })),
      worked(
        await scene.job.use(ACTION, { with: { ...always, profile: "logs", "role-to-assume": OTHER_ROLE } }),
      ),
      worked(
        await scene.job.use(ACTION, {
          with: { ...always, profile: "named", "role-session-name": "my-session" },
        }),
      ),
    ];
    const { posts } = await finishClean(scene);
    expect(posts.map(({ summary }) => summary !== "")).toEqual([false, false, true]);
    const summary = posts[2]?.summary ?? "";
    expect(summary).toMatch(
      /^### Roles of this job\n\n\*\*A valid ID token at every moment\*\* from .* 3 were issued, no request failed\./,
    );
    const names = uses.map((use) => use.outputs["role-session-name"]);
    expect(summary).toContain(
      [
        `| \`default\` | \`${ROLE}\` | \`${names[0]}\` |`,
        `| \`logs\` | \`${OTHER_ROLE}\` | \`${names[1]}\` |`,
        `| \`named\` | \`${ROLE}\` | \`my-session\` |`,
        "",
      ].join("\n"),
    );
    expect(summary.trimEnd().split("\n").length).toBeLessThan(30);
    expect(summary).toContain("\n```mermaid\ngantt\n");
  });

  test("a masked account stays masked in the summary", async () => {
    const scene = await startScene();
    worked(
      await scene.job.use(ACTION, { with: { ...WITH, summary: "always", "mask-aws-account-id": "true" } }),
    );
    const { posts } = await finishClean(scene);
    expect(posts[0]?.summary).toContain("`arn:aws:iam::***:role/team/deploy`");
  });

  test("a use that failed beside one that worked is not in the summary", async () => {
    const scene = await startScene();
    worked(await scene.job.use(ACTION, { with: { ...WITH, summary: "always" } }));
    const failed = await scene.job.use(ACTION, {
      with: { ...WITH, profile: "no", "role-to-assume": `${ROLE}2` },
    });
    expect(failed.outcome).toBe("failure");
    const { posts } = await finishClean(scene);
    expect(posts.map(({ log }) => log)).toEqual([
      "Nothing to clean up.\n",
      `${ROLE}: profile default removed\n`,
    ]);
    expect(posts[1]?.summary).toContain("`default`");
    expect(posts[1]?.summary).not.toContain("`no`");
  });
});

describe("a job in which something happened", () => {
  test("the token was stale: from when to when, why, and how old it got", async () => {
    const scene = await startScene({ idTokenSeconds: 3 });
    const use = worked(await scene.job.use(ACTION, { with: WITH }));
    await scene.clouds.github.refuseConnections(true);
    await until("a stale token", () => Date.now() > statusOf(use).tokenExpiresAt + 1_500);
    await scene.clouds.github.refuseConnections(false);
    const { from, to } = await until("a new token", () => statusOf(use).stale[0]);
    const lasted = duration(to - from);
    const { warnings, summaries } = await finish(scene);
    expect(warnings).toEqual([
      expect.stringMatching(
        new RegExp(
          `^The ID token was stale ${TIMES}: \\d+ requests failed, the last with ".*ECONNREFUSED.*"\\. Calls that needed a new session then failed\\. More: https://.*#token-was-stale$`,
        ),
      ),
    ]);
    expect(summaries).toHaveLength(1);
    expect(summaries[0]).toMatch(
      new RegExp(`^\\*\\*No valid ID token for ${lasted}\\*\\* of the time from `, "m"),
    );
    expect(summaries[0]).toMatch(new RegExp(`^- The ID token was stale ${TIMES}: `, "m"));
    expect(summaries[0]).toContain(`\n  No valid token ${lasted} :crit, `);
  });

  test("an outage that did no harm is in the summary and no annotation", async () => {
    const scene = await startScene({ idTokenSeconds: 8 });
    const use = worked(await scene.job.use(ACTION, { with: WITH }));
    await scene.clouds.github.refuseConnections(true);
    const outage = await until("a failure", () => statusOf(use).outages[0]);
    await sleep(Math.max(0, outage.from + 2_750 - Date.now()));
    await scene.clouds.github.refuseConnections(false);
    await until("a new token", () => statusOf(use).refreshes > 0);
    // On a machine so slow that the token went stale there is nothing to see.
    if (statusOf(use).stale.length > 0) return;
    const { warnings, summaries } = await finish(scene);
    expect(warnings).toEqual([]);
    expect(summaries).toEqual([
      expect.stringMatching(
        new RegExp(
          `^- No new ID token ${TIMES}: \\d+ requests? failed, .*The one in the file stayed valid\\.$`,
          "m",
        ),
      ),
    ]);
  });

  test("the keeper was killed: since when nobody could get a session", async () => {
    const scene = await startScene({ idTokenSeconds: 3 });
    const use = worked(await scene.job.use(ACTION, { with: WITH }));
    await killForGood(directoryOf(use));
    await until("a stale token", () => Date.now() > statusOf(use).tokenExpiresAt + 1_100);
    const { warnings, summaries } = await finish(scene);
    expect(warnings).toEqual([
      expect.stringMatching(
        new RegExp(
          `^The keeper, which renews the ID token, was gone before the job was over\\. There was no valid ID token ${TIMES}\\. Calls that .*#keeper-was-gone$`,
        ),
      ),
    ]);
    expect(summaries).toEqual([
      expect.stringMatching(/^\*\*No valid ID token for \d+ s\*\* of the time from /m),
    ]);
  });

  test("the keeper was killed shortly before the end: no call was at risk", async () => {
    const scene = await startScene();
    await killForGood(directoryOf(worked(await scene.job.use(ACTION, { with: WITH }))));
    const { warnings, summaries } = await finish(scene);
    expect(warnings).toEqual([
      expect.stringContaining("valid until the job's steps were over, so no call was at risk."),
    ]);
    expect(summaries).toEqual([expect.stringContaining("**A valid ID token at every moment**")]);
  });

  test("a keeper that was stopped from outside is ended all the same, and told of", async () => {
    const scene = await startScene({ idTokenSeconds: 3 });
    const use = worked(await scene.job.use(ACTION, { with: WITH }));
    for (const { pid } of keepers(scene.runner)) process.kill(pid, "SIGSTOP");
    await until("a stale token", () => Date.now() > statusOf(use).tokenExpiresAt + 1_100);
    const { warnings } = await finish(scene);
    expect(warnings).toEqual([
      expect.stringMatching(
        /^The keeper, .* did not answer at the end of the job\. There was no valid ID token from /,
      ),
    ]);
    expect(keepers(scene.runner)).toEqual([]);
  });

  test("a step sends the keeper every signal but those that cannot be caught: it goes on", async () => {
    const scene = await startScene({ idTokenSeconds: 3 });
    const use = worked(await scene.job.use(ACTION, { with: WITH }));
    const [keeper] = keepers(scene.runner);
    const fatal = [
      "SIGKILL",
      "SIGSTOP",
      "SIGSEGV",
      "SIGBUS",
      "SIGFPE",
      "SIGILL",
      "SIGABRT",
      "SIGIOT",
      "SIGTRAP",
    ];
    const signals = Object.keys(os.constants.signals).filter((name) => !fatal.includes(name));
    expect(signals.length).toBeGreaterThan(15);
    for (const signal of signals) process.kill(keeper?.pid ?? Number.NaN, signal);
    const { refreshes } = statusOf(use);
    await until("two more tokens", () => statusOf(use).refreshes >= refreshes + 2);
    expect(keepers(scene.runner).map(({ pid }) => pid)).toEqual([keeper?.pid]);
    // Neither a debugger nor anything else listens.
    const sockets = readdirSync(`/proc/${keeper?.pid}/fd`).map((fd) =>
      readlinkSync(`/proc/${keeper?.pid}/fd/${fd}`),
    );
    const inodes = sockets.flatMap((link) => /^socket:\[(\d+)\]$/.exec(link)?.[1] ?? []);
    const LISTENING = "0A"; // proc(5), /proc/net/tcp, field 4
    const listening = ["tcp", "tcp6"].flatMap((name) =>
      readFileSync(`/proc/net/${name}`, "utf8")
        .split("\n")
        .map((line) => line.trim().split(/\s+/))
        .filter((fields) => fields[3] === LISTENING && inodes.includes(fields[9] ?? "")),
    );
    expect(listening).toEqual([]);
    const { warnings } = await finish(scene);
    expect(warnings).toEqual([]);
  });

  test("the request token expired and the job went on", async () => {
    const scene = await startScene({ idTokenSeconds: 3, requestTokenSeconds: 4 });
    const use = worked(await scene.job.use(ACTION, { with: WITH }));
    await until("the keeper's end", () => statusOf(use).ended, 40_000);
    await sleep(1_100);
    const { warnings, summaries } = await finish(scene);
    expect(warnings.at(-1)).toMatch(
      new RegExp(
        `^The job ran past the roughly six hours for which GitHub issues ID tokens\\. There was no valid ID token ${TIMES}\\. .*#job-outlived-its-id-tokens$`,
      ),
    );
    expect(summaries).toHaveLength(1);
  });
});
