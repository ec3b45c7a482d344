/** The action against MinIO: what MinIO accepts, what it refuses, and what it silently ignores. */
import { readdirSync, readFileSync } from "node:fs";
import path from "node:path";
import { compare } from "./differences.ts";
import type { Loop } from "./loops.ts";
import { roleOf } from "./minio.ts";
import {
  type LoopName,
  loop,
  mustHave,
  mustRefuse,
  mustWork,
  type Row,
  rights,
  runReal,
  type Scene,
  type World,
} from "./real.ts";
import type { RowResult } from "./results.ts";

/** An object that every row may read. */
export async function prepare(world: World): Promise<RowResult> {
  return runReal(
    {
      id: "session",
      title: "one session: what MinIO answers",
      run: async (scene) => {
        const use = mustWork(scene, await scene.use());
        await scene.job.run('echo known | aws s3 cp --only-show-errors - "s3://$BUCKET/rights/known"');
        await mustHave(scene, "+put +get +list");
        scene.facts.push(`assumed-role-arn: ${JSON.stringify(use.outputs["assumed-role-arn"])}`);
      },
    },
    world,
  );
}

const READ_POLICY = JSON.stringify({
  Version: "2012-10-17",
  Statement: [{ Effect: "Allow", Action: ["s3:GetObject", "s3:ListBucket"], Resource: ["arn:aws:s3:::*"] }],
});
const SHARED = { "shared-session": "true" };

/** How long the session in the job directory still lives, in seconds. */
function secondsLeft({ runner }: Scene): number {
  const folder = path.join(runner.temp, "aws-role-refresh", "sessions");
  const [id = ""] = readdirSync(folder);
  const { Expiration } = JSON.parse(readFileSync(path.join(folder, id, "session"), "utf8")) as {
    Expiration: string;
  };
  return Math.round((Date.parse(Expiration) - Date.now()) / 1000);
}

/** Each client that can say which session it had has had three. */
function mustRenew({ faults }: Scene, loops: Map<LoopName, Loop>): void {
  for (const name of ["boto3", "js", "go"] as const) {
    const { length = 0 } = loops.get(name)?.sessions ?? [];
    if (length < 3) faults.push(`${name}: ${length} sessions`);
  }
}

export const REAL_ROWS: Row[] = [
  {
    id: "web-identity",
    title: "the web identity profile, ambient",
    run: async (scene) => {
      mustWork(scene, await scene.use());
      mustRenew(scene, await loop(scene));
    },
  },
  {
    id: "web-identity-named",
    title: "the web identity profile, named",
    run: async (scene) => {
      mustWork(scene, await scene.use({ profile: "store" }));
      await loop(scene, { AWS_PROFILE: "store" });
    },
  },
  {
    id: "shared",
    title: "a shared session",
    run: async (scene) => {
      mustWork(scene, await scene.use(SHARED));
      mustRenew(scene, await loop(scene));
    },
  },
  {
    id: "shared-duration",
    title: "a shared session with role-duration-seconds: MinIO lets it outlive its ID token",
    run: async (scene) => {
      mustWork(scene, await scene.use({ ...SHARED, "role-duration-seconds": "900" }));
      const left = secondsLeft(scene);
      scene.facts.push(
        `${left} s of the session left, of an ID token of ${scene.world.pace.idTokenSeconds} s`,
      );
      if (left < 800) scene.faults.push(`only ${left} s of the session left`);
      await loop(scene);
    },
  },
  {
    id: "shared-policy",
    title: "a shared session with inline-session-policy: MinIO honours it",
    run: async (scene) => {
      mustWork(scene, await scene.use({ "inline-session-policy": READ_POLICY }));
      await mustHave(scene, "-put +get +list");
    },
  },
  {
    id: "managed-policies",
    title: "managed-session-policies: MinIO ignores them, so the session has all rights of the role",
    run: async (scene) => {
      const policy = "arn:aws:iam::aws:policy/AmazonS3ReadOnlyAccess";
      mustWork(scene, await scene.use({ "managed-session-policies": policy }));
      await mustHave(scene, "+put +get +list");
    },
  },
  {
    id: "read-only",
    title: "a role that may only read, for another audience",
    run: async (scene) => {
      const inputs = { "role-to-assume": roleOf("read.example"), audience: "read.example" };
      mustWork(scene, await scene.use(inputs));
      const found = await rights(scene);
      scene.facts.push(`rights: ${found}`);
      // MinIO's policy "readonly" has s3:GetObject and s3:GetBucketLocation.
      if (found !== "-put +get -list") scene.faults.push(`rights are ${found}`);
    },
  },
  {
    id: "wrong-audience",
    title: "an audience that MinIO does not know",
    run: async (scene) =>
      mustRefuse(scene, await scene.use({ audience: "nobody.example" }), /does not accept the audience/),
  },
  {
    id: "differences",
    title: "the same exchanges at harness/clouds and at MinIO",
    run: compare,
  },
  {
    id: "slow-clock",
    title: "a server whose clock is 20 s slow: MinIO refuses the ID token, which harness/clouds accepts",
    run: async (scene) => {
      const { cloudJob, world } = scene;
      world.clouds.github.fault = ({ job }) =>
        job === cloudJob ? { claims: { iat: Math.floor(Date.now() / 1000) + 20 } } : undefined;
      mustRefuse(scene, await scene.use(), /considers the ID token not valid yet/);
    },
  },
  {
    id: "unknown-role",
    title: "a role that MinIO does not have",
    run: async (scene) =>
      mustRefuse(scene, await scene.use({ "role-to-assume": "arn:minio:iam:::role/none" }), /role\/none/),
  },
  {
    id: "stranger",
    title: "a job of another owner: MinIO's role policy checks issuer and audience, and not the repository",
    claims: { repository: "stranger/repository" },
    run: async (scene) => {
      mustWork(scene, await scene.use());
      await mustHave(scene, "+put +get +list");
    },
  },
  {
    id: "chain",
    title: "role-chaining: MinIO issues no session for a session",
    run: async (scene) => {
      mustWork(scene, await scene.use());
      const inputs = { "role-to-assume": roleOf("read.example"), "role-chaining": "true" };
      mustRefuse(scene, await scene.use(inputs), /AccessDenied/);
    },
  },
  {
    id: "outlive",
    title: "outlive-id-tokens: the same, and main says so at once",
    run: async (scene) =>
      mustRefuse(scene, await scene.use({ ...SHARED, "outlive-id-tokens": "true" }), /AccessDenied/),
  },
  {
    id: "keys-once",
    title: "control: keys exported once, which must fail",
    run: async (scene) => {
      const { outputs } = mustWork(scene, await scene.use({ "output-credentials": "true" }));
      const env = {
        AWS_ACCESS_KEY_ID: outputs["aws-access-key-id"] ?? "",
        AWS_SECRET_ACCESS_KEY: outputs["aws-secret-access-key"] ?? "",
        AWS_SESSION_TOKEN: outputs["aws-session-token"] ?? "",
      };
      await loop(scene, env, true);
    },
  },
];
