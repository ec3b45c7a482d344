import * as core from "@actions/core";
import type { ProcessIdentity } from "./base/process.ts";
import { jobDirectoryPath } from "./base/runner-temp.ts";
import { object, oneOf, optional, text } from "./base/schema.ts";
import type { Summary } from "./inputs.ts";
import { ID, type PublishedUse, processIdentity, publishedUse } from "./job/records.ts";

/**
 * What main saves for post in the runner's state: nothing secret, since the runner keeps it in a file for a
 * while.
 */
export interface SavedUse {
  root: string;
  id: string;
  summary: Summary;
  /** Saved once everything is in place: post then knows what should be there. */
  use?: PublishedUse;
  /** The process that keeps its token fresh. */
  keeper?: ProcessIdentity;
}

const VERSION = 1;
const savedUse = object<SavedUse>({
  root: text(/^[^\p{Cc}]{1,4096}$/u),
  id: ID,
  summary: oneOf<Summary>("auto", "always", "never"),
  use: optional(publishedUse),
  keeper: optional(processIdentity),
});

export function saveUse(use: SavedUse): void {
  core.saveState("use", JSON.stringify({ version: VERSION, ...savedUse(use) }));
}

/**
 * Undefined if main ended before it saved anything. Throws if it is not what main saves: without its own
 * state, post would see a variable STATE_use that a step has set.
 */
export function loadUse(env: NodeJS.ProcessEnv): SavedUse | undefined {
  const state = core.getState("use");
  if (state === "") return undefined;
  const { version } = object<{ version: string }>({ version: String })(JSON.parse(state));
  const saved = version === String(VERSION) ? savedUse(JSON.parse(state)) : undefined;
  if (saved?.root !== jobDirectoryPath(env.RUNNER_TEMP)) {
    throw new Error(
      "STATE_use does not name the job directory of this job, so the main step did not save it",
    );
  }
  return saved;
}
