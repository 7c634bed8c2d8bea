/** One request and its answer: from node:http to the Fetch API and back. */

import type { IncomingMessage, ServerResponse } from "node:http";
import { compressed } from "../compress.ts";
import { LiveBody } from "../live_body.ts";
import { urlOfRequest } from "./address.ts";

/** What answers requests. */
export type Handle = (request: Request, info: Deno.ServeHandlerInfo<Deno.NetAddr>) => Promise<Response>;

/** What requests are answered with. */
export interface Answers {
  readonly handle: Handle;
  /** Answers what `handle` rejected with. */
  readonly onError: (error: unknown) => Response;
  /** Answers what is no request: its target and Host make up no URL, its method is none of the Fetch API. */
  readonly badRequest: () => Response;
}

/** What an exchange is made of. */
export interface Exchange {
  readonly req: IncomingMessage;
  readonly res: ServerResponse;
  readonly scheme: "http" | "https";
  /** The client waits with the body until it is asked for it (RFC 9110, section 10.1.1). */
  readonly expectsContinue: boolean;
  /** Aborts when the client is gone. */
  readonly signal: AbortSignal;
}

const encoder = new TextEncoder();
const CRLF = encoder.encode("\r\n");

/** How long what is left of a body is read and dropped, so that the client gets to read why, in milliseconds. */
const LINGER = 2000;

/** Answers a request. Resolves when all was handed to the system, or the client is gone. Rejects where the answer's body does. */
export async function answer(exchange: Exchange, answers: Answers): Promise<void> {
  const { req, res, signal } = exchange;
  // Without this a client that leaves would be an error nobody takes.
  req.on("error", () => {});
  res.on("error", () => {});
  const response = await respond(exchange, answers);
  if (signal.aborted) return await response.body?.cancel();
  await send(exchange, response);
}

async function respond(exchange: Exchange, { handle, onError, badRequest }: Answers): Promise<Response> {
  const request = requestOf(exchange);
  if (request === null) return badRequest();
  const { remoteAddress = "", remotePort = 0 } = exchange.req.socket;
  const info: Deno.ServeHandlerInfo<Deno.NetAddr> = {
    remoteAddr: { transport: "tcp", hostname: remoteAddress, port: remotePort },
    completed: Promise.resolve(),
  };
  try {
    return await handle(request, info);
  } catch (error) {
    return onError(error);
  }
}

/** The request as the Fetch API has it; null where it cannot be one. */
function requestOf(exchange: Exchange): Request | null {
  const { req: { rawHeaders, url: target = "", method = "GET", socket }, signal, scheme } = exchange;
  const headers = new Headers();
  let host: string | undefined;
  try {
    for (let i = 0; i + 1 < rawHeaders.length; i += 2) {
      const [name = "", value = ""] = [rawHeaders[i], rawHeaders[i + 1]];
      const key = name.toLowerCase();
      if (key === "host" || key === ":authority") {
        // Which of two counts is a matter of opinion, and a proxy in front may be of another one.
        if (host !== undefined) return null;
        host = value;
      }
      // Those of HTTP/2 itself.
      if (key.startsWith(":")) continue;
      // HTTP/2 sends the pairs of a cookie apart (RFC 9113, section 8.2.3).
      const cookies = key === "cookie" ? headers.get(key) : null;
      if (cookies === null) headers.append(name, value);
      else headers.set(name, `${cookies}; ${value}`);
    }
    const url = urlOfRequest(target, { host, scheme, here: `localhost:${socket.localPort ?? 0}` });
    if (url === null) return null;
    const body = bodyOf(exchange);
    const init: RequestInit & { duplex: "half" } = { method, headers, body, signal, duplex: "half" };
    return new Request(url, init);
  } catch {
    // A method or a header that the Fetch API does not know.
    return null;
  }
}

/** The body, read from the socket no sooner than somebody asks for it. */
function bodyOf({ req, res, expectsContinue }: Exchange): ReadableStream<Uint8Array> | null {
  const { "transfer-encoding": encoding, "content-length": length } = req.headers;
  if (req.method === "GET" || req.method === "HEAD") return null;
  const isHttp2 = req.httpVersionMajor === 2;
  if (encoding === undefined && !isHttp2 && (length === undefined || Number(length) === 0)) return null;
  let isAsked = !expectsContinue;
  let isOver = false;
  return new ReadableStream({
    start(controller) {
      req.on("data", (chunk: Uint8Array) => {
        req.pause();
        if (!isOver) controller.enqueue(chunk);
      });
      req.on("end", () => {
        if (!isOver) controller.close();
        isOver = true;
      });
      req.on("close", () => {
        if (!isOver) controller.error(new Error("The connection was closed before the body had ended"));
        isOver = true;
      });
      req.pause();
    },
    pull() {
      if (!isAsked) res.writeContinue();
      isAsked = true;
      req.resume();
    },
    cancel() {
      isOver = true;
      req.pause();
    },
  }, { highWaterMark: 0 });
}

