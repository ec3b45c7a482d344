// One step of the old action: what has to change in it, or why it stays.
import { isAlias, isMap, type Node, type Pair, visit, type YAMLMap } from "yaml";
import { child, textOf } from "./document.ts";
import { INPUTS } from "./inputs.ts";

/** Why a step stays as it is. */
export interface Reason {
  text: string;
  /** What to write instead, line by line. */
  instead?: string[];
}

export interface UsePlan {
  /** Inputs that do nothing any more. */
  drop: Pair[];
}

/** `earlier`: the steps of the old action that come before this one in the same job. */
export function planUse(step: YAMLMap, ref: string, earlier: readonly YAMLMap[]): UsePlan | Reason {
  const given = child(step, "with");
  if (!isMap(given)) return { text: NO_ROLE };
  const value = (name: string): string => inputOf(step, name);
  const stays = keysIn(value, ref) ?? missing(value, step, earlier);
  if (stays) return stays;
  const isChain = isTrue(value("role-chaining"));
  const drop: Pair[] = [];
  for (const input of given.items) {
    const name = textOf(input.key).toLowerCase();
    const fate = Object.hasOwn(INPUTS, name) ? INPUTS[name] : undefined;
    const text = value(name);
    if (fate === "dropped" || (fate === "kept with role-chaining" && !isChain)) drop.push(input);
    else if (typeof fate === "object" && "refused" in fate) {
      if (text !== "") return { text: `${name}: ${fate.refused}` };
      drop.push(input);
    } else if (typeof fate === "object") {
      const isMoot = name === "force-skip-oidc" && isChain;
      if (!isMoot && text !== "" && !isFalse(text))
        return { text: `${name} is not false: ${fate.unlessFalse}` };
      drop.push(input);
    } else if (name === "mask-aws-account-id" && !isTrue(text) && !isFalse(text) && !/^$|\$\{\{/.test(text)) {
      // The old action's first examples say 'no'. It treats all but "true" as false. This action refuses it.
      if (given.flow) return { text: "mask-aws-account-id: must be true or false" };
      drop.push(input);
    }
  }
  return { drop };
}

const isTrue = (text: string): boolean => /^true$/i.test(text);
const isFalse = (text: string): boolean => /^false$/i.test(text);
const NO_ROLE = "has no role-to-assume: it uses keys or an identity that are already there";

/** The text of an input. The runner takes its name in any case. */
function inputOf(step: YAMLMap, name: string): string {
  const given = child(step, "with");
  const pair = isMap(given) ? given.items.find(({ key }) => textOf(key).toLowerCase() === name) : undefined;
  return textOf(pair?.value).trim();
}

function missing(
  value: (name: string) => string,
  step: YAMLMap,
  earlier: readonly YAMLMap[],
): Reason | undefined {
  const role = value("role-to-assume");
  if (role === "") return { text: NO_ROLE };
  if (!role.includes("${{") && !/^arn:[\w-]+:iam::\d{12}:role\/./.test(role))
    return { text: "role-to-assume is not an ARN: a name alone does not identify the account" };
  if (value("aws-region") === "") {
    const instead = ["aws-region: REGION   # under with"];
    return { text: "has no aws-region, which this action requires", instead };
  }
  const chaining = value("role-chaining");
  if (chaining !== "" && !isFalse(chaining)) {
    if (!isTrue(chaining))
      return { text: "role-chaining is an expression: give it true or false, or two steps with an if" };
    // It chains to what the same profile held before.
    if (!earlier.some((each) => inputOf(each, "aws-profile") === value("aws-profile")))
      return {
        text: "role-chaining: what it chains to is not set by an earlier step of this job that can be moved over",
      };
  }
  if (isFalse(value("output-env-credentials")) && value("aws-profile") === "") {
    const text =
      "output-env-credentials: false keeps the role from later steps, and a profile without a name would not";
    const instead = [
      "profile: NAME   # under with; then AWS_PROFILE: NAME in the env of the steps that need the role",
    ];
    return { text, instead };
  }
  const env = child(step, "env");
  if (
    isMap(env) &&
    env.items.some(({ key }) => /^AWS_(?:ACCESS_KEY_ID|SECRET_ACCESS_KEY)$/.test(textOf(key)))
  )
    return { text: "has keys in its env, and assumes the role with them", instead: [FROM_ENVIRONMENT] };
  return undefined;
}

const FROM_ENVIRONMENT = "credential-source: Environment   # under with; the step has the keys in its env";

/** Keys as inputs. Those of an earlier step are a chain of roles as people build it by hand. */
function keysIn(value: (name: string) => string, ref: string): Reason | undefined {
  const key = value("aws-access-key-id");
  if (!/\$\{\{[^}]*\b(?:env|steps|needs)\b/.test(key)) return undefined;
  if (value("role-to-assume") === "")
    return {
      text: "aws-access-key-id: hands on keys of an earlier step, which do not refresh; give the role instead",
    };
  if (!/\benv\b|outputs(?:\.|\[['"])aws-access-key-id/i.test(key)) {
    const text = "aws-access-key-id: assumes the role with keys that another step fetched";
    return {
      text: `${text}. Let the role trust GitHub's identity provider; or keep the keys, in env instead of with`,
      instead: [FROM_ENVIRONMENT],
    };
  }
  return {
    text: "aws-access-key-id: chains by hand to the role of an earlier step, with keys that do not refresh",
    instead: [
      `uses: ${ref}`,
      "role-chaining: true   # under with, in place of aws-access-key-id, aws-secret-access-key, aws-session-token",
    ],
  };
}

/** Whether a node is known by an anchor, or has an anchor or an alias in it. */
export function isShared(node: Node): boolean {
  let shared = false;
  visit(node, {
    Node: (_, each) => {
      shared ||= isAlias(each) || each.anchor !== undefined;
      return shared ? visit.BREAK : undefined;
    },
  });
  return shared;
}
