// Runs before the first paint, so that remembered colours do not flash. See lib/live_tail/theme.ts.
{
  const remembered = (key) => {
    try {
      return localStorage.getItem(key);
    } catch {
      return null; // Storage can be switched off.
    }
  };
  const chosen = document.documentElement.dataset;
  const theme = remembered("tailpost-theme");
  if (theme === "dark" || theme === "light") chosen.theme = theme;
  const wanted = matchMedia("(prefers-contrast: more)");
  const contrast = () => {
    chosen.contrast = remembered("tailpost-contrast") ?? (wanted.matches ? "more" : "standard");
  };
  wanted.addEventListener("change", contrast);
  contrast();
}
