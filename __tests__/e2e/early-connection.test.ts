// Main opens its connection to STS while GitHub answers.
import { afterEach, expect, test } from "@jest/globals";
import { type Distance, startDistance } from "../../harness/clouds/distance.ts";
import { RawServer } from "../../harness/machine/raw-server.ts";
import { ACTION, finishClean, type Scene, startJob, startScene, until, WITH, worked } from "./setup.ts";

const relays: Distance[] = [];
afterEach(async () => {
  for (const relay of relays.splice(0)) await relay.close();
});

/** A job of which STS is reached over TLS, through a relay that counts connections. */
async function startAtDistance(): Promise<{ scene: Scene; relay: Distance; inputs: Record<string, string> }> {
  const begun = await startScene({ tls: true, stsInEnvironment: false });
  await begun.job.finish();
  const { github, sts, tls } = begun.clouds;
  const relay = await startDistance(sts.ports.tls ?? 0, 20);
  relays.push(relay);
  // GitHub in plain HTTP: its real name is known to the proxy alone.
  const url = new URL(begun.cloudJob.environment.ACTIONS_ID_TOKEN_REQUEST_URL ?? "");
  const environment = {
    ACTIONS_ID_TOKEN_REQUEST_URL: `http://127.0.0.1:${github.ports.plain}${url.pathname}${url.search}`,
    NODE_EXTRA_CA_CERTS: tls?.caFile ?? "",
    NODE_NO_WARNINGS: "",
  };
  const scene = { ...begun, job: await startJob(begun, { environment }, false) };
  return { scene, relay, inputs: { ...WITH, "sts-endpoint": `https://localhost:${relay.port}` } };
}

test("the exchange uses the connection that was open before", async () => {
  const { scene, relay, inputs } = await startAtDistance();
  const { github, sts } = scene.clouds;
  let openAtToken = 0;
  github.latencyMs = 1_500;
  const using = scene.job.use(ACTION, { with: inputs });
  await until("the request for a token", () => github.requests.length > 0);
  await until("the connection", () => relay.open === 1);
  openAtToken = sts.requests.length;
  worked(await using);
  expect([openAtToken, relay.taken, sts.requests.length]).toEqual([0, 1, 1]);
  expect(relay.open).toBe(0);
  await finishClean(scene);
});

test("if GitHub refuses, it is closed without a request", async () => {
  const { scene, relay, inputs } = await startAtDistance();
  const { github, sts } = scene.clouds;
  github.fault = () => "other-audience";
  const use = await scene.job.use(ACTION, { with: inputs });
  expect(use.outcome).toBe("failure");
  expect([sts.requests.length, relay.open]).toEqual([0, 0]);
  await finishClean(scene);
});

test("a server that is known by its address alone is asked for no name", async () => {
  const { scene, relay, inputs } = await startAtDistance();
  const use = await scene.job.use(ACTION, {
    with: { ...inputs, "sts-endpoint": `https://127.0.0.1:${relay.port}` },
  });
  // Its certificate is for the name. Node.js warns of an address in the place of one.
  expect(use.outcome).toBe("failure");
  expect(use.stderr).not.toContain("ServerName");
  expect(use.log).toContain("certificate");
  await finishClean(scene);
});

test("a server that never answers the handshake: main ends by its own deadlines", async () => {
  const { scene } = await startAtDistance();
  const silent = await RawServer.start(() => {});
  try {
    const inputs = { ...WITH, "sts-endpoint": `https://localhost:${silent.port}` };
    const use = await scene.job.use(ACTION, { with: inputs });
    expect(use.outcome).toBe("failure");
    expect(use.log).toContain(`localhost:${silent.port} cannot be reached`);
    await finishClean(scene);
  } finally {
    silent.close();
  }
}, 180_000);
