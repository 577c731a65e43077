//! A web address from a QR code, most often a television's sign-in page: whose it is, and what speaks against it.
//!
//! Nothing is opened and nothing is fetched.

use serde::Serialize;
use unicode_security::confusable_detection::skeleton;
use url::{Host, Url};

use crate::services::{self, Service};

/// A web address, and what a person should know before opening it.
#[derive(Clone, PartialEq, Eq, Serialize)]
pub struct WebAddress {
    /// All of it, in ASCII, as a browser would open it. It may hold a code: for the person's eyes, for no log.
    pub address: String,
    /// Whose it is: the registrable domain of the public suffix list, or the host where it has none.
    pub domain: String,
    /// The service that the domain belongs to, of those that are known.
    pub service: Option<&'static str>,
    /// What speaks against it, the worst first.
    pub warnings: Vec<AddressWarning>,
}

/// What speaks against a web address.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case", tag = "word", content = "service")]
pub enum AddressWarning {
    /// Its name looks like this service's, and is another one.
    LooksLike(&'static str),
    /// It has this service's name in it, and belongs to somebody else.
    NamesOther(&'static str),
    /// What stands before the `@` is no address; what comes behind it is.
    UserInfo,
    /// A number in place of a name.
    IpAddress,
    /// Letters that may look like others.
    ForeignLetters,
    /// It is no web page: it starts a program, or is a file or a script.
    OddScheme,
}

impl WebAddress {
    /// Reads a text that is a web address; `None` for every other text, an otpauth URI among them.
    #[must_use]
    pub fn read(text: &str) -> Option<WebAddress> {
        let text = text.trim();
        if text.is_empty() || text.len() > LONGEST || text.contains(char::is_whitespace) {
            return None;
        }
        let url = parse(text)?;
        let address = url.as_str().to_owned();
        let mut warnings = Vec::new();
        if !matches!(url.scheme(), "http" | "https") {
            return Some(WebAddress {
                address,
                domain: format!("{}:", url.scheme()),
                service: None,
                warnings: vec![AddressWarning::OddScheme],
            });
        }
        let host = url.host()?;
        let (domain, service) = match &host {
            Host::Domain(host) => {
                // A full stop at its end names the same host.
                let host = host.trim_end_matches('.');
                let service = services::all()
                    .iter()
                    .find(|service| service.has_host(host));
                let domain = psl::domain_str(host).unwrap_or(host);
                if service.is_none() {
                    warnings.extend(like_another(host, domain));
                }
                if host.split('.').any(|label| label.starts_with("xn--")) {
                    warnings.push(AddressWarning::ForeignLetters);
                }
                (domain.to_owned(), service.map(|service| service.name))
            }
            _ => {
                warnings.push(AddressWarning::IpAddress);
                (host.to_string(), None)
            }
        };
        if !url.username().is_empty() || url.password().is_some() {
            warnings.push(AddressWarning::UserInfo);
        }
        Some(WebAddress {
            address,
            domain,
            service,
            warnings,
        })
    }

    /// What it is, in a sentence or two.
    #[must_use]
    pub fn message(&self) -> String {
        let domain = &self.domain;
        let first = match (
            self.service,
            self.warnings.contains(&AddressWarning::OddScheme),
        ) {
            (Some(service), _) => format!("This is {service}: {domain}, a web page."),
            (None, true) => {
                format!("This is no web page and no set-up code; it begins with {domain}")
            }
            (None, false) => format!(
                "This is a web page of {domain}, which is none of the services that Couchkey knows."
            ),
        };
        let warnings = self.warnings.iter().map(|warning| warning.sentence());
        std::iter::once(first)
            .chain(warnings)
            .collect::<Vec<_>>()
            .join(" ")
    }

    /// What to do about it.
    #[must_use]
    pub fn hint(&self) -> &'static str {
        if !self.warnings.is_empty() {
            "Do not open it, unless you know whose it is. Nothing was opened."
        } else if self.service.is_some() {
            "If your own TV shows it, open it in a browser to sign the TV in. A set-up code is in the service's settings, under authenticator app."
        } else {
            "Open it only if your own TV shows it and you know whose it is. A set-up code is in the service's settings, under authenticator app."
        }
    }
}

impl AddressWarning {
    /// What speaks against it.
    #[must_use]
    pub fn sentence(self) -> String {
        match self {
            Self::LooksLike(service) => format!(
                "It looks like {service}, and is none of their addresses that Couchkey knows."
            ),
            Self::NamesOther(service) => {
                format!(
                    "It has the name {service} in it, and is none of their addresses that Couchkey knows."
                )
            }
            Self::UserInfo => {
                "What stands before the @ is only there to look like an address.".to_owned()
            }
            Self::IpAddress => "It is a number and no name.".to_owned(),
            Self::ForeignLetters => "It has letters in it that may look like others.".to_owned(),
            Self::OddScheme => "It may start another program.".to_owned(),
        }
    }
}

impl std::fmt::Debug for WebAddress {
    /// Without the address.
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("WebAddress")
            .field("domain", &self.domain)
            .field("service", &self.service)
            .field("warnings", &self.warnings)
            .finish_non_exhaustive()
    }
}

