// Through the real host names: TLS with an authority of one's own, and a proxy that tunnels.
import { copyFileSync } from "node:fs";
import path from "node:path";
import { describe, expect, test } from "@jest/globals";
import { trustGitHub } from "../../harness/clouds/trust.ts";
import { unless } from "../../harness/machine/means.ts";
import {
  ACCOUNT,
  ACTION,
  finishClean,
  ROLE,
  type Scene,
  type SceneOptions,
  startJob,
  startScene,
  WITH,
  worked,
} from "../e2e/setup.ts";
import { failingUse, finishQuietly, NODE_KNOWS_PROXIES } from "./failing.ts";

const GITHUB = "run-actions-1-azure-eastus.actions.githubusercontent.com";
const STS = "sts.eu-west-1.amazonaws.com";

/** A job that reaches both clouds by the proxy alone, with `environment` over what it needs for that. */
async function startBehindProxy(
  environment: (tls: NonNullable<Scene["clouds"]["tls"]>) => Record<string, string>,
  options: SceneOptions = {},
): Promise<Scene> {
  const scene = await startScene({ ...options, tls: true, stsInEnvironment: false });
  await scene.job.finish();
  const { tls } = scene.clouds;
  if (tls === undefined) throw new Error("no TLS");
  const proxy = { HTTPS_PROXY: tls.proxyUrl, NODE_EXTRA_CA_CERTS: tls.caFile };
  return { ...scene, job: await startJob(scene, { environment: { ...proxy, ...environment(tls) } }, false) };
}

const WHY = unless(NODE_KNOWS_PROXIES, "needs a Node that reads proxy variables");
(NODE_KNOWS_PROXIES ? describe : describe.skip)(`behind a proxy that tunnels${WHY}`, () => {
  test("with its authority known, all of it works", async () => {
    const scene = await startBehindProxy(() => ({}));
    const use = worked(await scene.job.use(ACTION, { with: WITH }));
    expect([use.annotations, use.stderr]).toEqual([[], ""]);
    expect(scene.clouds.tls?.proxyRequests.map(({ method, host, status }) => [method, host, status])).toEqual(
      [
        ["CONNECT", GITHUB, 200],
        ["CONNECT", STS, 200],
      ],
    );
    await finishClean(scene);
  });

  test.each([
    ["which one, and how to add it", {}],
    ["although the job switches verification off", { NODE_TLS_REJECT_UNAUTHORIZED: "0" }],
  ])("the ID token endpoint's authority is unknown: %s", async (_, environment) => {
    const scene = await startBehindProxy(() => ({ NODE_EXTRA_CA_CERTS: "", ...environment }));
    const { main, title, anchor, stsCalls } = await failingUse(scene);
    expect(title).toMatch(new RegExp(`^The certificate of ${GITHUB} cannot be verified: [A-Z_]+$`));
    expect([anchor, stsCalls]).toEqual(["id-token-tls", 0]);
    expect(main.log).toContain(`(through the proxy "http://127.0.0.1:`);
    expect(main.log).toContain("NODE_EXTRA_CA_CERTS for actions, AWS_CA_BUNDLE for later AWS steps.");
    expect(main.log).toContain(`Check: openssl s_client -connect ${GITHUB}:443 -servername ${GITHUB} `);
    await finishQuietly(scene);
  });

  test.each([
    ["which one", {}],
    ["although the job switches verification off", { NODE_TLS_REJECT_UNAUTHORIZED: "0" }],
  ])("STS's authority is unknown: %s", async (_, environment) => {
    // GitHub is reached past the proxy in plain HTTP, so that only STS needs the certificate.
    const scene = await startBehindProxy(() => ({ NODE_EXTRA_CA_CERTS: "" }));
    await finishQuietly(scene);
    const { pathname, search } = new URL(scene.cloudJob.environment.ACTIONS_ID_TOKEN_REQUEST_URL);
    const plain = { ACTIONS_ID_TOKEN_REQUEST_URL: `${scene.clouds.github.url}${pathname}${search}` };
    const job = await startJob(
      scene,
      { environment: { HTTPS_PROXY: scene.clouds.tls?.proxyUrl ?? "", ...plain, ...environment } },
      false,
    );
    const half = { ...scene, job };
    const { main, title, anchor, stsCalls } = await failingUse(half);
    expect(title).toMatch(new RegExp(`^The certificate of ${STS} cannot be verified: [A-Z_]+$`));
    expect([anchor, stsCalls]).toEqual(["sts-tls", 0]);
    expect(main.log).toContain("NODE_EXTRA_CA_CERTS");
    await finishQuietly(half);
  });

  test("a relative NODE_EXTRA_CA_CERTS: for the keeper, too, which works in another folder", async () => {
    const scene = await startBehindProxy(() => ({ NODE_EXTRA_CA_CERTS: "ca.pem" }));
    copyFileSync(scene.clouds.tls?.caFile ?? "", path.join(scene.runner.workspace, "ca.pem"));
    worked(await scene.job.use(ACTION, { with: WITH }));
    await finishClean(scene);
  });

  test("a host that the proxy does not allow", async () => {
    const scene = await startBehindProxy(() => ({}));
    const { main, title, anchor } = await failingUse(scene, {
      with: { "sts-endpoint": "https://sts.example.com" },
    });
    expect([title, anchor]).toEqual([
      "The proxy refused to connect this runner to sts.example.com",
      "proxy-refused",
    ]);
    expect(main.log).toContain("403 Forbidden");
    expect(main.log).toContain("Fix: allow sts.example.com:443 in the proxy");
    await finishQuietly(scene);
  });

  test("a proxy that wants a password: refused at once, the password is not shown", async () => {
    const scene = await startBehindProxy(
      (tls) => ({ HTTPS_PROXY: tls.proxyUrl.replace(/\/\/.*@/, "//runner:not-the-password@") }),
      { proxyPassword: true },
    );
    const { main, anchor, stsCalls } = await failingUse(scene);
    expect([anchor, stsCalls]).toEqual(["proxy-refused", 0]);
    expect(main.log).toContain("407 Proxy Authentication Required");
    expect(main.log).toContain("put a valid user and password in the URL in HTTPS_PROXY");
    expect(main.stdout).not.toContain("not-the-password");
    await finishQuietly(scene);
  });

  test.each(["HTTPS_PROXY", "http_proxy"])(
    "a URL in %s that Node cannot read: refused before anything, and not shown",
    async (name) => {
      const scene = await startBehindProxy(() => ({
        [name]: "http://runner:not the password@proxy.example.com:port",
      }));
      const { main, title, anchor, stsCalls } = await failingUse(scene);
      expect([title.split(". ")[0], anchor, stsCalls]).toEqual([
        `${name} does not hold a URL that Node.js can parse`,
        "proxy-cannot-be-used",
        0,
      ]);
      expect(scene.clouds.github.requests).toEqual([]);
      expect(main.stdout + main.stderr).not.toContain("not the password");
      await finishQuietly(scene);
    },
  );

  test("a refusal of STS names the host that a user knows", async () => {
    const scene = await startBehindProxy(() => ({}));
    scene.clouds.sts.addRole({ arn: ROLE, trust: trustGitHub(ACCOUNT, "repo:octo-org/other:*") });
    const { main, anchor, stsCalls } = await failingUse(scene);
    expect([anchor, stsCalls]).toEqual(["access-denied", 1]);
    expect(main.log).toContain(
      `${STS}: AccessDenied (HTTP 403, 1 attempt): Not authorized to perform sts:AssumeRoleWithWebIdentity`,
    );
    await finishQuietly(scene);
  });
});
