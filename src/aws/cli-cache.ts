import * as fs from "node:fs";
import { readJson } from "../base/files.ts";

/**
 * Deletes sessions that the AWS CLI keeps on disk (~/.aws/cli/cache/*.json, by role and session name, not by
 * token): for up to an hour they would work after the job, and the next job on the machine would be handed
 * them. Found by what they hold, since their names are hashes whose recipe changes (aws/aws-cli#10670).
 * Returns how many; a cache that cannot be read has none.
 * @param isOurs decides by the ARN of the session, arn:aws:sts::ACCOUNT:assumed-role/NAME/SESSION, and when
 * the file was written
 */
export function deleteCachedSessions(
  directory: string,
  isOurs: (assumedRoleArn: string, writtenAt: number) => boolean,
): number {
  let names: string[];
  try {
    names = fs.readdirSync(directory).filter((name) => name.endsWith(".json"));
  } catch {
    return 0;
  }
  let deleted = 0;
  for (const name of names) {
    const path = `${directory}/${name}`;
    try {
      const arn = readJson<{ AssumedRoleUser?: { Arn?: unknown } }>(path)?.AssumedRoleUser?.Arn;
      if (typeof arn !== "string" || !isOurs(arn, fs.statSync(path).mtimeMs)) continue;
      fs.rmSync(path);
      deleted += 1;
    } catch {
      // Gone by another's hand, or another user's: neither is ours to delete.
    }
  }
  return deleted;
}

/** Whether a cached session is of a role (arn:aws:iam::ACCOUNT:role/PATH/NAME) and has a session name. */
export function isSessionOf(assumedRoleArn: string, roleArn: string, sessionName: string): boolean {
  const cached = parseRole(assumedRoleArn);
  return cached !== undefined && cached.role === parseRole(roleArn)?.role && cached.session === sessionName;
}

/**
 * Account, name and session of an assumed role, or of a role (without a session), for comparison; undefined
 * for anything else.
 */
export function parseRole(arn: string): { role: string; session: string } | undefined {
  const assumed = /^arn:([\w-]+):sts::(\d*):assumed-role\/([^/]+)\/(.+)$/.exec(arn);
  if (assumed) return { role: `${assumed[1]}:${assumed[2]}:${assumed[3]}`, session: assumed[4] ?? "" };
  const role = /^arn:([\w-]+):iam::(\d*):role\/(?:.*\/)?([^/]+)$/.exec(arn);
  return role ? { role: `${role[1]}:${role[2]}:${role[3]}`, session: "" } : undefined;
}
