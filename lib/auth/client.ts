/** How a request came here: directly, or through a proxy that is trusted. */

import type { Context } from "fresh";
import type { Config } from "../config.ts";
import type { State } from "../define.ts";
import type { Client } from "../limits.ts";
import type { Caller } from "./caller.ts";
import { accountOf, isIn, parseNetworks } from "./networks.ts";

/** How long a stream lasts before the proxy has to let it through anew, in milliseconds. */
const STREAM = 15 * 60_000;

/** Whether the other end of the connection is a trusted proxy. Only that is believed what headers say of somebody else. */
export function isFromTrustedProxy(info: Deno.ServeHandlerInfo, { trustedProxy }: Config): boolean {
  if (trustedProxy === "") return false;
  const { remoteAddr } = info;
  return "hostname" in remoteAddr && isIn(remoteAddr.hostname, parseNetworks(trustedProxy) ?? []);
}

/**
 * The address of the client, as limits are counted by it ({@link accountOf}). Of `X-Forwarded-For` the last address counts that is
 * not a trusted proxy's: those before it may be made up by the client.
 */
export function addressOf({ req, info, state }: Context<State>): string {
  const { config } = state.services;
  const { remoteAddr } = info;
  const direct = "hostname" in remoteAddr ? remoteAddr.hostname : "";
  if (!isFromTrustedProxy(info, config)) return accountOf(direct);
  const trusted = parseNetworks(config.trustedProxy) ?? [];
  const hops = (req.headers.get("x-forwarded-for") ?? "").split(",").slice(-MOST_HOPS).map(withoutPort);
  const client = hops.findLast((hop) => !isIn(hop, trusted));
  return accountOf(client ?? hops[0] ?? "", direct);
}

/** On whose account a request is counted. */
export function clientOf(ctx: Context<State>): Client {
  const { req, info, state } = ctx;
  const isForwarded = req.headers.has("x-forwarded-for") && !isFromTrustedProxy(info, state.services.config);
  return { key: state.caller?.key ?? null, address: addressOf(ctx), isForwarded };
}

/** Proxies that may stand one behind another. */
const MOST_HOPS = 10;

/** Some proxies add the port. */
function withoutPort(hop: string): string {
  const text = hop.trim();
  return /^\[(.+)\](?::\d+)?$/u.exec(text)?.[1] ?? /^([\d.]+):\d+$/u.exec(text)?.[1] ?? text;
}

/** Whether the browser's connection is over TLS, as far as can be known: cookies are marked by it. */
export function isSecure({ req, url, info, state }: Context<State>): boolean {
  if (url.protocol === "https:") return true;
  if (!isFromTrustedProxy(info, state.services.config)) return false;
  return /^\s*https\s*(?:,|$)/iu.test(req.headers.get("x-forwarded-proto") ?? "");
}

/** Who a trusted proxy says is signed in: somebody who may read the logs of one organization. Null where it says nothing. */
export function callerOfProxy({ req, info, state }: Context<State>): Caller | null {
  const { config } = state.services;
  if (config.authHeader === null || !isFromTrustedProxy(info, config)) return null;
  const name = req.headers.get(config.authHeader)?.trim().slice(0, 100);
  if (!name) return null;
  return {
    name,
    key: `person ${name}`,
    scope: "read",
    organizationId: config.authOrganization,
    until: { lifetime: STREAM },
    isSignedOnElsewhere: true,
  };
}

/**
 * Whether the name that was asked for is one that nobody can make lead elsewhere: localhost (RFC 6761, section 6.3), an address, or a
 * name without a dot, which no stranger can register and by which proxies call their upstreams.
 */
export function isNameOfHere(hostname: string): boolean {
  return /^(?:[\w-]+|.+\.localhost)$/iu.test(hostname) ||
    parseNetworks(hostname.replace(/^\[|\]$/gu, "")) !== null;
}
