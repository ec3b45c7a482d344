import * as fs from "node:fs";
import {
  append,
  placeInConfig,
  placeInCredentials,
  roleArnsIn,
  takeFromConfig,
  takeFromCredentials,
} from "../aws/profile.ts";
import { IDENTITY_VARIABLES } from "../aws/restore.ts";
import { checkEndpoints } from "../aws/sts-endpoint.ts";
import { errorCode, errorText } from "../base/errors.ts";
import { readFileIfExists, readJson, writeFileAtomic, writeJson } from "../base/files.ts";
import { decodeClaims, timeClaim } from "../base/jwt.ts";
import { type JobDirectory, tokenDirectoryAt } from "../base/layout.ts";
import type { KeeperStatus } from "../keeper/status.ts";
import { stopKeeper, stopKeepers } from "../keeper/stop.ts";
import { claim } from "./claim.ts";
import { locked, withLock } from "./lock.ts";
import {
  clearRemains,
  ensurePrivateDirectory,
  entriesOf,
  removeJobDirectory,
  untrusted,
} from "./private-directory.ts";

/** One use of the action in a job: what it wrote, so that any post can undo it. */
export interface Use {
  id: string;
  /** Uses of the same profile shadow each other in this order. */
  order: number;
  startedAt: number;
  profile: string;
  roleArn: string;
  sessionName: string;
  audience: string;
  /** The input; undefined: the STS of the region. */
  stsEndpoint?: string | undefined;
  /** The name of the token directory. */
  tokenId: string;
  /** The profile's section in the config file. */
  section: string;
  /** The user's own sections of the profile's name, which post restores. */
  original: { config: string; credentials: string };
  /** What main exports, and the values before (null: not set). These may be the user's own keys: never in a log. */
  exported: Record<string, string>;
  previous: Record<string, string | null>;
}

/** What is left of a use when it is over, for the summary. */
export interface FinishedUse
  extends Pick<Use, "id" | "startedAt" | "profile" | "roleArn" | "sessionName" | "audience" | "stsEndpoint"> {
  endedAt: number;
  /** The keeper's last status, if this was the last use of its audience. */
  keeper?: KeeperStatus;
  /** Whether it ended before anybody asked, and without recording why. */
  keeperDied?: boolean;
}

export type NewUse = Omit<Use, "order" | "original" | "previous">;

export interface FirstToken {
  requestToken: string;
  token: string;
}

/** Post should not take long, and a process that holds the lock for longer than this hangs. */
const POST_LOCK_WAIT_MS = 12_000;

/**
 * Enters a use into the job directory: token file, record, profile. In this order, so that post can undo a main that
 * was killed at any point.
 */
export async function beginUse(
  job: JobDirectory,
  use: NewUse,
  first: FirstToken,
  ambient: NodeJS.ProcessEnv,
  home: string,
): Promise<void> {
  await locked(job, async () => {
    const claimed = await claim(job, first.requestToken, ambient, home);

    const uses = activeUses(job);
    const earlier = uses.findLast((other) => other.profile === use.profile);
    const config = placeInConfig(read(job.config), use.profile, use.section);
    const credentials = placeInCredentials(read(job.credentials), use.profile, use.section);
    checkEndpoints(use, uses, config.text, ambient);

    const directory = tokenDirectoryAt(`${job.tokens}/${use.tokenId}`);
    ensurePrivateDirectory(directory.path);
    // Another use's keeper may have written a newer token while this use waited for the lock.
    if (expiry(read(directory.token)) < expiry(first.token)) writeFileAtomic(directory.token, first.token);

    const previous: Use["previous"] = {};
    for (const name of [...IDENTITY_VARIABLES, ...Object.keys(use.exported)])
      previous[name] = ambient[name] ?? null;
    const record: Use = {
      ...use,
      order: Math.max(0, ...uses.map((other) => other.order)) + 1,
      original: earlier?.original ?? { config: config.taken, credentials: credentials.taken },
      previous: { ...previous, ...claimed.previous },
    };
    writeJson(`${job.uses}/${use.id}.json`, record);
    write(job.config, config.text);
    write(job.credentials, credentials.text);
  });
}

