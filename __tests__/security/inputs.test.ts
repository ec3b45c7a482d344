// Inputs as an attacker's: a pull request's title in role-session-name, say. Whatever they hold, either main
// refuses them or the files say exactly what was meant, to the parsers that SDKs really have: no line, key or
// section more, and no path outside the job directory.
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import os from "node:os";
import path from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "@jest/globals";
import { loadSharedConfigFiles } from "@smithy/core/config";
import fc from "fast-check";
import { Botocore, hasBotocore } from "../../harness/machine/botocore.ts";
import { unless } from "../../harness/machine/means.ts";
import { planEnvironment } from "../../src/aws/environment.ts";
import { placeInConfig } from "../../src/aws/profile.ts";
import { renderProfile } from "../../src/aws/section.ts";
import { UserError } from "../../src/base/errors.ts";
import { jobDirectory, tokenDirectory } from "../../src/base/layout.ts";
import { jobDirectoryPath } from "../../src/base/runner-temp.ts";
import { type Inputs, loadInputs } from "../../src/inputs.ts";

const RUNS = 400;
const TEMP = "/home/runner/work/_temp";

let folder: string;
let botocore: Botocore | undefined;
beforeAll(() => {
  folder = mkdtempSync(path.join(os.tmpdir(), "inputs "));
  if (hasBotocore) botocore = new Botocore();
});
afterAll(() => {
  botocore?.close();
  rmSync(folder, { recursive: true, force: true });
});

const GOOD: Record<string, string> = {
  "role-to-assume": "arn:aws:iam::111122223333:role/team/deploy",
  "aws-region": "eu-west-1",
  profile: "prod",
  "role-session-name": "job-1@main",
  audience: "sts.amazonaws.com",
  "sts-endpoint": "https://sts.example:8443/path",
};

/** What means something to a config file, a shell, the runner's log, a path or a URL. */
const FRAGMENTS = [
  ..."\n \r \t \0 \v \f \x1b \x7f \x85 \u00a0 \u2028 \u2029 \ufeff \u202e [ ] = : # ; % $ { } \" ' ` \\ / | & ?".split(
    " ",
  ),
  ..." ,.. ,../..,//,é,[default],\n[default]\n,\r\nrole_arn = x,\ncredential_process = touch x\n, #x, ;x,{HOME},$(id),%0A".split(
    ",",
  ),
  ..."::add-path::x|\n::set-env name=x::y|##[add-path]x|%0A::error::x|profile x|x@host|*|?".split("|"),
];

const hostile = fc.oneof(
  fc.string({ unit: "binary", maxLength: 80 }),
  fc
    .array(fc.oneof(fc.constantFrom(...FRAGMENTS), fc.string({ maxLength: 6 })), {
      minLength: 1,
      maxLength: 6,
    })
    .map((parts) => parts.join("")),
);

/** Some inputs good, some good ones with something put in, some anything. */
const inputs: fc.Arbitrary<Record<string, string>> = fc.record(
  Object.fromEntries(
    Object.entries(GOOD).map(([name, good]) => [
      name,
      fc.oneof(
        { weight: 6, arbitrary: fc.constant(good) },
        {
          weight: 1,
          arbitrary: fc
            .tuple(fc.nat(good.length), hostile)
            .map(([at, put]) => good.slice(0, at) + put + good.slice(at)),
        },
        { weight: 1, arbitrary: hostile },
        { weight: 1, arbitrary: fc.stringMatching(/^[\w+=,.@:/-]{1,70}$/) },
      ),
    ]),
  ),
);

/**
 * As core.getInput gives them; undefined where they are refused, which a UserError must say on the first line
 * of a log.
 */
function load(given: Record<string, string>): Inputs | undefined {
  try {
    return loadInputs((name) => (given[name] ?? "").trim(), { id: "1", attempt: "1" });
  } catch (error) {
    expect(error).toBeInstanceOf(UserError);
    return undefined;
  }
}

interface Written {
  section: string;
  profile: string;
  /** The keys of the profile, and for STS those of its services section. */
  meant: Record<string, string>;
  endpoint: string | undefined;
}

/** What main would write into the config file. */
function write({ profile, role, sessionName, region, stsEndpoint, audience }: Inputs): Written {
  const root = jobDirectoryPath(TEMP);
  const tokenFile = tokenDirectory(jobDirectory(root), audience).secret;
  // Nothing of any input can lead a path out of the job directory.
  expect(path.posix.normalize(tokenFile)).toBe(tokenFile);
  expect(tokenFile.startsWith(`${TEMP}/aws-role-refresh/tokens/`)).toBe(true);
  return {
    section: renderProfile({
      ...{ profile, region, stsEndpoint },
      identity: { roleArn: role.arn, sessionName, tokenFile },
    }),
    profile,
    meant: { role_arn: role.arn, web_identity_token_file: tokenFile, role_session_name: sessionName, region },
    endpoint: stsEndpoint,
  };
}

