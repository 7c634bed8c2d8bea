/** Reads from the table what notifications do not carry: logs that fit none, whole messages, metadata. Each only where somebody needs it. */

import type { Log } from "../log.ts";
import { type MetadataTexts, readMetadata } from "../metadata_path.ts";
import type { Notification, NotifiedLog } from "../notification.ts";
import { READ_BATCH } from "./bounds.ts";
import type { Group } from "./group.ts";
import type { HubStore, WholeMessage } from "./ports.ts";

/** A log, and what is known of it besides. */
export interface TakenLog {
  readonly log: Log;
  /** The log with its whole message; the same object as `log` where that is whole or nobody needs it. */
  readonly whole: Log;
  /** Absent where nobody needs it. */
  readonly metadata?: MetadataTexts;
  /** Characters of that as JSON. */
  readonly metadataSize?: number;
}

/** What {@link ReadBack} needs. */
export interface ReadBackOptions {
  readonly organizationId: number;
  readonly store: Pick<HubStore, "read">;
  readonly groups: ReadonlyMap<string, Group>;
}

/** See the module's comment. */
export class ReadBack {
  readonly #options: ReadBackOptions;
  /** The groups that need metadata: most often none. */
  readonly needy = new Set<Group>();

  constructor(options: ReadBackOptions) {
    this.#options = options;
  }

  /** Whether a log has to be read before it can be handed on. */
  mustRead(log: NotifiedLog): boolean {
    if ("decoded" in log) return false;
    if (!("message" in log)) return true;
    for (const group of this.needy) if (group.isOfInterest(log)) return true;
    if (!log.truncated) return false;
    for (const group of this.#options.groups.values()) if (group.looksAtText) return true;
    return false;
  }

  /** The log, if nothing has to be read for it. */
  take(log: NotifiedLog): TakenLog | null {
    if ("decoded" in log) return this.#withMetadata(log.decoded);
    return "message" in log ? { log, whole: log } : null;
  }

  /** Makes logs complete, with one query at most. Those that are gone already (deleted since) and were not announced whole are left out. */
  async read(logs: readonly NotifiedLog[]): Promise<TakenLog[]> {
    const { organizationId, store } = this.#options;
    const ids = new Set(logs.filter((log) => this.mustRead(log)).map(({ id }) => id));
    if (ids.size === 0) return logs.flatMap((log) => this.take(log) ?? []);
    const withMetadata = this.needy.size > 0;
    const rows = await store.read(organizationId, [...ids], withMetadata);
    const found = new Map(rows.map((row) => [row.log.id, row]));
    return logs.flatMap((log): TakenLog | [] => {
      if (!ids.has(log.id)) return this.take(log) ?? [];
      const row = found.get(log.id);
      const shown = "message" in log ? log : row?.log;
      if (shown === undefined) return [];
      return this.#withMetadata({ ...row, log: shown, whole: row?.whole ?? shown });
    });
  }

  /** Metadata is kept where somebody needs it. */
  #withMetadata({ log, whole, metadata: json = "null" }: WholeMessage): TakenLog {
    if (this.needy.size === 0) return { log, whole };
    return { log, whole, metadata: readMetadata(json), metadataSize: json.length };
  }
}

/** The first of the notifications that wait, and those after it whose logs can be read with one query. At least one. */
export function readTogether(waiting: readonly Notification[]): Notification[] {
  let logs = 0;
  let count = 0;
  for (const notification of waiting) {
    logs += notification.logs.length;
    if (count > 0 && (notification.more || logs > READ_BATCH)) break;
    count++;
    if (notification.more) break;
  }
  return waiting.slice(0, count);
}
