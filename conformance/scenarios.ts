/**
 * What the suite puts the clients through, as tables: who is who, what is ambient in a job, what uses of the
 * action and steps follow.
 */

/**
 * Whose name a call can run under. Each has its own account, so that the account alone tells them
 * apart.
 */
export const ACCOUNTS = {
  /** The role of the use under test. */
  role: "111122223333",
  /** The role of a second, named use. */
  second: "222233334444",
  /** What a profile of the user's reaches through the role. */
  chained: "333344445555",
  /** AWS_ROLE_ARN and its companions, as on an EKS runner. */
  irsa: "444455556666",
  /** AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY. */
  keys: "555566667777",
  /** The same with AWS_SESSION_TOKEN. */
  session: "666677778888",
  /** The profile "other" of the user's own files. */
  other: "777788889999",
  /** The [default] of the user's own credentials file. */
  home: "888899990000",
  /** What the container's credentials endpoint hands out. */
  container: "999900001111",
} as const;

export type Principal = keyof typeof ACCOUNTS;

export const ROLE_ARNS = {
  role: `arn:aws:iam::${ACCOUNTS.role}:role/deploy`,
  second: `arn:aws:iam::${ACCOUNTS.second}:role/second`,
  chained: `arn:aws:iam::${ACCOUNTS.chained}:role/chained`,
  irsa: `arn:aws:iam::${ACCOUNTS.irsa}:role/runner`,
} as const;

export const REGION = "eu-west-1";

export interface Keys {
  accessKeyId: string;
  secretAccessKey: string;
  sessionToken?: string;
}

/** What exists before the job, and can be made ambient in it. */
export interface Given {
  keys: Record<"keys" | "session" | "other" | "home", Keys>;
  /** A token that the role of IRSA trusts, in a file. */
  tokenFile: string;
  /** An address on loopback that answers as a container's credentials endpoint does. */
  containerUrl: string;
  /** A folder outside HOME for files of the user's. */
  elsewhere: string;
}

/** What is ambient. Files are relative to HOME, or absolute; without, USERS_FILES. */
export interface Ambient {
  id: string;
  title: string;
  variables?: (given: Given) => Record<string, string>;
  files?: (given: Given) => Record<string, string>;
  /** Member of `--short`. */
  short?: true;
}

export interface Use {
  profile: string;
  role: keyof typeof ROLE_ARNS;
  with?: Record<string, string>;
}

/** A step of the job: every client makes one call in it. */
export interface Step {
  id: string;
  title: string;
  env?: Record<string, string>;
  /** Given to the client by its own means, in CLIENT_PROFILE. */
  explicit?: string;
  expect: Principal;
}

export interface Row {
  id: string;
  title: string;
  ambient: Ambient;
  uses: Use[];
  steps: Step[];
}

const keyVariables = ({ accessKeyId, secretAccessKey, sessionToken }: Keys): Record<string, string> => ({
  AWS_ACCESS_KEY_ID: accessKeyId,
  AWS_SECRET_ACCESS_KEY: secretAccessKey,
  ...(sessionToken === undefined ? {} : { AWS_SESSION_TOKEN: sessionToken }),
});
const keySection = (name: string, { accessKeyId, secretAccessKey }: Keys): string =>
  `[${name}]\naws_access_key_id = ${accessKeyId}\naws_secret_access_key = ${secretAccessKey}\n`;

/** A profile of the user's own, with keys, and another setting to be kept. */
export const USERS_FILES = ({ keys }: Given): Record<string, string> => ({
  ".aws/config": "# the user's own\n[profile other]\nregion = eu-central-1\noutput = json\n",
  ".aws/credentials": keySection("other", keys.other),
});
const HOME_KEYS = (given: Given): Record<string, string> => ({
  ...USERS_FILES(given),
  ".aws/credentials": keySection("default", given.keys.home) + keySection("other", given.keys.other),
});

const IRSA = { AWS_ROLE_ARN: "R", AWS_WEB_IDENTITY_TOKEN_FILE: "T", AWS_ROLE_SESSION_NAME: "S" } as const;
type IrsaVariable = keyof typeof IRSA;
const irsa =
  (...names: IrsaVariable[]) =>
  ({ tokenFile }: Given): Record<string, string> => {
    const all = {
      AWS_ROLE_ARN: ROLE_ARNS.irsa,
      AWS_WEB_IDENTITY_TOKEN_FILE: tokenFile,
      AWS_ROLE_SESSION_NAME: "runner",
    };
    return Object.fromEntries(names.map((name) => [name, all[name]]));
  };
