import { useMemo } from "preact/hooks";
import { visibleText } from "../lib/live_tail/format.ts";
import { jsonParts } from "../lib/live_tail/json_parts.ts";

/** JSON in colours. */
export function JsonText({ text }: { text: string }) {
  const parts = useMemo(() => jsonParts(visibleText(text)), [text]);
  return (
    <>
      {parts.map(({ kind, text }, i) =>
        kind === "other" ? text : <span key={i} class={`json-${kind}`}>{text}</span>
      )}
    </>
  );
}
