import { describe, expect, test } from "@jest/globals";
import fc from "fast-check";
import { tokenKeeper } from "../../src/base/layout.ts";
import type { FinishedUse } from "../../src/job/records.ts";
import type { Ending, KeeperStatus } from "../../src/keeper/status.ts";
import { makeReport } from "../../src/report/report.ts";

const MINUTE = 60_000;
const LIFE = 5 * MINUTE;
const NOON = Date.UTC(2026, 10, 1, 12);
const HOST = "run-actions-1.actions.githubusercontent.com";
const TROUBLESHOOTING = "https://github.com/org/aws-role-refresh/blob/v1/docs/troubleshooting.md";

interface Kept {
  /** Of the keeper of its audience, if this was the last use of it. */
  keeper?: KeeperStatus;
  keeperDied?: boolean;
}

function use(
  minutes: number,
  { keeper: status, keeperDied: died = false, ...more }: Partial<FinishedUse> & Kept = {},
): FinishedUse {
  const id = tokenKeeper(more.audience ?? "sts.amazonaws.com");
  return {
    id: "0123456789abcdef",
    startedAt: NOON,
    endedAt: NOON + minutes * MINUTE,
    profile: "default",
    roleArn: "arn:aws:iam::111122223333:role/deploy",
    sessionName: "GitHubActions-1234-1-aabbccdd",
    audience: "sts.amazonaws.com",
    keepers: [id],
    ended: status ? [{ id, status, died }] : [],
    ...more,
  };
}

/**
 * What a keeper tells that gets a token every two minutes, except in outages (from, to; minutes of the job).
 */
function keeper(
  minutes: number,
  outages: [from: number, to: number][] = [],
  more: Partial<KeeperStatus> = {},
): KeeperStatus {
  const status: KeeperStatus = {
    pid: 1,
    started: "1",
    startedAt: NOON,
    tokenReceivedAt: NOON,
    tokenExpiresAt: NOON + LIFE,
    lifetimeMs: LIFE,
    silentUntil: NOON + 170_000,
    refreshes: 0,
    failures: 0,
    longestAgeMs: 0,
    received: [NOON],
    outages: [],
    stale: [],
    ended: { at: NOON + minutes * MINUTE + 50, why: "stopped" },
  };
  for (let minute = 2; minute < minutes; minute += 2) {
    const now = NOON + minute * MINUTE;
    if (outages.some(([from, to]) => from <= minute && minute < to)) {
      const open = status.outages.find(({ to }) => to === undefined);
      if (open) open.attempts += 1;
      else status.outages.push({ from: now, attempts: 1, lastError: `${HOST} answered 503` });
      status.failures += 1;
      continue;
    }
    const open = status.outages.find(({ to }) => to === undefined);
    if (open) open.to = now;
    if (now > status.tokenExpiresAt) status.stale.push({ from: status.tokenExpiresAt, to: now });
    status.longestAgeMs = Math.max(status.longestAgeMs, now - status.tokenReceivedAt);
    status.tokenReceivedAt = now;
    status.tokenExpiresAt = now + LIFE;
    status.silentUntil = now + 170_000;
    status.refreshes += 1;
    status.received.push(now);
    if (status.received.length > 200) status.received.shift();
  }
  const last = NOON + minutes * MINUTE;
  status.longestAgeMs = Math.max(status.longestAgeMs, last - status.tokenReceivedAt);
  if (last > status.tokenExpiresAt) status.stale.push({ from: status.tokenExpiresAt, to: last });
  return { ...status, ...more };
}

function withoutLastWord(status: KeeperStatus): KeeperStatus {
  const { ended: _, ...rest } = status;
  return rest;
}

interface Bar {
  name: string;
  tags: string;
  /** Minutes after noon. */
  from: number;
  to: number;
}

