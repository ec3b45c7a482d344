// One long-lived STS client of the SDK for JavaScript v3; one line of JSON per GetCallerIdentity.
import { GetCallerIdentityCommand, STSClient } from "@aws-sdk/client-sts";
import { fromIni } from "@aws-sdk/credential-providers";
import { NodeHttpHandler } from "@smithy/node-http-handler";
import { HttpsProxyAgent } from "https-proxy-agent";

const profile = process.env.CLIENT_PROFILE;
const proxy = process.env.HTTPS_PROXY;
const settings = {
  ...(profile ? { profile } : {}),
  // This SDK reads no proxy variable: its users pass an agent, which its inner STS clients inherit.
  ...(proxy ? { requestHandler: new NodeHttpHandler({ httpsAgent: new HttpsProxyAgent(proxy) }) } : {}),
};
const client = new STSClient({ ...settings, ...(process.env.CLIENT_PROVIDER === "fromIni" ? { credentials: fromIni(settings) } : {}) });

async function call() {
  let line;
  try {
    line = { arn: (await client.send(new GetCallerIdentityCommand({}))).Arn };
  } catch (error) {
    line = { error: `${error.name}: ${error.message || error.errors?.[0]?.message}`.replace(/\s+/g, " ") };
  }
  console.log(JSON.stringify({ t: Date.now(), ...line }));
  return "arn" in line;
}

if (process.argv[2] === "once") {
  process.exit((await call()) ? 0 : 1);
}
const end = performance.now() + 1000 * Number(process.env.CLIENT_SECONDS ?? Infinity);
while (performance.now() < end) {
  await call();
  await new Promise((wake) => setTimeout(wake, 1000));
}
process.exit();
