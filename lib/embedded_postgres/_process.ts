import { type Account, asAccount } from "./_account.ts";
import { EmbeddedPostgresError } from "./_error.ts";
import { settlesWithin } from "./_wait.ts";

/** `fast` ends PostgreSQL's clients and checkpoints, `immediate` recovers on the next start, `terminate` is for tools. */
export type StopMode = "fast" | "immediate" | "terminate";

/** A program that cannot outlive this process. */
export interface GuardedProcess {
  /** Settles when the program has ended. */
  readonly exited: Promise<Deno.CommandStatus>;
  /** Stops it, ever more firmly, and waits until it has ended. */
  stop(mode: StopMode): Promise<void>;
}

/** What to run, and how. */
export interface GuardedCommand {
  readonly command: string;
  readonly args: readonly string[];
  readonly cwd: string;
  readonly account: Account | undefined;
  readonly env: Record<string, string>;
  /** A file that the program's output is appended to. A second one, `.1`, takes what is over `LOG_LIMIT_BYTES`. */
  readonly log: string;
  /** A file that the program reads. */
  readonly input?: string;
  /** How it is stopped when this process ends. */
  readonly atEnd: StopMode;
  /** Milliseconds between one way of stopping and the next, firmer one. Default 5,000. */
  readonly patienceMs?: number;
}

const LOG_LIMIT_BYTES = 10 * 1024 * 1024;
const LOG_CHECK_MS = 60_000;

/** Milliseconds between one way of stopping and the next, firmer one. */
const PATIENCE_MS = 5_000;
const STEP_MS = 50;

// The shell holds the read end of a pipe whose write end this process alone has. Whatever way this process ends, kill -9
// included, the pipe ends with it; then, or on a line that says how, the guard stops the program. The guard ends before
// the shell has waited for the program, or is killed right after: it never signals a process id that passed to another.
// The log is written and rotated here, as the program's account: were we to do that as root, the account could have us
// write through a symbolic link.
const GUARD = `
trap '' HUP INT TERM
umask 077
at_end=$1 patience=$2 input=$3 log=$4; shift 4
exec >>"$log" 2>&1 3<&0 </dev/null
rotate() {
  [ "$(wc -c <"$log")" -le ${LOG_LIMIT_BYTES} ] || { cp "$log" "$log.1"; : >"$log"; }
}
rotate
"$@" <"$input" 3<&- & program=$!
(
  tell() {
    i=0
    while [ $i -lt "$patience" ]; do
      # More than once: a program that has just begun may not listen yet
      kill "-$1" "$program" || exit
      sleep ${STEP_MS / 1000} || sleep 1
      i=$((i + 1))
    done
  }
  while read -r mode <&3; do [ "$mode" = rotate ] || break; rotate; done
  case \${mode:-$at_end} in
    terminate) tell TERM; kill -KILL 0 ;;
    fast) tell INT; tell QUIT ;;
    *) tell QUIT ;;
  esac
  kill -KILL "$program"
) >/dev/null 2>&1 & guard=$!
exec 3<&-
wait "$program"
status=$?
kill -KILL "$guard" 2>/dev/null
exit "$status"
`;

/**
 * Starts a program in a session of its own (Ctrl-C in a terminal is sent to every process of the foreground group, and
 * must reach this process alone), with an environment that holds nothing of ours: PGPORT or PGOPTIONS would change what
 * PostgreSQL does.
 */
export function spawnGuarded(command: GuardedCommand): GuardedProcess {
  const { command: program, args, account, atEnd, input = "/dev/null", log, patienceMs = PATIENCE_MS } =
    command;
  let child: Deno.ChildProcess;
  try {
    child = new Deno.Command("/bin/sh", {
      args: [
        "-c",
        GUARD,
        "tailpost-guard",
        atEnd,
        String(Math.ceil(patienceMs / STEP_MS)),
        input,
        log,
        program,
        ...args,
      ],
      cwd: command.cwd,
      detached: true,
      clearEnv: true,
      env: { PATH: "/usr/local/bin:/usr/bin:/bin", LC_ALL: "C", ...command.env },
      stdin: "piped",
      stdout: "null",
      stderr: "null",
      ...asAccount(account),
    }).spawn();
  } catch (cause) {
    throw new EmbeddedPostgresError(
      "start_failed",
      `Cannot start ${program}: ${(cause as Error).message}`,
      { cause },
    );
  }
  const control = child.stdin.getWriter();
  // Rejects when the program has ended already
  const send = (line: string) => control.write(new TextEncoder().encode(`${line}\n`)).catch(() => {});
  const rotation = setInterval(() => void send("rotate"), LOG_CHECK_MS);
  Deno.unrefTimer(rotation);
  const exited = child.status.then(async (status) => {
    clearInterval(rotation);
    await control.close().catch(() => {});
    return status;
  });
  return {
    exited,
    async stop(mode) {
      await send(mode);
      if (await settlesWithin(exited, 2 * patienceMs + 2_000)) return;
      child.kill("SIGKILL");
      await exited;
    },
  };
}

/** How a guarded program ended. The shell tells a signal as 128 and its number. */
export function describeExit({ code, signal }: Deno.CommandStatus): string {
  if (signal) return `ended by ${signal}`;
  return code > 128 ? `ended by signal ${code - 128}` : `exited with code ${code}`;
}
