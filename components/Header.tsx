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
        <button
          type="button"
          class="button"
          aria-label="Clear list"
          title="Empty this list. Nothing is deleted"
          onClick={() => tail.clear()}
        >
          <ClearIcon />
          <span>Clear</span>
        </button>
        <button
          type="button"
          class="button"
          aria-label="Go to a time"
          title="Go to a time (t)"
          onClick={() => tail.asksTime.value = true}
        >
          <TimeIcon />
          <span>Go to</span>
        </button>
        <button
          type="button"
          class="button"
          aria-label="Export logs"
          title="Save the logs of this filter as a file (e)"
          onClick={() => tail.exports.value = true}
        >
          <ExportIcon />
          <span>Export</span>
        </button>
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
