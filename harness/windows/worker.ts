/**
 * The runner's worker on Windows: a Windows process that starts the steps of a job, as Runner.Worker.exe does,
 * and ends them with TerminateProcess (actions/runner, src/Runner.Sdk/ProcessInvoker.cs). It takes orders over
 * HTTP on loopback and writes its address to a file: under Wine, pipes to programs of the other system fail.
 * Arguments: that file, and a folder for what the steps print.
 */
import { spawn } from "node:child_process";
import * as fs from "node:fs";
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import type { Answers, Order, StepEnd } from "./orders.ts";

const [addressFile = "", outputFolder = ""] = process.argv.slice(2);

/** What every Windows process needs. All else of a step's environment comes with the order. */
const BASE = ["SystemRoot", "SystemDrive", "windir", "ComSpec", "PATH", "PATHEXT", "TEMP", "TMP"];

const steps = new Map<number, Promise<StepEnd>>();
/** Not steps.size: Wine gives a pid to another process soon. */
let started = 0;

function start({ file, args, cwd, env }: Extract<Order, { kind: "start" }>): number {
  const base = Object.fromEntries(BASE.map((name) => [name, process.env[name] ?? ""]));
  const number = started++;
  const outputs = ["stdout", "stderr"].map((name) => `${outputFolder}\\${number}.${name}`);
  const files = outputs.map((output) => fs.openSync(output, "w"));
  const child = spawn(file, args, {
    cwd,
    env: { ...base, ...env },
    stdio: ["ignore", ...files],
    windowsHide: true,
  });
  for (const opened of files) fs.closeSync(opened);
  const { pid } = child;
  const ended = new Promise<StepEnd>((resolve) => {
    const end = (exitCode: number | null, error = ""): void => {
      const [stdout = "", stderr = ""] = outputs.map((output) => fs.readFileSync(output, "utf8"));
      resolve({ exitCode, stdout, stderr: stderr + error });
    };
    child.once("error", ({ message }) => end(null, message));
    child.once("exit", (code) => end(code));
  });
  if (pid === undefined) throw new Error(`${file} did not start`);
  steps.set(pid, ended);
  return pid;
}

/** On Windows any signal but 0 is TerminateProcess. */
function signal(pid: number, number: 0 | "SIGKILL"): boolean {
  try {
    return process.kill(pid, number);
  } catch {
    return false;
  }
}

async function carryOut(order: Order): Promise<Answers[Order["kind"]]> {
  switch (order.kind) {
    case "start":
      return { pid: start(order) };
    case "wait": {
      const ended = steps.get(order.pid);
      if (ended === undefined) throw new Error(`${order.pid} is not a step`);
      return await ended;
    }
    case "kill":
      return { done: signal(order.pid, "SIGKILL") };
    case "alive":
      return { done: signal(order.pid, 0) };
    case "end":
      setImmediate(() => process.exit(0));
      return { done: true };
  }
}

const server = createServer(async (request, response) => {
  let body = "";
  for await (const chunk of request) body += chunk;
  try {
    response.end(JSON.stringify(await carryOut(JSON.parse(body) as Order)));
  } catch (error) {
    response.writeHead(500).end(String(error));
  }
});
// A step may take longer than any of Node's own limits.
server.requestTimeout = 0;
server.listen(0, "127.0.0.1", () => {
  fs.writeFileSync(`${addressFile}.new`, String((server.address() as AddressInfo).port));
  fs.renameSync(`${addressFile}.new`, addressFile);
});
// Nobody asks any more: the tests were killed.
let asked = Date.now();
server.on("request", () => {
  asked = Date.now();
});
setInterval(() => {
  if (Date.now() - asked > 180_000) process.exit(1);
}, 10_000);
