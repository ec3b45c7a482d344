/** Main or post without a runner: for surroundings that no runner would make. */
import { chownSync } from "node:fs";
import path from "node:path";
import { repository } from "../repository.ts";
import { type Ran, run } from "../run.ts";
import { collectFileCommands, createFileCommands } from "../runner/file-commands.ts";

const LIMIT_MS = 60_000;

export interface AloneOptions {
  entry: "main" | "post";
  /** The whole environment, less the files of the runner. */
  env: Record<string, string>;
  /** A folder for those files. */
  folder: string;
  cwd?: string;
  uid?: number;
}

export interface AloneResult extends Omit<Ran, "end"> {
  code: Ran["end"];
  exported: Record<string, string>;
  state: Record<string, string>;
}

export async function runAlone({ entry, env, folder, cwd = "/", uid }: AloneOptions): Promise<AloneResult> {
  const files = await createFileCommands(folder);
  if (uid !== undefined) for (const file of Object.values(files.variables)) chownSync(file, uid, uid);
  const node = process.env.ACTION_NODE ?? process.execPath;
  const { end, ...output } = await run([node, path.join(repository(), "dist", entry, "index.js")], LIMIT_MS, {
    cwd,
    env: { PATH: process.env.PATH ?? "", ...env, ...files.variables },
    ...(uid === undefined ? {} : { uid, gid: uid }),
  });
  const { environment, state } = await collectFileCommands(files);
  return { code: end, ...output, exported: environment, state };
}
