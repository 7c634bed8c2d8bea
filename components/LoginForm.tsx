import type { ComponentChildren } from "preact";
import { Logo } from "./Logo.tsx";

/** What the page shows. */
export type LoginPage =
  | { readonly kind: "token"; readonly next: string; readonly problem: string | null }
  | { readonly kind: "code"; readonly code: string }
  | { readonly kind: "welcome"; readonly token: string };

/** Asks for a token. Works without JavaScript. */
export function LoginForm({ next, problem }: { next: string; problem: string | null }) {
  return (
    <Card title="Sign in">
      <form method="post" action="/login">
        <input type="hidden" name="next" value={next} />
        <label for="token">Token</label>
        <input
          id="token"
          class="text-input"
          name="token"
          type="password"
          required
          autofocus
          autocomplete="current-password"
          spellcheck={false}
          placeholder="tp_..."
          aria-invalid={problem !== null}
          aria-describedby={problem === null ? undefined : "login-problem"}
        />
        {problem !== null && <p id="login-problem" class="problem" role="alert">{problem}</p>}
        <button type="submit" class="button button-accent">Sign in</button>
      </form>
      <p class="card-note">
        A token comes from an administrator, or from <code>tailpost token create --name me --scope read</code>
        {" "}
        on the server.
      </p>
    </Card>
  );
}

/** A one-time link was opened. Whatever looks at links ahead sends no form, and so does not use it up. */
export function CodeForm({ code }: { code: string }) {
  return (
    <Card title="Welcome to Tailpost">
      <p>You are the first here. This link works once, and makes you the administrator.</p>
      <form method="post" action="/login">
        <input type="hidden" name="code" value={code} />
        <button type="submit" class="button button-accent" autofocus>Sign in</button>
      </form>
    </Card>
  );
}

/** The first administrator is signed in. */
export function Welcome({ token }: { token: string }) {
  return (
    <Card title="You are signed in">
      <p>This is your token. It is shown this once: keep it, to sign in again and on other machines.</p>
      <Secret token={token} />
      <p class="card-actions">
        <a class="button button-accent" href="/logs/live">To the live logs</a>
        <a class="button" href="/settings/tokens">Tokens for others</a>
      </p>
    </Card>
  );
}

/** A token that is shown once. A click selects all of it, also without JavaScript. */
export function Secret({ token }: { token: string }) {
  return <code class="secret" data-secret>{token}</code>;
}

/** A small page in the middle. */
function Card({ title, children }: { title: string; children: ComponentChildren }) {
  return (
    <main class="card-page">
      <Logo />
      <div class="card">
        <h1>{title}</h1>
        {children}
      </div>
    </main>
  );
}
