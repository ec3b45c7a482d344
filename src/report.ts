import type { FinishedUse } from "./uses.ts";

/** What post has to say when the last use of a job is over. */
export interface Report {
  /** One line each, for annotations: only what the user must know. */
  warnings: string[];
  /** The job summary. */
  markdown: string;
  /** Whether anything happened that is worth reading. */
  eventful: boolean;
}

/** Reports on all uses of a job. */
export function makeReport(finished: FinishedUse[]): Report {
  const warnings: string[] = [];
  for (const { keeper, keeperDied } of finished) {
    if (!keeper) continue;
    if (keeperDied) warnings.push("The keeper was gone before the job was over.");
    for (const { from, to } of keeper.stale) {
      warnings.push(`The ID token was stale from ${time(from)} to ${time(to)}: calls to AWS that had to refresh then have failed.`);
    }
  }
  return { warnings, markdown: "", eventful: warnings.length > 0 };
}

function time(ms: number): string {
  return new Date(ms).toISOString().slice(11, 19);
}
