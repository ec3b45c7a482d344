import { execFile } from "node:child_process";
import { copyFileSync, existsSync, mkdtempSync, readdirSync, readFileSync, rmSync, statSync } from "node:fs";
import { isBuiltin } from "node:module";
import os from "node:os";
import path from "node:path";
import { promisify } from "node:util";
import { describe, expect, test } from "@jest/globals";

const DIST = path.resolve("dist");
const files = readdirSync(DIST, { recursive: true, withFileTypes: true })
  .filter((entry) => entry.isFile())
  .map((entry) => path.join(entry.parentPath, entry.name));
const text = (file: string): string => readFileSync(file, "utf8");
const filesOfExchange = files.filter((file) => /exchange[\\/][\w.]+\.js$/.test(file));
const entry = (name: string): string => text(path.join(DIST, name, "index.js"));

/**
 * What a module's code takes from outside of itself: imports, and calls of `require`, whatever the bundler
 * calls it.
 */
function externals(code: string): string[] {
  const requires = [...code.matchAll(/createRequire as (\w+)/g)].map(
    (match) => `${match[1]}\\(import\\.meta\\.url\\)`,
  );
  const patterns = [
    /(?:^|[;}\s])(?:import|export)\b[^;"']*?\bfrom\s*["']([^"']+)["']/g,
    /(?:^|[;}\s])import\s*["']([^"']+)["']/g,
    // In square brackets it is part of an error message of the SDK's.
    new RegExp(
      `(?<!\\[)(?:\\b(?:require|import)|${requires.join("|") || "\\b\\B"})\\(\\s*["']([^"']+)["']\\s*\\)`,
      "g",
    ),
  ];
  return [
    ...new Set(patterns.flatMap((pattern) => [...code.matchAll(pattern)].map((match) => match[1] ?? ""))),
  ].sort();
}

/**
 * Every package that the action depends on at run time, from the lock file: the name of its folder in
 * node_modules.
 */
function runtimePackages(): Set<string> {
  const { packages } = JSON.parse(text("package-lock.json")) as {
    packages: Record<
      string,
      { dependencies?: Record<string, string>; optionalDependencies?: Record<string, string> }
    >;
  };
  const found = new Set<string>();
  const visit = (key: string): void => {
    const { dependencies = {}, optionalDependencies = {} } = packages[key] ?? {};
    for (const name of Object.keys({ ...dependencies, ...optionalDependencies })) {
      const nested = `${key === "" ? "" : `${key}/`}node_modules/${name}`;
      const at = packages[nested] ? nested : `node_modules/${name}`;
      if (!found.has(name)) {
        found.add(name);
        visit(at);
      }
    }
  };
  visit("");
  return found;
}

/** The packages that dist/licenses.txt names, each with its licence's text. */
function licences(): Map<string, string> {
  const found = new Map<string, string>();
  for (const block of text(path.join(DIST, "licenses.txt")).split(/^-{20,}$/m)) {
    const [names = "", ...rest] = block.trim().split("\n\n");
    for (const name of names.split("\n")) found.set(name, rest.join("\n\n").trim());
  }
  return found;
}

describe("the keeper's bundle", () => {
  test("imports modules of Node and nothing else", () => {
    const found = externals(entry("keeper"));
    expect(found).toContain("node:fs");
    expect(found.filter((name) => !name.startsWith("node:") && name !== "module")).toEqual([]);
    expect(found.filter((name) => !isBuiltin(name))).toEqual([]);
    expect(readdirSync(path.join(DIST, "keeper")).sort()).toEqual(["index.js", "package.json"]);
  });

  test("is under 28 kB", () => {
    expect(statSync(path.join(DIST, "keeper", "index.js")).size).toBeLessThan(28_000);
  });

  test("has nothing of the toolkit, of an HTTP client or of the SDK in it", () => {
    expect(entry("keeper")).not.toMatch(/undici|@actions|@aws-sdk|@smithy|add-mask|GITHUB_OUTPUT/);
  });

  test("runs from an empty folder, and ends at once where nobody tells it what to keep", async () => {
    const folder = mkdtempSync(path.join(os.tmpdir(), "keeper alone "));
    try {
      copyFileSync(path.join(DIST, "keeper", "index.js"), path.join(folder, "index.mjs"));
      const node = process.env.ACTION_NODE ?? process.execPath;
      const { stdout, stderr } = await promisify(execFile)(node, [path.join(folder, "index.mjs")], {
        cwd: folder,
        timeout: 30_000,
      });
      expect([stdout, stderr]).toEqual(["", ""]);
    } finally {
      rmSync(folder, { recursive: true });
    }
  });
});

