import type { ComponentChildren } from "preact";
import { useLayoutEffect, useRef, useState } from "preact/hooks";

/** A button, and what it opens below it: closed by Escape, by a press beside it and when the focus goes elsewhere. */
export function Popover({ id, label, title, about, button, class: name = "", children, onOpen }: {
  id: string;
  label: string;
  title: string;
  /** What the open part is about, for those who do not see it. */
  about: string;
  button: ComponentChildren;
  class?: string;
  /** What is open, made while it is; `close` gives the focus back to the button. */
  children: (close: () => void) => ComponentChildren;
  onOpen?: () => void;
}) {
  const [open, setOpen] = useState(false);
  const frame = useRef<HTMLDivElement>(null);
  const opener = useRef<HTMLButtonElement>(null);
  const close = () => {
    setOpen(false);
    opener.current?.focus();
  };
  useLayoutEffect(() => {
    if (!open) return;
    onOpen?.();
    const onPress = ({ target }: PointerEvent) => {
      if (target instanceof Node && !frame.current?.contains(target)) setOpen(false);
    };
    // Wherever the focus is: what had it may be gone.
    const onKey = (event: KeyboardEvent) => {
      if (event.key !== "Escape" || event.defaultPrevented) return;
      event.preventDefault();
      close();
    };
    addEventListener("pointerdown", onPress);
    document.addEventListener("keydown", onKey);
    return () => {
      removeEventListener("pointerdown", onPress);
      document.removeEventListener("keydown", onKey);
    };
  }, [open]);
  return (
    <div
      ref={frame}
      class="popover"
      onFocusOut={({ relatedTarget }) => {
        if (relatedTarget instanceof Node && !frame.current?.contains(relatedTarget)) setOpen(false);
      }}
    >
      <button
        ref={opener}
        type="button"
        class={`button ${name}`.trimEnd()}
        aria-expanded={open}
        aria-controls={id}
        aria-label={label}
        title={title}
        onClick={() => setOpen(!open)}
      >
        {button}
      </button>
      <div class="popover-panel" id={id} role="group" aria-label={about} hidden={!open}>
        {open && children(close)}
      </div>
    </div>
  );
}
