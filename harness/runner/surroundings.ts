/** The folders of the runner that a job finds around it. */
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
 * package.json (its "type" decides how Node reads a file) and the folders or files of main and post.
 */
export async function copyAction(source: string, target: string): Promise<void> {
  const { main, post } = await readActionManifest(source);
  const entries = [main, ...(post === undefined ? [] : [post])].map(
    // An action in a folder of a repository may lead out of it: ../dist/NAME/index.js.
    (file) => /^(?:\.\.[\\/])*[^\\/]+/.exec(path.normalize(file))?.[0] as string,
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
