// Bundled brand marks (simple-icons, CC0) for TV and streaming services and for common issuers, else a monogram in a
// stable colour. Nothing is ever fetched. A mark is a path on a grid of 24.
import {
  siAirbnb, siApple, siAppletv, siAtlassian, siAudible, siBandcamp, siBinance, siBitbucket, siBitwarden, siBluesky, siBunq,
  siCloudflare, siCodeberg, siCoinbase, siCrunchyroll, siDailymotion, siDazn, siDeezer, siDigitalocean, siDiscord, siDocker,
  siDropbox, siEa, siEbay, siEpicgames, siEtsy, siFacebook, siFirefox, siFubo, siGithub, siGitlab, siGogdotcom, siGoogle, siHbomax,
  siHetzner, siHomeassistant, siImdb, siInstagram, siItvx, siJellyfin, siKlarna, siKodi, siLastdotfm, siLetterboxd, siLg, siMastodon,
  siMeta, siMonzo, siMovistar, siMubi, siMullvad, siN26, siNetflix, siNextcloud, siNordvpn, siNotion, siNpm, siOvh, siPanasonic,
  siPandora, siParamountplus, siPatreon, siPaypal, siPhilipshue, siPinterest, siPlaystation, siPlex, siProton, siPypi, siReddit,
  siRevolut, siRoblox, siRoku, siRtl, siSamsung, siShopify, siSignal, siSky, siSony, siSoundcloud, siSpotify, siStarz, siSteam, siStripe,
  siSynology, siTelegram, siTidal, siTiktok, siTrakt, siTubi, siTwitch, siUber, siUbisoft, siVimeo, siVodafone, siWhatsapp, siWise,
  siWordpress, siX, siYoutube, siZdf, siZoom,
} from "simple-icons";

const drawn = [
  siAirbnb, siApple, siAppletv, siAtlassian, siAudible, siBandcamp, siBinance, siBitbucket, siBitwarden, siBluesky, siBunq,
  siCloudflare, siCodeberg, siCoinbase, siCrunchyroll, siDailymotion, siDazn, siDeezer, siDigitalocean, siDiscord, siDocker,
  siDropbox, siEa, siEbay, siEpicgames, siEtsy, siFacebook, siFirefox, siFubo, siGithub, siGitlab, siGogdotcom, siGoogle, siHbomax,
  siHetzner, siHomeassistant, siImdb, siInstagram, siItvx, siJellyfin, siKlarna, siKodi, siLastdotfm, siLetterboxd, siLg, siMastodon,
  siMeta, siMonzo, siMovistar, siMubi, siMullvad, siN26, siNetflix, siNextcloud, siNordvpn, siNotion, siNpm, siOvh, siPanasonic,
  siPandora, siParamountplus, siPatreon, siPaypal, siPhilipshue, siPinterest, siPlaystation, siPlex, siProton, siPypi, siReddit,
  siRevolut, siRoblox, siRoku, siRtl, siSamsung, siShopify, siSignal, siSky, siSony, siSoundcloud, siSpotify, siStarz, siSteam, siStripe,
  siSynology, siTelegram, siTidal, siTiktok, siTrakt, siTubi, siTwitch, siUber, siUbisoft, siVimeo, siVodafone, siWhatsapp, siWise,
  siWordpress, siX, siYoutube, siZdf, siZoom,
];

/** Other names that issuers go by. */
const also: Record<string, string> = {
  max: "hbomax", hbo: "hbomax", paramount: "paramountplus", psn: "playstation", playstationnetwork: "playstation", sony: "sony",
  electronicarts: "ea", protonmail: "proton", protonvpn: "proton", gog: "gogdotcom", twitter: "x", youtubetv: "youtube",
  mozilla: "firefox", firefoxaccounts: "firefox", appleid: "apple", googleaccount: "google", skygo: "sky", wow: "sky", steampowered: "steam",
  lastfm: "lastdotfm", npmjs: "npm", wordpresscom: "wordpress", amazonaudible: "audible", fubotv: "fubo", roblox: "roblox",
};

const bySlug = new Map(drawn.map((icon) => [icon.slug, icon.path]));

/**
 * "Paramount+" and "paramountplus" are one; "Netflix 2" and "netflix.com" are Netflix too. No looser than that: a mark
 * vouches for a name, and "Signal Insurance" or "Max Miller Ltd" must not borrow one.
 */
export function brandPath(issuer: string | null): string | null {
  if (!issuer) return null;
  const slug = (text: string) => text.toLowerCase().normalize("NFD").replace(/\p{M}/gu, "").replace(/\+/g, "plus").replace(/[^a-z0-9]/g, "");
  const plain = issuer.replace(/\.(com|net|org|io|tv|de|uk|fr)$/i, "").replace(/\s+(\d+|account|login|family|kids|premium|basic|\(.*\))$/i, "");
  const tries = [slug(issuer), slug(plain)];
  for (const name of tries) {
    const path = name && (bySlug.get(name) ?? bySlug.get(also[name] ?? ""));
    if (path) return path;
  }
  return null;
}
