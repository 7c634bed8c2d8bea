/** The server's certificate and key, in files that others renew. */

import { createPrivateKey, createPublicKey, type KeyObject, X509Certificate } from "node:crypto";

/** A chain of certificates, the server's own first, and its key, both as PEM. */
export interface Pair {
  readonly cert: string;
  readonly key: string;
}

/** Where they lie. */
export interface PairPaths {
  readonly cert: string;
  readonly key: string;
}

/** They cannot be used. The message says which file, and why. */
export class CertificateError extends Error {
  override readonly name = "CertificateError";
}

/** How often the files are looked at, in milliseconds. Their names may be links, to links that are exchanged: so they are read. */
const LOOK = 5000;

/**
 * Reads both, and finds out whether they belong together.
 *
 * @throws {CertificateError} where a file cannot be read, holds something else, or the two do not fit
 */
export async function readPair(paths: PairPaths): Promise<Pair> {
  const [cert, key] = await Promise.all([
    read(paths.cert, "TAILPOST_TLS_CERT"),
    read(paths.key, "TAILPOST_TLS_KEY"),
  ]);
  checkPair({ cert, key }, paths);
  return { cert, key };
}

async function read(path: string, setting: string): Promise<string> {
  try {
    return await Deno.readTextFile(path);
  } catch (cause) {
    const reason = cause instanceof Error ? cause.message : String(cause);
    throw new CertificateError(`Cannot read ${setting}: ${reason}`, { cause });
  }
}

function checkPair({ cert, key }: Pair, paths: PairPaths): void {
  // By hand: `X509Certificate.checkPrivateKey()` is not there before Deno 2.9.
  const ofCert = publicPem(() => {
    new X509Certificate(cert);
    return createPublicKey(cert);
  }, `TAILPOST_TLS_CERT is ${paths.cert}, which holds no certificate in PEM`);
  const ofKey = publicPem(
    () => createPublicKey(createPrivateKey(key)),
    `TAILPOST_TLS_KEY is ${paths.key}, which holds no private key in PEM without a passphrase`,
  );
  if (ofCert === ofKey) return;
  throw new CertificateError(
    `TAILPOST_TLS_KEY is ${paths.key}, which is not the key of the certificate in ${paths.cert}`,
  );
}

function publicPem(read: () => KeyObject, otherwise: string): string {
  try {
    return read().export({ type: "spki", format: "pem" }).toString();
  } catch (cause) {
    throw new CertificateError(otherwise, { cause });
  }
}

/** See {@link watchPair}. */
export interface PairWatch extends Disposable {
  /** Looks at once. */
  look(): Promise<void>;
}

/**
 * Looks every five seconds whether the files hold another pair, and tells of it. What is no pair is told once, and only when it has
 * stayed so until the next look: the two are not written at the same moment.
 */
export function watchPair(
  paths: PairPaths,
  { current, onChange, onBad }: {
    readonly current: Pair;
    readonly onChange: (pair: Pair) => void;
    readonly onBad: (error: unknown) => void;
  },
): PairWatch {
  let known = current;
  let bad = { message: "", isTold: true };
  let looking: Promise<void> = Promise.resolve();
  async function once(): Promise<void> {
    try {
      const pair = await readPair(paths);
      bad = { message: "", isTold: true };
      if (pair.cert === known.cert && pair.key === known.key) return;
      known = pair;
      onChange(pair);
    } catch (error) {
      const message = error instanceof Error ? error.message : String(error);
      if (bad.message !== message) bad = { message, isTold: false };
      else if (!bad.isTold) {
        bad.isTold = true;
        onBad(error);
      }
    }
  }
  // One after another, so that what was read later also counts later.
  const look = () => looking = looking.then(once);
  const timer = setInterval(look, LOOK);
  return { look, [Symbol.dispose]: () => clearInterval(timer) };
}
