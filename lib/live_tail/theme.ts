/** Dark or light. `static/theme.js` puts a remembered choice in place before the page paints. Browser only. */

/** A theme. */
export type Theme = "dark" | "light";

/** Where the choice is remembered; the same as in `static/theme.js`. */
const KEY = "tailpost-theme";

/** The theme that is shown: the reader's choice, else the system's. */
export function currentTheme(): Theme {
  const chosen = document.documentElement.dataset.theme;
  if (chosen === "dark" || chosen === "light") return chosen;
  return matchMedia("(prefers-color-scheme: light)").matches ? "light" : "dark";
}

/** Shows the other theme, and remembers it only where it is not the system's own. */
export function switchTheme(): Theme {
  const next = currentTheme() === "dark" ? "light" : "dark";
  const system = matchMedia("(prefers-color-scheme: light)").matches ? "light" : "dark";
  document.documentElement.dataset.theme = next;
  try {
    if (next === system) localStorage.removeItem(KEY);
    else localStorage.setItem(KEY, next);
  } catch {
    // Storage can be switched off; the choice then lasts as long as the page.
  }
  return next;
}
