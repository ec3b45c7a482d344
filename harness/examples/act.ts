/**
 * Runs a workflow under nektos/act, on this machine and without containers, against the loopback clouds. act copies its own
 * environment into each job, so the job finds GitHub's and AWS's endpoints there. act ignores `environment:`, `concurrency:` and
 * `permissions:`: only GitHub applies those.
 */
import { spawnSync } from "node:child_process";
import { cpSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import os from "node:os";
import path from "node:path";
import type { Clouds } from "../clouds/clouds.ts";
import type { JobClaims } from "../clouds/github.ts";
import { repository } from "../repository.ts";
import { run } from "../run.ts";
import { slug } from "./slug.ts";
import { tools } from "./tools.ts";

export interface ActOptions {
  /** Text of the workflow. */
  workflow: string;
  /** Files of the repository that it runs in, by path: scripts are made executable. */
  files?: Record<string, string>;
  /** Claims of the job's ID tokens. */
  claims?: Partial<JobClaims>;
  event?: "push" | "workflow_dispatch";
  /** The tag that is pushed, with its commit. */
  tag?: string;
  /** Of act itself; default: the one that is installed for the tests. */
  act?: string;
  /** For the steps, over the clouds' own. */
  env?: Record<string, string>;
  /** Folders in front of the steps' PATH. */
  path?: string[];
  timeoutMs?: number;
  /** Called with the repository after the run, while it is there; HOME is the folder `home` beside it. */
  after?: (directory: string) => void;
}

export interface ActResult {
  /** act's exit code: 0 if every job succeeded. */
  end: number | string;
  log: string;
}

/** Bound on one run. On two cores the longest takes twelve seconds. */
const TIMEOUT_MS = 180_000;

/** @param clouds undefined for a workflow that needs none */
export async function runUnderAct(clouds: Clouds | undefined, options: ActOptions): Promise<ActResult> {
  const directory = mkdtempSync(path.join(os.tmpdir(), "arr-act-"));
  const inside = (...names: string[]): string => path.join(directory, ...names);
  try {
    // What a release contains.
    for (const name of ["action.yml", "check", "dist"])
      cpSync(path.join(repository(), name), inside("action", name), { recursive: true });
    cpSync(path.join(repository(), "examples", "workflows"), inside("templates", ".github", "workflows"), {
      recursive: true,
    });
    makeRepository(inside("work"), options);
    mkdirSync(inside("home"));
    if (options.tag !== undefined)
      writeFileSync(inside("event.json"), JSON.stringify({ ref: `refs/tags/${options.tag}` }));
    const job = clouds?.github.startJob(options.claims);
    const { end, stdout, stderr } = await run(
      [
        ...[
          options.act ?? tools.act ?? "act",
          options.event ?? "push",
          "-W",
          ".github/workflows/workflow.yml",
        ],
        ...["-P", "ubuntu-latest=-self-hosted", "--use-new-action-cache", "--no-cache-server", "--rm"],
        ...["--local-repository", `${slug()}@v1=${inside("action")}`],
        ...["--local-repository", `octo-org/.github@v1=${inside("templates")}`],
        ...(options.tag === undefined ? [] : ["--eventpath", inside("event.json")]),
        ...["--action-offline-mode", "--actor", "octocat", "--json=false"],
      ],
      options.timeoutMs ?? TIMEOUT_MS,
      {
        cwd: inside("work"),
        env: {
          PATH: [
            ...[inside("work", "bin"), ...(options.path ?? [])],
            ...[path.dirname(process.execPath), process.env.PATH],
          ].join(":"),
          HOME: inside("home"),
          XDG_CACHE_HOME: inside("cache"),
          ...(clouds && { AWS_ENDPOINT_URL_STS: clouds.sts.url }),
          ...job?.environment,
          ...options.env,
        },
      },
    );
    options.after?.(inside("work"));
    return { end, log: stdout + stderr };
  } finally {
    rmSync(directory, { recursive: true, force: true, maxRetries: 5 });
  }
}

function makeRepository(directory: string, { workflow, files = {}, tag }: ActOptions): void {
  const all = { ".github/workflows/workflow.yml": workflow, ...files };
  for (const [name, text] of Object.entries(all)) {
    const file = path.join(directory, name);
    mkdirSync(path.dirname(file), { recursive: true });
    writeFileSync(file, text, { mode: text.startsWith("#!") ? 0o755 : 0o644 });
  }
  const git = (...args: string[]): void => {
    const identity = ["-c", "user.name=octocat", "-c", "user.email=octocat@example.com"];
    const { status, stderr } = spawnSync("git", [...identity, ...args], { cwd: directory, encoding: "utf8" });
    if (status !== 0) throw new Error(`git ${args.join(" ")}: ${stderr}`);
  };
  git("init", "--quiet", "--initial-branch=main");
  git("remote", "add", "origin", "https://github.com/octo-org/octo-repo.git");
  git("add", "--all");
  git("commit", "--quiet", "--message=first");
  if (tag !== undefined) git("tag", tag);
}
