// Steps that read keys, or tools that read nothing else than keys: then the step before them stays, or gets more.
import { describe, expect, test } from "@jest/globals";
import { mayUse } from "../../cli/migrate/plan.ts";
import { survey } from "../../cli/migrate/survey.ts";
import { migrate, NEW, OLD, STEP, withInputs, workflow } from "./workflow.ts";

describe("keys further down", () => {
  const read = (run: string): string => `      - run: |\n          true\n          ${run}\n`;
  test.each([
    ["a script", read("docker run -e AWS_ACCESS_KEY_ID image"), "reads AWS_ACCESS_KEY_ID"],
    [
      "a container's arguments",
      read("docker run --rm -e AWS_ACCESS_KEY_ID x"),
      "steps.ID.outputs.docker-args",
    ],
    [
      "a container's arguments on two lines",
      read("podman run --rm \\\n            -e AWS_ACCESS_KEY_ID x"),
      "steps.ID.outputs.docker-args",
    ],
    ["a script that tests for them", read('test -n "$AWS_SESSION_TOKEN"'), "reads AWS_SESSION_TOKEN"],
    ["an expression", read(`x \${{ env.AWS_SECRET_ACCESS_KEY }}`), "reads AWS_SECRET_ACCESS_KEY"],
    [
      "a script that sets them",
      read('export AWS_ACCESS_KEY_ID="$(jq -r .A creds)"'),
      "sets AWS_ACCESS_KEY_ID",
    ],
    ["outputs", read(`x \${{ steps.aws.outputs.aws-secret-access-key }}`), "reads keys from outputs"],
    ["a list of the environment", read("env | grep ^AWS_ > env.list"), "copies the AWS variables"],
    ["an image", "      - uses: x/y@v1\n      - uses: docker://amazon/aws-cli\n", "runs a container image"],
  ])("%s makes the steps before it stay", (_, step, reason) => {
    const { changed, left, findings } = migrate(workflow(STEP + step));
    expect(changed).toBe(false);
    expect(left).toEqual([expect.stringMatching(/^line 1[345] /)]);
    expect(left[0]).toContain(reason);
    expect(findings[0]?.line).toBe(8);
  });

  test("in env of the job, by name or value, too", () => {
    const head = `    permissions: write-all\n    env:\n      KEY: \${{ env.AWS_ACCESS_KEY_ID }}\n`;
    expect(migrate(workflow(STEP, head)).left[0]).toContain("reads AWS_ACCESS_KEY_ID");
    expect(migrate(workflow(STEP, head.replace("KEY:", "AWS_ACCESS_KEY_ID:"))).changed).toBe(false);
  });

  test.each([
    [
      "the keys of a step's own env",
      `      - run: x $AWS_ACCESS_KEY_ID\n        env:\n          AWS_ACCESS_KEY_ID: \${{ secrets.KEY }}\n`,
    ],
    ["a secret that has the name of a key", read(`x \${{ secrets.AWS_ACCESS_KEY_ID }}`)],
    ["a comment", "      # AWS_ACCESS_KEY_ID is no longer there\n      - run: aws s3 ls\n"],
    [
      "a login that only mentions AWS",
      read(`aws ecr get-login-password \${{ env.X }} | docker login --username AWS`),
    ],
  ])("%s is none", (_, step) => {
    expect(migrate(workflow(STEP + step)).left).toEqual([]);
  });

  test("of another job are its own affair", () => {
    const text = `${workflow(STEP)}  other:\n    runs-on: ubuntu-latest\n    steps:\n      - run: x $AWS_ACCESS_KEY_ID\n`;
    expect(migrate(text).left).toEqual([]);
  });
});