async function send(exchange: Exchange, response: Response): Promise<void> {
  const { req, res, signal } = exchange;
  // What nobody is to transform is sent as it comes: live logs, and files that are read meanwhile.
  const isStream = /\bno-transform\b/u.test(response.headers.get("cache-control") ?? "");
  const isBare = req.method === "HEAD" || response.status === 204 || response.status === 304;
  const bytes = isStream || isBare ? null : await compressed(req.headers["accept-encoding"], response);
  if (signal.aborted) return await response.body?.cancel();
  const headers: Record<string, string | string[]> = {};
  for (const [name, value] of response.headers) headers[name] = value;
  const cookies = response.headers.getSetCookie();
  if (cookies.length > 0) headers["set-cookie"] = cookies;
  if (bytes) headers["content-length"] = String(bytes.byteLength);
  // What is left of the body is not waited for: after that the connection is of no use.
  const isRest = !req.complete && req.httpVersionMajor < 2;
  if (isRest) headers.connection = "close";
  res.writeHead(response.status, headers);
  if (isStream && response.body) {
    if (isBare) await response.body.cancel();
    else {
      const body = LiveBody.of(response.body);
      return await (body ? connect(body, exchange) : pipe(response.body, exchange));
    }
  }
  if (!isRest) return await ended(exchange, bytes);
  // First the answer, whole, then the end of the connection: ended at once, the client might get a reset in its place.
  if (bytes) res.write(bytes);
  else res.flushHeaders();
  await dropRest(req);
  await ended(exchange, null);
}

/** Ends an answer, and waits until it is out or nobody is left to take it. */
function ended({ res, signal }: Exchange, bytes: Uint8Array | null): Promise<void> {
  return new Promise((resolve) => {
    // It may have been closed before, and then tells nobody any more.
    if (signal.aborted) return resolve();
    signal.addEventListener("abort", () => resolve(), { once: true });
    res.once("close", resolve);
    res.end(bytes ?? undefined);
  });
}

/** Reads what is left of a body and drops it, for a while. */
function dropRest(req: IncomingMessage): Promise<void> {
  return new Promise((resolve) => {
    const timer = setTimeout(resolve, LINGER);
    const over = () => {
      clearTimeout(timer);
      resolve();
    };
    req.once("end", over).once("close", over);
    req.resume();
  });
}

/** Has a body written to the client. */
function connect(body: LiveBody, exchange: Exchange): Promise<void> {
  return new Promise((resolve) => {
    exchange.signal.addEventListener("abort", () => {
      body.cancel();
      resolve();
    }, { once: true });
    const write = writerOf(exchange, () => body.drained());
    body.connect({ write, end: () => resolve(ended(exchange, null)) });
  });
}

/** Writes a stream as it comes, no faster than the client takes it. */
async function pipe(stream: ReadableStream<Uint8Array>, exchange: Exchange): Promise<void> {
  const { signal } = exchange;
  const reader = stream.getReader();
  let wake = () => {};
  const write = writerOf(exchange, () => wake());
  const leave = () => {
    wake();
    // What is written to it has to know, also while nothing is.
    reader.cancel().catch(() => {});
  };
  signal.addEventListener("abort", leave, { once: true });
  if (signal.aborted) leave();
  // A stream that fails while the client takes nothing.
  reader.closed.catch(() => wake());
  for (;;) {
    const { done, value } = await reader.read();
    if (done || signal.aborted) break;
    if (!write(value) && !signal.aborted) await new Promise<void>((resolve) => wake = resolve);
  }
  await ended(exchange, null);
}

/**
 * What writes parts of a body; false says that the client is slow, and `onDrain` that it has caught up. With HTTP/1.1 parts go to the
 * socket past node:http, which takes three writes for each of them, and for each of a thousand viewers.
 */
function writerOf({ req, res }: Exchange, onDrain: () => void): (bytes: Uint8Array) => boolean {
  const { socket } = res;
  if (req.httpVersionMajor >= 2 || !socket) {
    res.on("drain", onDrain);
    return (bytes) => res.write(bytes);
  }
  res.flushHeaders();
  socket.on("drain", onDrain);
  res.once("close", () => socket.off("drain", onDrain));
  const isChunked = res.chunkedEncoding;
  // Of a part that is longer than node's own buffer it says that it is full, also where the system took all of it.
  return (bytes) =>
    bytes.byteLength === 0 || socket.write(isChunked ? chunkOf(bytes) : bytes) || socket.writableLength === 0;
}

/** Chunks of HTTP/1.1 by what is in them: viewers of the same logs share those. */
const chunks = new WeakMap<Uint8Array, Uint8Array>();

/** Bytes as a chunk (RFC 9112, section 7.1). */
function chunkOf(bytes: Uint8Array): Uint8Array {
  const known = chunks.get(bytes);
  if (known) return known;
  const head = `${bytes.byteLength.toString(16)}\r\n`;
  const chunk = new Uint8Array(head.length + bytes.byteLength + 2);
  encoder.encodeInto(head, chunk);
  chunk.set(bytes, head.length);
  chunk.set(CRLF, head.length + bytes.byteLength);
  chunks.set(bytes, chunk);
  return chunk;
}
