// Which steps move to the front of their job, and that nothing else does.
import { describe, expect, test } from "@jest/globals";
import { migrate, NEW, OLD, STEP, withInputs, workflow } from "./workflow.ts";

const CHECKOUT = "      - uses: actions/checkout@v4\n";
const SETUP = "      - name: Node\n        uses: actions/setup-node@v4\n        with: { node-version: 22 }\n";
const NEW_STEP = STEP.replace(`${OLD}@v4`, NEW);
const RUN = "      - run: aws s3 ls\n";

test("a step moves in front of steps that check out and set up tools", () => {
  const { text, done } = migrate(workflow(CHECKOUT + SETUP + STEP + RUN));
  expect(text).toBe(workflow(NEW_STEP + CHECKOUT + SETUP + RUN));
  expect(done).toEqual([`${NEW}; moved to the front of the job`]);
});

test("a step that is the first is not reported as moved", () => {
  expect(migrate(workflow(STEP + CHECKOUT)).done).toEqual([NEW]);
});

test("the next run has nothing to do", () => {
  const { text } = migrate(workflow(CHECKOUT + STEP));
  expect(migrate(text)).toMatchObject({ changed: false, findings: [] });
});

test("move: false leaves it where it is, without a note", () => {
  const { text, notes } = migrate(workflow(CHECKOUT + STEP), { move: false });
  expect([text, notes]).toEqual([workflow(CHECKOUT + NEW_STEP), []]);
});

test("harden-runner stays the first: it watches what comes after it", () => {
  const harden = "      - uses: step-security/harden-runner@v2\n";
  expect(migrate(workflow(harden + CHECKOUT + STEP)).text).toBe(workflow(harden + NEW_STEP + CHECKOUT));
  expect(migrate(workflow(harden + STEP + CHECKOUT)).text).toBe(workflow(harden + NEW_STEP + CHECKOUT));
});

describe("a step stays where it is", () => {
  const OTHER = /^not moved to the front of the job: the step at line 8 comes before it/;
  test.each([
    ["a script", "      - run: npm ci\n", STEP, OTHER],
    ["an unknown action", "      - uses: some/action@v1\n", STEP, OTHER],
    ["an action that is only named like a known one", "      - uses: evil/checkout@v4\n", STEP, OTHER],
    ["an action of the repository", "      - uses: ./x\n", STEP, OTHER],
    ["a set-up by another owner", "      - uses: some/setup-node@v4\n", STEP, OTHER],
    [
      "outputs that it uses",
      CHECKOUT,
      STEP.replace("eu-west-1", "${" + "{ steps.x.outputs.y }}"),
      /uses outputs/,
    ],
    [
      "a variable that is set on the way",
      CHECKOUT,
      STEP.replace("eu-west-1", "${" + "{ env.REGION }}"),
      /a variable/,
    ],
    ["files that it uses", CHECKOUT, STEP.replace("eu-west-1", "${" + "{ hashFiles('x') }}"), /uses files/],
    ["a condition of its own", CHECKOUT, `${STEP}        if: github.ref == 'x'\n`, /has an if/],
  ])("after %s", (_, before, step, note) => {
    const { text, notes } = migrate(workflow(before + step));
    expect(text).toBe(workflow(before + step).replace(`${OLD}@v4`, NEW));
    expect(notes).toEqual([expect.stringMatching(note)]);
  });

  test("where the steps are in one line", () => {
    const flow = workflow("").replace(
      / {4}steps:\n/,
      `    steps: [{ uses: actions/checkout@v4 },
      { uses: ${OLD}@v4, with: { role-to-assume: "\${{ vars.ROLE }}", aws-region: x } }]\n`,
    );
    const { text, notes } = migrate(flow);
    expect(text).toBe(flow.replace(`${OLD}@v4`, NEW));
    expect(notes).toEqual([expect.stringMatching(/not one to a line/)]);
  });
});

