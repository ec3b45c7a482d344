// What jobs and composite actions of one repository read from each other: an action that sets up the role and a job
// that reads its keys are in different files.
import { existsSync } from "node:fs";
import path from "node:path";
import { parse, type Scope, type Source } from "./document.ts";
import { localActions, type Mention, mentionsIn } from "./mentions.ts";

interface Node {
  file: string;
  /** The folder of the action; undefined for a job. */
  folder: string | undefined;
  /** The folders of the actions that its steps use. */
  calls: string[];
  mentions: Mention[];
}

export interface Survey {
  /** The parsed file, if it had to be parsed. */
  source(file: string): ReturnType<typeof parse> | undefined;
  /** The first place in another file that reads keys which the steps of this job or action set. */
  outside(scope: Scope): Mention | undefined;
}

/** Only such files can take part: they use an action of the repository, or are one that reads keys. */
const RELEVANT =
  /uses:\s*["']?\.\/|AWS_(?:ACCESS|SECRET|SESSION|SECURITY)|aws-(?:access-key-id|session-token)|\bgrep\b|docker:\/\//i;

export function survey(files: ReadonlyMap<string, string>, mayUse: (text: string) => boolean): Survey {
  const sources = new Map<string, ReturnType<typeof parse>>();
  const nodes = new Map<Scope, Node>();
  for (const [file, text] of files) {
    const isAction = /^action\.ya?ml$/i.test(path.basename(file));
    if (!mayUse(text) && !(RELEVANT.test(text) && (isAction || /uses:\s*["']?\.\//.test(text)))) continue;
    const source = parse(text);
    sources.set(file, source);
    if ("problem" in source) continue;
    for (const scope of source.scopes) nodes.set(scope, nodeOf(file, source, scope));
  }
  const all = [...nodes.values()];
  const called = (node: Node): Node[] =>
    all.filter(({ folder }) => folder !== undefined && node.calls.includes(folder));
  const callers = (node: Node): Node[] =>
    all.filter(({ calls }) => node.folder !== undefined && calls.includes(node.folder));

  /** All that can be reached by a step, the start included. */
  const reach = (start: readonly Node[], next: (node: Node) => Node[]): Set<Node> => {
    const reached = new Set(start);
    for (const node of reached) for (const each of next(node)) reached.add(each);
    return reached;
  };
  return {
    source: (file) => sources.get(file),
    outside: (scope) => {
      const node = nodes.get(scope);
      if (!node) return undefined;
      // Up to the jobs that run the action, and from each of them down to all that it runs.
      const related = reach([...reach([node], callers)], called);
      for (const other of related) {
        const [mention] = other.mentions;
        if (other !== node && mention) return { ...mention, file: other.file };
      }
      return undefined;
    },
  };
}

function nodeOf(file: string, source: Source, scope: Scope): Node {
  const absolute = path.resolve(file);
  const root = rootOf(absolute);
  const folder = scope.kind === "composite" ? path.dirname(absolute) : undefined;
  const calls = localActions(scope).map((call) => path.join(root, call));
  return { file, folder, calls, mentions: mentionsIn(source, scope) };
}

/** The root of the repository that a file is in, where "./" in `uses` begins. */
function rootOf(file: string): string {
  const above = /^(.*)[/\\]\.github[/\\]/.exec(file)?.[1];
  if (above !== undefined) return above;
  for (let folder = path.dirname(file); folder !== path.dirname(folder); folder = path.dirname(folder))
    if (existsSync(path.join(folder, ".git")) || existsSync(path.join(folder, ".github"))) return folder;
  return path.dirname(file);
}
