// Edits AWS config and credentials files as text, by whole sections. They are never parsed and printed again,
// so the user's comments, nested keys, line ends and odd headers stay as they are, byte for byte. Callers
// decode files as latin1, which maps every byte to one character and back.

import { type Entry, entriesOf, settingsIn, valueIn } from "./settings.ts";

/** What the section of a profile says. */
export interface Profile {
  /** Its name. */
  profile: string;
  region: string;
  /** The URL of an STS-compatible server; undefined for AWS. */
  stsEndpoint: string | undefined;
  identity: Identity;
}

/** A role with an ID token, a role that is reached from elsewhere, or a session that a keeper holds. */
export type Identity =
  | { roleArn: string; sessionName: string; tokenFile: string }
  | Chained
  | { sessionFile: string };

export interface Chained {
  roleArn: string;
  sessionName: string;
  externalId?: string | undefined;
  durationSeconds?: number | undefined;
  source: { profile: string } | { credentials: CredentialSource };
}

/**
 * Where a runner's own identity is:
 * https://docs.aws.amazon.com/sdkref/latest/guide/feature-assume-role-credentials.html
 */
export type CredentialSource = "Ec2InstanceMetadata" | "EcsContainer" | "Environment";

/**
 * The section of a profile for a config file. Keys are in lower case at column 0, without quotes and inline
 * comments, so that every SDK reads the same values (docs/compatibility.md). Throws on a value that could add
 * a line or be cut short, even though every input was checked before.
 */
