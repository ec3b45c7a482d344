import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import os from "node:os";
import path from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "@jest/globals";
import { loadSharedConfigFiles } from "@smithy/core/config";
import fc from "fast-check";
import {
  append,
  placeInConfig,
  placeInCredentials,
  roleArnsIn,
  stsEndpointIn,
  takeFromConfig,
  takeFromCredentials,
} from "../../src/aws/profile.ts";
import { type Profile, renderProfile } from "../../src/aws/section.ts";

const IDENTITY = {
  roleArn: "arn:aws:iam::111122223333:role/team/deploy",
  tokenFile: "/home/runner work/_temp/aws-role-refresh/tokens/0a/token",
  sessionName: "GitHubActions-1-1-0a",
};
const PROFILE: Profile = {
  profile: "prod",
  region: "eu-west-1",
  stsEndpoint: undefined,
  identity: IDENTITY,
};

let folder: string;
beforeAll(() => {
  folder = mkdtempSync(path.join(os.tmpdir(), "profile test "));
});
afterAll(() => rmSync(folder, { recursive: true, force: true }));

describe("the section", () => {
  test("of a named profile", () => {
    expect(renderProfile(PROFILE)).toBe(
      [
        "[profile prod]",
        "role_arn = arn:aws:iam::111122223333:role/team/deploy",
        "web_identity_token_file = /home/runner work/_temp/aws-role-refresh/tokens/0a/token",
        "role_session_name = GitHubActions-1-1-0a",
        "region = eu-west-1",
        "",
      ].join("\n"),
    );
  });

  test("of the default profile has no 'profile' in its header", () => {
    expect(renderProfile({ ...PROFILE, profile: "default" })).toMatch(/^\[default\]\n/);
  });

  test("with an STS endpoint names it for STS alone", () => {
    expect(renderProfile({ ...PROFILE, stsEndpoint: "http://127.0.0.1:9000" })).toBe(
      `${renderProfile(PROFILE)}services = aws-role-refresh-prod\n[services aws-role-refresh-prod]\nsts =\n  endpoint_url = http://127.0.0.1:9000\n`,
    );
  });

  const fields = ["profile", "roleArn", "tokenFile", "sessionName", "region", "stsEndpoint"] as const;
  const hostile = [
    "x\nrole_arn = y",
    "x\r[default]",
    "x\n",
    "x #y",
    "x;y",
    "x\ty",
    "é",
    "x\0",
    "x\u2028y",
    "x\u00a0",
    "x ",
  ];
  test.each(
    fields.flatMap((field) => hostile.map((value): [(typeof fields)[number], string] => [field, value])),
  )("refuses %s %j, which would add a line or be cut short", (field, value) => {
    // A space at the end is only cut off where it ends the line.
    const changed =
      field in IDENTITY
        ? { ...PROFILE, identity: { ...IDENTITY, [field]: value } }
        : { ...PROFILE, [field]: value };
    if (field === "profile" && value === "x ")
      return expect(renderProfile(changed)).toContain("[profile x ]");
    expect(() => renderProfile(changed)).toThrow("not fit for a config file");
  });

  test("is read back by the JavaScript SDK's own reader as exactly what was meant, whatever the values", async () => {
    const word = fc.stringMatching(/^[A-Za-z0-9_.+=,@-]{1,30}$/);
    const text = fc.oneof(
      { weight: 3, arbitrary: word },
      { weight: 1, arbitrary: fc.string({ unit: "binary", maxLength: 20 }) },
    );
    const value = fc.record({
      profile: fc.oneof(
        word.filter((name) => /^[A-Za-z0-9_.-]+$/.test(name) && name !== "__proto__"),
        fc.constant("default"),
      ),
      roleArn: text,
      tokenFile: text,
      sessionName: text,
      region: text,
      stsEndpoint: fc.option(text, { nil: undefined }),
    });
    let rendered = 0;
    await fc.assert(
      fc.asyncProperty(value, async (profile) => {
        let section: string;
        try {
          const { roleArn, tokenFile, sessionName, ...rest } = profile;
          section = renderProfile({ ...rest, identity: { roleArn, tokenFile, sessionName } });
        } catch {
          return;
        }
        // The reader trims white space around a value; the action's own values have none there.
        fc.pre(
          Object.values(profile).every((part) => part === undefined || (part.trim() === part && part !== "")),
        );
        rendered += 1;
        const filepath = path.join(folder, "config");
        writeFileSync(filepath, section);
        const { configFile } = await loadSharedConfigFiles({
          configFilepath: filepath,
          filepath: "/dev/null",
          ignoreCache: true,
        });
        expect(configFile).toEqual({
          [profile.profile]: {
            role_arn: profile.roleArn,
            web_identity_token_file: profile.tokenFile,
            role_session_name: profile.sessionName,
            region: profile.region,
            ...(profile.stsEndpoint !== undefined && { services: `aws-role-refresh-${profile.profile}` }),
          },
          ...(profile.stsEndpoint !== undefined && {
            [`services.aws-role-refresh-${profile.profile}`]: { "sts.endpoint_url": profile.stsEndpoint },
          }),
        });
      }),
      { numRuns: 400 },
    );
    expect(rendered).toBeGreaterThan(50);
  });
});

