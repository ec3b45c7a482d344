import { createHash } from "node:crypto";
import * as fs from "node:fs";
import * as path from "node:path";
import { append, roleArnsIn, takeFromConfig, takeFromCredentials } from "../aws/profile.ts";
import { errorCode, errorText, UserError } from "../base/errors.ts";
import { readFileIfExists, readJson, writeFileAtomic, writeJson } from "../base/files.ts";
import { decodeClaims, timeClaim } from "../base/jwt.ts";
import { tokenDirectory } from "../base/token-directory.ts";
import type { KeeperStatus } from "../keeper/status.ts";
import { stopKeeper } from "../keeper/stop.ts";
import {
  ensurePrivateDirectory,
  type JobDirectory,
  jobDirectory,
  openJobDirectory,
  untrusted,
  withLock,
} from "./job-directory.ts";

/**
 * One use of the action in a job: what it wrote, so that any post can undo it. In the job directory, 0600.
 */
export interface Use {
  id: string;
  /** Uses of the same profile shadow each other in this order. */
  order: number;
  startedAt: number;
  profile: string;
  roleArn: string;
  sessionName: string;
  audience: string;
  /** Names the token directory. */
  tokenId: string;
  /** What stands in the config file for the profile. */
  section: string;
  /** What the user's own files held for the profile, to be put back. */
  original: { config: string; credentials: string };
  /**
   * What main exports, and what was there before (null: nothing). May hold the user's own keys: never in a
   * log.
   */
  exported: Record<string, string>;
  previous: Record<string, string | null>;
}

/** What is left of a use when it is over, for the summary. */
export interface FinishedUse
  extends Pick<Use, "id" | "startedAt" | "profile" | "roleArn" | "sessionName" | "audience"> {
  endedAt: number;
  /** Of the keeper, where this was the last use of its audience. */
  keeper?: KeeperStatus;
  /** Whether it was gone before anyone ended it. */
  keeperDied?: boolean;
}

/** Which job a directory belongs to, and what its files were seeded from. */
interface Job {
  /** SHA-256 of the request token, which every step of a job shares and no other job has. */
  job: string;
  /** AWS_CONFIG_FILE and AWS_SHARED_CREDENTIALS_FILE before the first use. */
  previous: Record<string, string | null>;
}

export type NewUse = Omit<Use, "order" | "original" | "previous">;

export interface FirstToken {
  requestToken: string;
  token: string;
}

const LOCK_WAIT_MS = 30_000;
/** Post should not take long; what holds the lock longer than this is not going to give it back. */
const POST_LOCK_WAIT_MS = 12_000;
const FILE_VARIABLES = ["AWS_CONFIG_FILE", "AWS_SHARED_CREDENTIALS_FILE"];

/**
 * Enters a use into the job directory: token file, record, profile, in this order, so that whatever main does
 * not reach any more post can undo.
 */
export async function beginUse(
  root: string,
  use: NewUse,
  first: FirstToken,
  ambient: NodeJS.ProcessEnv,
  home: string,
): Promise<void> {
  await locked(root, async (job) => {
    const jobFile = await claim(job, first.requestToken, ambient);
    seed(job.config, "AWS_CONFIG_FILE", jobFile.previous, home);
    seed(job.credentials, "AWS_SHARED_CREDENTIALS_FILE", jobFile.previous, home);

    const directory = tokenDirectory(`${job.tokens}/${use.tokenId}`);
    ensurePrivateDirectory(directory.path);
    // Another use's keeper may have written a newer one while this one waited for the lock.
    if (expiry(read(directory.token)) < expiry(first.token)) writeFileAtomic(directory.token, first.token);

    const uses = activeUses(job);
    const earlier = uses.findLast((other) => other.profile === use.profile);
    const config = takeFromConfig(read(job.config), use.profile);
    const credentials = takeFromCredentials(read(job.credentials), use.profile);
    const previous: Record<string, string | null> = {};
    for (const name of Object.keys(use.exported)) previous[name] = ambient[name] ?? null;
    const record: Use = {
      ...use,
      order: Math.max(0, ...uses.map((other) => other.order)) + 1,
      original: earlier?.original ?? { config: config.taken, credentials: credentials.taken },
      previous: { ...previous, ...jobFile.previous },
    };
    writeJson(`${job.uses}/${use.id}.json`, record);
    write(job.config, append(config.kept, use.section));
    write(job.credentials, credentials.kept);
  });
}

