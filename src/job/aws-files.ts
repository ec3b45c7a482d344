import {
  append,
  placeInConfig,
  placeInCredentials,
  takeFromConfig,
  takeFromCredentials,
} from "../aws/profile.ts";
import { readFileIfExists, writeFileAtomic } from "../base/files.ts";
import type { JobDirectory } from "../base/layout.ts";
import { unseal } from "../base/seal.ts";
import { type OriginalSections, originalSections, type Use } from "./records.ts";

// The config and credentials files of a job, with a profile for each use.

interface PlacedProfile {
  /** The config file with the profile. */
  config: string;
  /** The sections that it replaces. */
  original: OriginalSections;
  /** Writes both files. */
  save(): void;
}

/**
 * Puts a use's section in the place of every other section of its profile.
 * @param others sections of names of our own, which stay until the directory goes: a keeper may use them for
 * longer than this use
 */
export function placeProfile(
  job: JobDirectory,
  { profile, section }: Pick<Use, "profile" | "section">,
  others: string,
): PlacedProfile {
  const config = placeInConfig(readText(job.config), profile, section);
  const credentials = placeInCredentials(readText(job.credentials), profile, section);
  const text = append(config.text, others);
  return {
    config: text,
    original: { config: config.taken, credentials: credentials.taken },
    save() {
      writeText(job.config, text);
      writeText(job.credentials, credentials.text);
    },
  };
}

/** Restores the profile as it was before a use: the section of another use, or the user's own. */
export function restoreProfile(
  job: JobDirectory,
  use: Use,
  others: Use[],
  jobSecret: string | undefined,
): void {
  const config = readText(job.config);
  const earlier = others.findLast((other) => other.profile === use.profile);
  if (earlier) {
    writeText(job.config, placeInConfig(config, use.profile, earlier.section).text);
    const credentials = readText(job.credentials);
    writeText(job.credentials, placeInCredentials(credentials, use.profile, earlier.section).text);
    return;
  }
  // Ours goes in any case, also where the user's own cannot be read.
  let original: OriginalSections = { config: "", credentials: "" };
  try {
    original = originalSections(JSON.parse(unseal(use.original, jobSecret)));
  } finally {
    writeText(job.config, append(takeFromConfig(config, use.profile).kept, original.config));
    const credentials = takeFromCredentials(readText(job.credentials), use.profile);
    writeText(job.credentials, append(credentials.kept, original.credentials));
  }
}

/** As latin1, which maps every byte to one character and back. "" if there is no file. */
export function readText(file: string, limit?: number): string {
  return (readFileIfExists(file, limit) ?? Buffer.alloc(0)).toString("latin1");
}

function writeText(file: string, text: string): void {
  writeFileAtomic(file, Buffer.from(text, "latin1"));
}
