/** Logs as services write them: most short, some JSON, some with a stack trace, one in a hundred of 10 kB. */

import type postgres from "postgres";

const SERVICES = ["gateway", "nginx", "auth", "checkout", "payments", "search", "worker", "mailer"] as const;

/** Out of a hundred logs. */
const LEVELS = [[2, "error"], [8, "warn"], [30, "debug"], [100, "info"]] as const;

/** How often logs are written, in milliseconds. */
const PACE = 20;

/** Writes logs evenly until `signal` is aborted. Resolves to how many were committed. */
export async function writeLogs(
  sql: postgres.Sql,
  { rate, signal }: { rate: number; signal: AbortSignal },
): Promise<number> {
  const began = performance.now();
  let written = 0;
  while (!signal.aborted) {
    const due = Math.floor((performance.now() - began) * rate / 1000);
    if (due > written) {
      const logs = Array.from({ length: due - written }, (_, i) => logOf(written + i));
      await sql`insert into logs ${sql(logs, "level", "service", "message")}`;
      written = due;
    }
    await new Promise((resolve) => setTimeout(resolve, PACE));
  }
  return written;
}

/** The log of a number. Pure: the same number is the same log. */
export function logOf(n: number): { level: string; service: string; message: string } {
  const dice = (n * 2_654_435_761 >>> 0) % 100;
  const level = LEVELS.find(([below]) => dice < below)?.[1] ?? "info";
  const service = SERVICES[n % SERVICES.length] ?? "gateway";
  return { level, service, message: messageOf(n, dice) };
}

function messageOf(n: number, dice: number): string {
  if (dice === 0) {
    return `payload of order A-${n}: ${`{"item":${n},"price":12.5},`.repeat(420)}`.slice(0, 10_000);
  }
  if (dice < 6) {
    const frames = Array.from(
      { length: 12 },
      (_, i) => `    at step${i} (/srv/app/src/orders/step${i}.ts:${n % 97 + i}:11)`,
    );
    return `charge of A-${n} failed, gave up after 3 attempts\nError: card declined\n${frames.join("\n")}`;
  }
  if (dice < 16) {
    return JSON.stringify({ event: "order_placed", order: n, total: n % 500 + 0.5, items: [n % 7, n % 11] });
  }
  return `GET /v1/products/LIN-${n % 1000} 200 ${n % 90 + 3}ms req=${(n * 40_503 >>> 0).toString(16)} user=${
    n % 5000
  }`;
}
