// Every input of aws-actions/configure-aws-credentials: what this action does with it, what docs/migration.md
// tells about it, and that the two agree.

import { readFileSync } from "node:fs";
import { describe, expect, test } from "@jest/globals";
import { UserError } from "../src/base/errors.ts";
import { REFUSED, WITHOUT_EFFECT } from "../src/incumbent-inputs.ts";
import { type Inputs, loadInputs } from "../src/inputs.ts";
import { applyProxyInputs } from "../src/keeper/launch.ts";

const ROLE = "arn:aws:iam::111122223333:role/deploy";
const REQUIRED = { "role-to-assume": ROLE, "aws-region": "eu-west-1" };
const READ_ONLY = "arn:aws:iam::aws:policy/ReadOnlyAccess";
const POLICY = '{"Statement":[]}';

function load(given: Record<string, string>): Inputs {
  const all: Record<string, string> = { ...REQUIRED, ...given };
  return loadInputs((name) => all[name] ?? "", { id: "1", attempt: "1" });
}

/** The message that refuses the inputs; undefined: they are accepted. */
function refusalOf(given: Record<string, string>): string | undefined {
  try {
    load(given);
    return undefined;
  } catch (error) {
    expect(error).toBeInstanceOf(UserError);
    return (error as UserError).message;
  }
}

/**
 * What becomes of an input: a part of the inputs that are read, variables for the action's own requests, the text of
 * a note, or that of a refusal.
 */
type Fate =
  | { becomes: Partial<Inputs> }
  | { note: RegExp }
  | { refusal: RegExp }
  | { environment: Record<string, string> };
interface Case {
  value: string;
  /** Other inputs that it needs. */
  with?: Record<string, string>;
  fate: Fate;
}

/**
 * All inputs of its action.yml at v6.2.3, in that order, with a value that people give:
 * https://github.com/aws-actions/configure-aws-credentials/blob/v6.2.3/action.yml
 */
