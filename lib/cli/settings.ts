/** Settings as command line options. */

import { type Command, Option } from "commander";
import { type Config, type Flags, readConfig, type Setting, SETTINGS } from "../config.ts";

/** Adds the flags of some settings to a command. */
export function addSettings(command: Command, keys: readonly (keyof Config)[]): Command {
  for (const setting of SETTINGS) {
    if (!setting.flag || !keys.includes(setting.key)) continue;
    const option = new Option(setting.flag, describe(setting));
    // Under the setting's own key, whatever commander would make of the flag.
    option.attributeName = () => setting.key;
    command.addOption(option);
  }
  return command;
}

/** Reads the configuration of a command. */
export function configOf(flags: Record<string, unknown>): Config {
  return readConfig(flags as Flags);
}

/** Every setting, for the end of the help. */
export function settingsHelp(): string {
  const lines = SETTINGS.map(({ flag, env, about, default: fallback }) => {
    const names = [...flag ? [flag.split(" ")[0]] : [], ...env].join(", ");
    return `  ${names.padEnd(33)}  ${about} (default: ${fallback})`;
  });
  return `\nSettings, by a flag or in the environment:\n${lines.join("\n")}`;
}

function describe({ about, allowed, default: fallback, env }: Setting): string {
  const values = allowed.includes(" or ") ? `, ${allowed}` : "";
  return `${about}${values} (default: ${fallback}; env: ${env.join(", ")})`;
}
