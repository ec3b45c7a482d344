/** What a job finds around it: the folders of the runner and the GITHUB_* variables. */
import { cp, mkdir, readdir, rm } from "node:fs/promises";
import path from "node:path";
import { readActionManifest } from "./action-manifest.ts";
import { FILE_COMMANDS_FOLDER } from "./file-commands.ts";

/** The runner's own folder in RUNNER_TEMP, beside that of the file commands. */
export const WORKFLOW_FOLDER = "_github_workflow";

/** Removes what is in `folder`, going on after an error (actions/runner TempDirectoryManager.cs:27-60). */
export async function emptyFolder(folder: string): Promise<void> {
  const entries = await readdir(folder);
  await Promise.allSettled(
    entries.map((entry) => rm(path.join(folder, entry), { recursive: true, force: true })),
  );
}

/** Every path under RUNNER_TEMP, relative to it and sorted, without the runner's own. */
export async function listTemp(temp: string): Promise<string[]> {
  const entries = await readdir(temp, { recursive: true });
  return entries
    .filter((entry) => ![FILE_COMMANDS_FOLDER, WORKFLOW_FOLDER].includes(entry.split(path.sep)[0] as string))
    .sort();
}

/**
 * Copies what action.yml names, and nothing else of the checkout, to `target`: action.yml itself,
 * package.json (its "type" says how a file is to be read) and the folders or files of main and post.
 */
export async function copyAction(source: string, target: string): Promise<void> {
  const { main, post } = await readActionManifest(source);
  const entries = [main, ...(post === undefined ? [] : [post])].map(
    (file) => path.normalize(file).split(path.sep)[0] as string,
  );
  await mkdir(target, { recursive: true });
  for (const name of new Set(["action.yml", "action.yaml", "package.json", ...entries])) {
    await cp(path.join(source, name), path.join(target, name), { recursive: true }).catch(
      (error: NodeJS.ErrnoException) => {
        if (error.code !== "ENOENT" || entries.includes(name)) throw error;
      },
    );
  }
}

/** The GITHUB_* variables of a job, `changes` over them. */
export function githubContext(job: {
  name?: string;
  workspace: string;
  eventPath: string;
  changes?: Record<string, string>;
}): Record<string, string> {
  return {
    GITHUB_ACTIONS: "true",
    GITHUB_ACTOR: "octocat",
    GITHUB_API_URL: "https://api.github.com",
    GITHUB_EVENT_NAME: "push",
    GITHUB_EVENT_PATH: job.eventPath,
    GITHUB_JOB: job.name ?? "job",
    GITHUB_REF: "refs/heads/main",
    GITHUB_REF_NAME: "main",
    GITHUB_REF_TYPE: "branch",
    GITHUB_REPOSITORY: "org/repository",
    GITHUB_REPOSITORY_OWNER: "org",
    GITHUB_RUN_ATTEMPT: "1",
    GITHUB_RUN_ID: "1234567890",
    GITHUB_RUN_NUMBER: "1",
    GITHUB_SERVER_URL: "https://github.com",
    GITHUB_SHA: "0".repeat(40),
    GITHUB_WORKFLOW: "workflow",
    GITHUB_WORKSPACE: job.workspace,
    ...job.changes,
  };
}
