import { visibleText } from "../lib/live_tail/format.ts";
import type { LiveTail } from "../lib/live_tail/model.ts";
import { CloseIcon } from "./icons.tsx";

/** Names above the columns of metadata, each to be taken away; without such columns, nothing. */
export function ColumnNames({ tail: { filter } }: { tail: LiveTail }) {
  const columns = filter.columns.value;
  if (columns.length === 0) return null;
  return (
    <div class="row column-names" role="group" aria-label="Columns of metadata">
      <span class="row-time" />
      <span class="row-level" />
      <span class="row-service" />
      {columns.map((path) => (
        <button
          key={path}
          type="button"
          class="tag"
          title={visibleText(path)}
          aria-label={`Remove the column ${visibleText(path)}`}
          onClick={() => filter.setColumns(columns.filter((other) => other !== path))}
        >
          <span>{visibleText(path)}</span>
          <CloseIcon />
        </button>
      ))}
    </div>
  );
}
