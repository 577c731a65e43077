// A hint about a new passphrase: length is what counts, and no rule asks for signs of a kind (NIST SP 800-63B, 5.1.1.2).

export type Strength = "short" | "fair" | "good" | "strong";
export const SHORTEST = 8;

export function strength(passphrase: string): Strength {
  const length = [...passphrase].length;
  if (length < SHORTEST) return "short";
  const different = new Set(passphrase.toLowerCase()).size;
  if (different < 5) return "fair";
  return length < 12 ? "fair" : length < 20 ? "good" : "strong";
}
