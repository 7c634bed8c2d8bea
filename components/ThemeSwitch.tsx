import { switchTheme } from "../lib/live_tail/theme.ts";
import { MoonIcon, SunIcon } from "./icons.tsx";

/** Dark or light. Which icon shows is the stylesheet's business: the server does not know the theme. */
export function ThemeSwitch() {
  return (
    <button
      type="button"
      class="button button-icon theme-switch"
      aria-label="Switch between dark and light"
      title="Switch between dark and light"
      onClick={switchTheme}
    >
      <SunIcon />
      <MoonIcon />
    </button>
  );
}
