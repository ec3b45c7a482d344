// Edits AWS config and credentials files as text, by whole sections. They are never parsed and printed again,
// so the user's comments, nested keys, line ends and odd headers stay as they are, byte for byte. Callers
// decode files as latin1, which maps every byte to one character and back.

/** The values of the section that one use writes. */
export interface Profile {
  name: string;
  roleArn: string;
  tokenFile: string;
  sessionName: string;
  region: string;
  /** The URL of an STS-compatible server; undefined for AWS. */
  stsEndpoint: string | undefined;
}

/**
 * The section of a profile for a config file. Keys are in lower case at column 0, without quotes and inline
 * comments, so that every SDK reads the same values (docs/compatibility.md). Throws on a value that could add
 * a line or be cut short, even though every input was checked before.
 */
export function renderProfile(profile: Profile): string {
  const section = [
    profile.name === "default" ? "[default]" : `[profile ${profile.name}]`,
    `role_arn = ${profile.roleArn}`,
    `web_identity_token_file = ${profile.tokenFile}`,
    `role_session_name = ${profile.sessionName}`,
    `region = ${profile.region}`,
  ];
  if (profile.stsEndpoint !== undefined) {
    // Not endpoint_url in the profile itself: that would send every service's calls there.
    section.push(
      `services = ${servicesName(profile.name)}`,
      `[services ${servicesName(profile.name)}]`,
      "sts =",
      `  endpoint_url = ${profile.stsEndpoint}`,
    );
  }
  for (const line of section) {
    if (!/^[\x20-\x7e]*$/.test(line) || /[#;]|\s$/.test(line))
      throw new Error(`not fit for a config file: ${JSON.stringify(line)}`);
  }
  return `${section.join("\n")}\n`;
}

function servicesName(profileName: string): string {
  return `aws-role-refresh-${profileName}`;
}

export interface Split {
  kept: string;
  taken: string;
}

/** Takes every section of a profile, and the services section that renderProfile may add, from a config file. */
export function takeFromConfig(text: string, profileName: string): Split {
  return takeSections(
    text,
    (header) => isProfile(header, profileName) || header === `services ${servicesName(profileName)}`,
  );
}

/** Takes every section of a profile from a credentials file. */
export function takeFromCredentials(text: string, profileName: string): Split {
  return takeSections(text, (header) => isProfile(header, profileName));
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
  const name = header
    .replace(/^profile\s+/, "")
    .replace(/^(["'])(.*)\1$/, "$2")
    .trim();
  return name === profileName;
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
