import type { ComponentChildren } from "preact";
import { useLayoutEffect, useRef } from "preact/hooks";
import { CloseIcon } from "./icons.tsx";

/** Something that is open over the page until it is closed: by its button, Escape, or a press beside it. */
export function Dialog({ id, title, isOpen, close, class: name = "", children }: {
  id: string;
  title: string;
  isOpen: boolean;
  close: () => void;
  class?: string;
  children: ComponentChildren;
}) {
  const dialog = useRef<HTMLDialogElement>(null);
  useLayoutEffect(() => {
    if (!isOpen) return dialog.current?.close();
    dialog.current?.showModal();
    dialog.current?.querySelector<HTMLInputElement>("[data-first]")?.select();
  }, [isOpen]);
  return (
    <dialog
      ref={dialog}
      class={`sheet ${name}`.trimEnd()}
      aria-labelledby={`${id}-title`}
      onClose={close}
      onClick={(event) => {
        if (event.target === event.currentTarget) close();
      }}
    >
      <div class="sheet-body">
        <header class="sheet-head">
          <h2 id={`${id}-title`}>{title}</h2>
          <button type="button" class="button button-icon" aria-label="Close" onClick={close}>
            <CloseIcon />
          </button>
        </header>
        {children}
      </div>
    </dialog>
  );
}
