import { useMemo, useState } from "preact/hooks";
import { readAnsi } from "../lib/live_tail/ansi.ts";
import { curlRead } from "../lib/live_tail/curl.ts";
import { type Details, logLink } from "../lib/live_tail/details.ts";
import { formatLocal, visibleText } from "../lib/live_tail/format.ts";
import { isJson, prettyJson } from "../lib/live_tail/json_text.ts";
import type { LiveTail } from "../lib/live_tail/model.ts";
import { serviceColor } from "../lib/live_tail/service_color.ts";
import { step } from "../lib/live_tail/use_keys.ts";
import { levelChoices, valueChoices } from "../lib/live_tail/value_choices.ts";
import { levelsOf } from "../lib/live_tail/view.ts";
import type { WholeLog } from "../lib/log.ts";
import { CopyButton } from "./CopyButton.tsx";
import { FilterChoices } from "./FilterChoices.tsx";
import { CloseIcon, DownIcon, UpIcon } from "./icons.tsx";
import { JsonText } from "./JsonText.tsx";
import { MetadataTree } from "./MetadataTree.tsx";
import { StyledText } from "./StyledText.tsx";

/** One log, whole, beside the list that goes on. */
export function DetailsPanel({ tail, takesToken }: { tail: LiveTail; takesToken: boolean }) {
  const details = tail.details.value;
  if (details === null) return null;
  return (
    <aside class="details" aria-label={`Log ${details.id}`}>
      <header class="details-head">
        <h2>Log {details.id}</h2>
        <div class="details-steps">
          <button
            type="button"
            class="button button-icon"
            aria-label="Previous log"
            title="Previous log (k)"
            onClick={() => step(tail, -1)}
          >
            <UpIcon />
          </button>
          <button
            type="button"
            class="button button-icon"
            aria-label="Next log"
            title="Next log (j)"
            onClick={() => step(tail, 1)}
          >
            <DownIcon />
          </button>
        </div>
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
        <Body details={details} tail={tail} takesToken={takesToken} />
      </div>
    </aside>
  );
}

function Body({ details, tail, takesToken }: { details: Details; tail: LiveTail; takesToken: boolean }) {
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
      return <Whole log={details.log} tail={tail} takesToken={takesToken} />;
  }
}

function Whole({ log, tail, takesToken }: { log: WholeLog; tail: LiveTail; takesToken: boolean }) {
  const { metadata } = log;
  const { filter } = tail;
  const text = filter.text.value;
  // Details are only ever shown in a browser.
  const organizationId = new URLSearchParams(location.search).get("organizationId");
  return (
    <>
      <dl class="facts">
        <dt>Level</dt>
        <dd class={`facts-level level-${log.level}`}>
          <span class="level-shape" aria-hidden="true" />
          {log.level}
          <FilterChoices
            filter={filter}
            choices={levelChoices(text, levelsOf(filter.params.value), log.level)}
          />
        </dd>
        <dt>Service</dt>
        <dd>
          <span class={serviceColor(log.service)}>{visibleText(log.service)}</span>
          <FilterChoices filter={filter} choices={valueChoices(text, "service", log.service)} />
        </dd>
        <dt>Local</dt>
        <dd>
          <time dateTime={log.timestamp}>{formatLocal(log.timestamp)}</time>
        </dd>
        <dt>UTC</dt>
        <dd>{log.timestamp}</dd>
        <dt>Id</dt>
        <dd>
          {log.id}
          <span class="facts-choices">
            <button
              type="button"
              class="link"
              title="The logs before and after it, without any filter"
              onClick={() => tail.showAround(log.id)}
            >
              Show around it
            </button>
          </span>
        </dd>
      </dl>
      <Message key={log.id} text={log.message} />
      <section class="part">
        <header>
          <h3>Metadata</h3>
          <div class="part-actions">
            <CopyButton text={logLink(location.origin, log.id, organizationId)} label="Copy link" />
            <CopyButton text={JSON.stringify(log, null, 2)} label="Copy JSON" />
            <CopyButton
              text={curlRead(location.origin, log.id, { organizationId, takesToken })}
              label="Copy curl"
            />
          </div>
        </header>
        {metadata === null || Object.keys(metadata).length === 0
          ? <p class="details-note">This log has none</p>
          : <MetadataTree key={log.id} tail={tail} metadata={metadata} />}
      </section>
    </>
  );
}

/** The message: JSON indented, until somebody wants to see it as it was written. */
function Message({ text }: { text: string }) {
  const [raw, setRaw] = useState(false);
  const json = useMemo(() => isJson(text), [text]);
  const pretty = useMemo(() => json && !raw ? prettyJson(text) : null, [text, json, raw]);
  const styled = useMemo(() => pretty === null ? readAnsi(text) : null, [text, pretty]);
  return (
    <section class="part">
      <header>
        <h3>Message</h3>
        <div class="part-actions">
          {json && (
            <button
              type="button"
              class="button button-small"
              aria-pressed={raw}
              onClick={() => setRaw(!raw)}
            >
              As written
            </button>
          )}
          <CopyButton text={text} label="Copy message" />
        </div>
      </header>
      <pre class={pretty === null ? "message" : "message json"} tabIndex={0}>
        {pretty !== null && <JsonText text={pretty} />}
        {styled !== null && <StyledText styled={styled} />}
      </pre>
    </section>
  );
}
