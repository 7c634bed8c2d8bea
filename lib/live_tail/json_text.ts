/** Messages that are JSON. Pure. */

/** Deeper values are indented no further: spaces would outweigh the text. */
const MOST_INDENT = 40;

// After JSON.parse() has taken the text, these are all that stands in it.
const TOKEN = /"(?:[^"\\]+|\\.)*"|[{}[\],:]|[^\s{}[\],:"]+/gu;

/** Whether a text is a JSON object or array. What could not be one is told by its ends alone. */
export function isJson(text: string): boolean {
  const whole = text.trim();
  const ends = `${whole.at(0) ?? ""}${whole.at(-1) ?? ""}`;
  if (ends !== "{}" && ends !== "[]") return false;
  try {
    JSON.parse(whole);
    return true;
  } catch {
    return false;
  }
}

/** JSON on one line. */
export function flatJson(text: string): string {
  // Line ends never stand within a JSON text's strings.
  return text.trim().split("\n").map((line) => line.trim()).join(" ");
}

/**
 * JSON with a line for each value. Only white space changes: numbers keep their digits, and names that repeat stay, which
 * parsing and writing would lose. Text that {@link isJson} refuses stays as it is.
 */
export function prettyJson(text: string): string {
  if (!isJson(text)) return text;
  const parts: string[] = [];
  let depth = 0;
  const line = () => parts.push("\n", "  ".repeat(Math.min(depth, MOST_INDENT)));
  let opened = false;
  for (const [token] of text.matchAll(TOKEN)) {
    const closes = token === "}" || token === "]";
    if (closes) depth--;
    // `{}` and `[]` stay together.
    if (opened !== closes && (opened || closes)) line();
    opened = token === "{" || token === "[";
    if (opened) depth++;
    parts.push(token);
    if (token === ":") parts.push(" ");
    if (token === ",") line();
  }
  return parts.join("");
}
