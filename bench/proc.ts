/** CPU and memory of processes, from /proc (Linux, proc(5)). On other systems every answer is undefined. */

/** What a process has used since its start. */
export interface Usage {
  /** Seconds of one core, user and system. */
  readonly cpu: number;
  /** Resident memory in bytes. */
  readonly rss: number;
}

/** USER_HZ, which is 100 on every architecture that Deno runs on. */
const TICKS_PER_SECOND = 100;

interface Stat {
  readonly pid: number;
  readonly parent: number;
  /** Ticks of the process, and of those of its children that have ended. */
  readonly own: number;
  readonly ended: number;
}

/** The usage of one process, all its threads included. */
export function usageOf(pid: number): Usage | undefined {
  const stat = readStat(pid);
  const kilobytes = /^VmRSS:\s*(\d+) kB$/mu.exec(read(`/proc/${pid}/status`) ?? "")?.[1];
  return stat && { cpu: stat.own / TICKS_PER_SECOND, rss: Number(kilobytes ?? 0) * 1024 };
}

/** The CPU of a process and its children together, those that have ended included. */
export function cpuOfFamily(pid: number): number | undefined {
  const stat = readStat(pid);
  if (!stat) return undefined;
  let ticks = stat.own + stat.ended;
  for (const { name } of Deno.readDirSync("/proc")) {
    if (!/^\d+$/u.test(name)) continue;
    const child = readStat(Number(name));
    if (child?.parent === pid) ticks += child.own + child.ended;
  }
  return ticks / TICKS_PER_SECOND;
}

/** The parent of a process. */
export function parentOf(pid: number): number | undefined {
  return readStat(pid)?.parent;
}

/** Seconds of all cores together that the whole machine has worked, whoever for. */
export function cpuOfMachine(): number | undefined {
  const [name, ...fields] = (read("/proc/stat")?.split("\n")[0] ?? "").split(/ +/u);
  if (name !== "cpu") return undefined;
  // user nice system idle iowait irq softirq steal; what follows is contained in the first two.
  const ticks = fields.slice(0, 8).map(Number).reduce(
    (sum, value, index) => index === 3 || index === 4 ? sum : sum + value,
    0,
  );
  return ticks / TICKS_PER_SECOND;
}

/** The model of the processor. */
export function processor(): string {
  const info = read("/proc/cpuinfo");
  return /^model name\s*: (.+)$/mu.exec(info ?? "")?.[1] ?? "unknown processor";
}

function readStat(pid: number): Stat | undefined {
  const text = read(`/proc/${pid}/stat`);
  if (text === undefined) return undefined;
  // The name in parentheses may itself hold spaces and parentheses.
  const fields = text.slice(text.lastIndexOf(")") + 2).split(" ").map(Number);
  const [parent = 0, utime = 0, stime = 0, cutime = 0, cstime = 0] = [1, 11, 12, 13, 14].map((
    i,
  ) => fields[i]);
  return { pid, parent, own: utime + stime, ended: cutime + cstime };
}

function read(path: string): string | undefined {
  try {
    return Deno.readTextFileSync(path);
  } catch {
    // Another system, or a process that has just ended.
    return undefined;
  }
}
