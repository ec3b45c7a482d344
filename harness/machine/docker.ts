/**
 * `docker run [-v SOURCE:TARGET[:ro]] [-e NAME[=VALUE]] [--user USER] IMAGE COMMAND …` on a machine without an engine: the
 * command runs in a mount namespace in which RUNNER_TEMP and HOME are empty but for the mounts, with an environment of
 * PATH, HOME and the -e flags alone. Root only. Everything else than these flags is refused, as is a source that is not there. The
 * network is the machine's, as with `--network host`. The image decides the user: `root`, or a number.
 */
import { spawn } from "node:child_process";
import { chmodSync, existsSync, mkdirSync, writeFileSync } from "node:fs";
import path from "node:path";
import { fileURLToPath } from "node:url";
import { shellWord } from "../../src/base/text.ts";
import { repository } from "../repository.ts";

export interface ContainerRun {
  mounts: { source: string; target: string; readOnly: boolean }[];
  environment: Record<string, string>;
  user: string | undefined;
  image: string;
  command: string[];
}

/** Puts a program `docker` into a folder, for the PATH of a step. */
export function installDocker(folder: string): void {
  mkdirSync(folder, { recursive: true });
  const words = [process.execPath, path.join(repository(), "lib/harness/machine/docker.js")].map(shellWord);
  writeFileSync(path.join(folder, "docker"), `#!/bin/sh\nexec ${words.join(" ")} "$@"\n`);
  chmodSync(path.join(folder, "docker"), 0o755);
}

/** As docker reads them: `-e NAME` has the value that the caller has, and is left out where it has none. */
export function parseRun(args: readonly string[], env: NodeJS.ProcessEnv): ContainerRun {
  if (args[0] !== "run") throw new Error(`docker: '${args[0]}' is not a docker command.`);
  const mounts: ContainerRun["mounts"] = [];
  const environment: Record<string, string> = {};
  let user: string | undefined;
  let at = 1;
  for (; args[at]?.startsWith("-"); at += 2) {
    const [flag, value = ""] = args.slice(at, at + 2);
    if (flag === "-v") {
      const [source = "", target = "", mode, ...more] = value.split(":");
      if (
        !/^\/.+/.test(source) ||
        !/^\/.+/.test(target) ||
        ![undefined, "ro"].includes(mode) ||
        more.length > 0
      )
        throw new Error(`docker: invalid volume specification: '${value}'`);
      if (mounts.some((mount) => mount.target === target))
        throw new Error(`docker: Duplicate mount point: ${target}`);
      if (!existsSync(source)) throw new Error(`docker: ${source} does not exist, and would be made empty`);
      mounts.push({ source, target, readOnly: mode === "ro" });
    } else if (flag === "-e") {
      const [, name = "", given] = /^([^=]+)(?:=(.*))?$/s.exec(value) ?? [];
      const found = given ?? env[name];
      if (name !== "" && found !== undefined) environment[name] = found;
    } else if (flag === "--user" && /^\d+$/.test(value)) user = value;
    else throw new Error(`docker: unknown flag: ${flag} ${value}`);
  }
  const [image, ...command] = args.slice(at);
  if (image === undefined || command.length === 0) throw new Error("docker: IMAGE COMMAND is missing");
  return { mounts, environment, user, image, command };
}

/** For sh, in a mount namespace of its own. */
function scriptOf({ mounts, user, image, command }: ContainerRun, hidden: string[]): string {
  const as = user ?? image.replace(/^root$/, "0");
  const kept = mounts.map((mount, index) => ({ ...mount, kept: `/mnt/${index}` }));
  return [
    "mount -t tmpfs none /mnt",
    ...kept.map(({ source, kept: at }) => `mkdir ${at} && mount --bind ${shellWord(source)} ${at}`),
    ...hidden.map((folder) => `mount -t tmpfs none ${shellWord(folder)}`),
    ...kept.flatMap(({ target, kept: at, readOnly }) => [
      `mkdir -p ${shellWord(target)} && mount --bind ${at} ${shellWord(target)} && umount ${at}`,
      ...(readOnly ? [`mount -o remount,bind,ro ${shellWord(target)}`] : []),
    ]),
    "umount /mnt",
    "mount -t tmpfs none /mnt", // HOME
    `exec setpriv --reuid ${as} --regid ${as} --clear-groups ${command.map(shellWord).join(" ")}`,
  ].join("\n");
}

function main(): void {
  let run: ContainerRun;
  try {
    run = parseRun(process.argv.slice(2), process.env);
  } catch (error) {
    console.error((error as Error).message);
    process.exitCode = 125;
    return;
  }
  const hidden = [process.env.RUNNER_TEMP, process.env.HOME].filter((folder) => folder !== undefined);
  const env = { PATH: process.env.PATH, HOME: "/mnt", ...run.environment };
  const child = spawn("unshare", ["-m", "sh", "-ec", scriptOf(run, hidden)], { env, stdio: "inherit" });
  child.on("exit", (code, signal) => {
    process.exitCode = code ?? 128 + (signal === null ? 0 : 1);
  });
}

if (process.argv[1] === fileURLToPath(import.meta.url)) main();