const IRSA_ALL = irsa("AWS_ROLE_ARN", "AWS_WEB_IDENTITY_TOKEN_FILE", "AWS_ROLE_SESSION_NAME");

/** Each is tried with an ambient and with a named use. */
const SINGLE: Ambient[] = [
  { id: "none", title: "nothing, HOME without .aws", files: () => ({}), short: true },
  { id: "users-files", title: "files of the user's own in ~/.aws", short: true },
  { id: "keys", title: "static keys", variables: ({ keys }) => keyVariables(keys.keys), short: true },
  { id: "session-keys", title: "temporary keys", variables: ({ keys }) => keyVariables(keys.session) },
  {
    id: "irsa",
    title: "AWS_ROLE_ARN, AWS_WEB_IDENTITY_TOKEN_FILE, AWS_ROLE_SESSION_NAME",
    variables: IRSA_ALL,
    short: true,
  },
  ...(
    [
      ["AWS_ROLE_ARN"],
      ["AWS_WEB_IDENTITY_TOKEN_FILE"],
      ["AWS_ROLE_SESSION_NAME"],
      ["AWS_ROLE_ARN", "AWS_WEB_IDENTITY_TOKEN_FILE"],
      ["AWS_ROLE_ARN", "AWS_ROLE_SESSION_NAME"],
      ["AWS_WEB_IDENTITY_TOKEN_FILE", "AWS_ROLE_SESSION_NAME"],
    ] satisfies IrsaVariable[][]
  ).map(
    (names): Ambient => ({
      id: `irsa-${names.map((name) => IRSA[name]).join("")}`,
      title: names.join(", "),
      variables: irsa(...names),
    }),
  ),
  { id: "profile", title: "AWS_PROFILE=other", variables: () => ({ AWS_PROFILE: "other" }), short: true },
  {
    id: "default-profile",
    title: "AWS_DEFAULT_PROFILE=other",
    variables: () => ({ AWS_DEFAULT_PROFILE: "other" }),
  },
  {
    id: "config-file",
    title: "AWS_CONFIG_FILE and AWS_SHARED_CREDENTIALS_FILE of the user's, with a [default]",
    variables: ({ elsewhere }) => ({
      AWS_CONFIG_FILE: `${elsewhere}/my config`,
      AWS_SHARED_CREDENTIALS_FILE: `${elsewhere}/my keys`,
    }),
    files: (given) => ({
      [`${given.elsewhere}/my config`]: `${USERS_FILES(given)[".aws/config"]}[default]\r\nregion = us-west-2\r\ns3 =\r\n  max_concurrent_requests = 2\r\n`,
      [`${given.elsewhere}/my keys`]: HOME_KEYS(given)[".aws/credentials"] ?? "",
    }),
  },
  { id: "home-keys", title: "static keys of [default] in ~/.aws/credentials", files: HOME_KEYS, short: true },
  {
    id: "home-role",
    title: "[default] with role_arn and source_profile in ~/.aws/config",
    files: (given) => ({
      ...USERS_FILES(given),
      ".aws/config": `[default]\nrole_arn = ${ROLE_ARNS.second}\nsource_profile = other\n`,
    }),
  },
  {
    id: "container",
    title: "AWS_CONTAINER_CREDENTIALS_FULL_URI",
    variables: ({ containerUrl }) => ({ AWS_CONTAINER_CREDENTIALS_FULL_URI: containerUrl }),
  },
  {
    id: "region",
    title: "AWS_REGION and AWS_DEFAULT_REGION of other regions",
    variables: () => ({ AWS_REGION: "us-east-2", AWS_DEFAULT_REGION: "us-west-1" }),
  },
];

/** The pairs that occur: keys exported by another action, and a runner that has an identity. */
const PAIRS: Ambient[] = [
  pair("keys", "profile", "static keys and AWS_PROFILE=other"),
  pair("session-keys", "irsa", "temporary keys and all three of AWS_ROLE_ARN", "keys+irsa"),
  pair("irsa", "profile", "all three of AWS_ROLE_ARN and AWS_PROFILE=other"),
  pair("irsa", "container", "all three of AWS_ROLE_ARN and AWS_CONTAINER_CREDENTIALS_FULL_URI"),
  pair("home-keys", "profile", "static keys of [default] in ~/.aws/credentials and AWS_PROFILE=other"),
  pair("profile", "default-profile", "AWS_PROFILE=other and AWS_DEFAULT_PROFILE=other", "profiles"),
  pair("keys", "container", "static keys and AWS_CONTAINER_CREDENTIALS_FULL_URI"),
];

