// Which language the window speaks: the person's choice, or what the system is set to.
import { catalogues } from "./messages/offered";
import { speakWith } from "./say.svelte";

/** What can be chosen, as BCP 47 tags. */
export const languages: readonly string[] = ["en", ...Object.keys(catalogues)];

/** Written from right to left, whether or not they are offered yet. */
const FROM_RIGHT = ["ar", "fa", "he"];

/**
 * The language for a choice and what the system wants, and the tag that dates are written by: "en" for British English,
 * with the dates of "en-GB". A language in another script is another language: Traditional Chinese is not answered with Simplified.
 */
export function languageFor(choice: string | null, wanted: readonly string[]): { language: string; dates: string } {
  for (const tag of choice === null ? wanted : [choice, ...wanted]) {
    const locale = localeOf(tag);
    const language = locale && languages.find((one) => matches(one, locale));
    if (language) return { language, dates: datesFor(language, [tag, ...wanted]) };
  }
  return { language: "en", dates: datesFor("en", wanted) };
}

/** The system's own spelling of the language, which names the country: that is where dates differ. */
function datesFor(language: string, tags: readonly string[]): string {
  const found = tags.find((tag) => {
    const locale = localeOf(tag);
    return locale?.region !== undefined && matches(language, locale);
  });
  return found ?? language;
}

function matches(language: string, locale: Intl.Locale): boolean {
  const offered = new Intl.Locale(language);
  return offered.language === locale.language && offered.maximize().script === locale.maximize().script;
}

/** Null for what is no tag, as the "C" of a system without any language. */
function localeOf(tag: string): Intl.Locale | null {
  try {
    return new Intl.Locale(tag);
  } catch {
    return null;
  }
}

/** "Deutsch", "Português (Brasil)": a language by its own name. */
export function ownName(language: string): string {
  const name = new Intl.DisplayNames([language], { type: "language" }).of(language) ?? language;
  return name.charAt(0).toLocaleUpperCase(language) + name.slice(1);
}

/** Loads the words of a language and speaks it, on the page and in its attributes. */
export async function speak({ language, dates }: { language: string; dates: string }): Promise<void> {
  const texts = (await catalogues[language]?.())?.default ?? {}; // English stands in the scripts
  const rtl = FROM_RIGHT.includes(language);
  speakWith(language, texts, rtl, dates);
  document.documentElement.lang = language;
  document.documentElement.dir = rtl ? "rtl" : "ltr";
}

const KEY = "language";

/** The choice of the last time, until the settings are known. */
export function lastLanguage(): string | null {
  try {
    return localStorage.getItem(KEY);
  } catch {
    return null; // no storage
  }
}

/** For the next start's first words. */
export function rememberLanguage(choice: string | null): void {
  try {
    if (choice === null) localStorage.removeItem(KEY);
    else localStorage.setItem(KEY, choice);
  } catch {
    // No storage: the next start follows the system until the settings are read.
  }
}