/** What post learns when it ends a use. */
export interface Ended {
  use: Use;
  /** The uses of this job that are not over, in order. */
  others: Use[];
  /** Every use of the job that is over, this one included. */
  finished: FinishedUse[];
  /** The roles of all profiles in the job's config file: the AWS CLI may have cached their sessions. */
  roleArns: string[];
  /** What could not be restored, because a step had changed the job directory. */
  damage: string[];
}

/**
 * Removes a use from the job directory, and the directory with the last use. Every step may be interrupted and
 * repeated. A use that failed in main is not reported. Returns undefined if that use has no record (any more).
 */
export async function endUse(
  job: JobDirectory,
  id: string,
  outcome: "over" | "failed" = "over",
): Promise<Ended | undefined> {
  clearRemains(job);
  try {
    const fault = untrusted(job.path);
    if (fault) throw new Error(`${job.path} ${fault}: it was not made by this action`);
    return await withLock(job, POST_LOCK_WAIT_MS, () => end(job, id, outcome));
  } catch (error) {
    // It never existed, or another post has just removed it.
    if (errorCode(error) === "ENOENT" && !fs.existsSync(job.path)) return undefined;
    throw error;
  }
}

async function end(job: JobDirectory, id: string, outcome: "over" | "failed"): Promise<Ended | undefined> {
  const uses = activeUses(job);
  const use = uses.find((other) => other.id === id);
  const others = uses.filter((other) => other !== use);
  if (!use) {
    if (others.length === 0) await removeAll(job);
    return undefined;
  }
  const { startedAt, profile, roleArn, sessionName, audience, stsEndpoint } = use;
  const named = { id, startedAt, profile, roleArn, sessionName, audience, stsEndpoint };
  const over: FinishedUse = { ...named, endedAt: Date.now() };

  // The token first: it has to go, even if a step has damaged everything else in the directory.
  if (!others.some((other) => other.tokenId === use.tokenId)) {
    const directory = tokenDirectoryAt(`${job.tokens}/${use.tokenId}`);
    Object.assign(over, await stopKeeper(directory));
    fs.rmSync(directory.path, { recursive: true, force: true });
  }
  const damage: string[] = [];
  const tryTo = (action: () => void) => {
    try {
      action();
    } catch (error) {
      damage.push(errorText(error));
    }
  };
  let text = "";
  tryTo(() => {
    text = read(job.config);
    if (others.length > 0) takeProfile(job, text, use, others);
  });
  tryTo(() => {
    ensurePrivateDirectory(job.finished);
    if (outcome === "over") writeJson(`${job.finished}/${id}.json`, over);
  });
  fs.rmSync(`${job.uses}/${id}.json`, { force: true });
  const finished = readAll<FinishedUse>(job.finished);
  if (others.length === 0) await removeAll(job);
  return { use, others, finished, roleArns: roleArnsIn(text), damage };
}

/** Restores the profile as it was before this use: another use's section, or the user's own. */
function takeProfile(job: JobDirectory, config: string, use: Use, others: Use[]): void {
  const earlier = others.findLast((other) => other.profile === use.profile);
  if (earlier) {
    write(job.config, placeInConfig(config, use.profile, earlier.section).text);
    return;
  }
  write(job.config, append(takeFromConfig(config, use.profile).kept, use.original.config));
  write(
    job.credentials,
    append(takeFromCredentials(read(job.credentials), use.profile).kept, use.original.credentials),
  );
}

async function removeAll(job: JobDirectory): Promise<void> {
  await stopKeepers(job);
  removeJobDirectory(job);
}

/** The uses of a job that are not over, in order. */
export function activeUses(job: JobDirectory): Use[] {
  return readAll<Use>(job.uses).sort((a, b) => a.order - b.order);
}

/** Every record in a directory. */
function readAll<T extends object>(directory: string): T[] {
  return entriesOf(directory)
    .filter((name) => name.endsWith(".json"))
    .flatMap((name) => readJson<T>(`${directory}/${name}`) ?? []);
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