test("a variable that the workflow, the job or the step declares does not hold it back", () => {
  const step = STEP.replace("eu-west-1", "${" + "{ env.REGION }}");
  const head = "    permissions: write-all\n";
  const moved = /moved to the front/;
  expect(migrate(`env: { REGION: x }\n${workflow(CHECKOUT + step, head)}`).done[0]).toMatch(moved);
  expect(migrate(workflow(CHECKOUT + step, `${head}    env:\n      REGION: x\n`)).done[0]).toMatch(moved);
  expect(migrate(workflow(`${CHECKOUT}${step}        env:\n          REGION: x\n`)).done[0]).toMatch(moved);
  const other = migrate(workflow(CHECKOUT + step, `${head}    env:\n      OTHER: x\n`));
  expect(other.notes).toEqual([expect.stringMatching(/a variable/)]);
});

test("only the first of several moves: the later ones replace it, in their place", () => {
  const second = withInputs("role-chaining: true");
  const { text } = migrate(workflow(CHECKOUT + STEP + SETUP + second));
  expect(text).toBe(workflow(NEW_STEP + CHECKOUT + SETUP + second.replace(`${OLD}@v4`, NEW)));
});

describe("comments and blank lines", () => {
  test("directly above the step, in it and below it go with it", () => {
    const own = `      # the role\n      # of the deployment\n${STEP.replace("with:", "with: # inputs")}          # audience: x\n`;
    const { text } = migrate(workflow(`      # first\n${CHECKOUT}${own}      # list\n${RUN}`));
    const moved = own.replace(`${OLD}@v4`, NEW);
    expect(text).toBe(workflow(`${moved}      # first\n${CHECKOUT}      # list\n${RUN}`));
  });

  test("apart from the step stay where they are", () => {
    const before = `${CHECKOUT}\n      # A chapter of its own.\n\n`;
    expect(migrate(workflow(before + STEP + RUN)).text).toBe(workflow(NEW_STEP + before + RUN));
  });

  test("blank lines between steps stay as many", () => {
    const { text } = migrate(workflow(`${CHECKOUT}\n${SETUP}\n${STEP}\n${RUN}`));
    expect(text).toBe(workflow(`${NEW_STEP}\n${CHECKOUT}\n${SETUP}\n${RUN}`));
  });

  test("the last step of the last job moves without a gap behind it", () => {
    const rest = "  next:\n    runs-on: x\n    steps:\n      - run: x\n";
    expect(migrate(`${workflow(`${CHECKOUT}\n${STEP}`)}\n${rest}`).text).toBe(
      `${workflow(`${NEW_STEP}\n${CHECKOUT}`)}\n${rest}`,
    );
  });

  test("a script that ends in blank lines and what looks like comments keeps them", () => {
    const policy = withInputs("inline-session-policy: |+", "  # not a comment", "  {}", "");
    const { text, left } = migrate(workflow(`${CHECKOUT}${policy}\n${RUN}`));
    expect(left).toEqual([]);
    expect(text).toBe(workflow(`${CHECKOUT}${policy}\n${RUN}`).replace(`${OLD}@v4`, NEW));
  });
});

test("lists that are not indented, and dashes apart from their step, are moved as well", () => {
  const narrow = workflow(CHECKOUT + STEP).replaceAll(/^ {2}(?= {4}(?:- | {2,}))/gm, "");
  expect(narrow).toContain("    steps:\n    - uses: actions/checkout@v4\n    - uses");
  expect(migrate(narrow).text).toBe(
    workflow(NEW_STEP + CHECKOUT).replaceAll(/^ {2}(?= {4}(?:- | {2,}))/gm, ""),
  );
  const apart = `      -\n${STEP.replace("      - ", "        ")}`;
  expect(migrate(workflow(CHECKOUT + apart)).text).toBe(workflow(apart.replace(`${OLD}@v4`, NEW) + CHECKOUT));
});
