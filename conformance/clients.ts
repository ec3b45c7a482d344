/**
 * The clients of the conformance suite: which program each one is, how it is installed, started, and led to a
 * cloud on loopback.
 */
import path from "node:path";

/** How a folder under clients/ becomes a program. Each is pinned by the files in the folder. */
export type Installer =
  /** requirements.txt, into a virtual environment `venv`. */
  | "pip"
  /** package-lock.json, into `node_modules`. */
  | "npm"
  /** go.mod and go.sum; builds `client`. */
  | "go"
  /** Cargo.lock; builds `client`. */
  | "cargo"
  /** pom.xml; jars in `jars`, Client.java compiled into `classes`. */
  | "maven"
  /** debs.txt, one package a line, unpacked into `root`. The release of Debian pins the versions. */
  | "debs";

export interface Folder {
  installer: Installer;
  /** Further folders whose files are copied beside this one's. */
  shared?: string[];
  /** A zip archive that the registry's package carries, and the folder it is unpacked into. */
  archive?: { file: string; into: string };
}

/** No client: the Node that GitHub's runner starts actions with. */
export const NODE_24 = "node24";

/** Folders under conformance/clients/, the slowest to install first. */
export const FOLDERS: Record<string, Folder> = {
  rust: { installer: "cargo" },
  "go-base": { installer: "go" },
  "go-v2": { installer: "go" },
  "go-v1": { installer: "go" },
  "java-v2": { installer: "maven" },
  "java-v1": { installer: "maven" },
  "awscli-v2": {
    installer: "npm",
    shared: ["awscli"],
    archive: { file: "node_modules/@aws-cdk/asset-awscli-v2/lib/layer.zip", into: "layer" },
  },
  "awscli-v1": { installer: "pip", shared: ["awscli"] },
  "awscli-debian": { installer: "debs", shared: ["awscli"] },
  boto3: { installer: "pip" },
  "boto3-2022": { installer: "pip", shared: ["boto3"] },
  "js-v3": { installer: "npm" },
  "js-v2": { installer: "npm" },
  cdk: { installer: "npm" },
  ruby: { installer: "debs" },
  "php-async-aws": { installer: "debs" },
  [NODE_24]: { installer: "npm" },
};

export interface Client {
  /** As in `--only`. */
  name: string;
  /** As in the tables. */
  title: string;
  language: string;
  /** Under clients/. */
  folder: string;
  /** The version that the folder pins; undefined for a Debian package, whose version the installer reads. */
  version?: string;
  /** For a Debian client: the package whose version counts. */
  versionOf?: string;
  /** The program and its arguments, in the folder's installed copy. "once" may follow. */
  start(directory: string): string[];
  /** Variables that select what the client does. */
  environment?: Record<string, string>;
  /**
   * How it can be led to a cloud on loopback: the variable AWS_ENDPOINT_URL_STS, or HTTPS_PROXY under the
   * real host names.
   */
  endpoints: ("variable" | "proxy")[];
  /** Where it reads the certificate authority from, in the second case. */
  authority: string;
  /** How a program names a profile. */
  explicit: string;
  /** Member of `--short`. */
  short?: true;
  /** It keeps credentials on the disk, under HOME. */
  diskCache?: true;
  /** It knows no other name for the credentials file, where it looks for a session that a keeper holds. */
  credentialsFile?: string;
  /** What a reader must know of how it was run. */
  note?: string;
}

const CLI = {
  language: "Python",
  authority: "AWS_CA_BUNDLE",
  explicit: "--profile",
  diskCache: true,
} as const;
const BOTO3 = { language: "Python", authority: "AWS_CA_BUNDLE", explicit: "Session(profile_name=)" } as const;
const GO = { language: "Go", authority: "SSL_CERT_FILE or AWS_CA_BUNDLE" } as const;
const JAVA = {
  language: "Java",
  authority: "javax.net.ssl.trustStore",
  note: "reads the proxy from https.proxyHost and https.proxyPort",
} as const;
const NODE = { language: "JavaScript", authority: "NODE_EXTRA_CA_CERTS" } as const;

const inside =
  (...command: string[]) =>
  (directory: string): string[] =>
    command.map((part) => (part === "node" ? process.execPath : path.join(directory, part)));
const java = (directory: string): string[] => [
  "java",
  "-cp",
  `${path.join(directory, "jars")}/*:${path.join(directory, "classes")}`,
  "Client",
];

