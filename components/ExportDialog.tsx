import { useEffect, useRef, useState } from "preact/hooks";
import { curlExport } from "../lib/live_tail/curl.ts";
import { exportPath, type ExportProgress, fetchExport, saveFile } from "../lib/live_tail/export.ts";
import { formatLocal, formatSize } from "../lib/live_tail/format.ts";
import type { LiveTail } from "../lib/live_tail/model.ts";
import { readTime } from "../lib/live_tail/time_text.ts";
import { CopyButton } from "./CopyButton.tsx";
import { Dialog } from "./Dialog.tsx";

const FORMATS = [["ndjson", "NDJSON"], ["csv", "CSV"]] as const;
const RANGES = [["15m ago", "15 min"], ["1h ago", "1 hour"], ["24h ago", "24 hours"], ["", "All"]] as const;

type State =
  | { readonly kind: "idle" }
  | { readonly kind: "running"; readonly progress: ExportProgress | null; readonly began: number }
  | { readonly kind: "failed"; readonly problem: string }
  | { readonly kind: "done"; readonly name: string; readonly bytes: number };

/** Saves the logs of the filter as a file. */
export function ExportDialog({ tail, takesToken }: { tail: LiveTail; takesToken: boolean }) {
  const running = useRef<AbortController | null>(null);
  const [format, setFormat] = useState<string>("ndjson");
  const [range, setRange] = useState({ from: "1h ago", to: "" });
  const [state, setState] = useState<State>({ kind: "idle" });
  const shown = tail.exports.value;
  useEffect(() => () => running.current?.abort(), []);

  const isUtc = tail.rows.display.value.clock === "utc";
  const read = (text: string) => {
    const time = text.trim() === "" ? undefined : readTime(text, Date.now(), isUtc);
    return time === null ? null : time === undefined ? undefined : new Date(time).toISOString();
  };
  const [from, to] = shown ? [read(range.from), read(range.to)] : [undefined, undefined];
  const isBad = from === null || to === null || (from !== undefined && to !== undefined && from >= to);
  const path = () => exportPath(tail.streamed(), { format, from: from ?? null, to: to ?? null });

  // While it runs the dialog may be closed, and opened again.
  const close = () => {
    tail.exports.value = false;
    if (state.kind !== "running") setState({ kind: "idle" });
  };

  async function start() {
    const asking = new AbortController();
    running.current = asking;
    const began = performance.now();
    setState({ kind: "running", progress: null, began });
    try {
      const file = await fetchExport(path(), {
        signal: asking.signal,
        onProgress: (progress) => setState({ kind: "running", progress, began }),
      });
      saveFile(file);
      setState({ kind: "done", name: file.name, bytes: file.blob.size });
    } catch (error) {
      if (asking.signal.aborted) setState({ kind: "idle" });
      else setState({ kind: "failed", problem: error instanceof Error ? error.message : String(error) });
    }
  }

  return (
    <Dialog id="export" title="Export logs" class="export-dialog" isOpen={shown} close={close}>
      <form
        onSubmit={(event) => {
          event.preventDefault();
          if (!isBad && state.kind !== "running") void start();
        }}
      >
        <p class="export-filter">
          Filter: <code>{tail.filter.text.value.trim() || "none"}</code>
        </p>
        <fieldset disabled={state.kind === "running"}>
          <div class="export-line" role="group" aria-label="Format">
            {FORMATS.map(([value, label]) => (
              <label key={value}>
                <input
                  type="radio"
                  name="export-format"
                  checked={format === value}
                  onChange={() => setFormat(value)}
                />
                {label}
              </label>
            ))}
          </div>
          <div class="export-line" role="group" aria-label="Range">
            {RANGES.map(([text, label]) => (
              <button
                key={label}
                type="button"
                class="button button-small"
                aria-pressed={range.from === text && range.to === ""}
                onClick={() => setRange({ from: text, to: "" })}
              >
                {label}
              </button>
            ))}
          </div>
          {(["from", "to"] as const).map((end) => (
            <label key={end} class="export-end">
              {end === "from" ? "From" : "To"}
              <input
                type="text"
                class="text-input"
                value={range[end]}
                placeholder={end === "from" ? "the first log" : "now"}
                autocomplete="off"
                spellcheck={false}
                onInput={(event) => setRange({ ...range, [end]: event.currentTarget.value })}
              />
              <span>{told(end === "from" ? from : to, isUtc)}</span>
            </label>
          ))}
        </fieldset>
        <Progress state={state} />
        <div class="time-actions">
          {shown && (
            <CopyButton text={curlExport(location.origin, path(), { takesToken })} label="Copy curl" />
          )}
          {state.kind === "running"
            ? (
              // Another element than the next one: a button that turns into one that submits would do so.
              <button key="cancel" type="button" class="button" onClick={() => running.current?.abort()}>
                Cancel
              </button>
            )
            : (
              <button key="export" type="submit" class="button button-accent" disabled={isBad} autofocus>
                Export
              </button>
            )}
        </div>
      </form>
    </Dialog>
  );
}

function told(time: string | null | undefined, isUtc: boolean): string {
  if (time === null) return "Expected a time";
  return time === undefined ? "" : isUtc ? time : formatLocal(time);
}

function Progress({ state }: { state: State }) {
  switch (state.kind) {
    case "idle":
      return <p role="status" />;
    case "failed":
      return <p role="alert" class="problem">{state.problem}</p>;
    case "done":
      return <p role="status">{state.name} was saved, {formatSize(state.bytes)}</p>;
    case "running": {
      const { bytes = 0, share = null, reached = null } = state.progress ?? {};
      const seconds = (performance.now() - state.began) / 1000;
      return (
        <div class="export-progress">
          <progress aria-label="Export" {...share === null ? {} : { value: share }} max={1} />
          <p role="status">
            {formatSize(bytes)}
            {seconds > 1 && `, ${formatSize(bytes / seconds)}/s`}
            {reached !== null && `, at ${formatLocal(reached)}`}
          </p>
        </div>
      );
    }
  }
}
