/** Reads from the table what notifications do not carry: logs that fit none, whole messages, metadata. Each only where somebody needs it. */

import type { Log } from "../log.ts";
import { type MetadataTexts, readMetadata } from "../metadata_path.ts";
import { isComplete, type Notification, type NotifiedLog } from "../notification.ts";
import { READ_BATCH } from "./bounds.ts";
import type { Group } from "./group.ts";
import type { HubStore } from "./ports.ts";

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
    if (!isComplete(log)) return true;
    for (const group of this.needy) if (group.isOfInterest(log)) return true;
    if (!log.truncated) return false;
    for (const group of this.#options.groups.values()) if (group.looksAtText) return true;
    return false;
  }

  /** Makes logs complete, with one query at most. Those that are gone already (deleted since) and were not announced whole are left out. */
  async read(logs: readonly NotifiedLog[]): Promise<TakenLog[]> {
    const { organizationId, store } = this.#options;
    const ids = new Set(logs.filter((log) => this.mustRead(log)).map(({ id }) => id));
    if (ids.size === 0) return logs.filter(isComplete).map(take);
    const withMetadata = this.needy.size > 0;
    const rows = await store.read(organizationId, [...ids], withMetadata);
    const found = new Map(rows.map((row) => [row.log.id, row]));
    return logs.flatMap((log): TakenLog | [] => {
      if (!ids.has(log.id)) return isComplete(log) ? take(log) : [];
      const row = found.get(log.id);
      const shown = isComplete(log) ? log : row?.log;
      if (shown === undefined) return [];
      const whole = row?.whole ?? shown;
      if (!withMetadata) return { log: shown, whole };
      const json = row?.metadata ?? "null";
      return { log: shown, whole, metadata: readMetadata(json), metadataSize: json.length };
    });
  }
}

/** A log of which nothing had to be read. */
export function take(log: Log): TakenLog {
  return { log, whole: log };
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
