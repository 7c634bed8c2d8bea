import type { ComponentChildren } from "preact";
import type { LiveTail } from "../lib/live_tail/model.ts";
import { type Account, AccountMenu } from "./AccountMenu.tsx";
import { ActivityChart } from "./ActivityChart.tsx";
import { AlertsMenu } from "./AlertsMenu.tsx";
import { ClearIcon, ExportIcon, KeyboardIcon, PauseIcon, PlayIcon, TimeIcon } from "./icons.tsx";
import { Logo } from "./Logo.tsx";
import { StatusChip } from "./StatusChip.tsx";
import { ThemeSwitch } from "./ThemeSwitch.tsx";
import { ViewMenu } from "./ViewMenu.tsx";

/** Name, status, pulse, and what can be done to the list. */
export function Header(
  { tail, skew, account }: { tail: LiveTail; skew: () => number; account: Account | null },
) {
  const paused = tail.paused.value;
  return (
    <header class="header">
      <h1>
        <Logo />
        <span class="sr-only">: live logs</span>
      </h1>
      <StatusChip tail={tail} />
      {tail.rows.display.value.strip
        ? <span class="header-space" />
        : <ActivityChart tail={tail} skew={skew} />}
      <div class="actions" role="toolbar" aria-label="List">
        <button
          type="button"
          class={paused ? "button button-accent" : "button"}
          aria-pressed={paused}
          title={paused ? "Resume (Space)" : "Pause (Space)"}
          onClick={() => tail.pause(!paused)}
        >
          {paused ? <PlayIcon /> : <PauseIcon />}
          <span>{paused ? "Resume" : "Pause"}</span>
        </button>
        <Tool
          label="Clear list"
          text="Clear"
          title="Empty this list. Nothing is deleted"
          icon={<ClearIcon />}
          run={() => tail.clear()}
        />
        <Tool
          label="Go to a time"
          text="Go to"
          title="Go to a time (t)"
          icon={<TimeIcon />}
          run={() => tail.asksTime.value = true}
        />
        <Tool
          label="Export logs"
          text="Export"
          title="Save the logs of this filter as a file (e)"
          icon={<ExportIcon />}
          run={() => tail.exports.value = true}
        />
        <ViewMenu tail={tail} />
        <span class="divider" aria-hidden="true" />
        <AlertsMenu tail={tail} />
        <ThemeSwitch />
        <button
          type="button"
          class="button button-icon keys-button"
          aria-label="Keyboard shortcuts"
          title="Keyboard shortcuts (?)"
          onClick={() => tail.help.value = true}
        >
          <KeyboardIcon />
        </button>
      </div>
      {account && <AccountMenu {...account} />}
    </header>
  );
}

/** A button of the toolbar. Where there is no room for its text, it is its icon. */
function Tool({ label, text, title, icon, run }: {
  label: string;
  text: string;
  title: string;
  icon: ComponentChildren;
  run: () => void;
}) {
  return (
    <button type="button" class="button" aria-label={label} title={title} onClick={run}>
      {icon}
      <span>{text}</span>
    </button>
  );
}