/** Profiles as the SDK for JavaScript reads them. It gives what is nested as `name.key`. */
async function parseJavaScript(text: string): Promise<Record<string, Record<string, string | undefined>>> {
  const file = path.join(folder, "config");
  writeFileSync(file, text, "latin1");
  const { configFile } = await loadSharedConfigFiles({
    configFilepath: file,
    filepath: path.join(folder, "none"),
    ignoreCache: true,
  });
  return configFile;
}

async function parseBotocore(text: string) {
  const file = path.join(folder, "config-for-botocore");
  writeFileSync(file, text, "latin1");
  return (botocore as Botocore).parse(file);
}

describe("what is accepted is read back as exactly what was meant", () => {
  test("by the SDK for JavaScript", async () => {
    let accepted = 0;
    await fc.assert(
      fc.asyncProperty(inputs, async (given) => {
        const loaded = load(given);
        if (!loaded) return;
        accepted += 1;
        const { section, profile, meant, endpoint } = write(loaded);
        const services = `aws-role-refresh-${profile}`;
        expect(await parseJavaScript(section)).toEqual({
          [profile]: { ...meant, ...(endpoint && { services }) },
          ...(endpoint && { [`services.${services}`]: { "sts.endpoint_url": endpoint } }),
        });
      }),
      { numRuns: RUNS },
    );
    expect(accepted).toBeGreaterThan(RUNS / 20);
  });

  (hasBotocore ? test : test.skip)(
    `by botocore${unless(hasBotocore, "no python3 with botocore")}`,
    async () => {
      await fc.assert(
        fc.asyncProperty(inputs, async (given) => {
          const loaded = load(given);
          if (!loaded) return;
          const { section, profile, meant, endpoint } = write(loaded);
          const services = `aws-role-refresh-${profile}`;
          expect(await parseBotocore(section)).toEqual({
            profiles: { [profile]: { ...meant, ...(endpoint && { services }) } },
            services: endpoint ? { [services]: { sts: { endpoint_url: endpoint } } } : {},
          });
        }),
        { numRuns: RUNS },
      );
    },
  );

  test("in the environment: one line each, and only of the known names", () => {
    fc.assert(
      fc.property(inputs, (given) => {
        const loaded = load(given);
        if (!loaded) return;
        const { profile, region, role, sessionName, stsEndpoint, mirror, audience } = loaded;
        const job = jobDirectory(jobDirectoryPath(TEMP));
        const tokenFile = tokenDirectory(job, audience).secret;
        const use = {
          profile,
          configFile: job.config,
          credentialsFile: job.credentials,
          region,
          identity: { roleArn: role.arn, sessionName, tokenFile },
        };
        const { exports } = planEnvironment({}, { ...use, sessionName, stsEndpoint, mirror });
        for (const [name, value] of Object.entries(exports)) {
          expect(name).toMatch(/^AWS_[A-Z_]+$/);
          expect(value).toMatch(/^[\x20-\x7e]+$/);
        }
      }),
      { numRuns: RUNS },
    );
  });
});

