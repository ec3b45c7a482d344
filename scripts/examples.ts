// Installs what checks examples/ and workflow-templates/, each pinned, into .cache/examples: `npm run examples -- install`.
// Without names, all of it: python (cfn-lint, zizmor, a provider for Terraform), cdk, browser, act, tofu.
import { createHash } from "node:crypto";
import { cpSync, existsSync, mkdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import path from "node:path";
import { inPath, TOOLS_DIRECTORY } from "../harness/examples/tools.ts";
import { repository } from "../harness/repository.ts";
import { run } from "../harness/run.ts";

/** Bound on one command. The slowest builds OpenTofu, four minutes of processor time. */
const TIMEOUT_MS = 15 * 60_000;
const ACT = "github.com/nektos/act@v0.2.87";
const TOFU = "github.com/opentofu/opentofu@v1.10.10";
const REQUIREMENTS = path.join(repository(), "harness", "examples", "requirements.txt");
const CDK = path.join(repository(), "examples", "aws", "cdk");
const BROWSER = path.join(repository(), "harness", "examples", "browser");
const inTools = (...names: string[]): string => path.join(TOOLS_DIRECTORY, ...names);

/** For each tool: what a new installation depends on, how to install it, and why that is not needed or not possible. */
const INSTALLERS: Record<string, { of: () => string; install: () => Promise<void>; not?: () => string }> = {
  python: {
    of: () => readFileSync(REQUIREMENTS, "utf8"),
    install: async () => {
      await inside(["python3", "-m", "venv", inTools("python")]);
      const flags = ["--quiet", "--disable-pip-version-check", "--no-input", "--only-binary=:all:"];
      await inside([
        inTools("python", "bin", "python"),
        "-m",
        "pip",
        "install",
        ...flags,
        "-r",
        REQUIREMENTS,
      ]);
    },
  },
  cdk: fromNpm("cdk", CDK),
  browser: fromNpm("browser", BROWSER),
  act: {
    of: () => ACT,
    not: () => (inPath("go") ? "" : "Go is not installed"),
    install: async () => {
      await inside(["go", "install", ACT], repository(), { GOBIN: inTools("bin") });
    },
  },
  tofu: {
    of: () => TOFU,
    not: () =>
      inPath("tofu") || inPath("terraform")
        ? "terraform is there"
        : inPath("go")
          ? ""
          : "Go is not installed",
    install: async () => {
      // `go install` refuses a module with replacements, so build it where the module cache has it.
      const { Dir } = JSON.parse(await inside(["go", "mod", "download", "-json", TOFU])) as { Dir: string };
      await inside(["go", "build", "-C", Dir, "-o", inTools("bin", "tofu"), "./cmd/tofu"]);
    },
  },
};

/** The packages of a folder's lock file, none of whose scripts run. */
function fromNpm(name: string, folder: string): { of: () => string; install: () => Promise<void> } {
  return {
    of: () => readFileSync(path.join(folder, "package-lock.json"), "utf8"),
    install: async () => {
      mkdirSync(inTools(name));
      for (const file of ["package.json", "package-lock.json"])
        cpSync(path.join(folder, file), inTools(name, file));
      await inside(["npm", "ci", "--ignore-scripts", "--no-audit", "--no-fund"], inTools(name));
    },
  };
}

async function inside(command: string[], cwd = repository(), env: NodeJS.ProcessEnv = {}): Promise<string> {
  const ran = await run(command, TIMEOUT_MS, { cwd, env: { ...process.env, ...env } });
  if (ran.end !== 0) throw new Error(`${command.join(" ")} ended with ${ran.end}:\n${ran.stderr}`);
  return ran.stdout;
}

async function installTool(name: string): Promise<void> {
  const installer = INSTALLERS[name];
  if (!installer) throw new Error(`${name} is not one of ${Object.keys(INSTALLERS).join(", ")}`);
  const hash = createHash("sha256").update(installer.of()).digest("hex");
  const stamp = inTools(`${name}.stamp`);
  if (existsSync(stamp) && readFileSync(stamp, "utf8") === hash) return;
  const not = installer.not?.() ?? "";
  if (not !== "") return console.log(`${name}: not installed, ${not}`);
  const start = performance.now();
  rmSync(inTools(name), { recursive: true, force: true });
  await installer.install();
  writeFileSync(stamp, hash);
  console.log(`${name}: installed in ${Math.round((performance.now() - start) / 1000)} s`);
}

const [command, ...names] = process.argv.slice(2);
if (command !== "install") {
  console.error(`Usage: npm run examples -- install [${Object.keys(INSTALLERS).join("] [")}]`);
  process.exitCode = 2;
} else {
  mkdirSync(inTools("bin"), { recursive: true });
  for (const name of names.length > 0 ? names : Object.keys(INSTALLERS)) {
    // A registry may not serve one of them: the tests that need it are skipped.
    await installTool(name).catch((error: Error) => {
      console.error(`${name}: cannot be installed. ${error.message}`);
      process.exitCode = 1;
    });
  }
}