/**
 * Runs `action` with the job directory locked, and made if need be. Another use's post may remove it at any
 * moment before that.
 */
export async function locked<T>(root: string, action: (job: JobDirectory) => Promise<T>): Promise<T> {
  for (let tries = 1; ; tries++) {
    try {
      const job = openJobDirectory(root);
      return await withLock(root, LOCK_WAIT_MS, () => action(job));
    } catch (error) {
      if (errorCode(error) !== "ENOENT" || tries === 10) throw error;
    }
  }
}

/** Makes the directory this job's. One that a crashed job left is emptied first: nothing in it is trusted. */
async function claim(job: JobDirectory, requestToken: string, ambient: NodeJS.ProcessEnv): Promise<Job> {
  const identity = createHash("sha256").update(requestToken).digest("hex");
  const found = readJson<Job>(job.job);
  if (found?.job === identity) return found;
  await stopKeepers(job);
  for (const name of fs.readdirSync(job.path)) {
    if (!name.startsWith("lock.")) fs.rmSync(`${job.path}/${name}`, { recursive: true, force: true });
  }
  openJobDirectory(job.path);
  const previous: Record<string, string | null> = {};
  for (const name of FILE_VARIABLES) {
    // Not a path that an earlier job's crash left in the environment of a long-lived runner.
    const value = ambient[name];
    previous[name] = value !== undefined && !value.startsWith(`${job.path}/`) ? value : null;
  }
  const made: Job = { job: identity, previous };
  writeJson(job.job, made);
  return made;
}

/** Copies a file of the user's, so that other profiles go on working. One that is not there is empty. */
function seed(target: string, variable: string, previous: Job["previous"], home: string): void {
  if (fs.existsSync(target)) return;
  const source =
    previous[variable]?.replace(/^~(?=\/)/, () => home) || path.join(home, ".aws", path.basename(target));
  let content: Buffer | undefined;
  try {
    // /dev/null is a common way to say "none".
    if (source !== "/dev/null") content = readFileIfExists(source);
  } catch (error) {
    // HOME=/dev/null, as service users have it: SDKs take that for no file.
    if (errorCode(error) !== "ENOTDIR")
      throw new UserError(
        "aws-files",
        `${source} cannot be read (${errorText(error)}). Its profiles have to be copied for later steps: make it readable, or set ${variable} to another file.`,
      );
  }
  writeFileAtomic(target, content ?? "");
}

/** What post finds out when it ends a use. */
export interface Ended {
  use: Use;
  /** The uses of this job that are not over, in order. */
  others: Use[];
  /** Every use of the job that is over, this one included. */
  finished: FinishedUse[];
  /** The roles of all profiles of the job's config file: what the AWS CLI may have cached. */
  roleArns: string[];
  /** What could not be put back, because a step had changed the job directory. */
  damage: string[];
}

/**
 * Takes a use out of the job directory again, and removes the directory with the last one: in steps that can
 * be cut short anywhere and done again. One that failed in main is not reported. Returns undefined where
 * there is nothing of that use (any more).
 */
export async function endUse(
  root: string,
  id: string,
  outcome: "over" | "failed" = "over",
): Promise<Ended | undefined> {
  clearRemains(root);
  try {
    const fault = untrusted(root);
    if (fault) throw new Error(`${root} ${fault}: it was not made by this action`);
    return await withLock(root, POST_LOCK_WAIT_MS, () => end(jobDirectory(root), id, outcome));
  } catch (error) {
    // There was none, or another post removed it first.
    if (errorCode(error) === "ENOENT" && !fs.existsSync(root)) return undefined;
    throw error;
  }
}

