/** Stopping on Ctrl-C and SIGTERM. */

/** Aborts when the process is asked to stop; a second time ends it at once. */
export interface StopSignal extends Disposable {
  readonly signal: AbortSignal;
}

const SIGNALS: readonly Deno.Signal[] = Deno.build.os === "windows"
  ? ["SIGINT"]
  : ["SIGINT", "SIGTERM", "SIGHUP"];

/** How long stopping in order may take, in milliseconds. */
const DEADLINE = 4500;

/**
 * Takes over the signals until disposed of. `exitCode` is for a command that does not end by itself in time; where SIGHUP is asked for
 * something else, it has `hangUp` false.
 */
export function stopSignal(exitCode = 0, { hangUp = true }: { hangUp?: boolean } = {}): StopSignal {
  const signals = SIGNALS.filter((signal) => hangUp || signal !== "SIGHUP");
  const controller = new AbortController();
  const stop = () => {
    // Someone who presses Ctrl-C twice does not want to wait. What we started ends with us.
    if (controller.signal.aborted) Deno.exit(130);
    controller.abort(new Stopped());
    // Whatever hangs, the process does not.
    Deno.unrefTimer(setTimeout(() => Deno.exit(exitCode), DEADLINE));
  };
  for (const signal of signals) Deno.addSignalListener(signal, stop);
  return {
    signal: controller.signal,
    [Symbol.dispose]() {
      for (const signal of signals) Deno.removeSignalListener(signal, stop);
    },
  };
}

/** The process was asked to stop. */
export class Stopped extends Error {
  override readonly name = "Stopped";
  constructor() {
    super("Stopped");
  }
}
