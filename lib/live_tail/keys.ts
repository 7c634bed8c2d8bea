/** The keys of the page. Pure. */

/** What a key does. */
export type Command =
  | "search"
  | "pause"
  | "live"
  | "first"
  | "pageUp"
  | "pageDown"
  | "close"
  | "next"
  | "previous"
  | "open"
  | "wrap"
  | "lines"
  | "repeats"
  | "time"
  | "export"
  | "help";

/** The part of a KeyboardEvent that counts. */
export interface KeyPress {
  readonly key: string;
  readonly ctrlKey: boolean;
  readonly metaKey: boolean;
  readonly altKey: boolean;
}

/** Where the key was pressed: in a text field, on a button or link, or anywhere else. */
export type KeyPlace = "field" | "control" | "page";

const COMMANDS: Readonly<Record<string, Command>> = {
  "/": "search",
  " ": "pause",
  "End": "live",
  "g": "live",
  "G": "live",
  "Home": "first",
  "PageUp": "pageUp",
  "PageDown": "pageDown",
  "Escape": "close",
  "j": "next",
  "ArrowDown": "next",
  "k": "previous",
  "ArrowUp": "previous",
  "Enter": "open",
  "w": "wrap",
  "f": "lines",
  "x": "repeats",
  "t": "time",
  "e": "export",
  "?": "help",
};

/** The keys as the help lists them. */
export const SHORTCUTS: readonly { readonly keys: readonly string[]; readonly label: string }[] = [
  { keys: ["/"], label: "Search" },
  { keys: ["Space"], label: "Pause or resume" },
  { keys: ["End", "g"], label: "Back to live" },
  { keys: ["Home"], label: "To the oldest row" },
  { keys: ["j", "↓"], label: "Next log" },
  { keys: ["k", "↑"], label: "Previous log" },
  { keys: ["Enter"], label: "Show details" },
  { keys: ["t"], label: "Go to a time" },
  { keys: ["e"], label: "Export logs" },
  { keys: ["w"], label: "Wrap long messages" },
  { keys: ["f"], label: "All lines of a message, or one" },
  { keys: ["x"], label: "Repeated logs one by one, or as one" },
  { keys: ["Esc"], label: "Close details" },
  { keys: ["?"], label: "Show these keys" },
];

/** The command of a key, or `null` where the key belongs to the browser, a field or a button. */
export function commandOf(press: KeyPress, place: KeyPlace): Command | null {
  if (press.ctrlKey || press.metaKey || press.altKey) return null;
  const command = Object.hasOwn(COMMANDS, press.key) ? COMMANDS[press.key] ?? null : null;
  if (place === "field") return command === "close" ? command : null;
  // Space and Enter press the button that has the focus.
  if (place === "control" && (press.key === " " || press.key === "Enter")) return null;
  return command;
}
