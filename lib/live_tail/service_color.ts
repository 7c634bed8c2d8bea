/** A service keeps its colour: on every page and after every reload. Pure. */

/** How many colours the stylesheet has, as classes `svc-0`, `svc-1`, and so on. */
export const SERVICE_COLORS = 12;

/** The CSS class of a service's colour, by a hash of its name (FNV-1a, 32 bits). */
export function serviceColor(service: string): string {
  let hash = 0x811c9dc5;
  for (let i = 0; i < service.length; i++) {
    hash = Math.imul(hash ^ service.charCodeAt(i), 0x01000193);
  }
  // The low bits of FNV-1a alone spread badly over short names.
  return `svc-${((hash >>> 16) ^ (hash & 0xffff)) % SERVICE_COLORS}`;
}
