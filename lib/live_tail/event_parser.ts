/**
 * Reads an event stream (HTML standard section 9.2.6). Written here because parsers on npm drop blocks that have an id and nothing else,
 * and those are what a page resumes from. Pure.
 */

/** What stands between two blank lines. */
export interface EventBlock {
  readonly event: string;
  /** `null` where there is no data: such a block is no event, but its id counts. */
  readonly data: string | null;
  /** `null` where there is no id. */
  readonly id: string | null;
}

/** What is told. */
export interface EventListener {
  readonly block: (block: EventBlock) => void;
  readonly comment: () => void;
}

/** The most characters of one block: a log's preview is a thousandth of it. */
export const MOST_BLOCK = 4 * 1024 * 1024;

/**
 * Makes a parser that is fed text as it comes.
 *
 * @throws {RangeError} from feeding, when a block is longer than {@link MOST_BLOCK}
 */
export function createEventParser({ block, comment }: EventListener): (text: string) => void {
  let rest = "";
  let data: string[] = [];
  let event = "";
  let id: string | null = null;
  let size = 0;

  function end(): void {
    if (data.length > 0 || id !== null) {
      block({ event: event === "" ? "message" : event, data: data.length > 0 ? data.join("\n") : null, id });
    }
    data = [];
    event = "";
    id = null;
    size = 0;
  }

  function line(text: string): void {
    if (text === "") return end();
    const colon = text.indexOf(":");
    if (colon === 0) return comment();
    const name = colon < 0 ? text : text.slice(0, colon);
    const value = colon < 0 ? "" : text.slice(text[colon + 1] === " " ? colon + 2 : colon + 1);
    size += text.length;
    if (size > MOST_BLOCK) throw new RangeError("A block of the stream is too long");
    if (name === "data") data.push(value);
    else if (name === "event") event = value;
    else if (name === "id" && !value.includes("\0")) id = value;
  }

  return (text) => {
    rest += text;
    // The other half of a line's end may be still to come.
    const held = rest.endsWith("\r") ? 1 : 0;
    const lines = rest.slice(0, rest.length - held).split(/\r\n|\n|\r/u);
    rest = (lines.pop() ?? "") + rest.slice(rest.length - held);
    for (const each of lines) line(each);
    if (rest.length > MOST_BLOCK) throw new RangeError("A line of the stream is too long");
  };
}
