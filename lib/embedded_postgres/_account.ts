import { dirname } from "node:path";
import { EmbeddedPostgresError } from "./_error.ts";

/** The account PostgreSQL runs as. */
export interface Account {
  readonly uid: number;
  readonly gid: number;
}

/**
 * PostgreSQL refuses to run as root. So when we are root, it runs as, in this order: the owner of the cluster that is
 * already there; `tailpost`, for whoever wants an account of its own; `postgres`, which distributions make for this very
 * purpose; `nobody`. Returns undefined when we are an ordinary user: then it runs as that user.
 */
export async function accountFor(cluster: string): Promise<Account | undefined> {
  if (Deno.uid() !== 0) return undefined;
  const owner = await Deno.stat(cluster).catch(() => undefined);
  if (owner?.uid && owner.gid !== null) return { uid: owner.uid, gid: owner.gid };
  const account = parsePasswd(await Deno.readTextFile("/etc/passwd").catch(() => ""));
  if (account) return account;
  throw new EmbeddedPostgresError(
    "not_accessible",
    "Cannot start the embedded PostgreSQL as root: it needs an account without privileges, and this system has none " +
      `of ${
        ACCOUNT_NAMES.join(", ")
      }. Make one (useradd --system tailpost), run Tailpost as an ordinary user, ` +
      "or give DATABASE_URL",
  );
}

const ACCOUNT_NAMES = ["tailpost", "postgres", "_postgres", "nobody"];

/** Picks the account from the text of /etc/passwd. */
export function parsePasswd(passwd: string): Account | undefined {
  const accounts = new Map<string, Account>();
  for (const line of passwd.split("\n")) {
    const [name, , uid, gid] = line.split(":");
    if (!name || !Number(uid) || !Number(gid)) continue;
    // macOS writes -2 for nobody
    accounts.set(name, { uid: Number(uid) >>> 0, gid: Number(gid) >>> 0 });
  }
  return ACCOUNT_NAMES.map((name) => accounts.get(name)).find((account) => account);
}

/** What `Deno.Command` needs to run a program as the account. */
export function asAccount(account: Account | undefined): { uid?: number; gid?: number } {
  return account ? { uid: account.uid, gid: account.gid } : {};
}

/** Makes sure that the account can reach the data directory, whose own permissions are ours to extend. */
export async function letReach(dataDir: string, account: Account | undefined): Promise<void> {
  if (!account || await reaches(dataDir, account)) return;
  const { mode } = await Deno.stat(dataDir);
  await Deno.chmod(dataDir, (mode ?? 0o700) & 0o7777 | 0o011);
  if (await reaches(dataDir, account)) return;
  let closed = dataDir;
  for (let folder = dirname(dataDir);; folder = dirname(folder)) {
    if (!await reaches(folder, account)) closed = folder;
    if (folder === dirname(folder)) break;
  }
  throw new EmbeddedPostgresError(
    "not_accessible",
    `Cannot use ${dataDir}: PostgreSQL does not run as root, and the account it runs as (uid ${account.uid}) may not ` +
      `enter ${closed}. Allow that (chmod o+x ${closed}), or give another data directory`,
  );
}

async function reaches(folder: string, account: Account): Promise<boolean> {
  try {
    const { success } = await new Deno.Command("/bin/sh", {
      args: ["-c", 'cd -- "$1"', "sh", folder],
      cwd: "/",
      stdin: "null",
      stdout: "null",
      stderr: "null",
      ...asAccount(account),
    }).output();
    return success;
  } catch (cause) {
    throw new EmbeddedPostgresError(
      "not_accessible",
      `Cannot run a program as another account (uid ${account.uid}): ${(cause as Error).message}. ` +
        "Run Tailpost as an ordinary user, or give DATABASE_URL",
      { cause },
    );
  }
}
