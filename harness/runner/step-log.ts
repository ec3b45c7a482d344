/**
 * The log of a step as its reader sees it: workflow commands carried out, secrets masked (actions/runner
 * ActionCommandManager.cs, OutputManager.cs).
 */

export interface Annotation {
  level: "error" | "warning" | "notice";
  message: string;
  title?: string;
}

/** The secrets of one job. */
export class Masker {
  readonly #needles = new Set<string>();
  readonly #values = new Set<string>();

  /** The values added so far, as given. */
  get values(): string[] {
    return [...this.#values];
  }

  /**
   * Masks `value`, each of its lines, and the encodings that the runner looks for too
   * (HostContext.cs:103-113).
   */
  add(value: string): void {
    this.#values.add(value);
    for (const part of [value, ...value.split(/\r?\n/)]) {
      const bytes = Buffer.from(part);
      const shifted = [0, 1, 2].map((shift) =>
        bytes.subarray(shift, shift + Math.floor((bytes.length - shift) / 3) * 3).toString("base64"),
      );
      for (const form of [part, encodeURIComponent(part), JSON.stringify(part).slice(1, -1), ...shifted]) {
        if (form.trim() !== "") this.#needles.add(form);
      }
    }
  }

  apply(text: string): string {
    const longestFirst = [...this.#needles].sort((a, b) => b.length - a.length);
    return longestFirst.reduce((masked, needle) => masked.replaceAll(needle, "***"), text);
  }
}

const unescapeData = (text: string): string =>
  text.replaceAll("%0D", "\r").replaceAll("%0A", "\n").replaceAll("%25", "%");
const unescapeProperty = (text: string): string =>
  unescapeData(text.replaceAll("%3A", ":").replaceAll("%2C", ","));

const COMMANDS = [
  "add-mask",
  "error",
  "warning",
  "notice",
  "debug",
  "group",
  "endgroup",
  "stop-commands",
  "set-output",
  "save-state",
  "set-env",
  "add-path",
  "echo",
  "add-matcher",
  "remove-matcher",
];

/** Turns the output lines of one step, in the order of their arrival, into its log, annotations and masks. */
export class StepLog {
  readonly annotations: Annotation[] = [];
  /** From the deprecated `::set-output::` and `::save-state::`. */
  readonly outputs: Record<string, string> = {};
  readonly state: Record<string, string> = {};
  /** True once a command could not be carried out: the step fails. */
  failed = false;
  readonly #lines: string[] = [];
  readonly #masker: Masker;
  readonly #debug: boolean;
  readonly #onLine: (line: string) => void;
  #stopToken: string | undefined;

  constructor(masker: Masker, debug: boolean, onLine: (line: string) => void) {
    this.#masker = masker;
    this.#debug = debug;
    this.#onLine = onLine;
  }

  get text(): string {
    return this.#lines.map((line) => `${line}\n`).join("");
  }

  /** Takes one line of the step's stdout or stderr. */
  write(line: string): void {
    const command = /^\s*::([^\s:]+)(?:\s+(.*?))?::(.*)$/.exec(line);
    const name = command?.[1]?.toLowerCase();
    if (this.#stopToken !== undefined) {
      if (command?.[1] === this.#stopToken) this.#stopToken = undefined;
      this.#print(line);
    } else if (name === undefined || !COMMANDS.includes(name)) {
      this.#print(line);
    } else {
      const properties = Object.fromEntries(
        (command?.[2] ?? "").split(",").map((pair): [string, string] => {
          const [key = "", ...value] = pair.split("=");
          return [key.trim(), unescapeProperty(value.join("="))];
        }),
      );
      this.#carryOut(name, properties, unescapeData(command?.[3] ?? ""));
    }
  }

  annotate(level: Annotation["level"], message: string, title?: string): void {
    this.annotations.push({
      level,
      message: this.#masker.apply(message),
      ...(title ? { title: this.#masker.apply(title) } : {}),
    });
    this.#print(`##[${level}]${message}`);
  }

  #print(line: string): void {
    const masked = this.#masker.apply(line);
    this.#lines.push(masked);
    this.#onLine(masked);
  }

  #refuse(message: string): void {
    this.annotate("error", message);
    this.failed = true;
  }

  #carryOut(name: string, properties: Record<string, string>, data: string): void {
    switch (name) {
      case "add-mask":
        if (data.trim() === "")
          this.annotate("warning", "Can't add secret mask for empty string in ##[add-mask] command.");
        else this.#masker.add(data);
        break;
      case "error":
      case "warning":
      case "notice":
        this.annotate(name, data, properties.title);
        break;
      case "debug":
        if (this.#debug) this.#print(`##[debug]${data}`);
        break;
      case "group":
        this.#print(`##[group]${data}`);
        break;
      case "endgroup":
        this.#print("##[endgroup]");
        break;
      case "stop-commands":
        if (data === "" || COMMANDS.includes(data.toLowerCase()))
          this.#refuse(`Invalid stop token '${data}'`);
        else this.#stopToken = data;
        break;
      case "set-output":
      case "save-state":
        this.annotate("warning", `The \`${name}\` command is deprecated and will be disabled soon.`);
        (name === "set-output" ? this.outputs : this.state)[properties.name ?? ""] = data;
        break;
      case "set-env":
      case "add-path":
        this.#refuse(`The \`${name}\` command is disabled.`);
        break;
      default:
      // echo, add-matcher, remove-matcher change nothing that is observed here.
    }
  }
}
