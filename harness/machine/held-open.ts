/** Windows' refusal to touch a file that another program has open, for code that runs on another system. */
import { execFileSync } from "node:child_process";
import path from "node:path";
import { pathToFileURL } from "node:url";
import { repository } from "../repository.ts";

export interface HeldOpen {
  /** The end of the path of the file that a program has open. */
  file: string;
  /** How many times renameSync and unlinkSync are refused. */
  times: number;
  /** What libuv makes of ERROR_ACCESS_DENIED or ERROR_SHARING_VIOLATION. */
  code: "EPERM" | "EACCES" | "EBUSY";
  /** process.platform. Default: win32. */
  platform?: NodeJS.Platform;
}

/**
 * Runs `body`, the inside of an async function, in a process that looks like Windows to `src/`. `load` in it
 * imports a file of src/ as it was compiled. What the body returns comes back as JSON, with how many times an
 * operation was refused.
 */
export function withHeldOpen<T>(held: HeldOpen, body: string): { result: T; refused: number } {
  const script = `
    import { createRequire, syncBuiltinESMExports } from "node:module";
    const fs = createRequire("/")("node:fs");
    const { file, times, code, platform = "win32" } = ${JSON.stringify(held)};
    let refused = 0;
    for (const name of ["renameSync", "unlinkSync"]) {
      const original = fs[name];
      fs[name] = (...paths) => {
        if (refused < times && paths.at(-1).replaceAll("\\\\", "/").endsWith(file)) {
          refused += 1;
          throw Object.assign(new Error(code + ": " + name), { code, path: paths[0] });
        }
        return original(...paths);
      };
    }
    syncBuiltinESMExports();
    Object.defineProperty(process, "platform", { value: platform });
    const load = (module) => import(${JSON.stringify(pathToFileURL(path.join(repository(), "lib", "src")).href)} + "/" + module);
    const run = async () => { ${body} };
    const result = await run();
    console.log(JSON.stringify({ result, refused }));`;
  const options = { encoding: "utf8", timeout: 60_000 } as const;
  return JSON.parse(execFileSync(process.execPath, ["--input-type=module", "-e", script], options));
}
