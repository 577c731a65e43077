// Which colours the window wears: the person's choice, or what the system says.
import type { Appearance } from "./ipc";

export type Theme = "light" | "dark" | "contrast";

const appearances: readonly Appearance[] = ["system", "light", "dark", "contrast"];

export function themeFor(appearance: Appearance, asks: (query: string) => boolean): Theme {
  if (appearance !== "system") return appearance;
  if (asks("(prefers-contrast: more)")) return "contrast";
  return asks("(prefers-color-scheme: dark)") ? "dark" : "light";
}

const inSystem = (query: string) => matchMedia(query).matches;

/** Before the first paint: the colours, where nobody knows the settings yet those of the last time; and which system's type it is (tokens.css). */
export function dress(root: HTMLElement, appearance: Appearance = lastTime()): void {
  root.dataset["theme"] = themeFor(appearance, inSystem);
  if (/Linux/.test(navigator.userAgent) && !/Android/.test(navigator.userAgent)) root.dataset["os"] = "linux";
}

function lastTime(): Appearance {
  try {
    const stored = localStorage.getItem("appearance");
    return appearances.find((one) => one === stored) ?? "system";
  } catch {
    return "system"; // no storage
  }
}

/** Puts the colours on the page and remembers the choice for the next start's first paint. */
export function wear(appearance: Appearance): void {
  document.documentElement.dataset["theme"] = themeFor(appearance, inSystem);
  try {
    localStorage.setItem("appearance", appearance);
  } catch {
    // No storage: the next start follows the system until the settings are read.
  }
}
