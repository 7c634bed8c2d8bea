/**
 * One-time links: whoever has one may sign in as the first administrator, once and soon. They are kept in memory alone and as
 * hashes, and end with the process.
 */

import type { Clock } from "../clock.ts";
import { createToken, hashToken, isSameHash } from "./token.ts";

/** How long a link is good for, in milliseconds. */
export const CODE_LIFETIME = 15 * 60_000;

/** See the module's comment. */
export interface LoginCodes {
  /** Makes the code that is good from now on; the one before is not any more. */
  create(): string;
  /** Whether a code is good. */
  isGood(code: string): boolean;
  /** Uses it up: true once. `undo` makes it good again, where what it was used for failed. */
  redeem(code: string): { undo(): void } | null;
}

/** Makes a keeper of codes. */
export function createLoginCodes(clock: Clock): LoginCodes {
  let current: { readonly hash: Uint8Array; readonly until: number } | null = null;
  const isGood = (code: string) =>
    current !== null && clock.now() < current.until && isSameHash(current.hash, hashToken(code));
  return {
    create() {
      // Of a token's form, and no token: nothing else takes it.
      const code = createToken().slice(3);
      current = { hash: hashToken(code), until: clock.now() + CODE_LIFETIME };
      return code;
    },
    isGood,
    redeem(code) {
      if (!isGood(code)) return null;
      const used = current;
      current = null;
      return {
        undo() {
          current ??= used;
        },
      };
    },
  };
}
