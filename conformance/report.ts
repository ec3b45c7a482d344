/** docs/compatibility.md, written from the results. */
import path from "node:path";
import { repository } from "../harness/repository.ts";
import { ADVICE, adviceFor, exceptions, type Where } from "./advice.ts";
import { CLIENTS, type Client, READ_NOT_RUN } from "./clients.ts";
import type { Results, RowResult, Scenario, StepResult, Verdict } from "./results.ts";

export const RESULTS_FILE = path.join(repository(), "conformance", "results.json");
export const DOCUMENT_FILE = path.join(repository(), "docs", "compatibility.md");

const VERDICTS: Record<Verdict, string> = {
  right: "right role",
  error: "error",
  wrong: "**WRONG ROLE**",
  refused: "refused by main",
};

const INTRODUCTION = `# Which AWS SDKs and tools work

What later steps of a job run is other people's software. This page says what it did: each client below ran as a real process, in a job of the small
runner of this repository with the built action, against an ID token endpoint and an STS on loopback that check signatures, expiry, audience and trust policies, under
their real host names. What counts is the ARN that each call ran as. Written by \`npm run conformance\`; not by hand.`;

/** The whole page. */
export function renderCompatibility(results: Results): string {
  const clients = CLIENTS.filter(({ name }) => name in results.versions);
  return `${[
    INTRODUCTION,
    `Run on ${results.date}, ${results.system}; the action on Node.js ${results.node.replace(/^v/, "")}.`,
    "## In short",
    renderShort(results),
    refreshSection(clients, results.rows),
    hostileSection(results.rows),
    afterSection(results.rows),
    formSection(results.rows),
    adviceSection(results.rows),
    clientSection(clients, results),
    readNotRunSection(),
  ].join("\n\n")}\n`;
}

/** A line for each client: what the README shows. */
function renderShort(results: Results): string {
  const clients = CLIENTS.filter(({ name }) => name in results.versions);
  const summary = (client: Client, scenario: Scenario): string => {
    const rows = results.rows.filter((row) => row.scenario === scenario);
    const verdicts = rows.flatMap(({ steps }) =>
      steps.flatMap(({ cells }) => cells[client.name]?.verdict ?? []),
    );
    const run = verdicts.filter((verdict) => verdict !== "refused");
    const right = run.filter((verdict) => verdict === "right");
    if (right.length === run.length) return "yes";
    const others = exceptions(rows).filter(
      (where) => where.client === client.name && where.cell.verdict !== "refused",
    );
    return `${right.length === 0 ? "no" : `${right.length} of ${run.length}`} ${notes(others)}`;
  };
  return table(
    [
      "Client",
      "Version",
      "Refreshes for as long as the job lives",
      "Right role in hostile environments",
      "After post as before",
      "Files of Windows and macOS",
    ],
    clients.map((client) => [
      client.title,
      results.versions[client.name] ?? "",
      summary(client, 1),
      summary(client, 3),
      summary(client, 4),
      summary(client, 5),
    ]),
  );
}

function refreshSection(clients: Client[], rows: RowResult[]): string {
  const refresh = rows.filter(({ scenario }) => scenario === 1);
  const cellOf = (row: RowResult, client: Client): string => {
    const [step] = row.steps;
    const cell = step?.cells[client.name];
    return cell === undefined || step === undefined
      ? "not run"
      : outcome({ row, step, client: client.name, cell });
  };
  const hosts = (client: Client): string =>
    [
      ...new Set(
        refresh.flatMap(({ steps }) => steps.flatMap(({ cells }) => cells[client.name]?.host || [])),
      ),
    ].join(", ") || "–";
  return [
    "## Refresh",
    "One long-lived process (of the CLIs a process for every call) calls GetCallerIdentity every second over three role sessions and six ID tokens; a failed call is an error, " +
      "unless it was signed just before its session ended and the next one works (Go and others ask for a new session at that very second). " +
      "The same with an ID token that is written once, as other actions do, failed for every client that works here, as it must.",
    table(
      ["Client", ...refresh.map(({ title }) => title), "STS host asked"],
      clients.map((client) => [client.title, ...refresh.map((row) => cellOf(row, client)), hosts(client)]),
    ),
  ].join("\n\n");
}

function hostileSection(rows: RowResult[]): string {
  const hostile = rows.filter(({ scenario }) => scenario === 3);
  return [
    "## Hostile environments",
    "What was ambient in the job before the action, how the action was used, and what the step said. *Warned*: main's log names what it found and what it did.",
    table(
      ["Ambient", "Use", "Step", "Warned", "Outcome"],
      hostile.flatMap((row) =>
        alike(row).map(([titles, outcome]) => [
          row.ambient,
          row.title,
          titles,
          row.warnings.length > 0 ? "yes" : "",
          outcome,
        ]),
      ),
    ),
  ].join("\n\n");
}

