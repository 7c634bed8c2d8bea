/** Sends one made-up request, and says what came back. */

import { isReset, writeAll } from "../socket.ts";
import type { FuzzRequest, Sender } from "./requests.ts";

/** How long one may take, in milliseconds. */
export const TIMEOUT = 10_000;

/** Headers of a sender. */
export type Credentials = Readonly<Record<Sender, readonly (readonly [string, string])[]>>;

/** What came back; status 0 where the connection was closed without an answer, which only a broken request may be answered with. */
export interface Exchange {
  readonly status: number;
  readonly text: string;
}

/** Sends it. Rejects with a TimeoutError where nothing came in time. */
export async function exchange(
  port: number,
  request: FuzzRequest,
  credentials: Credentials,
): Promise<Exchange> {
  return await (request.raw ? overSocket : overFetch)(port, request, credentials[request.sender]);
}

async function overFetch(
  port: number,
  { method, target, headers, body }: FuzzRequest,
  credentials: readonly (readonly [string, string])[],
): Promise<Exchange> {
  const all = new Headers();
  for (const [name, value] of [...headers, ...credentials]) all.set(name, value);
  const response = await fetch(`http://127.0.0.1:${port}${target.startsWith("/") ? target : `/${target}`}`, {
    method,
    headers: all,
    redirect: "manual",
    signal: AbortSignal.timeout(TIMEOUT),
    ...body === null || method === "GET" || method === "HEAD" ? {} : { body },
  });
  if (response.headers.get("content-type") !== "text/event-stream") {
    return { status: response.status, text: await response.text() };
  }
  // A stream has no end: its beginning will do.
  const reader = response.body?.getReader();
  const first = await reader?.read();
  await reader?.cancel();
  return { status: response.status, text: new TextDecoder().decode(first?.value) };
}

async function overSocket(
  port: number,
  { method, target, headers, body }: FuzzRequest,
  credentials: readonly (readonly [string, string])[],
): Promise<Exchange> {
  const bytes = new TextEncoder().encode(body ?? "");
  const lines = [`${method} ${target} HTTP/1.1`];
  const all = [...headers, ...credentials, ["connection", "close"]];
  if (!all.some(([name]) => name === "host")) lines.push("host: 127.0.0.1");
  if (body !== null && !all.some(([name]) => /^(?:content-length|transfer-encoding)$/u.test(name ?? ""))) {
    lines.push(`content-length: ${bytes.length}`);
  }
  for (const [name, value] of all) lines.push(`${name}: ${value}`);
  using socket = await Deno.connect({ port });
  let text = "";
  let isLate = false;
  // What waits for more than was sent is told that there is no more.
  const enough = setTimeout(() => void socket.closeWrite().catch(() => {}), 500);
  const timer = setTimeout(() => {
    isLate = true;
    socket.close();
  }, TIMEOUT);
  try {
    await writeAll(socket, new TextEncoder().encode(lines.join("\r\n") + "\r\n\r\n"));
    await writeAll(socket, bytes);
    const buffer = new Uint8Array(16 * 1024);
    const decoder = new TextDecoder();
    for (let read = await socket.read(buffer); read !== null; read = await socket.read(buffer)) {
      text += decoder.decode(buffer.subarray(0, read), { stream: true });
      if (text.includes("text/event-stream") && text.includes("event: ready")) break;
    }
  } catch (error) {
    // The server hung up on what it had heard enough of.
    if (isLate) throw new DOMException("No answer in time", "TimeoutError");
    if (!isReset(error)) throw error;
  } finally {
    clearTimeout(timer);
    clearTimeout(enough);
  }
  return { status: Number(/^HTTP\/1\.[01] ([2-9]\d\d)/mu.exec(text)?.[1] ?? 0), text };
}
