// One long-lived STS client of the SDK for JavaScript v2; one line of JSON per GetCallerIdentity.
// This SDK takes the profile of a web identity from AWS_PROFILE alone, and reads it while it loads.
if (process.env.CLIENT_PROFILE) {
  process.env.AWS_PROFILE = process.env.CLIENT_PROFILE;
}
const { default: AWS } = await import("aws-sdk");
const { HttpsProxyAgent } = await import("https-proxy-agent");

if (process.env.HTTPS_PROXY) {
  // It reads no proxy variable either: its users pass an agent, which its inner STS clients inherit.
  AWS.config.update({ httpOptions: { agent: new HttpsProxyAgent(process.env.HTTPS_PROXY) } });
}
const client = new AWS.STS();

async function call() {
  let line;
  try {
    line = { arn: (await client.getCallerIdentity().promise()).Arn };
  } catch (error) {
    line = { error: `${error.code}: ${error.message}`.replace(/\s+/g, " ") };
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
