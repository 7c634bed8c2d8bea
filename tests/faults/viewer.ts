/** A viewer that behaves as a good client does, and to which things happen. */

import { wait } from "../../lib/backoff.ts";
import { run } from "../server.ts";
import type { Dice } from "./chance.ts";
import type { WatchedFilter } from "./filters.ts";
import { Ledger, type Said } from "./ledger.ts";
import { follow } from "./stream.ts";

const AWAY = new URL("./away.ts", import.meta.url).pathname;

/** What a viewer remembers of what it was told besides logs. */
const MOST_REMEMBERED = 100_000;

/** What a viewer is made of. */
export interface ViewerOptions {
  readonly name: string;
  readonly organizationId: number;
  readonly filter: WatchedFilter;
  readonly dice: Dice;
  /** Such as http://127.0.0.1:8000 */
  readonly server: string;
  /** The newest logs to begin with. */
  readonly tail: number;
  readonly signal: AbortSignal;
}

/** See the module's comment. */
export class FaultViewer {
  readonly name: string;
  readonly organizationId: number;
  readonly filter: WatchedFilter;
  readonly ledger = new Ledger();
  /** What happened to it, but for logs: when, in milliseconds of {@link performance.now}, and what. The newest. */
  readonly history: (readonly [at: number, what: string])[] = [];
  /** Streams that were opened with a cursor, by anybody. */
  resumes = 0;
  /**
   * A snapshot from after it was told that it is ready and its database connected: what it does not see has to come. (The
   * cursor of `ready` is true, and may be older than the viewer's beginning.)
   */
  snapshot: string | null = null;
  /** Snapshots at its end, null where that is the end of the run: what none of them sees need not have come. */
  ends: readonly [string, string] | null = null;
  readonly #options: ViewerOptions;
  readonly #url: string;
  readonly #over = new AbortController();
  #changed = Promise.withResolvers<void>();
  #connection = new AbortController();
  #mayRead = () => Promise.resolve();
  #by: "header" | "query" = "header";
  #away: Promise<unknown> = Promise.resolve();
  #handOver: number | null = null;

  constructor(options: ViewerOptions) {
    this.#options = options;
    this.name = options.name;
    this.organizationId = options.organizationId;
    this.filter = options.filter;
    const query = new URLSearchParams(options.filter.query);
    // What else a query string may hold of a filter is kept as it is.
    query.set("organizationId", String(options.organizationId));
    this.#url = `${options.server}/api/logs/stream?${query}`;
  }

  /** Watches until it is told to stop. Never rejects. */
  async watch(): Promise<void> {
    const signal = AbortSignal.any([this.#over.signal, this.#options.signal]);
    for (let failures = 0; !signal.aborted;) {
      await this.#away;
      if (signal.aborted) break;
      if (this.#handOver !== null && this.ledger.cursor !== null) {
        await this.#byAnother(this.#handOver, signal);
      }
      this.#connection = new AbortController();
      const { cursor } = this.ledger;
      let opened = false;
      this.ledger.connected();
      this.#remember(`asks from ${cursor}`);
      const url = cursor === null ? `${this.#url}&tail=${this.#options.tail}` : this.#url;
      await follow({ url, cursor, by: this.#by }, (said) => this.#hear(said), {
        signal: AbortSignal.any([this.#connection.signal, signal]),
        mayRead: () => this.#mayRead(),
        onOpen: () => {
          opened = true;
          this.#remember("opened");
          if (cursor !== null) this.resumes++;
        },
        onRead: () => this.#tell(),
      }).catch((error: unknown) => {
        // Lost, or refused: both are tried again. What cannot be read is a fault of the server.
        if (error instanceof SyntaxError) throw error;
      });
      this.#remember("ended");
      this.ledger.disconnected();
      failures = opened ? 0 : failures + 1;
      await wait(this.#options.dice.int(20, 100) * Math.min(2 ** failures, 10), signal);
    }
  }

  /** Goes away, for so long, and comes back with its cursor told one way or the other. */
  leave(by: "header" | "query", milliseconds: number): void {
    this.stayAway(by, wait(milliseconds, this.#options.signal));
  }

  /** Goes away until something has happened. */
  stayAway(by: "header" | "query", until: Promise<unknown>): void {
    this.#by = by;
    this.#away = until.catch(() => {});
    this.#connection.abort();
  }

  /** Stops reading its socket for so long. */
  stall(milliseconds: number): void {
    const over = wait(milliseconds, this.#options.signal);
    this.#mayRead = () => over;
  }

  /** Reads its socket a little at a time for so long. */
  crawl(milliseconds: number): void {
    const until = performance.now() + milliseconds;
    this.#mayRead = () => performance.now() < until ? wait(100, this.#options.signal) : Promise.resolve();
  }

  /** Lets another process go on with its cursor, for so long, and goes on with that one's. */
  handOver(milliseconds: number): void {
    this.#handOver = milliseconds;
    this.#connection.abort();
  }

  /** Waits until something holds, which is asked again whenever something came; `false` when it does not in time. */
  async until(done: () => boolean, milliseconds: number): Promise<boolean> {
    const over = new AbortController();
    let late = false;
    const timer = wait(milliseconds, AbortSignal.any([over.signal, this.#options.signal])).then(() =>
      late = true
    );
    while (!done() && !late) await Promise.race([timer, this.#changed.promise]);
    over.abort();
    return done();
  }

  /** Whether it does not watch any more. */
  get isOver(): boolean {
    return this.#over.signal.aborted;
  }

  /** Ends the watching with a snapshot of which it has seen everything. So it has of what its own cursor claims. */
  end(snapshot: string): void {
    this.ends = [snapshot, this.ledger.cursor ?? snapshot];
    this.stop();
  }

  /** Ends the watching. */
  stop(): void {
    this.#over.abort();
    this.#connection.abort();
  }

  #hear(said: Said): void {
    const { logs } = this.ledger;
    if (said.kind !== "log") this.#remember(`${logs.size} logs, ${JSON.stringify(said)}`);
    this.ledger.hear(said);
  }

  #remember(what: string): void {
    this.history.push([performance.now(), what]);
    if (this.history.length > MOST_REMEMBERED) this.history.splice(0, MOST_REMEMBERED / 2);
  }

  #tell(): void {
    this.#changed.resolve();
    this.#changed = Promise.withResolvers();
  }

  async #byAnother(milliseconds: number, signal: AbortSignal): Promise<void> {
    this.#handOver = null;
    const args = [
      "run",
      "--no-check",
      "--allow-net",
      AWAY,
      this.#url,
      this.ledger.cursor ?? "",
      String(milliseconds),
    ];
    const program = run(Deno.execPath(), args, {});
    // It ends by itself; where it does not in good time, or nobody waits for it any more, it is ended.
    const ended = new AbortController();
    void program.status.then(() => ended.abort());
    await wait(milliseconds + 20_000, AbortSignal.any([ended.signal, signal]));
    const { success } = await program.end("SIGKILL");
    if (!success) return;
    this.resumes++;
    this.#remember("another process told:");
    this.ledger.connected();
    for (const said of JSON.parse(program.output()) as Said[]) this.#hear(said);
    this.ledger.disconnected();
    this.#tell();
  }
}
