/** Reads the part of action.yml that running a JavaScript action needs. */
import { readFile } from "node:fs/promises";
import path from "node:path";

export interface ActionManifest {
  /** Folder of action.yml. */
  directory: string;
  using: string;
  main: string;
  post?: string;
  postIf: string;
  /** Input name, as written, to its default; "" where there is none: the runner sets an empty variable. */
  inputs: Map<string, string>;
}

export interface YamlMapping {
  [key: string]: string | YamlMapping;
}

interface Line {
  number: number;
  indent: number;
  text: string;
}

/**
 * Reads the YAML of an action.yml: nested mappings of plain, quoted and block (`|`, `>`) scalars. Every
 * scalar stays a string, as the runner hands it on. Lists, flow collections other than none, anchors, tags
 * and scalars over several lines are refused with the line.
 */
function parseYamlMapping(source: string): YamlMapping {
  const lines = source.split(/\r?\n/).map(
    (text, index): Line => ({
      number: index + 1,
      indent: text.length - text.trimStart().length,
      text: text.trim(),
    }),
  );
  let position = 0;

  const refuse = (line: Line, reason: string): never => {
    throw new Error(`line ${line.number}: ${reason}: ${line.text}`);
  };
  const skipBlank = (): Line | undefined => {
    for (; position < lines.length; position += 1) {
      const line = lines[position];
      if (line !== undefined && line.text !== "" && !line.text.startsWith("#") && line.text !== "---")
        return line;
    }
    return undefined;
  };

  const blockScalar = (parent: Line, style: string): string => {
    const body: string[] = [];
    let indent = -1;
    for (; position < lines.length; position += 1) {
      const line = lines[position] as Line;
      if (line.text === "") {
        body.push("");
        continue;
      }
      if (line.indent <= parent.indent) break;
      if (indent < 0) indent = line.indent;
      body.push(" ".repeat(line.indent - indent) + line.text);
    }
    while (body.at(-1) === "") body.pop();
    const text = style.startsWith("|") ? body.join("\n") : body.join("\n").replace(/([^\n])\n(?!\n)/g, "$1 ");
    return style.endsWith("-") ? text : `${text}\n`;
  };

  const scalar = (line: Line, text: string): string => {
    const doubleQuoted = /^("(?:[^"\\]|\\.)*")\s*(?:#.*)?$/.exec(text);
    if (doubleQuoted?.[1] !== undefined) return JSON.parse(doubleQuoted[1]) as string;
    const singleQuoted = /^'((?:[^']|'')*)'\s*(?:#.*)?$/.exec(text);
    if (singleQuoted?.[1] !== undefined) return singleQuoted[1].replaceAll("''", "'");
    const plain = text.replace(/\s#.*$/, "").trim();
    if (/^[[\]{}&*!%@`"'|>,]/.test(plain) || /:(\s|$)/.test(plain))
      return refuse(line, "not a scalar this reader knows");
    return plain;
  };

  const mapping = (indent: number): YamlMapping => {
    const result: YamlMapping = {};
    for (let line = skipBlank(); line !== undefined && line.indent >= indent; line = skipBlank()) {
      const entry = /^(?:"([^"]+)"|'([^']+)'|([A-Za-z0-9_][\w .-]*?))\s*:(?:\s+(.*))?$/.exec(line.text);
      if (line.indent !== indent || entry === null)
        return refuse(line, "neither a key of this mapping nor its end");
      const key = (entry[1] ?? entry[2] ?? entry[3]) as string;
      if (Object.hasOwn(result, key)) return refuse(line, "key given twice");
      const value = (entry[4] ?? "").replace(/^#.*/, "");
      position += 1;
      if (/^[|>]-?$/.test(value)) {
        result[key] = blockScalar(line, value);
      } else if (value !== "") {
        result[key] = scalar(line, value);
      } else {
        const next = skipBlank();
        result[key] = next !== undefined && next.indent > indent ? mapping(next.indent) : "";
      }
    }
    return result;
  };

  const result = mapping(0);
  const rest = skipBlank();
  if (rest !== undefined) refuse(rest, "not understood");
  return result;
}

async function readManifestText(directory: string): Promise<string> {
  try {
    return await readFile(path.join(directory, "action.yml"), "utf8");
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== "ENOENT") throw error;
    return readFile(path.join(directory, "action.yaml"), "utf8");
  }
}

/** Reads `directory`/action.yml (or .yaml). Throws for anything but a JavaScript action without `pre`. */
export async function readActionManifest(directory: string): Promise<ActionManifest> {
  const { runs, inputs = {} } = parseYamlMapping(await readManifestText(directory));
  if (typeof runs !== "object" || typeof runs.using !== "string" || typeof runs.main !== "string") {
    throw new Error(`${directory}: not a JavaScript action: runs.using and runs.main are needed`);
  }
  if (!/^node(20|24)$/.test(runs.using))
    throw new Error(`${directory}: runs.using: ${runs.using} is not run here`);
  if (runs.pre !== undefined) throw new Error(`${directory}: runs.pre is not run here`);
  const defaults = new Map<string, string>();
  for (const [name, input] of Object.entries(inputs as YamlMapping)) {
    const value = typeof input === "object" ? input.default : undefined;
    defaults.set(name, typeof value === "string" ? value : "");
  }
  return {
    directory,
    using: runs.using,
    main: runs.main,
    ...(typeof runs.post === "string" ? { post: runs.post } : {}),
    // actions/runner ActionManifestManager.cs:480-482
    postIf: typeof runs["post-if"] === "string" ? runs["post-if"] : "always()",
    inputs: defaults,
  };
}
