// Where no brand mark is known: one or two letters in a colour that stays the same for the same name.

export function monogram(name: string): string {
  const words = name
    .replace(/(?<=.)@.*/u, "")
    .trim()
    .split(/[\s,&+._-]+/u)
    .filter((word) => /[\p{L}\p{N}]/u.test(word));
  const letters = words.slice(0, 2).map((word) => [...word.replace(/^[^\p{L}\p{N}]+/u, "")][0] ?? "");
  return letters.join("").toUpperCase() || "?";
}

/** A hue from 0 to 359, in steps of 30, so that two neighbours are either the same or clearly different. */
export function hue(name: string): number {
  let mixed = 2166136261;
  for (const character of name.toLowerCase()) mixed = Math.imul(mixed ^ (character.codePointAt(0) ?? 0), 16777619);
  return ((mixed >>> 8) % 12) * 30;
}
