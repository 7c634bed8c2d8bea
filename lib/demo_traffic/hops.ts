/** The hops that every request shares: the gateway, and the web server in front of it. */

import type { Dice } from "./random.ts";
import type { Service, Story } from "./story.ts";

/** A request reaches the gateway. */
export function enter(story: Story, method: string, path: string, dice: Dice): void {
  story.takes(1);
  if (dice.chance(0.42)) {
    story.log("gateway", "debug", `${method} ${path.split("?")[0]} -> ${serviceOf(path)}`, {
      http: { method, path },
      upstream: { service: serviceOf(path), attempt: 1 },
    });
  }
  if (dice.chance(0.1)) {
    story.log("gateway", "trace", `rate limit ${dice.int(1, 58)}/60 for ${story.shopper.ip}`, {
      client: { ip: story.shopper.ip },
    });
  }
  story.takes(1);
}

/** The answer leaves through the gateway and the web server in front of it. */
export function leave(story: Story, method: string, path: string, status: number, dice: Dice): void {
  story.takes(2);
  const took = Math.max(1, story.elapsed());
  if (dice.chance(0.09)) {
    story.log("gateway", "warn", dice.pick(COMPLAINTS), {
      client: { agent: story.shopper.agent },
      http: { path },
    });
  }
  const level = status >= 500 ? "error" : status === 429 || took > 2500 ? "warn" : "info";
  story.log("gateway", level, `${method} ${path.split("?")[0]} ${status} ${took}ms`, {
    http: { method, path, status },
    durationMs: took,
    userId: story.shopper.id,
  });
  access(story, method, path, status, dice);
}

/** A line of the web server's access log. */
export function access(
  story: Story,
  method: string,
  path: string,
  status: number,
  dice: Dice,
  ip?: string,
): void {
  const from = ip ?? story.shopper.ip;
  const agent = ip === undefined ? story.shopper.agent : "examplebot/2.1 (+https://bot.example.com)";
  const bytes = status === 304 ? 0 : Math.round(dice.logNormal(4200, 1));
  story.takes(1);
  const seconds = (story.elapsed() / 1000).toFixed(3);
  story.log(
    "nginx",
    "info",
    `${from} "${method} ${path} HTTP/2.0" ${status} ${bytes} ${seconds} "${agent}"`,
    {
      http: { method, path, status, bytes },
      client: { ip: from, agent },
    },
  );
}

const COMPLAINTS = [
  "client speaks an old API version (2024-11), please update",
  "response is larger than 256 kB, not compressed",
  "answer came after the client's own deadline",
  "cookie “basket” is over 2 kB",
];

const OWNERS: Readonly<Record<string, Service>> = {
  products: "inventory",
  search: "search",
  cart: "checkout",
  orders: "checkout",
  sessions: "auth",
  account: "auth",
};

function serviceOf(path: string): Service {
  return OWNERS[path.split(/[/?]/u)[2] ?? ""] ?? "gateway";
}