describe("the command line's bundle", () => {
  test("runs from an empty folder", async () => {
    const folder = mkdtempSync(path.join(os.tmpdir(), "cli alone "));
    try {
      copyFileSync(path.join(DIST, "cli", "index.js"), path.join(folder, "index.mjs"));
      const run = (...args: string[]) =>
        promisify(execFile)(process.execPath, [path.join(folder, "index.mjs"), ...args], {
          cwd: folder,
          timeout: 30_000,
        });
      expect(await run("migrate", ".")).toEqual({
        stdout: expect.stringMatching(/ 0 of 0\.\n$/),
        stderr: "",
      });
      for (const args of [[], ["unknown"], ["toString"], ["migrate"]])
        await expect(run(...args)).rejects.toMatchObject({
          code: 2,
          stderr: expect.stringContaining("Usage: "),
        });
    } finally {
      rmSync(folder, { recursive: true });
    }
  });
});

describe("dist/", () => {
  test("is under 1.2 MB in all, without the command line, which no job runs and which has 200 kB", () => {
    const size = (some: string[]): number => some.reduce((total, file) => total + statSync(file).size, 0);
    const ofCli = files.filter((file) => file.startsWith(path.join(DIST, "cli", path.sep)));
    expect(size(files) - size(ofCli)).toBeLessThan(1_200_000);
    expect(size(ofCli)).toBeLessThan(200_000);
  });

  test("runs no program but the keeper and its renewals, tasklist on Windows, and a credential process of the user's", () => {
    const scripts = files.filter((file) => file.endsWith(".js"));
    const running = scripts.filter((file) =>
      externals(text(file)).some((name) => /child_process|worker_threads|cluster/.test(name)),
    );
    expect(running.map((file) => path.relative(DIST, file)).sort()).toEqual(
      ["check", "exchange", "keeper", "main"].map((name) => path.join(name, "index.js")),
    );
    // Minified: they have the module under one short name.
    for (const name of ["check", "keeper"]) {
      const names = [
        ...entry(name).matchAll(/\bconst (\w+)=\w+\(import\.meta\.url\)\("node:child_process"\)/g),
      ];
      expect(names).toHaveLength(1);
      expect(entry(name).match(/"(?:node:)?child_process"/g)).toHaveLength(1);
      const made = entry(name).match(new RegExp(`(?<![\\w.$])${names[0]?.[1]}\\.\\w+`, "g"));
      expect(made?.map((call) => call.replace(/^.*\./, "")).sort()).toEqual(
        name === "check" ? ["spawn", "spawnSync"] : ["spawn", "spawn"],
      );
    }
    const calls = (script: string) => script.match(/\bchild_process_(?:namespaceObject)?\.\w+/g) ?? [];
    expect(calls(entry("main").replaceAll("external_node_", "")).sort()).toEqual(
      ["spawn", "spawn", "spawnSync"].map((name) => `child_process_.${name}`),
    );
    expect(entry("main").match(/spawnSync\)\(program, .*/g)).toHaveLength(1);
    expect(entry("main").match(/const program = .*/g)).toEqual([
      expect.stringContaining("System32\\\\tasklist.exe`"),
    ]);
    expect(
      entry("main").match(/spawn\)\(process\.execPath, \[\.\.\.argv, .*?\("(?:keeper|renew)"\)\]/g),
    ).toHaveLength(2);
    const exchange = filesOfExchange.map((file) => text(file).replaceAll("external_node_", ""));
    expect(exchange.flatMap(calls)).toEqual(["child_process_.exec"]);
    const runs = exchange.filter((script) => calls(script).length > 0);
    expect(runs.map((script) => script.includes("credential-provider-process/dist-es/"))).toEqual([true]);
  });

  test("looks for AWS keys in the SDK's own provider alone, which is loaded where they are the source", () => {
    const looking = filesOfExchange.filter((file) => text(file).includes("AWS_ACCESS_KEY_ID"));
    expect(looking.map((file) => text(file).includes("credential-provider-env/dist-es/"))).toEqual([true]);
    expect(looking).not.toContain(path.join(DIST, "exchange", "index.js"));
    for (const name of ["renew", "keeper"])
      expect(entry(name).match(/AWS_ACCESS_KEY_ID|credential_process|sso_session/g)).toBeNull();
  });

  test("has nothing of a log-in by a person", () => {
    for (const file of files.filter((each) => each.endsWith(".js"))) {
      const found = text(file).match(/nested-clients|credential-provider-(?:sso|login)|sso-oidc/g);
      expect([file, found]).toEqual([file, null]);
    }
  });

  test("has the SDK's ES modules, of which only what is used is left", () => {
    expect(entry("exchange")).toContain("node_modules/@smithy/core/dist-es/");
    expect(entry("exchange").match(/node_modules\/@(?:smithy|aws-sdk)\/[\w.-]+\/dist-cjs\S*/g)).toBeNull();
  });

  test("has the entries that the two action.yml name, the three that these start and package.json's, as ES modules", () => {
    const names = readdirSync(DIST, { withFileTypes: true }).filter((each) => each.isDirectory());
    expect(names.map(({ name }) => name).sort()).toEqual([
      "check",
      "cli",
      "exchange",
      "keeper",
      "main",
      "post",
      "renew",
    ]);
    for (const { name } of names)
      expect(JSON.parse(text(path.join(DIST, name, "package.json")))).toEqual({ type: "module" });
    for (const file of ["main", "post"])
      expect(text("action.yml")).toContain(`\n  ${file}: dist/${file}/index.js\n`);
    expect(text("check/action.yml")).toContain("\n  main: ../dist/check/index.js\n");
    const { bin } = JSON.parse(text("package.json")) as { bin: unknown };
    expect(bin).toEqual({ "aws-role-refresh": "dist/cli/index.js" });
    expect(entry("cli")).toMatch(/^#!\/usr\/bin\/env node\n/);
  });

  test.each(["main", "post", "check", "exchange", "renew", "cli"])(
    "%s needs no package: Node's modules are all that it imports",
    (name) => {
      expect(externals(entry(name)).filter((each) => !isBuiltin(each))).toEqual([]);
    },
  );

  test("has no HTTP client that the action does not use", () => {
    for (const file of files.filter((each) => each.endsWith(".js"))) {
      expect([file, /\bundici\b/.test(text(file)), text(file).includes("tunnel-agent")]).toEqual([
        file,
        false,
        false,
      ]);
    }
  });

  test("has no path of the machine that built it, and no secret-looking text", () => {
    const ofMachines =
      /(?<![\w.:])\/(?:home|Users|root|work|tmp|opt|builds?|workspace|github\/workspace)\/[\w.-]+/g;
    for (const file of files) {
      const content = text(file);
      expect([file, content.includes(process.cwd()), content.includes(os.homedir())]).toEqual([
        file,
        false,
        false,
      ]);
      expect([file, content.match(ofMachines) ?? []]).toEqual([file, []]);
      expect([file, content.match(/eyJ[\w-]{20,}|\b(?:AKIA|ASIA)[A-Z2-7]{16}\b/g) ?? []]).toEqual([file, []]);
    }
  });

  test("has the licence of each package that is in it", () => {
    const listed = licences();
    // Not minified: the names of modules are still there.
    for (const name of ["main", "post"]) {
      const bundled = [...entry(name).matchAll(/node_modules\/((?:@[\w.-]+\/)?[\w.-]+)\//g)].map(
        (match) => match[1] ?? "",
      );
      expect(bundled).toContain("@actions/core");
      expect([...new Set(bundled)].filter((each) => !listed.has(each))).toEqual([]);
    }
    for (const name of [
      "@actions/core",
      "@aws-sdk/client-sts",
      "@aws-sdk/core",
      "@smithy/core",
      "@smithy/node-http-handler",
    ]) {
      expect([...listed.keys()]).toContain(name);
    }
    for (const [name, licence] of listed) {
      const [id = "", ...words] = licence.split("\n");
      expect([name, id]).toEqual([
        name,
        expect.stringMatching(/^(?:MIT|Apache-2\.0|BSD-[23]-Clause|0BSD|ISC)$/),
      ]);
      // Some packages only name the licence: its words then stand with another one.
      const full =
        words.join("").length > 400 ||
        [...listed.values()].some((other) => other.startsWith(`${id}\n`) && other.length > 10_000);
      expect([name, full]).toEqual([name, true]);
    }
  });

  test("has no package but what the action depends on at run time, and the command line's parser", () => {
    const runtime = runtimePackages();
    expect(runtime.has("jest")).toBe(false);
    const listed = [...licences().keys()];
    expect(listed.filter((name) => !runtime.has(name))).toEqual(["yaml"]);
    for (const name of ["main", "post", "exchange"]) expect(entry(name)).not.toContain("node_modules/yaml/");
    expect(listed.filter((name) => !existsSync(path.join("node_modules", name)))).toEqual([]);
  });
});
