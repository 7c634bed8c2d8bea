import { useEffect, useRef } from "preact/hooks";
import { SHORTCUTS } from "../lib/live_tail/keys.ts";
import type { LiveTail } from "../lib/live_tail/model.ts";
import { CloseIcon } from "./icons.tsx";

/** The keys. */
export function KeySheet({ tail }: { tail: LiveTail }) {
  const dialog = useRef<HTMLDialogElement>(null);
  const shown = tail.help.value;
  useEffect(() => {
    if (shown) dialog.current?.showModal();
    else dialog.current?.close();
  }, [shown]);
  const close = () => tail.help.value = false;
  return (
    <dialog
      ref={dialog}
      class="sheet"
      aria-labelledby="keys-title"
      onClose={close}
      onClick={(event) => {
        if (event.target === event.currentTarget) close();
      }}
    >
      <div class="sheet-body">
        <header class="sheet-head">
          <h2 id="keys-title">Keyboard shortcuts</h2>
          <button type="button" class="button button-icon" aria-label="Close" onClick={close}>
            <CloseIcon />
          </button>
        </header>
        <dl class="keys">
          {SHORTCUTS.map(({ keys, label }) => (
            <div key={label}>
              <dt>{keys.map((key) => <kbd key={key}>{key}</kbd>)}</dt>
              <dd>{label}</dd>
            </div>
          ))}
        </dl>
      </div>
    </dialog>
  );
}
