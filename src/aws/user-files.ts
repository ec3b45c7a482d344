import { homedir } from "node:os";

/**
 * The folder that holds .aws. A user without HOME and without an entry in passwd, which is common in
 * containers, gets a folder that does not exist: variables that name a file need some path, because an empty
 * one breaks SDKs.
 */
export function home(): string {
  try {
    return homedir();
  } catch {
    return "/nonexistent";
  }
}

/** Where SDKs look for the user's files unless these variables name others. */
export function defaultFiles(folder = home()): Record<FileVariable, string> {
  return {
    AWS_CONFIG_FILE: `${folder}/.aws/config`,
    AWS_SHARED_CREDENTIALS_FILE: `${folder}/.aws/credentials`,
  };
}

export type FileVariable = "AWS_CONFIG_FILE" | "AWS_SHARED_CREDENTIALS_FILE";

/** Where the AWS CLI keeps sessions (awscli/customizations/assumerole.py). */
export function cliCache(): string {
  return `${home()}/.aws/cli/cache`;
}
