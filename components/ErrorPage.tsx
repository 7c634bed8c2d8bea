import { Logo } from "./Logo.tsx";

/** A page that says what went wrong and leads back. */
export function ErrorPage({ status, title, children }: { status: number; title: string; children: string }) {
  return (
    <main class="error-page">
      <Logo />
      <p class="error-status">{status}</p>
      <h1>{title}</h1>
      <p>{children}</p>
      <a class="button button-accent" href="/logs/live">To the live logs</a>
    </main>
  );
}
