import { createHash } from "node:crypto";
import * as fs from "node:fs";
import { readJson } from "../base/files.ts";

/**
 * Deletes sessions that the AWS CLI caches on disk (~/.aws/cli/cache/*.json, by role and session name, not by
 * token). They would work for up to an hour after the job, and the CLI would use them in the next job on the
 * machine. They are found by their ARN, and by their file's name for servers that return no ARN (MinIO). The
 * name alone is not enough: the CLI may change how it builds it (aws/aws-cli#10670). Returns how many it
 * deleted: 0 if the cache cannot be read.
 * @param isOurs decides about others, by ARN (arn:aws:sts::ACCOUNT:assumed-role/NAME/SESSION) and writing
 * time
 */
export function deleteCachedSessions(
  directory: string,
  roleArn: string,
  sessionName: string,
  isOurs: (assumedRoleArn: string, writtenAt: number) => boolean = () => false,
): number {
  const ownName = cacheName(roleArn, sessionName);
  const role = parseRole(roleArn)?.role;
  let deleted = 0;
  for (const name of namesIn(directory)) {
    const path = `${directory}/${name}`;
    try {
      if (name !== ownName) {
        const arn = readJson<{ AssumedRoleUser?: { Arn?: unknown } }>(path)?.AssumedRoleUser?.Arn;
        if (typeof arn !== "string") continue;
        const found = parseRole(arn);
        const isOwn = found?.session === sessionName && found.role === role;
        if (!isOwn && !isOurs(arn, fs.statSync(path).mtimeMs)) continue;
      }
      fs.rmSync(path);
      deleted += 1;
    } catch {
      // Another process deleted it, or another user owns it.
    }
  }
  return deleted;
}

function namesIn(directory: string): string[] {
  try {
    return fs.readdirSync(directory).filter((name) => name.endsWith(".json"));
  } catch {
    return [];
  }
}

/**
 * The file of a web identity session: SHA-1 of what the CLI sends besides the token, as Python's json.dumps
 * writes it (botocore/credentials.py, CachedCredentialFetcher). Both values are ASCII without quotes.
 */
function cacheName(roleArn: string, sessionName: string): string {
  const request = `{"RoleArn": "${roleArn}", "RoleSessionName": "${sessionName}"}`;
  return `${createHash("sha1").update(request).digest("hex")}.json`;
}

/**
 * What the ARNs of a role and of its sessions have in common ("partition:account:name"), and the session's
 * name: undefined for the ARN of a role. Undefined for anything else.
 */
export function parseRole(arn: string): { role: string; session: string | undefined } | undefined {
  const assumed = /^arn:([\w-]+):sts::(\d*):assumed-role\/([^/]+)\/(.+)$/.exec(arn);
  if (assumed) return { role: `${assumed[1]}:${assumed[2]}:${assumed[3]}`, session: assumed[4] };
  const role = /^arn:([\w-]+):iam::(\d*):role\/(?:.*\/)?([^/]+)$/.exec(arn);
  return role ? { role: `${role[1]}:${role[2]}:${role[3]}`, session: undefined } : undefined;
}
