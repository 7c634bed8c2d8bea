/** Knows whose a text is: everything that an organization writes carries its mark. Pure. */

/** Ways on which logs leave the server, or come in. */
export const WAYS = ["stream", "history", "export", "values", "log", "views", "page", "written"] as const;
export type Way = typeof WAYS[number];

const MARK = /mark-(\d+)-[0-9a-f]{8}/gu;

/** Foreign answers that are told of; over it they are counted. */
const MOST_EXAMPLES = 10;

/** The mark of an organization. */
export function markOf(organizationId: number): string {
  return `mark-${organizationId}-${crypto.randomUUID().slice(0, 8)}`;
}

/** What was seen on one way. */
export interface Seen {
  /** Answers; of a stream its blocks. */
  answers: number;
  /** Marks of the asker's own organization. */
  own: number;
  /** Marks of others. */
  foreign: number;
}

/** See the module's comment. */
export class Oracle {
  readonly seen: Readonly<Record<Way, Seen>> = {
    stream: { answers: 0, own: 0, foreign: 0 },
    history: { answers: 0, own: 0, foreign: 0 },
    export: { answers: 0, own: 0, foreign: 0 },
    values: { answers: 0, own: 0, foreign: 0 },
    log: { answers: 0, own: 0, foreign: 0 },
    views: { answers: 0, own: 0, foreign: 0 },
    page: { answers: 0, own: 0, foreign: 0 },
    written: { answers: 0, own: 0, foreign: 0 },
  };
  /** The first foreign ones, for people. */
  readonly examples: string[] = [];

  /** Marks of others, on all ways. */
  get foreign(): number {
    return WAYS.reduce((sum, way) => sum + this.seen[way].foreign, 0);
  }

  /** Looks at what somebody of an organization was told. `asked` says how, for people. */
  judge(organizationId: number, way: Way, text: string, asked: string): void {
    const seen = this.seen[way];
    seen.answers++;
    let foreign = 0;
    for (const [, of] of text.matchAll(MARK)) Number(of) === organizationId ? seen.own++ : foreign++;
    seen.foreign += foreign;
    if (foreign > 0 && this.examples.length < MOST_EXAMPLES) {
      this.examples.push(`${way} of ${organizationId}, ${asked}: ${text.slice(0, 300)}`);
    }
  }
}
