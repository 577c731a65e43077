// The brands whose marks are bundled (simple-icons, CC0): TV and streaming services, and common issuers of sign-in codes.
// vite.config.ts takes their outlines, and nothing else of the 3,000, into the build. A name that is not there stops the build.
export const brands = [
  "airbnb", "apple", "appletv", "atlassian", "audible", "bandcamp", "binance", "bitbucket", "bitwarden", "bluesky",
  "bunq", "cloudflare", "codeberg", "coinbase", "crunchyroll", "dailymotion", "dazn", "deezer", "digitalocean", "discord",
  "docker", "dropbox", "ea", "ebay", "epicgames", "etsy", "facebook", "firefox", "fubo", "github",
  "gitlab", "gogdotcom", "google", "hbomax", "hetzner", "homeassistant", "imdb", "instagram", "itvx", "jellyfin",
  "klarna", "kodi", "lastdotfm", "letterboxd", "lg", "mastodon", "meta", "monzo", "movistar", "mubi",
  "mullvad", "n26", "netflix", "nextcloud", "nordvpn", "notion", "npm", "ovh", "panasonic", "pandora",
  "paramountplus", "patreon", "paypal", "philipshue", "pinterest", "playstation", "plex", "proton", "pypi", "reddit",
  "revolut", "roblox", "roku", "rtl", "samsung", "shopify", "signal", "sky", "sony", "soundcloud",
  "spotify", "starz", "steam", "stripe", "synology", "telegram", "tidal", "tiktok", "trakt", "tubi",
  "twitch", "uber", "ubisoft", "vimeo", "vodafone", "whatsapp", "wise", "wordpress", "x", "youtube",
  "zdf", "zoom",
];
