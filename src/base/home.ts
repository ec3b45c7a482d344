import { homedir } from "node:os";

/** Where the AWS CLI keeps sessions (awscli/customizations/assumerole.py). */
export function cliCache(): string {
  return `${home()}/.aws/cli/cache`;
}

/**
 * The folder that holds .aws. A user without HOME and without an entry in passwd, as containers have it, has
 * none: no file is found there.
 */
export function home(): string {
  try {
    return homedir();
  } catch {
    return "/nonexistent";
  }
}
