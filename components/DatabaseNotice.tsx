import type { LiveTail } from "../lib/live_tail/model.ts";

/** What is wrong with the database and what to do about it, in full: the status chip has room for its name alone. */
export function DatabaseNotice({ tail }: { tail: LiveTail }) {
  const connection = tail.connection.value;
  const problem = connection.phase === "live" ? connection.problem : undefined;
  return problem ? <p class="database-notice" role="status">{problem.message}.</p> : null;
}
