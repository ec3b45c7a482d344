/** Main or post without a runner: for surroundings that no runner would make. */
import { spawn } from "node:child_process";
import { chmodSync, chownSync, mkdirSync, readFileSync, writeFileSync } from "node:fs";
import path from "node:path";
import { parseKeyValueFile } from "../runner/file-commands.ts";
import { repository } from "./keeper.ts";

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

export interface AloneResult {
  code: number | null;
  stdout: string;
  stderr: string;
  exported: Record<string, string>;
  state: Record<string, string>;
}

export async function runAlone({ entry, env, folder, cwd = "/", uid }: AloneOptions): Promise<AloneResult> {
  mkdirSync(folder, { recursive: true });
  const files = Object.fromEntries(
    ["GITHUB_ENV", "GITHUB_STATE", "GITHUB_OUTPUT", "GITHUB_STEP_SUMMARY"].map((name) => [
      name,
      path.join(folder, name),
    ]),
  );
  for (const file of Object.values(files)) {
    writeFileSync(file, "");
    chmodSync(file, 0o600);
    if (uid !== undefined) chownSync(file, uid, uid);
  }
  const child = spawn(
    process.env.ACTION_NODE ?? process.execPath,
    [path.join(repository(), "dist", entry, "index.js")],
    {
      cwd,
      env: { PATH: process.env.PATH ?? "", ...env, ...files },
      stdio: ["ignore", "pipe", "pipe"],
      timeout: LIMIT_MS,
      killSignal: "SIGKILL",
      ...(uid === undefined ? {} : { uid, gid: uid }),
    },
  );
  const output = { stdout: "", stderr: "" };
  for (const stream of ["stdout", "stderr"] as const) {
    child[stream].on("data", (chunk: Buffer) => {
      output[stream] += chunk;
    });
  }
  const code = await new Promise<number | null>((resolve, reject) => {
    child.once("error", reject);
    child.once("close", resolve);
  });
  const read = (name: string) =>
    Object.fromEntries(parseKeyValueFile(readFileSync(files[name] ?? "", "utf8")));
  return { code, ...output, exported: read("GITHUB_ENV"), state: read("GITHUB_STATE") };
}