export function renderProfile({ profile, region, stsEndpoint, identity }: Profile): string {
  const section = [headerOf(profile), ...identityLines(identity), `region = ${region}`];
  if (stsEndpoint !== undefined) {
    const services = servicesName(profile);
    // Not endpoint_url in the profile itself: that would send every service's calls there.
    section.push(
      `services = ${services}`,
      `[services ${services}]`,
      "sts =",
      `  endpoint_url = ${stsEndpoint}`,
    );
  }
  for (const line of section) {
    if (!/^[\x20-\x7e]*$/.test(line) || /[#;]|\s$/.test(line))
      throw new Error(`not fit for a config file: ${JSON.stringify(line)}`);
  }
  return `${section.join("\n")}\n`;
}

function headerOf(profile: string): string {
  return profile === "default" ? "[default]" : `[profile ${profile}]`;
}

function identityLines(identity: Identity): string[] {
  if ("sessionFile" in identity) return [`credential_process = ${printCommand(identity.sessionFile)}`];
  const role = `role_arn = ${identity.roleArn}`;
  const name = `role_session_name = ${identity.sessionName}`;
  if ("tokenFile" in identity) return [role, `web_identity_token_file = ${identity.tokenFile}`, name];
  const { source, externalId, durationSeconds } = identity;
  return [
    role,
    "profile" in source ? `source_profile = ${source.profile}` : `credential_source = ${source.credentials}`,
    name,
    ...(externalId === undefined ? [] : [`external_id = ${externalId}`]),
    ...(durationSeconds === undefined ? [] : [`duration_seconds = ${durationSeconds}`]),
  ];
}

/** The command that prints a file: SDKs run it by a shell, or split it as one would. */
function printCommand(file: string): string {
  if (process.platform === "win32") return `cmd /c type "${file.replaceAll("/", "\\")}"`;
  // minio-go (restic) splits the command at spaces and does not remove quotes.
  return /^[\w@%+=:,./-]+$/.test(file) ? `cat ${file}` : `cat '${file}'`;
}

/** The same section, for the credentials file: some SDKs look for a credential process only there. */
export function renderForCredentials(section: string, profile: string): string {
  const command = /^credential_process = .*\n/m.exec(section)?.[0];
  return command === undefined ? "" : `[${profile}]\n${command}`;
}

/** A section of renderProfile under another name. */
export function renamed(section: string, from: string, to: string): string {
  return section
    .replace(headerOf(from), headerOf(to))
    .replaceAll(
      new RegExp(`(?<=services[ =]+)${servicesName(from).replaceAll(".", "\\.")}(?=\\]|$)`, "gm"),
      servicesName(to),
    );
}

/** Whether either file has a section that SDKs would read for a profile. */
export function hasProfile(config: string, credentials: string, profile: string): boolean {
  return (
    takeFromConfig(config, profile).taken !== "" || takeFromCredentials(credentials, profile).taken !== ""
  );
}

/** The names of all profiles in the two files. */
export function profileNames(config: string, credentials: string): string[] {
  const headers = (text: string) =>
    [...text.matchAll(/^[ \t]*\[([^\]\n]*)\]/gm)].map(([, header = ""]) => header.trim());
  const inConfig = headers(config).flatMap(
    (header) => /^(?:profile\s+(\S+)|(default))$/.exec(header)?.slice(1) ?? [],
  );
  return [...new Set([...inConfig, ...headers(credentials)])].filter(
    (name) => name !== undefined && name !== "",
  );
}

function servicesName(profileName: string): string {
  return `aws-role-refresh-${profileName}`;
}

interface Split {
  kept: string;
  taken: string;
}

/** Takes every section of a profile, and the services section of renderProfile, from a config file. */
export function takeFromConfig(text: string, profileName: string): Split {
  const services = `services ${servicesName(profileName)}`;
  return takeSections(text, (header) => isProfile(header, profileName) || header === services);
}

/** Takes every section of a profile from a credentials file. */
export function takeFromCredentials(text: string, profileName: string): Split {
  return takeSections(text, (header) => isProfile(header, profileName));
}

/** A file with a use's section in its place, and what the file held for the profile before. */
interface Placed {
  text: string;
  taken: string;
}

/**
 * Puts a use's section at the end of a config file, in place of every other section of its profile. The
 * user's settings in those stay byte for byte: all but what names an identity, and what the use itself sets.
 */
export function placeInConfig(text: string, profileName: string, section: string): Placed {
  const { kept, taken } = takeFromConfig(text, profileName);
  const isOwn = (header: string) => isConfigHeader(header, profileName);
  const users = entriesOf(taken, isOwn);
  const own = keysIn(section, isOwn);
  const isReplaced = ({ key, value }: Entry) => own.has(key) || value === servicesName(profileName);
  const settings = settingsIn(users, isReplaced);
  const services = own.has("services") ? otherServices(text, valueIn(users, "services")) : "";
  const end = section.indexOf("\n") + 1;
  // The settings come first: an indented one would continue a key before it.
  const placed = section.slice(0, end) + settings + section.slice(end) + services;
  return { text: append(kept, placed), taken };
}

/**
 * Takes what names an identity, and what a use sets in the config file, out of a profile in a credentials
 * file: SDKs prefer that file. Adds the command of a session.
 */
export function placeInCredentials(text: string, profileName: string, section: string): Placed {
  const { kept, taken } = takeFromCredentials(text, profileName);
  const own = keysIn(section, (header) => isConfigHeader(header, profileName));
  const entries = entriesOf(taken, (header) => header === profileName);
  const settings = settingsIn(entries, ({ key }) => own.has(key));
  const placed = renderForCredentials(section, profileName) || (settings && `[${profileName}]\n`);
  return { text: append(kept, placed + settings), taken };
}

/** The headers under which SDKs agree to find a profile in a config file. */
function isConfigHeader(header: string, profileName: string): boolean {
  return isProfile(header, profileName) && (profileName === "default" || /^profile\s/.test(header));
}

function keysIn(section: string, isOwn: (header: string) => boolean): Set<string | undefined> {
  return new Set(entriesOf(section, isOwn).map(({ key }) => key));
}

/** The endpoints of other services than STS that a profile's services section names. */
function otherServices(config: string, services: string | undefined): string {
  const entries = entriesOf(config, (header) => header === `services ${services}`);
  return settingsIn(entries, ({ key }) => key === "sts");
}

/** Where a profile of a config file sends requests to STS; undefined for AWS. */
export function stsEndpointIn(config: string, profileName: string): string | undefined {
  const profile = entriesOf(config, (header) => isConfigHeader(header, profileName));
  const services = valueIn(profile, "services");
  const ofServices = entriesOf(config, (header) => header === `services ${services}`);
  const ofSts = ofServices.find(({ key, parent }) => key === "endpoint_url" && parent?.key === "sts");
  return ofSts?.value || valueIn(profile, "endpoint_url") || undefined;
}

/** Adds sections to the end of a file. */
export function append(text: string, sections: string): string {
  if (sections === "") return text;
  return text === "" || text.endsWith("\n") ? text + sections : `${text}\n${sections}`;
}

// SDKs differ in which headers they accept for a profile: with or without "profile", quoted, with a comment
// at the end. A section that any SDK could read as this profile has to go, or that SDK would use another role
// than the others.
function isProfile(header: string, profileName: string): boolean {
  const name = header.replace(/^profile\s+/, "").replace(/^(["'])(.*)\1$/, "$2");
  return name.trim() === profileName;
}

const HEADER = /^\s*\[([^\]]*)\]/;
const BLANK_OR_COMMENT = /^\s*(?:[#;][\s\S]*)?$/;

function takeSections(text: string, matches: (header: string) => boolean): Split {
  // A byte order mark would hide the first header, from boto3 and others as well as from here.
  const lines = text.replace(/^\u00ef\u00bb\u00bf/, "").split(/(?<=\n)/);
  const split: Split = { kept: "", taken: "" };
  let taking = false;
  // Comments before a header belong to it; a comment belongs to the section only if another key follows.
  let pending = "";
  for (const line of lines) {
    const header = HEADER.exec(line)?.[1];
    if (header !== undefined) {
      split.kept += pending;
      pending = "";
      taking = matches(header.trim());
    }
    if (!taking) split.kept += line;
    else if (BLANK_OR_COMMENT.test(line)) pending += line;
    else {
      split.taken += pending + line;
      pending = "";
    }
  }
  split.kept += pending;
  return split;
}

/** The ARNs of all roles that a config file names, in any section. */
export function roleArnsIn(text: string): string[] {
  return [...text.matchAll(/^[ \t]*role_arn[ \t]*=[ \t]*(\S+)/gim)].map((match) => match[1] ?? "");
}
