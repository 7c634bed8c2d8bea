/** The requests of the shop: one function a kind, each the story of one request through the services. */

import { placeOrder } from "./checkout.ts";
import { access, enter, leave } from "./hops.ts";
import { nodeTrace, searchTrace } from "./stack_traces.ts";
import { type Line, startStory, type Story } from "./story.ts";
import { drawAddress, euros, PRODUCTS, SEARCHES } from "./words.ts";
import type { World } from "./world.ts";

const UPSTREAMS = [
  ["inventory", "/v1/products/BAG-0311/stock"],
  ["search", "/v1/search/suggestions"],
  ["checkout", "/v1/cart"],
  ["auth", "/v1/sessions/current"],
] as const;

/** Draws a request of the usual mix and tells its story. */
export function drawRequest(world: World): readonly Line[] {
  const { dice } = world;
  const inTrouble = world.payments !== "ok";
  const tell = dice.weighted([
    [30, viewProduct],
    [24, searchProducts],
    [12, addToCart],
    [10, signIn],
    [inTrouble ? 22 : 9, placeOrder],
    [10, fetchAsset],
    [4, crawl],
    [3, readAccount],
    [4, failUpstream],
  ]);
  const story = startStory(dice);
  tell(story, world);
  return story.lines;
}

function viewProduct(story: Story, world: World): void {
  const { dice } = world;
  const { sku, name, price } = dice.pick(PRODUCTS);
  const path = `/v1/products/${sku}`;
  enter(story, "GET", path, dice);
  const cached = dice.chance(0.7);
  story.takes(2);
  if (dice.chance(0.35)) {
    story.log("inventory", "trace", `cache ${cached ? "hit" : "miss"} key=product:${sku}`);
  }
  if (!cached) {
    const rows = dice.int(1, 6);
    const took = story.takes(world.poolExhausted ? 900 : 6);
    if (world.poolExhausted && dice.chance(0.5)) {
      story.log(
        "inventory",
        "error",
        `query failed: timed out after ${took} ms waiting for a connection (pool 20/20)`,
        {
          pool: { size: 20, idle: 0, waiting: dice.int(14, 80) },
          durationMs: took,
        },
      );
      return leave(story, "GET", path, 503, dice);
    }
    story.log("inventory", "debug", `loaded ${sku} “${name}”: ${rows} variants in ${took} ms`, {
      product: { sku, name, price: { cents: price, currency: "EUR" } },
      durationMs: took,
    });
  }
  story.takes(4);
  leave(story, "GET", path, 200, dice);
}

function searchProducts(story: Story, { dice }: World): void {
  const query = dice.pick(SEARCHES);
  const path = `/v1/search?q=${encodeURIComponent(query)}`;
  enter(story, "GET", path, dice);
  story.takes(3);
  story.log("search", "debug", `parsed “${query}” into ${query.split(" ").length} terms`, {
    query: { text: query, terms: query.split(" "), language: "auto" },
  });
  const shards = dice.int(3, 5);
  for (let shard = 1; shard <= shards && dice.chance(0.25); shard++) {
    story.log(
      "search",
      "trace",
      `shard ${shard}/${shards} scored ${dice.int(40, 900)} documents in ${story.takes(3)} ms`,
    );
  }
  if (dice.chance(0.03)) {
    story.log("search", "error", `suggestions failed for “${query}”\n${searchTrace(dice)}`, {
      query: { text: query },
    });
  }
  const took = story.takes(38, 0.8);
  const hits = dice.chance(0.08) ? 0 : Math.round(dice.logNormal(24, 1));
  const metadata = { query: { text: query, hits, page: 1 }, durationMs: took };
  if (took > 100) story.log("search", "warn", `slow search “${query}”: ${took} ms`, metadata);
  else story.log("search", "info", `“${query}” found ${hits} products in ${took} ms`, metadata);
  leave(story, "GET", path, 200, dice);
}

