/** What a shop writes when nobody clicks: jobs, checkpoints, probes, statistics. */

import type { Dice } from "./random.ts";
import { pythonTrace } from "./stack_traces.ts";
import type { Line } from "./story.ts";
import { drawAddress, PRODUCTS } from "./words.ts";
import type { World } from "./world.ts";

/** Draws something that happens by itself. */
export function drawBackground(world: World): readonly Line[] {
  const { dice } = world;
  return dice.weighted([
    [16, probe],
    [14, cacheStatistics],
    [14, resizeImages],
    [10, importFeed],
    [10, checkpoint],
    [8, autovacuum],
    [10, slowQuery],
    [6, newsletter],
    [8, runtimeNotice],
    [3, attack],
    [1, deadlock],
    [1, importDump],
  ])(dice);
}

function probe(dice: Dice): Line[] {
  const service = dice.pick(["gateway", "auth", "checkout", "payments", "inventory", "search"] as const);
  return [{
    after: 0,
    service,
    level: "trace",
    message: `GET /healthz 200 ${dice.int(1, 3)}ms kube-probe`,
    metadata: { http: { path: "/healthz", status: 200 }, replica: dice.int(1, 4) },
  }];
}

function cacheStatistics(dice: Dice): Line[] {
  const hits = dice.int(9000, 30_000);
  const misses = dice.int(400, 2400);
  const ratio = (100 * hits / (hits + misses)).toFixed(1);
  return [{
    after: 0,
    service: "inventory",
    level: "debug",
    message: `cache: ${ratio} % hits, ${dice.int(40, 61)} MiB of 64 MiB, ${dice.int(0, 90)} evictions`,
    metadata: { cache: { hits, misses, evictions: { lru: dice.int(0, 60), expired: dice.int(0, 30) } } },
  }];
}

function resizeImages(dice: Dice): Line[] {
  const job = dice.hex(6);
  const { sku } = dice.pick(PRODUCTS);
  const took = Math.round(dice.logNormal(900, 0.5));
  const begin: Line = {
    after: 0,
    service: "worker",
    level: "debug",
    message: `job ${job} resize_image started (${sku}, 4 sizes)`,
    metadata: { job: { id: job, name: "resize_image", queue: "media", attempt: 1 } },
  };
  if (dice.chance(0.2)) {
    const message = `job ${job} resize_image failed, again in 30 s\n${pythonTrace(dice)}`;
    return [begin, {
      after: took,
      service: "worker",
      level: "error",
      message,
      metadata: { job: { id: job, attempt: 1 } },
    }];
  }
  const metadata = { job: { id: job, name: "resize_image" }, durationMs: took };
  return [begin, {
    after: took,
    service: "worker",
    level: "info",
    message: `job ${job} done in ${took} ms`,
    metadata,
  }];
}

function importFeed(dice: Dice): Line[] {
  const rows = dice.int(400, 9000);
  const feed = dice.pick(["Möbelhaus", "紙と筆", "Papelaria", "بيت الكتب"]);
  const say = (after: number, level: Line["level"], message: string): Line => ({
    after,
    service: "worker",
    level,
    message: `feed “${feed}”: ${message}`,
    metadata: { feed: { name: feed, rows } },
  });
  const lines = [say(0, "info", `${rows} rows to import`)];
  for (let part = 1; part <= 3; part++) {
    lines.push(say(part * 700, "debug", `${Math.round(rows * part / 3)} rows read`));
  }
  if (dice.chance(0.4)) lines.push(say(2200, "warn", `${dice.int(1, 12)} rows without a price were skipped`));
  return [...lines, say(2600, "info", `imported, ${dice.int(3, 80)} products changed 🎉`)];
}

function checkpoint(dice: Dice): Line[] {
  const buffers = dice.int(40, 4000);
  const write = dice.logNormal(9, 0.4);
  return [
    { after: 0, service: "postgres", level: "info", message: "checkpoint starting: time" },
    {
      after: write * 1000,
      service: "postgres",
      level: "info",
      message: `checkpoint complete: wrote ${buffers} buffers (${(buffers / 163.84).toFixed(1)}%); ` +
        `write=${write.toFixed(3)} s, sync=0.0${dice.int(10, 99)} s, total=${(write + 0.1).toFixed(3)} s`,
      metadata: { checkpoint: { buffers, writeSeconds: Number(write.toFixed(3)) } },
    },
  ];
}

function autovacuum(dice: Dice): Line[] {
  const table = dice.pick(["orders", "order_items", "carts", "sessions", "stock"]);
  return [{
    after: 0,
    service: "postgres",
    level: "debug",
    message: `automatic vacuum of table "shop.public.${table}": index scans: 1
pages: 0 removed, ${dice.int(900, 60_000)} remain, ${dice.int(100, 900)} scanned
tuples: ${dice.int(200, 8000)} removed, ${dice.int(10_000, 900_000)} remain, 0 are dead but not yet removable
system usage: CPU: user: 0.${dice.int(10, 99)} s, system: 0.0${dice.int(1, 9)} s`,
    metadata: { table },
  }];
}

