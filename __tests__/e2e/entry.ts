/**
 * Runs an entry of dist/ as its own process, with nothing around it but the environment that the test gives.
 */
import { spawn } from "node:child_process";
import path from "node:path";
import {
  collectFileCommands,
  createFileCommands,
  type FileCommandResult,
} from "../../harness/runner/file-commands.ts";
import { ACTION, NODE } from "./setup.ts";

export interface Run extends FileCommandResult {
  code: number | null;
  /** stdout and stderr. */
  output: string;
}

/**
 * Bounded by the test's own time limit. A variable that is undefined is left out.
 * @param folder where the files for its outputs, its state and so on go
 * @param wrapper a program that is to run it, with its arguments
 */
export async function runEntry(
  entry: "main" | "post",
  environment: Record<string, string | undefined>,
  folder: string,
  wrapper: string[] = [],
): Promise<Run> {
  const files = await createFileCommands(folder);
  const env = { ...files.variables, ...environment };
  const [command = "", ...args] = [...wrapper, NODE, path.join(ACTION, "dist", entry, "index.js")];
  const child = spawn(command, args, { env, stdio: ["ignore", "pipe", "pipe"] });
  let output = "";
  for (const stream of [child.stdout, child.stderr]) {
    stream.setEncoding("utf8").on("data", (text: string) => {
      output += text;
    });
  }
  const code = await new Promise<number | null>((resolve, reject) => {
    child.once("error", reject);
    child.once("close", resolve);
  });
  return { code, output, ...(await collectFileCommands(files)) };
}
