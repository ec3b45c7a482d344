// Which steps of the old action change, which stay, and why.

import { readFileSync } from "node:fs";
import { describe, expect, test } from "@jest/globals";
import { INPUTS } from "../../cli/migrate/inputs.ts";
import { REFUSED, WITHOUT_EFFECT } from "../../src/incumbent-inputs.ts";
import { migrate, NEW, OLD, STEP, withInputs, workflow } from "./workflow.ts";

const ROLE = "          role-to-assume: arn:aws:iam::111122223333:role/deploy\n";
const REGION = "          aws-region: eu-west-1\n";

test("a step gets the new name, and nothing else changes", () => {
  const { text, done, left } = migrate(workflow(STEP));
  expect(text).toBe(workflow(STEP.replace(`${OLD}@v4`, NEW)));
  expect([done, left]).toEqual([[NEW], []]);
});

test("what has no such step stays as it is, whatever it is", () => {
  for (const text of ["", "on: push\n", "a: [", `# uses: ${OLD}@v4\non: push\n`, "- 1\n"])
    expect(migrate(text).changed).toBe(false);
});

describe("every input of the old action has a fate", () => {
  // Its action.yml of v6.2, in order.
  const names =
    `aws-region aws-profile overwrite-aws-profile role-to-assume aws-access-key-id aws-secret-access-key
    aws-session-token web-identity-token-file role-chaining audience http-proxy no-proxy mask-aws-account-id
    role-duration-seconds role-external-id role-session-name role-skip-session-tagging transitive-tag-keys
    inline-session-policy managed-session-policies output-credentials output-env-credentials
    unset-current-credentials disable-retry retry-max-attempts special-characters-workaround
    use-existing-credentials allowed-account-ids force-skip-oidc action-timeout-s custom-tags sts-endpoint`.split(
      /\s+/,
    );
  test("and no other name has one", () => {
    expect(Object.keys(INPUTS).sort()).toEqual(names.sort());
  });

  test("that is the one which the action gives it", () => {
    const declared = [...readFileSync("action.yml", "utf8").matchAll(/^ {2}([\w-]+):$/gm)].map(
      ([, name]) => name,
    );
    for (const [name, fate] of Object.entries(INPUTS)) {
      const [refused, idle] = [Object.hasOwn(REFUSED, name), Object.hasOwn(WITHOUT_EFFECT, name)];
      if (typeof fate === "string")
        expect([name, declared.includes(name), refused]).toEqual([name, true, false]);
      if (typeof fate === "string") expect([name, idle]).toEqual([name, fate === "dropped"]);
      else if ("refused" in fate) expect([name, refused, idle]).toEqual([name, true, false]);
      else expect([name, refused || name === "force-skip-oidc", idle]).toEqual([name, true, true]);
    }
  });

  const other = names.filter((name) => !["role-to-assume", "aws-region", "role-chaining"].includes(name));
  test.each(other.filter((name) => INPUTS[name] === "kept"))("%s is kept", (name) => {
    const { text, done } = migrate(workflow(withInputs(`${name}: "true" # why`)));
    expect(text).toContain(`          ${name}: "true" # why\n`);
    expect(done).toHaveLength(1);
  });

  test.each(other.filter((name) => INPUTS[name] === "dropped"))("%s goes", (name) => {
    for (const value of ["true", "5", `"\${{ inputs.x }}" # why`, ""]) {
      const { text, done } = migrate(workflow(withInputs(`${name}: ${value}`, "audience: a")));
      expect(text).toBe(workflow(withInputs("audience: a").replace(`${OLD}@v4`, NEW)));
      expect(done).toEqual([`${NEW}; removed ${name} (no effect here)`]);
    }
  });

  test.each(other.filter((name) => typeof INPUTS[name] === "object"))("%s makes the step stay", (name) => {
    const { changed, left } = migrate(workflow(withInputs(`${name}: "\${{ inputs.x || true }}"`)));
    expect([changed, left]).toEqual([false, [expect.stringMatching(`^${name}(?: is not false)?: .{20}`)]]);
  });
});

test("inputs that are refused only if true go if they are false", () => {
  const { text, left } = migrate(
    workflow(
      withInputs(
        "use-existing-credentials: false",
        "force-skip-oidc: 'False'",
        "output-env-credentials: false",
      ).replace(ROLE, `${ROLE}          aws-profile: x\n`),
    ),
  );
  expect(left).toEqual([]);
  expect(text).not.toMatch(/use-existing|force-skip|output-env/);
});

test("force-skip-oidc may be true in a chain, where it says nothing", () => {
  const second = withInputs("role-chaining: true", "force-skip-oidc: true");
  expect(migrate(workflow(STEP + second)).text).not.toContain("force-skip");
});

test("an external id stays in a chain, and goes elsewhere: the old action drops it there", () => {
  expect(migrate(workflow(STEP + withInputs("role-external-id: x", "role-chaining: true"))).text).toContain(
    "external",
  );
  for (const chaining of ["role-chaining: false", "audience: x"])
    expect(migrate(workflow(withInputs("role-external-id: x", chaining))).text).not.toContain("external");
});

test("output-env-credentials: false without a profile's name stays: it keeps the role from later steps", () => {
  const { changed, findings } = migrate(workflow(withInputs("output-env-credentials: false")));
  expect(changed).toBe(false);
  expect(findings[0]?.instead.join()).toMatch(/^profile: NAME/);
});

