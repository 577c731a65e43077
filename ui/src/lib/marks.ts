// Bundled brand marks (simple-icons, CC0) for TV and streaming services and for common issuers, else a monogram in a
// stable colour. Nothing is ever fetched. Which brand it is, is known here; how its mark looks, in brands.svelte.ts.
import { brands } from "../../brands";

/** Other names that issuers go by. */
const also: Record<string, string> = {
  max: "hbomax",
  hbo: "hbomax",
  paramount: "paramountplus",
  psn: "playstation",
  playstationnetwork: "playstation",
  sony: "sony",
  electronicarts: "ea",
  protonmail: "proton",
  protonvpn: "proton",
  gog: "gogdotcom",
  twitter: "x",
  youtubetv: "youtube",
  mozilla: "firefox",
  firefoxaccounts: "firefox",
  appleid: "apple",
  googleaccount: "google",
  skygo: "sky",
  wow: "sky",
  steampowered: "steam",
  lastfm: "lastdotfm",
  npmjs: "npm",
  wordpresscom: "wordpress",
  amazonaudible: "audible",
  fubotv: "fubo",
  roblox: "roblox",
};

const known = new Set<string>(brands);

/**
 * "Paramount+" and "paramountplus" are one; "Netflix 2" and "netflix.com" are Netflix too. No looser than that: a mark
 * vouches for a name, and "Signal Insurance" or "Max Miller Ltd" must not borrow one.
 */
export function brandOf(issuer: string | null): string | null {
  if (!issuer) return null;
  const slug = (text: string) =>
    text
      .toLowerCase()
      .normalize("NFD")
      .replace(/\p{M}/gu, "")
      .replace(/\+/g, "plus")
      .replace(/[^a-z0-9]/g, "");
  const plain = issuer
    .replace(/\.(com|net|org|io|tv|de|uk|fr)$/i, "")
    .replace(/\s+(\d+|account|login|family|kids|premium|basic|\(.*\))$/i, "");
  const tries = [slug(issuer), slug(plain)];
  for (const name of tries) {
    const brand = [name, also[name] ?? ""].find((slug) => known.has(slug));
    if (brand) return brand;
  }
  return null;
}