function addToCart(story: Story, { dice }: World): void {
  const { sku, name, price } = dice.pick(PRODUCTS);
  const quantity = dice.weighted([[8, 1], [2, 2], [1, 6]]);
  enter(story, "POST", "/v1/cart/items", dice);
  const available = dice.int(-5, 50);
  story.takes(4);
  story.log("inventory", "debug", `stock of ${sku}: ${Math.max(0, available)}`, {
    sku,
    available: Math.max(0, available),
  });
  if (available < quantity) {
    story.log(
      "checkout",
      "warn",
      `only ${Math.max(0, available)} of ${sku} “${name}” left, ${quantity} wanted`,
      {
        sku,
        wanted: quantity,
      },
    );
    return leave(story, "POST", "/v1/cart/items", 409, dice);
  }
  if (dice.chance(0.05)) {
    story.log("checkout", "error", `Cannot price the cart\n${nodeTrace(dice)}`, {
      sku,
      userId: story.shopper.id,
    });
    return leave(story, "POST", "/v1/cart/items", 500, dice);
  }
  story.takes(9);
  story.log("checkout", "info", `${quantity} × ${name} into the cart, total ${euros(price * quantity)}`, {
    cart: { items: [{ sku, quantity, unitPrice: price }], total: price * quantity, currency: "EUR" },
    userId: story.shopper.id,
  });
  leave(story, "POST", "/v1/cart/items", 201, dice);
}

function signIn(story: Story, { dice }: World): void {
  const { shopper } = story;
  enter(story, "POST", "/v1/sessions", dice);
  const took = story.takes(85, 0.3);
  story.log("auth", "trace", `password hash compared in ${took} ms`, { durationMs: took });
  if (dice.chance(0.22)) {
    const attempt = dice.int(1, 5);
    story.log(
      "auth",
      "warn",
      `wrong password for ${shopper.email} from ${shopper.ip}, attempt ${attempt} of 5`,
      {
        user: { id: shopper.id },
        client: { ip: shopper.ip, agent: shopper.agent },
        attempt,
      },
    );
    return leave(story, "POST", "/v1/sessions", 401, dice);
  }
  story.log("auth", "debug", `session issued for user ${shopper.id}, valid 12 h`, {
    user: { id: shopper.id },
  });
  story.log("auth", "info", `${shopper.name} signed in from ${shopper.city}`, {
    user: { id: shopper.id, name: shopper.name, city: shopper.city },
    client: { ip: shopper.ip, agent: shopper.agent },
  });
  leave(story, "POST", "/v1/sessions", 201, dice);
}

function readAccount(story: Story, { dice }: World): void {
  enter(story, "GET", "/v1/account/orders", dice);
  story.log("auth", "debug", `session of user ${story.shopper.id} is valid`, {
    user: { id: story.shopper.id },
  });
  story.takes(14);
  leave(story, "GET", "/v1/account/orders", 200, dice);
}

/** A replica does not answer; the gateway tries another, most often with success. */
function failUpstream(story: Story, { dice }: World): void {
  const [service, path] = dice.pick(UPSTREAMS);
  enter(story, "GET", path, dice);
  const replica = dice.int(1, 4);
  const upstream = { service, replica, address: `192.0.2.${20 + replica}:8080` };
  const reason = dice.pick(["connection refused", "connection reset by peer", "i/o timeout"]);
  const took = story.takes(reason === "i/o timeout" ? 1000 : 3, 0.2);
  story.log("gateway", "warn", `${service}-${replica} failed: ${reason} after ${took} ms, trying another`, {
    upstream,
  });
  if (dice.chance(0.3)) {
    story.takes(20);
    return leave(story, "GET", path, 200, dice);
  }
  story.takes(4);
  story.log("gateway", "error", `no replica of ${service} answers: ${reason}`, { upstream, attempts: 2 });
  leave(story, "GET", path, 502, dice);
}

function fetchAsset(story: Story, { dice }: World): void {
  const file = dice.pick([
    "app.4f1c.js",
    "style.91be.css",
    "hero-herbst.avif",
    "fonts/latin.woff2",
    "img/急須.avif",
  ]);
  story.takes(1);
  access(story, "GET", `/assets/${encodeURI(file)}`, dice.chance(0.5) ? 304 : 200, dice);
}

function crawl(story: Story, { dice }: World): void {
  const path = dice.pick([
    "/sitemap.xml",
    "/robots.txt",
    "/wp-login.php",
    "/.env",
    "/produkte/alt/leinenhemd",
  ]);
  const found = path.endsWith("xml") || path.endsWith("txt");
  story.takes(2);
  if (!found) story.log("gateway", "debug", `no route for GET ${path}`, { http: { path, status: 404 } });
  access(story, "GET", path, found ? 200 : 404, dice, drawAddress(dice));
}
