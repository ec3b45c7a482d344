// The settings in a section of an AWS config or credentials file: which of its lines stay when a use of this
// action puts another identity there. As text, like profile.ts.

/** A line of a section, and what it means to SDKs. */
export interface Entry {
  text: string;
  /** In lower case; undefined for a comment or a blank line. */
  key: string | undefined;
  value: string;
  indent: number;
  /** The key that this line is indented under. */
  parent: Entry | undefined;
}

/**
 * What names an identity, or belongs to one:
 * https://docs.aws.amazon.com/sdkref/latest/guide/settings-reference.html
 */
const IDENTITY = new RegExp(
  `^(?:${[
    "role_arn|role_session_name|source_profile|external_id|duration_seconds|mfa_serial|login_session",
    "(?:web_identity|credential|sso)_.*",
    "aws_(?:access_key_id|secret_access_key|session_token|security_token|account_id|credential_scope|expiration)",
  ].join("|")})$`,
);

const HEADER = /^\s*\[([^\]]*)\]\s*(?:[#;].*)?$/s;
const BLANK_OR_COMMENT = /^\s*(?:[#;].*)?$/s;

/** The entries of all sections whose header (between the brackets) is asked for, in order. */
export function entriesOf(text: string, isAsked: (header: string) => boolean): Entry[] {
  const entries: Entry[] = [];
  let inside = false;
  let parent: Entry | undefined;
  // Python ends a line at a lone CR, too.
  for (const line of text.split(/(?<=\n|\r(?!\n))/)) {
    if (/^\s*\[/.test(line)) {
      const header = HEADER.exec(line)?.[1];
      inside = header !== undefined && isAsked(header.trim());
      parent = undefined;
    } else if (inside) {
      const entry = parse(line, parent);
      if (entry.key !== undefined && entry.parent === undefined) parent = entry;
      entries.push(entry);
    }
  }
  return entries;
}

function parse(text: string, above: Entry | undefined): Entry {
  const indent = text.length - text.trimStart().length;
  const parent = above !== undefined && indent > above.indent ? above : undefined;
  if (BLANK_OR_COMMENT.test(text)) return { text, key: undefined, value: "", indent, parent };
  const [, name = "", rest = ""] = /^([^=:]*)[=:]?(.*)$/s.exec(text) ?? [];
  // Some SDKs trim more than spaces.
  const key = name.toLowerCase().replace(/^[^a-z0-9]+|[^a-z0-9]+$/g, "");
  const value = (rest.split(/(?:^|\s)[#;]/)[0] ?? "").trim();
  return { text, key, value, indent, parent };
}

/** The value of a key that is not indented under another; the last one counts. */
export function valueIn(entries: Entry[], key: string): string | undefined {
  return entries.findLast((entry) => entry.key === key && entry.parent === undefined)?.value;
}

/**
 * The text of the entries that name no identity and none of the keys in `others`. "" if no key is left. No
 * key is there twice, which botocore refuses.
 */
export function settingsIn(entries: Entry[], others: (entry: Entry) => boolean): string {
  const top = entries.filter(({ key, parent }) => key !== undefined && parent === undefined);
  const last = new Map(top.map((entry) => [entry.key, entry]));
  const isNamed = (entry: Entry) => IDENTITY.test(entry.key ?? "") || others(entry);
  const goes = (entry: Entry): boolean => {
    if (entry.key === undefined) return false;
    if (entry.parent === undefined) return isNamed(entry) || last.get(entry.key) !== entry;
    // Under a key without a value it is a part of that key. Under one with a value, SDKs differ: botocore
    // continues the value, JavaScript reads a key.
    return goes(entry.parent) || (entry.parent.value !== "" && isNamed(entry));
  };
  const kept = entries.filter((entry) => !goes(entry));
  if (kept.every(({ key }) => key === undefined)) return "";
  let above: Entry | undefined;
  const lines = kept.map((entry) => {
    if (entry.key === undefined || entry.parent !== undefined) return entry.text;
    // Indented more than the key before it, it would continue that one.
    const isDeeper = above !== undefined && entry.indent > above.indent;
    above = isDeeper ? { ...entry, indent: 0 } : entry;
    return isDeeper ? entry.text.trimStart() : entry.text;
  });
  return lines.join("").replace(/(?<!\n)$/, "\n");
}
