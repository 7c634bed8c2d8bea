/** Sends made-up requests to the real program, several at once, and watches what must hold. */

import fc from "fast-check";
import { FOREIGN, type World } from "../attacks/world.ts";
import { type Credentials, exchange } from "./exchange.ts";
import { anyRequest, type FuzzRequest } from "./requests.ts";

/** What a run takes. */
export interface FuzzOptions {
  readonly requests: number;
  readonly seed: number;
  readonly concurrency: number;
  readonly onProgress?: (done: number, memory: number) => void;
}

/** What a run saw. */
export interface FuzzReport {
  readonly requests: number;
  readonly statuses: ReadonlyMap<number, number>;
  /** In milliseconds. */
  readonly slowest: { readonly time: number; readonly request: string };
  /** Of the server in MiB, in the order of time. */
  readonly memory: readonly number[];
  /** Open files of the server before and after; null where the system does not tell. */
  readonly files: { readonly before: number | null; readonly after: number | null };
  /** What must not have been, at most 20. */
  readonly problems: readonly string[];
}

/** How many are made up at once, and after how many the memory is looked at. */
const BATCH = 500;

/** Runs. */
export async function fuzz(
  world: World,
  { requests, seed, concurrency, onProgress }: FuzzOptions,
): Promise<FuzzReport> {
  const statuses = new Map<number, number>();
  const memory: number[] = [];
  const problems: string[] = [];
  let slowest = { time: 0, request: "" };
  const credentials = await credentialsOf(world);
  const fail = (what: string, request: FuzzRequest) => {
    if (problems.length < 20) problems.push(`${what}: ${JSON.stringify(request).slice(0, 1000)}`);
  };
  const before = await openFiles(world);
  const one = async (request: FuzzRequest) => {
    const began = performance.now();
    try {
      const { status, text } = await exchange(world.port, request, credentials);
      statuses.set(status, (statuses.get(status) ?? 0) + 1);
      // 503 is documented for limits, and says when to come again.
      if (status >= 500 && !(status === 503 && /too_many|limit/u.test(text))) {
        fail(`status ${status}`, request);
      }
      if (status === 0 && !request.raw) fail("no answer", request);
      if (request.sender !== "admin" && text.includes(FOREIGN)) fail("foreign data", request);
      if (/^\s+at .+:\d+:\d+/mu.test(text)) fail("a stack trace", request);
    } catch (error) {
      const name = error instanceof Error ? `${error.name} ${error.message}` : String(error);
      fail(name, request);
    }
    const time = performance.now() - began;
    if (time > slowest.time) slowest = { time, request: JSON.stringify(request).slice(0, 300) };
  };
  let done = 0;
  for (let batch = 0; done < requests; batch++) {
    const numRuns = Math.min(BATCH, requests - done);
    const queue = fc.sample(anyRequest, { numRuns, seed: seed + batch });
    const worker = async () => {
      for (let request = queue.pop(); request; request = queue.pop()) await one(request);
    };
    await Promise.all(Array.from({ length: concurrency }, worker));
    done += numRuns;
    memory.push(await world.metric("process_resident_memory_bytes") / 2 ** 20);
    onProgress?.(done, memory.at(-1) ?? NaN);
    if (problems.length >= 20) break;
  }
  await noViewers(world);
  const after = await openFiles(world);
  return { requests: done, statuses, slowest, memory, files: { before, after }, problems };
}

/** The growth between a plateau after the warm-up and the end, in MiB: medians of the third and of the last tenth. */
export function growth(memory: readonly number[]): { from: number; to: number } {
  const median = (from: number, to: number) => {
    const part = memory.slice(Math.floor(memory.length * from), Math.ceil(memory.length * to)).toSorted((
      a,
      b,
    ) => a - b);
    return part[part.length >> 1] ?? NaN;
  };
  return { from: median(0.3, 0.45), to: median(0.85, 1) };
}

async function credentialsOf(world: World): Promise<Credentials> {
  const { read, ingest, admin } = world.tokens;
  return {
    nobody: [],
    wrong: [["authorization", `Bearer tp_${"A".repeat(43)}`]],
    read: [["x-api-key", read]],
    ingest: [["x-api-key", ingest]],
    admin: [["authorization", `Bearer ${admin}`]],
    cookie: [["cookie", await world.signIn(read)]],
  };
}

/** Waits until the server has noticed that nobody watches any more. */
async function noViewers({ metric }: World): Promise<void> {
  const until = performance.now() + 20_000;
  for (;;) {
    const viewers = await metric("tailpost_viewers");
    if (viewers === 0) return;
    if (performance.now() > until) throw new Error(`Viewers are still open: ${viewers}`);
  }
}

async function openFiles({ tailpost: { pid } }: World): Promise<number | null> {
  if (Deno.build.os !== "linux") return null;
  let count = 0;
  for await (const _ of Deno.readDir(`/proc/${pid}/fd`)) count++;
  return count;
}