function pair(one: string, other: string, title: string, id = `${one}+${other}`): Ambient {
  const [first, second] = [ambientNamed(one), ambientNamed(other)];
  return {
    id,
    title,
    variables: (given) => ({ ...first.variables?.(given), ...second.variables?.(given) }),
    files: first.files ?? USERS_FILES,
  };
}

const AMBIENT_USE: Use = { profile: "default", role: "role" };
const NAMED_USE: Use = { profile: "deploy", role: "role" };
const SECOND_USE: Use = { profile: "second", role: "second" };
const AMBIENT_STEP: Step = { id: "ambient", title: "no profile chosen", expect: "role" };

/** The two ways in which a step chooses a profile: AWS_PROFILE, and the client's own means. */
function choosing(profile: string, expect: Principal, prefix = ""): [byVariable: Step, explicit: Step] {
  return [
    { id: `${prefix}variable`, title: `AWS_PROFILE=${profile}`, env: { AWS_PROFILE: profile }, expect },
    {
      id: `${prefix}explicit`,
      title: `profile ${profile} by the client's own means`,
      explicit: profile,
      expect,
    },
  ];
}
const [BY_VARIABLE, EXPLICIT] = choosing("deploy", "role");
const SECOND_STEPS = choosing("second", "second", "second-");
const CHAINED_STEPS = choosing("mine", "chained", "chained-");
const [OTHERS_VARIABLE, OTHERS_EXPLICIT] = choosing("other", "other", "other-");
const OTHERS_STEP: Step = {
  ...OTHERS_VARIABLE,
  id: "other",
  title: `${OTHERS_VARIABLE.title}, a profile of the user's own`,
};

const CHAINED: (source: string) => Ambient = (source) => ({
  id: `chained-over-${source}`,
  title: `a profile of the user's with source_profile = ${source}`,
  files: (given) => ({
    ...USERS_FILES(given),
    ".aws/config": `[profile mine]\nrole_arn = ${ROLE_ARNS.chained}\nsource_profile = ${source}\nregion = ${REGION}\n`,
  }),
});
/** Most clients call nothing without a region. */
function withRegion(ambient: Ambient): Ambient {
  const variables = (given: Given): Record<string, string> => ({
    AWS_REGION: "us-east-2",
    AWS_DEFAULT_REGION: "us-east-2",
    ...ambient.variables?.(given),
  });
  return { ...ambient, title: `${ambient.title}; AWS_REGION and AWS_DEFAULT_REGION`, variables };
}

/** The ambient of that id. */
export function ambientNamed(id: string): Ambient {
  const ambient = SINGLE.find((each) => each.id === id);
  if (ambient === undefined) throw new Error(`no ambient ${id}`);
  return ambient;
}

const ambientRow = (id: string, ambient: Ambient, steps = [AMBIENT_STEP], title = "ambient use"): Row => ({
  id,
  title,
  ambient,
  uses: [AMBIENT_USE],
  steps,
});
const namedRow = (id: string, ambient: Ambient, steps: Step[], title = "named use"): Row => ({
  id,
  title,
  ambient,
  uses: [NAMED_USE],
  steps,
});
const CHAINED_ROWS: Row[] = [
  ambientRow("chained/ambient", CHAINED("default"), CHAINED_STEPS),
  namedRow("chained/named", CHAINED("deploy"), CHAINED_STEPS),
];
const OTHERS_TITLE = "and a step with a profile of the user's own";

/** Scenario 3. */
export const HOSTILE_ROWS: Row[] = [
  ...[...SINGLE, ...PAIRS].flatMap((ambient): Row[] => [
    ambientRow(`${ambient.id}/ambient`, ambient),
    namedRow(`${ambient.id}/named`, ambient, [BY_VARIABLE, EXPLICIT]),
  ]),
  {
    id: "two-named",
    title: "two named uses",
    ambient: ambientNamed("users-files"),
    uses: [NAMED_USE, SECOND_USE],
    steps: [BY_VARIABLE, EXPLICIT, ...SECOND_STEPS],
  },
  {
    id: "ambient-and-named",
    title: "an ambient and a named use",
    ambient: ambientNamed("users-files"),
    uses: [AMBIENT_USE, SECOND_USE],
    steps: [AMBIENT_STEP, ...SECOND_STEPS],
  },
  namedRow(
    "named-and-nothing",
    withRegion(ambientNamed("home-keys")),
    [{ id: "nothing", title: "no profile chosen", expect: "home" }],
    "named use, and a step that does not choose it",
  ),
  ambientRow(
    "ambient-and-others",
    ambientNamed("users-files"),
    [OTHERS_STEP, OTHERS_EXPLICIT],
    `ambient use, ${OTHERS_TITLE}`,
  ),
  ambientRow(
    "mirrored-and-others",
    ambientNamed("irsa"),
    [OTHERS_STEP, OTHERS_EXPLICIT],
    `ambient use on an EKS runner, ${OTHERS_TITLE}`,
  ),
  {
    id: "mirrored",
    title: "ambient use with mirror-environment: true",
    ambient: ambientNamed("users-files"),
    uses: [{ ...AMBIENT_USE, with: { "mirror-environment": "true" } }],
    steps: [AMBIENT_STEP, OTHERS_STEP, OTHERS_EXPLICIT],
  },
  ...CHAINED_ROWS,
];

