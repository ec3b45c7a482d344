/** What a user should do about each cell that is not right. */
import type { Cell, RowResult, StepResult } from "./results.ts";

export interface Where {
  row: RowResult;
  step: StepResult;
  client: string;
  cell: Cell;
}

export interface Advice {
  applies: (where: Where) => boolean;
  /** Whole sentences, in Markdown. */
  text: string;
}

/** The first that applies counts. */
export const ADVICE: Advice[] = [
  {
    applies: ({ row, cell }) => cell.verdict === "refused" && row.scenario === 3,
    text:
      "A named use on a runner whose environment has `AWS_ROLE_ARN` or `AWS_WEB_IDENTITY_TOKEN_FILE` (usually an EKS runner): most SDKs would prefer those to the " +
      "profile, so main refuses it and explains why. Leave out `profile` to make the role ambient, or remove the variables from the job.",
  },
  {
    applies: ({ row, step, cell }) =>
      cell.verdict === "wrong" && /^mirrored/.test(row.id) && /^other/.test(step.id),
    text:
      "Where the role is also in `AWS_ROLE_ARN` and its companions (on a runner that had them, or by `mirror-environment: true`), these SDKs prefer it to a profile " +
      "that a step chooses with `AWS_PROFILE`. Name the other profile in the tool (`--profile`, `profile_name`) where [the results](../conformance/RESULTS.md) show that it works (not `defaultProfileName` of Java v2), or do that work in another job.",
  },
  {
    applies: ({ row, step, client }) =>
      row.scenario === 3 &&
      step.id === "variable" &&
      /profile/.test(row.id) &&
      /^(boto3|cli-v1)/.test(client),
    text:
      "boto3 and AWS CLI v1 prefer `AWS_DEFAULT_PROFILE` to `AWS_PROFILE`. Where a job has `AWS_DEFAULT_PROFILE`, set both in a step that chooses a named profile, " +
      "use `--profile` or `profile_name`, or remove it: it is an old name that other SDKs do not read.",
  },
  {
    applies: ({ client, row, cell }) => client === "java-v1" && cell.verdict === "error" && row.scenario < 6,
    text:
      "The SDK for Java v1 cannot read a role from a config file (it is out of support since the end of 2025). With `mirror-environment: true`, or on a runner that had " +
      "`AWS_ROLE_ARN`, it gets the role from the environment. It cannot use a profile with `source_profile`.",
  },
  {
    applies: ({ client, cell }) => client === "php-async-aws" && /InvalidClientTokenId/.test(cell.text ?? ""),
    text:
      "AsyncAws treats an empty `AWS_ACCESS_KEY_ID` as a key. Do not export static keys in a job that uses this action, or `unset AWS_ACCESS_KEY_ID AWS_SECRET_ACCESS_KEY AWS_SESSION_TOKEN` " +
      "in the step that runs PHP: an action cannot unset a variable, only empty it.",
  },
  {
    applies: ({ client, row }) =>
      client === "php-async-aws" && row.scenario < 6 && row.id.startsWith("chained/"),
    text: "AsyncAws follows `source_profile` only to a profile with static keys. Let it use this action's profile directly, with a trust policy for the role that it needs.",
  },
  {
    applies: ({ client, row, cell }) =>
      client === "js-v2" && row.scenario === 4 && /region/i.test(cell.text ?? ""),
    text:
      "`AWS_STS_REGIONAL_ENDPOINTS` stays `regional` for the post steps of other actions, and the SDK for JavaScript v2 then needs a region, which it did not need for the " +
      "global endpoint. Set `AWS_REGION` for the job.",
  },
  {
    applies: ({ row, cell }) => cell.verdict === "refused" && row.scenario === 7,
    text:
      "A shared session or a chain on a runner whose environment has `AWS_ROLE_ARN` or `AWS_WEB_IDENTITY_TOKEN_FILE`: most SDKs prefer these to any profile, and neither can be " +
      "expressed in them, so main refuses, also an ambient use. Remove the variables from the job or the runner.",
  },
  {
    applies: ({ client, row, cell }) => client === "java-v1" && cell.verdict === "error" && row.scenario > 5,
    text:
      "The SDK for Java v1 reads `credential_process`, but only in a credentials file that `AWS_CREDENTIAL_PROFILES_FILE` names or that is in `~/.aws`. Use `shared-session: true`, and set the " +
      "variable to the output `credentials-file` in the step that runs Java: it then refreshes for as long as the job lives. It cannot follow `source_profile`.",
  },
  {
    applies: ({ client, row, step, cell }) =>
      client === "ruby" && row.scenario === 6 && step.id === "calls" && /ExpiredToken/.test(cell.text ?? ""),
    text:
      "The SDK for Ruby asks for the session of a chain's source once, so a chain stops working in a process that outlives that session (an hour; a new process has a new one). " +
      "Use `shared-session: true` for the role that is reached through another one.",
  },
  {
    applies: ({ client, row, cell }) =>
      client === "js-v2" && row.scenario === 6 && /Missing credentials/.test(cell.text ?? ""),
    text: "The SDK for JavaScript v2 follows `source_profile` to a profile with ID tokens, but not to a shared session. Use `shared-session: true` for both roles, or for none.",
  },
  {
    applies: ({ client, row, cell }) =>
      client === "php-async-aws" && cell.verdict === "error" && row.scenario > 5,
    text:
      "AsyncAws does not read `credential_process`, and follows `source_profile` only to a profile with static keys. Give it a role with `shared-session: false`, without session policies and without a " +
      "chain: under a profile of its own where the other steps need one of these.",
  },
];

/** The number of the advice, counted from 1; undefined where there is none. */
export function adviceFor(where: Where): number | undefined {
  const index = ADVICE.findIndex(({ applies }) => applies(where));
  return index === -1 ? undefined : index + 1;
}

/** Every cell that is not right, in order. */
export function exceptions(rows: RowResult[]): Where[] {
  return rows.flatMap((row) =>
    row.steps.flatMap((step) =>
      Object.entries(step.cells)
        .filter(([, cell]) => cell.verdict !== "right")
        .map(([client, cell]): Where => ({ row, step, client, cell })),
    ),
  );
}
