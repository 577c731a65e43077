//! The QR codes and links with which other apps sign in by ways of their own: known by name, so that the person learns
//! where the code for ordinary authenticator apps is.

/// What the link of an app begins with, in lower case.
const SCHEMES: [(&str, &str); 15] = [
    ("phonefactor:", "Microsoft Authenticator"),
    ("ms-authenticator:", "Microsoft Authenticator"),
    ("duo:", "Duo Mobile"),
    ("oktaverify:", "Okta Verify"),
    ("com.okta.authenticator:", "Okta Verify"),
    ("com.rsa.securid:", "RSA Authenticator"),
    ("com.rsa.securid.iphone:", "RSA Authenticator"),
    ("igmobileotp:", "Entrust Identity"),
    ("vipaccess:", "VIP Access of Symantec"),
    ("battlenet:", "Battle.net"),
    ("pingid:", "PingID"),
    ("tiqrenroll:", "tiqr"),
    ("tiqrauth:", "tiqr"),
    ("fido:/", PASSKEY),
    ("authpoint:", "AuthPoint"),
];

/// What follows `https://` in such a code, in lower case: a host's end, and what its path begins with.
const PLACES: [(&str, &str, &str); 7] = [
    ("duosecurity.com", "/", "Duo Mobile"),
    ("duofederal.com", "/", "Duo Mobile"),
    ("s.team", "/", STEAM),
    ("127.0.0.1", "/securid/ctf", "RSA Authenticator"),
    ("vip.symantec.com", "/", "VIP Access of Symantec"),
    ("authenticator.pingone.com", "/", "PingID"),
    ("pingid.com", "/", "PingID"),
];

const STEAM: &str = "the Steam app";
const PASSKEY: &str = "a passkey";

/// Whose code it is.
pub(super) fn of(text: &str) -> Option<&'static str> {
    // No such code is long, and a text that is looked at may be.
    let start: String = text.chars().take(256).collect();
    let start = start.to_ascii_lowercase();
    let by_scheme = SCHEMES.iter().find(|(scheme, _)| start.starts_with(scheme));
    if let Some((_, app)) = by_scheme {
        return Some(app);
    }
    let web = ["https://", "http://"];
    if let Some(rest) = web.iter().find_map(|scheme| start.strip_prefix(scheme)) {
        let (host, path) = rest.split_at(rest.find(['/', '?']).unwrap_or(rest.len()));
        let is_at = |end: &str| {
            let before = host.strip_suffix(end);
            before.is_some_and(|before| before.is_empty() || before.ends_with('.'))
        };
        let found = PLACES
            .iter()
            .find(|(end, begins, _)| is_at(end) && path.starts_with(begins));
        return found.map(|(_, _, app)| *app);
    }
    is_duo(text).then_some("Duo Mobile")
}

/// Duo's own QR code has no scheme: an activation code, a dash, and in base64 the host that it is for.
fn is_duo(text: &str) -> bool {
    let Some((code, host)) = text.split_once('-') else {
        return false;
    };
    let is_code = code.len() == 20 && code.bytes().all(|b| b.is_ascii_alphanumeric());
    if !is_code || host.len() > 128 {
        return false;
    }
    let host = data_encoding::BASE64_NOPAD.decode(host.trim_end_matches('=').as_bytes());
    host.is_ok_and(|host| host.ends_with(b".duosecurity.com"))
}

/// What to do about it.
pub(super) const fn hint(app: &str) -> &'static str {
    // `==` on texts is not const.
    match app.as_bytes() {
        b"the Steam app" => {
            "Steam shows no QR code for other apps: this one signs the Steam app in. To have Steam's codes here, import the \
             maFile of Steam Desktop Authenticator."
        }
        b"a passkey" => {
            "It is scanned with the telephone that keeps the passkey, by its camera. For codes like Couchkey's, choose \
             'authenticator app' on the service's page for two-step sign-in."
        }
        _ => {
            "On that page choose 'a different authenticator app' (or 'other app', 'one-time passwords'), and scan the \
             QR code that it shows then. Where there is no such choice, whoever runs the account has allowed that \
             app alone."
        }
    }
}