/** Scenario 4: what every client can do before the action, and after its post step. */
export const AFTER_ROWS: Row[] = [
  ...["none", "home-keys", "keys", "session-keys", "profile", "irsa", "config-file"].map((id) =>
    ambientRow(`${id}/ambient`, withRegion(ambientNamed(id))),
  ),
  ambientRow("no-region/ambient", ambientNamed("home-keys")),
  namedRow("no-region/named", ambientNamed("home-keys"), [BY_VARIABLE]),
  {
    id: "session-name/ambient",
    title: "ambient use with role-session-name",
    ambient: ambientNamed("users-files"),
    uses: [{ ...AMBIENT_USE, with: { "role-session-name": "release" } }],
    steps: [AMBIENT_STEP],
  },
  ...CHAINED_ROWS,
];
const SHORT_AFTER = ["none/ambient", "home-keys/ambient", "keys/ambient", "chained/ambient"];

/** The rows of `--short`. */
export function shortRows(rows: Row[]): Row[] {
  return rows.filter(({ id, ambient }) =>
    rows === AFTER_ROWS ? SHORT_AFTER.includes(id) : ambient.short && id !== "users-files/named",
  );
}

/** Scenario 6: a way to a role that is not the plain web identity profile. */
export interface Mode {
  id: string;
  title: string;
  /** In short, as the head of a column. */
  head: string;
  uses: Use[];
  expect: Principal;
  /** Whose sessions a keeper holds for the steps, or for the source of the chain. */
  held?: keyof typeof ROLE_ARNS;
  /** What every exchange for a shared session has to ask for. */
  shape?: { durationSeconds: number; policy: string; policyArns: string[] };
}

const SHARED = { "shared-session": "true" };
const SHAPE = {
  durationSeconds: 900,
  policy: '{"Version":"2012-10-17","Statement":{"Effect":"Allow","Action":"s3:Get*","Resource":"*"}}',
  policyArns: ["arn:aws:iam::aws:policy/ReadOnlyAccess", `arn:aws:iam::${ACCOUNTS.role}:policy/deploy`],
};
const SOURCE_USE: Use = { profile: "build", role: "role" };
const CHAIN_USE: Use = { profile: "default", role: "chained", with: { "source-profile": "build" } };

export const MODES: Mode[] = [
  {
    id: "shared",
    title: "shared-session: true",
    head: "Shared session",
    uses: [{ ...AMBIENT_USE, with: SHARED }],
    expect: "role",
    held: "role",
  },
  {
    id: "shaped",
    title: "role-duration-seconds, inline-session-policy and managed-session-policies",
    head: "Shared, with duration and policies",
    uses: [
      {
        ...AMBIENT_USE,
        with: {
          "role-duration-seconds": String(SHAPE.durationSeconds),
          "inline-session-policy": SHAPE.policy,
          "managed-session-policies": SHAPE.policyArns.join("\n"),
        },
      },
    ],
    expect: "role",
    held: "role",
    shape: SHAPE,
  },
  {
    id: "chain",
    title: "source-profile, which names a use with ID tokens",
    head: "Chain by source-profile",
    uses: [SOURCE_USE, CHAIN_USE],
    expect: "chained",
  },
  {
    id: "chain-on-shared",
    title: "source-profile, which names a use with shared-session: true",
    head: "Chain on a shared session",
    uses: [{ ...SOURCE_USE, with: SHARED }, CHAIN_USE],
    expect: "chained",
    held: "role",
  },
  {
    id: "chain-as-shared",
    title: "role-chaining and shared-session: true",
    head: "Chain as a shared session",
    uses: [AMBIENT_USE, { ...CHAIN_USE, with: { "role-chaining": "true", ...SHARED } }],
    expect: "chained",
    held: "chained",
  },
];

