import { readdirSync, readFileSync } from "node:fs";
import { describe, expect, test } from "@jest/globals";
import { UserError } from "../src/base/errors.ts";
import { REFUSED } from "../src/incumbent-inputs.ts";
import { type Inputs, loadInputs } from "../src/inputs.ts";
import { exchangeTimeout, lastRenewal, renewalDelay, retryDelay } from "../src/keeper/schedule.ts";

interface Declared {
  description: string;
  required: boolean;
  default: string | undefined;
}

/**
 * A section of action.yml whose entries have keys with plain, quoted or folded values: all that this file
 * uses.
 */
function declared(section: "inputs" | "outputs", file = "action.yml"): Map<string, Declared> {
  const lines = readFileSync(file, "utf8").split("\n");
  const found = new Map<string, Declared>();
  let inside = false;
  let entry: Declared | undefined;
  let folded = false;
  for (const line of lines) {
    const [, name] = /^ {2}([\w-]+):$/.exec(line) ?? [];
    const [, key, value = ""] = /^ {4}([\w-]+):(?: (.*))?$/.exec(line) ?? [];
    if (/^\S/.test(line)) inside = line === `${section}:`;
    else if (inside && name !== undefined) {
      entry = { description: "", required: false, default: undefined };
      found.set(name, entry);
    } else if (inside && entry && key !== undefined) {
      const plain = value.replace(/^(["'])(.*)\1$/, "$2");
      folded = key === "description" && value === ">-";
      if (key === "description") entry.description = folded ? "" : plain;
      else if (key === "required") entry.required = plain === "true";
      else if (key === "default") entry.default = plain;
      else throw new Error(`${file}: ${section}.${key} is not known here`);
    } else if (inside && entry && folded) entry.description += ` ${line.trim()}`;
  }
  return found;
}

/** The rows of all tables in a page whose first column has this head, one table after another. */
function table(head: string, page = "README.md"): string[][] {
  const rows = readFileSync(page, "utf8").split("\n");
  const starts = rows.flatMap((row, index) => (row.startsWith(`| ${head} |`) ? [index] : []));
  if (starts.length === 0) throw new Error(`${page} has no table with the head ${head}`);
  return starts.flatMap((start) => {
    const end = rows.findIndex((row, index) => index > start && !row.startsWith("|"));
    return rows.slice(start + 2, end < 0 ? undefined : end).map((row) =>
      row
        .slice(1, -1)
        .split(/(?<!\\)\|/)
        .map((cell) => cell.trim()),
    );
  });
}

/** The files of a folder whose names end like this. */
const filesIn = (folder: string, end: string): string[] =>
  readdirSync(folder)
    .filter((name) => name.endsWith(end))
    .map((name) => `${folder}/${name}`);
const CHECK = "src/check.ts";
const SOURCES = filesIn("src", ".ts")
  .filter((file) => file !== CHECK)
  .map((file) => readFileSync(file, "utf8"));

const LAUNCH = readFileSync("src/keeper/launch.ts", "utf8");

const inputs = declared("inputs");
const outputs = declared("outputs");
/** What README's table has. The others are inputs of configure-aws-credentials, for docs/migration.md. */
const effective = new Map([...inputs].filter(([, { description }]) => !description.startsWith("No effect")));

/** Reads all inputs as the action does; `asked` are the names in the order in which it asked. */
function load(given: Record<string, string>): { inputs: Omit<Inputs, "sessionName">; asked: Set<string> } {
  const asked = new Set<string>();
  const { sessionName: _, ...rest } = loadInputs(
    (name) => {
      asked.add(name);
      return given[name] ?? "";
    },
    { id: "1", attempt: "1" },
  );
  return { inputs: rest, asked };
}

const REQUIRED = { "role-to-assume": "arn:aws:iam::111122223333:role/deploy", "aws-region": "eu-west-1" };

describe("inputs", () => {
  test("of action.yml are those that the code reads", () => {
    // Before anything else is loaded.
    const early = [...LAUNCH.matchAll(/\benv\["INPUT_([A-Z-]+)"\]/g)].map(([, name = ""]) =>
      name.toLowerCase(),
    );
    const read = new Set([...load(REQUIRED).asked, ...early]);
    // What is refused whatever it is: declared, it would look as if it could be given.
    const refused = Object.keys(REFUSED).filter((name) => REFUSED[name]?.value === undefined);
    expect(refused.filter((name) => !read.has(name))).toEqual([]);
    expect([...inputs.keys()].sort()).toEqual([...read].filter((name) => !refused.includes(name)).sort());
  });

  test("of action.yml are required where the code says so", () => {
    for (const [name, { required }] of inputs) {
      const without = () => load({ ...REQUIRED, [name]: "" });
      if (required) expect(without).toThrow(new RegExp(`^${name} is missing or empty`));
      else expect(without).not.toThrow(UserError);
    }
    expect([...inputs].filter(([, { required }]) => required).map(([name]) => name)).toEqual(
      Object.keys(REQUIRED),
    );
  });

  test("of action.yml have the defaults of the code", () => {
    for (const [name, { default: value }] of inputs) {
      if (value !== undefined)
        expect([name, load({ ...REQUIRED, [name]: value }).inputs]).toEqual([name, load(REQUIRED).inputs]);
    }
  });

  test("are in README's tables, in the order of action.yml, with their defaults", () => {
    const expected = [...effective].map(([name, { required, default: value }]) => [
      `\`${name}\``,
      required ? "required" : value === undefined ? "" : `\`${value}\``,
    ]);
    expect(table("Input").map(([name, value]) => [name, value])).toEqual(expected);
  });

  test("are in README's tables in the words of action.yml, which has no code spans", () => {
    expect(table("Input").map((row) => [row[0], row.at(-1)?.replaceAll("`", "")])).toEqual(
      [...effective].map(([name, { description }]) => [`\`${name}\``, description.trim()]),
    );
  });

  test("without effect have one row in docs/migration.md instead, and README leads there", () => {
    const rows = table("Input of configure-aws-credentials", "docs/migration.md").map(([name]) => name);
    const idle = [...inputs.keys()].filter((name) => !effective.has(name));
    expect(idle.length).toBeGreaterThan(5);
    expect(idle.filter((name) => rows.filter((row) => row === `\`${name}\``).length !== 1)).toEqual([]);
    const section = /^## Inputs$[\s\S]*?(?=^## )/m.exec(readFileSync("README.md", "utf8"))?.[0];
    expect(section).toContain("](docs/migration.md#inputs-and-outputs)");
  });

  test("that are left to GitHub's empty string are not given a default of '' in action.yml", () => {
    expect([...inputs].filter(([, { default: value }]) => value === "")).toEqual([]);
  });
});

describe("outputs", () => {
  test("of action.yml are those that the code sets", () => {
    const set = SOURCES.flatMap((source) => [...source.matchAll(/\bsetOutput\(\s*"([\w-]+)"/g)]);
    expect([...outputs.keys()]).toEqual(set.map((match) => match[1]));
    // None is set under a name that is not written out there.
    const calls = SOURCES.flatMap((source) => [...source.matchAll(/\bsetOutput\(/g)]);
    expect(calls).toHaveLength(set.length);
  });

  test("are in README's table, in the order of action.yml, in its words", () => {
    expect(table("Output").map(([name, text]) => [name, text?.replaceAll("`", "")])).toEqual(
      [...outputs].map(([name, { description }]) => [`\`${name}\``, description.trim()]),
    );
  });
});

describe("check/action.yml", () => {
  const file = "check/action.yml";
  const text = readFileSync(file, "utf8");
  const section = /^## Check it while the job runs$[\s\S]*?(?=^## )/m.exec(
    readFileSync("README.md", "utf8"),
  )?.[0];

  test("runs its bundle, on the node of the action, with no inputs and no post", () => {
    expect(text).toMatch(/\nruns:\n {2}using: node24\n {2}main: \.\.\/dist\/check\/index\.js\n$/);
    expect(readFileSync("action.yml", "utf8")).toContain("\n  using: node24\n");
    expect(text).not.toMatch(/^inputs:/m);
  });

  test("has the outputs that the code sets, and so has README", () => {
    const set = [...readFileSync(CHECK, "utf8").matchAll(/\bsetOutput\(\s*"([\w-]+)"/g)];
    const names = [...declared("outputs", file).keys()];
    expect(names).toEqual([...new Set(set.map(([, name]) => name))]);
    for (const name of names) expect(section).toContain(`\`${name}\``);
    for (const [name, { description }] of declared("outputs", file))
      expect([name, description]).toEqual([name, expect.stringMatching(/^\S.{10,}\.$/)]);
  });

  test("is in README by its name, as a step", () => {
    expect(section).toMatch(/^ +- uses: org\/aws-role-refresh\/check@v1 /m);
  });
});

test("every description says something, in a sentence", () => {
  for (const [name, { description }] of [...inputs, ...outputs])
    expect([name, description.trim()]).toEqual([name, expect.stringMatching(/^\S.{10,}\.$/)]);
  for (const row of [...table("Input"), ...table("Output")])
    expect([row[0], row.at(-1)]).toEqual([row[0], expect.stringMatching(/^\S.{10,}\.$/)]);
});

describe("workflows that are shown", () => {
  /** The `with:` of each step that uses the action, in block or flow style. */
  function uses(text: string): string[][] {
    const lines = text.split("\n");
    return lines.flatMap((line, index) => {
      // The column of the step's keys: those that are further left belong to another one.
      const column = /^\s*(?:- )?(?=uses: org\/aws-role-refresh@)/.exec(line)?.[0].length;
      if (column === undefined) return [];
      const rest = lines.slice(index + 1);
      const end = rest.findIndex((next) => next.trim() !== "" && next.search(/\S/) < column);
      const names: string[] = [];
      let inside = false;
      for (const next of rest.slice(0, end < 0 ? undefined : end)) {
        const flow = /^\s*with: *\{(.*)\}/.exec(next)?.[1];
        if (flow !== undefined)
          names.push(...[...flow.matchAll(/(?:^|,)\s*([\w-]+):/g)].map((match) => match[1] ?? ""));
        else if (next.search(/\S/) === column) inside = /^\s*with:\s*$/.test(next);
        else if (inside) names.push(...[...next.matchAll(/^\s+([\w-]+):/g)].map((match) => match[1] ?? ""));
      }
      return [names];
    });
  }

  const EXAMPLES = filesIn("examples/workflows", ".yml");
  const shown = ["README.md", ...filesIn("docs", ".md"), ...EXAMPLES].sort();

  test.each(shown)("%s gives inputs that there are, and those that are required", (file) => {
    for (const names of uses(readFileSync(file, "utf8"))) {
      expect(names.filter((name) => !inputs.has(name))).toEqual([]);
      if (file !== "README.md" && file.endsWith(".md")) continue;
      for (const name of Object.keys(REQUIRED)) expect(names).toContain(name);
    }
  });

  test("use the action at all", () => {
    expect(uses(readFileSync("README.md", "utf8")).length).toBeGreaterThan(1);
    for (const file of EXAMPLES) expect(uses(readFileSync(file, "utf8")).length).toBeGreaterThan(0);
  });
});

describe("docs/reliability.md", () => {
  /** "5 h 59 min 30 s" */
  const exact = (ms: number): string =>
    [
      [ms / 3_600_000, "h"] as const,
      [(ms % 3_600_000) / 60_000, "min"] as const,
      [(ms % 60_000) / 1000, "s"] as const,
    ]
      .filter(([count]) => count >= 1)
      .map(([count, unit]) => `${Math.floor(count)} ${unit}`)
      .join(" ");
  const page = readFileSync("docs/reliability.md", "utf8");
  const row = (name: string): string[] => {
    const section = /^## The shared session$[\s\S]*?(?=^## )/m.exec(page)?.[0] ?? "";
    const line = section.split("\n").find((one) => one.startsWith(`| ${name} |`)) ?? "";
    return line.split("|").map((cell) => cell.trim());
  };
  const LIVES = [900_000, 3_600_000, 43_200_000];
  const left = (life: number) => life - renewalDelay(life, life, 0);
  const longestWait = (life: number) => retryDelay(life, 99, 1);

  test("has the longest outage that a shared session outlasts, as the schedule gives it", () => {
    const atOnce = LIVES.map((life) => exact(left(life) - longestWait(life)));
    const hanging = LIVES.map((life) => exact(left(life) - longestWait(life) - exchangeTimeout(life)));
    expect(row("longest outage that no call notices, if requests fail at once").slice(3, 6)).toEqual(atOnce);
    expect(row("the same, if requests hang until they time out").slice(3, 6)).toEqual(hanging);
  });

  test("has the lives that are renewed earlier than at half, and the time before the last renewal", () => {
    const MINUTE = 60_000;
    for (const life of [26 * MINUTE + 40_000, 30 * MINUTE, 40 * MINUTE]) expect(left(life)).toBe(20 * MINUTE);
    for (const life of [26 * MINUTE, 41 * MINUTE]) expect(left(life)).toBe(life / 2);
    expect(6 * 60 * MINUTE - lastRenewal(0, 6 * 60 * MINUTE)).toBe(5 * MINUTE);
    expect(40 * MINUTE - lastRenewal(0, 40 * MINUTE)).toBe(4 * MINUTE);
  });
});
