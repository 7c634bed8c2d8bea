/** The longest story of the shop: an order, from the click to the mail, through good times and bad. */

import { enter, leave } from "./hops.ts";
import type { Dice } from "./random.ts";
import { javaTrace } from "./stack_traces.ts";
import type { Fields, Story } from "./story.ts";
import { euros, PRODUCTS } from "./words.ts";
import type { World } from "./world.ts";

const PATH = "/v1/orders";

/** Places an order; what the payment provider does depends on the state of the world. */
export function placeOrder(story: Story, world: World): void {
  const { dice } = world;
  const order = `A-${++world.orders}`;
  const items = Array.from(
    { length: dice.int(1, 4) },
    () => ({ ...dice.pick(PRODUCTS), quantity: dice.int(1, 2) }),
  );
  const total = items.reduce((sum, item) => sum + item.price * item.quantity, 0);
  const charge = { order, amount: { cents: total, currency: "EUR" }, provider: "examplepay" };

  enter(story, "POST", PATH, dice);
  story.log("checkout", "debug", `order ${order}: ${items.length} items, ${euros(total)}`, {
    order: { id: order, total, items: items.map(({ sku, quantity, price }) => ({ sku, quantity, price })) },
    shipTo: { city: story.shopper.city, name: story.shopper.name },
    userId: story.shopper.id,
  });
  story.takes(12);
  for (const { sku, quantity } of items) {
    story.log("inventory", "trace", `reserved ${quantity} of ${sku} for ${order} in ${story.takes(4)} ms`);
  }
  if (dice.chance(0.02)) logLargePayload(story, dice, order);
  if (!pay(story, world, order, charge)) return;

  story.takes(15);
  story.log(
    "checkout",
    "info",
    `order ${order} placed by ${story.shopper.name}, ${story.shopper.city}: ${euros(total)}`,
    {
      order: { id: order, total, currency: "EUR", items: items.length },
      userId: story.shopper.id,
    },
  );
  leave(story, "POST", PATH, 201, dice);
  fulfil(story, dice, order);
}

/** Charges the card. False when the order ends here. */
function pay(story: Story, world: World, order: string, charge: Fields): boolean {
  const { dice } = world;
  if (world.payments === "open") {
    world.parkedOrders++;
    story.log("payments", "warn", `circuit breaker examplepay is OPEN, not charging ${order}`, charge);
    story.log(
      "checkout",
      "info",
      `order ${order} parked until payments are back (${world.parkedOrders} waiting)`,
      {
        order: { id: order, state: "parked" },
      },
    );
    leave(story, "POST", PATH, 202, dice);
    return false;
  }
  story.log("payments", "debug", `charging ${order} with examplepay`, charge);
  if (world.payments === "slow") {
    for (let attempt = 1; attempt <= 2; attempt++) {
      const took = story.takes(2000, 0.004);
      const pause = 200 * 2 ** attempt + dice.int(0, 90);
      story.log(
        "payments",
        "warn",
        `examplepay timed out after ${took} ms, retry ${attempt}/2 in ${pause} ms`,
        {
          ...charge,
          attempt,
          durationMs: took,
        },
      );
      story.takes(pause, 0.01);
    }
    if (dice.chance(0.75)) {
      story.takes(2000, 0.004);
      story.log(
        "payments",
        "error",
        `charge of ${order} failed, gave up after 3 attempts\n${javaTrace(dice)}`,
        charge,
      );
      leave(story, "POST", PATH, 504, dice);
      return false;
    }
  } else if (dice.chance(0.12)) {
    story.takes(320);
    story.log("payments", "warn", `examplepay declined ${order}: insufficient_funds`, {
      ...charge,
      decline: "insufficient_funds",
    });
    leave(story, "POST", PATH, 402, dice);
    return false;
  }
  const took = story.takes(340, 0.45);
  story.log("payments", "info", `charged ${order} in ${took} ms`, { ...charge, durationMs: took });
  return true;
}

/** What happens after the answer: the invoice and the mail. */
function fulfil(story: Story, dice: Dice, order: string): void {
  story.takes(700);
  story.log(
    "worker",
    "debug",
    `job render_invoice(${order}) started, waited ${dice.int(2, 90)} ms in the queue`,
  );
  const took = story.takes(420);
  story.log("worker", "info", `invoice-${order}.pdf rendered in ${took} ms, ${dice.int(38, 120)} kB`, {
    durationMs: took,
  });
  story.takes(900);
  if (dice.chance(0.04)) {
    story.log("mailer", "warn", `greylisted by mx.example.com, ${story.shopper.email} again in 60 s`, {
      smtp: { code: 451, host: "mx.example.com" },
    });
  } else {
    story.log("mailer", "info", `“Your order ${order}” sent to ${story.shopper.email}`, {
      template: "order_confirmation",
      smtp: { code: 250, host: "mx.example.com" },
    });
  }
}

/** About 20 kB in one message, which the stream cuts to its preview. */
function logLargePayload(story: Story, dice: Dice, order: string): void {
  const entries = Array.from({ length: 150 }, (_, line) => {
    const { sku, name, price } = dice.pick(PRODUCTS);
    return {
      line,
      sku,
      name,
      price,
      warehouse: dice.pick(["HAM", "KIX", "CAI"]),
      lot: dice.hex(8),
      reserved: true,
    };
  });
  story.log("checkout", "debug", `payload of ${order}: ${JSON.stringify({ order, entries }, null, 1)}`, {
    kind: "payload",
  });
}
