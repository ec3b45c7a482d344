// A workflow or a composite action as a parsed document, with the places of its parts in the text.
import {
  Composer,
  type CST,
  isMap,
  isScalar,
  isSeq,
  Lexer,
  type Pair,
  Parser,
  type Scalar,
  type YAMLMap,
  type YAMLSeq,
} from "yaml";

/** Steps that run one after the other in one environment: those of a job, or of a composite action. */
export interface Scope {
  kind: "job" | "composite";
  /** The id of the job, or "" for a composite action. */
  name: string;
  /** The job, or the `runs` of the action. */
  node: YAMLMap;
  /** The line of the job's id, or of `runs`. */
  line: number;
  list: YAMLSeq;
  steps: YAMLMap[];
}

export interface Source {
  text: string;
  root: YAMLMap;
  scopes: Scope[];
  /** What the text means to a program: maps, lists, strings. A new copy each time. */
  value(): unknown;
  comments: string[];
  /** Line of an offset in the text, from 1. */
  lineOf(offset: number): number;
  eol: "\n" | "\r\n";
}

/** Why a file cannot be read as a workflow or an action. */
export interface Unreadable {
  problem: string;
  line: number;
}

/** Reads a file as GitHub does: YAML 1.2, one document, each key once. */
export function parse(text: string): Source | Unreadable {
  const comments: string[] = [];
  const lineOf = lines(text);
  const documents = [
    ...new Composer({ logLevel: "error" }).compose(tokens(text, comments), true, text.length),
  ];
  const [document] = documents;
  const [error] = document?.errors ?? [];
  if (error) return { problem: `this is not valid YAML (${error.code})`, line: lineOf(error.pos[0]) };
  if (documents.length !== 1) return { problem: "this is more than one YAML document", line: 1 };
  const root = document?.contents;
  if (!isMap(root)) return { problem: "this is not a workflow and not an action", line: 1 };
  const value = (): unknown => document?.toJS();
  try {
    value();
  } catch {
    // Too many aliases, or one without its anchor.
    return { problem: "the YAML aliases in this file cannot be resolved", line: 1 };
  }
  const eol = /\r\n/.test(text) ? "\r\n" : "\n";
  return { text, root, scopes: scopesOf(root, lineOf), value, comments, lineOf, eol };
}

/** What parseDocument of yaml does, except that the lexer's comments are kept: a document has only some of them. */
function* tokens(text: string, comments: string[]): Generator<CST.Token> {
  const parser = new Parser();
  for (const lexeme of new Lexer().lex(text)) {
    // The text of a scalar cannot begin with "#": in a block it begins with its indentation.
    if (lexeme.startsWith("#")) comments.push(lexeme.trimEnd());
    yield* parser.next(lexeme);
  }
  yield* parser.end();
}

function scopesOf(root: YAMLMap, lineOf: (offset: number) => number): Scope[] {
  const scope = (kind: Scope["kind"], name: string, pair: Pair | undefined): Scope[] => {
    const node = pair?.value;
    if (!isMap(node)) return [];
    const list = child(node, "steps");
    if (!isSeq(list)) return [];
    const line = lineOf(startOf(pair?.key));
    return [{ kind, name, node, line, list, steps: list.items.filter(isMap) }];
  };
  const jobs = child(root, "jobs");
  return [
    ...(isMap(jobs) ? jobs.items.flatMap((pair) => scope("job", textOf(pair.key), pair)) : []),
    ...scope("composite", "", pairOf(root, "runs")),
  ];
}

function lines(text: string): (offset: number) => number {
  let starts: number[] | undefined;
  return (offset) => {
    if (!starts) {
      starts = [0];
      for (let at = text.indexOf("\n"); at >= 0; at = text.indexOf("\n", at + 1)) starts.push(at + 1);
    }
    const index = starts.findIndex((start) => start > offset);
    return index < 0 ? starts.length : index;
  };
}

export const pairOf = (map: YAMLMap, key: string): Pair | undefined =>
  map.items.find((pair) => textOf(pair.key) === key);
export const child = (map: YAMLMap, key: string): unknown => pairOf(map, key)?.value;

/** The text of a scalar, as GitHub hands it to an action; "" for anything else. */
export function textOf(node: unknown): string {
  if (!isScalar(node) || node.value === null) return "";
  // 0700 and 1e3 are numbers to YAML. Actions get what is written.
  return typeof node.value === "string" ? node.value : (node.source ?? String(node.value));
}

type Ranged = { range?: [number, number, number] | null | undefined };
export const startOf = (node: unknown): number => (node as Ranged | null | undefined)?.range?.[0] ?? 0;
export const endOf = (node: unknown): number => (node as Ranged | null | undefined)?.range?.[1] ?? 0;

/** Where the last value of a node ends. The range of a map goes on over comments, also over those of what follows it. */
export function lastEnd(node: unknown): number {
  if (isMap(node) && !node.flow) {
    const last = node.items.at(-1);
    return lastEnd(last?.value ?? last?.key);
  }
  return isSeq(node) && !node.flow ? lastEnd(node.items.at(-1)) : endOf(node);
}

/** Every scalar below a node, keys included. */
export function* scalars(node: unknown): Generator<Scalar> {
  if (isScalar(node)) yield node;
  else if (isSeq(node)) for (const item of node.items) yield* scalars(item);
  else if (isMap(node)) {
    for (const { key, value } of node.items) {
      yield* scalars(key);
      yield* scalars(value);
    }
  }
}
