// The release workflow under act, as far as it goes without GitHub: each script of it, in its order, with a stand-in for gh.
// RELEASE.md says what only GitHub can run.
import { readdirSync, readFileSync } from "node:fs";
import path from "node:path";
import { describe, expect, jest, test } from "@jest/globals";
import { runUnderAct } from "../../harness/examples/act.ts";
import { MISSING, outputOf, tools } from "../../harness/examples/tools.ts";
import { unless } from "../../harness/machine/means.ts";
import { repository } from "../../harness/repository.ts";

// Each starts several programs, which take ten times as long on a busy machine.
jest.setTimeout(240_000);

interface Step {
  name?: string;
  uses?: string;
  run?: string;
}
interface Workflow {
  jobs: Record<string, { steps: Step[]; "runs-on": string; needs?: string }>;
}

const ROOT = repository();
const read = (file: string) => readFileSync(path.join(ROOT, file), "utf8");
/** What takes an hour, or asks npm's registry. .ci/run is what runs this test. */
const ELSEWHERE = /\.ci\/run|npm audit|apt-get/;
/** Writes down what it is asked, keeps the files that it is given, and knows no tag yet. act itself asks it for a token. */
const GH = `#!/bin/sh
work=$(dirname "$0")/..
[ "$1" = auth ] && exit 1
echo "gh $*" >> "$work/gh.log"
mkdir -p "$work/released"
for file in "$@"; do [ ! -f "$file" ] || cp "$file" "$work/released/"; done
case "$*" in "api repos/"*) exit 1 ;; esac
`;

/** The scripts of the workflow, with no action; what it leaves out is listed. */
function withoutGitHub(text: string): { workflow: string; left: string[] } {
  const program = `import json, sys, yaml
yaml.SafeLoader.yaml_implicit_resolvers.pop("o", None)
print(json.dumps(yaml.safe_load(sys.stdin)))`;
  const release = JSON.parse(outputOf([tools.python ?? "", "-c", program], { input: text })) as Workflow;
  const left: string[] = [];
  for (const job of Object.values(release.jobs)) {
    job["runs-on"] = "ubuntu-latest";
    const stays = ({ uses, run = "" }: Step) => uses === undefined && !ELSEWHERE.test(run);
    left.push(...job.steps.filter((step) => !stays(step)).map(({ uses, run = "" }) => uses ?? run));
    job.steps = job.steps.filter(stays);
  }
  // act copies the repository only for a checkout.
  for (const job of Object.values(release.jobs)) job.steps.unshift({ uses: "actions/checkout@v5" });
  return { workflow: JSON.stringify(release), left };
}

const canRun = tools.act !== undefined && tools.python !== undefined;
const ifPossible = canRun ? describe : describe.skip;

ifPossible(`the release workflow${unless(canRun, MISSING)}`, () => {
  const { version } = JSON.parse(read("package.json")) as { version: string };
  const dist = readdirSync(path.join(ROOT, "dist"), { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile())
    .map((entry) => path.relative(ROOT, path.join(entry.parentPath, entry.name)));
  const files = Object.fromEntries(
    ["action.yml", "check/action.yml", "LICENSE", "package.json", "package-lock.json", ...dist].map(
      (file) => [file, read(file)],
    ),
  );
  const log = (released: string) =>
    `# Changes\n\n## Unreleased\n\n- later\n\n## ${released}\n\n- now\n\n## 0.1.0 (2025-01-01)\n\n- before\n`;
  const release = (tag: string, changes: string, after?: (directory: string) => void) =>
    runUnderAct(undefined, {
      ...{ tag, workflow: withoutGitHub(read(".github/workflows/release.yml")).workflow },
      files: { ...files, "CHANGELOG.md": changes, "bin/gh": GH },
      ...(after && { after }),
    });

  test("leaves out here only what RELEASE.md names, and what CI runs", () => {
    const { left } = withoutGitHub(read(".github/workflows/release.yml"));
    const named = left.map((what) => what.replace(/@[0-9a-f]{40}$/, ""));
    expect([...new Set(named)].filter((what) => what.startsWith("actions/")).sort()).toEqual([
      ...["actions/attest", "actions/checkout", "actions/setup-node"],
    ]);
    expect(read("RELEASE.md")).toContain("actions/attest");
    expect(named.filter((what) => !what.startsWith("actions/")).length).toBe(3);
  });

  test("publishes the files of the action, its bill of materials and its notes, then the major version's tag", async () => {
    let archived: string[] = [];
    let notes = "";
    let asked: string[] = [];
    const { end, log: said } = await release(`v${version}`, log(`${version} (2026-12-01)`), (directory) => {
      const inside = (name: string) => path.join(directory, "released", name);
      const tar = outputOf(["tar", "--list", "--file", inside("aws-role-refresh.tar.gz")]);
      archived = tar.split("\n").filter((name) => name !== "" && !name.endsWith("/"));
      notes = readFileSync(inside("notes.md"), "utf8");
      asked = readFileSync(path.join(directory, "gh.log"), "utf8").trim().split("\n");
      expect(JSON.parse(readFileSync(inside("aws-role-refresh.cdx.json"), "utf8"))).toMatchObject({
        bomFormat: "CycloneDX",
      });
    });
    expect(`${end}\n${said}`).toMatch(/^0\n/);
    const expected = ["action.yml", "check/action.yml", "LICENSE", ...dist];
    expect(archived.sort()).toEqual(expected.map((file) => `aws-role-refresh-v${version}/${file}`).sort());
    expect(notes.trim()).toBe("- now");
    expect(asked[0]).toMatch(
      new RegExp(
        `^gh release create v${version} --verify-tag --notes-file notes.md --generate-notes aws-role-refresh.tar.gz `,
      ),
    );
    const major = `v${version.split(".")[0]}`;
    expect(asked.at(-1)).toMatch(
      new RegExp(`^gh api --method POST repos/.*/git/refs -f ref=refs/tags/${major} `),
    );
  });

  test.each([
    ["another version in package.json", "v9.9.9", log("9.9.9 (2026-12-01)")],
    ["no entry in the change log", `v${version}`, log("0.2.0 (2026-12-01)")],
    ["no date in the change log", `v${version}`, log(`${version} (not released yet)`)],
  ])("publishes nothing: %s", async (_, tag, changes) => {
    let asked = false;
    const { end } = await release(tag, changes, (directory) => {
      asked = readdirSync(directory).includes("gh.log");
    });
    expect(end).not.toBe(0);
    expect(asked).toBe(false);
  });
});
