import * as fs from "node:fs";
import { roleArnsIn } from "../aws/profile.ts";
import { IDENTITY_VARIABLES } from "../aws/restore.ts";
import { type Profile, renderProfile } from "../aws/section.ts";
import { checkEndpoints } from "../aws/sts-endpoint.ts";
import { errorCode, errorText } from "../base/errors.ts";
import { writeRecord } from "../base/files.ts";
import { type JobDirectory, keeperDirectory, kindOf, tokenDirectory } from "../base/layout.ts";
import { findWorker } from "../base/process.ts";
import { seal } from "../base/seal.ts";
import { placeProfile, readText, restoreProfile } from "./aws-files.ts";
import { findSource, reachedFrom, refuseSourceOfAnother, type SourceName } from "./chain.ts";
import { claim, isOfAnotherJob } from "./claim.ts";
import { locked, withLock } from "./lock.ts";
import { Parts } from "./parts.ts";
import { ensurePrivateDirectory, notOurs, openness } from "./private-directory.ts";
import {
  activeUses,
  brokenUses,
  type FinishedUse,
  finishedUses,
  type PreviousVariables,
  type PublishedUse,
  type Use,
  writeUse,
} from "./records.ts";
import {
  clearRemains,
  closeAll,
  removeJobDirectory,
  removeTree,
  takeSecret,
  takeSecrets,
} from "./removal.ts";
import { writeToken } from "./token-file.ts";

export interface NewUse
  extends Omit<Use, "order" | "original" | "previous" | "section" | "endsWithIdTokens"> {
  /** What steps find under its profile. */
  visible: Profile;
  /** The role itself, where a keeper reaches it from another profile and steps find only its session. */
  hidden?: Profile | undefined;
  /** Where its role is reached from, if that is a profile. */
  source?: SourceName | undefined;
  /** The ID token for its audience; undefined where it keeps none. */
  token?: string | undefined;
  /** Whether the role assumes itself when there are no ID tokens any more. */
  outlives?: boolean;
}

/** Post should not take long, and a process that holds the lock for longer than this hangs. */
const POST_LOCK_WAIT_MS = 12_000;

/**
 * Enters a use into the job directory: token file, record, profile. In this order, so that post can undo a
 * main that was killed at any point. Returns what post needs in case the record does not last.
 * @param jobSecret what every step of this job has, and no other job (base/seal.ts)
 */
export async function beginUse(
  job: JobDirectory,
  { visible, hidden, source, token, outlives = false, ...use }: NewUse,
  jobSecret: string,
  ambient: NodeJS.ProcessEnv,
  home: string,
  worker = findWorker(),
): Promise<PublishedUse> {
  return locked(job, async () => {
    const claimed = await claim(job, jobSecret, ambient, home, worker);

    const uses = activeUses(job);
    const earlier = uses.findLast((other) => other.profile === use.profile);
    refuseSourceOfAnother(use.profile, uses);
    const from = source && findSource(job, use, source, uses);
    const section = renderProfile(reachedFrom(visible, from));
    const others = `${from?.copy ?? ""}${hidden ? renderProfile(reachedFrom(hidden, from)) : ""}`;
    const { original, config, save } = placeProfile(job, { profile: use.profile, section }, others);
    checkEndpoints({ ...use, section }, uses, config, ambient);

    if (token !== undefined) writeToken(tokenDirectory(job, use.audience ?? ""), token);

    const previous: PreviousVariables = {};
    for (const name of [...Object.keys(use.exported), ...IDENTITY_VARIABLES])
      previous[name] = ambient[name] ?? null;
    const record: Use = {
      ...use,
      section,
      keepers: [...new Set([...use.keepers, ...(from?.keepers ?? [])])],
      endsWithIdTokens: !outlives && (use.audience !== undefined || (from?.endsWithIdTokens ?? false)),
      order: Math.max(0, ...uses.map((other) => other.order)) + 1,
      original: earlier?.original ?? seal(JSON.stringify(original), jobSecret),
      previous: seal(JSON.stringify({ ...previous, ...claimed.previous }), jobSecret),
    };
    writeUse(job, record);
    save();
    const { order: _, section: __, original: ___, ...published } = record;
    return published;
  });
}

/** What post learns when it ends a use. */
export interface Ended {
  /** undefined: its record could not be trusted. */
  use: Use | undefined;
  /** The uses of this job that are not over, in order. */
  others: Use[];
  /** Every use of the job that is over, this one included. */
  finished: FinishedUse[];
  /** The roles of all profiles in the job's config file: the AWS CLI may have cached their sessions. */
  roleArns: string[];
  /** What could not be done, and why. */
  damage: string[];
}

