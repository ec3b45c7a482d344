/**
 * Short programs of three SDKs as later steps run them: each makes one call and ends. The conformance suite
 * installs them. For the scripts that measure what a shared session costs them.
 */
import { spawn } from "node:child_process";
import { clientNamed, install } from "../conformance/install.ts";
import type { Clouds } from "../harness/clouds/clouds.ts";
import { repository } from "../harness/repository.ts";
import type { Job, StepResult } from "../harness/runner/runner.ts";
import { ScriptError } from "./script.ts";

/** Where the SDK finds its credentials: two profiles of this action, or keys in the environment. */
export const WAYS = ["shared session", "web identity", "keys in the environment"] as const;
export type Way = (typeof WAYS)[number];

const LIMIT_MS = 120_000;

/** A program that makes one call. */
export interface Program {
  title: string;
  command: string[];
}

/** Installs boto3 and the SDKs for JavaScript v3 and Go v2, and leaves out what no registry serves. */
export async function installPrograms(): Promise<Program[]> {
  const names = ["go-v2", "js-v3", "boto3"];
  const { installed, refused } = await install(names, undefined, (line) => console.log(line));
  for (const [name, reason] of refused) console.log(`${name}: not installed: ${reason}`);
  const programs = names.flatMap((name) => {
    const at = installed.get(name);
    if (at === undefined) return [];
    const { title, start } = clientNamed(name);
    return { title: `${title} ${at.version}`, command: [...start(at.directory), "once"] };
  });
  if (programs.length === 0) throw new ScriptError("no client could be installed");
  return programs;
}

/** The environments of a job's later steps, by the way to the role. Uses the action twice. */
export async function environmentsOf(
  job: Job,
  clouds: Clouds,
  inputs: Record<string, string> & { "role-to-assume": string; "aws-region": string },
): Promise<Record<Way, Record<string, string>>> {
  const use = async (more: Record<string, string>): Promise<void> => {
    const main: StepResult = await job.use(repository(), { with: { ...inputs, ...more } });
    if (main.outcome !== "success") throw new ScriptError(`main failed:\n${main.log}`);
  };
  const bare = {
    ...job.environment,
    AWS_ENDPOINT_URL_STS: clouds.sts.url,
    AWS_REGION: inputs["aws-region"],
    // boto3 reads this one alone.
    AWS_DEFAULT_REGION: inputs["aws-region"],
    // No request to a metadata service, which no test machine has.
    AWS_EC2_METADATA_DISABLED: "true",
  };
  await use({ profile: "shared", "shared-session": "true" });
  await use({ profile: "web-identity" });
  const { accessKeyId, secretAccessKey, sessionToken } = clouds.sts.addSession(
    inputs["role-to-assume"],
    "keys",
  );
  const profile = (name: string) => ({
    ...bare,
    ...job.environment,
    AWS_PROFILE: name,
    CLIENT_PROFILE: name,
  });
  return {
    "shared session": { ...profile("shared"), AWS_ENDPOINT_URL_STS: clouds.sts.url },
    "web identity": { ...profile("web-identity"), AWS_ENDPOINT_URL_STS: clouds.sts.url },
    "keys in the environment": {
      ...bare,
      AWS_ACCESS_KEY_ID: accessKeyId,
      AWS_SECRET_ACCESS_KEY: secretAccessKey,
      AWS_SESSION_TOKEN: sessionToken,
    },
  };
}

/** Runs a program to its end. Rejects with what it printed if its call failed, or it took two minutes. */
export function runProgram({ command }: Program, env: Record<string, string>): Promise<void> {
  const [file = "", ...args] = command;
  const child = spawn(file, args, { env, stdio: ["ignore", "pipe", "pipe"], timeout: LIMIT_MS });
  let printed = "";
  for (const stream of [child.stdout, child.stderr])
    stream.on("data", (chunk: Buffer) => {
      printed += chunk;
    });
  return new Promise((resolve, reject) => {
    child.once("error", reject);
    child.once("close", (code, signal) =>
      code === 0 ? resolve() : reject(new ScriptError(`${command.join(" ")}: ${signal ?? code}\n${printed}`)),
    );
  });
}
