// Walks through docs/setup/index.html in headless Chromium as a user with a keyboard and a phone would, and prints what it saw as
// JSON. Runs beside node_modules of .cache/examples/browser: node walk.mjs PAGE
import { pathToFileURL } from "node:url";
import chromium from "@sparticuz/chromium";
import puppeteer from "puppeteer-core";

const [page_] = process.argv.slice(2);
const browser = await puppeteer.launch({
  executablePath: await chromium.executablePath(),
  args: chromium.args,
  headless: "shell",
  timeout: 60_000,
});
const seen = { requests: [], errors: [] };
try {
  const page = await browser.newPage();
  page.on("request", (request) => seen.requests.push(request.url()));
  page.on("console", (message) => message.type() === "error" && seen.errors.push(message.text()));
  page.on("pageerror", (error) => seen.errors.push(String(error)));
  await page.setViewport({ width: 360, height: 740 });
  await page.goto(pathToFileURL(page_).href);

  const text = (id) => page.$eval(`#${id}`, (element) => element.textContent);
  const texts = async () => ({
    ...{ policy: await text("policy"), cloudFormation: await text("cloudFormation") },
    ...{ terraform: await text("terraform"), workflow: await text("workflow") },
  });
  const scrolls = () => page.evaluate(() => document.documentElement.scrollWidth > innerWidth);
  const focused = () =>
    page.evaluate(
      () =>
        document.activeElement?.id ||
        document.activeElement?.dataset?.copies ||
        document.activeElement?.tagName,
    );
  const fill = async (value) => {
    await page.keyboard.down("Control");
    await page.keyboard.press("a");
    await page.keyboard.up("Control");
    await page.keyboard.type(value);
  };

  seen.start = await texts();
  // Keyboard alone, in the order of the page.
  seen.order = [];
  const next = async () => {
    await page.keyboard.press("Tab");
    seen.order.push(await focused());
  };
  await next();
  for (const value of [
    "octo-org/app",
    undefined,
    "my env",
    "74",
    "65",
    "111122223333",
    "ship",
    "us-east-1",
  ]) {
    await next();
    if (value !== undefined) await fill(value);
  }
  seen.filled = await texts();
  for (let steps = 0; steps < 14; steps++) await next();
  seen.unlabelled = await page.$$eval("input, select, textarea, button", (controls) =>
    controls.filter((one) => !(one.labels?.length > 0 || one.ariaLabel)).map((one) => one.outerHTML),
  );

  await page.select("#kind", "pull-request");
  seen.nameHidden = await page.$eval("#name-row", (element) => element.hidden);
  await page.select("#kind", "branch");
  seen.branchLabel = await text("label-name");
  await page.focus("#repository");
  await fill("no slash");
  seen.problem = await text("problem");
  await fill("octo-org/app");
  seen.problemGone = await page.$eval("#problem", (element) => element.hidden);
  seen.branch = await texts();

  await page.focus("#pasted-policy");
  await page.$eval(
    "#pasted-policy",
    (element, policy) => {
      element.value = policy.replace('"Effect"', '"Sid": "<img src=x onerror=alert(1)>", "Effect"');
      element.dispatchEvent(new Event("input", { bubbles: true }));
    },
    seen.branch.policy,
  );
  const ask = async (claims) => {
    await page.focus("#claims");
    await fill(claims);
    return {
      verdict: await text("verdict"),
      problem: await text("explain-problem"),
      html: await page.$$eval("#verdict img", (all) => all.length),
    };
  };
  seen.refused = await ask("repo:octo-org/app:environment:production");
  seen.accepted = await ask("repo:octo-org@65/app@74:ref:refs/heads/my env");
  seen.nonsense = await ask("what?");

  await page.$$eval("details", (all) => all.map((one) => one.setAttribute("open", "")));
  seen.scrollsAt360 = await scrolls();
  await page.setViewport({ width: 1280, height: 900 });
  seen.scrollsAt1280 = await scrolls();
  await page.click('button[data-copies="workflow"]');
  await page.waitForFunction(
    () => document.querySelector('button[data-copies="workflow"]').textContent !== "Copy",
  );
  seen.copied = await page.$eval('button[data-copies="workflow"]', (button) => button.textContent);
} finally {
  await browser.close();
}
console.log(JSON.stringify(seen));
