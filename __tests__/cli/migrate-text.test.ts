// The text around a step stays as it is, whatever it looks like.
import { describe, expect, test } from "@jest/globals";
import { parse } from "../../cli/migrate/document.ts";
import { type Edit, isProven } from "../../cli/migrate/edit.ts";
import { migrate, NEW, OLD, STEP, withInputs, workflow } from "./workflow.ts";

const HASH = "0123456789abcdef0123456789abcdef01234567";

describe("the reference", () => {
  const line = (rest: string): string => workflow(STEP.replace(`${OLD}@v4`, rest));
  const written = (text: string): string | undefined => /uses: (.*)/.exec(text)?.[1];

  test.each([
    [`${OLD}@${HASH} # v4.0.2`, NEW],
    [`${OLD}@${HASH}  #v5`, NEW],
    [`${OLD}@${HASH} # version 4.0.2`, NEW],
    [`${OLD}@${HASH} # tag=v4.0.2`, NEW],
    [`${OLD}@${HASH} # pin@v4`, NEW],
    [`${OLD}@${HASH} # ratchet:${OLD}@v4`, NEW],
    [`${OLD}@${HASH} # zizmor: ignore[unpinned-uses]`, `${NEW} # zizmor: ignore[unpinned-uses]`],
    [`"${OLD}@v4"`, `"${NEW}"`],
    [`'${OLD}@v4' # v4`, `'${NEW}'`],
    ["AWS-Actions/Configure-AWS-Credentials@v4", NEW],
    [`${OLD}@main`, NEW],
  ])("%s", (before, after) => {
    const { text, left } = migrate(line(before));
    expect([written(text), left]).toEqual([after, []]);
  });

  test("for a hash has its version as a comment, in place of the old one", () => {
    const replacement = { uses: `org/aws-role-refresh@${HASH}`, comment: "v1.2.3" };
    for (const before of [`${OLD}@${HASH} # v4`, `${OLD}@v4`])
      expect(written(migrate(line(before), { replacement }).text)).toBe(`${replacement.uses} # v1.2.3`);
    const kept = migrate(line(`${OLD}@v4 # keep this`), { replacement }).text;
    expect(written(kept)).toBe(`${replacement.uses} # keep this`);
  });

  test("over several lines makes the step stay", () => {
    expect(migrate(line(`>-\n          ${OLD}@v4`)).left).toEqual(["uses is not written on one line"]);
  });
});

test("line ends of Windows stay, also in what is added and moved", () => {
  const text = workflow(`      - uses: actions/checkout@v4\n\n${withInputs("disable-retry: true")}`, "");
  const migrated = migrate(text.replaceAll("\n", "\r\n"));
  expect(migrated.done[0]).toMatch(/removed.*added permissions.*moved/);
  expect(migrated.text).toBe(migrate(text).text.replaceAll("\n", "\r\n"));
  expect(migrated.text).not.toMatch(/[^\r]\n/);
});

test("a file without a line break at its end can be changed at its end", () => {
  const text = workflow(`      - uses: actions/checkout@v4\n${STEP}`).trimEnd();
  expect(migrate(text).text).toBe(
    workflow(`${STEP.replace(`${OLD}@v4`, NEW)}      - uses: actions/checkout@v4\n`),
  );
});

test("a byte order mark, tabs after values and spaces at line ends stay", () => {
  const text = `\ufeff${workflow(STEP.replace("eu-west-1", "eu-west-1\t# tab").replace("@v4", "@v4  "))}`;
  const migrated = migrate(text);
  expect(migrated.text).toBe(text.replace(`${OLD}@v4`, NEW));
  expect(migrated.left).toEqual([]);
});

test.each([
  ["tabs as indentation", workflow(STEP).replace("        with:", "\twith:")],
  ["a key twice", workflow(`${STEP}        with: {}\n`)],
  ["two documents", `${workflow(STEP)}---\n${workflow(STEP)}`],
  ["an alias without an anchor", `${workflow(STEP)}        env: *nowhere\n`],
])("what GitHub would not take (%s) stays, with the line", (_, text) => {
  const { changed, findings } = migrate(text);
  expect(changed).toBe(false);
  expect(findings).toEqual([
    expect.objectContaining({ verdict: "left", text: expect.stringMatching(/YAML/) }),
  ]);
});

test("a step outside of the steps of a job stays, and is reported", () => {
  const text = `x-login:\n${STEP}jobs:\n  a:\n    steps: []\n`;
  const { changed, findings } = migrate(text);
  expect([changed, findings]).toEqual([
    false,
    [{ line: 2, verdict: "left", text: "is not in the steps of a job or an action", instead: [] }],
  ]);
  expect(migrate(`# ${OLD}@v4 was here\n${workflow(STEP)}`).left).toEqual([]);
});

test("many aliases in few lines end as unreadable, not in a full memory", () => {
  const bomb = ["a0: &a0 [x,x,x,x,x,x,x,x,x]"];
  for (let n = 1; n < 12; n += 1)
    bomb.push(
      `a${n}: &a${n} [${Array(9)
        .fill(`*a${n - 1}`)
        .join(",")}]`,
    );
  expect(migrate(`${bomb.join("\n")}\n${workflow(STEP)}`).left).toEqual([expect.stringMatching(/aliases/)]);
});

