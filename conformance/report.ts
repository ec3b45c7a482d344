/** What is written from the results: the page that users read, and every row behind it. */
import path from "node:path";
import { repository } from "../harness/repository.ts";
import { ADVICE, adviceFor, exceptions, type Where } from "./advice.ts";
import { CLIENTS, type Client, READ_NOT_RUN } from "./clients.ts";
import type { Results, RowResult, Scenario, StepResult, Verdict } from "./results.ts";
import { MODES } from "./scenarios.ts";

export const RESULTS_FILE = path.join(repository(), "conformance", "results.json");

const VERDICTS: Record<Verdict, string> = {
  right: "right role",
  error: "error",
  wrong: "**WRONG ROLE**",
  refused: "refused by main",
};

/** Every page that is written from the results, by its path in the repository. */
export function renderPages(results: Results): Record<string, string> {
  const clients = CLIENTS.filter(({ name }) => name in results.versions);
  const of = (scenario: Scenario): RowResult[] => results.rows.filter((row) => row.scenario === scenario);
  const run = `Run on ${days(results.dates)}, ${results.system}; the action on Node.js ${results.node.replace(/^v/, "")}.`;
  return {
    "docs/compatibility.md": page([
      COMPATIBILITY,
      run,
      summarySection(clients, results.versions, of),
      sessionSummary(clients, of(6)),
      adviceSection(results.rows),
      readNotRunSection(),
    ]),
    // The numbers of the notes are those of the other page.
    "conformance/RESULTS.md": page([
      RESULTS,
      run,
      refreshSection(clients, of(1)),
      hostileSection(of(3)),
      afterSection(of(4)),
      formSection(of(5)),
      sessionSection(of(6)),
      hostileSection(of(7), "Hostile environments of shared sessions and chains"),
      clientSection(clients, results.refused),
    ]).replaceAll("](#note-", "](../docs/compatibility.md#note-"),
  };
}

const COMPATIBILITY = `# Which AWS SDKs and tools work

Later steps of a job run other people's software. This page shows what that software did. Each client below ran as a real process, in a job of this repository's
small runner with the built action. The ID token endpoint and STS ran on loopback under their real host names; they check signatures, expiry, audience and trust
policies. What counts is the ARN that each call ran as. [conformance/RESULTS.md](../conformance/RESULTS.md) has every case.
\`npm run conformance -- --write\` writes both pages; do not edit them.`;

const RESULTS = `# Every case of the conformance suite

The detailed results behind [docs/compatibility.md](../docs/compatibility.md). \`npm run conformance -- --write\` writes this page; do not edit it.`;

/** A line for each client: what the README shows. */
function summarySection(
  clients: Client[],
  versions: Results["versions"],
  of: (scenario: Scenario) => RowResult[],
): string {
  const summary = (client: Client, scenario: Scenario): string => {
    const cells = of(scenario).flatMap(({ steps }) => steps.flatMap(({ cells }) => cells[client.name] ?? []));
    const run = cells.filter(({ verdict }) => verdict !== "refused");
    const right = run.filter(({ verdict }) => verdict === "right");
    if (right.length === run.length) return "yes";
    const others = exceptions(of(scenario)).filter(
      (where) => where.client === client.name && where.cell.verdict !== "refused",
    );
    return `${right.length === 0 ? "no" : `${right.length} of ${run.length}`} ${notes(others)}`;
  };
  const columns: [string, Scenario][] = [
    ["Refreshes for as long as the job lives", 1],
    ["Right role in hostile environments", 3],
    ["Same as before, after post", 4],
    ["Files of Windows and macOS", 5],
  ];
  return section(
    "In short",
    "*Hostile environments*: keys, profiles and roles that were set before the action ran. The numbers refer to the advice below.",
    ["Client", "Version", ...columns.map(([title]) => title)],
    clients.map((client) => [
      client.title,
      versions[client.name] ?? "",
      ...columns.map(([, scenario]) => summary(client, scenario)),
    ]),
  );
}

