// Whatever stands in an input, in the environment or in a claim (a branch's name, say): the log of main and
// post holds no workflow command but their own. The runner takes "::name::" at the start of a line and
// "##[name]" anywhere in it for one (actions/runner, ActionCommand.cs, TryParseV2 and TryParse).
import { afterAll, beforeAll, describe, expect, test } from "@jest/globals";
import fc from "fast-check";
import { Stage } from "../../harness/machine/stage.ts";
import { repository } from "../../harness/repository.ts";
import { readActionManifest } from "../../harness/runner/action-manifest.ts";

/** Machines at work at once. */
const MACHINES = 3;
const OWN = ["add-mask", "debug", "error", "warning", "notice", "group", "endgroup"];

const stages: Stage[] = [];
beforeAll(async () => {
  for (let i = 0; i < MACHINES; i++) stages.push(await Stage.start());
});
afterAll(async () => {
  for (const stage of stages) await stage.close();
});

/** The names of the commands in what a process printed, as the runner finds them. */
function commands(printed: string): string[] {
  return printed.split(/\r\n|\r|\n/).flatMap((line) => {
    const second = /^\s*::([^\s:]+)(?:\s[^:]*)?::/.exec(line)?.[1];
    const first = /##\[([^\s\]]+)/.exec(line)?.[1];
    return [second, second === undefined ? first : undefined].filter((name) => name !== undefined);
  });
}

const COMMAND = fc.constantFrom(
  "::add-path::/evil",
  "::set-env name=PATH::/evil",
  "##[add-path]/evil",
  "##[set-env name=PATH;]/evil",
  "::stop-commands::x",
  "%0A::add-path::/evil",
);
const BREAK = fc.constantFrom(
  "\n",
  "\r",
  "\r\n",
  "\u2028",
  "\u0085",
  "\v",
  "\f",
  "%0A",
  "%0D",
  "\\n",
  " ",
  "",
);
const evil = fc
  .tuple(
    fc.constantFrom("x", "", "arn:aws:iam::111122223333:role/x", "eu-west-1"),
    BREAK,
    COMMAND,
    BREAK,
    fc.constantFrom("", "y"),
  )
  .map((parts) => parts.join(""));

/**
 * Runs `use` for each of the samples, as many at once as there are machines. All end before one fails: their
 * stages are closed next.
 */
async function each<T>(samples: T[], use: (stage: Stage, sample: T) => Promise<void>): Promise<void> {
  const left = [...samples];
  const ends = await Promise.allSettled(
    stages.map(async (stage) => {
      for (let sample = left.shift(); sample !== undefined; sample = left.shift()) await use(stage, sample);
    }),
  );
  for (const end of ends) if (end.status === "rejected") throw end.reason;
}

function expectOwn(printed: string, where: unknown): void {
  expect({ where, foreign: commands(printed).filter((name) => !OWN.includes(name)) }).toEqual({
    where,
    foreign: [],
  });
}

test("this test knows a command when it sees one", () => {
  const printed =
    "x\n  ::Add-Path ::y\n::error::a%0A::add-path::y\nabc ##[set-env name=x;]y\r##[add-path]z\n";
  expect(commands(printed)).toEqual(["Add-Path", "error", "set-env", "add-path"]);
});

describe("in the log of main", () => {
  test("none from an input", async () => {
    const names = [...(await readActionManifest(repository())).inputs.keys()];
    const samples = fc.sample(fc.tuple(fc.constantFrom(...names), evil), { numRuns: 60, seed: 4 });
    await each(samples, async (stage, [name, value]) => {
      const { job } = await stage.startJob({ environment: { RUNNER_DEBUG: "1" } });
      const main = await stage.use(job, { [name]: value });
      expectOwn(main.stdout + main.stderr, { name, value });
      expectOwn((await job.finish()).posts[0]?.stdout ?? "", { name, value });
    });
  }, 120_000);

  test("none from the environment", async () => {
    const names = [
      "AWS_PROFILE",
      "AWS_ROLE_ARN",
      "AWS_ROLE_SESSION_NAME",
      "AWS_WEB_IDENTITY_TOKEN_FILE",
      "AWS_CONFIG_FILE",
      "HTTPS_PROXY",
    ];
    const samples = fc.sample(fc.tuple(fc.constantFrom(...names), evil), { numRuns: 30, seed: 5 });
    await each(samples, async (stage, [name, value]) => {
      const { job } = await stage.startJob({ environment: { RUNNER_DEBUG: "1", [name]: value } });
      const main = await stage.use(job);
      expectOwn(main.stdout + main.stderr, { name, value });
      expectOwn((await job.finish()).posts[0]?.stdout ?? "", { name, value });
    });
  }, 120_000);

  test("none from a claim of the ID token, when STS refuses and the refusal is explained", async () => {
    const samples = fc.sample(
      fc.tuple(fc.constantFrom("ref", "head_ref", "actor", "environment", "workflow", "sub"), evil),
      {
        numRuns: 30,
        seed: 6,
      },
    );
    await each(samples, async (stage, [claim, value]) => {
      stage.clouds.sts.fault = () => ({ error: "AccessDenied", message: `Not authorized ${value}` });
      const { job, cloudJob } = await stage.startJob({ environment: { RUNNER_DEBUG: "1" } });
      Object.assign(cloudJob.claims, { [claim]: value });
      const main = await stage.use(job);
      expect(main.outcome).toBe("failure");
      expectOwn(main.stdout + main.stderr, { claim, value });
      await job.finish();
      stage.clouds.sts.fault = undefined;
    });
  }, 120_000);
});
