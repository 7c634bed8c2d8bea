/** Times as people write them. Pure. */

const UNITS: readonly (readonly [RegExp, number])[] = [
  [/^(?:s|secs?|seconds?)$/u, 1000],
  [/^(?:m|mins?|minutes?)$/u, 60_000],
  [/^(?:h|hrs?|hours?)$/u, 3_600_000],
  [/^(?:d|days?)$/u, 86_400_000],
  [/^(?:w|weeks?)$/u, 7 * 86_400_000],
];

const CLOCK = /^(\d{1,2}):(\d\d)(?::(\d\d)(?:[.,](\d{1,3})\d*)?)?$/u;

/**
 * Reads a time: `14:05`, `yesterday 14:05`, `2h ago`, `1h 30m ago`, `2026-11-25`, `2026-11-25 14:05`, ISO 8601, or seconds or
 * milliseconds since 1970. What is not said to be of a zone is of the reader's, or UTC where `isUtc`. A time of day alone is the
 * last one.
 *
 * @param now epoch milliseconds
 * @returns epoch milliseconds, `null` where it cannot be understood
 */
export function readTime(text: string, now: number, isUtc = false): number | null {
  const given = text.trim().toLowerCase().replace(/\s+/gu, " ");
  if (given === "") return null;
  if (given === "now") return now;
  if (/^\d{9,10}$/u.test(given)) return Number(given) * 1000;
  if (/^\d{12,13}$/u.test(given)) return Number(given);
  const ago = readAgo(given);
  if (ago !== null) return now - ago;

  const [date, clock = "0:00"] = CLOCK.test(given) ? ["", given] : given.split(/(?<=[a-z\d])[ t](?=\d)/u, 2);
  const zone = /(z|[+-]\d\d:?\d\d)$/u.exec(clock)?.[0];
  if (zone !== undefined && /^\d{4}-\d\d-\d\d$/u.test(date ?? "")) {
    return numberOf(Date.parse(`${date}T${clock.replace(",", ".").toUpperCase()}`));
  }
  const time = CLOCK.exec(clock);
  const day = readDay(date ?? "", now, isUtc);
  if (!time || day === null) return null;
  const [hours, minutes, seconds] = [time[1], time[2], time[3] ?? "0"].map(Number);
  if ((hours ?? 0) > 23 || (minutes ?? 0) > 59 || (seconds ?? 0) > 59) return null;
  const milliseconds = Number((time[4] ?? "").padEnd(3, "0"));
  const at = (days: number) =>
    numberOf(
      isUtc
        ? Date.UTC(day.year, day.month, day.day + days, hours, minutes, seconds, milliseconds)
        : new Date(day.year, day.month, day.day + days, hours, minutes, seconds, milliseconds).getTime(),
    );
  const found = at(0);
  return date === "" && found !== null && found > now ? at(-1) : found;
}

/** `2h ago`, `1h 30m ago`, `-2h`, in milliseconds. */
function readAgo(text: string): number | null {
  const parts = /^(?:-(.+)|(.+) ago)$/u.exec(text);
  const spans = (parts?.[1] ?? parts?.[2])?.match(/\d+(?:\.\d+)? ?[a-z]+|\S+/gu);
  if (!spans) return null;
  let sum = 0;
  for (const span of spans) {
    const [, number = "", name = ""] = /^(\d+(?:\.\d+)?) ?([a-z]+)$/u.exec(span) ?? [];
    const unit = UNITS.find(([pattern]) => pattern.test(name));
    if (!unit) return null;
    sum += Number(number) * unit[1];
  }
  return sum;
}

interface Day {
  readonly year: number;
  readonly month: number;
  readonly day: number;
}

function readDay(text: string, now: number, isUtc: boolean): Day | null {
  const date = /^(\d{4})-(\d\d)-(\d\d)$/u.exec(text);
  if (date) {
    const [year, month, day] = [Number(date[1]), Number(date[2]) - 1, Number(date[3])];
    const isDay = new Date(Date.UTC(year, month, day)).getUTCDate() === day && month < 12;
    return isDay ? { year, month, day } : null;
  }
  const days = ["", "today", "yesterday"].indexOf(text);
  if (days < 0) return null;
  const today = new Date(now);
  const back = Math.max(0, days - 1);
  return isUtc
    ? { year: today.getUTCFullYear(), month: today.getUTCMonth(), day: today.getUTCDate() - back }
    : { year: today.getFullYear(), month: today.getMonth(), day: today.getDate() - back };
}

/** The years that logs can be of. */
function numberOf(time: number): number | null {
  return time >= -62_135_596_800_000 && time <= 253_402_300_799_999 ? time : null;
}
