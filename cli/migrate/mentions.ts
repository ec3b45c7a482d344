// Where a job reads keys: from the environment, where this action puts none, or from the outputs of a step.
import { isMap, isScalar, type Scalar, type YAMLMap } from "yaml";
import { child, type Scope, type Source, scalars, startOf, textOf } from "./document.ts";

const NO_KEYS = "this action exports no keys; let that use the profile, as AWS SDKs do, then migrate again";
const IN_CONTAINER = `this action exports no keys; give its step an id and write docker run \${{ steps.ID.outputs.docker-args }}, then migrate again`;
const BY_HAND =
  "keys that are set by hand do not refresh; a second step with role-chaining: true does the same";
const OUTPUTS =
  "they do not refresh; let that use the profile, or keep output-credentials and change the step by hand";
const IMAGE = "it does not see the token file at the path in the profile; see the limits in README.md";

export interface Mention {
  line: number;
  /** What happens there, and what to do instead. */
  text: string;
  /** The file, if it is another one than that of the step. */
  file?: string;
}

/** A name in an expression on secrets, variables or inputs is not a variable of the environment. */
const KEY =
  /(?<!(?:secrets|vars|inputs|matrix)\.)\bAWS_(?:ACCESS_KEY_ID|SECRET_ACCESS_KEY|SESSION_TOKEN|SECURITY_TOKEN)\b(=?)/g;
const OUTPUT = /\boutputs(?:\.|\[['"])aws-(?:access-key-id|secret-access-key|session-token)\b/i;
/** `env | grep AWS > file`, which people hand to `docker run --env-file`. */
const DUMP = /(?:^|[\s;&(])(?:env|printenv|export -p|declare -px?)\s*\|\s*\w*(?:grep|sed|awk|rg)\b[^\n]*AWS/m;
/** With the variables in the same command. */
const RUNS_CONTAINER = /\b(?:docker|podman) (?:container )?run\b[^\n]*(?:\\\n[^\n]*)*AWS_/;
export const ACTION = /^aws-actions\/configure-aws-credentials@/i;

export const usesOf = (step: YAMLMap): string => textOf(child(step, "uses"));

/** All places of a job or an action that read keys, steps of the old action included: a chain by hand does. */
export function mentionsIn({ text, lineOf }: Source, { node, steps }: Scope): Mention[] {
  const found: Mention[] = [];
  const look = (scalar: Scalar, own: ReadonlySet<string>): void => {
    const value = textOf(scalar);
    if (!/aws/i.test(value)) return;
    for (const match of value.matchAll(KEY)) {
      const [written, assigned] = match;
      const name = written.replace("=", "");
      if (own.has(name)) continue;
      const line = lineOf(within(text, scalar, written));
      const instead = RUNS_CONTAINER.test(value) ? IN_CONTAINER : NO_KEYS;
      found.push({ line, text: assigned === "" ? `reads ${name}: ${instead}` : `sets ${name}: ${BY_HAND}` });
      return;
    }
    const output = OUTPUT.exec(value)?.[0];
    const dump = DUMP.exec(value)?.[0].trim();
    if (output !== undefined)
      found.push({ line: lineOf(within(text, scalar, output)), text: `reads keys from outputs: ${OUTPUTS}` });
    else if (dump !== undefined)
      found.push({ line: lineOf(within(text, scalar, dump)), text: `copies the AWS variables: ${NO_KEYS}` });
  };
  for (const { key, value } of node.items) {
    if (textOf(key) !== "steps") for (const scalar of scalars(value)) look(scalar, new Set());
    if (textOf(key) === "env" && isMap(value))
      for (const name of value.items) if (isScalar(name.key)) look(name.key, new Set());
  }
  for (const step of steps) {
    // A step with keys of its own has them from elsewhere, and they still come first for SDKs.
    const env = child(step, "env");
    const own = new Set(isMap(env) ? env.items.map(({ key }) => textOf(key)) : []);
    for (const scalar of scalars(step)) look(scalar, own);
    if (/^docker:\/\//.test(usesOf(step)))
      found.push({ line: lineOf(startOf(step)), text: `runs a container image: ${IMAGE}` });
  }
  return found;
}

/** These read no role from a profile, measured with this action: they need the variables of `mirror-environment`. */
const NO_PROFILES = /\b(?:sccache|restic|s3cmd)\b|\/vsis3\//;

/** The first tool of a job that reads no profiles. */
export function toolWithoutProfiles(
  { root, text, lineOf }: Source,
  { node }: Scope,
): { name: string; line: number } | undefined {
  for (const part of [child(root, "env"), node]) {
    for (const scalar of scalars(part)) {
      const name = NO_PROFILES.exec(textOf(scalar))?.[0];
      if (name !== undefined)
        return { name: name === "/vsis3/" ? "GDAL" : name, line: lineOf(within(text, scalar, name)) };
    }
  }
  return undefined;
}

/** The place of a word in a scalar: its line is of more use than that of a script's begin. */
function within(text: string, scalar: Scalar, word: string): number {
  const at = text.indexOf(word, startOf(scalar));
  return at < 0 ? startOf(scalar) : at;
}

/** The actions of the same repository that the steps use, as paths from its root. */
export function localActions({ steps }: Scope): string[] {
  const local = steps.map(usesOf).filter((uses) => uses.startsWith("./"));
  return local.map((uses) => uses.slice(2).replace(/\/+$/, ""));
}
