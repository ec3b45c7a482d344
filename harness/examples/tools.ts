/**
 * The tools that check examples/ and workflow-templates/, in .cache/examples. `npm run examples -- install` puts them there.
 * A test that needs one that is missing is skipped.
 */
import { spawnSync } from "node:child_process";
import { cpSync, existsSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import os from "node:os";
import path from "node:path";
import { repository } from "../repository.ts";

export const TOOLS_DIRECTORY = path.join(repository(), ".cache", "examples");
/** Bound on one command of a tool. The slowest takes four seconds on two cores. */
const TIMEOUT_MS = 120_000;

const inTools = (...names: string[]): string => path.join(TOOLS_DIRECTORY, ...names);
const existing = (file: string): string | undefined => (existsSync(file) ? file : undefined);

/** The file of a program in PATH. */
export function inPath(name: string): string | undefined {
  const folders = (process.env.PATH ?? "").split(path.delimiter);
  return folders.map((folder) => path.join(folder, name)).find((file) => existsSync(file));
}

/** Each is undefined where it is not installed. */
export const tools = {
  python: existing(inTools("python", "bin", "python")),
  cdk: existing(inTools("cdk", "node_modules", "aws-cdk-lib")) && inTools("cdk"),
  browser: existing(inTools("browser", "node_modules", "puppeteer-core")) && inTools("browser"),
  terraform: existing(inTools("bin", "tofu")) ?? inPath("tofu") ?? inPath("terraform"),
  act: existing(inTools("bin", "act")) ?? inPath("act"),
};

export const MISSING = "npm run examples -- install";

export interface Output {
  status: number | null;
  stdout: string;
  stderr: string;
}

/** Runs a tool to its end. Its status is null if it was ended for taking too long. */
export function runTool(
  [file = "", ...args]: string[],
  options: { cwd?: string; env?: NodeJS.ProcessEnv; input?: string } = {},
): Output {
  const { status, stdout, stderr } = spawnSync(file, args, {
    cwd: repository(),
    ...options,
    encoding: "utf8",
    timeout: TIMEOUT_MS,
    maxBuffer: 64 * 1024 * 1024,
  });
  return { status, stdout, stderr };
}

/** The standard output of a tool. Throws with its error if it fails. */
export function outputOf(command: string[], options: Parameters<typeof runTool>[1] = {}): string {
  const { status, stdout, stderr } = runTool(command, options);
  if (status !== 0) throw new Error(`${command.join(" ")} ended with ${status}:\n${stderr}${stdout}`);
  return stdout;
}

/** The program of the Python environment. */
export function pythonTool(name: string): string {
  return path.join(path.dirname(tools.python ?? "python3"), name);
}

export interface PlannedResource {
  type: string;
  name: string;
  index?: string | number;
  values: Record<string, unknown>;
}

interface PlannedModule {
  resources?: PlannedResource[];
  child_modules?: PlannedModule[];
}

/**
 * The resources that the module in examples/aws/terraform plans for these variables, or for this text of HCL, which names the
 * module "./github". Its provider is aws_provider.py. Throws with the error of `validate` or `plan`.
 */
export function planTerraform(main: object | string, partition = "aws"): PlannedResource[] {
  const directory = mkdtempSync(path.join(os.tmpdir(), "arr-terraform-"));
  try {
    cpSync(path.join(repository(), "examples/aws/terraform"), path.join(directory, "github"), {
      recursive: true,
    });
    const provider = path.join(directory, "provider");
    mkdirSync(provider);
    const script = `#!/bin/sh\nexec "${tools.python}" "${path.join(repository(), "harness/examples/aws_provider.py")}" "$@"\n`;
    writeFileSync(path.join(provider, "terraform-provider-aws"), script, { mode: 0o755 });
    const overrides = `provider_installation {\n  dev_overrides { "hashicorp/aws" = "${provider}" }\n}\n`;
    writeFileSync(path.join(directory, "tofurc"), overrides);
    if (typeof main === "string") writeFileSync(path.join(directory, "main.tf"), main);
    else {
      const module = { github: { source: "./github", ...main } };
      writeFileSync(path.join(directory, "main.tf.json"), JSON.stringify({ module }));
    }
    const env = {
      PATH: process.env.PATH,
      HOME: directory,
      TF_CLI_CONFIG_FILE: path.join(directory, "tofurc"),
      CHECKPOINT_DISABLE: "1",
      AWS_PARTITION: partition,
    };
    const terraform = (...args: string[]) =>
      outputOf([tools.terraform ?? "terraform", ...args], { cwd: directory, env });
    terraform("get");
    terraform("validate", "-no-color");
    terraform("plan", "-no-color", "-input=false", "-out=plan");
    const { planned_values } = JSON.parse(terraform("show", "-json", "plan")) as {
      planned_values: { root_module: PlannedModule };
    };
    return resourcesIn(planned_values.root_module);
  } finally {
    rmSync(directory, { recursive: true, force: true });
  }
}

function resourcesIn({ resources = [], child_modules = [] }: PlannedModule): PlannedResource[] {
  return [...resources, ...child_modules.flatMap(resourcesIn)];
}
