import { SHORTCUTS } from "../lib/live_tail/keys.ts";
import type { LiveTail } from "../lib/live_tail/model.ts";
import { Dialog } from "./Dialog.tsx";

/** The keys. */
export function KeySheet({ tail }: { tail: LiveTail }) {
  return (
    <Dialog
      id="keys"
      title="Keyboard shortcuts"
      isOpen={tail.help.value}
      close={() => tail.help.value = false}
    >
      <dl class="keys">
        {SHORTCUTS.map(({ keys, label }) => (
          <div key={label}>
            <dt>{keys.map((key) => <kbd key={key}>{key}</kbd>)}</dt>
            <dd>{label}</dd>
          </div>
        ))}
      </dl>
    </Dialog>
  );
}