describe("anchors", () => {
  const anchored = STEP.replace("with:", "with: &inputs");
  test.each([
    ["in the step", anchored],
    ["on the step", STEP.replace("- uses", "- &aws\n        uses")],
    ["for another step", `${STEP}      - &x\n        run: aws s3 ls\n`],
    ["used by the step", `      - &x\n        run: aws s3 ls\n${STEP}      - *x\n`],
  ])("%s make it stay", (_, steps) => {
    expect(migrate(workflow(steps)).left).toEqual([expect.stringMatching(/anchor or alias/)]);
  });

  test("elsewhere in the file do not matter", () => {
    const text = `x-env: &env\n  A: 1\nenv: *env\n${workflow(STEP)}`;
    expect(migrate(text).text).toBe(text.replace(`${OLD}@v4`, NEW));
  });
});

describe("a step in one line", () => {
  const flow = `      - { uses: ${OLD}@v4, with: { role-to-assume: "\${{ vars.ROLE }}", aws-region: x, disable-retry: true } }\n`;
  test("is changed, and an input without effect stays with a note", () => {
    const { text, notes } = migrate(workflow(flow));
    expect(text).toBe(workflow(flow.replace(`${OLD}@v4`, NEW)));
    expect(notes).toEqual(["disable-retry has no effect any more and can go"]);
  });

  test("whose value this action would refuse stays", () => {
    const no = workflow(flow.replace("disable-retry: true", "mask-aws-account-id: no"));
    expect(migrate(no).left).toEqual(["mask-aws-account-id: must be true or false"]);
  });

  test("gets no comment in its middle", () => {
    const replacement = { uses: NEW, comment: "v1" };
    expect(migrate(workflow(flow), { replacement }).text).toBe(workflow(flow.replace(`${OLD}@v4`, NEW)));
  });
});

test("an input over several lines stays with a note: what else is on them is not known", () => {
  const step = withInputs("retry-max-attempts: >-", "  12", "audience: a");
  const { text, notes } = migrate(workflow(step));
  expect(text).toBe(workflow(step.replace(`${OLD}@v4`, NEW)));
  expect(notes).toEqual(["retry-max-attempts has no effect any more and can go"]);
});

test("comments stay but for that of a removed line and the version of a hash", () => {
  const step = withInputs(
    "# why it is 12",
    "disable-retry: true # gone",
    "# audience: a",
    "audience: b # kept",
  );
  const text = `# head\n${workflow(`      # above\n${step}      # below\n`)}# end\n`;
  const migrated = migrate(text).text;
  expect(migrated).toBe(text.replace("          disable-retry: true # gone\n", "").replace(`${OLD}@v4`, NEW));
});

describe("the proof", () => {
  const text = workflow(`${STEP}      # kept\n      - run: |\n          # text\n`);
  const source = parse(text);
  if ("problem" in source) throw new Error(source.problem);
  const proven = (fresh: string, edit: Partial<Edit> = {}): boolean =>
    isProven(source, fresh, source.value(), [{ splices: [], removed: [], added: [], ...edit }]);

  test("holds for the same text, and for another layout of it", () => {
    expect([proven(text), proven(text.replace(": push", ":   push"))]).toEqual([true, true]);
  });

  test.each([
    ["a comment that is gone", text.replace("      # kept\n", "")],
    ["a comment that is another", text.replace("# kept", "# lost")],
    ["a comment twice", text.replace("# kept\n", "# kept\n      # kept\n")],
    ["another value", text.replace("eu-west-1", "eu-west-2")],
    ["another type of value", text.replace("eu-west-1", "1")],
    ["a text that looks like a comment", text.replace("# text", "# other")],
    ["what is not YAML", `${text}\t- x`],
  ])("does not hold for %s", (_, fresh) => {
    expect(fresh).not.toBe(text);
    expect(proven(fresh)).toBe(false);
  });

  test("takes no text of a scalar for a comment", () => {
    expect(source.comments).toEqual(["# kept"]);
  });

  test("asks for comments that were to go, and to come", () => {
    const fresh = text.replace("# kept", "# new");
    expect(proven(fresh, { removed: ["# kept"], added: ["# new"] })).toBe(true);
    expect(proven(text, { removed: ["# kept"] })).toBe(false);
  });
});

test("text that looks like a step is none", () => {
  const text = workflow(
    `      - run: |\n          cat > x <<E\n${STEP.replaceAll(/^/gm, "    ").trimEnd()}\n          E\n${STEP}`,
  );
  const { text: migrated, done } = migrate(text);
  expect(done).toHaveLength(1);
  expect(migrated.match(new RegExp(`${OLD}@v4`, "g"))).toHaveLength(1);
  expect(migrated).toContain(`          cat > x <<E\n          - uses: ${OLD}@v4\n`);
});

test("a composite action is changed in place, without permissions and moves", () => {
  const steps = STEP.replaceAll(/^ {2}/gm, "");
  const text = `name: x\ninputs:\n  role: { required: true }\nruns:\n  using: composite\n  steps:\n    - uses: actions/checkout@v4\n${steps}`;
  const { text: migrated, findings } = migrate(text);
  expect(migrated).toBe(text.replace(`${OLD}@v4`, NEW));
  expect(findings).toHaveLength(1);
});

test("a job of a matrix, in a container, with strategy and services is changed like another", () => {
  const head =
    "    permissions: { id-token: write }\n    container: { image: node }\n    strategy:\n      matrix:\n        region: [a, b]\n";
  const step = STEP.replace("eu-west-1", `\${{ matrix.region }}`);
  expect(migrate(workflow(step, head)).text).toBe(workflow(step, head).replace(`${OLD}@v4`, NEW));
});