const CASES: Record<string, Case | Case[]> = {
  "aws-region": { value: "us-gov-west-1", fate: { becomes: { region: "us-gov-west-1" } } },
  "role-to-assume": [
    { value: ROLE, fate: { becomes: {} } },
    { value: "deploy", fate: { refusal: /A name alone does not identify the account/ } },
  ],
  "aws-access-key-id": { value: "x", fate: { refusal: /no inputs for static keys/ } },
  "aws-secret-access-key": { value: "x", fate: { refusal: /no inputs for static keys/ } },
  "aws-session-token": { value: "x", fate: { refusal: /no inputs for static keys/ } },
  "web-identity-token-file": { value: "/token", fate: { refusal: /name it in source-profile/ } },
  "role-chaining": { value: "true", fate: { becomes: { source: { sameProfile: true } } } },
  audience: {
    value: "https://github.com/octo-org",
    fate: { becomes: { audience: "https://github.com/octo-org" } },
  },
  "http-proxy": [
    {
      value: "http://proxy.example.com:3128",
      fate: { environment: { https_proxy: "http://proxy.example.com:3128" } },
    },
    { value: "proxy.example.com:3128", fate: { refusal: /not a URL that Node.js can use/ } },
  ],
  "no-proxy": { value: "10.0.0.1", fate: { environment: { no_proxy: "10.0.0.1" } } },
  "mask-aws-account-id": { value: "true", fate: { becomes: { maskAccountId: true } } },
  "role-duration-seconds": [
    { value: "900", fate: { becomes: { durationSeconds: 900, sharedSession: true } } },
    {
      value: "43200",
      with: { "shared-session": "true" },
      fate: { becomes: { durationSeconds: 43_200, sharedSession: true, notes: [] } },
    },
    { value: "3600", fate: { note: /no session needs to be longer than an hour/ } },
    { value: "1h", fate: { refusal: /a whole number of seconds from 900 to 43200/ } },
  ],
  "role-external-id": [
    { value: "a-b", with: { "role-chaining": "true" }, fate: { becomes: { externalId: "a-b" } } },
    { value: "a-b", fate: { refusal: /no external ID for a role that is assumed with an ID token/ } },
  ],
  "role-session-name": { value: "GitHubActions", fate: { becomes: { sessionName: "GitHubActions" } } },
  "role-skip-session-tagging": { value: "true", fate: { note: /never sends session tags/ } },
  "transitive-tag-keys": { value: "Team", fate: { refusal: /GitHub's ID tokens contain none/ } },
  "custom-tags": { value: '{"Team":"a"}', fate: { refusal: /GitHub's ID tokens contain none/ } },
  "inline-session-policy": { value: POLICY, fate: { becomes: { policy: POLICY, sharedSession: true } } },
  "managed-session-policies": {
    value: `${READ_ONLY}\n`,
    fate: { becomes: { policyArns: [READ_ONLY], sharedSession: true } },
  },
  "output-credentials": { value: "true", fate: { becomes: { outputCredentials: true } } },
  "output-env-credentials": [
    { value: "false", fate: { note: /keys are never exported/ } },
    { value: "true", fate: { refusal: /let later steps use the profile/ } },
  ],
  "unset-current-credentials": { value: "true", fate: { note: /always emptied/ } },
  "disable-retry": { value: "true", fate: { note: /retried for up to 30 s/ } },
  "retry-max-attempts": { value: "3", fate: { note: /retried for up to 30 s/ } },
  "special-characters-workaround": { value: "true", fate: { note: /no keys/ } },
  "use-existing-credentials": [
    { value: "false", fate: { note: /always assumed/ } },
    { value: "true", fate: { refusal: /would depend on the runner/ } },
  ],
  "allowed-account-ids": {
    value: "111122223333",
    fate: { becomes: { allowedAccountIds: ["111122223333"] } },
  },
  "force-skip-oidc": [
    {
      value: "false",
      fate: { note: /only if role-chaining, source-profile and credential-source are not given/ },
    },
    {
      value: "true",
      fate: { refusal: /not supported without role-chaining, source-profile or credential-source/ },
    },
    {
      value: "true",
      with: { "credential-source": "Ec2InstanceMetadata" },
      fate: { becomes: { source: { credentials: "Ec2InstanceMetadata" } } },
    },
  ],
  "action-timeout-s": { value: "60", fate: { note: /timeout-minutes limits the step/ } },
  "aws-profile": { value: "release", fate: { becomes: { profile: "release" } } },
  "overwrite-aws-profile": { value: "true", fate: { note: /for this job only/ } },
  "sts-endpoint": {
    value: "https://sts.example.com",
    fate: { becomes: { stsEndpoint: "https://sts.example.com" } },
  },
};
const NAMES = Object.keys(CASES);
const all = Object.entries(CASES).flatMap(([name, cases]) => [cases].flat().map((one) => ({ name, ...one })));

describe("an input of configure-aws-credentials", () => {
  test("there are 32 of them", () => {
    expect(NAMES).toHaveLength(32);
  });

  test.each(all)("$name: $value", ({ name, value, with: others = {}, fate }) => {
    const given = { ...others, [name]: value };
    if ("refusal" in fate) {
      const message = refusalOf(given);
      expect(message).toMatch(fate.refusal);
      expect(message).toContain(name);
      return;
    }
    const inputs = load(given);
    if ("becomes" in fate) expect(inputs).toMatchObject(fate.becomes);
    if ("environment" in fate) {
      const env: NodeJS.ProcessEnv = { [`INPUT_${name.toUpperCase()}`]: value };
      applyProxyInputs(env);
      expect(env).toMatchObject(fate.environment);
    }
    if ("note" in fate) {
      expect(inputs.notes).toEqual([expect.stringMatching(fate.note)]);
      expect(inputs.notes[0]).toMatch(new RegExp(`^${name}: `));
    }
    // What is honoured is not called useless.
    else expect(inputs.notes.filter((note) => !note.startsWith("force-skip-oidc: "))).toEqual([]);
  });

  test.each(NAMES)("%s changes nothing if it is empty, as an expression may be", (name) => {
    const { sessionName: _, ...inputs } = load(name in REQUIRED ? {} : { [name]: "" });
    const { sessionName: __, ...without } = load({});
    expect(inputs).toEqual(without);
  });

  test("that is refused does not show its value, which may be a key", () => {
    for (const name of Object.keys(REFUSED)) {
      const value = REFUSED[name]?.value === undefined ? "not-for-the-log" : "true";
      expect(refusalOf({ [name]: value })).toBeDefined();
      expect(refusalOf({ [name]: value })).not.toContain("not-for-the-log");
    }
  });
});

/** The rows of the table in docs/migration.md with this head. */
function rowsOf(head: string): { name: string; here: string; text: string }[] {
  const lines = readFileSync("docs/migration.md", "utf8").split("\n");
  const start = lines.findIndex((line) => line.startsWith(`| ${head} |`));
  expect(start).toBeGreaterThan(0);
  const end = lines.findIndex((line, index) => index > start && !line.startsWith("|"));
  return lines.slice(start + 2, end < 0 ? undefined : end).map((line) => {
    const [, name = "", here = "", text = ""] = line.split(/(?<!\\)\|/).map((cell) => cell.trim());
    return { name: name.replaceAll("`", ""), here, text };
  });
}

/** The names in a section of action.yml. */
function declared(section: "inputs" | "outputs"): string[] {
  const text = readFileSync("action.yml", "utf8");
  const part = new RegExp(`^${section}:\\n([\\s\\S]*?)(?=^\\S)`, "m").exec(text)?.[1] ?? "";
  return [...part.matchAll(/^ {2}([\w-]+):$/gm)].map(([, name = ""]) => name);
}

describe("docs/migration.md", () => {
  const rows = rowsOf("Input of configure-aws-credentials");
  const named = (here: string) =>
    rows
      .filter((row) => row.here === here)
      .map(({ name }) => name)
      .sort();
  const always = Object.keys(REFUSED).filter((name) => REFUSED[name]?.value === undefined);
  const idle = Object.keys(WITHOUT_EFFECT);

  test("has every input, once", () => {
    expect(rows.map(({ name }) => name).sort()).toEqual(NAMES.toSorted());
  });

  test("calls refused what the code refuses with any value, and action.yml does not declare that", () => {
    expect(named("refused")).toEqual(always.toSorted());
    expect(always.filter((name) => declared("inputs").includes(name))).toEqual([]);
  });

  test("calls without effect what the code calls so, and action.yml declares that with these words", () => {
    expect(named("no effect")).toEqual(idle.toSorted());
    const text = readFileSync("action.yml", "utf8");
    const words = [...text.matchAll(/^ {2}([\w-]+):\n {4}description: "No effect/gm)].map(([, name]) => name);
    expect(words.sort()).toEqual(idle.toSorted());
  });

  test("calls honoured what action.yml declares besides", () => {
    const honoured = NAMES.filter((name) => !always.includes(name) && !idle.includes(name));
    expect(named("honoured")).toEqual(honoured.toSorted());
    expect(honoured.filter((name) => !declared("inputs").includes(name))).toEqual([]);
  });

  test("names the value that is refused, for an input that is refused with one value only", () => {
    const conditional = [...Object.keys(REFUSED).filter((name) => !always.includes(name)), "force-skip-oidc"];
    for (const name of conditional)
      expect([name, rows.find((row) => row.name === name)?.text]).toEqual([
        name,
        expect.stringMatching(/^`true` is refused/),
      ]);
  });

  test("gives a reason or a replacement for each that is not simply honoured", () => {
    expect(rows.filter(({ here, text }) => here !== "honoured" && text === "")).toEqual([]);
  });

  test("names inputs that there are", () => {
    const known = new Set([...NAMES, ...declared("inputs")]);
    for (const { name, text } of rows) {
      const spans = [...text.matchAll(/`([a-z]+(?:-[a-z]+)+)(?:: [^`]+)?`/g)].map(([, span = ""]) => span);
      expect([name, spans.filter((span) => !known.has(span) && span !== "timeout-minutes")]).toEqual([
        name,
        [],
      ]);
    }
  });

  test("has the outputs, which action.yml declares", () => {
    const outputs = rowsOf("Output of configure-aws-credentials").map(({ name }) => name);
    expect(outputs).toEqual([
      "aws-account-id",
      "authenticated-arn",
      "aws-access-key-id",
      "aws-secret-access-key",
      "aws-session-token",
      "aws-expiration",
    ]);
    expect(outputs.filter((name) => !declared("outputs").includes(name))).toEqual([]);
  });
});
