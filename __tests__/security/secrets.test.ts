// No token and no key anywhere but in the token file, and the request token where the runner put it: logs
// with debug on, arguments and environments of processes, files of every kind, errors. (Every other test of
// whole jobs searches what its steps said, too: stage.ts.)
import { readdirSync, readFileSync } from "node:fs";
import path from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { afterAll, beforeAll, describe, expect, test } from "@jest/globals";
import type { GitHubFault, StsFault } from "../../harness/clouds/faults.ts";
import { Stage } from "../../harness/machine/stage.ts";
import { together } from "../../harness/machine/together.ts";
import { isTokenFile, readTree } from "../../harness/machine/tree.ts";
import { waitFor } from "../../harness/wait.ts";

function read(file: string): string {
  try {
    return readFileSync(file, "latin1");
  } catch {
    return "";
  }
}

/** Everything that any process of the machine can see of any other, again and again. */
class ProcessWatch {
  readonly argv = new Set<string>();
  /**
   * Environments of the job's processes: those that may hold the request token, which the runner gives to
   * each step, and the others.
   */
  readonly environments = { steps: new Set<string>(), keepers: new Set<string>() };
  readonly #timer: NodeJS.Timeout;

  constructor(temp: string) {
    this.#timer = setInterval(() => {
      for (const pid of readdirSync("/proc").filter((name) => /^\d+$/.test(name))) {
        const argv = read(`/proc/${pid}/cmdline`);
        this.argv.add(argv);
        const environment = read(`/proc/${pid}/environ`);
        if (!environment.includes(temp)) continue;
        const kind = /\/keeper\/index\.js/.test(argv) ? "keepers" : "steps";
        this.environments[kind].add(environment);
      }
    }, 10);
  }

  stop(): void {
    clearInterval(this.#timer);
  }
}

/** The content of every file under a folder but the token files and the checkout. */
function filesOf(folder: string): string {
  return Object.entries(readTree(folder))
    .filter(([name]) => !isTokenFile(name) && !name.includes("_actions"))
    .map(([name, content]) => `${name}\n${content}`)
    .join("\n");
}

describe("a job with refreshes, a failing endpoint and two audiences", () => {
  let stage: Stage;
  let watch: ProcessWatch;
  const files: string[] = [];
  const tokens = new Set<string>();

  beforeAll(async () => {
    stage = await Stage.start({ clouds: { idTokenSeconds: 2 } });
    const machine = path.dirname(path.dirname(stage.runner.temp));
    watch = new ProcessWatch(stage.runner.temp);
    stage.clouds.github.fault = ({ count }) => (count % 4 === 3 ? { status: 500, body: "no" } : undefined);
    const { job } = await stage.startJob({ environment: { RUNNER_DEBUG: "1" } });
    expect((await stage.use(job)).outcome).toBe("success");
    expect((await stage.use(job, { profile: "other", audience: "second.example" })).outcome).toBe("success");
    await waitFor("refreshes", 20_000, () => {
      files.push(filesOf(machine));
      for (const { secret } of stage.tokens()) tokens.add(read(secret));
      return tokens.size > 8 ? true : undefined;
    });
    files.push((await job.run("env; cat $AWS_CONFIG_FILE", { cwd: "/" })).log);
    const finished = job.finish();
    while (stage.keepers().length > 0) {
      files.push(filesOf(machine));
      await sleep(5);
    }
    await finished;
    files.push(filesOf(machine));
    watch.stop();
  }, 60_000);
  afterAll(() => stage.close());

  test("this test can find a token where there is one", () => {
    expect(stage.findSecrets([...tokens].join("\n")).length).toBeGreaterThan(5);
    expect(stage.findSecrets([...watch.environments.steps].join("\n"))).toEqual([
      expect.stringMatching(/^request token/),
    ]);
  });

  test("none in the arguments of any process", () => {
    expect([...watch.argv].some((argv) => argv.includes("/keeper/index.js"))).toBe(true);
    expect(stage.findSecrets([...watch.argv].join("\n"))).toEqual([]);
  });

  test("none in the environment of a keeper, not even the request token", () => {
    expect(watch.environments.keepers.size).toBeGreaterThan(0);
    const keepers = [...watch.environments.keepers].join("\0");
    expect(stage.findSecrets(keepers)).toEqual([]);
    expect(keepers).not.toMatch(/(^|\0)(ACTIONS_|AWS_|INPUT_|STATE_|GITHUB_|NODE_OPTIONS)/);
  });

  test("none in any file: config, records, status, state, outputs, environment, summary", () => {
    const everything = files.join("\n");
    expect(everything).toMatch(/"refreshes":/);
    expect(everything).toMatch(/"outages":\[\{"from"/);
    expect(stage.findSecrets(everything)).toEqual([]);
    // Nor keys: those of the trial are dropped, and SDKs of later steps keep theirs to themselves.
    expect(everything).not.toMatch(/\bA[KS]IA[A-Z2-7]{16}\b/);
  });
});

describe("what goes wrong says nothing secret either", () => {
  const now = Date.now() / 1000;
  const claims = { iss: "https://issuer.example", aud: "sts.amazonaws.com", iat: now, exp: now + 300 };
  const token = ['{"alg":"RS256"}', JSON.stringify(claims), "a signature that nobody would guess"]
    .map((part) => Buffer.from(part).toString("base64url"))
    .join(".");
  const signature = token.slice(token.lastIndexOf(".") + 1);

  interface Case {
    name: string;
    github?: GitHubFault;
    sts?: StsFault;
    says: RegExp;
  }
  const CASES: Case[] = [
    {
      name: "STS repeats the ID token in its error",
      github: { value: token },
      sts: { error: "InvalidIdentityToken", message: `The token ${token} is not good` },
      says: /InvalidIdentityToken/,
    },
    {
      name: "STS refuses, and the error is explained with the claims",
      sts: { error: "AccessDenied" },
      says: /repo:octo-org\/octo-repo:ref:refs\/heads\/main/,
    },
    {
      name: "a token in JSON cut short",
      github: { status: 200, body: `{"value":"${token}"` },
      says: /not JSON/,
    },
    {
      name: "a token in a refusal",
      github: { status: 400, body: token, headers: { "x-token": token } },
      says: /400/,
    },
    { name: "a token in a redirect", github: { redirect: `http://127.0.0.1:1/${token}` }, says: /302/ },
  ];

  let outcome: (one: Case) => ReturnType<typeof fail>;
  beforeAll(() => {
    outcome = together(CASES, fail);
  });

  /** Main fails on a machine of its own. */
  async function fail({ github, sts }: Case) {
    const stage = await Stage.start();
    stage.clouds.github.fault = () => github;
    stage.clouds.sts.fault = () => sts;
    const { job } = await stage.startJob({ environment: { RUNNER_DEBUG: "1" } });
    const main = await stage.use(job);
    await job.finish();
    await stage.close();
    return main;
  }

  test.each(CASES)("$name", async (one) => {
    const { outcome: end, stdout, stderr, log } = await outcome(one);
    expect(end).toBe("failure");
    expect(log).toMatch(one.says);
    const told = stdout.split("\n").filter((line) => !line.startsWith("::add-mask::"));
    expect(`${told.join("\n")}${stderr}`.includes(signature)).toBe(false);
  });
});