/// Browsers take longer ones; no television shows them.
const LONGEST: usize = 4096;

/// Schemes that name no page and no program: what other QR codes hold.
fn parse(text: &str) -> Option<Url> {
    let scheme = text
        .split_once(':')
        .map(|(scheme, _)| scheme.to_ascii_lowercase());
    match (scheme.as_deref(), Url::parse(text)) {
        (Some("otpauth" | "otpauth-migration" | "steam"), _) => None,
        (Some("http" | "https"), url) => url.ok(),
        (Some("javascript" | "data" | "vbscript" | "intent" | "file"), url) => url.ok(),
        (_, Ok(url)) if text.contains("://") => Some(url),
        _ => {
            // "plex.tv/link", as televisions write it: a known suffix, and something to go to.
            let host = text.split(['/', '?', '#', ':']).next()?.to_lowercase();
            let known = psl::suffix(host.as_bytes()).is_some_and(|suffix| suffix.is_known());
            let named = known && psl::domain_str(&host).is_some() && !text.contains('@');
            named.then(|| Url::parse(&format!("https://{text}")).ok())?
        }
    }
}

/// The service whose name this foreign host has, or seems to have.
fn like_another(host: &str, domain: &str) -> Option<AddressWarning> {
    let (shown, _) = idna::domain_to_unicode(domain);
    let (all_shown, _) = idna::domain_to_unicode(host);
    let own = label(&shown);
    // Of an address below a domain, the first word is nobody's name: "play" of play.google.com.
    let names_of = |service: &Service| {
        let domains = service.domains.clone().into_iter();
        domains.filter(|known| psl::domain_str(known) == Some(*known))
    };
    let looks = |service: &&Service| {
        names_of(service).any(|known| {
            let name = label(known);
            name != own
                && (name.len() >= WORD && shape(name) == shape(own)
                    || (name.len() >= SURE && strsim::osa_distance(name, own) == 1))
        })
    };
    let names = |service: &&Service| {
        names_of(service).any(|known| {
            let name = label(known);
            let parts = || all_shown.split(['.', '-', '_']);
            name.len() >= WORD
                && (parts().any(|part| shape(part) == shape(name))
                    || name.len() >= SURE && all_shown.contains(name))
        })
    };
    let first = |fits: &dyn Fn(&&Service) -> bool| services::all().iter().find(fits);
    first(&looks)
        .map(|service| AddressWarning::LooksLike(service.name))
        .or_else(|| first(&names).map(|service| AddressWarning::NamesOther(service.name)))
}

/// Shorter names are part of too many words.
const WORD: usize = 4;
/// In a name of this length a single letter that is different is no accident, and the name in another one neither.
const SURE: usize = 6;

/// The name in a registrable domain.
fn label(domain: &str) -> &str {
    domain.split('.').next().unwrap_or(domain)
}

