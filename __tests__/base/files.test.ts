import { execFileSync, spawn } from "node:child_process";
import {
  chmodSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from "node:fs";
import os from "node:os";
import path from "node:path";
import { afterEach, beforeEach, describe, expect, test } from "@jest/globals";
import { type HeldOpen, withHeldOpen } from "../../harness/machine/held-open.ts";
import { readFileIfExists, readJson, writeFileAtomic, writeRecord } from "../../src/base/files.ts";

let folder: string;
const at = (name: string): string => path.join(folder, name);
beforeEach(() => {
  folder = mkdtempSync(path.join(os.tmpdir(), "files test "));
});
afterEach(() => rmSync(folder, { recursive: true, force: true }));

/** Runs `body` with another umask and puts the old one back. */
function underUmask(mask: number, body: () => void): void {
  const before = process.umask(mask);
  try {
    body();
  } finally {
    process.umask(before);
  }
}

const modeOf = (file: string): string => (statSync(file).mode & 0o7777).toString(8);

describe("an atomic write", () => {
  test("makes the file, and replaces it as a whole", () => {
    writeFileAtomic(at("f"), "first, and long");
    writeFileAtomic(at("f"), Buffer.from([0, 255, 10]));
    expect(readFileSync(at("f"))).toEqual(Buffer.from([0, 255, 10]));
    expect(readdirSync(folder)).toEqual(["f"]);
  });

  test.each([0o000, 0o022, 0o077, 0o177, 0o777])("has mode 600 under umask %o", (mask) => {
    underUmask(mask, () => writeFileAtomic(at("f"), "x"));
    expect(modeOf(at("f"))).toBe("600");
    expect(readFileSync(at("f"), "utf8")).toBe("x");
  });

  test("makes a file that was open to others private, before there is anything in it", () => {
    writeFileSync(at("f"), "old");
    chmodSync(at("f"), 0o666);
    writeFileAtomic(at("f"), "new");
    expect(modeOf(at("f"))).toBe("600");
  });

  test("replaces a planted symlink and leaves what it points at", () => {
    writeFileSync(at("target"), "mine");
    symlinkSync(at("target"), at("f"));
    writeFileAtomic(at("f"), "secret");
    expect(readFileSync(at("target"), "utf8")).toBe("mine");
    expect(readFileSync(at("f"), "utf8")).toBe("secret");
    expect(readdirSync(folder).sort()).toEqual(["f", "target"]);
  });

  test("replaces a symlink that points nowhere without making its target", () => {
    symlinkSync(at("nowhere"), at("f"));
    writeFileAtomic(at("f"), "secret");
    expect(existsSync(at("nowhere"))).toBe(false);
  });

  test("replaces a planted FIFO and does not wait for its reader", () => {
    execFileSync("mkfifo", [at("f")]);
    writeFileAtomic(at("f"), "secret");
    expect(statSync(at("f")).isFile()).toBe(true);
  });

  test("fails on a directory and leaves nothing behind", () => {
    mkdirSync(at("f"));
    expect(() => writeFileAtomic(at("f"), "x")).toThrow(/EISDIR|EEXIST|ENOTEMPTY/);
    expect(readdirSync(folder)).toEqual(["f"]);
  });

  test("fails where there is no directory", () => {
    expect(() => writeFileAtomic(at("no/f"), "x")).toThrow("ENOENT");
    expect(readdirSync(folder)).toEqual([]);
  });

  test("that fails half-way leaves the old file and no other", () => {
    // A limit on the size of files, as a full disk: the write itself fails, in a process of its own.
    writeFileAtomic(at("f"), "old");
    const module = path.resolve("lib/src/base/files.js");
    const script = `
      process.on("SIGXFSZ", () => {});
      const { writeFileAtomic } = await import(${JSON.stringify(module)});
      try { writeFileAtomic(${JSON.stringify(at("f"))}, "x".repeat(100_000)); console.log("written"); }
      catch (error) { console.log(error.code); }`;
    const command = `ulimit -f 8; exec "$0" --input-type=module -e "$1"`;
    const out = execFileSync("bash", ["-c", command, process.execPath, script], { encoding: "utf8" });
    expect(out.trim()).toBe("EFBIG");
    expect(readFileSync(at("f"), "utf8")).toBe("old");
    expect(readdirSync(folder)).toEqual(["f"]);
  });

  test("is never seen half, empty or missing by a reader in another process", async () => {
    const [a, b] = ["a".repeat(50_000), "b".repeat(40_000)];
    writeFileAtomic(at("f"), a);
    const reader = spawn(process.execPath, [
      "-e",
      `const fs = require("node:fs"); let reads = 0, bad = "";
       process.stdin.on("end", () => { console.log(JSON.stringify({ reads, bad })); process.exit(0); }).resume();
       const read = () => {
         for (let i = 0; i < 20; i++) {
           let text; try { text = fs.readFileSync(${JSON.stringify(at("f"))}, "latin1"); } catch (error) { text = error.code; }
           reads++; if (!/^(a{50000}|b{40000})$/.test(text)) bad ||= text.slice(0, 20) + text.length;
         }
         setImmediate(read);
       };
       console.log("ready"); read();`,
    ]);
    let out = "";
    reader.stdout.setEncoding("utf8");
    await new Promise<void>((resolve, reject) => {
      reader.once("error", reject);
      reader.stdout.on("data", (text: string) => {
        out += text;
        if (out.startsWith("ready")) resolve();
      });
    });
    for (let n = 0; n < 1_000; n++) {
      writeFileAtomic(at("f"), n % 2 === 0 ? b : a);
      // Lets the reader have the processor now and then, also where there is only one.
      if (n % 100 === 0) await new Promise((resolve) => setTimeout(resolve, 5));
    }
    const closed = new Promise((resolve) => reader.once("close", resolve));
    reader.stdin.end();
    await closed;
    const { reads, bad } = JSON.parse(out.split("\n")[1] ?? "") as { reads: number; bad: string };
    expect(bad).toBe("");
    expect(reads).toBeGreaterThan(20);
  });
});

describe("a file that another program has open", () => {
  const write = (held: Omit<HeldOpen, "file">) =>
    withHeldOpen<string>(
      { file: "/f", ...held },
      `const { writeFileAtomic } = await load("base/files.js");
       try { writeFileAtomic(${JSON.stringify(at("f"))}, "new"); return "written"; } catch (error) { return error.code; }`,
    );

  test.each(["EPERM", "EACCES", "EBUSY"] as const)("is replaced on Windows after 100 times %s", (code) => {
    writeFileSync(at("f"), "old");
    expect(write({ code, times: 100 })).toEqual({ result: "written", refused: 100 });
    expect(readFileSync(at("f"), "utf8")).toBe("new");
    expect(readdirSync(folder)).toEqual(["f"]);
  });

  test("stays as it is on Windows if it is never closed, and no other file is left", () => {
    writeFileSync(at("f"), "old");
    expect(write({ code: "EBUSY", times: Number.MAX_SAFE_INTEGER }).result).toBe("EBUSY");
    expect(readFileSync(at("f"), "utf8")).toBe("old");
    expect(readdirSync(folder)).toEqual(["f"]);
  });

  test("is not waited for elsewhere, where the same errors last", () => {
    expect(write({ code: "EPERM", times: 1, platform: "linux" })).toEqual({ result: "EPERM", refused: 1 });
  });
});

describe("reading", () => {
  test("gives the bytes of a file, through a symlink as well", () => {
    writeFileSync(at("f"), Buffer.from([0, 255]));
    symlinkSync(at("f"), at("link"));
    expect(readFileIfExists(at("f"))).toEqual(Buffer.from([0, 255]));
    expect(readFileIfExists(at("link"))).toEqual(Buffer.from([0, 255]));
  });

  test("gives undefined where there is nothing", () => {
    symlinkSync(at("nowhere"), at("link"));
    expect(readFileIfExists(at("f"))).toBeUndefined();
    expect(readFileIfExists(at("link"))).toBeUndefined();
    expect(readFileIfExists(at("no/f"))).toBeUndefined();
  });

  test("does not wait at a FIFO", () => {
    execFileSync("mkfifo", [at("f")]);
    expect(() => readFileIfExists(at("f"))).toThrow("is not a regular file");
  });

  test.each(["/dev/zero", os.tmpdir()])("refuses %s", (file) => {
    expect(() => readFileIfExists(file)).toThrow("is not a regular file");
  });
});

describe("JSON", () => {
  test("comes back as it was", () => {
    writeRecord(at("f"), { a: ["\u2028", 1, null] });
    expect(readJson(at("f"))).toEqual({ version: 1, a: ["\u2028", 1, null] });
    expect(modeOf(at("f"))).toBe("600");
  });

  test.each([
    ["missing", () => {}],
    ["empty", () => writeFileSync(at("f"), "")],
    ["cut short", () => writeFileSync(at("f"), '{"a":')],
    ["a directory", () => mkdirSync(at("f"))],
    ["a FIFO", () => execFileSync("mkfifo", [at("f")])],
  ])("is undefined where the file is %s", (_, make) => {
    make();
    expect(readJson(at("f"))).toBeUndefined();
  });
});
