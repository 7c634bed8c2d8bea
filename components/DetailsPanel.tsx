import { useMemo } from "preact/hooks";
import type { Details } from "../lib/live_tail/details.ts";
import { formatLocal, plainText, visibleText } from "../lib/live_tail/format.ts";
import { jsonParts } from "../lib/live_tail/json_parts.ts";
import type { LiveTail } from "../lib/live_tail/model.ts";
import { serviceColor } from "../lib/live_tail/service_color.ts";
import { toggleService } from "../lib/live_tail/view.ts";
import type { WholeLog } from "../lib/log.ts";
import { CopyButton } from "./CopyButton.tsx";
import { CloseIcon } from "./icons.tsx";

/** One log, whole, beside the list that goes on. */
export function DetailsPanel({ tail }: { tail: LiveTail }) {
  const details = tail.details.value;
  if (details === null) return null;
  return (
    <aside class="details" aria-label={`Log ${details.id}`}>
      <header class="details-head">
        <h2>Log {details.id}</h2>
        <button
          type="button"
          class="button button-icon"
          aria-label="Close details"
          title="Close (Esc)"
          onClick={() => tail.close()}
        >
          <CloseIcon />
        </button>
      </header>
      <div class="details-body" aria-busy={details.kind === "loading"} aria-live="polite">
        <Body details={details} tail={tail} />
      </div>
    </aside>
  );
}

function Body({ details, tail }: { details: Details; tail: LiveTail }) {
  switch (details.kind) {
    case "loading":
      return <p class="details-note">Loading</p>;
    case "failed":
      return (
        <div class="details-note">
          <p class="problem">{details.message}</p>
          <button type="button" class="button" onClick={() => tail.open(details.id)}>Try again</button>
        </div>
      );
    case "loaded":
      return <Whole log={details.log} tail={tail} />;
  }
}

function Whole({ log, tail }: { log: WholeLog; tail: LiveTail }) {
  const metadata = log.metadata === null ? null : JSON.stringify(log.metadata, null, 2);
  const only = () => tail.edit({ ...tail.view.value, service: toggleService("", log.service) });
  return (
    <>
      <dl class="facts">
        <dt>Level</dt>
        <dd class={`facts-level level-${log.level}`}>
          <span class="level-shape" aria-hidden="true" />
          {log.level}
        </dd>
        <dt>Service</dt>
        <dd>
          <button
            type="button"
            class={`link ${serviceColor(log.service)}`}
            title="Show only this service"
            onClick={only}
          >
            {visibleText(log.service)}
          </button>
        </dd>
        <dt>Local</dt>
        <dd>
          <time dateTime={log.timestamp}>{formatLocal(log.timestamp)}</time>
        </dd>
        <dt>UTC</dt>
        <dd>{log.timestamp}</dd>
        <dt>Id</dt>
        <dd>{log.id}</dd>
      </dl>
      <section class="part">
        <header>
          <h3>Message</h3>
          <CopyButton text={log.message} label="Copy message" />
        </header>
        <pre class="message" tabIndex={0}>{plainText(log.message)}</pre>
      </section>
      <section class="part">
        <header>
          <h3>Metadata</h3>
          <CopyButton text={JSON.stringify(log, null, 2)} label="Copy JSON" />
        </header>
        {metadata === null || metadata === "{}"
          ? <p class="details-note">This log has none</p>
          : <Json text={metadata} />}
      </section>
    </>
  );
}

function Json({ text }: { text: string }) {
  const parts = useMemo(() => jsonParts(visibleText(text)), [text]);
  return (
    <pre class="json" tabIndex={0}>
      {parts.map(({ kind, text }, i) => kind === "other" ? text : <span key={i} class={`json-${kind}`}>{text}</span>)}
    </pre>
  );
}
