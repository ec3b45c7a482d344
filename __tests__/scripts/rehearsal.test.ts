import { expect, test } from "@jest/globals";
import { renderSvg } from "../../scripts/rehearsal/picture.ts";
import {
  brokenPromises,
  type Call,
  type JobTimeline,
  renderTable,
  summarise,
  type Timeline,
} from "../../scripts/rehearsal/timeline.ts";

const good = (...at: number[]): Call[] => at.map((moment) => ({ at: moment }));
const bad = (...at: number[]): Call[] => at.map((moment) => ({ at: moment, error: "ExpiredToken" }));

function jobWith(
  name: string,
  mustHold: boolean,
  clients: JobTimeline["clients"],
  rest: Partial<JobTimeline> = {},
): JobTimeline {
  return {
    name,
    note: "",
    mustHold,
    tokens: [{ from: 0, to: 6 }],
    sessions: [{ from: 0, to: 15 }],
    clients,
    ...rest,
  };
}

function timelineWith(...jobs: JobTimeline[]): Timeline {
  return { seconds: 60, idTokenSeconds: 6, sessionSeconds: 15, calls: "AWS call", jobs };
}

test("a summary counts calls and failures and keeps the first failure", () => {
  const timeline = timelineWith(
    jobWith("a", false, [{ name: "js", calls: [...good(1, 2), ...bad(16, 17)] }]),
  );
  expect(summarise(timeline)).toEqual([
    { job: "a", client: "js", calls: 4, failures: 2, firstFailure: { at: 16, error: "ExpiredToken" } },
  ]);
});

test("the promise holds if one job never fails and the others do", () => {
  const lost = jobWith("lost", false, [{ name: "js", calls: [...good(1), ...bad(16)] }]);
  expect(brokenPromises(timelineWith(lost, jobWith("held", true, [{ name: "js", calls: good(1) }])))).toEqual(
    [],
  );
});

test("a job without a session is not as promised: its server was not listened to", () => {
  const lost = jobWith("lost", false, [{ name: "js", calls: [...good(1), ...bad(16)] }], { sessions: [] });
  expect(brokenPromises(timelineWith(lost))).toEqual(["lost: the server reports no session"]);
});

test("the legend has how long a session lives, and what a call is", () => {
  const job = jobWith("held", true, [{ name: "js", calls: good(1) }]);
  expect(renderSvg(timelineWith(job))).toContain("role session, valid for 15 s");
  const svg = renderSvg({ ...timelineWith(job), sessionSeconds: undefined, calls: "S3 call" });
  expect(svg).toContain("role session, ends with its token");
  expect(svg).toContain("S3 call that failed");
});

test.each([
  [
    "a failure where there must be none",
    true,
    [...good(1), ...bad(2)],
    "one (js): 1 of 2 calls failed, the first after 2.0 s: ExpiredToken",
  ],
  ["no failure where there must be one", false, good(1, 2), "one (js): did not fail, as it does in reality"],
  ["no call at all", true, [], "one (js): made no call"],
  ["no call at all where it must fail", false, [], "one (js): made no call"],
])("the promise is broken by %s", (_, mustHold, calls, message) => {
  expect(brokenPromises(timelineWith(jobWith("one", mustHold, [{ name: "js", calls }])))).toEqual([message]);
});

test("every client of a job counts for the promise", () => {
  const clients = [
    { name: "js", calls: good(1) },
    { name: "boto3", calls: bad(1) },
  ];
  expect(brokenPromises(timelineWith(jobWith("one", true, clients)))).toHaveLength(1);
});

test("the table has a line for each client, and the job's refreshes once", () => {
  const tokens = [
    { from: 0, to: 6 },
    { from: 3, to: 9 },
    { from: 6, to: 12 },
  ];
  const clients = [
    { name: "js", calls: [...good(1), ...bad(16)] },
    { name: "boto3", calls: good(1, 2) },
  ];
  expect(renderTable(timelineWith(jobWith("a job", false, clients, { tokens }))).split("\n")).toEqual([
    "job    client  calls  token refreshes  session refreshes  first failure        failures",
    "-----  ------  -----  ---------------  -----------------  -------------------  --------",
    "a job  js          2                2                  0  16.0 s ExpiredToken         1",
    "       boto3       2                                      none                        0",
  ]);
});

test("the picture shows every span and call within the time, and no span beyond it", () => {
  const tokens = [
    { from: 0, to: 6 },
    { from: 3, to: 9 },
    { from: 61, to: 67 },
  ];
  const svg = renderSvg(
    timelineWith(jobWith("a", false, [{ name: "js", calls: [...good(1, 2), ...bad(16)] }], { tokens })),
  );
  const legend = 1;
  expect(svg.match(/fill="#2f74c0"/g)).toHaveLength(2 + legend);
  expect(svg.match(/fill="#8a63b8"/g)).toHaveLength(1 + legend);
  expect(/<path d="([^"]*)" stroke="#2b9a66"/.exec(svg)?.[1]?.match(/M/g)).toHaveLength(2);
  expect(/<path d="([^"]*)" stroke="#cf222e"/.exec(svg)?.[1]?.match(/M/g)).toHaveLength(1);
  expect(svg).toContain("✗ ExpiredToken after 16.0 s: 1 of 3 calls failed");
});

test("overlapping spans do not cover each other", () => {
  const tokens = [
    { from: 0, to: 6 },
    { from: 3, to: 9 },
    { from: 6, to: 12 },
  ];
  const svg = renderSvg(timelineWith(jobWith("a", true, [{ name: "js", calls: good(1) }], { tokens })));
  const rows = [...svg.matchAll(/y="([\d.]+)"[^>]*fill="#2f74c0"/g)].map(([, y]) => Number(y)).slice(1);
  expect(rows[0]).not.toBe(rows[1]);
  expect(rows[0]).toBe(rows[2]);
});

test("names are escaped in the picture", () => {
  const svg = renderSvg(timelineWith(jobWith("<a & b>", true, [{ name: "js", calls: good(1) }])));
  expect(svg).toContain("&lt;a &amp; b&gt;");
  expect(svg).toContain("✓ no failure in 1 calls");
});
