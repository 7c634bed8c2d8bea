import { useEffect, useState } from "preact/hooks";
import { copyText } from "../lib/live_tail/clipboard.ts";
import { CopyIcon, DoneIcon } from "./icons.tsx";

/** Copies a text, and says whether that worked. */
export function CopyButton({ text, label }: { text: string; label: string }) {
  const [state, setState] = useState<"idle" | "copied" | "failed">("idle");
  useEffect(() => {
    if (state === "idle") return;
    const timer = setTimeout(() => setState("idle"), 2000);
    return () => clearTimeout(timer);
  }, [state]);
  return (
    <button
      type="button"
      class="button button-small"
      onClick={async () => setState(await copyText(text) ? "copied" : "failed")}
    >
      {state === "copied" ? <DoneIcon /> : <CopyIcon />}
      <span aria-live="polite">
        {state === "copied" ? "Copied" : state === "failed" ? "Cannot copy" : label}
      </span>
    </button>
  );
}
