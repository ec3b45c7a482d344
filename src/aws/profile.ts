// Edits AWS config and credentials files as text, by whole sections. They are never parsed and printed again,
// so the user's comments, nested keys, line ends and odd headers stay as they are, byte for byte. Callers
// decode files as latin1, which maps every byte to one character and back.

import { renderForCredentials, servicesName } from "./section.ts";
import { type Entry, entriesOf, settingsIn, valueIn } from "./settings.ts";

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