test("mask-aws-account-id: no, which this action refuses, goes; an expression stays", () => {
  expect(migrate(workflow(withInputs("mask-aws-account-id: 'no'"))).text).not.toContain("mask-");
  expect(migrate(workflow(withInputs(`mask-aws-account-id: \${{ inputs.mask }}`))).text).toContain("mask-");
});

test("input names count in any case, as they do for the runner", () => {
  const keys = `AWS-Access-Key-ID: \${{ secrets.KEY }}`;
  expect(migrate(workflow(withInputs(keys))).left[0]).toMatch(/^aws-access-key-id: static keys/);
});

test("a value of a key is never printed", () => {
  const { findings } = migrate(
    workflow(withInputs("aws-access-key-id: not-shown-1", "aws-secret-access-key: not-shown-2")),
  );
  expect(findings).toHaveLength(1);
  expect(JSON.stringify(findings)).not.toContain("not-shown");
});

test.each([
  ["no role", STEP.replace(ROLE, ""), /^has no role-to-assume/],
  ["no inputs at all", `      - uses: ${OLD}@v4\n`, /^has no role-to-assume/],
  ["an empty role", STEP.replace(/arn:\S+/, '""'), /^has no role-to-assume/],
  ["a name for a role", STEP.replace(/arn:\S+/, "deploy"), /^role-to-assume is not an ARN/],
  ["no region", STEP.replace(REGION, ""), /^has no aws-region/],
  ["keys in the step's env", `${STEP}        env:\n          AWS_ACCESS_KEY_ID: x\n`, /^has keys in its env/],
  ["a chain from nowhere", withInputs("role-chaining: true"), /^role-chaining: what it chains to/],
  [
    "keys from a secret",
    withInputs(`aws-access-key-id: \${{ secrets.KEY }}`),
    /^aws-access-key-id: static keys/,
  ],
])("a step with %s stays", (_, step, reason) => {
  const { changed, left } = migrate(workflow(step));
  expect([changed, left]).toEqual([false, [expect.stringMatching(reason)]]);
});

test("role and region may be expressions", () => {
  const step = STEP.replace(/arn:\S+/, `\${{ secrets.ROLE }}`).replace("eu-west-1", `\${{ matrix.region }}`);
  expect(migrate(workflow(step)).left).toEqual([]);
});

describe("a chain of roles", () => {
  const second = (...lines: string[]) => withInputs(...lines).replace("role/deploy", "role/release");
  test("with role-chaining is changed, both steps in their order", () => {
    const { text, done } = migrate(workflow(STEP + second("role-chaining: true")));
    expect(text).toBe(workflow(STEP + second("role-chaining: true")).replaceAll(`${OLD}@v4`, NEW));
    expect(done).toHaveLength(2);
  });

  test("to a profile that no earlier step sets stays, and so does one that is an expression", () => {
    const other = migrate(workflow(STEP + second("role-chaining: true", "aws-profile: x")));
    expect(other.left[1]).toMatch(/^role-chaining: what it chains to/);
    const maybe = migrate(workflow(STEP + second("role-chaining: ${" + "{ inputs.x }}")));
    expect(maybe.left[1]).toMatch(/^role-chaining is an expression/);
  });

  test.each(["env.AWS_ACCESS_KEY_ID", "steps.first.outputs.aws-access-key-id"])(
    "by hand from %s stays, with what to write instead",
    (key) => {
      const { changed, findings } = migrate(
        workflow(STEP + second(`aws-access-key-id: \${{ ${key} }}`, "aws-secret-access-key: x")),
      );
      expect(changed).toBe(false);
      const [first, last] = findings;
      expect(first?.text).toMatch(/^the step at line 12 stays/);
      expect(last?.text).toMatch(/^aws-access-key-id: chains by hand/);
      expect(last?.instead).toEqual([`uses: ${NEW}`, expect.stringMatching(/^role-chaining: true /)]);
    },
  );

  test("from keys that another action fetched stays, without role-chaining as the advice", () => {
    const { findings } = migrate(workflow(withInputs(`aws-access-key-id: \${{ steps.vault.outputs.KEY }}`)));
    expect(findings).toEqual([
      expect.objectContaining({
        instead: [expect.stringMatching(/^credential-source: Environment /)],
        text: expect.stringMatching(/fetched/),
      }),
    ]);
  });
});

test("a job is changed as a whole or not at all, and other jobs of the file for themselves", () => {
  const two = STEP + withInputs("custom-tags: '{}'");
  const text = `${workflow(two)}  other:\n    permissions: write-all\n    runs-on: x\n    steps:\n${STEP}`;
  const migrated = migrate(text);
  expect(migrated.left).toEqual([
    "the step at line 12 stays, and both set the same variables: change them together",
    expect.stringMatching(/^custom-tags: /),
  ]);
  expect(migrated.done).toHaveLength(1);
  expect(migrated.text.match(new RegExp(`uses: ${OLD}@v4`, "g"))).toHaveLength(2);
});

test("a copy by another owner is reported, a wrapper of the repository is not", () => {
  const step = (uses: string) => workflow(STEP.replace(`${OLD}@v4`, uses));
  expect(migrate(step("fork/configure-aws-credentials@v4")).left).toEqual([
    expect.stringMatching(/^is a copy/),
  ]);
  expect(migrate(step("./.github/actions/configure-aws-credentials")).findings).toEqual([]);
});
