/**
 * What configure-aws-credentials does by default: one session, its keys exported as environment variables.
 * Takes the role's ARN.
 */
import { appendFile } from "node:fs/promises";
import { AssumeRoleWithWebIdentityCommand, STSClient } from "@aws-sdk/client-sts";
import { requestIdToken } from "./id-token.ts";

const { Credentials } = await new STSClient({}).send(
  new AssumeRoleWithWebIdentityCommand({
    RoleArn: process.argv[2],
    RoleSessionName: "keys-exported-once",
    WebIdentityToken: await requestIdToken("sts.amazonaws.com"),
  }),
);
const variables = {
  AWS_ACCESS_KEY_ID: Credentials?.AccessKeyId,
  AWS_SECRET_ACCESS_KEY: Credentials?.SecretAccessKey,
  AWS_SESSION_TOKEN: Credentials?.SessionToken,
};
for (const [name, value] of Object.entries(variables)) {
  console.log(`::add-mask::${value}`);
  await appendFile(process.env.GITHUB_ENV as string, `${name}=${value}\n`);
}
