/** The server under test: a process that is killed and started again on the same port. */

import { wait } from "../../lib/backoff.ts";
import { type Program, runTailpost } from "../server.ts";

/** How often a start is tried, each for up to half a minute: without its database a server ends again. */
const STARTS = 4;

/** See the module's comment. */
export class ServerUnderTest implements AsyncDisposable {
  readonly url: string;
  /** What it said before it ended without having been told to, each time. */
  readonly crashes: string[] = [];
  readonly #port: number;
  readonly #env: Record<string, string>;
  readonly #entry: URL | undefined;
  readonly #signal: AbortSignal;
  #program: Program | null = null;

  constructor(options: {
    readonly env: Record<string, string>;
    readonly entry?: URL | undefined;
    readonly signal: AbortSignal;
  }) {
    this.#port = freePort();
    this.url = `http://127.0.0.1:${this.#port}`;
    this.#env = options.env;
    this.#entry = options.entry;
    this.#signal = options.signal;
  }

  /** Starts it and waits until it is ready. */
  async start(): Promise<void> {
    for (let tries = 1;; tries++) {
      this.#signal.throwIfAborted();
      const program = runTailpost(
        ["serve", "--auth", "off", "--port", String(this.#port)],
        this.#env,
        this.#entry,
      );
      this.#program = program;
      void guard(program);
      try {
        await program.line(/Tailpost is ready at/u);
        void program.status.then(() => this.#ended(program));
        return;
      } catch (error) {
        this.#program = null;
        await program.end("SIGKILL");
        if (tries === STARTS) throw error;
        await wait(500, this.#signal);
      }
    }
  }

  /** Ends it, and starts it again after a while. */
  async restart(signal: "SIGKILL" | "SIGTERM", milliseconds: number): Promise<void> {
    await this.#end(signal);
    await wait(milliseconds, this.#signal);
    await this.start();
  }

  /** The last lines that it wrote. */
  output(lines: number): string {
    return this.#program?.output().trimEnd().split("\n").slice(-lines).join("\n") ?? "";
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#end("SIGTERM");
  }

  async #end(signal: Deno.Signal): Promise<void> {
    const program = this.#program;
    this.#program = null;
    await program?.end(signal);
  }

  /** On its own: what would keep a server from running is found here, and what runs it would start it again. */
  async #ended(program: Program): Promise<void> {
    if (this.#program !== program || this.#signal.aborted) return;
    this.crashes.push(program.output().trimEnd().split("\n").slice(-20).join("\n"));
    await this.start().catch(() => {});
  }
}

/** Kills the program when this process ends without having ended it: then nobody holds the guard's standard input any more. */
async function guard(program: Program): Promise<void> {
  const child = new Deno.Command("/bin/sh", {
    args: [
      "-c",
      `trap '' HUP INT TERM; read -r _; kill -9 "$1"`,
      "tailpost-faults-guard",
      String(program.pid),
    ],
    detached: true,
    stdin: "piped",
    stdout: "null",
    stderr: "null",
  }).spawn();
  await program.status;
  child.kill("SIGKILL");
  await child.status;
  await child.stdin.close().catch(() => {});
}

/** A port that no outgoing connection is given (Linux hands out 32768 and up), so that it is free again after a stop. */
export function freePort(): number {
  for (;;) {
    const port = 20_000 + Math.floor(Math.random() * 10_000);
    try {
      Deno.listen({ hostname: "127.0.0.1", port }).close();
      return port;
    } catch (error) {
      if (!(error instanceof Deno.errors.AddrInUse)) throw error;
    }
  }
}
