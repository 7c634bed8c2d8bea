import { useState } from "preact/hooks";
import type { AlertChoice } from "../lib/live_tail/alerts.ts";
import type { LiveTail } from "../lib/live_tail/model.ts";
import { canNotify, tell } from "../lib/live_tail/use_alerts.ts";
import { BellIcon } from "./icons.tsx";
import { Popover } from "./Popover.tsx";

const EXAMPLE = {
  log: { id: 0, timestamp: "", level: "error", service: "tailpost", message: "This is how a log is told of" },
  logs: 1,
  errors: 1,
} as const;

const TOLD = {
  granted: "",
  default: "The browser will ask whether it may show notifications.",
  denied: "The browser does not show notifications of this site: allow them in its settings for the site.",
  insecure: "Browsers show notifications of sites with HTTPS alone. Sound works all the same.",
  absent: "This browser has no notifications. Sound works all the same.",
} as const;

/** Notifications of this tab: off until somebody wants them. */
export function AlertsMenu({ tail }: { tail: LiveTail }) {
  const isOn = tail.alerts.isOn.value;
  return (
    <Popover
      id="alerts"
      label="Notifications"
      title={isOn ? "Notifications: on in this tab" : "Notifications"}
      about="Notifications"
      class={isOn ? "button-icon button-on" : "button-icon"}
      button={<BellIcon />}
    >
      {() => <Choices tail={tail} />}
    </Popover>
  );
}

function Choices({ tail }: { tail: LiveTail }) {
  const { alerts } = tail;
  const choice = alerts.choice.value;
  const [permission, setPermission] = useState(canNotify());
  const change = (change: Partial<AlertChoice>) => alerts.choice.value = { ...choice, ...change };
  const ask = async () => {
    if (choice.notification && canNotify() === "default") await Notification.requestPermission();
    setPermission(canNotify());
  };
  return (
    <>
      <label>
        <input
          type="checkbox"
          checked={alerts.isOn.value}
          onChange={(event) => {
            alerts.isOn.value = event.currentTarget.checked;
            if (event.currentTarget.checked) void ask();
          }}
        />
        Tell me while I do not look at this tab
      </label>
      <fieldset>
        <legend>Of</legend>
        {([[true, "Errors of this filter"], [false, "Every log of this filter"]] as const).map((
          [errorsOnly, label],
        ) => (
          <label key={label}>
            <input
              type="radio"
              name="alerts-of"
              checked={choice.errorsOnly === errorsOnly}
              onChange={() => change({ errorsOnly })}
            />
            {label}
          </label>
        ))}
      </fieldset>
      <fieldset>
        <legend>By</legend>
        {([["notification", "Notification"], ["sound", "Sound"]] as const).map(([name, label]) => (
          <label key={name}>
            <input
              type="checkbox"
              checked={choice[name]}
              onChange={(event) =>
                change({ [name]: event.currentTarget.checked })}
            />
            {label}
          </label>
        ))}
        {choice.notification && permission !== "granted" && (
          <p class={permission === "default" ? "view-hint" : "problem"}>{TOLD[permission]}</p>
        )}
      </fieldset>
      <button
        type="button"
        class="button button-small"
        onClick={() => void ask().then(() => tell(tail, EXAMPLE, choice))}
      >
        Try it
      </button>
    </>
  );
}
