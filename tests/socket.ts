/** Bytes over a socket, and what comes back. */

/** What came back until the server closed, or until `until` matched. */
export async function talk(
  port: number,
  text: string | Uint8Array,
  { until, seconds = 10 }: { until?: RegExp; seconds?: number } = {},
): Promise<{ text: string; closed: boolean }> {
  using socket = await Deno.connect({ port });
  const late = setTimeout(() => socket.close(), seconds * 1000);
  let answer = "";
  try {
    const bytes = typeof text === "string" ? new TextEncoder().encode(text) : text;
    await writeAll(socket, bytes);
    const buffer = new Uint8Array(64 * 1024);
    const decoder = new TextDecoder();
    for (;;) {
      const read = await socket.read(buffer);
      if (read === null) return { text: answer, closed: true };
      answer += decoder.decode(buffer.subarray(0, read), { stream: true });
      if (until?.test(answer)) return { text: answer, closed: false };
    }
  } catch (error) {
    if (isReset(error)) return { text: answer, closed: true };
    if (error instanceof Deno.errors.Interrupted || error instanceof Deno.errors.BadResource) {
      return { text: answer, closed: false };
    }
    throw error;
  } finally {
    clearTimeout(late);
  }
}

/** The statuses of all answers in a text. */
export function statuses(text: string): number[] {
  return [...text.matchAll(/HTTP\/1\.[01] (\d{3})/gu)].map(([, status]) => Number(status));
}

/** Whether the other end hung up. */
export function isReset(error: unknown): boolean {
  return error instanceof Deno.errors.ConnectionReset || error instanceof Deno.errors.BrokenPipe ||
    error instanceof Deno.errors.ConnectionAborted || error instanceof Deno.errors.NotConnected;
}

/** Sends all of it. */
export async function writeAll(socket: Deno.Conn, bytes: Uint8Array): Promise<void> {
  for (let sent = 0; sent < bytes.length;) sent += await socket.write(bytes.subarray(sent));
}