/** Reads the chart as Mermaid does: one task a line, its name up to the colon. */
function chart(markdown: string): Bar[] {
  const lines = markdown.split("\n");
  const body = lines.slice(lines.indexOf("```mermaid") + 1, lines.indexOf("```"));
  expect(body.slice(0, 5).map((line) => line.trim().split(" ")[0])).toEqual([
    "gantt",
    "title",
    "dateFormat",
    "axisFormat",
    "todayMarker",
  ]);
  const minutes = (text: string) => (Date.parse(`${text.replace(" ", "T")}Z`) - NOON) / MINUTE;
  return body
    .slice(5)
    .filter((line) => !line.startsWith("  section "))
    .map((line) => {
      const [, name = "", tags = "", from = "", to = ""] =
        /^ {2}([\w ()]+) :((?:crit, (?:done, )?)?)(\d{4}-\d\d-\d\d \d\d:\d\d:\d\d), (\d{4}-\d\d-\d\d \d\d:\d\d:\d\d)$/.exec(
          line,
        ) ?? [];
      return { name, tags: tags.replaceAll(", ", " ").trim(), from: minutes(from), to: minutes(to) };
    });
}

const lines = (markdown: string) => markdown.trimEnd().split("\n").length;

describe("when all went well", () => {
  const three = [
    use(60, { keeper: keeper(60) }),
    use(59, { startedAt: NOON + 1_000, profile: "logs", sessionName: "logs-1" }),
    use(58, { startedAt: NOON + 2_000, profile: "artifacts", sessionName: "artifacts-1" }),
  ];
  test.each<[string, FinishedUse[]]>([
    ["a short job", [use(1, { keeper: keeper(1) })]],
    ["ten minutes", [use(13, { keeper: keeper(13) })]],
    ["six hours", [use(360, { keeper: keeper(360) })]],
    ["five days", [use(7200, { keeper: keeper(7200) })]],
    ["three uses", three],
    [
      "two audiences",
      [use(13, { keeper: keeper(13) }), use(13, { audience: "minio", keeper: keeper(13), profile: "minio" })],
    ],
  ])("%s: nothing to say, in under 30 lines", (_, uses) => {
    const { warnings, markdown, eventful } = makeReport(uses);
    expect({ warnings, eventful }).toEqual({ warnings: [], eventful: false });
    expect(lines(markdown)).toBeLessThan(30);
    expect(markdown).toContain("**A valid ID token at every moment** from ");
    expect(chart(markdown).every(({ tags }) => tags === "")).toBe(true);
  });

  test("says what there was, for each use", () => {
    const { markdown } = makeReport(three);
    expect(markdown.split("\n")).toEqual(
      expect.arrayContaining([
        // 29 by the keeper, one by the main of each use.
        "**A valid ID token at every moment** from 12:00:00 to 13:00:00 UTC. 32 were issued, no request failed. The oldest one a step could have read was 2 min old (lifetime 5 min).",
        "| `default` | `arn:aws:iam::111122223333:role/deploy` | `GitHubActions-1234-1-aabbccdd` |",
        "| `logs` | `arn:aws:iam::111122223333:role/deploy` | `logs-1` |",
        "| `artifacts` | `arn:aws:iam::111122223333:role/deploy` | `artifacts-1` |",
      ]),
    );
  });

  test("CloudTrail is named for uses of AWS only", () => {
    const report = (...stsEndpoints: (string | undefined)[]) =>
      makeReport(stsEndpoints.map((stsEndpoint) => use(1, { keeper: keeper(1), stsEndpoint }))).markdown;
    const named = "search by user name = the session name";
    expect(report(undefined)).toContain(named);
    expect(report("https://vpce-1a2b.sts.eu-west-1.vpce.amazonaws.com")).toContain(named);
    expect(report("https://minio.example.com", undefined)).toContain(named);
    for (const other of ["https://minio.example.com", "no URL"])
      expect(report(other)).not.toMatch(/CloudTrail|\bAWS\b/);
  });

  test("a refresh that succeeded on a later try is counted, but is not a problem", () => {
    const status = keeper(60, [], {
      failures: 2,
      outages: [{ from: NOON + MINUTE, to: NOON + MINUTE + LIFE / 3, attempts: 2, lastError: "x" }],
    });
    const { warnings, markdown, eventful } = makeReport([use(60, { keeper: status })]);
    expect({ warnings, eventful }).toEqual({ warnings: [], eventful: false });
    expect(markdown).toContain("30 were issued, 2 requests failed.");
    expect(markdown).not.toMatch(/^- /m);
    expect(chart(markdown).map(({ name }) => name)).toEqual(["Tokens 1 to 30"]);
  });

  test.each([
    [400, "400 ms"],
    [999.6, "1 s"],
    [60_000, "1 min"],
    [3_600_000 + 60_000 + 1_000, "1 h 1 min"],
    [86_400_000 + 60_000, "1 d"],
    [25 * 3_600_000, "1 d 1 h"],
  ])("%s ms is %s", (longestAgeMs, said) => {
    expect(makeReport([use(60, { keeper: keeper(60, [], { longestAgeMs }) })]).markdown).toContain(
      `was ${said} old (lifetime `,
    );
  });

  test("a job over midnight shows the dates", () => {
    const later = { startedAt: NOON + 11.9 * 60 * MINUTE, endedAt: NOON + 12.1 * 60 * MINUTE };
    const { markdown } = makeReport([use(0, later)]);
    expect(markdown).toContain("from 2026-11-01 23:54:00 to 2026-11-02 00:06:00 UTC");
  });

  test("a use whose main never came to start a keeper", () => {
    const { warnings, markdown, eventful } = makeReport([use(1)]);
    expect({ warnings, eventful }).toEqual({ warnings: [], eventful: false });
    expect(markdown).toContain(
      "**The ID token was never refreshed: no keeper was running** from 12:00:00 to 12:01:00 UTC. 1 was issued",
    );
    expect(markdown).not.toContain("mermaid");
  });
});

