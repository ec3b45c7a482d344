// npm run set-owner -- OWNER/NAME      the repository's real name, in every file that names it
// npm run set-version -- X.Y.Z         a new version, with its tag if the major version is new
import { repository } from "../harness/repository.ts";
import { namingFiles, setOwner, setVersion } from "./names.ts";

const [what, value = ""] = process.argv.slice(2);
const root = repository();
try {
  const today = new Date().toISOString().slice(0, 10);
  const files = namingFiles(root);
  const changed = what === "owner" ? setOwner(root, files, value) : setVersion(root, files, value, today);
  for (const file of changed) console.log(file);
  console.log(changed.length === 0 ? "Nothing to change." : "Now run: npm run build && npm run setup-page");
} catch (error) {
  console.error((error as Error).message);
  process.exitCode = 2;
}
