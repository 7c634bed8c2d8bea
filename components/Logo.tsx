/** A post that sends: the trace of a log runs out of it. */
export function Logo() {
  return (
    <span class="logo">
      <svg viewBox="0 0 24 24" width="24" height="24" aria-hidden="true" focusable="false">
        <rect class="logo-post" x="3" y="2.5" width="4.2" height="19" rx="2.1" />
        <path class="logo-tail" d="M7.2 7.2h5.2c2.4 0 2.4 4.8 4.8 4.8H21" />
        <path class="logo-tail logo-echo" d="M7.2 13.6h2.9c1.9 0 1.9 4 3.8 4h3.3" />
        <circle class="logo-head" cx="20.6" cy="12" r="2" />
      </svg>
      <span class="logo-name">tailpost</span>
    </span>
  );
}
