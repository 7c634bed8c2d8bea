// deno-lint-ignore-file no-console -- standard output is how this process answers
/**
 * Sends logs over HTTP, a process of its own. Its argument is a {@link SendersConfig} as JSON. It writes `warm`, after the measured time a
 * {@link SendersReport}, and once the server is gone `{"ids":[...]}`: those of every log that was answered with 201.
 */

import { micros, until } from "./clock.ts";
import { Histogram, type HistogramJson } from "./stats.ts";

/** How to send. */
export interface SendersConfig {
  readonly hostname: string;
  readonly port: number;
  readonly connections: number;
  readonly logsPerRequest: number;
  readonly rate: number;
  readonly seconds: number;
}

/** What came of the measured time. */
export interface SendersReport {
  readonly seconds: number;
  readonly requests: number;
  readonly failed: number;
  readonly latency: HistogramJson;
}

const WARM_UP = 2;
const decoder = new TextDecoder();

async function main(): Promise<void> {
  const config: SendersConfig = JSON.parse(Deno.args[0] ?? "");
  const { connections, logsPerRequest, rate } = config;
  const message = "GET /v1/products/LIN-0042 200 12ms user=48211 city=Zürich agent=ShopApp/7.3 cache=miss";
  const log = (i: number) => ({
    level: i % 50 === 0 ? "error" : "info",
    service: "bench",
    message: `${i} ${message}`,
    metadata: { user: i, region: "eu-1" },
  });
  const body = new TextEncoder().encode(JSON.stringify(
    logsPerRequest === 1 ? log(0) : Array.from({ length: logsPerRequest }, (_, i) => log(i)),
  ));
  const head = new TextEncoder().encode(
    `POST /api/logs HTTP/1.1\r\nHost: ${config.hostname}:${config.port}\r\nContent-Type: application/json\r\n` +
      `Content-Length: ${body.length}\r\n\r\n`,
  );
  const request = new Uint8Array([...head, ...body]);
  const ids: number[] = [];
  let latency = new Histogram();
  let [requests, failed, over] = [0, 0, false];

  /** One connection: its requests are evenly spaced, and late where the answer before was. */
  async function send(index: number, start: number): Promise<void> {
    const connection = await Deno.connect({ hostname: config.hostname, port: config.port });
    connection.setNoDelay(true);
    const buffer = new Uint8Array(65_536);
    const spacing = connections / rate * 1e6;
    for (let i = 0;; i++) {
      await until(start + (i + index / connections) * spacing);
      const sent = micros();
      await write(connection, request);
      const answer = await readAnswer(connection, buffer);
      if (answer === null) return;
      if (answer.status === 201) { for (const id of JSON.parse(answer.body).ids) ids.push(id); }
      if (over) continue;
      if (answer.status === 201) requests++;
      else failed++;
      latency.add(micros() - sent);
    }
  }

  const start = micros();
  const ended = Promise.all(
    Array.from({ length: connections }, (_, index) => send(index, start).catch(() => {})),
  );
  await until(start + WARM_UP * 1e6);
  latency = new Histogram();
  [requests, failed] = [0, 0];
  const from = micros();
  console.log("warm");
  await until(from + config.seconds * 1e6);
  over = true;
  const report: SendersReport = {
    seconds: (micros() - from) / 1e6,
    requests,
    failed,
    latency: latency.toJSON(),
  };
  console.log(JSON.stringify(report));
  await ended;
  console.log(JSON.stringify({ ids }));
}

async function write(connection: Deno.TcpConn, bytes: Uint8Array): Promise<void> {
  for (let at = 0; at < bytes.length;) at += await connection.write(bytes.subarray(at));
}

/** Reads one answer with a Content-Length or in chunks; null where the server has gone. */
async function readAnswer(
  connection: Deno.TcpConn,
  buffer: Uint8Array,
): Promise<{ status: number; body: string } | null> {
  let text = "";
  for (;;) {
    const size = await connection.read(buffer);
    if (size === null) return null;
    text += decoder.decode(buffer.subarray(0, size));
    const head = text.indexOf("\r\n\r\n");
    if (head < 0) continue;
    const status = Number(text.slice(9, 12));
    const length = /\r\ncontent-length: *(\d+)/iu.exec(text.slice(0, head))?.[1];
    const body = text.slice(head + 4);
    if (length !== undefined ? body.length >= Number(length) : body.endsWith("\r\n0\r\n\r\n")) {
      return { status, body: length === undefined ? unchunk(body) : body };
    }
  }
}

/** Bodies in chunks (RFC 9112 section 7.1), of ASCII. */
function unchunk(body: string): string {
  let text = "";
  for (let at = 0;;) {
    const end = body.indexOf("\r\n", at);
    const size = parseInt(body.slice(at, end), 16);
    if (!(size > 0)) return text;
    text += body.slice(end + 2, end + 2 + size);
    at = end + 2 + size + 2;
  }
}

// Nobody waits for it once its parent is gone.
if (import.meta.main) {
  await main();
  Deno.exit();
}
