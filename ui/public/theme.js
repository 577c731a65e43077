// Sets the colours before the first paint, from what the settings were last time. A file of its own, because the page
// policy allows no script inside the page. The same rule is in src/lib/appearance.ts.
(() => {
  let wanted = "system";
  try {
    wanted = localStorage.getItem("appearance") || "system";
  } catch {
    // No storage here: follow the system.
  }
  const asks = (query) => matchMedia(query).matches;
  document.documentElement.dataset.theme =
    wanted !== "system" ? wanted
    : asks("(prefers-contrast: more)") ? "contrast"
    : asks("(prefers-color-scheme: dark)") ? "dark"
    : "light";
})();
