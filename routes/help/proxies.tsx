import { Head } from "fresh/runtime";
import { Logo } from "../../components/Logo.tsx";
import { define } from "../../lib/define.ts";
import { PROXIES } from "../../lib/proxies.ts";

/** What to do where a proxy holds back the stream. */
export default define.page(() => (
  <>
    <Head>
      <title>Behind a proxy · Tailpost</title>
    </Head>
    <main class="help">
      <header class="help-head">
        <a href="/logs/live" aria-label="Tailpost: live logs">
          <Logo />
        </a>
      </header>
      <h1>Behind a proxy</h1>
      <p>
        Live logs come as one answer of the server that never ends. A proxy that collects answers before it
        passes them on holds the logs back. Tell it to pass them on as they come:
      </p>
      {PROXIES.map(({ name, config, about }) => (
        <section key={name}>
          <h2>{name}</h2>
          {config !== "" && <pre tabIndex={0}><code>{config}</code></pre>}
          <p>{about}</p>
        </section>
      ))}
      <p>
        To see what comes through:{" "}
        <code>curl -N https://your.name/api/logs/stream</code>. Its first lines are to appear at once, and a
        heartbeat every 15 seconds.
      </p>
    </main>
  </>
));
