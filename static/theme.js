// Runs before the first paint, so that a remembered theme does not flash. See lib/live_tail/theme.ts.
try {
  const theme = localStorage.getItem("tailpost-theme");
  if (theme === "dark" || theme === "light") document.documentElement.dataset.theme = theme;
} catch {
  // Storage can be switched off.
}
