/** The rows of neighbours.ts: what each surrounding is, and what is expected in it. */
import { readFile } from "node:fs/promises";
import path from "node:path";
import { installDocker } from "../../harness/machine/docker.ts";
import { mustBe, type NeighbourRow, quote, type Scene, warnings, whoAmI } from "./neighbours.ts";

/** What a step makes of a command; for `docker run`: the folder of the program, and the output docker-args. */
type Wrap = (command: string, docker: { bin: string; args: string }) => string;

const asItIs = (command: string): string => command;
const inEnvI = (command: string): string =>
  `env -i PATH="$PATH" TOOLS_JS="$TOOLS_JS" sh -c ${quote(command)}`;
const inEnvIWithFiles = (command: string): string =>
  `env -i PATH="$PATH" TOOLS_JS="$TOOLS_JS" AWS_ENDPOINT_URL_STS="$AWS_ENDPOINT_URL_STS" AWS_CONFIG_FILE="$AWS_CONFIG_FILE" ` +
  `AWS_SHARED_CREDENTIALS_FILE="$AWS_SHARED_CREDENTIALS_FILE" AWS_REGION="$AWS_REGION" sh -c ${quote(command)}`;
const inOtherHome = (command: string): string => `HOME="$PWD" ${command}`;
const asNobody = (command: string): string =>
  `setpriv --reuid 65534 --regid 65534 --clear-groups sh -c ${quote(command)}`;
/** An image whose user is root, or a number. */
const inContainer =
  (image: string): Wrap =>
  (command, { bin, args }) =>
    `PATH=${quote(bin)}:"$PATH" docker run ${args} -e AWS_ENDPOINT_URL_STS -e TOOLS_JS ${image} sh -c ${quote(command)}`;

const SESSIONS = { "web identity": {}, "a shared session": { "shared-session": "true" } };

function surroundings(id: string, title: string, wrap: Wrap, wanted: string): NeighbourRow[] {
  return Object.entries(SESSIONS).map(([kind, inputs], index) => ({
    id: index === 0 ? id : `${id}-shared`,
    title: `${title}, with ${kind}`,
    needsRoot: true as const,
    run: async (scene) => {
      const { outputs } = await scene.ours("ours", inputs);
      const docker = { bin: path.join(scene.runner.home, "bin"), args: outputs["docker-args"] ?? "" };
      installDocker(docker.bin);
      await mustBe(scene, wanted, (command) => wrap(command, docker));
    },
  }));
}

export const NEIGHBOUR_ROWS: NeighbourRow[] = [
  {
    id: "peer-after",
    title: "configure-aws-credentials after this action: its keys win, and post reports it",
    needsPeer: true,
    run: async (scene) => {
      await scene.ours("ours");
      await scene.theirs("theirs");
      await mustBe(scene, "theirs");
      const { posts } = await scene.job.finish();
      const told = posts.flatMap(warnings);
      scene.facts.push(...told.map((text) => `post: ${text.slice(0, 200)}`));
      if (!told.some((text) => text.includes("AWS_ACCESS_KEY_ID")))
        scene.faults.push("post does not tell the user");
    },
  },
  {
    id: "peer-before",
    title: "configure-aws-credentials before this action: this role wins, and main warns",
    needsPeer: true,
    run: async (scene) => {
      await scene.theirs("theirs");
      const told = warnings(await scene.ours("ours"));
      scene.facts.push(...told.map((text) => `main: ${text.slice(0, 200)}`));
      if (!told.some((text) => text.includes("AWS_ACCESS_KEY_ID"))) scene.faults.push("main does not warn");
      await mustBe(scene, "ours");
      await scene.job.finish();
    },
  },
  {
    id: "peer-before-named",
    title: "the same with a named profile, which a step chooses with AWS_PROFILE",
    needsPeer: true,
    run: async (scene) => {
      await scene.theirs("theirs");
      const told = warnings(await scene.ours("ours", { profile: "deploy" }));
      scene.facts.push(...told.map((text) => `main: ${text.slice(0, 200)}`));
      const found = await whoAmI(scene.job, asItIs, { AWS_PROFILE: "deploy" });
      scene.facts.push(`with AWS_PROFILE: ${found}`, `without: ${await whoAmI(scene.job, asItIs)}`);
      await scene.job.finish();
    },
  },
  {
    id: "post-between",
    title: "another action between two uses: its post sees the role that its main saw",
    run: async (scene) => {
      await scene.ours("ours");
      await scene.job.use(scene.recorder.directory);
      await scene.ours("second");
      await mustBe(scene, "second");
      await scene.job.finish();
      await mustHaveSeen(scene, "ours ours");
    },
  },
  {
    id: "peer-post-between",
    title: "the same with configure-aws-credentials (its issue 474): the post sees another role",
    needsPeer: true,
    run: async (scene) => {
      await scene.theirs("ours");
      await scene.job.use(scene.recorder.directory);
      await scene.theirs("second");
      await scene.job.finish();
      await mustHaveSeen(scene, "ours none");
    },
  },
  ...surroundings("env-i", "env -i: finds nothing, and does not use another role", inEnvI, "none"),
  ...surroundings("env-i-files", "env -i with the files and the region", inEnvIWithFiles, "ours"),
  ...surroundings("home", "another HOME", inOtherHome, "ours"),
  ...surroundings("other-user", "another user (su, sudo -u): cannot read the files", asNobody, "none"),
  ...surroundings(
    "container",
    "docker run with docker-args, in a mount namespace",
    inContainer("root"),
    "ours",
  ),
  ...surroundings("container-user", "the same with an image of another user", inContainer("65534"), "none"),
];

async function mustHaveSeen({ recorder, facts, faults }: Scene, wanted: string): Promise<void> {
  const seen = (await readFile(recorder.file, "utf8")).trim().split("\n").join(" ");
  facts.push(`main and post of the action between: ${seen}`);
  if (seen !== wanted) faults.push(`the action between saw ${seen}, not ${wanted}`);
}