const SHARED_USE: Use = { ...AMBIENT_USE, with: SHARED };
const SHARED_NAMED_USE: Use = { ...NAMED_USE, with: SHARED };
const MARKED: Ambient = {
  id: "marked",
  title: "files of the user's own with CRLF and a byte order mark",
  files: (given) =>
    Object.fromEntries(
      Object.entries(HOME_KEYS(given)).map(([name, text]) => [
        name,
        `\ufeff${text.replaceAll("\n", "\r\n")}`,
      ]),
    ),
};
const OF_THE_SAME_NAME: Ambient = {
  id: "same-name",
  title: "static keys of the use's own profile in ~/.aws/credentials",
  files: (given) => ({ ...USERS_FILES(given), ".aws/credentials": keySection("deploy", given.keys.home) }),
};
const EXPIRED: Ambient = {
  id: "expiration",
  title: "temporary keys and AWS_CREDENTIAL_EXPIRATION, long past",
  variables: ({ keys }) => ({
    ...keyVariables(keys.session),
    AWS_CREDENTIAL_EXPIRATION: "2020-01-01T00:00:00Z",
  }),
};

const sessionRow = (kind: string, ambient: Ambient, uses: Use[], steps: Step[], title: string): Row => ({
  id: `${ambient.id}/${kind}`,
  title,
  ambient,
  uses,
  steps,
});

/** Scenario 7: some of scenario 3's environments, around a shared session and around a chain. */
export const SESSION_ROWS: Row[] = [
  ...[
    ...["none", "keys", "irsa", "irsa-S", "profile", "default-profile", "config-file"].map(ambientNamed),
    ...["home-keys", "home-role", "container", "region"].map(ambientNamed),
    MARKED,
    EXPIRED,
  ].map((ambient) => sessionRow("shared", ambient, [SHARED_USE], [AMBIENT_STEP], "shared session")),
  ...[...["keys", "irsa", "container"].map(ambientNamed), OF_THE_SAME_NAME].map((ambient) =>
    sessionRow("shared-named", ambient, [SHARED_NAMED_USE], [BY_VARIABLE, EXPLICIT], "named shared session"),
  ),
  ...["keys", "irsa-S", "profile", "home-keys", "container"].map((id) =>
    sessionRow(
      "chain",
      ambientNamed(id),
      [SOURCE_USE, CHAIN_USE],
      [{ ...AMBIENT_STEP, expect: "chained" }],
      "chain by source-profile",
    ),
  ),
];

/** Scenario 5: the config file as the action would write it on another system. */
export interface Form {
  id: string;
  title: string;
  /**
   * The token file, relative to the folder that the client is started in: a path of Windows is an ordinary
   * relative one on Linux.
   */
  tokenFile: string;
  /** What the user's own file holds in front of our section. */
  before: string;
  /** What becomes of the whole file. */
  change?: (text: string) => string;
  /** The action does not write this form; it is here to show why. */
  notWritten?: true;
}

const WINDOWS_TOKEN = "D:/a/_temp/aws-role-refresh/tokens/sts.amazonaws.com/token";
const crlf = (text: string): string => text.replaceAll("\n", "\r\n");

export const FORMS: Form[] = [
  { id: "windows", title: "Windows: drive letter, forward slashes", tokenFile: WINDOWS_TOKEN, before: "" },
  {
    id: "windows-user",
    title: "Windows: behind a file of the user's with CRLF and backslashes",
    tokenFile: WINDOWS_TOKEN,
    before: crlf("[profile other]\nregion = eu-central-1\nca_bundle = C:\\Users\\me\\ca.pem\n"),
  },
  {
    id: "windows-crlf",
    title: "Windows: a tool turned every line end into CRLF",
    tokenFile: WINDOWS_TOKEN,
    before: "",
    change: crlf,
  },
  {
    id: "windows-backslashes",
    title: "Windows: backslashes, as the action never writes them",
    tokenFile: "D:\\a\\_temp\\new\\token",
    before: "",
    notWritten: true,
  },
  {
    id: "macos",
    title: "macOS: /Users/runner/work/_temp",
    tokenFile: "Users/runner/work/_temp/aws-role-refresh/tokens/sts.amazonaws.com/token",
    before: "",
  },
  {
    id: "spaces",
    title: "spaces in the path",
    tokenFile: "my runner/_work/_temp/aws-role-refresh/tokens/sts.amazonaws.com/token",
    before: "[profile other]\nregion = eu-central-1",
  },
];
