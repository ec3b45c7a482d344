/** botocore's own reader of AWS config files, in a Python process that answers question after question. */
import { type ChildProcessWithoutNullStreams, spawn, spawnSync } from "node:child_process";
import { createInterface } from "node:readline";

export const hasBotocore =
  spawnSync("python3", ["-c", "import botocore.configloader"], { stdio: "ignore", timeout: 30_000 })
    .status === 0;

export interface Parsed {
  /** By name; what is nested is an object. */
  profiles?: Record<string, Record<string, unknown>>;
  services?: Record<string, Record<string, unknown>>;
  /** The name of the exception, where the file is none for botocore. */
  error?: string;
}

const SCRIPT = `
import json, sys
from botocore.configloader import load_config
for line in sys.stdin:
    try:
        parsed = load_config(json.loads(line))
        print(json.dumps({"profiles": parsed["profiles"], "services": parsed["services"]}), flush=True)
    except Exception as error:
        print(json.dumps({"error": type(error).__name__}), flush=True)
`;

export class Botocore {
  readonly #child: ChildProcessWithoutNullStreams;
  readonly #waiting: ((line: string) => void)[] = [];

  constructor() {
    this.#child = spawn("python3", ["-c", SCRIPT]);
    createInterface({ input: this.#child.stdout }).on("line", (line) => this.#waiting.shift()?.(line));
  }

  /** What botocore reads in a file. */
  async parse(file: string): Promise<Parsed> {
    const line = await new Promise<string>((resolve) => {
      this.#waiting.push(resolve);
      this.#child.stdin.write(`${JSON.stringify(file)}\n`);
    });
    return JSON.parse(line) as Parsed;
  }

  close(): void {
    this.#child.stdin.end();
  }
}