/** A file like those that people have: everything in it that a parser-and-printer would lose. */
const USERS = [
  "# mine, do not touch",
  "[default]",
  "region=us-east-1   ",
  "output =json",
  "s3 =",
  "    max_concurrent_requests = 20",
  "\tuse_accelerate_endpoint=true",
  "",
  "; comment of [profile other]",
  "[profile  other] # odd",
  "  sso_session = corp",
  "CLI_Pager = less # not a comment to all",
  "cli_pager=",
  "",
  '[profile "with space"]',
  "region : eu-central-1",
  "[sso-session corp]",
  "sso_start_url = https://corp.example/start#/x",
  "[plugins]",
  "endpoint = awscli_plugin_endpoint",
  "",
].join("\n");

describe("a profile of another name leaves the user's file byte for byte", () => {
  test.each([
    ["as it is", USERS],
    ["with CRLF", USERS.replaceAll("\n", "\r\n")],
    ["with mixed line ends", USERS.replace("\n", "\r\n").replace("[plugins]\n", "[plugins]\r\n")],
    ["without a line end at the end", USERS.trimEnd()],
    ["with bytes of another encoding", `${USERS}# \u00e9\u00ff\u0080\u00a0\nname = \u00fcml\u00e4ut\n`],
    ["with keys before the first header", `region = eu-west-1\n${USERS}`],
    ["with an open bracket", `${USERS}[profile prod\nrole_arn = x\n`],
    ["empty", ""],
    ["of white space", " \n\t\r\n"],
    ["of one comment", "# nothing here"],
  ])("%s", (_, text) => {
    expect(takeFromConfig(text, "prod")).toEqual({ kept: text, taken: "" });
    expect(takeFromCredentials(text, "prod")).toEqual({ kept: text, taken: "" });
  });

  test("with every byte there is", () => {
    const bytes = Buffer.from(Array.from({ length: 256 }, (_, byte) => byte));
    const text = Buffer.concat([Buffer.from("[a]\nx = "), bytes, Buffer.from("\n")]).toString("latin1");
    const { kept } = takeFromConfig(text, "prod");
    expect(Buffer.from(append(kept, renderProfile(PROFILE)), "latin1").subarray(0, text.length)).toEqual(
      Buffer.from(text, "latin1"),
    );
  });
});

describe("a header that some reader takes for the profile is taken", () => {
  const body = "role_arn = x\n";
  test.each([
    "[profile prod]",
    "[profile  prod]",
    "[profile\tprod]",
    "[ profile prod ]",
    "  [profile prod]",
    "\t[profile prod]",
    "[profile prod] # comment",
    "[profile prod];comment",
    "[profile prod]\r",
    "[prod]",
    "[ prod ]",
    '[profile "prod"]',
    "[profile 'prod']",
    '["prod"]',
  ])("%j", (header) => {
    expect(takeFromConfig(`[a]\nx = 1\n${header}\n${body}[b]\ny = 2\n`, "prod")).toEqual({
      kept: "[a]\nx = 1\n[b]\ny = 2\n",
      taken: `${header}\n${body}`,
    });
  });

  test.each(["[default]", "[profile default]", '[profile "default"]', "[ default ]"])(
    "default: %j",
    (header) => {
      expect(takeFromConfig(`${header}\n${body}`, "default")).toEqual({
        kept: "",
        taken: `${header}\n${body}`,
      });
    },
  );
});

describe("a header of another profile stays", () => {
  test.each([
    "[profile prod2]",
    "[profile pro]",
    "[profile Prod]",
    "[profileprod]",
    "[profile prod x]",
    "[profile profile prod]",
    "[sso-session prod]",
    "[services prod]",
    "[services aws-role-refresh-prod2]",
    "#[profile prod]",
    "# [profile prod]",
    "x = [profile prod]",
    "[]",
  ])("%j", (header) => {
    const text = `[a]\nx = 1\n${header}\nrole_arn = x\n`;
    expect(takeFromConfig(text, "prod")).toEqual({ kept: text, taken: "" });
  });

  test("a regular expression's characters in a name mean themselves", () => {
    const text = "[profile aXb]\nx = 1\n[profile a.b]\ny = 2\n";
    expect(takeFromConfig(text, "a.b")).toEqual({
      kept: "[profile aXb]\nx = 1\n",
      taken: "[profile a.b]\ny = 2\n",
    });
  });
});

