import { readFileSync } from "node:fs";
import path from "node:path";
import { expect, test } from "@jest/globals";
import { isTokenFile, readTree } from "../../harness/machine/tree.ts";
import type { StepResult } from "../../harness/runner/runner.ts";
import { ACTION, keepers, type Scene, startScene, until, WITH, whoAmI, worked } from "./setup.ts";

/** Anything that looks like a JWT, whole or without its signature, and AWS's keys. */
const TOKEN = /eyJ[\w-]{8,}\.[\w-]{8,}/g;
const KEY = /\b(?:ASIA|AKIA)[A-Z2-7]{16}\b/g;

/** Everything that a step printed or gave to the runner. */
function producedBy(step: StepResult): string {
  const { stdout, stderr, log, annotations, outputs, exportedEnvironment, state, summary } = step;
  // The one place for a token: main's word to the runner that it is a secret, which never reaches the log.
  const spoken = stdout
    .split("\n")
    .filter((line) => !line.startsWith("::add-mask::"))
    .join("\n");
  return [
    spoken,
    stderr,
    log,
    JSON.stringify([annotations, outputs, exportedEnvironment, state]),
    summary,
  ].join("\n");
}

function expectNoSecret(what: string, text: string, { clouds }: Scene): void {
  expect([what, text.match(TOKEN) ?? [], text.match(KEY) ?? []]).toEqual([what, [], []]);
  // Nor any that the clouds issued, in whatever surroundings.
  expect([what, clouds.github.findIssued(text), clouds.sts.findIssued(text)]).toEqual([what, [], []]);
}

test("no token and no key is in anything that a job with debug logging produces, but ::add-mask::", async () => {
  const scene = await startScene({
    idTokenSeconds: 4,
    job: { environment: { RUNNER_DEBUG: "1", ACTIONS_STEP_DEBUG: "true" } },
  });
  const { job, clouds, runner, root } = scene;
  const steps: StepResult[] = [];
  const seen: Record<string, string> = {};
  const keep = (step: StepResult): StepResult => {
    steps.push(step);
    return step;
  };

  keep(worked(await job.use(ACTION, { with: { ...WITH, summary: "always" } })));
  keep(worked(await job.use(ACTION, { with: { ...WITH, profile: "prod", audience: "sts.amazonaws.com" } })));
  // What may go wrong, each with its own words.
  keep(
    await job.use(ACTION, { with: { ...WITH, "role-to-assume": "arn:aws:iam::111122223333:role/nobody" } }),
  );
  const faults = ["html", "expired-token", { status: 200, body: "eyJ0aGlz.aXMtbm90LWEtdG9rZW4.x" }] as const;
  clouds.github.fault = ({ count }) => faults[count % faults.length];
  keep(await job.use(ACTION, { with: WITH }));
  clouds.github.fault = undefined;
  // A server that repeats what it was sent.
  clouds.sts.fault = () => ({ error: "AccessDenied", message: `no: ${readFileSync(tokenFile(), "utf8")}` });
  keep(await job.use(ACTION, { with: WITH }));
  clouds.sts.fault = () => "html";
  keep(await job.use(ACTION, { with: WITH }));
  clouds.sts.fault = undefined;
  await whoAmI(job);
  // The keeper fails for a while, so that it has something to write down.
  const { length } = clouds.github.requests;
  clouds.github.fault = () => ({ status: 401, body: "eyJ0aGlz.aXMtbm90LWEtdG9rZW4.x" });
  await until("the keeper to fail", () => clouds.github.requests.length >= length + 2);
  clouds.github.fault = undefined;
  const { length: failed } = clouds.github.requests;
  await until("the keeper to succeed", () => clouds.github.requests.length > failed);

  for (const { pid } of keepers(runner)) {
    seen[`environment of the keeper ${pid}`] = readFileSync(`/proc/${pid}/environ`, "latin1");
    seen[`command line of the keeper ${pid}`] = readFileSync(`/proc/${pid}/cmdline`, "latin1");
  }
  expect(Object.keys(seen)).not.toEqual([]);
  for (const [name, content] of Object.entries(readTree(root))) {
    // Here it belongs, and here alone.
    if (isTokenFile(name))
      expect(content).toMatch(name.endsWith("token") ? /^[\w-]+\.[\w-]+\.[\w-]+$/ : /^[\w.-]*$/);
    else seen[`file ${name}`] = content;
  }
  expect(Object.keys(seen)).toContain("file config");
  const variables = Object.entries(job.environment).filter(
    ([name]) => !name.startsWith("ACTIONS_ID_TOKEN_REQUEST_"),
  );
  seen["environment of later steps"] = JSON.stringify(variables);

  const result = await job.finish();
  for (const post of result.posts) keep(post);
  expect(result.posts.map(({ outcome }) => outcome)).toEqual(result.posts.map(() => "success"));
  for (const [name, content] of Object.entries(readTree(runner.home))) seen[`HOME/${name}`] = content;
  for (const step of steps)
    seen[`${step.name}, ${step.outcome}`] = (seen[`${step.name}, ${step.outcome}`] ?? "") + producedBy(step);
  for (const [what, text] of Object.entries(seen)) expectNoSecret(what, text, scene);

  // And the masks are there: the first token of each use, so that a step which prints it shows stars.
  const masked = steps.flatMap(({ stdout }) =>
    stdout.split("\n").filter((line) => line.startsWith("::add-mask::eyJ")),
  );
  expect(masked.length).toBeGreaterThanOrEqual(3);
  expect(job.masks.filter((mask) => mask.startsWith("eyJ")).length).toBeGreaterThanOrEqual(3);

  function tokenFile(): string {
    const id = Object.keys(readTree(path.join(root, "tokens"))).find((name) => name.endsWith("/token"));
    return path.join(root, "tokens", id ?? "");
  }
});

test("a step that prints the token of main shows stars", async () => {
  const { job } = await startScene();
  const use = worked(await job.use(ACTION, { with: WITH }));
  const step = await job.run(["cat", use.outputs["web-identity-token-file"] ?? ""]);
  expect(step.stdout).toMatch(/^eyJ/);
  expect(step.log).toBe("***\n");
});
