/** Text that a terminal shows and does not obey. Pure. */

/**
 * C0 and C1 controls but for tab and line feed (ECMA-48: escape sequences begin with one of them), and the characters that turn the
 * text around them (Unicode TR9).
 */
const OBEYED =
  // deno-lint-ignore no-control-regex -- control characters are what this looks for
  /[\u0000-\u0008\u000b-\u001f\u007f-\u009f\u061c\u200e\u200f\u2028\u2029\u202a-\u202e\u2066-\u2069]/gu;

/** Writes them as JSON does, `\u001b`: names, paths and messages may come from anybody. JSON stays the same JSON. */
export function printable(text: string): string {
  return text.replace(OBEYED, (char) => `\\u${char.charCodeAt(0).toString(16).padStart(4, "0")}`);
}

/** The same for what has to be one line. */
export function printableLine(text: string): string {
  return printable(text).replaceAll("\n", "\\n").replaceAll("\t", "\\t");
}

/** The same for a log line, whose colours stay. What goes on is indented, so that none of it looks like a line of its own. */
export function printableRecord(text: string): string {
  // deno-lint-ignore no-control-regex -- the escape character begins a colour
  return text.split(/(\u001b\[[0-9;]*m)/u).map((part, i) => i % 2 === 1 ? part : printable(part)).join("")
    .replaceAll("\n", "\n    ");
}
