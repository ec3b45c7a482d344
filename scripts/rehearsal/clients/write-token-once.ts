/**
 * What every action with a web identity token file does today: the ID token written once, the SDKs pointed at
 * it. Takes the role's ARN.
 */
import { appendFile, writeFile } from "node:fs/promises";
import path from "node:path";
import { requestIdToken } from "./id-token.ts";

const file = path.join(process.env.RUNNER_TEMP as string, "web-identity-token");
await writeFile(file, await requestIdToken("sts.amazonaws.com"), { mode: 0o600 });
const variables = {
  AWS_ROLE_ARN: process.argv[2],
  AWS_ROLE_SESSION_NAME: "token-written-once",
  AWS_WEB_IDENTITY_TOKEN_FILE: file,
};
for (const [name, value] of Object.entries(variables))
  await appendFile(process.env.GITHUB_ENV as string, `${name}=${value}\n`);
