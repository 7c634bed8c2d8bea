/** Forms that a browser sends. */

import { HttpError } from "fresh";
import { within } from "../backoff.ts";

/** The most that a form may hold, in bytes. */
const MOST = 16 * 1024;

/**
 * Reads a form as `<form method="post">` sends it, which may take so many seconds to come.
 *
 * @throws {HttpError} 415 for any other body, 413 for one that is too large, 408 for one that comes too slowly
 */
export async function readForm(request: Request, seconds: number): Promise<URLSearchParams> {
  const type = request.headers.get("content-type") ?? "";
  if (!/^application\/x-www-form-urlencoded(?:;|$)/iu.test(type)) throw new HttpError(415, "Send a form");
  const reader = request.body?.getReader();
  const decoder = new TextDecoder();
  let size = 0;
  let text = "";
  const read = async () => {
    for (;;) {
      const { done, value } = await reader?.read().catch(cutOff) ?? { done: true };
      if (done || !value) return text + decoder.decode();
      size += value.byteLength;
      if (size > MOST) throw new HttpError(413, "The form is too large");
      text += decoder.decode(value, { stream: true });
    }
  };
  try {
    return new URLSearchParams(
      await within(seconds * 1000, read(), () => new HttpError(408, "The form came too slowly")),
    );
  } catch (error) {
    await reader?.cancel().catch(() => {});
    throw error;
  }
}

/** The sender went away, or its chunks are none. */
function cutOff(cause: unknown): never {
  throw new HttpError(400, "The form was cut off", { cause });
}
