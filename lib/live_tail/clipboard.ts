/** The clipboard, also on pages served over plain HTTP, where browsers offer none. Browser only. */

/** Copies a text. `false` where the browser does not let us. */
export async function copyText(text: string): Promise<boolean> {
  try {
    // Only there in secure contexts: HTTPS, or a loopback host.
    await navigator.clipboard.writeText(text);
    return true;
  } catch {
    return copyBySelection(text);
  }
}

function copyBySelection(text: string): boolean {
  const area = document.createElement("textarea");
  area.value = text;
  area.className = "sr-only";
  const focused = document.activeElement;
  document.body.append(area);
  area.select();
  try {
    return document.execCommand("copy");
  } catch {
    return false;
  } finally {
    area.remove();
    if (focused instanceof HTMLElement) focused.focus();
  }
}
