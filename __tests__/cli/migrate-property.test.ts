// Workflows put together at random: whatever they look like, a migration is what the rules say and nothing else.
import { expect, test } from "@jest/globals";
import fc from "fast-check";
import { meaning, migrate, NEW, OLD, STEP } from "./workflow.ts";

interface Step {
  uses?: string;
  with?: Record<string, unknown>;
}
type Workflow = { jobs: Record<string, { steps: Step[]; permissions?: unknown }> };

const blank = fc.constantFrom("", "", "\n", "\n\n", "      # between\n", "\n      # a chapter\n\n");
const comment = fc.constantFrom("", "", "      # above\n", "      # two\n      # lines\n");
const inside = fc.constantFrom("", "", "          # inside\n", "        # audience: x\n");
const reference = fc.constantFrom(
  "@v4",
  "@v4  # v4.1.0",
  "@0123456789abcdef0123456789abcdef01234567 # v4",
  "@v1 # keep: why",
);
const input = fc.constantFrom(
  "",
  "          disable-retry: true\n",
  "          role-session-name: 'it''s' # quoted\n",
  '          inline-session-policy: "{\\"a\\": \\"#\\"}"\n',
  "          inline-session-policy: |\n            # not a comment\n            {}\n\n",
  "          managed-session-policies: >-\n            a\n            b\n",
);
const old = fc
  .tuple(reference, input, input, inside)
  .filter(([, a, b]) => a.split(":")[0] !== b.split(":")[0] || a === "")
  .map(([at, a, b, end]) => STEP.replace("@v4", () => at) + a + b + end);
const other = fc.constantFrom(
  "      - uses: actions/checkout@v4\n",
  "      - name: 'Set up: node'\n        uses: actions/setup-node@v4\n        with:\n          node-version: 22 # lts\n",
  "      - run: |\n          # a script\n          aws s3 ls\n\n",
  "      - { run: aws s3 ls, name: one line } # flow\n",
  "      -   name: wide\n          run: >\n            echo\n\n            x\n",
);
const step = fc
  .tuple(blank, comment, fc.oneof({ weight: 2, arbitrary: other }, { weight: 1, arbitrary: old }))
  .map((parts) => parts.join(""));
const permissions = fc.constantFrom(
  "    permissions:\n      id-token: write\n",
  "    permissions:\n      contents: read # why\n",
  "    permissions: { contents: read }\n",
  "",
);
const job = fc.tuple(permissions, fc.array(step, { minLength: 1, maxLength: 6 }), blank);
const workflow = fc
  .tuple(fc.array(job, { minLength: 1, maxLength: 3 }), fc.boolean(), fc.boolean())
  .map(([jobs, windows, ends]) => {
    const body = jobs.map(
      ([head, steps, end], index) =>
        `  job${index}:\n    runs-on: ubuntu-latest\n${head}    steps:\n${steps.join("")}${end}`,
    );
    const text = `on: push # x\n\njobs:\n${body.join("")}`;
    const whole = ends ? text : text.trimEnd();
    return windows ? whole.replaceAll("\n", "\r\n") : whole;
  });

const isOld = ({ uses = "" }: Step): boolean => uses.startsWith(`${OLD}@`);
const linesOf = (text: string): string[] => text.split(/\r?\n/).filter((line) => line.trim() !== "");

test("a migration changes steps of the old action as the rules say, and nothing else", () => {
  let seen = 0;
  fc.assert(
    fc.property(workflow, (text) => {
      const { text: fresh, findings } = migrate(text);
      const [before, after] = [meaning(text), meaning(fresh)];
      for (const [name, then] of Object.entries((before.value as Workflow).jobs)) {
        const now = (after.value as Workflow).jobs[name];
        if (!now) throw new Error(`${name} is gone`);
        const stays = now.steps.some(isOld);
        const expected = then.steps.map((each) => (isOld(each) && !stays ? renamed(each) : each));
        // At most one step has moved, and only to the front.
        const first = expected.findIndex((each) => each.uses === NEW);
        const moved = first < 0 ? expected : [expected[first], ...expected.toSpliced(first, 1)];
        expect([JSON.stringify(expected), JSON.stringify(moved)]).toContain(JSON.stringify(now.steps));
        if (!stays && first >= 0) {
          const held = { ...(then.permissions as object), "id-token": "write" };
          expect(now.permissions).toEqual(then.permissions ? held : { contents: "read", ...held });
          seen += 1;
        } else expect(now.permissions).toEqual(then.permissions);
      }
      // Every line that is not about the change is still there, as often as before.
      const changes = /configure-aws|disable-retry|permissions: \{/;
      const lost = linesOf(fresh).reduce(
        (rest, line) => (rest.includes(line) ? rest.toSpliced(rest.indexOf(line), 1) : rest),
        linesOf(text),
      );
      expect(lost.filter((line) => !changes.test(line))).toEqual([]);
      expect(/(?<!\r)\n/.test(fresh)).toBe(/(?<!\r)\n/.test(text));
      expect(findings.filter(({ text: why }) => /proven/.test(why))).toEqual([]);
      // Again, there is nothing to do but what was left.
      const again = migrate(fresh);
      expect(again.changed).toBe(false);
      expect(again.left).toHaveLength(findings.filter(({ verdict }) => verdict === "left").length);
    }),
    { numRuns: 300 },
  );
  expect(seen).toBeGreaterThan(50);
});

function renamed(step: Step): Step {
  const { "disable-retry": _, ...rest } = step.with ?? {};
  return { ...step, uses: NEW, with: rest };
}

test("text of any kind is read without an exception, and never changed into something unreadable", () => {
  const part = fc.constantFrom(
    ...[
      "uses: ",
      `${OLD}@v4`,
      "\n",
      "  ",
      "- ",
      "with:",
      "{",
      "}",
      "[",
      ",",
      ": ",
      "'",
      '"',
      "&a ",
      "*a",
      "#",
    ],
    ...[
      "|",
      "jobs:",
      "steps:",
      "runs:",
      "role-to-assume: ",
      "arn:aws:iam::111122223333:role/x",
      "\t",
      "\r\n",
    ],
    ...["aws-region: x", "---\n", "permissions: ", "!!map ", "? ", "<<: "],
  );
  fc.assert(
    fc.property(fc.array(part, { maxLength: 40 }), (parts) => {
      const text = parts.join("");
      const { text: fresh, changed } = migrate(text);
      if (changed) expect(() => meaning(fresh)).not.toThrow();
    }),
    { numRuns: 1000 },
  );
});