describe("taking a profile", () => {
  test("takes each of its sections, wherever they are, and no more", () => {
    expect(takeFromConfig("[prod]\na = 1\n[x]\nb = 2\n[profile prod]\nc = 3\n", "prod")).toEqual({
      kept: "[x]\nb = 2\n",
      taken: "[prod]\na = 1\n[profile prod]\nc = 3\n",
    });
  });

  test("takes nested keys, and comments and blank lines between keys; those before the next header stay", () => {
    const text = [
      "# above prod",
      "[profile prod]",
      "# within",
      "s3 =",
      "  addressing_style = path",
      "",
      "region = eu-west-1",
      "",
      "# above next",
      "; and more",
      "[profile next]",
      "region = eu-west-2",
      "",
    ].join("\n");
    expect(takeFromConfig(text, "prod")).toEqual({
      kept: "# above prod\n\n# above next\n; and more\n[profile next]\nregion = eu-west-2\n",
      taken: "[profile prod]\n# within\ns3 =\n  addressing_style = path\n\nregion = eu-west-1\n",
    });
  });

  test("keeps a comment at the end of the file, without a line end", () => {
    expect(takeFromConfig("[profile prod]\na = 1\n# last", "prod")).toEqual({
      kept: "# last",
      taken: "[profile prod]\na = 1\n",
    });
  });

  test("takes a section with nothing in it", () => {
    expect(takeFromConfig("[profile prod]\n[x]\n", "prod")).toEqual({
      kept: "[x]\n",
      taken: "[profile prod]\n",
    });
  });

  test("drops a byte order mark, which hides the first header from most readers", () => {
    const mark = "\u00ef\u00bb\u00bf";
    expect(takeFromConfig(`${mark}[default]\nx = 1\n[a]\ny = 2\n`, "default")).toEqual({
      kept: "[a]\ny = 2\n",
      taken: "[default]\nx = 1\n",
    });
    expect(takeFromConfig(`${mark}[a]\ny = 2\n`, "default").kept).toBe("[a]\ny = 2\n");
    // Only there: the same bytes elsewhere are the user's.
    expect(takeFromConfig(`[a]\ny = ${mark}\n`, "default").kept).toBe(`[a]\ny = ${mark}\n`);
  });

  test("takes the services section that goes with it, from the config file", () => {
    const ours = renderProfile({ ...PROFILE, stsEndpoint: "http://127.0.0.1:9000" });
    expect(takeFromConfig(`${USERS}${ours}`, "prod")).toEqual({ kept: USERS, taken: ours });
    const services = "[services aws-role-refresh-prod]\nsts =\n  endpoint_url = http://127.0.0.1:9000\n";
    expect(takeFromCredentials(services, "prod")).toEqual({ kept: services, taken: "" });
  });

  test("of static keys out of a credentials file", () => {
    const others = "[default]\naws_access_key_id = a\n\n[x]\naws_access_key_id = c\n";
    expect(
      takeFromCredentials(others.replace("[x]", "[prod]\r\naws_access_key_id = b\r\n[x]"), "prod"),
    ).toEqual({
      kept: others,
      taken: "[prod]\r\naws_access_key_id = b\r\n",
    });
  });

  test("gives back every line exactly once, whatever the file", () => {
    const line = fc.oneof(
      fc.constantFrom(
        "[profile prod]",
        "[prod] # x",
        "[default]",
        "[a]",
        "  nested = 1",
        "k = v",
        "s3 =",
        "# c",
        "; c",
        "",
        "  ",
        "[broken",
        "]",
        "\u00e9\u00ff",
      ),
      fc.string({ maxLength: 8 }).filter((text) => !/[\r\n]/.test(text)),
    );
    const file = fc
      .tuple(fc.array(fc.tuple(line, fc.constantFrom("\n", "\r\n")), { maxLength: 30 }), line)
      .map(([lines, last]) => lines.map(([text, end]) => text + end).join("") + last)
      .filter((text) => !text.startsWith("\u00ef\u00bb\u00bf"));
    fc.assert(
      fc.property(file, (text) => {
        const { kept, taken } = takeFromConfig(text, "prod");
        const split = (part: string) => part.split(/(?<=\n)/).filter((each) => each !== "");
        expect([...split(kept), ...split(taken)].sort()).toEqual(split(text).sort());
        // Once taken it is gone, and what is kept is stable.
        expect(takeFromConfig(kept, "prod")).toEqual({ kept, taken: "" });
        // Ours goes in and out again without a trace, but for a line end that the file lacked.
        const ours = renderProfile(PROFILE);
        const again = takeFromConfig(append(kept, ours), "prod");
        expect(again.taken).toBe(ours);
        expect(again.kept).toBe(kept === "" || kept.endsWith("\n") ? kept : `${kept}\n`);
      }),
      { numRuns: 500 },
    );
  });

  test("of a large file is done in no time", () => {
    const text = `${"[profile a]\nregion = x\n# c\n\n".repeat(50_000)}[profile prod]\n${"# c\n".repeat(50_000)}`;
    expect(takeFromConfig(text, "prod").taken).toBe("[profile prod]\n");
  });
});

