/** Who asks from this very machine, and for themselves. */

import { isLoopback } from "./networks.ts";

/** What a proxy adds to what it passes on. */
const PASSED_ON = [
  "forwarded",
  "via",
  "x-forwarded-for",
  "x-forwarded-host",
  "x-forwarded-proto",
  "x-real-ip",
];

/**
 * Whether a request comes from this machine, to a name of this machine, and was not passed on. A proxy here that adds no header at
 * all and hides the name it was asked for cannot be told apart: what is told nearby is no secret, only nobody else's business.
 */
export function isNearby(request: Request, info: Deno.ServeHandlerInfo): boolean {
  const { remoteAddr } = info;
  if (!("hostname" in remoteAddr) || !isLoopback(remoteAddr.hostname.replace(/^::ffff:/iu, ""))) return false;
  return isLoopback(new URL(request.url).hostname) && !PASSED_ON.some((name) => request.headers.has(name));
}