async function end(job: JobDirectory, id: string, outcome: "over" | "failed"): Promise<Ended | undefined> {
  const uses = activeUses(job);
  const use = uses.find((other) => other.id === id);
  const others = uses.filter((other) => other !== use);
  if (!use) {
    if (others.length === 0) await removeJobDirectory(job);
    return undefined;
  }
  const { startedAt, profile, roleArn, sessionName, audience } = use;
  const over: FinishedUse = { id, startedAt, profile, roleArn, sessionName, audience, endedAt: Date.now() };

  // The token first: whatever else in the directory a step may have damaged, that has to go.
  if (!others.some((other) => other.tokenId === use.tokenId)) {
    const directory = tokenDirectory(`${job.tokens}/${use.tokenId}`);
    Object.assign(over, await stopKeeper(directory));
    fs.rmSync(directory.path, { recursive: true, force: true });
  }
  const damage: string[] = [];
  const whole = (action: () => void) => {
    try {
      action();
    } catch (error) {
      damage.push(errorText(error));
    }
  };
  let text = "";
  whole(() => {
    text = read(job.config);
    if (others.length > 0) takeProfile(job, text, use, others);
  });
  whole(() => {
    ensurePrivateDirectory(job.finished);
    if (outcome === "over") writeJson(`${job.finished}/${id}.json`, over);
  });
  fs.rmSync(`${job.uses}/${id}.json`, { force: true });
  const finished = readAll<FinishedUse>(job.finished);
  if (others.length === 0) await removeJobDirectory(job);
  return { use, others, finished, roleArns: roleArnsIn(text), damage };
}

/** Puts back what stood for the profile before this use: another use's section, or the user's own. */
function takeProfile(job: JobDirectory, config: string, use: Use, others: Use[]): void {
  const earlier = others.findLast((other) => other.profile === use.profile);
  write(
    job.config,
    append(takeFromConfig(config, use.profile).kept, earlier ? earlier.section : use.original.config),
  );
  if (earlier) return;
  write(
    job.credentials,
    append(takeFromCredentials(read(job.credentials), use.profile).kept, use.original.credentials),
  );
}

/**
 * Ends what still runs in there and removes it at once for all who look for it: the name is gone before the
 * content is.
 */
async function removeJobDirectory(job: JobDirectory): Promise<void> {
  await stopKeepers(job);
  const gone = `${job.path}.${process.pid}.gone`;
  fs.renameSync(job.path, gone);
  clearRemains(job.path);
}

/** What a post that was killed while it removed the directory left of it. */
function clearRemains(root: string): void {
  const parent = path.dirname(root);
  const name = path.basename(root);
  for (const entry of list(parent)) {
    if (!entry.startsWith(`${name}.`) || !entry.endsWith(".gone")) continue;
    try {
      fs.rmSync(`${parent}/${entry}`, { recursive: true, force: true });
    } catch {
      // Another post is at it.
    }
  }
}

async function stopKeepers(job: JobDirectory): Promise<void> {
  await Promise.all(list(job.tokens).map((name) => stopKeeper(tokenDirectory(`${job.tokens}/${name}`))));
}

function activeUses(job: JobDirectory): Use[] {
  return readAll<Use>(job.uses).sort((a, b) => a.order - b.order);
}

/** What lies in a directory; one that a step replaced by something else holds nothing. */
function readAll<T extends object>(directory: string): T[] {
  return list(directory)
    .filter((name) => name.endsWith(".json"))
    .flatMap((name) => readJson<T>(`${directory}/${name}`) ?? []);
}

function list(directory: string): string[] {
  try {
    return fs.readdirSync(directory);
  } catch {
    return [];
  }
}

function expiry(token: string): number {
  return timeClaim(decodeClaims(token), "exp") ?? 0;
}

function read(file: string): string {
  return (readFileIfExists(file) ?? Buffer.alloc(0)).toString("latin1");
}

function write(file: string, text: string): void {
  writeFileAtomic(file, Buffer.from(text, "latin1"));
}