describe("a use's section", () => {
  const ours = renderProfile(PROFILE);
  const [, keys = ""] = ours.split("[profile prod]\n");
  const place = (lines: string[]) => placeInConfig(`${lines.join("\n")}\n`, "prod", ours).text;

  test("takes the place of the user's, and keeps the settings there, in order, with comments", () => {
    expect(
      place([
        ...[
          "[profile prod] # mine",
          "role_arn = x",
          "# which CA",
          "ca_bundle=/ca.pem  ",
          "region = us-east-1",
        ],
        ...["s3 =", "    max_concurrent_requests = 20", "", "\taddressing_style=path", "; before next"],
        ...["[profile next]", "source_profile = prod", "output = json"],
      ]),
    ).toBe(
      [
        ...["; before next", "[profile next]", "source_profile = prod", "output = json", "[profile prod]"],
        ...["# which CA", "ca_bundle=/ca.pem  ", "s3 =", "    max_concurrent_requests = 20", ""],
        ...["\taddressing_style=path", keys],
      ].join("\n"),
    );
  });

  test("is all there is where the user's names an identity only", () => {
    expect(place(["[profile prod]", "# whose", "sso_session = x", "region = x"])).toBe(ours);
  });

  test.each([
    [
      "a key twice: the last, since botocore refuses both",
      ["output = a", "cli_pager =", "Output = b"],
      ["cli_pager =", "Output = b"],
    ],
    ["what is indented under a key that goes", ["credential_process = x", "  output = json"], []],
    [
      "an identity indented under a setting, which JavaScript reads",
      ["output = json", "  role_arn = x"],
      ["output = json"],
    ],
    ["keys that are all indented", ["  role_arn = x", "  output = json"], ["  output = json"]],
    [
      "a key between others' indentation",
      ["  output = json", "role_arn = x", "ca_bundle = y"],
      ["  output = json", "ca_bundle = y"],
    ],
    [
      "an identity behind a space that some SDKs trim",
      ["\u00a0role_arn = x", "ca_bundle = y"],
      ["ca_bundle = y"],
    ],
    ["a line that Python ends at a CR", ["ca_bundle = y\rrole_arn = x"], ["ca_bundle = y\r"]],
    ["an identity in words of its own case", ["ROLE_ARN = x", "ca_bundle = y"], ["ca_bundle = y"]],
  ])("with %s", (_, lines, left) => {
    expect(place(["[profile prod]", ...lines])).toBe(["[profile prod]", ...left, keys].join("\n"));
  });

  test("merges sections that SDKs read as one or the other, and indents no key under another's", () => {
    const text = "[default]\noutput = a\n[x]\n[profile default]\n  ca_bundle = y\n";
    const ours = renderProfile({ ...PROFILE, profile: "default" });
    expect(placeInConfig(text, "default", ours).text).toBe(
      `[x]\n${ours.replace("\n", "\noutput = a\nca_bundle = y\n")}`,
    );
  });

  test("leaves out a section that SDKs do not read as a profile", () => {
    expect(place(["[prod]", "output = a"])).toBe(ours);
  });

  test("keeps what a step has set in an earlier use's section, which goes", () => {
    const other = renderProfile({
      ...PROFILE,
      identity: { ...IDENTITY, roleArn: `${IDENTITY.roleArn}2` },
      region: "us-east-1",
    });
    const { text, taken } = placeInConfig(`${other}output = json\ns3 =\n    a = 1\n`, "prod", ours);
    expect(text).toBe(ours.replace("\n", "\noutput = json\ns3 =\n    a = 1\n"));
    expect(taken).toBe(`${other}output = json\ns3 =\n    a = 1\n`);
  });

  test("with an STS endpoint keeps the endpoints of the user's other services", () => {
    const withEndpoint = renderProfile({ ...PROFILE, stsEndpoint: "https://sts.example" });
    const users =
      "[services mine]\ns3 =\n  endpoint_url = https://s3.example\nsts =\n  endpoint_url = https://x\n";
    const { text } = placeInConfig(`[profile prod]\nservices = mine\n${users}`, "prod", withEndpoint);
    expect(text).toBe(`${users}${withEndpoint}s3 =\n  endpoint_url = https://s3.example\n`);
    // A second use with one finds them again; one without leaves none behind.
    expect(placeInConfig(text, "prod", withEndpoint).text).toBe(text);
    expect(placeInConfig(text, "prod", ours).text).toBe(users + ours);
  });

  test("with the user's services section leaves it to the profile", () => {
    const text = "[services mine]\ns3 =\n  endpoint_url = https://s3.example\n";
    expect(placeInConfig(`${text}[profile prod]\nservices = mine\n`, "prod", ours).text).toBe(
      text + ours.replace("\n", "\nservices = mine\n"),
    );
  });

  test("takes identity, region and role from the credentials file, and nothing else", () => {
    const text =
      "[prod]\naws_access_key_id = a\noutput = json\nregion = x\n# c\naws_secret_access_key = b\n[x]\ny = z\n";
    expect(placeInCredentials(text, "prod", ours)).toEqual({
      text: "[x]\ny = z\n[prod]\noutput = json\n# c\n",
      taken: text.replace("[x]\ny = z\n", ""),
    });
    expect(placeInCredentials("[prod]\naws_access_key_id = a\n", "prod", ours).text).toBe("");
  });

  test("of a large file is done in no time", () => {
    const lines = Array.from({ length: 50_000 }, (_, index) => `key_${index} = x\n# c\n  nested = y\n`);
    expect(placeInConfig(`[profile prod]\n${lines.join("")}`, "prod", ours).text).toContain("key_49999");
  });
});

