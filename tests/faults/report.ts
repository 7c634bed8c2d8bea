/** What a run prints. Pure. */

import type { FaultsResult, Progress } from "./run.ts";

const number = (value: number) => value.toLocaleString("en");

/** One line while it runs. */
export function formatProgress({ seconds, rows, received, faults }: Progress): string {
  const columns = [
    `${number(rows)} rows tried`,
    `${number(received)} logs received`,
    `${number(faults)} faults`,
  ];
  return `${seconds.toFixed(0).padStart(5)} s${columns.map((column) => column.padStart(25)).join("")}`;
}

/** Whether everything was as promised. */
export function isGood({ missing, repeated, foreign, unannounced, problems }: FaultsResult): boolean {
  return missing + repeated + foreign + unannounced + problems.length === 0;
}

/** The end of a run. */
export function formatResult(result: FaultsResult, seed: number, command: string): string {
  const faults = [...result.faults].map(([kind, times]) =>
    `  ${kind.padEnd(27)}${number(times).padStart(10)}`
  );
  const total = [...result.faults.values()].reduce((sum, times) => sum + times, 0);
  const counts: [string, number][] = [
    ["rows committed", result.rows],
    ["viewers", result.viewers],
    ["cold organizations", result.coldOrganizations],
    ["viewers of these", result.coldViewers],
    ["resumes", result.resumes],
    ["logs received", result.received],
    ["received again, dropped", result.overlap],
    ["gaps", result.gaps],
    ["faults", total],
  ];
  const wrong: [string, number][] = [
    ["missing", result.missing],
    ["repeated", result.repeated],
    ["foreign", result.foreign],
    ["unannounced", result.unannounced],
  ];
  const lines = ([name, value]: [string, number]) => `${name.padEnd(29)}${number(value).padStart(10)}`;
  return [
    "",
    ...counts.map(lines),
    ...faults,
    ...wrong.map(lines),
    ...result.slowestNotice > 0
      ? [`A listener that was cut off was noticed within ${(result.slowestNotice / 1000).toFixed(1)} s`]
      : [],
    `PostgreSQL ${result.version}, seed ${seed}`,
    ...isGood(result) ? [] : ["", "FAILED", ...result.problems, `Run it again: ${command}`],
  ].join("\n");
}
