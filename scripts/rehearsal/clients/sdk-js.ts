/**
 * A long-lived client: the AWS SDK for JavaScript v3 with its default credential chain, one client object for
 * the life of the process. Calls GetCallerIdentity, or with BUCKET writes and reads an object; TOOLS_JS is then
 * the folder with the SDK's S3.
 */
import { createRequire } from "node:module";
import { GetCallerIdentityCommand, STSClient } from "@aws-sdk/client-sts";
import { callUntil, loopArguments } from "./call-loop.ts";

const { BUCKET, TOOLS_JS } = process.env;
const call = BUCKET === undefined ? identity() : object(BUCKET);

function identity(): () => Promise<unknown> {
  const client = new STSClient({});
  return () => client.send(new GetCallerIdentityCommand({}));
}

function object(Bucket: string): () => Promise<void> {
  const s3 = createRequire(`${TOOLS_JS}/`)("@aws-sdk/client-s3");
  const client = new s3.S3Client({});
  const Key = `js-${process.pid}`;
  return async () => {
    const Body = String(Date.now());
    await client.send(new s3.PutObjectCommand({ Bucket, Key, Body }));
    const got = await client.send(new s3.GetObjectCommand({ Bucket, Key }));
    if ((await got.Body.transformToString()) !== Body) throw new Error("read something else");
  };
}

await callUntil(...loopArguments(), async () => {
  try {
    await call();
    return undefined;
  } catch (error) {
    return (error as Error).name;
  }
});
