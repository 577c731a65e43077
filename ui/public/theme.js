// Before the first paint: the colours, from what the settings were last time, and which system this is. A file of its own,
// because the page policy allows no script inside the page. The same rule for colours is in src/lib/appearance.ts.
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
  // For the type: src/tokens.css.
  if (/Linux/.test(navigator.userAgent) && !/Android/.test(navigator.userAgent)) document.documentElement.dataset.os = "linux";
})();
