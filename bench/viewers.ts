// deno-lint-ignore-file no-console -- standard output is how this process answers
/**
 * The load generator, a process of its own: opens many streams over plain TCP and notes when each log arrives. Its
 * argument is a {@link ViewersConfig} as JSON; it reads {@link Order}s and writes {@link Answer}s, a line each.
 */

import { connect } from "node:net";
import { TextLineStream } from "./lines.ts";
import { micros } from "./clock.ts";
import { Scanner } from "./scan.ts";
import { Histogram, type HistogramJson } from "./stats.ts";

/** What to watch. */
export interface ViewersConfig {
  readonly hostname: string;
  readonly port: number;
  /** `{filter}` stands for the number of a viewer's filter. */
  readonly path: string;
  /** As {@link RunningTarget.ready}. */
  readonly ready: string;
  readonly viewers: number;
  readonly filters: number;
  /** The first log that counts; those before it warm up. */
  readonly first: number;
  /** How many logs count. */
  readonly count: number;
}

/** What the benchmark asks for. */
export type Order =
  | { readonly order: "clock" }
  /** Waits for so many deliveries, at most so many milliseconds, and reports. */
  | { readonly order: "report"; readonly expected: number; readonly within: number };

/** What the load generator says. */
export type Answer =
  | { readonly answer: "ready" }
  | { readonly answer: "failed"; readonly message: string }
  | { readonly answer: "clock"; readonly micros: number }
  | ViewersReport;

/** What all viewers together have seen. */
export interface ViewersReport {
  readonly answer: "report";
  /** Logs that arrived, the repeated ones not counted again. */
  readonly delivered: number;
  readonly repeated: number;
  /** Streams that ended before the report was asked for. */
  readonly ended: number;
  /** Microseconds from the log's mark to the read that brought it. */
  readonly latency: HistogramJson;
  /** Microseconds that a timer of this process came late: how long bytes may have waited here. */
  readonly lateness: HistogramJson;
}

const CONNECTING_AT_ONCE = 50;
const CONNECT_TIMEOUT = 30_000;

/** Opens the streams, and resolves when all are ready. */
async function watch(config: ViewersConfig) {
  const { viewers, first, count } = config;
  const latency = new Histogram();
  const lateness = new Histogram();
  // One bit for each viewer and log: exact, and a hundredth of the memory of a set.
  const width = Math.ceil(count / 8);
  const seen = new Uint8Array(viewers * width);
  // When each log was sent: what the first viewer has read the others need not read again.
  const sentAt = new Float64Array(count);
  const state = { delivered: 0, repeated: 0, ended: 0, onDelivered: () => {} };
  const request = (viewer: number) => {
    const path = config.path.replace("{filter}", String(viewer % Math.max(1, config.filters)));
    return new TextEncoder().encode(
      `GET ${path} HTTP/1.1\r\nHost: ${config.hostname}:${config.port}\r\nAccept: text/event-stream\r\n\r\n`,
    );
  };

  // One for all: what was read has been looked at before the next read.
  const buffer = new Uint8Array(65_536);

  function open(viewer: number): Promise<void> {
    const { promise, resolve, reject } = Promise.withResolvers<void>();
    let arrived = 0;
    const scanner = new Scanner({
      ready: resolve,
      log: (sequence, micros) => {
        const index = sequence - first;
        if (index < 0 || index >= count) return;
        const at = viewer * width + (index >> 3);
        const bit = 1 << (index & 7);
        const byte = seen[at] ?? 0;
        if (byte & bit) {
          state.repeated++;
          return;
        }
        seen[at] = byte | bit;
        state.delivered++;
        const sent = sentAt[index] || micros();
        sentAt[index] = sent;
        latency.add(arrived - sent);
      },
    }, config.ready);
    const read = (size: number) => {
      arrived = micros();
      try {
        scanner.push(buffer.subarray(0, size));
      } catch (error) {
        reject(error);
        socket.destroy();
      }
      state.onDelivered();
      return !scanner.ended;
    };
    // Of all ways to read that Deno has this one takes the least, by a quarter (node:net's `onread`).
    const socket = connect({
      host: config.hostname,
      port: config.port,
      noDelay: true,
      onread: { buffer, callback: read },
    }, () => void socket.write(request(viewer)));
    socket.on("error", reject);
    socket.on("close", () => {
      state.ended++;
      reject(new Error("the stream ended"));
    });
    return promise;
  }

  let next = 0;
  const openSome = async () => {
    while (next < viewers) await open(next++);
  };
  await Promise.all(Array.from({ length: CONNECTING_AT_ONCE }, openSome));

  let expectedAt = micros() + 10_000;
  setInterval(() => {
    lateness.add(micros() - expectedAt);
    expectedAt = micros() + 10_000;
  }, 10);
  return { state, latency, lateness };
}

function say(answer: Answer): void {
  console.log(JSON.stringify(answer));
}

async function main(): Promise<void> {
  const config: ViewersConfig = JSON.parse(Deno.args[0] ?? "");
  const timer = setTimeout(() => {
    say({ answer: "failed", message: `not all streams were ready within ${CONNECT_TIMEOUT / 1000} s` });
    Deno.exit(1);
  }, CONNECT_TIMEOUT);
  const { state, latency, lateness } = await watch(config);
  clearTimeout(timer);
  say({ answer: "ready" });

  for await (const line of Deno.stdin.readable.pipeThrough(new TextLineStream())) {
    const order: Order = JSON.parse(line);
    if (order.order === "clock") {
      say({ answer: "clock", micros: micros() });
      continue;
    }
    await new Promise<void>((resolve) => {
      const timeout = setTimeout(resolve, order.within);
      state.onDelivered = () => {
        if (state.delivered < order.expected) return;
        clearTimeout(timeout);
        resolve();
      };
      state.onDelivered();
    });
    const { delivered, repeated, ended } = state;
    say({
      answer: "report",
      delivered,
      repeated,
      ended,
      latency: latency.toJSON(),
      lateness: lateness.toJSON(),
    });
  }
}

// Orders end with the process that gives them.
if (import.meta.main) {
  await main().catch((error) =>
    say({ answer: "failed", message: String(error instanceof Error ? error.message : error) })
  );
  Deno.exit();
}
