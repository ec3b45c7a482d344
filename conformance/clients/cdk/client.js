// A process of the CDK CLI (its path is the first argument) for every call. The CLI asks GetCallerIdentity for the account it hands to the app, and
// tells the account alone: the line has "account" in place of "arn".
import { execFile } from "node:child_process";
import { copyFileSync, mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";

const [cdk, mode] = process.argv.slice(2);
const profile = process.env.CLIENT_PROFILE;
// The CLI breaks an --app whose path has a space in it.
const scratch = mkdtempSync(`${tmpdir()}/cdk-client-`);
copyFileSync(new URL("app.js", import.meta.url), `${scratch}/app.mjs`);
const command = ["synth", "--quiet", "--no-notices", "-v", "--app", `node ${scratch}/app.mjs`, "--output", `${scratch}/out`, ...(profile ? ["--profile", profile] : [])];
const env = { ...process.env, CI: "true", CDK_DISABLE_VERSION_CHECK: "1", CDK_DISABLE_CLI_TELEMETRY: "true" };
let child;

process.on("exit", () => rmSync(scratch, { recursive: true, force: true }));

function call() {
  return new Promise((done) => {
    child = execFile(cdk, command, { timeout: 120_000, env }, (error, stdout, stderr) => {
      const text = `${stdout}\n${stderr}`;
      const account = /^default account (\d{12})$/m.exec(text)?.[1];
      const reason = /Unable to determine the default AWS account.*/.exec(text)?.[0] ?? error?.message ?? "no account";
      console.log(JSON.stringify({ t: Date.now(), ...(account ? { account } : { error: reason.replace(/\s+/g, " ") }) }));
      done(account !== undefined);
    });
  });
}

process.on("SIGTERM", () => {
  child?.kill();
  process.exit(0);
});
if (mode === "once") {
  process.exit((await call()) ? 0 : 1);
}
const end = performance.now() + 1000 * Number(process.env.CLIENT_SECONDS ?? Infinity);
while (performance.now() < end) {
  await call();
  await new Promise((wake) => setTimeout(wake, 1000));
}
process.exit();
