// deno-lint-ignore-file no-console -- for programs of a terminal
/** The command line of `deno task test:…`: a mistake ends the program with one line and exit code 2. */

import { parseArgs, type ParseArgsConfig } from "node:util";

/** What a program takes. */
export interface CommandLine<Options extends NonNullable<ParseArgsConfig["options"]>> {
  readonly values: ReturnType<typeof parseArgs<{ options: Options }>>["values"];
  /** A whole number of an option, `otherwise` without it. */
  wholeNumber(text: string | undefined, range: WholeNumber): number;
  /** One of the words of an option, the first without it. */
  oneOf<const Word extends string>(text: string | undefined, words: OneOf<Word>): Word;
}

/** What an option of a whole number may be. */
export interface WholeNumber {
  /** Of the option. */
  readonly name: string;
  readonly otherwise: number;
  readonly from: number;
  readonly to: number;
}

/** What an option of some words may be. */
export interface OneOf<Word extends string> {
  /** Of the option. */
  readonly name: string;
  readonly allowed: readonly [Word, ...Word[]];
}

/** Reads the command line of a program such as `test:soak`. With `--help` it says `help` and ends. */
export function readCommandLine<const Options extends NonNullable<ParseArgsConfig["options"]>>(
  program: string,
  { options, help }: { options: Options; help: string },
): CommandLine<Options> {
  function refuse(problem: string): never {
    console.error(`${program}: ${problem}`);
    Deno.exit(2);
  }
  function read() {
    try {
      return parseArgs({ args: Deno.args, options }).values;
    } catch (error) {
      refuse(error instanceof Error ? error.message.split("\n")[0] ?? "" : String(error));
    }
  }
  const values = read() as CommandLine<Options>["values"];
  if ((values as { help?: unknown }).help === true) {
    console.log(help);
    Deno.exit(0);
  }
  return {
    values,
    wholeNumber(text, { name, otherwise, from, to }) {
      if (text === undefined) return otherwise;
      const value = /^\d{1,10}$/u.test(text) ? Number(text) : NaN;
      if (value >= from && value <= to) return value;
      refuse(`--${name} is ${JSON.stringify(text)}: allowed is a whole number from ${from} to ${to}`);
    },
    oneOf(text, { name, allowed }) {
      const word = text === undefined ? allowed[0] : allowed.find((word) => word === text);
      return word ?? refuse(`--${name} is ${JSON.stringify(text)}: allowed is ${allowed.join(" or ")}`);
    },
  };
}
