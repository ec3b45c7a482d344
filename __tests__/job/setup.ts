// What the tests of this room begin with: an empty job directory beside a home, and stand-ins for keepers. All of it
// goes with the test.

import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import os from "node:os";
import path from "node:path";
import { afterEach, beforeEach } from "@jest/globals";
import { renderProfile } from "../../src/aws/section.ts";
import { writeRecord } from "../../src/base/files.ts";
import {
  type JobDirectory,
  jobDirectory,
  type KeeperDirectory,
  tokenDirectory,
  tokenKeeper,
} from "../../src/base/layout.ts";
import { identify } from "../../src/base/process.ts";
import { unseal } from "../../src/base/seal.ts";
import { beginUse, endUse, type NewUse } from "../../src/job/uses.ts";
import type { KeeperStatus } from "../../src/keeper/status.ts";

export let temp: string;
export let home: string;
export let job: JobDirectory;
const children: ChildProcess[] = [];

beforeEach(() => {
  temp = mkdtempSync(path.join(os.tmpdir(), "uses test "));
  home = `${temp}/home`;
  mkdirSync(`${home}/.aws`, { recursive: true });
  job = jobDirectory(`${temp}/aws-role-refresh`);
});

afterEach(() => {
  for (const child of children.splice(0)) child.kill("SIGKILL");
  rmSync(temp, { recursive: true, force: true });
});

export const CONFIG =
  "# mine\r\n[default]\r\nregion = us-east-1\r\n\r\n[profile other] ; odd\noutput=json # \u00e9\n";
export const CREDENTIALS =
  "[default]\naws_access_key_id = not-a-key\n[other]\naws_access_key_id = nor-this\n";

export function seedHome(): void {
  writeFileSync(`${home}/.aws/config`, CONFIG, "latin1");
  writeFileSync(`${home}/.aws/credentials`, CREDENTIALS, "latin1");
}

const encode = (value: unknown): string => Buffer.from(JSON.stringify(value)).toString("base64url");
export const tokenUntil = (exp: number, jti = ""): string =>
  `${encode({ alg: "none" })}.${encode({ exp, jti })}.${encode("x")}`;
export const TOKEN = tokenUntil(2_000_000_000);

export function newUse(id: string, profile = "default", audience = "sts.amazonaws.com"): NewUse {
  const roleArn = `arn:aws:iam::111122223333:role/${id}`;
  return {
    id,
    startedAt: 1_000,
    profile,
    roleArn,
    sessionName: `session-${id}`,
    audience,
    keepers: [tokenKeeper(audience)],
    visible: {
      profile,
      region: "eu-west-1",
      stsEndpoint: undefined,
      identity: {
        roleArn,
        sessionName: `session-${id}`,
        tokenFile: tokenDirectory(job, audience).secret,
      },
    },
    exported: { AWS_CONFIG_FILE: job.config, AWS_REGION: "eu-west-1" },
  };
}

/** What a use writes into the config file. */
export const sectionOf = ({ visible }: NewUse): string => renderProfile(visible);

export const begin = (
  use: NewUse,
  ambient: NodeJS.ProcessEnv = {},
  token = TOKEN,
  jobSecret = "this job's",
): ReturnType<typeof beginUse> => beginUse(job, { ...use, token }, jobSecret, ambient, home);
export const end = (id: string): ReturnType<typeof endUse> => endUse(job, id, { jobSecret: "this job's" });
export const text = (file: string): string => readFileSync(file, "latin1");
/** What was set before the variables that a use exports. */
export const previousOf = (id: string): unknown =>
  JSON.parse(unseal(String(record(id).previous), "this job's"));
export const record = (id: string): Record<string, unknown> =>
  JSON.parse(text(`${job.uses}/${id}.json`)) as Record<string, unknown>;

/** A process that stands in for a keeper of a token directory; `script` is what it does once it runs. */
export async function fakeKeeper(
  script: string,
): Promise<{ directory: KeeperDirectory; status: KeeperStatus; child: ChildProcess }> {
  const directory = tokenDirectory(job, "sts.amazonaws.com");
  mkdirSync(directory.path, { recursive: true, mode: 0o700 });
  const source = `const fs = require("node:fs"); const directory = ${JSON.stringify(directory)};
    process.chdir(directory.path);
    process.on("SIGTERM", () => fs.writeFileSync(directory.path + "/got-SIGTERM", ""));
    ${script}; setInterval(() => {}, 1e6); console.log("up");`;
  const child = spawn(process.execPath, ["-e", source], { stdio: ["ignore", "pipe", "inherit"] });
  children.push(child);
  await once(child.stdout as NodeJS.ReadableStream, "data");
  const status: KeeperStatus = {
    ...identify(child.pid as number),
    startedAt: 1,
    tokenReceivedAt: 1,
    tokenExpiresAt: 2,
    lifetimeMs: 1,
    silentUntil: 2,
    refreshes: 0,
    failures: 0,
    longestAgeMs: 0,
    received: [1],
    outages: [],
    stale: [],
  };
  writeRecord(directory.status, status);
  return { directory, status, child };
}

export const ENDS_ON_MESSAGE = `setInterval(() => fs.existsSync(directory.stop) && process.exit(), 5)`;
export const ENDS_WITHOUT_LEAVING = `const looking = setInterval(() => {
  if (!fs.existsSync(directory.stop)) return;
  clearInterval(looking);
  const status = JSON.parse(fs.readFileSync(directory.status, "utf8"));
  fs.writeFileSync(directory.status, JSON.stringify({ ...status, ended: { at: 1, why: "stopped" } }));
}, 5);`;
