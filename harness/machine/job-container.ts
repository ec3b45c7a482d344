/**
 * A job container (`container:` in a workflow) on a machine without an engine: mount and process namespaces in which the
 * runner's folders have other paths, and an entry into them for each step, as the runner's `docker exec` (actions/runner,
 * src/Runner.Worker/ContainerOperationProvider.cs and Handlers/StepHost.cs). The network is the machine's. Root only.
 */
import { type ChildProcess, spawn } from "node:child_process";
import { chmodSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import os from "node:os";
import path from "node:path";
import { shellWord } from "../../src/base/text.ts";
import type { Runner } from "../runner/runner.ts";
import { waitFor } from "../wait.ts";

/** What docker has as /__w and /github/home: below /mnt, since nothing is made at the root of this machine. */
export const WORK = "/mnt/__w";
const HOME = "/mnt/github/home";
const READY = "/mnt/ready";

/** In the namespaces; the first process, like the `tail -f /dev/null` of a job container. `$1` work, `$2` home, `$3` the rest. */
const START = `
  mount -t tmpfs none /mnt
  mkdir -p ${WORK} ${HOME}
  mount --bind "$1" ${WORK}
  mount --bind "$2" ${HOME}
  mount -t tmpfs none "$3"
  touch ${READY}
  exec sleep 600`;

export class JobContainer {
  /** A program that runs its arguments in the container: in front of a step's command. */
  readonly exec: string;
  /** The `node` of a runner whose actions run in the container. */
  readonly node: string;
  readonly #folder = mkdtempSync(path.join(os.tmpdir(), "job container "));
  #process: ChildProcess | undefined;

  readonly #user: number;

  /** @param user whose number the steps run as */
  constructor(user = 0) {
    this.#user = user;
    this.exec = path.join(this.#folder, "exec");
    this.node = path.join(this.#folder, "node");
  }

  /** Before the first step of the runner's job. */
  async start({ temp, home }: Runner): Promise<void> {
    chmodSync(this.#folder, 0o755);
    const work = path.dirname(temp);
    const root = path.dirname(work);
    const flags = ["-m", "-p", "-f", "--mount-proc", "--kill-child"];
    const child = spawn("unshare", [...flags, "sh", "-ec", START, "sh", work, home, root], {
      stdio: "ignore",
    });
    this.#process = child;
    const first = await waitFor("the container", 20_000, () => {
      const [pid = ""] = readFileSync(`/proc/${child.pid}/task/${child.pid}/children`, "utf8").split(" ");
      return pid !== "" && readdirSync(`/proc/${pid}/root/mnt`).includes(path.basename(READY)) && pid;
    });
    this.#write(
      this.exec,
      enter(Number(first), this.#user, [
        [work, WORK],
        [home, HOME],
      ]),
    );
    const node = process.env.ACTION_NODE ?? process.execPath;
    this.#write(this.node, `exec ${shellWord(this.exec)} ${shellWord(node)} "$@"`);
  }

  close(): void {
    this.#process?.kill("SIGKILL");
    rmSync(this.#folder, { recursive: true, force: true });
  }

  #write(file: string, script: string): void {
    writeFileSync(file, `#!/bin/bash\n${script}\n`);
    chmodSync(file, 0o755);
  }
}

/** Paths in the environment and in the words of the command become those of the container. */
function enter(pid: number, user: number, paths: [string, string][]): string {
  const translate = paths.map(([from, to]) => `text=\${text//${shellWord(from)}/${to}}`).join("; ");
  return `
translate() { text=$1; ${translate}; }
# The runner's user made these, and it is the container's too.
[ ${user} = 0 ] || chown ${user} "$GITHUB_OUTPUT" "$GITHUB_ENV" "$GITHUB_PATH" "$GITHUB_STATE" "$GITHUB_STEP_SUMMARY" "$RUNNER_TEMP" "$HOME"
for name in $(compgen -e); do translate "\${!name}"; export "$name=$text"; done
translate "$PWD"; folder=$text
words=()
for word; do translate "$word"; words+=("$text"); done
exec nsenter -t ${pid} -m -p -- setpriv --reuid ${user} --regid ${user} --clear-groups \\
  /bin/bash -c 'cd "$0" && exec "$@"' "$folder" "\${words[@]}"`;
}
