/** How the browser tells of logs: a notification, a sound. */

import { useEffect } from "preact/hooks";
import type { Alert, AlertChoice } from "./alerts.ts";
import { plural, visibleText } from "./format.ts";
import { browserMemory } from "./io.ts";
import type { LiveTail } from "./model.ts";

/** The most characters of a message in a notification: systems show about as many. */
const MOST_TEXT = 200;

/** Lets the page tell of what comes while it is not looked at. */
export function useAlerts(tail: LiveTail): void {
  useEffect(() =>
    tail.alerts.start({
      isLookedAt: () => document.visibilityState === "visible" && document.hasFocus(),
      now: () => Date.now(),
      schedule: (run, milliseconds) => {
        const timer = setTimeout(run, milliseconds);
        return () => clearTimeout(timer);
      },
      tell: (alert, choice) => tell(tail, alert, choice),
      choices: browserMemory("tailpost-alerts"),
      tab: browserMemory("tailpost-alerts", () => sessionStorage),
    }), []);
}

/** Tells of logs. */
export function tell(tail: LiveTail, alert: Alert, { notification, sound }: AlertChoice): void {
  if (notification) notify(tail, alert);
  if (sound) beep();
}

/** What a notification says. Pure. */
export function wordsOf({ log, logs, errors }: Alert): { title: string; body: string } {
  const body = visibleText(log.message).slice(0, MOST_TEXT);
  if (logs === 1) return { title: `${log.level} · ${visibleText(log.service)}`, body };
  const counts = `${plural(logs, "log")}${errors > 0 ? `, ${plural(errors, "error")}` : ""}`;
  return { title: counts, body: `${visibleText(log.service)}: ${body}` };
}

function notify(tail: LiveTail, alert: Alert): void {
  if (canNotify() !== "granted") return;
  const { title, body } = wordsOf(alert);
  // What is new takes the place of what the same stream said before.
  const options = {
    body,
    icon: "/favicon.svg",
    tag: `tailpost ${tail.streamed()}`,
    renotify: true,
    silent: true,
  };
  try {
    const shown = new Notification(title, options);
    shown.onclick = () => {
      focus();
      tail.selected.value = String(alert.log.id);
      tail.open(alert.log.id);
      shown.close();
    };
  } catch {
    // Chrome on Android has the constructor and lets nobody use it.
  }
}

/** Whether notifications are possible: `insecure` where the browser has them over HTTPS alone, `absent` where it has none. */
export function canNotify(): NotificationPermission | "insecure" | "absent" {
  if (!isSecureContext) return "insecure";
  return typeof Notification === "undefined" ? "absent" : Notification.permission;
}

let audio: AudioContext | null = null;

/** Two short tones. Without a press of a key or button before, browsers stay silent. */
function beep(): void {
  audio ??= new AudioContext();
  void audio.resume();
  const gain = audio.createGain();
  gain.connect(audio.destination);
  const start = audio.currentTime;
  gain.gain.setValueAtTime(0.15, start);
  gain.gain.exponentialRampToValueAtTime(0.001, start + 0.4);
  for (const [at, hertz] of [[0, 880], [0.12, 660]] as const) {
    const tone = audio.createOscillator();
    tone.frequency.value = hertz;
    tone.connect(gain);
    tone.start(start + at);
    tone.stop(start + at + 0.3);
  }
}
