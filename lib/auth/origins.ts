/** Origins of other web sites (RFC 6454), as settings name them. Pure. */

/**
 * Reads origins between commas; null where one is not written exactly as browsers write it: scheme, host in lower case, and the
 * port where it is not the scheme's own. `*` and `null` are none.
 */
export function parseOrigins(text: string): ReadonlySet<string> | null {
  const origins = text.split(",").map((origin) => origin.trim());
  return origins.every(isOrigin) ? new Set(origins) : null;
}

function isOrigin(text: string): boolean {
  if (!/^https?:\/\/[^*]+$/u.test(text)) return false;
  try {
    return new URL(text).origin === text;
  } catch {
    return false;
  }
}
