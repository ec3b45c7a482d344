// What is installed, what is built from it, and what our own workflows may do.
import { spawnSync } from "node:child_process";
import { readdirSync, readFileSync } from "node:fs";
import path from "node:path";
import { describe, expect, test } from "@jest/globals";
import { repository } from "../../harness/repository.ts";

const root = repository();
const read = (file: string) => readFileSync(path.join(root, file), "utf8");

interface LockedPackage {
  dev?: boolean;
  link?: boolean;
  integrity?: string;
  optional?: boolean;
  cpu?: string[];
  resolved?: string;
  hasInstallScript?: boolean;
}
const lock = JSON.parse(read("package-lock.json")) as { packages: Record<string, LockedPackage> };
const locked = Object.entries(lock.packages).filter(([name]) => name.startsWith("node_modules/"));
const manifest = JSON.parse(read("package.json")) as Record<
  "dependencies" | "devDependencies" | "scripts",
  Record<string, string>
>;

describe("dependencies", () => {
  test("are named by exact versions", () => {
    for (const version of Object.values({ ...manifest.dependencies, ...manifest.devDependencies })) {
      expect(version).toMatch(/^(\d+\.\d+\.\d+|file:stubs\/[\w-]+)$/);
    }
  });

  test("are locked by what they hold", () => {
    expect(locked.length).toBeGreaterThan(100);
    // Tools for other platforms than the one that last wrote the lock file: docs/security.md.
    const elsewhereOnly = ({ dev, optional, cpu }: LockedPackage) => dev && optional && cpu !== undefined;
    const loose = locked.filter(
      ([, one]) => !one.link && !/^sha512-/.test(one.integrity ?? "") && !elsewhereOnly(one),
    );
    expect(loose.map(([name]) => name)).toEqual([]);
    // Only from the registry that npm is set up with, or from this repository.
    const elsewhere = locked.filter(
      ([, { resolved, link }]) =>
        resolved !== undefined && !link && !resolved.startsWith("https://registry."),
    );
    expect(elsewhere.map(([name]) => name)).toEqual([]);
  });

  test("run no script when they are installed, where they end up in dist/", () => {
    const runtime = locked.filter(([, { dev }]) => !dev);
    expect(runtime.length).toBeGreaterThan(10);
    expect(runtime.filter(([, { hasInstallScript }]) => hasInstallScript).map(([name]) => name)).toEqual([]);
    expect(Object.keys(manifest.scripts).filter((name) => /install|prepare/.test(name))).toEqual([]);
  });

  test("are all in the bill of materials, and nothing that users do not run", () => {
    const npm = spawnSync(
      "npm",
      ["sbom", "--omit", "dev", "--package-lock-only", "--sbom-format", "cyclonedx"],
      {
        cwd: root,
        encoding: "utf8",
      },
    );
    const bill = JSON.parse(npm.stdout) as {
      bomFormat: string;
      components: { name: string; licenses?: unknown[] }[];
    };
    expect(bill.bomFormat).toBe("CycloneDX");
    const names = bill.components.map(({ name }) => name);
    expect(names).toEqual(expect.arrayContaining(Object.keys(manifest.dependencies)));
    expect(names).not.toContain("jest");
    expect(names).not.toContain("typescript");
  });
});

describe("dist/", () => {
  const bundles = readdirSync(path.join(root, "dist"), { recursive: true, encoding: "utf8" }).filter((file) =>
    file.endsWith(".js"),
  );

  test("no bundle makes code out of text", () => {
    expect(bundles.length).toBeGreaterThan(2);
    for (const file of bundles) {
      const source = read(path.join("dist", file));
      expect({ file, eval: /\beval\s*\(/.test(source) }).toEqual({ file, eval: false });
      expect({ file, function: /\bnew Function\s*\(/.test(source) }).toEqual({ file, function: false });
    }
  });
});

describe("our own workflows", () => {
  const folder = path.join(root, ".github", "workflows");
  const workflows = readdirSync(folder).map((name) => ({
    name,
    text: readFileSync(path.join(folder, name), "utf8"),
  }));

  test("may do nothing that a job does not ask for", () => {
    expect(workflows.length).toBeGreaterThan(1);
    for (const { name, text } of workflows) {
      expect({ name, top: /^permissions: \{\}$/m.test(text) }).toEqual({ name, top: true });
      const jobs = text.slice(text.indexOf("\njobs:")).match(/^ {2}[\w-]+:$/gm) ?? [];
      expect({ name, permissions: text.match(/^ {4}permissions:$/gm)?.length }).toEqual({
        name,
        permissions: jobs.length,
      });
      expect({ name, bounded: text.match(/^ {4}timeout-minutes: \d+$/gm)?.length }).toEqual({
        name,
        bounded: jobs.length,
      });
    }
  });

  test("use actions by the hash of a commit, and say which version that is", () => {
    for (const { name, text } of workflows) {
      const uses = text.match(/^\s*(?:- )?uses: .*$/gm) ?? [];
      const loose = uses.filter(
        (line) =>
          !/uses: (?:\.\/|[\w./-]+@[0-9a-f]{40} # v\d+\.\d+\.\d+)$/.test(line.trim().replace(/^- /, "")),
      );
      expect({ name, loose }).toEqual({ name, loose: [] });
    }
  });

  test("keep no token in the checkout, and run nothing of a pull request with rights", () => {
    for (const { name, text } of workflows) {
      const checkouts = text.match(/uses: actions\/checkout@/g)?.length ?? 0;
      expect({ name, kept: text.match(/persist-credentials: false/g)?.length ?? 0 }).toEqual({
        name,
        kept: checkouts,
      });
      expect({ name, target: /pull_request_target|workflow_run/.test(text) }).toEqual({
        name,
        target: false,
      });
      // An expression in a script is text of somebody's in a shell.
      const scripts = text.match(/^\s*(?:- )?run: (?:\|\n(?:\s{8,}.*\n|\n)*|.*)/gm) ?? [];
      expect({ name, injected: scripts.filter((script) => script.includes("${{")) }).toEqual({
        name,
        injected: [],
      });
    }
  });
});

test("SECURITY.md says where to report, and the threat model is there", () => {
  expect(read("SECURITY.md")).toMatch(/security\/advisories\/new/);
  expect(read("docs/security.md").length).toBeGreaterThan(2_000);
});
