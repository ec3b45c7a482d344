// The page docs/setup/index.html: forms on one side, what to paste or the reasons on the other. It sends nothing anywhere.
import { type Claims, claimsIn, readClaims } from "../cli/trust-policy-claims.ts";
import { judge, type Known } from "../cli/trust-policy-core.ts";
import { type Answers, type Snippets, snippetsFor } from "./snippets.ts";

function element<Type extends HTMLElement = HTMLElement>(id: string): Type {
  const found = document.getElementById(id);
  if (found === null) throw new Error(`the page has no element ${id}`);
  return found as Type;
}

const value = (id: string): string => element<HTMLInputElement>(id).value.trim();

/** Errors of the command line name its options; the page has labels. */
function readable(error: unknown): string {
  const text = error instanceof Error ? error.message : String(error);
  return text.replace(
    /--([a-z-]+)/g,
    (_, option: string) => element(`label-${option}`)?.textContent ?? option,
  );
}

function say(id: string, text: string): void {
  element(id).textContent = text;
  element(id).hidden = text === "";
}

const OUTPUTS: (keyof Snippets)[] = ["policy", "cloudFormation", "terraform", "workflow"];

function show(): void {
  const kind = value("kind") as Answers["kind"];
  element("name-row").hidden = kind === "pull-request";
  element("label-name").textContent = {
    environment: "Environment",
    branch: "Branch",
    tag: "Tag",
    "pull-request": "",
  }[kind];
  try {
    const snippets = snippetsFor(
      {
        ...{ kind, repository: value("repository"), name: value("name"), account: value("account") },
        ...{ repositoryId: value("repository-id"), ownerId: value("owner-id"), role: value("role") },
        ...{ partition: value("partition"), region: value("region") },
      },
      element("template").textContent ?? "",
    );
    for (const output of OUTPUTS) element(output).textContent = snippets[output];
    say("problem", "");
  } catch (error) {
    say("problem", readable(error));
  }
}

/** What was pasted: a sub, the lines of a log, or JSON. */
function pasted(text: string): { claims: Claims; known: Known } {
  if (/^repo:[^\n]+$/.test(text)) return { claims: claimsIn(text), known: "by its sub" };
  return { claims: readClaims(text), known: text.startsWith("{") ? "all" : "as in the log" };
}

function explain(): void {
  const result = element("verdict");
  result.replaceChildren();
  const policy = value("pasted-policy");
  const text = value("claims");
  say("explain-problem", "");
  if (policy === "" || text === "") return;
  try {
    const { claims, known } = pasted(text);
    const { allowed, statements, skipped, suggestion } = judge(policy, claims, known, {});
    const add = (tag: string, content: string, parent: HTMLElement = result): HTMLElement => {
      const made = document.createElement(tag);
      made.textContent = content;
      parent.append(made);
      return made;
    };
    const word = allowed ? "accepts" : "does not accept";
    add("p", `The policy ${word} this token.`).className = allowed ? "good" : "bad";
    const list = add("ul", "");
    for (const { index, sid, effect, outcome, reasons } of statements) {
      const item = add(
        "li",
        `Statement ${index}${sid === undefined ? "" : `, ${sid}`} (${effect}): ${outcome}`,
        list,
      );
      if (effect === "Deny" && outcome === "does not apply") continue;
      const why = add("ul", "", item);
      for (const reason of reasons) add("li", reason, why);
    }
    if (skipped.length > 0) add("p", "Not compared, because the claim is not given:");
    const missing = add("ul", "");
    for (const line of skipped) add("li", line, missing);
    if (allowed) return;
    add("p", "This policy accepts exactly such a token:");
    add("pre", JSON.stringify(suggestion, null, 2)).tabIndex = 0;
  } catch (error) {
    say("explain-problem", readable(error));
  }
}

async function copy(button: HTMLButtonElement): Promise<void> {
  const text = element(button.dataset.copies ?? "");
  try {
    await navigator.clipboard.writeText(text.textContent ?? "");
    button.textContent = "Copied";
  } catch {
    // Not allowed, as in a page from a file: then it is selected, to be copied by hand.
    getSelection()?.selectAllChildren(text);
    button.textContent = "Selected: copy it";
  }
  setTimeout(() => {
    button.textContent = "Copy";
  }, 2_000);
}

for (const form of document.querySelectorAll("form"))
  form.addEventListener("submit", (event) => event.preventDefault());
element("answers").addEventListener("input", show);
element("question").addEventListener("input", explain);
for (const button of document.querySelectorAll<HTMLButtonElement>("button[data-copies]"))
  button.addEventListener("click", () => copy(button));
show();
explain();
