/** Metrics in Prometheus' text format. */

import { Counter, Gauge, Registry } from "prom-client";
import type { Hub } from "./hub.ts";
import type { Ingest } from "./ingest.ts";
import { type Limits, REASONS } from "./limits.ts";
import type { Listener } from "./listener.ts";
import type { WalState } from "./wal_stream.ts";

/** See {@link createMetrics}. */
export interface Metrics {
  /** Logs stored over HTTP. */
  readonly ingested: Counter;
  /** What was over a limit, by its reason. */
  readonly refused: Counter<"reason">;
  readonly contentType: string;
  /** The page for the scraper. */
  text(): Promise<string>;
}

/** A registry of its own, so that two servers in one process do not mix. */
export function createMetrics(
  hub: Hub,
  listener: Listener,
  { limits: { counts }, ingest, wal }: {
    limits: Limits;
    ingest: Ingest;
    /** With `--source wal` alone. */
    wal: WalState | null;
  },
): Metrics {
  const registers = [new Registry()];
  const gauge = (name: string, help: string, read: () => number) =>
    new Gauge({
      name,
      help,
      registers,
      collect() {
        this.set(read());
      },
    });
  const total = (name: string, help: string, read: () => number) =>
    new Counter({
      name,
      help,
      registers,
      collect() {
        this.reset();
        this.inc(read());
      },
    });
  const started = performance.timeOrigin / 1000;
  gauge("process_start_time_seconds", "When the process started, in seconds since 1970", () => started);
  gauge("process_resident_memory_bytes", "Memory in use", () => Deno.memoryUsage().rss);
  gauge("tailpost_viewers", "Open streams", () => hub.counts.viewers);
  gauge("tailpost_listener_connected", "1 while the listener is connected", () => Number(listener.connected));
  if (wal) {
    gauge("tailpost_wal_streaming", "1 while commits are heard from the WAL", () => Number(wal.streaming));
    gauge("tailpost_wal_retained_bytes", "WAL that PostgreSQL keeps for this server", () => wal.retained);
    total("tailpost_wal_slots_total", "Replication slots made", () => wal.slots);
    total("tailpost_wal_slots_given_up_total", "Slots given up for keeping too much WAL", () => wal.givenUp);
  }
  total("tailpost_subscriptions_total", "Streams opened", () => hub.counts.subscriptions);
  total("tailpost_listener_connections_total", "Connections the listener made", () => listener.connections);
  total("tailpost_notifications_total", "Payloads heard", () => hub.counts.notifications);
  total("tailpost_notifications_malformed_total", "Payloads not of our trigger", () => hub.counts.malformed);
  total("tailpost_logs_heard_total", "Logs announced and taken in", () => hub.counts.logs);
  total("tailpost_logs_sent_total", "Logs written to viewers, each viewer counted", () => hub.counts.sent);
  total("tailpost_fetches_total", "Catch-ups and tails read from the table", () => hub.counts.fetches);
  const ingested = new Counter({
    name: "tailpost_logs_ingested_total",
    help: "Logs stored over HTTP",
    registers,
  });
  total(
    "tailpost_ingest_inserts_total",
    "INSERTs made for them, of one request or more",
    () => ingest.inserts,
  );
  gauge("tailpost_requests_working", "Statements at work in the database", () => counts.working);
  gauge("tailpost_requests_waiting", "Requests that wait for one", () => counts.waiting);
  gauge("tailpost_bodies_bytes", "Bytes of bodies in memory", () => counts.bodies);
  gauge("tailpost_clients_remembered", "Tokens and addresses that are counted", () => counts.remembered);
  const refused = new Counter({
    name: "tailpost_refused_total",
    help: "Requests that were over a limit",
    labelNames: ["reason"] as const,
    registers,
  });
  // From the start, so that a first refusal is an increase.
  for (const reason of REASONS) refused.inc({ reason }, 0);
  const [registry] = registers;
  return {
    ingested,
    refused,
    contentType: Registry.PROMETHEUS_CONTENT_TYPE,
    text: () => registry?.metrics() ?? Promise.resolve(""),
  };
}