function refreshSection(clients: Client[], rows: RowResult[]): string {
  const cellOf = (row: RowResult, client: Client): string => {
    const [step] = row.steps;
    const cell = step?.cells[client.name];
    if (cell === undefined || step === undefined) return "not run";
    if (cell.verdict === "right") return VERDICTS.right;
    const text = (cell.text ?? "").replace(/^(.{80}).+$/s, "$1…");
    return `${VERDICTS[cell.verdict]}: ${text} ${notes([{ row, step, client: client.name, cell }])}`;
  };
  const hosts = ({ name }: Client): string => {
    const asked = rows.flatMap(({ steps }) => steps.flatMap(({ cells }) => cells[name]?.host || []));
    return [...new Set(asked)].join(", ") || "–";
  };
  return section(
    "Refresh",
    "One long-lived process calls GetCallerIdentity every second over three role sessions and six ID tokens; for the CLIs, each call is a separate process. A failed call is an error, " +
      "unless it was signed just before its session ended and the next one works (Go and others ask for a new session at that very second). " +
      "With an ID token that is written once, as other actions do, every client that works here failed, as expected.",
    ["Client", ...rows.map(({ title }) => title), "STS host asked"],
    clients.map((client) => [client.title, ...rows.map((row) => cellOf(row, client)), hosts(client)]),
  );
}

/** The day of the run; where sessions and chains ran on another day, that too. */
function days(dates: Results["dates"]): string {
  const of = (...scenarios: Scenario[]): string =>
    [...new Set(scenarios.flatMap((scenario) => dates[scenario] ?? []))].sort().join(" and ");
  const [others, sessions] = [of(1, 2, 3, 4, 5), of(6, 7)];
  return others === sessions ? others : `${others}, sessions and chains on ${sessions}`;
}

/** A column for each way to a role, a line for each client. */
function sessionSummary(clients: Client[], rows: RowResult[]): string {
  const cellOf = ({ steps, ...row }: RowResult, { name }: Client): string => {
    const own = steps.filter(({ id, cells }) => id !== "by-file" && cells[name] !== undefined);
    const others = exceptions([{ ...row, steps: own }]).filter(({ client }) => client === name);
    if (others.length === 0) return "yes";
    const byFile = steps.find(({ id }) => id === "by-file")?.cells[name]?.verdict === "right";
    const right = own.length - others.length;
    return `${byFile ? "with a variable" : right === 0 ? "no" : `${right} of ${own.length}`} ${notes(others)}`;
  };
  return section(
    "Sessions and chains: who reads what",
    "Over three sessions: one long-lived process, and new processes. A *shared session* is a file that the keeper renews and that the profile prints (`credential_process`). " +
      "A *chain* is a role that is reached through another one: by a profile with `source_profile`, which the client follows, or as a shared session, which the keeper reaches for it.",
    ["Client", ...MODES.map(({ head }) => head)],
    clients.map((client) => [client.title, ...rows.map((row) => cellOf(row, client))]),
  );
}

function sessionSection(rows: RowResult[]): string {
  return section(
    "Sessions and chains",
    "As under *Refresh*, with sessions that a keeper holds (`shared-session`), with a duration and session policies, and with roles that are reached through another role. " +
      "STS saw the duration and the policies in every exchange, and one exchange for each renewal, however many processes there were.",
    ["Inputs", "What", "Outcome"],
    rows.flatMap((row) =>
      row.steps.map((step) => [
        row.title,
        step.title,
        outcomes(row, step, step.id === "cache" ? "nothing left" : undefined),
      ]),
    ),
  );
}

function hostileSection(rows: RowResult[], title = "Hostile environments"): string {
  return section(
    title,
    "*Ambient* is what the job's environment contained before the action. The other columns show how the action was used, and which profile the step chose. *Warned* means that main's log names what it found and what it did.",
    ["Ambient", "Use", "Step", "Warned", "Outcome"],
    rows.flatMap((row) =>
      alike(row).map(([titles, outcome]) => [
        row.ambient,
        row.title,
        titles,
        row.warnings.length > 0 ? "yes" : "",
        outcome,
      ]),
    ),
  );
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
  return section(
    "After post",
    "Post steps of other actions run after this action's, in the environment it leaves. *As before*: a call does what it did before the action's main, or fails for lack of credentials " +
      "where it failed before; none runs as the role. The disk cache of the AWS CLI must hold no session of the role, nor of a role reached through it.",
    ["Ambient", "Use", "What", "Outcome"],
    rows.flatMap((row) =>
      row.steps.map((step) => [
        row.ambient,
        row.title,
        step.title,
        outcomes(row, step, step.id === "cache" ? "nothing left" : "as before"),
      ]),
    ),
  );
}

