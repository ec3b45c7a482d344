/** What CloudFormation makes of a template: parameters, conditions and the functions that examples/aws uses. */
import { outputOf, tools } from "./tools.ts";

export interface Template {
  Parameters?: Record<string, { Type: string; Default?: string | number }>;
  Conditions?: Record<string, unknown>;
  Resources: Record<string, Resource>;
  Outputs?: Record<string, unknown>;
}

export interface Resource {
  Type: string;
  Condition?: string;
  Properties: Record<string, unknown>;
}

export const ACCOUNT = "111122223333";
const NO_VALUE = Symbol("AWS::NoValue");

/** YAML templates as cfn-lint reads them: short forms such as !Ref become objects. */
export function readTemplates(files: string[]): Template[] {
  const program = `import json, sys
from cfnlint.decode import decode
read = [decode(file) for file in sys.argv[1:]]
assert not any(errors for _, errors in read), read
print(json.dumps([template for template, _ in read]))`;
  return JSON.parse(outputOf([tools.python ?? "python3", "-c", program, ...files])) as Template[];
}

/** The resources of a stack with these parameters, those whose condition does not hold left out. */
export function deploy(
  template: Template,
  given: Record<string, string> = {},
  partition = "aws",
): Record<string, Resource> {
  const unknown = Object.keys(given).filter((name) => template.Parameters?.[name] === undefined);
  if (unknown.length > 0) throw new Error(`the template has no parameter ${unknown.join(", ")}`);
  const evaluator = new Evaluator(template, given, partition);
  const present = Object.entries(template.Resources).filter(
    ([, { Condition }]) => Condition === undefined || evaluator.condition(Condition),
  );
  return Object.fromEntries(
    present.map(([name, { Type, Properties }]) => [
      name,
      { Type, Properties: evaluator.value(Properties) as Record<string, unknown> },
    ]),
  );
}

class Evaluator {
  readonly #template: Template;
  readonly #given: Record<string, string>;
  readonly #pseudo: Record<string, unknown>;

  constructor(template: Template, given: Record<string, string>, partition: string) {
    this.#template = template;
    this.#given = given;
    this.#pseudo = { "AWS::Partition": partition, "AWS::AccountId": ACCOUNT, "AWS::NoValue": NO_VALUE };
  }

  condition(name: string): boolean {
    const found = this.#template.Conditions?.[name];
    if (found === undefined) throw new Error(`no condition ${name}`);
    return this.value(found) === true;
  }

  value(node: unknown, local: Record<string, unknown> = {}): unknown {
    if (Array.isArray(node))
      return node.map((one) => this.value(one, local)).filter((one) => one !== NO_VALUE);
    if (typeof node !== "object" || node === null) return node;
    const [[name = "", argument] = [], ...more] = Object.entries(node);
    if (more.length === 0 && (name === "Ref" || name === "Condition" || name.startsWith("Fn::")))
      return this.#call(name, argument, local);
    const entries = Object.entries(node).map(([key, one]) => [key, this.value(one, local)] as const);
    return Object.fromEntries(entries.filter(([, one]) => one !== NO_VALUE));
  }

  #call(name: string, argument: unknown, local: Record<string, unknown>): unknown {
    const list = Array.isArray(argument) ? argument : [argument];
    const [first, second, third] = list;
    switch (name) {
      case "Ref":
        return this.#ref(String(argument), local);
      case "Condition":
        return this.condition(String(argument));
      case "Fn::Equals":
        return this.value(first, local) === this.value(second, local);
      case "Fn::Not":
        return this.value(first, local) !== true;
      case "Fn::If":
        return this.value(this.condition(String(first)) ? second : third, local);
      case "Fn::Join":
        return (this.value(second, local) as unknown[]).join(String(first));
      case "Fn::GetAtt":
        return `${list.join(".")}`;
      case "Fn::Sub": {
        const own = { ...local, ...(this.value(second ?? {}, local) as object) };
        return String(first).replace(/\$\{([^!}]+)\}/g, (_, name: string) => String(this.#ref(name, own)));
      }
      default:
        throw new Error(`${name} is not known here`);
    }
  }

  #ref(name: string, local: Record<string, unknown>): unknown {
    if (name in local) return local[name];
    if (name in this.#pseudo) return this.#pseudo[name];
    const parameter = this.#template.Parameters?.[name];
    if (parameter === undefined) {
      if (this.#template.Resources[name] !== undefined) return name;
      throw new Error(`no parameter or resource ${name}`);
    }
    const value = this.#given[name] ?? parameter.Default;
    if (value === undefined) throw new Error(`${name} has no value`);
    return parameter.Type === "CommaDelimitedList"
      ? String(value)
          .split(",")
          .map((one) => one.trim())
      : String(value);
  }
}
