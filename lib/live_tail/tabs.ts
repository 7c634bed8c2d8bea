/**
 * Many tabs of one browser over HTTP/1.1, where it opens six connections to a server and no more. Tabs that want the same stream share the
 * oldest one's; of different streams there are {@link MOST_STREAMS}, and tabs that nobody looks at rest for others.
 *
 * Every tab begins with a stream of its own. Once its first logs are there it hands over to the oldest tab with the same stream, and takes
 * what that has heard since before its own stream began: what comes twice has been seen, and nothing is missing between.
 * When that tab goes, it opens its own again from the last cursor.
 */

import type { EventBlock } from "./event_parser.ts";
import type { Heard, OpenSource } from "./source.ts";

/** The streams of one browser: two of six connections are left for all else. */
export const MOST_STREAMS = 4;

/** How long other tabs have to say what they have, in milliseconds. */
const ROLL_CALL = 200;

/** How long a tab in sight keeps its place although others wait, and rests then, in milliseconds. */
export const TURN = 3000;

/** How long `ready` may be alone before there are no first logs to wait for, in milliseconds. */
const FIRST_LOGS = 1000;

/** What is kept of another tab's stream until the own one has begun, in blocks. With more the own one stays. */
const MOST_KEPT = 5000;

/** A stream that a tab holds. */
interface Holding {
  /** Who asks for what. */
  readonly key: string;
  /** When it was opened, in epoch milliseconds. */
  readonly since: number;
  /** `null` until the server has told. */
  readonly organizationId: number | null;
  readonly isSeen: boolean;
}

/** What tabs tell each other. */
type Word =
  & { readonly from: string }
  & (
    | { readonly kind: "who" }
    | { readonly kind: "have"; readonly holding: Holding }
    | { readonly kind: "gone" }
    | { readonly kind: "heard"; readonly key: string; readonly heard: readonly Heard[] }
    | { readonly kind: "give"; readonly to: string }
  );

/** The part of a BroadcastChannel that is used. */
export interface TabChannel {
  postMessage(word: unknown): void;
  addEventListener(type: "message", listener: (event: { readonly data: unknown }) => void): void;
  close(): void;
}

/** What it needs. */
export interface TabsOptions {
  readonly open: OpenSource;
  readonly schedule: (run: () => void, milliseconds: number) => () => void;
  /** Who is signed in. */
  readonly scope: string;
  readonly channel: TabChannel;
  readonly now: () => number;
  readonly isSeen: () => boolean;
  /** Unlike any other tab's. */
  readonly name: string;
}

/** Opens streams, one at a time, as far as there are places. */
export interface Tabs {
  readonly open: OpenSource;
  /** The page goes, for good or for a while. */
  leave(): void;
  close(): void;
}