/** A client is in the folder of its name, and knows both ways to the clouds, unless its entry differs. */
const ENTRIES: (Omit<Client, "folder" | "endpoints"> & Partial<Pick<Client, "folder" | "endpoints">>)[] = [
  {
    ...BOTO3,
    name: "boto3",
    title: "boto3",
    version: "1.44.5",
    start: inside("venv/bin/python", "client.py"),
    short: true,
  },
  {
    ...BOTO3,
    name: "boto3-2022",
    title: "boto3 of 2022",
    version: "1.24.96",
    start: inside("venv/bin/python", "client.py"),
    endpoints: ["proxy"],
  },
  {
    ...CLI,
    name: "cli-v1",
    title: "AWS CLI v1",
    folder: "awscli-v1",
    version: "1.46.3",
    start: inside("node", "client.js", "venv/bin/aws"),
    short: true,
  },
  {
    ...CLI,
    name: "cli-v2",
    title: "AWS CLI v2",
    folder: "awscli-v2",
    version: "2.36.12",
    start: inside("node", "client.js", "layer/awscli/v2/2.36.12/dist/aws"),
    note: "AWS's own build, as @aws-cdk/asset-awscli-v2 carries it",
  },
  {
    ...CLI,
    name: "cli-v2-debian",
    title: "AWS CLI v2 of Debian 12",
    folder: "awscli-debian",
    versionOf: "awscli",
    start: inside("node", "client.js", "aws.sh"),
    endpoints: ["proxy"],
  },
  {
    ...NODE,
    name: "js-v3",
    title: "SDK for JavaScript v3",
    version: "3.1173.0",
    start: inside("node", "client.js"),
    explicit: "new Client({ profile })",
    short: true,
    note: "reads no proxy variable: its program passes an agent",
  },
  {
    ...NODE,
    name: "js-v3-fromini",
    title: "SDK for JavaScript v3, fromIni",
    folder: "js-v3",
    version: "3.1173.0",
    start: inside("node", "client.js"),
    environment: { CLIENT_PROVIDER: "fromIni" },
    explicit: "fromIni({ profile })",
    note: "reads no proxy variable: its program passes an agent",
  },
  {
    ...NODE,
    name: "js-v2",
    title: "SDK for JavaScript v2",
    version: "2.1693.0",
    start: inside("node", "client.js"),
    endpoints: ["proxy"],
    explicit: "AWS_PROFILE",
    note: "reads no proxy variable: its program passes an agent",
  },
  {
    ...GO,
    name: "go-v2",
    title: "SDK for Go v2",
    version: "1.33.16",
    start: inside("client"),
    explicit: "config.WithSharedConfigProfile",
    short: true,
    note: "the version is that of the module config",
  },
  {
    ...GO,
    name: "go-v1",
    title: "SDK for Go v1",
    version: "1.55.8",
    start: inside("client"),
    endpoints: ["proxy"],
    explicit: "session.Options{Profile}",
  },
  {
    ...GO,
    name: "go-base",
    title: "aws-sdk-go-base",
    version: "2.0.0-beta.74",
    start: inside("client"),
    explicit: "Config{Profile}",
    note: "what the Terraform provider for AWS authenticates with",
  },
  {
    ...JAVA,
    name: "java-v2",
    title: "SDK for Java v2",
    version: "2.57.8",
    start: java,
    explicit: "defaultProfileName",
  },
  {
    ...JAVA,
    name: "java-v1",
    title: "SDK for Java v1",
    version: "1.12.797",
    start: java,
    explicit: "ProfileCredentialsProvider",
    endpoints: ["proxy"],
    credentialsFile: "AWS_CREDENTIAL_PROFILES_FILE",
  },
  {
    name: "rust",
    title: "SDK for Rust",
    language: "Rust",
    version: "1.13.0",
    start: inside("client"),
    authority: "SSL_CERT_FILE",
    explicit: "ConfigLoader::profile_name",
    note: "the version is that of the crate aws-config; reads a shared session by its feature credentials-process, one of the default ones",
  },
  {
    name: "cdk",
    title: "CDK CLI",
    language: "JavaScript",
    version: "2.1148.1",
    start: inside("node", "client.js", "node_modules/.bin/cdk"),
    endpoints: ["variable"],
    authority: "AWS_CA_BUNDLE",
    explicit: "--profile",
    note: "prints the account, not the role; asks STS for the role of a profile past HTTPS_PROXY, for that of AWS_ROLE_ARN (`mirror-environment: true`) through it",
  },
  {
    name: "ruby",
    title: "SDK for Ruby",
    language: "Ruby",
    versionOf: "ruby-aws-sdk-core",
    start: inside("start.sh"),
    endpoints: ["proxy"],
    authority: "SSL_CERT_FILE or AWS_CA_BUNDLE",
    explicit: "Client.new(profile:)",
    note: "reads no proxy variable: its program names the proxy",
  },
  {
    name: "php-async-aws",
    title: "AsyncAws (PHP)",
    language: "PHP",
    versionOf: "php-async-aws-core",
    start: inside("start.sh"),
    endpoints: ["proxy"],
    authority: "openssl.cafile of php.ini",
    explicit: "['profile' => …]",
    note: "what Symfony uses; not AWS's own SDK for PHP",
  },
];

export const CLIENTS: Client[] = ENTRIES.map((entry) => ({
  folder: entry.name,
  endpoints: ["variable", "proxy"],
  ...entry,
}));

/**
 * What no package registry served in a form that runs here; never a result, only what a reader of its source
 * found.
 */
export const READ_NOT_RUN: { title: string; source: string; finding: string }[] = [
  {
    title: "SDK for PHP",
    source: "aws-sdk-php, CredentialProvider.php; aws/aws-sdk-php#2939",
    finding:
      "Ignores AWS_CONFIG_FILE, so it does not find a web identity profile of this action; `mirror-environment: true` gives it the role through AWS_ROLE_ARN and AWS_WEB_IDENTITY_TOKEN_FILE. A shared session it finds: it reads credential_process from the file that AWS_SHARED_CREDENTIALS_FILE names, and PHP's own parser reads the line as it is there (that much was run). It follows source_profile only to static keys.",
  },
  {
    title: "SDK for .NET",
    source:
      "aws-sdk-net, SharedCredentialsFile.cs, CredentialProfileTypeDetector.cs, AssumeRoleWithWebIdentityCredentials.cs",
    finding:
      "Reads web identity profiles, if AWSSDK.SecurityToken is there at run time, with an absolute path of the token file, and if AWS_CONFIG_FILE exists when the process starts; reads the token at each refresh. Reads credential_process, and follows source_profile.",
  },
  {
    title: "SDK for C++",
    source: "aws-sdk-cpp, STSCredentialsProvider.cpp, AWSCredentialsProviderChain.cpp",
    finding:
      "Reads web identity profiles and the token at each refresh. Its default chain reads credential_process, and does not follow source_profile: use shared-session: true for a chain.",
  },
];
