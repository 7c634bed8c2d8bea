import { useEffect, useRef, useState } from "preact/hooks";
import { CAPS, type Clock, type Display } from "../lib/live_tail/display.ts";
import { COLUMN_BOUNDS } from "../lib/field_columns.ts";
import { formatCount, visibleText } from "../lib/live_tail/format.ts";
import { parsePath, pathText } from "../lib/metadata_path.ts";
import type { LiveTail } from "../lib/live_tail/model.ts";
import { ViewIcon } from "./icons.tsx";

const CLOCK_LABELS: readonly (readonly [Clock, string])[] = [
  ["local", "Local"],
  ["utc", "UTC"],
  ["relative", "Relative"],
];

/** How rows look: one button, and below it the choices while it is open. */
export function ViewMenu({ tail }: { tail: LiveTail }) {
  const [open, setOpen] = useState(false);
  const menu = useRef<HTMLDivElement>(null);
  const button = useRef<HTMLButtonElement>(null);
  useEffect(() => {
    if (!open) return;
    const onPress = ({ target }: PointerEvent) => {
      if (target instanceof Node && !menu.current?.contains(target)) setOpen(false);
    };
    addEventListener("pointerdown", onPress);
    return () => removeEventListener("pointerdown", onPress);
  }, [open]);
  return (
    <div
      ref={menu}
      class="view"
      onKeyDown={(event) => {
        if (!open || event.key !== "Escape") return;
        event.preventDefault();
        setOpen(false);
        button.current?.focus();
      }}
      onFocusOut={({ relatedTarget }) => {
        if (relatedTarget instanceof Node && !menu.current?.contains(relatedTarget)) setOpen(false);
      }}
    >
      <button
        ref={button}
        type="button"
        class="button"
        aria-expanded={open}
        aria-controls="view-choices"
        aria-label="View"
        title="How rows look"
        onClick={() => setOpen(!open)}
      >
        <ViewIcon />
        <span>View</span>
      </button>
      <div class="view-choices" id="view-choices" role="group" aria-label="How rows look" hidden={!open}>
        {open && <Choices tail={tail} />}
      </div>
    </div>
  );
}

function Choices({ tail }: { tail: LiveTail }) {
  const display = tail.rows.display.value;
  const flag = (
    name: "wrap" | "milliseconds" | "foldRepeats" | "strip" | "time" | "level" | "service",
    label: string,
    disabled = false,
  ) => (
    <label>
      <input
        type="checkbox"
        checked={display[name]}
        disabled={disabled}
        onChange={(event) =>
          tail.rows.show({ [name]: event.currentTarget.checked } satisfies Partial<Display>)}
      />
      {label}
    </label>
  );
  return (
    <>
      <fieldset>
        <legend>Rows</legend>
        {flag("wrap", "Wrap long messages")}
        {flag("foldRepeats", "Fold repeated logs")}
        {flag("strip", "Logs over time, above them")}
      </fieldset>
      <fieldset>
        <legend>Time</legend>
        <div class="view-line">
          {CLOCK_LABELS.map(([clock, label]) => (
            <label key={clock}>
              <input
                type="radio"
                name="view-clock"
                checked={display.clock === clock}
                onChange={() => tail.rows.show({ clock })}
              />
              {label}
            </label>
          ))}
        </div>
        {flag("milliseconds", "Milliseconds", display.clock === "relative")}
      </fieldset>
      <fieldset>
        <legend>Columns</legend>
        <div class="view-line">
          {flag("time", "Time")}
          {flag("level", "Level")}
          {flag("service", "Service")}
        </div>
        <FieldColumns tail={tail} />
      </fieldset>
      <label class="view-cap">
        Keep the newest
        <select
          value={display.cap}
          onChange={(event) => tail.rows.show({ cap: Number(event.currentTarget.value) })}
        >
          {CAPS.map((cap) => <option key={cap} value={cap}>{formatCount(cap)}</option>)}
        </select>
      </label>
    </>
  );
}

/** Fields of the metadata as columns: those that are, and one to add. */
function FieldColumns({ tail }: { tail: LiveTail }) {
  const { filter, known } = tail;
  const columns = filter.columns.value;
  const [problem, setProblem] = useState<string | null>(null);
  useEffect(() => known.ask(new URLSearchParams(location.search).get("organizationId")), []);
  const add = (field: HTMLInputElement) => {
    const text = field.value.trim().replace(/^meta\./u, "");
    const path = parsePath(text);
    if (text === "") return;
    if (path === null) return setProblem("Expected a path, such as user.id");
    if (columns.length >= COLUMN_BOUNDS.columns) {
      return setProblem(`At most ${COLUMN_BOUNDS.columns} columns are possible`);
    }
    setProblem(null);
    field.value = "";
    if (!columns.includes(pathText(path))) filter.setColumns([...columns, pathText(path)]);
  };
  return (
    <>
      {columns.map((path) => (
        <label key={path}>
          <input
            type="checkbox"
            checked
            onChange={() => filter.setColumns(columns.filter((other) => other !== path))}
          />
          {visibleText(path)}
        </label>
      ))}
      <input
        class="view-field"
        type="text"
        list="view-fields"
        aria-label="Field of the metadata to show as a column"
        placeholder="Add a field, such as user.id"
        autocomplete="off"
        autocapitalize="off"
        spellcheck={false}
        onChange={(event) => add(event.currentTarget)}
      />
      <datalist id="view-fields">
        {known.values.value.metadata.map(({ path }) => <option key={path} value={path} />)}
      </datalist>
      {problem !== null && <p class="problem" role="alert">{problem}</p>}
    </>
  );
}
