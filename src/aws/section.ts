// The section that a use writes for its profile: the text that every SDK reads in the same way.

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

export function headerOf(profile: string): string {
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

/**
 * The command that prints a file: SDKs run it by a shell, or split it as one would. Without quotes where the
 * path needs none: Go on Windows and minio-go (restic) do not remove them.
 */
function printCommand(file: string): string {
  const isWindows = process.platform === "win32";
  const name = isWindows ? file.replaceAll("/", "\\") : file;
  const quote = /^[\w@%+=:,./\\-]+$/.test(name) ? "" : isWindows ? '"' : "'";
  return `${isWindows ? "cmd /c type" : "cat"} ${quote}${name}${quote}`;
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

/** The name of the section with the STS endpoint of a profile. */
export function servicesName(profileName: string): string {
  return `aws-role-refresh-${profileName}`;
}
