import { visibleText } from "../lib/live_tail/format.ts";

/** Who is signed in. */
export interface Account {
  readonly name: string;
  readonly isAdmin: boolean;
  /** Not where a proxy signed them in. */
  readonly canSignOut: boolean;
}

/** What somebody who is signed in can do about it. Plain elements: it works without JavaScript. */
export function AccountMenu({ name: given, isAdmin, canSignOut }: Account) {
  const name = visibleText(given);
  return (
    <details class="account">
      <summary class="button" aria-label={`Account: ${name}`} title={`Signed in: ${name}`}>
        <span class="account-dot" aria-hidden="true" />
      </summary>
      <div class="account-menu">
        <p>{name}</p>
        {isAdmin && <a class="button" href="/settings/tokens">Tokens</a>}
        {canSignOut && (
          <form method="post" action="/logout">
            <button type="submit" class="button">Sign out</button>
          </form>
        )}
      </div>
    </details>
  );
}
