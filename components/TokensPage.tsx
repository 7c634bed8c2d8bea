import { type Scope, SCOPES } from "../lib/auth/scope.ts";
import { visibleText } from "../lib/live_tail/format.ts";
import { Secret } from "./LoginForm.tsx";
import { Logo } from "./Logo.tsx";

/** A token, as far as it is shown. */
export interface ShownToken {
  readonly id: number;
  readonly organizationId: number | null;
  readonly name: string;
  readonly scope: Scope;
  readonly prefix: string;
  readonly expiresAt: Date | null;
  readonly revokedAt: Date | null;
  readonly lastUsedAt: Date | null;
}

/** What the page shows. */
export interface TokensView {
  readonly tokens: readonly ShownToken[];
  readonly organizations: readonly { readonly id: number; readonly name: string }[];
  /** Who looks at it. */
  readonly name: string | null;
  /** A token that was made just now, with its secret. */
  readonly made: { readonly text: string; readonly token: ShownToken } | null;
  readonly problem: string | null;
  /** In epoch milliseconds. */
  readonly now: number;
}

const ABOUT: Readonly<Record<Scope, string>> = {
  read: "read: the page, the stream, the history",
  ingest: "ingest: send logs, and nothing else",
  admin: "admin: everything, in every organization",
};

/** Makes, lists and revokes tokens. Plain forms: it works without JavaScript. */
export function TokensPage({ tokens, organizations, name, made, problem, now }: TokensView) {
  const organizationName = new Map(organizations.map(({ id, name }) => [id, visibleText(name)]));
  return (
    <div class="settings">
      <header class="header">
        <a href="/logs/live" class="settings-logo" aria-label="tailpost: to the live logs">
          <Logo />
        </a>
        <form class="settings-account" method="post" action="/logout">
          <span>{visibleText(name ?? "")}</span>
          <button type="submit" class="button">Sign out</button>
        </form>
      </header>
      <main>
        <h1>Tokens</h1>
        {made && (
          <section class="card" aria-live="polite">
            <h2>{visibleText(made.token.name)}</h2>
            <p>This is the token. It is shown this once: copy it to where it is needed.</p>
            <Secret token={made.text} />
          </section>
        )}
        {problem !== null && <p class="problem" role="alert">{problem}</p>}
        <form method="post" action="/settings/tokens" class="token-form">
          <label>
            Name
            <input class="text-input" name="name" required maxlength={100} placeholder="what it is for" />
          </label>
          <label>
            Scope
            <select class="text-input" name="scope">
              {SCOPES.map((scope) => <option key={scope} value={scope}>{ABOUT[scope]}</option>)}
            </select>
          </label>
          <label>
            Organization
            <select class="text-input" name="organization">
              {organizations.map(({ id, name }) => <option key={id} value={id}>{visibleText(name)}</option>)}
            </select>
          </label>
          <label>
            Expires after
            <input class="text-input" name="expires" placeholder="90d, empty: never" />
          </label>
          <button type="submit" class="button button-accent" name="action" value="create">
            Make a token
          </button>
        </form>
        <div class="table-scroll">
          <table>
            <thead>
              <tr>
                <th>Name</th>
                <th>Token</th>
                <th>Scope</th>
                <th>Organization</th>
                <th>State</th>
                <th>Last used</th>
                <th>
                  <span class="sr-only">Action</span>
                </th>
              </tr>
            </thead>
            <tbody>
              {tokens.map((token) => (
                <tr key={token.id} data-token={token.id}>
                  <td>{visibleText(token.name)}</td>
                  <td>
                    <code>{token.prefix}…</code>
                  </td>
                  <td>{token.scope}</td>
                  <td>
                    {token.organizationId === null
                      ? "all"
                      : organizationName.get(token.organizationId) ?? token.organizationId}
                  </td>
                  <td>{stateOf(token, now)}</td>
                  <td>{token.lastUsedAt ? minutes(token.lastUsedAt) : "never"}</td>
                  <td>
                    {!token.revokedAt && (
                      <form method="post" action="/settings/tokens">
                        <input type="hidden" name="id" value={token.id} />
                        <button
                          type="submit"
                          class="button button-small"
                          name="action"
                          value="revoke"
                          aria-label={`Revoke ${visibleText(token.name)}`}
                        >
                          Revoke
                        </button>
                      </form>
                    )}
                  </td>
                </tr>
              ))}
            </tbody>
          </table>
        </div>
      </main>
    </div>
  );
}

function stateOf({ revokedAt, expiresAt }: ShownToken, now: number): string {
  if (revokedAt) return `revoked ${minutes(revokedAt)}`;
  if (!expiresAt) return "good";
  return `${expiresAt.getTime() > now ? "until" : "expired"} ${minutes(expiresAt)}`;
}

function minutes(date: Date): string {
  return date.toISOString().slice(0, 16).replace("T", " ") + " UTC";
}