export interface EndOptions {
  /** Of this job, to read what is sealed (base/seal.ts). */
  jobSecret: string | undefined;
  /** A use that failed in main is not reported. */
  outcome?: "over" | "failed";
  /** Restores the environment, before the record of it is deleted. */
  restore?: (use: PublishedUse, others: Use[]) => void;
}

/**
 * Removes a use from the job directory, and the directory with the last use. Every step may be interrupted
 * and repeated. Keeper and token are the first to go, even if the directory cannot be locked or trusted.
 * Returns undefined if that use has no record (any more).
 */
export async function endUse(
  job: JobDirectory,
  id: string,
  { jobSecret, outcome = "over", restore = () => {} }: EndOptions,
): Promise<Ended | undefined> {
  clearRemains(job);
  let isLocked = false;
  let open: string | undefined;
  try {
    const fault = notOurs(job.path);
    if (fault) throw new Error(`${job.path} ${fault}, because another program replaced the job directory`);
    open = openness(job.path);
    if (open && outcome === "failed") throw new Error(`${job.path} ${open}`);
    closeAll(job);
    if (open) return await removeUnbelieved(job, open);
    return await withLock(job, POST_LOCK_WAIT_MS, () => {
      isLocked = true;
      return end(job, id, { jobSecret, outcome, restore });
    });
  } catch (error) {
    // It never existed, or another post has just removed it.
    if (errorCode(error) === "ENOENT" && !fs.existsSync(job.path)) return undefined;
    // Main may try again later. Post is the last chance: on a full disk, or beside a process that hangs.
    if (isLocked || open || outcome === "failed" || notOurs(job.path) !== undefined) throw error;
    const ended = await end(job, id, { jobSecret, outcome, restore });
    ended?.damage.unshift(`lock the job directory: ${errorText(error)}`);
    return ended;
  }
}

/** Others may have written anything into it. So only what can be verified is used: the keeper's process. */
async function removeUnbelieved(job: JobDirectory, open: string): Promise<Ended> {
  const parts = new Parts();
  parts.damage.push(`use the records of the job directory, because it ${open}. Post deletes the directory`);
  await parts.try("end the keeper and delete the token", () => takeSecrets(job));
  await parts.try("delete the job directory", () => removeJobDirectory(job));
  return { use: undefined, others: [], finished: [], roleArns: [], damage: parts.damage };
}

async function end(
  job: JobDirectory,
  id: string,
  { jobSecret, outcome, restore }: Required<EndOptions>,
): Promise<Ended | undefined> {
  const uses = activeUses(job);
  const use = uses.find((other) => other.id === id);
  const others = uses.filter((other) => other !== use);
  if (!use) {
    if (others.length === 0 && !isOfAnotherJob(job, jobSecret)) await removeAll(job);
    return undefined;
  }
  const { startedAt, profile, roleArn, sessionName, audience, keepers, stsEndpoint } = use;
  const named = { id, startedAt, profile, roleArn, sessionName, audience, keepers, stsEndpoint };
  const over: FinishedUse = { ...named, endedAt: Date.now(), ended: [] };
  const parts = new Parts();
  const broken = brokenUses(job);
  if (broken > 0)
    parts.damage.push(`use ${broken} of the records in ${job.uses}: a step changed them or put them there`);

  // Tokens and sessions first: they have to go, even if a step has damaged everything else in the directory.
  for (const keeper of keepers.filter((one) => !others.some((other) => other.keepers.includes(one))))
    await parts.try(`end the keeper and delete the ${kindOf(keeper)}`, async () => {
      const directory = keeperDirectory(job, keeper);
      const { keeper: status, keeperDied: died = false } = await takeSecret(directory);
      if (status) over.ended.push({ id: keeper, status, died });
      // Else with the job directory, or what Windows does not delete would be waited for and reported twice.
      if (others.length > 0) removeTree(directory.path);
    });
  let config = "";
  await parts.try("restore the profile", () => {
    config = readText(job.config);
    if (others.length > 0) restoreProfile(job, use, others, jobSecret);
  });
  await parts.try("restore the environment", () => restore(use, others));
  await parts.try("record the end of this use", () => {
    ensurePrivateDirectory(job.finished);
    if (outcome === "over") writeRecord(`${job.finished}/${id}.json`, over);
  });
  const finished = finishedUses(job).filter((other) => other.id !== id);
  await parts.try("delete the job directory", async () => {
    if (others.length === 0) await removeAll(job);
    else removeTree(`${job.uses}/${id}.json`);
  });
  return {
    use,
    others,
    finished: outcome === "over" ? [...finished, over] : finished,
    roleArns: roleArnsIn(config),
    damage: parts.damage,
  };
}

async function removeAll(job: JobDirectory): Promise<void> {
  try {
    await takeSecrets(job);
  } finally {
    removeJobDirectory(job);
  }
}
