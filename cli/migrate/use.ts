// One step of the old action: what has to change in it, or why it stays.
import { isAlias, isMap, type Node, type Pair, visit, type YAMLMap } from "yaml";
import { child, pairOf, textOf } from "./document.ts";
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

/** `earlier`: steps of the old action come before this one in the same job. */
export function planUse(step: YAMLMap, ref: string, earlier: boolean): UsePlan | Reason {
  const pair = pairOf(step, "with");
  const given = pair?.value;
  if (!isMap(given)) return { text: "has no role-to-assume: it uses keys that are already there" };
  const value = (name: string): string =>
    textOf(given.items.find(({ key }) => textOf(key).toLowerCase() === name)?.value).trim();

  const byHand = chainByHand(value, ref);
  if (byHand) return byHand;
  const drop: Pair[] = [];
  for (const input of given.items) {
    const name = textOf(input.key).toLowerCase();
    const fate = Object.hasOwn(INPUTS, name) ? INPUTS[name] : undefined;
    const text = value(name);
    if (fate === "dropped") drop.push(input);
    else if (typeof fate === "object" && "refused" in fate) {
      if (text !== "") return { text: `${name}: ${fate.refused}` };
      drop.push(input);
    } else if (typeof fate === "object") {
      if (text !== "" && text.toLowerCase() !== "false")
        return { text: `${name} is not false: ${fate.unlessFalse}` };
      drop.push(input);
    } else if (name === "mask-aws-account-id" && !/^(?:true|false|.*\$\{\{.*|)$/is.test(text)) {
      // The old action's first examples say 'no'. It takes all but "true" for false. This action refuses it.
      if (given.flow) return { text: "mask-aws-account-id: must be true or false" };
      drop.push(input);
    }
  }
  return missing(value, step, earlier) ?? { drop };
}

function missing(value: (name: string) => string, step: YAMLMap, earlier: boolean): Reason | undefined {
  const role = value("role-to-assume");
  if (role === "")
    return { text: "has no role-to-assume: it uses keys or an identity that are already there" };
  if (!role.includes("${{") && !/^arn:[\w-]+:iam::\d{12}:role\/./.test(role))
    return { text: "role-to-assume is not an ARN: a name alone does not identify the account" };
  if (value("aws-region") === "")
    return {
      text: "has no aws-region, which this action requires",
      instead: ["aws-region: REGION   # under with"],
    };
  const chained = value("role-chaining");
  if (chained !== "" && chained.toLowerCase() !== "false" && !earlier)
    return {
      text: "role-chaining: what it chains to is not set by a step of this job that could be moved over",
    };
  if (value("output-env-credentials").toLowerCase() === "false" && value("aws-profile") === "")
    return {
      text: "output-env-credentials: false keeps the role from later steps, and a profile without a name would not",
      instead: [
        "profile: NAME   # under with; then AWS_PROFILE: NAME in the env of the steps that need the role",
      ],
    };
  const env = child(step, "env");
  if (
    isMap(env) &&
    env.items.some(({ key }) => /^AWS_(?:ACCESS_KEY_ID|SECRET_ACCESS_KEY)$/.test(textOf(key)))
  )
    return { text: "has keys in its env, and assumes the role with them" };
  return undefined;
}

/** Keys of an earlier step, handed on as inputs: a chain of roles as people build it by hand. */
function chainByHand(value: (name: string) => string, ref: string): Reason | undefined {
  const key = value("aws-access-key-id");
  if (!/\$\{\{[^}]*\b(?:env|steps|needs)\b/.test(key)) return undefined;
  if (value("role-to-assume") === "")
    return {
      text: "aws-access-key-id: hands on keys of an earlier step, which do not refresh; give the role instead",
    };
  if (!/\benv\b|outputs(?:\.|\[['"])aws-access-key-id/i.test(key))
    return {
      text: "aws-access-key-id: assumes the role with keys that an earlier step fetched, which do not refresh",
    };
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
