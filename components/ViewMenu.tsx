import { useEffect, useState } from "preact/hooks";
import { CAPS, type Clock, type Display } from "../lib/live_tail/display.ts";
import { COLUMN_BOUNDS } from "../lib/field_columns.ts";
import { formatCount, visibleText } from "../lib/live_tail/format.ts";
import { parsePath, pathText } from "../lib/metadata_path.ts";
import type { LiveTail } from "../lib/live_tail/model.ts";
import {
  chooseContrast,
  chooseTheme,
  chosenTheme,
  isContrastHigh,
  type Theme,
} from "../lib/live_tail/theme.ts";
import { ViewIcon } from "./icons.tsx";
import { Popover } from "./Popover.tsx";

const CLOCK_LABELS: readonly (readonly [Clock, string])[] = [
  ["local", "Local"],
  ["utc", "UTC"],
  ["relative", "Relative"],
];

const THEME_LABELS: readonly (readonly [Theme, string])[] = [
  ["system", "System"],
  ["light", "Light"],
  ["dark", "Dark"],
];

/** How rows look. */
export function ViewMenu({ tail }: { tail: LiveTail }) {
  return (
    <Popover
      id="view-choices"
      label="View"
      title="How rows look"
      about="How rows look"
      button={
        <>
          <ViewIcon />
          <span>View</span>
        </>
      }
    >
      {() => <Choices tail={tail} />}
    </Popover>
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
      <Colours />
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

/** Theme and contrast. */
function Colours() {
  const [theme, setTheme] = useState(chosenTheme());
  return (
    <fieldset>
      <legend>Colours</legend>
      <div class="view-line">
        {THEME_LABELS.map(([name, label]) => (
          <label key={name}>
            <input
              type="radio"
              name="view-theme"
              checked={theme === name}
              onChange={() => {
                chooseTheme(name);
                setTheme(name);
              }}
            />
            {label}
          </label>
        ))}
      </div>
      <label>
        <input
          type="checkbox"
          defaultChecked={isContrastHigh()}
          onChange={(event) => chooseContrast(event.currentTarget.checked)}
        />
        High contrast
      </label>
    </fieldset>
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
