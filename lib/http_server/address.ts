/** What a request was sent to: its target and its Host as one URL (RFC 9112, section 3.3). Pure. */

/** A name or an address, and a port perhaps. Slashes, spaces and the like would move where the URL's host ends. */
const HOST = /^(?:\[[\da-f:.]+\]|[^\s/\\?#@:[\]]+)(?::\d{0,5})?$/iu;

/**
 * The URL of a request, null where there is none. The scheme is that of the connection, whatever an absolute target says; a user and a
 * password in one are dropped. `here` stands for the Host that HTTP/1.0 need not name.
 */
export function urlOfRequest(
  target: string,
  { host, scheme, here }: { host: string | undefined; scheme: "http" | "https"; here: string },
): string | null {
  if (!target.startsWith("/")) {
    if (!/^https?:\/\//iu.test(target) || !URL.canParse(target)) return null;
    const url = new URL(target);
    return urlAt(scheme, url.host, url.pathname + url.search);
  }
  return urlAt(scheme, host ?? here, target);
}

function urlAt(scheme: string, host: string, path: string): string | null {
  const url = `${scheme}://${host}${path}`;
  return HOST.test(host) && URL.canParse(url) ? url : null;
}
