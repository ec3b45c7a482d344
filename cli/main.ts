#!/usr/bin/env node
// The command line of this repository: npx github:org/aws-role-refresh SUBCOMMAND. It runs on a developer's
// machine or in CI, and is no part of the action. dist/cli is its bundle, so that npx needs no build.
import { run as migrate } from "./migrate.ts";
import { run as trustPolicy } from "./trust-policy.ts";

/** Takes the arguments after the subcommand, and resolves to the exit code. */
type Subcommand = (args: string[]) => Promise<number>;

const SUBCOMMANDS: Record<string, Subcommand> = { migrate, "trust-policy": trustPolicy };

const [name = "", ...args] = process.argv.slice(2);
const subcommand = Object.hasOwn(SUBCOMMANDS, name) ? SUBCOMMANDS[name] : undefined;
if (subcommand) {
  process.exitCode = await subcommand(args);
} else {
  const usage = `Usage: aws-role-refresh ${Object.keys(SUBCOMMANDS).join("|")} … (--help after each explains it)`;
  if (name === "--help") console.log(usage);
  else console.error(usage);
  process.exitCode = name === "--help" ? 0 : 2;
}