describe("a tool that reads no profiles", () => {
  const added = STEP.replace(`${OLD}@v4`, NEW).replace(
    "with:\n",
    "with:\n          mirror-environment: true\n",
  );
  test.each([
    ["sccache", "      - run: cargo build\n        env: { RUSTC_WRAPPER: sccache }\n"],
    ["restic", "      - run: restic backup .\n"],
    ["GDAL", "      - run: gdalinfo /vsis3/bucket/x.tif\n"],
  ])("%s gets the variables", (name, step) => {
    const { text, done } = migrate(workflow(STEP + step));
    expect(text).toBe(workflow(added + step));
    expect(done).toEqual([
      expect.stringMatching(`; added mirror-environment: true \\(${name} at line 1[23] `),
    ]);
  });

  test("is found in the workflow's env, too, and a step in one line gets them as well", () => {
    const text = `env: { RUSTC_WRAPPER: sccache }\n${workflow(STEP.replace(/with:[\s\S]*$/, 'with: { role-to-assume: "${' + '{ vars.R }}", aws-region: x }\n'))}`;
    expect(migrate(text).text).toContain("with: { mirror-environment: true, role-to-assume");
  });

  test.each([
    ["several roles", STEP + STEP],
    ["a named profile", withInputs("aws-profile: x")],
  ])("is only named in a job with %s, where the variables would override profiles", (_, steps) => {
    const { text, notes } = migrate(workflow(`${steps}      - run: sccache -s\n`));
    expect(text).not.toContain("mirror");
    expect(notes).toEqual([expect.stringMatching(/^sccache at line \d+ reads no profile/)]);
  });
});

describe("what other files of the repository say", () => {
  const action = (steps: string): string => `runs:\n  using: composite\n  steps:\n${steps}`;
  const CALL = "      - uses: ./.github/actions/login\n";
  const READS = "      - run: docker run -e AWS_ACCESS_KEY_ID x\n";
  const [JOB, LOGIN] = ["/r/.github/workflows/deploy.yml", "/r/.github/actions/login/action.yml"];

  /** Why steps of the file stay, if all these files are migrated together. */
  function left(file: string, files: Record<string, string>): string[] {
    const known = survey(new Map(Object.entries(files)), mayUse);
    const source = known.source(file);
    if (!source) throw new Error(`${file} was not read`);
    return migrate(files[file] ?? "", { outside: (scope) => known.outside(scope) }, source).left;
  }

  test("an action stays if a job that uses it reads keys", () => {
    expect(left(LOGIN, { [LOGIN]: action(STEP), [JOB]: workflow(CALL + READS) })).toEqual([
      expect.stringMatching(`^${JOB}:9 reads AWS_ACCESS_KEY_ID: `),
    ]);
  });

  test("a chain by hand reads keys, too: an action stays if a job chains to its role", () => {
    const chain = withInputs(`aws-access-key-id: \${{ env.AWS_ACCESS_KEY_ID }}`);
    expect(left(LOGIN, { [LOGIN]: action(STEP), [JOB]: workflow(CALL + chain) })).toEqual([
      expect.stringMatching(`^${JOB}:13 reads AWS_ACCESS_KEY_ID: `),
    ]);
  });

  test("a job stays if an action that it uses reads keys, through others, too", () => {
    const inner = "/r/.github/actions/inner/action.yml";
    const files = {
      [JOB]: workflow(STEP + CALL),
      [LOGIN]: action("      - uses: ./.github/actions/inner/\n"),
      [inner]: action(READS),
    };
    expect(left(JOB, files)).toEqual([expect.stringMatching(`^${inner}:4 reads AWS_ACCESS_KEY_ID: `)]);
    expect(left(JOB, { ...files, [inner]: action("      - run: aws s3 ls\n") })).toEqual([]);
  });

  test("actions that use each other in a circle come to an end", () => {
    expect(left(LOGIN, { [LOGIN]: action(STEP + CALL) })).toEqual([]);
  });

  test("another job, or another repository, has nothing to say", () => {
    const files = { [JOB]: workflow(STEP), "/r/.github/workflows/b.yml": workflow(CALL + READS) };
    expect(left(JOB, { ...files, [LOGIN]: action("      - run: x\n") })).toEqual([]);
    const other = JOB.replace("/r/", "/s/");
    expect(left(LOGIN, { [LOGIN]: action(STEP), [other]: workflow(CALL + READS) })).toEqual([]);
  });
});