describe("the chart", () => {
  test("a short job has a bar for each token, to the end of its life or of the job", () => {
    const { markdown } = makeReport([use(9, { keeper: keeper(9) })]);
    expect(chart(markdown)).toEqual([
      { name: "Token 1", tags: "", from: 0, to: 5 },
      { name: "Token 2", tags: "", from: 2, to: 7 },
      { name: "Token 3", tags: "", from: 4, to: 9 },
      { name: "Token 4", tags: "", from: 6, to: 9 },
      { name: "Token 5", tags: "", from: 8, to: 9 },
    ]);
  });

  test("an outage stands between the tokens on either side of it; many others share a bar", () => {
    const { markdown } = makeReport([use(60, { keeper: keeper(60, [[20, 30]]) })]);
    expect(chart(markdown)).toEqual([
      { name: "Tokens 1 to 9", tags: "", from: 0, to: 21 },
      { name: "Token 10", tags: "", from: 18, to: 23 },
      { name: "Outage 10 min", tags: "crit done", from: 20, to: 30 },
      { name: "No valid token 7 min", tags: "crit", from: 23, to: 30 },
      { name: "Token 11", tags: "", from: 30, to: 35 },
      { name: "Tokens 12 to 25", tags: "", from: 32, to: 60 },
    ]);
  });

  test("a sleep stands between tokens, too, even among few", () => {
    const slept = { ...keeper(15, [[4, 12]]), outages: [], failures: 0 };
    expect(chart(makeReport([use(15, { keeper: slept })]).markdown)).toEqual([
      { name: "Token 1", tags: "", from: 0, to: 5 },
      { name: "Token 2", tags: "", from: 2, to: 7 },
      { name: "No valid token 5 min", tags: "crit", from: 7, to: 12 },
      { name: "Token 3", tags: "", from: 12, to: 15 },
      { name: "Token 4", tags: "", from: 14, to: 15 },
    ]);
    const among = { ...keeper(60, [[4, 12]]), outages: [], failures: 0 };
    expect(chart(makeReport([use(60, { keeper: among })]).markdown).at(-1)).toEqual({
      name: "Tokens 4 to 26",
      tags: "",
      from: 14,
      to: 60,
    });
  });

  test("the last bar ends with its token or with the keeper, whichever is first", () => {
    const status = keeper(3, [], { ended: { at: NOON + 4 * MINUTE, why: "failed" } });
    expect(chart(makeReport([use(20, { keeper: status })]).markdown)).toEqual([
      { name: "Token 1", tags: "", from: 0, to: 4 },
      { name: "Token 2", tags: "", from: 2, to: 4 },
      { name: "No valid token 16 min", tags: "crit", from: 4, to: 20 },
    ]);
    const short = { ...status, tokenExpiresAt: NOON + 3.5 * MINUTE };
    expect(chart(makeReport([use(20, { keeper: short })]).markdown)[1]).toEqual({
      name: "Token 2",
      tags: "",
      from: 2,
      to: 3.5,
    });
  });

  test.each([
    [5, "%H:%M:%S"],
    [6, "%H:%M"],
    [11 * 60, "%H:%M"],
    [13 * 60, "%m-%d %H:%M"],
  ])("after %s minutes the axis shows %s", (minutes, format) => {
    expect(makeReport([use(minutes, { keeper: keeper(minutes) })]).markdown).toContain(
      `\n  axisFormat ${format}\n`,
    );
  });

  test("counts tokens from the first, though the keeper remembers the last ones only", () => {
    const { markdown } = makeReport([use(3000, { keeper: keeper(3000) })]);
    expect(chart(markdown)).toEqual([{ name: "Tokens 1 to 1500", tags: "", from: 0, to: 3000 }]);
  });

  test("numbers tokens that were not refreshes, too", () => {
    const status = keeper(8, [], { refreshes: 2 });
    expect(chart(makeReport([use(8, { keeper: status })]).markdown).map(({ name }) => name)).toEqual(
      [1, 2, 3, 4].map((n) => `Token ${n}`),
    );
  });

  test("is bounded: the longest breaks are drawn, and a bar says what it hides", () => {
    const outages = Array.from({ length: 30 }, (_, n): [number, number] => [
      n * 20 + 2,
      n * 20 + 12 + (n % 10 === 5 ? 2 : 0),
    ]);
    const { warnings, markdown } = makeReport([use(620, { keeper: keeper(620, outages) })]);
    const bars = chart(markdown);
    expect(bars.length).toBeLessThan(40);
    expect(bars.filter(({ name }) => name.startsWith("Outage")).map(({ name }) => name)).toEqual([
      "Outage 10 min",
      "Outage 12 min",
      "Outage 12 min",
      "Outage 12 min",
    ]);
    const hidden = bars.map(({ name }) => Number(/\(stale (\d+) times?\)/.exec(name)?.[1] ?? 0));
    expect(hidden.reduce((sum, count) => sum + count)).toBe(26);
    expect(warnings).toHaveLength(5);
    expect(warnings[4]).toBe("The ID token was stale 26 more times, for 3 h 2 min in all.");
  });

  test("a run between two breaks shares a bar", () => {
    const { markdown } = makeReport([use(30, { keeper: keeper(30, [[4, 10], [20, 26]]) })]); // biome-ignore format: pairs
    expect(
      chart(markdown)
        .filter(({ tags }) => tags === "")
        .map(({ name }) => name),
    ).toEqual(["Token 1", "Token 2", "Token 3", "Tokens 4 to 6", "Token 7", "Token 8", "Token 9"]);
  });

  test("has a section for each keeper", () => {
    const uses = [
      use(60, { keeper: keeper(60) }),
      use(60, {
        startedAt: NOON + 1,
        audience: "minio",
        keeper: { ...keeper(60, [[20, 30]]), startedAt: NOON + 1 },
      }),
      use(50, { startedAt: NOON + 2, audience: "minio", profile: "other" }),
    ];
    const { warnings, markdown } = makeReport(uses);
    expect(warnings).toEqual([
      expect.stringMatching(/^Keeper 2: The ID token was stale from 12:23:00 to 12:30:00 UTC/),
    ]);
    expect(markdown.split("\n")).toEqual(
      expect.arrayContaining([
        "  section Keeper 1",
        "  section Keeper 2",
        expect.stringMatching(/^\| `other` .*\| 2: `minio` \|$/),
      ]),
    );
    expect(chart(markdown)[0]).toMatchObject({ name: "Tokens 1 to 30" });
    expect(makeReport(uses.toReversed()).markdown).toBe(markdown);
  });

  test("and for each keeper, where an audience had one after another", () => {
    const later = { startedAt: NOON + 90 * MINUTE, endedAt: NOON + 91 * MINUTE, sessionName: "later" };
    const { markdown } = makeReport([
      use(60, { keeper: keeper(60) }),
      use(0, { ...later, keeper: { ...keeper(1), startedAt: later.startedAt } }),
    ]);
    expect(markdown).toMatch(/^\| .*aabbccdd` \| 1: `sts\.amazonaws\.com` \|$/m);
    expect(markdown).toMatch(/^\| .*`later` \| 2: `sts\.amazonaws\.com` \|$/m);
  });
});

const CONSEQUENCE = "Calls that needed a new session then failed.";
const RENEWS = "The keeper, which renews the ID token,";
const ended = (minute: number, why: Ending) => ({ ended: { at: NOON + minute * MINUTE, why } });
const stale = `The ID token was stale from 12:23:00 to 12:30:00 UTC (7 min): 5 requests failed, the last with "${HOST} answered 503". ${CONSEQUENCE} More: ${TROUBLESHOOTING}#token-was-stale`;

/** Each has: what happened, how it is told in annotations, and how long nobody could get a session. */
const EVENTS: [string, FinishedUse, string[], string | undefined, string[]][] = [
  ["a stale token", use(60, { keeper: keeper(60, [[20, 30]]) }), [stale], "7 min", []],
  [
    "an outage that did no harm",
    use(60, { keeper: keeper(60, [[20, 22]]) }),
    [],
    undefined,
    [
      `- No new ID token from 12:20:00 to 12:22:00 UTC (2 min): 1 request failed, the last with \`${HOST} answered 503\`. The one in the file stayed valid.`,
    ],
  ],
  [
    "an outage that was not over at the end",
    use(60, { keeper: keeper(60, [[50, 99]]) }),
    [
      expect.stringMatching(
        /^The ID token was stale from 12:53:00 to 13:00:00 UTC \(7 min\): 5 requests failed/,
      ) as unknown as string,
    ],
    "7 min",
    [],
  ],
  [
    "a machine that slept",
    use(60, { keeper: { ...keeper(60, [[20, 30]]), outages: [], failures: 0 } }),
    [
      `The ID token was stale from 12:23:00 to 12:30:00 UTC (7 min): no request failed, so the machine was suspended, or the keeper was killed and a later use started another. ${CONSEQUENCE} More: ${TROUBLESHOOTING}#token-was-stale`,
    ],
    "7 min",
    [],
  ],
  [
    "a keeper that died",
    use(60, { keeper: withoutLastWord(keeper(20)), keeperDied: true }),
    [
      `${RENEWS} was gone before the job was over. There was no valid ID token from 12:23:00 to 13:00:00 UTC (37 min). ${CONSEQUENCE} More: ${TROUBLESHOOTING}#keeper-was-gone`,
    ],
    "37 min",
    ["The oldest one a step could have read was 42 min old (lifetime 5 min)."],
  ],
  [
    "a keeper that died shortly before the end",
    use(21, { keeper: withoutLastWord(keeper(20)), keeperDied: true }),
    [
      `${RENEWS} was gone before the job was over. Its last ID token was valid until the job's steps were over, so no call was at risk. More: ${TROUBLESHOOTING}#keeper-was-gone`,
    ],
    undefined,
    ["The oldest one a step could have read was 3 min old (lifetime 5 min)."],
  ],
  [
    "a keeper that hung",
    use(60, { keeper: withoutLastWord(keeper(20)) }),
    [
      expect.stringMatching(
        /^The keeper, .* did not answer at the end of the job\. There was no valid ID token from 12:23:00 to 13:00:00/,
      ) as unknown as string,
    ],
    "37 min",
    [],
  ],
  [
    "a job that outlived its request token",
    use(60, { keeper: keeper(20, [], ended(24, "request token expired")) }),
    [
      `The job ran past the roughly six hours for which GitHub issues ID tokens. There was no valid ID token from 12:24:00 to 13:00:00 UTC (36 min). ${CONSEQUENCE} More: ${TROUBLESHOOTING}#job-outlived-its-id-tokens`,
    ],
    "36 min",
    [],
  ],
  ...(
    [
      ["job directory gone", "because its folder was removed from RUNNER_TEMP"],
      ["job over", "because the runner's worker process was gone"],
      ["failed", "because of an internal error"],
    ] as const
  ).map(([why, said]): (typeof EVENTS)[number] => [
    `a keeper that ended early: ${why}`,
    use(60, { keeper: keeper(20, [], ended(20, why)) }),
    [
      expect.stringMatching(
        new RegExp(
          `^The keeper, .* ended early ${said}\\. There was no valid ID token from 12:20:00 to 13:00:00 UTC \\(40 min\\)`,
        ),
      ) as unknown as string,
    ],
    "40 min",
    [],
  ]),
  [
    "two things at once",
    use(60, { keeper: keeper(40, [[20, 30]], ended(40, "failed")) }),
    [
      stale,
      `${RENEWS} ended early because of an internal error. There was no valid ID token from 12:40:00 to 13:00:00 UTC (20 min). ${CONSEQUENCE} More: ${TROUBLESHOOTING}#keeper-was-gone`,
    ],
    "27 min",
    [],
  ],
];

describe("what counts as a problem", () => {
  test.each(EVENTS)("%s", (_, finished, warnings, gap, has) => {
    const report = makeReport([finished]);
    expect(report.warnings).toEqual(warnings);
    expect(report.eventful).toBe(true);
    expect(report.markdown).toContain(
      gap ? `**No valid ID token for ${gap}** of the time from` : "**A valid ID token at every moment**",
    );
    for (const text of has) expect(report.markdown).toContain(text);
    expect(report.markdown.match(/^- /gm)).toHaveLength(Math.max(1, warnings.length));
    const drawn = chart(report.markdown).filter(({ name }) => name.startsWith("No valid token"));
    expect(drawn.reduce((sum, bar) => sum + bar.to - bar.from, 0)).toBe(gap ? Number.parseInt(gap, 10) : 0);
  });

  test("a keeper that post ended has not ended early: late in the end, or by a post that was cut short", () => {
    for (const last of [ended(20.1, "failed"), ended(19.9, "stopped")]) {
      expect(makeReport([use(20, { keeper: keeper(20, [], last) })])).toMatchObject({ eventful: false });
    }
  });

  test("an outage ends with its keeper", () => {
    const { markdown } = makeReport([use(60, { keeper: keeper(34, [[30, 99]], ended(33, "failed")) })]);
    expect(markdown).toContain("- No new ID token from 12:30:00 to 12:33:00 UTC (3 min): 2 requests failed");
  });

  test("the age is that of the token nearest to its end", () => {
    const status = keeper(60);
    const uses = [
      use(60, { keeper: { ...status, longestAgeMs: 4 * MINUTE, lifetimeMs: 60 * MINUTE } }),
      use(60, { keeper: { ...status, longestAgeMs: 3 * MINUTE }, audience: "minio" }),
    ];
    for (const order of [uses, uses.toReversed()])
      expect(makeReport(order).markdown).toContain("was 3 min old (lifetime 5 min).");
  });

  test("what overlaps counts once", () => {
    const status = {
      ...keeper(60),
      stale: [
        { from: NOON, to: NOON + 2.5 * MINUTE },
        { from: NOON, to: NOON + 2 * MINUTE },
        { from: NOON + MINUTE, to: NOON + 3 * MINUTE },
      ],
    };
    expect(makeReport([use(60, { keeper: status })]).markdown).toContain("**No valid ID token for 3 min**");
  });
});

describe("text from outside", () => {
  const PARTS = [
    ...[
      "`",
      "``",
      "```",
      "|",
      "\\",
      "\\|",
      "\n",
      "\r\n",
      "\u2028",
      "\u202e",
      "\u0000",
      "\ud800",
      "é",
      " ",
      "a",
      "<",
      ">",
      "&lt;",
      "*",
    ],
    ...[
      "<img src=x onerror=alert(1)>",
      "<!--",
      "[x](https://evil.example)",
      "# x",
      "::error::x",
      "##[error]x",
      "%%{init:{}}%%",
      "@octocat",
    ],
  ];
  const hostile = fc.oneof(
    fc.string({ unit: "binary", maxLength: 400 }),
    fc.array(fc.constantFrom(...PARTS), { maxLength: 12 }).map((parts) => parts.join("")),
  );
  const SPAN = /`[^`|\\\n]+`/g;

  /** What is left without the code spans: it must not depend on what they hold. */
  const skeleton = (markdown: string) => markdown.replaceAll(SPAN, "CODE").replaceAll("(empty)", "CODE");

  test("stays within its code span", () => {
    fc.assert(
      fc.property(
        fc.tuple(hostile, hostile, hostile, hostile, hostile),
        ([profile, roleArn, sessionName, audience, lastError]) => {
          const report = (name: (text: string) => string) => {
            const status = keeper(60, [[20, 30]]);
            for (const outage of status.outages) outage.lastError = name(lastError);
            const one = {
              profile: name(profile),
              roleArn: name(roleArn),
              sessionName: name(sessionName),
              audience: name(audience),
            };
            return makeReport([
              use(60, { ...one, keeper: status }),
              use(60, { ...one, audience: `${one.audience} 2`, keeper: status }),
            ]);
          };
          const { markdown, warnings } = report((text) => text);
          expect(skeleton(markdown)).toBe(skeleton(report(() => "benign").markdown));
          expect(markdown.replaceAll(SPAN, "").match(/`+/g)).toEqual(["```", "```"]);
          expect(markdown).toMatch(/^[\x20-\x7e\n]+$/);
          for (const warning of warnings)
            expect(warning).toMatch(
              /^Keeper [12]: The ID token was stale [^\p{Cc}\p{Cf}\p{Cs}\p{Zl}\p{Zp}]+$/u,
            );
        },
      ),
      { numRuns: 300 },
    );
  });

  test("is bounded, as all of it is", () => {
    const status = keeper(
      7200,
      Array.from({ length: 250 }, (_, n) => [n * 28 + 2, n * 28 + 20]),
    );
    for (const outage of status.outages) outage.lastError = "|".repeat(9_999);
    const text = "x".repeat(9_999);
    const uses = Array.from({ length: 100 }, (_, n) =>
      use(7200, {
        startedAt: NOON + n,
        profile: text,
        roleArn: text,
        sessionName: text,
        audience: `${n}${text}`,
        keeper: status,
      }),
    );
    const { markdown, warnings } = makeReport(uses);
    expect(Buffer.byteLength(markdown)).toBeLessThan(64 * 1024);
    expect(markdown).toContain("and 90 more uses.");
    expect(Math.max(...warnings.map((warning) => warning.length))).toBeLessThan(1_000);
    expect(warnings.length).toBeLessThan(25);
  });
});
