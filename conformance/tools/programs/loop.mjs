// One long-lived client of the AWS SDK for JavaScript: one line of JSON for each turn. s3: write, read and list an object.
// sts: GetCallerIdentity. usage: loop.mjs s3|sts SECONDS INTERVAL; BUCKET names the bucket, PREFIX the folder in it. TOOLS_JS is
// the folder with the SDK.
import { createHash } from "node:crypto";
import { createRequire } from "node:module";
import { setTimeout as sleep } from "node:timers/promises";

const require = createRequire(`${process.env.TOOLS_JS}/`);
const { BUCKET: Bucket, PREFIX } = process.env;
const [service, ...numbers] = process.argv.slice(2);
const [seconds, interval] = numbers.map(Number);

function s3() {
  const {
    S3Client,
    PutObjectCommand,
    GetObjectCommand,
    ListObjectsV2Command,
  } = require("@aws-sdk/client-s3");
  const client = new S3Client({});
  return async (count) => {
    const Key = `${PREFIX}/${count}`;
    await client.send(new PutObjectCommand({ Bucket, Key, Body: String(count) }));
    const { Body } = await client.send(new GetObjectCommand({ Bucket, Key }));
    if ((await Body.transformToString()) !== String(count)) throw new Error("read something else");
    const { KeyCount } = await client.send(new ListObjectsV2Command({ Bucket, Prefix: Key }));
    if (KeyCount !== 1) throw new Error(`listed ${KeyCount}`);
    // Which session it was, and nothing that anybody could use.
    const { accessKeyId } = await client.config.credentials();
    return { session: createHash("sha256").update(accessKeyId).digest("hex").slice(0, 8) };
  };
}

function sts() {
  const { STSClient, GetCallerIdentityCommand } = require("@aws-sdk/client-sts");
  const client = new STSClient({});
  return async () => ({ session: (await client.send(new GetCallerIdentityCommand({}))).Arn });
}

const turn = { s3, sts }[service]();
const end = Date.now() + seconds * 1000;
for (let count = 1; Date.now() < end; count++) {
  const start = Date.now();
  let line = { t: start };
  try {
    line = { ...line, ok: true, ...(await turn(count)) };
  } catch (error) {
    line.error = `${error.name}: ${error.message}`.slice(0, 400);
  }
  console.log(JSON.stringify(line));
  await sleep(Math.max(0, interval * 1000 - (Date.now() - start)));
}
console.log(JSON.stringify({ t: Date.now(), done: true }));
