// id-token: write is added where it is missing and nothing else is lost; where that cannot be told, the step stays.
import { describe, expect, test } from "@jest/globals";
import { migrate, NEW, OLD, STEP, workflow } from "./workflow.ts";

const CHECKOUT = "      - uses: actions/checkout@v4\n";
const job = (head: string, steps = STEP): string => workflow(steps, head);
const top = (lines: string): string => `${lines}${job("")}`;
const renamed = (text: string): string => text.replace(`${OLD}@v4`, NEW);
const NEEDED = ["permissions:", "  id-token: write"];

describe("nothing is added where the job has it", () => {
  test.each([
    ["in the job", job("    permissions:\n      contents: read\n      id-token: write\n")],
    ["in the job, in one line", job("    permissions: { id-token: write }\n")],
    ["as write-all", job("    permissions: write-all\n")],
    ["from the workflow", top("permissions:\n  id-token: write\n")],
    ["from the workflow, as write-all", top("permissions: write-all\n")],
  ])("%s", (_, text) => {
    expect(migrate(text)).toMatchObject({ text: renamed(text), done: [NEW], left: [], notes: [] });
  });
});

describe("a job gets it", () => {
  test("as a line of its own permissions", () => {
    const { text, done } = migrate(job("    permissions:\n      # why\n      contents: read # x\n"));
    expect(text).toBe(
      renamed(job("    permissions:\n      # why\n      id-token: write\n      contents: read # x\n")),
    );
    expect(done).toEqual([`${NEW}; added id-token: write`]);
  });

  test("in its own permissions in one line, empty ones included", () => {
    expect(migrate(job("    permissions: { contents: read }\n")).text).toBe(
      renamed(job("    permissions: { id-token: write, contents: read }\n")),
    );
    expect(migrate(job("    permissions: {}\n")).text).toBe(
      renamed(job("    permissions: { id-token: write }\n")),
    );
  });

  test("with what the workflow gives, so that the other jobs get no more than before", () => {
    const { text } = migrate(top("permissions:\n  contents: read\n  packages: write\n"));
    const own = "    permissions:\n      id-token: write\n      contents: read\n      packages: write\n";
    expect(text).toBe(renamed(`permissions:\n  contents: read\n  packages: write\n${job(own)}`));
  });

  test("and contents: read, where nobody gives any and no step needs more", () => {
    const { text, done } = migrate(job("", `${STEP}${CHECKOUT}      - run: aws s3 ls\n`));
    const own = "    permissions:\n      id-token: write\n      contents: read\n";
    expect(text).toBe(renamed(job(own, `${STEP}${CHECKOUT}      - run: aws s3 ls\n`)));
    expect(done).toEqual([`${NEW}; added permissions: id-token: write, contents: read`]);
  });

  test("on a matrix of GitHub's runners", () => {
    const head = "    strategy:\n      matrix:\n        os: [ubuntu-latest, windows-2022]\n";
    const text = job(head).replace("ubuntu-latest\n", "${" + "{ matrix.os }}\n");
    expect(migrate(text).left).toEqual([]);
    expect(migrate(text.replace("windows-2022", "mine")).changed).toBe(false);
    expect(migrate(text.replace("os:", "include: [{ os: mine }]\n        os:")).changed).toBe(false);
  });
});

describe("the step stays, with the lines to add", () => {
  test.each([
    ["read-all cannot be written beside another", job("    permissions: read-all\n"), /do not allow/],
    ["read-all of the workflow", top("permissions: read-all\n"), /do not allow/],
    ["somebody refused it", job("    permissions:\n      id-token: none\n"), /do not allow/],
    [
      "the runner may have an identity of its own",
      job("").replace("ubuntu-latest", "[self-hosted]"),
      /the runner's own/,
    ],
    [
      "the runner's label says nothing",
      job("").replace("ubuntu-latest", "large-runners"),
      /the runner's own/,
    ],
    [
      "the label is an expression",
      job("").replace("ubuntu-latest", "${" + "{ inputs.on }}"),
      /the runner's own/,
    ],
    ["a script may push", job("", `${STEP}      - run: ./release.sh\n`), /the step at line 10 may need/],
    [
      "an action may comment",
      job("", `${STEP}      - uses: some/action@v1\n`),
      /the step at line 10 may need/,
    ],
    [
      "a set-up gets the token",
      job("", `${STEP}      - uses: actions/setup-node@v4\n        env: { GITHUB_TOKEN: x }\n`),
      /the step at line 10 may need/,
    ],
  ])("%s", (_, text, reason) => {
    const { changed, findings } = migrate(text);
    expect(changed).toBe(false);
    expect(findings).toEqual([
      expect.objectContaining({ verdict: "left", text: expect.stringMatching(reason) }),
    ]);
    expect(findings[0]?.instead.slice(0, 2)).toEqual(NEEDED);
  });
});

describe("a workflow that others call", () => {
  test.each(["on:\n  workflow_call:\n", "on: workflow_call\n", "on: [push, workflow_call]\n"])(
    "%j has the permissions of its callers, with a note",
    (on) => {
      const text = job("").replace("on: push\n", on);
      expect(migrate(text)).toMatchObject({
        text: renamed(text),
        left: [],
        notes: ["the callers of this workflow have to grant id-token: write, as before"],
      });
    },
  );

  test("has its own, if it gives any", () => {
    const text = job("    permissions:\n      contents: read\n").replace("on: push", "on: workflow_call");
    expect(migrate(text).done).toEqual([`${NEW}; added id-token: write`]);
  });
});
