// npm run set-owner -- OWNER/NAME      the repository's real name, in every file that names it
// npm run set-version -- X.Y.Z         a new version, with its tag if the major version is new
// npm run set-pin -- HASH              the commit of the release, where a file shows the action by hash
import { repository } from "../harness/repository.ts";
import { namingFiles, setOwner, setPin, setVersion } from "./names.ts";

const [what, value = ""] = process.argv.slice(2);
const root = repository();

function change(): string[] {
  const files = namingFiles(root);
  if (what === "owner") return setOwner(root, files, value);
  if (what === "pin") return setPin(root, files, value);
  return setVersion(root, files, value, new Date().toISOString().slice(0, 10));
}

try {
  const changed = change();
  for (const file of changed) console.log(file);
  console.log(changed.length === 0 ? "Nothing to change." : "Now run: npm run build && npm run setup-page");
} catch (error) {
  console.error((error as Error).message);
  process.exitCode = 2;
}