/// What a name looks like at a glance: letters that are taken for each other are one (UTS #39), and so are those that only
/// small type or a digit tells apart.
fn shape(name: &str) -> String {
    let lower = name.to_lowercase();
    let alike = skeleton(&lower).collect::<String>().to_lowercase();
    alike
        .chars()
        .map(|c| match c {
            '0' => 'o',
            '1' | 'i' => 'l',
            c => c,
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(text: &str) -> WebAddress {
        WebAddress::read(text).unwrap_or_else(|| panic!("{text} is an address"))
    }

    #[test]
    fn known_services_are_named() {
        for (text, service, domain) in [
            ("https://plex.tv/link?code=ABCD", "Plex", "plex.tv"),
            ("https://www.netflix.com/tv8", "Netflix", "netflix.com"),
            ("HTTPS://WWW.YOUTUBE.COM/activate", "YouTube", "youtube.com"),
            ("plex.tv/link", "Plex", "plex.tv"),
            ("https://www.amazon.co.uk/mytv", "Amazon", "amazon.co.uk"),
            ("https://plex.tv./link", "Plex", "plex.tv"),
            ("http://www.twitch.tv/activate", "Twitch", "twitch.tv"),
        ] {
            let address = read(text);
            assert_eq!(
                (address.service, address.domain.as_str()),
                (Some(service), domain),
                "{text}"
            );
            assert!(address.warnings.is_empty(), "{address:?}");
            assert!(
                address
                    .message()
                    .starts_with(&format!("This is {service}: {domain}"))
            );
        }
    }

    #[test]
    fn who_is_not_known_is_said_to_be_so() {
        for (text, domain) in [
            (
                "https://tv.example.co.uk/tv?code=WDJB-MJHT",
                "example.co.uk",
            ),
            (
                "https://sign-in.couchkey.example/television",
                "couchkey.example",
            ),
            ("https://someone.github.io/tv", "someone.github.io"),
        ] {
            let address = read(text);
            assert_eq!(
                (address.service, address.domain.as_str()),
                (None, domain),
                "{text}"
            );
            assert!(address.warnings.is_empty(), "{address:?}");
            assert!(address.message().contains("none of the services"));
        }
    }

    #[test]
    fn look_alikes_are_warned_of() {
        use AddressWarning as W;
        for (text, warning) in [
            // Confusable letters: Cyrillic, a digit, two letters for one, capitals.
            ("https://nеtflix.com/tv8", W::LooksLike("Netflix")),
            ("https://p1ex.tv/link", W::LooksLike("Plex")),
            ("https://HBOrnax.com", W::LooksLike("HBO Max")),
            ("https://pIex.tv/link", W::LooksLike("Plex")),
            // A letter too few, too many, or in another place.
            ("https://netfilx.com", W::LooksLike("Netflix")),
            ("https://disneypluss.com", W::LooksLike("Disney+")),
            // The same name elsewhere, and a known name in a foreign domain.
            ("https://netflix.example.com/tv8", W::NamesOther("Netflix")),
            ("https://plex-link.tv", W::NamesOther("Plex")),
            ("https://www.plex.tv.example.net", W::NamesOther("Plex")),
            ("https://mynetflixlogin.com", W::NamesOther("Netflix")),
            ("https://plex.tv@example.net/link", W::UserInfo),
            ("https://192.0.2.7/tv", W::IpAddress),
            ("http://[2001:db8::7]/", W::IpAddress),
            ("http://3221225991/", W::IpAddress),
            ("https://xn--bcher-kva.example", W::ForeignLetters),
            ("https://bücher.example", W::ForeignLetters),
            ("intent://scan/#Intent;scheme=app;end", W::OddScheme),
            ("javascript:alert(1)", W::OddScheme),
            ("file:///etc/passwd", W::OddScheme),
            ("market://details?id=app", W::OddScheme),
        ] {
            let address = read(text);
            assert!(address.warnings.contains(&warning), "{text}: {address:?}");
            assert_eq!(address.service, None, "{text}");
            assert!(address.hint().contains("Do not open it"), "{text}");
            assert!(address.message().contains(&warning.sentence()));
        }
    }

    #[test]
    fn a_service_elsewhere_is_no_service() {
        assert_eq!(read("https://plex.com.example").service, None);
        assert_eq!(read("https://notplex.tv").service, None);
        assert_eq!(read("https://plex.tv.").service, Some("Plex"));
    }

    #[test]
    fn other_texts_are_no_addresses() {
        for text in [
            "",
            " ",
            "hello",
            "123456",
            "otpauth://totp/a?secret=JBSWY3DPEHPK3PXP",
            "OTPAUTH-MIGRATION://offline?data=CjE",
            "steam://abc",
            "WIFI:S:home;T:WPA;P:secret;;",
            "mailto:a@example.com",
            "a@example.com",
            "tel:+441632960000",
            "BEGIN:VCARD",
            "two words.com",
            "https://",
            "http://exa mple.com",
            "notes.txtx",
        ] {
            assert_eq!(WebAddress::read(text), None, "{text:?}");
        }
        assert_eq!(
            WebAddress::read(&format!("https://plex.tv/{}", "a".repeat(5000))),
            None
        );
    }

    #[test]
    fn the_words_never_hold_the_code_of_the_page() {
        let address = read("https://plex.tv/link?code=WDJB");
        assert!(address.address.contains("WDJB"), "it can be opened");
        for words in [
            address.message(),
            address.hint().to_owned(),
            format!("{address:?}"),
        ] {
            assert!(!words.contains("WDJB"), "{words}");
        }
    }
}
