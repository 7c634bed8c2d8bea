/** Where somebody is sent after signing in. Pure. */

/** The page that everybody may see. */
export const HOME = "/logs/live";

/**
 * A path of this site, or {@link HOME}. Browsers read `//evil.example`, `/\evil.example` and a path with a tab or a line break in it
 * as the address of another site, and `/.//evil.example` becomes one when it is resolved.
 */
export function safeNext(next: string | null): string {
  if (next === null || !/^\/(?![/\\])[\x21-\x7e]*$/u.test(next) || next.includes("\\")) return HOME;
  const here = "http://tailpost.invalid";
  const url = URL.parse(next, here);
  if (!url || url.origin !== here || /^\/\/|^\/(?:login|logout)(?:\/|$)/u.test(url.pathname)) return HOME;
  return url.pathname + url.search;
}