describe("in a config file of the user's", () => {
  const line = fc.oneof(
    fc.constantFrom(
      ...'[default]|[profile prod]|[profile  prod ]|[profile "prod"]|[prod]|[ profile prod]|[profile prod] # x|[profile other]|[sso-session x]|[services y]|s3 =|  max_queue_size = 5'.split(
        "|",
      ),
      ..."region = us-east-1|role_arn=x|aws_access_key_id = x|# comment|; comment|  # indented||key|[profile|]|x = [default]|credential_process = echo".split(
        "|",
      ),
      ..."output = json|ca_bundle=/ca.pem|  role_arn = y|REGION = x|\toutput = text|sso_session : x|  retry_mode = standard|endpoint_url = https://x.example/|services = y|cli_pager=".split(
        "|",
      ),
    ),
    fc.string({ maxLength: 12 }),
  );
  const config = fc
    .tuple(fc.array(line, { maxLength: 14 }), fc.constantFrom("\n", "\r\n"), fc.boolean())
    .map(([lines, end, last]) => lines.join(end) + (last ? end : ""));

  /** The user's file as main leaves it, with a section of the same name before. */
  function withOurs(text: string): { text: string; ours: Written } {
    const ours = write(load({ ...GOOD, "sts-endpoint": "" }) as Inputs);
    return { text: placeInConfig(text, ours.profile, ours.section).text, ours };
  }

  const OURS =
    /^(?:role_|aws_|sso_|source_|external_|duration_|mfa_|login_|credential_|web_identity_|region$)/;

  /** What a profile holds beside settings: the identity, and the region. */
  const identityIn = (profile: Record<string, unknown> | undefined) =>
    Object.fromEntries(Object.entries(profile ?? {}).filter(([key]) => OURS.test(key.toLowerCase())));

  test("the profile names our identity alone, and the others stay as they were, to the SDK for JavaScript", async () => {
    await fc.assert(
      fc.asyncProperty(config, async (text) => {
        const before = await parseJavaScript(text);
        const { text: changed, ours } = withOurs(text);
        const after = await parseJavaScript(changed);
        expect(identityIn(after[ours.profile])).toEqual(ours.meant);
        delete before[ours.profile];
        delete after[ours.profile];
        expect(after).toEqual(before);
      }),
      { numRuns: RUNS },
    );
  });

  (hasBotocore ? test : test.skip)(
    `to botocore${unless(hasBotocore, "no python3 with botocore")}`,
    async () => {
      let readable = 0;
      await fc.assert(
        fc.asyncProperty(config, async (text) => {
          const before = await parseBotocore(text);
          if (before.error !== undefined) return;
          readable += 1;
          const { text: changed, ours } = withOurs(text);
          const after = await parseBotocore(changed);
          expect(identityIn(after.profiles?.[ours.profile])).toEqual(ours.meant);
          delete before.profiles?.[ours.profile];
          delete after.profiles?.[ours.profile];
          expect(after).toEqual(before);
        }),
        { numRuns: 2 * RUNS },
      );
      expect(readable).toBeGreaterThan(RUNS / 20);
    },
  );

  /** Each sets other keys, some by indented lines. */
  const SETTINGS = [
    ..."ca_bundle = /etc/ca.pem|output=json|retry_mode = standard|max_attempts: 5|cli_pager=|endpoint_url = https://x.example/|services = mine".split(
      "|",
    ),
    "s3 =\n  max_queue_size = 5\n\n  # between\n  addressing_style = path",
    "sts_regional_endpoints = legacy # as ever",
    "cli_history = enabled\t",
    "REQUEST_CHECKSUM_CALCULATION = when_required",
  ];
  const IDENTITIES = [
    ..."role_arn=x|source_profile = y|Credential_Source = Environment|credential_process = echo|sso_session = z|sso_account_id: 1|login_session = x|web_identity_token_file = /x|aws_access_key_id = x|aws_secret_access_key=y|aws_session_token = z|role_session_name=|external_id = x|duration_seconds = 900|mfa_serial = x|region = us-east-1".split(
      "|",
    ),
    "sso_start_url =\n  x = https://x.example\n# between\n  role_arn = y",
  ];
  const section = fc
    .tuple(
      fc.shuffledSubarray([...SETTINGS, ...IDENTITIES]),
      fc.array(fc.constantFrom("", "# comment", "; comment", "  # indented"), { maxLength: 4 }),
      fc.constantFrom("[profile prod]", "[profile prod] # x", '[profile "prod"]'),
      fc.constantFrom("", "[profile first]\noutput = text\n", "# first\n[default]\n  output = text\n"),
      fc.constantFrom(
        "",
        "\n",
        "\n[profile last]\nregion = x",
        "\n[services mine]\ns3 =\n  endpoint_url = https://x\n",
      ),
    )
    .map(([blocks, comments, header, before, after]) => {
      const lines = blocks.flatMap((block, index) => [...comments.slice(index, index + 1), block]);
      return { blocks, text: `${before}${[header, ...lines].join("\n")}${after}` };
    });

  /** That a profile is ours, with the user's settings and no other key. */
  function expectOurs(after: object | undefined, before: object | undefined, { meant }: Written): void {
    const settings = Object.entries(before ?? {}).filter(([key]) => !OURS.test(key.toLowerCase()));
    expect(after).toEqual({ ...Object.fromEntries(settings), ...meant });
  }

  test.each<[string, boolean, (text: string) => Promise<Record<string, object | undefined>>]>([
    ["the SDK for JavaScript", true, parseJavaScript],
    ["botocore", hasBotocore, async (text) => (await parseBotocore(text)).profiles ?? {}],
  ])("the user's settings stay: byte for byte, and to %s", async (_, can, parse) => {
    if (!can) return;
    let seen = 0;
    await fc.assert(
      fc.asyncProperty(section, async ({ text, blocks }) => {
        const { text: changed, ours } = withOurs(text);
        for (const block of blocks) expect(changed.includes(`${block}\n`)).toBe(SETTINGS.includes(block));
        const before = await parse(text);
        seen += Object.keys(before[ours.profile] ?? {}).length;
        const after = await parse(changed);
        expectOurs(after[ours.profile], before[ours.profile], ours);
        expect(changed.match(/^\[profile "?prod"?\]/gm)).toEqual(["[profile prod]"]);
        // A second use finds them again.
        expect(placeInConfig(changed, ours.profile, ours.section).text).toBe(changed);
      }),
      { numRuns: RUNS },
    );
    expect(seen).toBeGreaterThan(RUNS);
  });
});
