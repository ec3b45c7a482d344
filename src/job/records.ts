import type { FileVariable } from "../aws/user-files.ts";
import { readRecord, writeRecord } from "../base/files.ts";
import type { JobDirectory, KeeperId } from "../base/layout.ts";
import type { ProcessIdentity } from "../base/process.ts";
import {
  amount,
  boolean,
  dictionary,
  list,
  nullable,
  object,
  optional,
  positive,
  type Schema,
  text,
} from "../base/schema.ts";
import { keeperStatus, TICKS } from "../keeper/record.ts";
import type { KeeperStatus } from "../keeper/status.ts";
import { entriesOf } from "./private-directory.ts";

/** One use of the action in a job: what it wrote, so that any post can undo it. */
export interface Use {
  id: string;
  /** Uses of the same profile shadow each other in this order. */
  order: number;
  startedAt: number;
  profile: string;
  roleArn: string;
  sessionName: string;
  /** Of its ID token; undefined where the role is reached from elsewhere. */
  audience?: string | undefined;
  /** The keepers that it depends on, those of its source included. */
  keepers: KeeperId[];
  /** Whether nothing renews it once GitHub issues no more ID tokens to the job. */
  endsWithIdTokens: boolean;
  /** The input; undefined: the STS of the region. */
  stsEndpoint?: string | undefined;
  /** The profile's section in the config file. */
  section: string;
  /** Sealed, since it may hold keys: OriginalSections. */
  original: string;
  /** What main exports. */
  exported: Record<string, string>;
  /** Sealed, since it may hold keys: PreviousVariables. */
  previous: string;
}

/** The user's own sections of the profile's name, which post restores. */
export interface OriginalSections {
  config: string;
  credentials: string;
}

/** The values before the variables that main exports; null: not set. */
export type PreviousVariables = Record<string, string | null>;

/** What post needs of a use whose record is gone, or cannot be trusted. */
export type PublishedUse = Omit<Use, "order" | "section" | "original">;

/** What is left of a use when it is over, for the summary. */
export interface FinishedUse
  extends Pick<
    Use,
    "id" | "startedAt" | "profile" | "roleArn" | "sessionName" | "audience" | "keepers" | "stsEndpoint"
  > {
  endedAt: number;
  /** Of those keepers, the ones of which this was the last use. */
  ended: EndedKeeper[];
}

export interface EndedKeeper {
  id: KeeperId;
  /** Its last status. */
  status: KeeperStatus;
  /** Whether it ended before post asked it to, and without recording why. */
  died: boolean;
}

/** Which job a directory belongs to, and what its two AWS files were seeded from. */
export interface Claim {
  /** SHA-256 of the request token, which every step of a job shares and no other job has. */
  job: string;
  /** The process whose end is the end of that job, where one is known. */
  worker?: ProcessIdentity;
  /** The variables before the first use; null: not set. */
  previous: Record<FileVariable, string | null>;
}

/** The names of records, and the only names that this action makes a path of. */
export const ID = text(/^[0-9a-f]{1,64}$/);
export const processIdentity = object<ProcessIdentity>({ pid: positive, started: optional(TICKS) });

const keeperId = text(/^(?:tokens|sessions)\/[0-9a-f]{16}$/) as Schema<KeeperId>;
/** Far more than a chain of roles has. */
const MAX_KEEPERS = 50;

const PATH = text(/^[^\p{Cc}]{0,4096}$/u);
const about = {
  id: ID,
  startedAt: amount,
  profile: text(/^[\w.-]{1,64}$/),
  roleArn: text(/^arn:[\x21-\x7e]{1,2048}$/),
  sessionName: text(/^[\w+=,.@-]{2,64}$/),
  audience: optional(text(/^[\x21-\x7e]{1,255}$/)),
  keepers: list(keeperId, MAX_KEEPERS),
  stsEndpoint: optional(text(/^https?:\/\/[\x21-\x7e]{1,2048}$/)),
};
const ANYTHING = text(/^[\s\S]{0,1000000}$/);
const SEALED = text(/^[A-Za-z0-9+/]{1,1000000}={0,2}$/);
/** The values become variables of later steps, so no other name than an SDK's is accepted. */
const VARIABLE = /^AWS_[A-Z0-9_]{1,64}$/;
const published = {
  ...about,
  endsWithIdTokens: boolean,
  exported: dictionary(VARIABLE, text(/^[^\p{Cc}]{0,8192}$/u)),
  previous: SEALED,
};

export const publishedUse = object<PublishedUse>(published);
export const previousVariables = dictionary(VARIABLE, nullable(ANYTHING));
export const originalSections = object<OriginalSections>({ config: ANYTHING, credentials: ANYTHING });

const use = object<Use>({
  ...published,
  order: positive,
  section: text(/^[\x20-\x7e\n]{1,16384}$/),
  original: SEALED,
});
const finishedUse = object<FinishedUse>({
  ...about,
  endedAt: amount,
  ended: list(object<EndedKeeper>({ id: keeperId, status: keeperStatus, died: boolean }), MAX_KEEPERS),
});
const claim = object<Claim>({
  job: text(/^[0-9a-f]{64}$/),
  worker: optional(processIdentity),
  previous: object<Claim["previous"]>({
    AWS_CONFIG_FILE: nullable(PATH),
    AWS_SHARED_CREDENTIALS_FILE: nullable(PATH),
  }),
});

export function readClaim(job: JobDirectory): Claim | undefined {
  return readRecord(job.claim, claim);
}

/** Throws on a record that post would not accept. */
export function writeUse(job: JobDirectory, record: Use): void {
  writeRecord(`${job.uses}/${record.id}.json`, use(record));
}

/** The uses of a job that are not over, in order. */
export function activeUses(job: JobDirectory): Use[] {
  return readAll(job.uses, use).sort((a, b) => a.order - b.order);
}

/** How many files in the folder of these records are not valid records. */
export function brokenUses(job: JobDirectory): number {
  return entriesOf(job.uses).filter((name) => name.endsWith(".json")).length - activeUses(job).length;
}

export function finishedUses(job: JobDirectory): FinishedUse[] {
  return readAll(job.finished, finishedUse);
}

/** Every record in a directory whose name is its own: a copy under another name is not a second use. */
function readAll<T extends { id: string }>(directory: string, schema: Schema<T>): T[] {
  return entriesOf(directory)
    .filter((name) => name.endsWith(".json"))
    .flatMap((name) => {
      const record = readRecord(`${directory}/${name}`, schema);
      return record && name === `${record.id}.json` ? record : [];
    });
}
