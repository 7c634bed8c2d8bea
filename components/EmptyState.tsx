import type { Connection } from "../lib/live_tail/connection.ts";
import { curlSend } from "../lib/live_tail/curl.ts";
import type { LiveTail } from "../lib/live_tail/model.ts";
import { CopyButton } from "./CopyButton.tsx";

const SQL = "INSERT INTO logs (service, level, message)\nVALUES ('hello', 'info', 'It works');";

/** What stands where no rows are: why that is, and what to do about it. */
export function EmptyState(
  { tail, origin, takesToken }: { tail: LiveTail; origin: string; takesToken: boolean },
) {
  const connection = tail.connection.value;
  if (connection.phase === "refused") {
    return <Refused tail={tail} connection={connection} />;
  }
  if (!tail.settled.value) return <Skeleton />;
  if (isFiltered(tail)) {
    return (
      <div class="empty">
        <Beacon />
        <h2>Nothing matches so far</h2>
        <p>Logs that match will appear here as they are written.</p>
        <div class="empty-actions">
          <ClearFilters tail={tail} />
        </div>
      </div>
    );
  }
  if (tail.received.value.logs > 0) {
    return (
      <div class="empty">
        <Beacon />
        <h2>All clear</h2>
        <p>New logs will appear here as they are written.</p>
      </div>
    );
  }
  return (
    <div class="empty">
      <Beacon />
      <h2>Waiting for the first log</h2>
      <p>Send one, and watch it appear here:</p>
      <Snippet title="From a shell" text={curlSend(origin, takesToken)} />
      <Snippet title="In PostgreSQL" text={SQL} />
    </div>
  );
}

/** The server said no: why, and what can be done about it. */
function Refused({ tail, connection }: { tail: LiveTail; connection: Connection & { phase: "refused" } }) {
  const { status, problem } = connection;
  return (
    <div class="empty">
      <h2>{problem.path === null ? "There is no stream" : "This filter cannot be used"}</h2>
      <p class="problem">{problem.message}</p>
      <div class="empty-actions">
        {status === 401 && (
          <button type="button" class="button" onClick={() => location.reload()}>Sign in again</button>
        )}
        {problem.path === null && status !== 401 && (
          <button
            type="button"
            class="button"
            onClick={() => tail.retry()}
          >
            Try again
          </button>
        )}
        <ClearFilters tail={tail} />
      </div>
    </div>
  );
}

function isFiltered({ filter }: LiveTail): boolean {
  return filter.params.value.size > 0;
}

function ClearFilters({ tail }: { tail: LiveTail }) {
  if (!isFiltered(tail) && tail.problem.value === null) return null;
  return <button type="button" class="button" onClick={() => tail.filter.set("")}>Clear filters</button>;
}

function Snippet({ title, text }: { title: string; text: string }) {
  return (
    <section class="snippet">
      <header>
        <h3>{title}</h3>
        <CopyButton text={text} label="Copy" />
      </header>
      <pre><code>{text}</code></pre>
    </section>
  );
}

function Beacon() {
  return (
    <svg class="beacon" viewBox="0 0 48 48" width="48" height="48" aria-hidden="true" focusable="false">
      <circle class="beacon-ring" cx="24" cy="24" r="21" />
      <circle class="beacon-ring" cx="24" cy="24" r="13" />
      <circle class="beacon-core" cx="24" cy="24" r="5" />
    </svg>
  );
}

/** Grey lines where rows will be. */
function Skeleton() {
  return (
    <div class="skeleton" aria-hidden="true">
      {Array.from({ length: 14 }, (_, i) => <span key={i} class={`bone bone-${i % 5}`} />)}
    </div>
  );
}
