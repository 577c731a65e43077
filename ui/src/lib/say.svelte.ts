// Messages, dates and lists in the language that the window speaks.

/** One text; or, where a count is in it, one for each plural category of the language. */
export type Text = string | { readonly [form in Intl.LDMLPluralRule]?: string };
export type Catalogue = Readonly<Record<string, Text>>;
type Inputs = Record<string, string | number>;

/** A state, so that what is on show changes its words in place: nothing that was typed is lost with the language. */
let spoken = $state.raw(speech("en", {}, false, "en"));

function speech(language: string, texts: Catalogue, rtl: boolean, dates: string) {
  // Digits are 0 to 9 in every language, as in the codes, which people compare with a television.
  const writes = new Intl.Locale(dates, { numberingSystem: "latn" }).toString();
  return { texts, rtl, writes, plural: new Intl.PluralRules(language) };
}

/** From now on everything is said in this language; English stands where `texts` has nothing. `dates` may name a country, too. */
export function speakWith(...of: Parameters<typeof speech>): void {
  spoken = speech(...of);
}

/** A message by its key, with its English text beside it, so that a script holds the English of what it uses and no more. */
export function say<Wanted>(key: string, english: Text): (inputs: Wanted) => string {
  return (inputs) => {
    const text = spoken.texts[key] ?? english;
    const given = (inputs ?? {}) as Inputs;
    const words = typeof text === "string" ? text : (text[spoken.plural.select(Number(given["count"]))] ?? text.other);
    return (words ?? "").replace(/\{(\w+)\}/g, (_, name: string) => isolated(given[name] ?? ""));
  };
}

/** Letters that are written from right to left. */
const FROM_RIGHT = /[\u0590-\u08ff\ufb1d-\ufdff\ufe70-\ufefc]/;

/** By number: Svelte warns of the characters themselves. */
const FSI = String.fromCodePoint(0x2068);
const PDI = String.fromCodePoint(0x2069);

/** A name or a date among words of the other direction stays one piece, and moves nothing around it (Unicode UAX #9: FSI, PDI). */
function isolated(value: string | number): string {
  return typeof value === "string" && (spoken.rtl || FROM_RIGHT.test(value)) ? FSI + value + PDI : String(value);
}

/** "23 November 2026" */
export const dateOf = (at: Date): string => new Intl.DateTimeFormat(spoken.writes, { dateStyle: "long" }).format(at);

/** "10 seconds", "1 minute" */
export function durationOf(seconds: number): string {
  const [value, unit] = seconds % 60 === 0 ? [seconds / 60, "minute"] : [seconds, "second"];
  return new Intl.NumberFormat(spoken.writes, { style: "unit", unit, unitDisplay: "long" }).format(value);
}

/** "Plex, Twitch" */
export const listOf = (items: readonly string[]): string =>
  new Intl.ListFormat(spoken.writes, { type: "unit" }).format(items);
