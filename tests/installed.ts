/** Programs of the machine that some tests need: PgBouncer, nginx. */

import { delimiter, join } from "node:path";

/** A program that may be there or not. */
export interface Installed {
  /** `null` where there is none. */
  readonly path: string | null;
  /** Registers a test that needs it; on a machine without it the test is reported as ignored. */
  test(name: string, fn: (path: string) => Promise<void>): void;
}

/** Looks for a program, also where Debian puts those that only root's PATH leads to. Says how to install it. */
export function installed(name: string): Installed {
  const folders = [...(Deno.env.get("PATH") ?? "").split(delimiter), "/usr/sbin", "/usr/local/sbin"];
  const isFile = (path: string) => {
    try {
      return Deno.statSync(path).isFile;
    } catch {
      return false;
    }
  };
  const paths = folders.filter((folder) => folder !== "").map((folder) => join(folder, name));
  const path = paths.find(isFile) ?? null;
  // deno-lint-ignore no-console -- whoever runs the tests must know what was left out
  if (!path) console.log(`Tests with ${name} are left out: install one (apt install ${name})`);
  return {
    path,
    test: (test, fn) => Deno.test({ name: test, ignore: path === null, fn: () => fn(path ?? name) }),
  };
}

/** A TCP port of 127.0.0.1 that nobody listens on at the moment, for programs that cannot choose one. */
export function freePort(): number {
  using listener = Deno.listen({ hostname: "127.0.0.1", port: 0 });
  return listener.addr.port;
}