function formSection(rows: RowResult[]): string {
  return section(
    "Files of Windows and macOS",
    "The config file as the action writes it on those systems. Each client's own reader read it on Linux, where a path of Windows is an ordinary relative path.",
    ["File", "Outcome"],
    rows.flatMap((row) => row.steps.map((step) => [row.title, outcomes(row, step)])),
  );
}

function adviceSection(rows: RowResult[]): string {
  const given = new Set(exceptions(rows).map(adviceFor));
  const lines = ADVICE.flatMap(({ text }, index) =>
    given.has(index + 1) ? [`- <a id="note-${index + 1}"></a>**${index + 1}.** ${text}`] : [],
  );
  return `## What to do\n\n${lines.join("\n")}`;
}

function clientSection(clients: Client[], refused: Results["refused"]): string {
  const reasons = Object.entries(refused).map(([name, reason]) => `\n\n${name} was not installed: ${reason}`);
  return (
    section(
      "How each client was run",
      "Pinned, from its package registry; the programs are under conformance/clients/. The proxy with the real host names stands for AWS; a client that reads " +
        "AWS_ENDPOINT_URL_STS was also pointed to STS by that variable.",
      ["Client", "Language", "How it names a profile", "Certificate authority from", "Remarks"],
      clients.map(({ title, language, explicit, authority, note }) => [
        title,
        language,
        `\`${explicit}\``,
        authority,
        note ?? "",
      ]),
    ) + reasons.join("")
  );
}

function readNotRunSection(): string {
  return section(
    "Read, not run",
    "No registry that the suite uses serves these in a form that runs. What follows is from their sources; none of it was tested.",
    ["SDK", "Source read", "What it does"],
    READ_NOT_RUN.map(({ title, source, finding }) => [title, source, finding]),
  );
}

/** "right role: 16 of 17", then every other outcome with its clients. */
function outcomes(row: RowResult, step: StepResult, right = VERDICTS.right): string {
  const wheres = Object.entries(step.cells).map(([client, cell]): Where => ({ row, step, client, cell }));
  const titleOf = (name: string): string => CLIENTS.find((client) => client.name === name)?.title ?? name;
  return (["right", "refused", "error", "wrong"] as const)
    .flatMap((verdict) => {
      const group = wheres.filter(({ cell }) => cell.verdict === verdict);
      const isAll = group.length === wheres.length;
      if (group.length === 0) return [];
      if (verdict === "right") return `${right}: ${isAll ? "all" : `${group.length} of ${wheres.length}`}`;
      if (isAll) return `${VERDICTS[verdict]}: all ${notes(group)}`;
      const clients = group.map((where) => `${titleOf(where.client)} ${notes([where])}`);
      return `${VERDICTS[verdict]}: ${clients.join(", ")}`;
    })
    .join("; ");
}

function notes(wheres: Where[]): string {
  const numbers = [...new Set(wheres.map(adviceFor))]
    .filter((number) => number !== undefined)
    .sort((a, b) => a - b);
  return numbers.map((number) => `[${number}](#note-${number})`).join(" ");
}

function section(title: string, text: string, head: string[], rows: string[][]): string {
  const line = (cells: string[]): string =>
    `| ${cells.map((cell) => cell.replaceAll("|", "\\|")).join(" | ")} |`;
  const table = [line(head), line(head.map(() => "---")), ...rows.map(line)].join("\n");
  return `## ${title}\n\n${text}\n\n${table}`;
}

const page = (parts: string[]): string => `${parts.join("\n\n")}\n`;