/** The steps of a row, those with the same outcome together. */
function alike(row: RowResult): [string, string][] {
  const titles = new Map<string, string[]>();
  for (const step of row.steps) {
    const outcome = outcomes(row, step);
    titles.set(outcome, [...(titles.get(outcome) ?? []), step.title]);
  }
  return [...titles].map(([outcome, steps]) => [steps.join("; "), outcome]);
}

function afterSection(rows: RowResult[]): string {
  const after = rows.filter(({ scenario }) => scenario === 4);
  return [
    "## After post",
    "Post steps of other actions run after this action's, in the environment it leaves. *As before*: a call does what it did before the action's main, or fails for want of credentials " +
      "where it failed before; none runs as the role. The disk cache of the AWS CLI must hold no session of the role, nor of a role reached through it.",
    table(
      ["Ambient", "Use", "What", "Outcome"],
      after.flatMap((row) =>
        row.steps.map((step) => [
          row.ambient,
          row.title,
          step.title,
          outcomes(row, step, step.id === "cache" ? "nothing left" : "as before"),
        ]),
      ),
    ),
  ].join("\n\n");
}

function formSection(rows: RowResult[]): string {
  const forms = rows.filter(({ scenario }) => scenario === 5);
  return [
    "## Files of Windows and macOS",
    "The config file as the action writes it on those systems, read on Linux by each client's own reader (a path of Windows is an ordinary relative path there).",
    table(
      ["File", "Outcome"],
      forms.flatMap((row) => row.steps.map((step) => [row.title, outcomes(row, step)])),
    ),
  ].join("\n\n");
}

function adviceSection(rows: RowResult[]): string {
  const given = new Set(exceptions(rows).map(adviceFor));
  const lines = ADVICE.flatMap(({ text }, index) =>
    given.has(index + 1) ? [`- <a id="note-${index + 1}"></a>**${index + 1}.** ${text}`] : [],
  );
  return ["## What to do", ...lines].join("\n\n").replaceAll("\n\n- ", "\n- ").replace("\n- ", "\n\n- ");
}

function clientSection(clients: Client[], results: Results): string {
  const refused = Object.entries(results.refused).map(
    ([name, reason]) => `${name} could not be installed: ${reason}`,
  );
  return [
    "## How each client was run",
    "Pinned, from its package registry; the programs are under conformance/clients/. The proxy with the real host names stands for AWS; a client that knows " +
      "AWS_ENDPOINT_URL_STS was also led by that.",
    table(
      ["Client", "Language", "A profile by its own means", "Certificate authority from", "Remarks"],
      clients.map(({ title, language, explicit, authority, note }) => [
        title,
        language,
        `\`${explicit}\``,
        authority,
        note ?? "",
      ]),
    ),
    ...refused,
  ].join("\n\n");
}

function readNotRunSection(): string {
  return [
    "## Read, not run",
    "No registry that the suite uses serves these in a form that runs; what follows is from their sources and is no result.",
    table(
      ["SDK", "Source read", "What it says"],
      READ_NOT_RUN.map(({ title, source, finding }) => [title, source, finding]),
    ),
  ].join("\n\n");
}

/** "right role (17)", then every other outcome with its clients. */
function outcomes(row: RowResult, step: StepResult, right = VERDICTS.right): string {
  const wheres = Object.entries(step.cells).map(([client, cell]): Where => ({ row, step, client, cell }));
  const all = wheres.length;
  return (["right", "refused", "error", "wrong"] as const)
    .flatMap((verdict) => {
      const group = wheres.filter(({ cell }) => cell.verdict === verdict);
      if (group.length === 0) return [];
      const text = verdict === "right" ? right : VERDICTS[verdict];
      if (verdict === "right" || group.length === all)
        return [
          `${text}: ${group.length === all ? "all" : `${group.length} of ${all}`}${verdict === "right" ? "" : ` ${notes(group)}`}`,
        ];
      return [`${text}: ${group.map((where) => `${titleOf(where.client)} ${notes([where])}`).join(", ")}`];
    })
    .join("; ");
}

function outcome(where: Where): string {
  const { verdict, text } = where.cell;
  return verdict === "right"
    ? VERDICTS.right
    : `${VERDICTS[verdict]}: ${shorten(text ?? "")} ${notes([where])}`;
}

function notes(wheres: Where[]): string {
  const numbers = [...new Set(wheres.map(adviceFor))]
    .filter((number) => number !== undefined)
    .sort((a, b) => a - b);
  return numbers.map((number) => `[${number}](#note-${number})`).join(" ");
}

function titleOf(name: string): string {
  return CLIENTS.find((client) => client.name === name)?.title ?? name;
}

function shorten(text: string): string {
  return text.length > 80 ? `${text.slice(0, 80)}…` : text;
}

function table(head: string[], rows: string[][]): string {
  const line = (cells: string[]): string =>
    `| ${cells.map((cell) => cell.replaceAll("|", "\\|")).join(" | ")} |`;
  return [line(head), line(head.map(() => "---")), ...rows.map(line)].join("\n");
}
