/** Child processes that are heard line by line and never outlive the benchmark. */

import { TextLineStream } from "./lines.ts";

/** A child process. Disposing of it ends it: SIGTERM, and SIGKILL after five seconds. */
export interface Child extends AsyncDisposable {
  readonly pid: number;
  /** The next line of its standard output that `select` takes. Rejects when it ends, or after so many milliseconds. */
  line<T>(select: (line: string) => T | undefined, within: number): Promise<T>;
  /** Waits for its end. Rejects when it ends with another code than 0, or not in so many milliseconds. */
  finish(within: number): Promise<void>;
  /** Writes a line to its standard input. */
  say(line: string): Promise<void>;
}

/** Whether the load generator is kept to one core: on Linux, with more than one core and util-linux' taskset. */
export const isPinned = Deno.build.os === "linux" && navigator.hardwareConcurrency > 1 && hasTaskset();

function hasTaskset(): boolean {
  try {
    return new Deno.Command("taskset", { args: ["--version"], stdout: "null", stderr: "null" }).outputSync()
      .success;
  } catch {
    return false;
  }
}

const STOP_TIMEOUT = 5000;
/** Of its standard error, for when it fails. */
const MOST_ERRORS = 4000;

/** How a child process is started. */
export interface StartOptions {
  readonly settings?: Readonly<Record<string, string>>;
  /** Keeps it to the last core: what measures must not wander to where the measured runs, and take turns with it. */
  readonly ownCore?: boolean;
}

/** Starts a process of Deno with these arguments. */
export function startDeno(args: readonly string[], options?: StartOptions): Child {
  return start(Deno.execPath(), args, options);
}

/** Starts a process, in an environment that holds nothing of the product's settings. */
export function start(
  executable: string,
  args: readonly string[],
  { settings = {}, ownCore = false }: StartOptions = {},
): Child {
  const pinning = ownCore && isPinned
    ? ["taskset", "--cpu-list", `${navigator.hardwareConcurrency - 1}`]
    : [];
  const [program = "", ...programArgs] = [...pinning, executable, ...args];
  const command = new Deno.Command(program, {
    args: programArgs,
    clearEnv: true,
    env: { ...foreignEnvironment(), ...settings },
    stdin: "piped",
    stdout: "piped",
    stderr: "piped",
  });
  const process = command.spawn();
  const lines = process.stdout.pipeThrough(new TextLineStream()).getReader();
  const input = process.stdin.getWriter();
  let errors = "";
  const errorsRead = (async () => {
    for await (const line of process.stderr.pipeThrough(new TextLineStream())) {
      errors = `${errors}${line}\n`.slice(-MOST_ERRORS);
    }
  })();
  let reading = Promise.resolve<unknown>(undefined);

  const name = args.join(" ").slice(0, 120);
  const failure = async () => {
    await errorsRead;
    return new Error(`${name} ended with code ${(await process.status).code}\n${errors}`.trim());
  };
  const drain = async () => {
    while (!(await lines.read()).done);
  };
  async function select<T>(pick: (line: string) => T | undefined): Promise<T> {
    for (;;) {
      const { done, value } = await lines.read();
      if (done) throw await failure();
      const picked = pick(value);
      if (picked !== undefined) return picked;
    }
  }

  return {
    pid: process.pid,
    line: (pick, within) => {
      const next = reading.then(() => select(pick));
      reading = next.catch(() => {});
      return withTimeout(next, within, () => `no answer within ${within / 1000} s from ${name}\n${errors}`);
    },
    finish: async (within) => {
      const end = async () => {
        await drain();
        if (!(await process.status).success) throw await failure();
      };
      await withTimeout(end(), within, () => `no end within ${within / 1000} s of ${name}\n${errors}`);
    },
    say: (line) => input.write(new TextEncoder().encode(line + "\n")),
    async [Symbol.asyncDispose]() {
      // Whatever it still says is read, so that it can end.
      const drained = reading.then(drain).catch(() => {});
      await input.close().catch(() => {});
      kill(process, "SIGTERM");
      const timer = setTimeout(() => kill(process, "SIGKILL"), STOP_TIMEOUT);
      await process.status;
      clearTimeout(timer);
      await Promise.all([drained, errorsRead]);
    },
  };
}

/** Rejects when a promise does not settle in so many milliseconds. */
async function withTimeout<T>(promise: Promise<T>, within: number, message: () => string): Promise<T> {
  const late = Promise.withResolvers<never>();
  const timer = setTimeout(() => late.reject(new Error(message().trim())), within);
  try {
    return await Promise.race([promise, late.promise]);
  } finally {
    clearTimeout(timer);
  }
}

function kill(process: Deno.ChildProcess, signal: Deno.Signal): void {
  try {
    process.kill(signal);
  } catch {
    // It has ended already.
  }
}

function foreignEnvironment(): Record<string, string> {
  const own = ([name]: [string, string]) => !/^(TAILPOST_.*|DATABASE_URL|PORT|PG.*)$/u.test(name);
  return Object.fromEntries(Object.entries(Deno.env.toObject()).filter(own));
}
