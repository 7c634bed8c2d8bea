/** What is handed on of transactions at once, and in which pieces. Pure. */

import { type Cursor, isVisible } from "../cursor.ts";
import type { TransactionLog, WalTransaction } from "./reader.ts";

/** A piece's logs at most, and characters of their messages and metadata. */
const PIECE = { logs: 50, characters: 16_384 };

/** After so much others have their turn. */
const AT_ONCE = { logs: 2000, characters: 2 * 1024 * 1024 };

/** Logs in pieces that may wait without taking much room. */
export function* pieces(logs: readonly TransactionLog[]): Generator<readonly TransactionLog[]> {
  let from = 0;
  let characters = 0;
  for (const [i, { log }] of logs.entries()) {
    characters += log.whole.message.length + (log.metadata?.length ?? 0);
    if (i + 1 - from < PIECE.logs && characters < PIECE.characters) continue;
    yield logs.slice(from, i + 1);
    from = i + 1;
    characters = 0;
  }
  if (from < logs.length) yield logs.slice(from);
}

/** The first of those that a snapshot shows, as many as may be handed on at once, and the others. Both keep their order. */
export function takeVisible(
  waiting: readonly WalTransaction[],
  snapshot: Cursor,
): { visible: WalTransaction[]; left: WalTransaction[] } {
  const visible: WalTransaction[] = [];
  const left: WalTransaction[] = [];
  let [logs, characters] = [0, 0];
  for (const transaction of waiting) {
    const isTaken = logs < AT_ONCE.logs && characters < AT_ONCE.characters &&
      isVisible(transaction.xid, snapshot);
    (isTaken ? visible : left).push(transaction);
    if (!isTaken) continue;
    logs += transaction.logs.length;
    characters += transaction.size;
  }
  return { visible, left };
}
