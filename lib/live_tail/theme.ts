/** The colours of the page. `static/theme.js` puts a remembered choice in place before the page paints. Browser only. */

import { browserMemory } from "./io.ts";

/** The themes to choose from. */
export const THEMES = ["system", "light", "dark"] as const;

/** One of {@link THEMES}. */
export type Theme = typeof THEMES[number];

/** Where choices are remembered; the same as in `static/theme.js`. */
const [THEME, CONTRAST] = [browserMemory("tailpost-theme"), browserMemory("tailpost-contrast")];

/** What the reader chose. */
export function chosenTheme(): Theme {
  const chosen = document.documentElement.dataset.theme;
  return THEMES.find((theme) => theme === chosen) ?? "system";
}

/** Shows a theme, and remembers it. */
export function chooseTheme(theme: Theme): void {
  if (theme === "system") delete document.documentElement.dataset.theme;
  else document.documentElement.dataset.theme = theme;
  THEME.write(theme);
}

/** Shows the other theme; the one that the system has is followed from then on. */
export function switchTheme(): void {
  const system = matchMedia("(prefers-color-scheme: light)").matches ? "light" : "dark";
  const chosen = chosenTheme();
  const next = (chosen === "system" ? system : chosen) === "dark" ? "light" : "dark";
  chooseTheme(next === system ? "system" : next);
}

/** Whether contrast is high: by choice, else as the system says. */
export function isContrastHigh(): boolean {
  return document.documentElement.dataset.contrast === "more";
}

/** Shows all in high contrast or not, and remembers it. */
export function chooseContrast(isHigh: boolean): void {
  const contrast = isHigh ? "more" : "standard";
  document.documentElement.dataset.contrast = contrast;
  CONTRAST.write(contrast);
}
