// Tells its environment, less what is secret in it, and stays until the suite has looked around in it.
import { existsSync, renameSync, writeFileSync } from "node:fs";

const directory = process.env.PROBE_DIRECTORY;
const environment = Object.entries(process.env).filter(
  ([name]) => !/^(ACTIONS|INPUT|STATE|PROBE)_/.test(name),
);
writeFileSync(`${directory}/environment.partial`, JSON.stringify(Object.fromEntries(environment)));
renameSync(`${directory}/environment.partial`, `${directory}/environment.json`);
const end = Date.now() + 300_000;
while (!existsSync(`${directory}/go`) && Date.now() < end) {
  await new Promise((wake) => setTimeout(wake, 50));
}