/** See the module's comment. */
export function createTabs(
  { open: openOwn, schedule, scope, channel, now, isSeen, name }: TabsOptions,
): Tabs {
  const others = new Map<string, Holding>();
  let mine: { readonly word: (word: Word) => void; readonly over: (last?: Heard) => void } | null = null;

  channel.addEventListener("message", ({ data }) => {
    const word = data as Word;
    if (word.kind === "have") others.set(word.from, word.holding);
    else if (word.kind === "gone") others.delete(word.from);
    mine?.word(word);
  });

  const open: OpenSource = (url, hear) => {
    mine?.over();
    const key = `${scope} ${keyOf(url)}`;
    const since = now();
    let organizationId: number | null = null;
    /** The tab whose stream is heard in place of the own one. */
    let leader: string | null = null;
    let stop: (() => void) | null = null;
    let hasFirst = false;
    let isOver = false;
    const kept = new Map<string, Heard[]>();
    const told: Heard[] = [];
    const timers = new Set<() => void>();

    function later(run: () => void, milliseconds: number): void {
      const cancel = schedule(() => {
        timers.delete(cancel);
        run();
      }, milliseconds);
      timers.add(cancel);
    }

    function say(word: Word): void {
      channel.postMessage(word);
    }

    function tell(): void {
      if (stop) say({ from: name, kind: "have", holding: { key, since, organizationId, isSeen: isSeen() } });
    }

    function over(last?: Heard): void {
      if (isOver) return;
      isOver = true;
      timers.forEach((cancel) => cancel());
      stop?.();
      if (stop) say({ from: name, kind: "gone" });
      stop = null;
      if (mine === self) mine = null;
      if (last) hear(last);
    }

    /** Takes what the own stream says, and lets others hear it: all of a chunk together. */
    function heardOwn(heard: Heard): void {
      if (told.push(heard) === 1) {
        queueMicrotask(() => say({ from: name, kind: "heard", key, heard: told.splice(0) }));
      }
      if (heard.kind !== "block" && heard.kind !== "alive") return over(heard);
      hear(heard);
      if (heard.kind === "block") note(heard.block);
    }

    /** Looks for the end of what a stream begins with: then another may go on with it. */
    function note({ event, data, id }: EventBlock): void {
      if (event === "ready" && data !== null) {
        organizationId = organizationOf(data);
        tell();
        later(() => {
          hasFirst = true;
          handOver();
        }, FIRST_LOGS);
      } else if (id !== null && organizationId !== null && !hasFirst) {
        hasFirst = true;
        handOver();
      }
    }

    function handOver(): void {
      if (isOver || stop === null || !hasFirst) return;
      const [older] = [...others].filter(([other, held]) =>
        held.key === key && held.organizationId === organizationId &&
        (held.since < since || (held.since === since && other < name)) &&
        (kept.get(other)?.length ?? 0) < MOST_KEPT
      ).sort(([, a], [, b]) => a.since - b.since);
      if (!older) return;
      leader = older[0];
      stop();
      stop = null;
      say({ from: name, kind: "gone" });
      const before = kept.get(leader) ?? [];
      kept.clear();
      // Its gaps and states were of another beginning.
      for (const heard of before) if (heard.kind === "block" && isLogOrId(heard.block)) hear(heard);
    }

    function follow(heard: readonly Heard[]): void {
      for (const each of heard) {
        if (isOver) return;
        if (each.kind === "block" || each.kind === "alive") hear(each);
        else over({ kind: "moved" });
      }
    }

    function keep(from: string, heard: readonly Heard[]): void {
      const all = kept.get(from) ?? [];
      kept.set(from, all);
      if (all.length < MOST_KEPT) all.push(...heard);
    }

    const self = {
      over,
      word(word: Word) {
        const { from } = word;
        if (word.kind === "who") tell();
        else if (word.kind === "have") handOver();
        else if (word.kind === "gone") {
          kept.delete(from);
          if (from === leader) over({ kind: "moved" });
        } else if (word.kind === "give" && word.to === name && stop) {
          later(() => over({ kind: "rested" }), isSeen() ? Math.max(0, since + TURN - now()) : 0);
        } else if (word.kind === "heard" && word.key === key) {
          if (from === leader) follow(word.heard);
          else if (stop) keep(from, word.heard);
        }
      },
    };
    mine = self;
    // Tabs that crashed said no word of it: who has streams is asked anew.
    others.clear();
    say({ from: name, kind: "who" });
    stop = openOwn(url, heardOwn);
    tell();
    later(() => {
      const strangers = [...others].filter(([, held]) => held.key !== key);
      if (stop === null || new Set(strangers.map(([, held]) => held.key)).size < MOST_STREAMS) return;
      const [first] = strangers.sort(([, a], [, b]) =>
        Number(a.isSeen) - Number(b.isSeen) || a.since - b.since
      );
      if (first) say({ from: name, kind: "give", to: first[0] });
    }, ROLL_CALL);
    return () => over();
  };

  return {
    open,
    leave: () => mine?.over({ kind: "moved" }),
    close() {
      mine?.over();
      channel.close();
    },
  };
}

function isLogOrId({ event, data }: EventBlock): boolean {
  return data === null || event === "message";
}

/** What tabs must have in common to share a stream: all but the place in it. */
function keyOf(url: string): string {
  const params = new URLSearchParams(url.slice(url.indexOf("?")));
  params.delete("lastEventId");
  params.delete("tail");
  params.sort();
  return params.toString();
}

function organizationOf(ready: string): number | null {
  try {
    const { organizationId } = JSON.parse(ready) as { organizationId?: unknown };
    return typeof organizationId === "number" ? organizationId : null;
  } catch {
    return null;
  }
}
