/** A use of the action that must fail: what is true of every failure, whatever its cause. */
import { execFileSync } from "node:child_process";
import { expect } from "@jest/globals";
import type { Clouds } from "../../harness/clouds/clouds.ts";
import type { TrustPolicy } from "../../harness/clouds/sts.ts";
import { GITHUB_PROVIDER } from "../../harness/clouds/trust.ts";
import type { StepResult } from "../../harness/runner/runner.ts";
import { knowsProxies } from "../../src/base/proxy.ts";
import {
  ACCOUNT,
  ACTION,
  keepers,
  NODE,
  type Scene,
  type SceneOptions,
  startScene,
  until,
  WITH,
} from "../e2e/setup.ts";

/**
 * A refusal takes under a second on an idle machine; retries of what cannot pass would take half a minute.
 */
const LIMIT_MS = 15_000;

export interface Failure {
  main: StepResult;
  /** The annotation: what is wrong, in a line, and the anchor of its entry in docs/troubleshooting.md. */
  title: string;
  anchor: string;
  stsCalls: number;
}

export interface UseOfAction {
  with?: Record<string, string>;
  env?: Record<string, string>;
  limitMs?: number;
}

/**
 * Starts a scene whose tokens have GitHub's own issuer, so that everything that is said is what a user would
 * read.
 */
export function startAsGitHub(options: SceneOptions = {}): Promise<Scene> {
  return startScene({
    ...options,
    before: (runner, clouds) => {
      const issuer = `https://${GITHUB_PROVIDER}`;
      // The clouds' STS takes its keys from the cloud itself, under whatever name it has.
      Object.assign(clouds.github, { issuer });
      for (const provider of clouds.sts.providers.values()) provider.issuer = issuer;
      options.before?.(runner, clouds);
    },
  });
}

/** Uses the action, which must fail: soon, with one annotation, nothing exported and no token said. */
export async function failingUse(scene: Scene, use: UseOfAction = {}): Promise<Failure> {
  const { job, clouds, cloudJob, runner } = scene;
  const before = clouds.sts.requests.length;
  const main = await job.use(ACTION, { with: { ...WITH, ...use.with }, env: use.env ?? {} });

  expect([main.outcome, main.exitCode, main.stderr]).toEqual(["failure", 1, ""]);
  expect(main.durationMs).toBeLessThan(use.limitMs ?? LIMIT_MS);
  expect(main.annotations.map(({ level }) => level)).toEqual(["error"]);
  expect([main.exportedEnvironment, main.outputs, main.summary]).toEqual([{}, {}, ""]);
  // One that was started early, and got nothing to keep, notices that main is gone.
  await until("no keeper", () => keepers(runner).length === 0);

  const printed = main.stdout.replaceAll(/^::add-mask::.*$/gm, "");
  for (const text of [printed, main.log, JSON.stringify(main.annotations)]) {
    expect(text).not.toContain(cloudJob.environment.ACTIONS_ID_TOKEN_REQUEST_TOKEN);
    expect(text).not.toMatch(/eyJ[\w-]+\./);
  }
  const [title = "", link = ""] = main.annotations[0]?.message.split("\nMore: ") ?? [];
  expect(title).not.toContain("\n");
  return { main, title, anchor: link.split("#")[1] ?? "", stsCalls: clouds.sts.requests.length - before };
}

/** Ends the job of a scene in which no use worked: the posts have nothing to do and say so in one line. */
export async function finishQuietly({ job }: Scene): Promise<void> {
  const { posts, orphans, tempLeft } = await job.finish();
  for (const post of posts) {
    expect([post.outcome, post.stderr, post.annotations, post.summary, post.exportedEnvironment]).toEqual([
      "success",
      "",
      [],
      "",
      {},
    ]);
    expect(post.log).toMatch(/^Nothing to clean up.*\n$/);
  }
  expect([orphans, tempLeft.before]).toEqual([[], []]);
}

/** The trust policy that the log of a refusal has to paste. */
export function policyIn(log: string): TrustPolicy {
  const lines = log.split("\n");
  return JSON.parse(lines.slice(lines.indexOf("{"), lines.indexOf("}") + 1).join("\n")) as TrustPolicy;
}

/** Registers an audience, or GitHub's provider as such, in an account, as the commands in the log would. */
export function createProvider(clouds: Clouds, account = ACCOUNT, ...clientIds: string[]): void {
  clouds.sts.providers.set(account, { issuer: clouds.github.issuer, name: GITHUB_PROVIDER, clientIds });
}

/** Whether the node that runs the action can use proxies. */
export const NODE_KNOWS_PROXIES = knowsProxies(
  execFileSync(NODE, ["--version"], { encoding: "utf8" }).slice(1),
);
