// Which colours the window wears: the person's choice, or what the system says. public/theme.js does the same before the first paint.
import type { Appearance } from "./ipc";

export type Theme = "light" | "dark" | "contrast";

export function themeFor(appearance: Appearance, asks: (query: string) => boolean): Theme {
  if (appearance !== "system") return appearance;
  if (asks("(prefers-contrast: more)")) return "contrast";
  return asks("(prefers-color-scheme: dark)") ? "dark" : "light";
}

/** Puts the colours on the page and remembers the choice for the next start's first paint. */
export function wear(appearance: Appearance): void {
  document.documentElement.dataset["theme"] = themeFor(appearance, (query) => matchMedia(query).matches);
  try {
    localStorage.setItem("appearance", appearance);
  } catch {
    // No storage: the next start follows the system until the settings are read.
  }
}
