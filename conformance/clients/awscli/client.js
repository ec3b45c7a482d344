// A process of the AWS CLI (its path is the first argument) for every call; one line of JSON per GetCallerIdentity.
import { execFile } from "node:child_process";

const [aws, mode] = process.argv.slice(2);
const profile = process.env.CLIENT_PROFILE;
const command = ["sts", "get-caller-identity", "--output", "json", ...(profile ? ["--profile", profile] : [])];
let child;

function call() {
  return new Promise((done) => {
    child = execFile(aws, command, { timeout: 120_000 }, (error, stdout, stderr) => {
      const line = error
        ? { error: (stderr.trim() || error.message).replace(/\s+/g, " ") }
        : { arn: JSON.parse(stdout).Arn };
      console.log(JSON.stringify({ t: Date.now(), ...line }));
      done(!error);
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