function slowQuery(dice: Dice): Line[] {
  const took = dice.logNormal(1600, 0.4).toFixed(3);
  const statement = dice.pick([
    `SELECT o.id, o.placed_at, sum(i.quantity * i.unit_price)
  FROM orders o JOIN order_items i ON i.order_id = o.id
 WHERE o.placed_at > now() - interval '${dice.int(30, 365)} days' AND o.city = 'Zürich'
 GROUP BY o.id ORDER BY 3 DESC LIMIT 50`,
    `UPDATE carts SET expired = true WHERE touched_at < now() - interval '${
      dice.int(14, 60)
    } days' AND NOT expired`,
    `SELECT sku, similarity(name, 'käsereibe') AS score FROM products ORDER BY score DESC LIMIT ${
      dice.int(10, 80)
    }`,
  ]);
  return [{
    after: 0,
    service: "postgres",
    level: "warn",
    message: `duration: ${took} ms  statement: ${statement}`,
    metadata: { durationMs: Number(took), database: "shop", application: "worker" },
  }];
}

function newsletter(dice: Dice): Line[] {
  const size = dice.int(200, 900);
  return [
    {
      after: 0,
      service: "mailer",
      level: "info",
      message: `newsletter “Herbst 🍂”: batch of ${size} queued`,
    },
    {
      after: 1800,
      service: "mailer",
      level: "info",
      message: `newsletter “Herbst 🍂”: ${size} sent, ${dice.int(0, 4)} bounced`,
      metadata: { campaign: { name: "Herbst 🍂", size } },
    },
  ];
}

function runtimeNotice(dice: Dice): Line[] {
  return [
    dice.pick<Line>([
      {
        after: 0,
        service: "payments",
        level: "warn",
        message: `GC pause ${dice.int(180, 420)} ms (G1 Evacuation Pause)`,
      },
      {
        after: 0,
        service: "auth",
        level: "warn",
        message: `event loop was blocked for ${dice.int(90, 300)} ms`,
      },
      {
        after: 0,
        service: "nginx",
        level: "warn",
        message: "an upstream response is buffered to a temporary file",
      },
      {
        after: 0,
        service: "search",
        level: "warn",
        message: `index “produkte” has ${dice.int(40, 70)} segments, merging`,
      },
    ]),
  ];
}

function attack(dice: Dice): Line[] {
  const ip = drawAddress(dice);
  const attempts = dice.int(3, 6);
  const lines = Array.from({ length: attempts }, (_, attempt): Line => ({
    after: attempt * 350,
    service: "auth",
    level: "warn",
    message: `wrong password for admin@example.com from ${ip}, attempt ${attempt + 1} of ${attempts}`,
    metadata: { client: { ip }, attempt: attempt + 1 },
  }));
  const message = `${ip} blocked for 15 min after ${attempts} wrong passwords`;
  return [...lines, {
    after: attempts * 350,
    service: "auth",
    level: "error",
    message,
    metadata: { client: { ip } },
  }];
}

function deadlock(dice: Dice): Line[] {
  const [one, two] = [dice.int(2000, 4000), dice.int(4001, 6000)];
  return [{
    after: 0,
    service: "postgres",
    level: "error",
    message: `deadlock detected
DETAIL:  Process ${one} waits for ShareLock on transaction ${
      dice.int(700_000, 800_000)
    }; blocked by process ${two}.
\tProcess ${two} waits for ShareLock on transaction ${dice.int(700_000, 800_000)}; blocked by process ${one}.
HINT:  See server log for query details.
CONTEXT:  while updating tuple (${dice.int(1, 90)},${dice.int(1, 60)}) in relation "stock"`,
    metadata: { sqlstate: "40P01", pids: [one, two] },
  }];
}

/** An SQL dump, several thousand characters long. */
function importDump(dice: Dice): Line[] {
  const rows = Array.from({ length: 120 }, (_, row) => {
    const { sku, name, price } = dice.pick(PRODUCTS);
    return `  (${row + 1}, '${sku}', '${name}', ${price}, ${dice.int(0, 400)}, '${dice.hex(12)}')`;
  });
  return [{
    after: 0,
    service: "postgres",
    level: "debug",
    message: `duration: ${dice.logNormal(700, 0.4).toFixed(3)} ms  statement: INSERT INTO stock ` +
      `(id, sku, name, price, quantity, checksum) VALUES\n${rows.join(",\n")};`,
    metadata: { rows: rows.length },
  }];
}