describe("where a profile sends requests to STS", () => {
  test.each([
    ["of ours", renderProfile({ ...PROFILE, stsEndpoint: "https://sts.example" }), "https://sts.example"],
    ["AWS", renderProfile(PROFILE), undefined],
    ["all services", "[profile prod]\nendpoint_url = https://x\n", "https://x"],
    [
      "STS before all",
      "[services m]\nsts =\n endpoint_url=https://y\n[profile prod]\nservices=m\nendpoint_url = https://x\n",
      "https://y",
    ],
    [
      "another service",
      "[services m]\ns3 =\n  endpoint_url=https://y\n[profile prod]\nservices=m\n",
      undefined,
    ],
    ["another profile", "[profile other]\nendpoint_url = https://x\n", undefined],
  ])("%s", (_, text, endpoint) => {
    expect(stsEndpointIn(text, "prod")).toBe(endpoint);
  });
});

test.each([
  ["", "[a]\n", "[a]\n"],
  ["x = 1\n", "[a]\n", "x = 1\n[a]\n"],
  ["x = 1", "[a]\n", "x = 1\n[a]\n"],
  ["x = 1\r\n", "[a]\n", "x = 1\r\n[a]\n"],
  ["x = 1", "", "x = 1"],
  ["", "", ""],
])("appending to %j", (text, sections, result) => {
  expect(append(text, sections)).toBe(result);
});

test("the roles of a config file are found in any section and spelling", () => {
  const text = [
    "[a]",
    "role_arn = arn:aws:iam::111122223333:role/one",
    "[b]",
    "  ROLE_ARN=arn:aws:iam::111122223333:role/two\r",
    "# role_arn = arn:aws:iam::111122223333:role/none",
    "source_role_arn = arn:aws:iam::111122223333:role/none",
    "\trole_arn\t=\tarn:aws:iam::111122223333:role/three # c",
    "role_arn =",
  ].join("\n");
  expect(roleArnsIn(text)).toEqual(
    ["one", "two", "three"].map((name) => `arn:aws:iam::111122223333:role/${name}`),
  );
});

test("a profile written as a file is as its text says, byte for byte", () => {
  const file = path.join(folder, "round trip");
  const bytes = Buffer.from(`${USERS}# \u00e9\u20ac\n`, "utf8");
  writeFileSync(file, bytes);
  const { kept } = takeFromConfig(readFileSync(file).toString("latin1"), "prod");
  writeFileSync(file, Buffer.from(append(kept, renderProfile(PROFILE)), "latin1"));
  expect(readFileSync(file)).toEqual(Buffer.concat([bytes, Buffer.from(renderProfile(PROFILE))]));
});
