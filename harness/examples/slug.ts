/** OWNER/NAME of this repository, from the only place that says it: the repository in package.json. */
import { readFileSync } from "node:fs";
import path from "node:path";
import { repository } from "../repository.ts";

/** The repository on GitHub, such as octo-org/octo-repo. */
export function slug(root = repository()): string {
  const { repository: declared } = JSON.parse(readFileSync(path.join(root, "package.json"), "utf8")) as {
    repository: { url: string };
  };
  const [, found] = /^git\+https:\/\/github\.com\/([\w.-]+\/[\w.-]+?)\.git$/.exec(declared.url) ?? [];
  if (found === undefined) throw new Error(`package.json: repository.url is ${declared.url}`);
  return found;
}
