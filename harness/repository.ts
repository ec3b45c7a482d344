/** The root of the repository, for what runs from its source and for what runs from lib/. */
import { existsSync } from "node:fs";
import path from "node:path";

export function repository(): string {
  let directory = import.meta.dirname;
  while (!existsSync(path.join(directory, "action.yml"))) directory = path.dirname(directory);
  return directory;
}
