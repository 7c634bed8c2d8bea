/** Tells of logs that come while nobody looks at the page: the first at once, then every few seconds what came since. */

import { type Signal, signal } from "@preact/signals";
import type { Log } from "../log.ts";
import type { Memory } from "./row_view.ts";

/** Between two alerts, in milliseconds. */
export const CALM = 5000;

/** How long the logs from before a stream may take to come, in milliseconds. */
const FIRST_LOGS = 10_000;

/** What there is to tell. */
export interface Alert {
  /** The last of them. */
  readonly log: Log;
  readonly logs: number;
  readonly errors: number;
}

/** What is to be told, and how. */
export interface AlertChoice {
  /** Of logs of level error and fatal alone. */
  readonly errorsOnly: boolean;
  readonly notification: boolean;
  readonly sound: boolean;
}

/** What it needs of the page. */
export interface AlertPage {
  readonly isLookedAt: () => boolean;
  /** Epoch milliseconds. */
  readonly now: () => number;
  readonly schedule: (run: () => void, milliseconds: number) => () => void;
  readonly tell: (alert: Alert, choice: AlertChoice) => void;
  /** Where the choice is kept, which all tabs share. */
  readonly choices: Memory;
  /** Where it is kept that this tab is to tell. */
  readonly tab: Memory;
}

/** Alerts of one page. */
export interface Alerts {
  /** Whether this tab tells anything. */
  readonly isOn: Signal<boolean>;
  readonly choice: Signal<AlertChoice>;
  /** A log came. */
  heard(log: Log): void;
  /** The logs of another filter begin; those from before `time`, in epoch milliseconds of the server, are nothing new. */
  begin(time: number): void;
  /** Takes up what was chosen before, and keeps what is chosen from now on. The result ends it. */
  start(page: AlertPage): () => void;
}

const DEFAULT_CHOICE: AlertChoice = { errorsOnly: true, notification: true, sound: false };

/** Makes them: off. */
export function createAlerts(): Alerts {
  const isOn = signal(false);
  const choice = signal(DEFAULT_CHOICE);
  let page: AlertPage | null = null;
  let begun = { at: 0, time: 0 };
  let told = -Infinity;
  let waiting: Alert | null = null;
  let planned: (() => void) | null = null;

  function rest(): void {
    planned?.();
    planned = waiting = null;
  }

  function tell(): void {
    const alert = waiting;
    rest();
    if (page === null || alert === null || !isOn.peek() || page.isLookedAt()) return;
    told = page.now();
    page.tell(alert, choice.peek());
  }

  return {
    isOn,
    choice,
    heard(log) {
      if (page === null || !isOn.peek() || page.isLookedAt()) return;
      const isError = log.level === "error" || log.level === "fatal";
      if (choice.peek().errorsOnly && !isError) return;
      if (page.now() - begun.at < FIRST_LOGS && Date.parse(log.timestamp) < begun.time) return;
      const { logs = 0, errors = 0 } = waiting ?? {};
      waiting = { log, logs: logs + 1, errors: errors + Number(isError) };
      const wait = told + CALM - page.now();
      if (wait <= 0) tell();
      else planned ??= page.schedule(tell, wait);
    },
    begin(time) {
      rest();
      begun = { at: page?.now() ?? 0, time };
    },
    start(given) {
      page = given;
      isOn.value = given.tab.read() === "on";
      choice.value = readChoice(given.choices.read());
      const forget = [
        isOn.subscribe((isOn) => given.tab.write(isOn ? "on" : "off")),
        choice.subscribe((choice) => given.choices.write(JSON.stringify(choice))),
      ];
      return () => {
        forget.forEach((stop) => stop());
        rest();
        page = null;
      };
    },
  };
}

/** Reads a remembered choice. Forgiving: what another version or a person left there is the default. */
export function readChoice(text: string | null): AlertChoice {
  let kept: Partial<Record<string, unknown>> = {};
  try {
    kept = JSON.parse(text ?? "{}") ?? {};
  } catch {
    // As said above.
  }
  const flag = (name: keyof AlertChoice) => {
    const value = kept[name];
    return typeof value === "boolean" ? value : DEFAULT_CHOICE[name];
  };
  return { errorsOnly: flag("errorsOnly"), notification: flag("notification"), sound: flag("sound") };
}
