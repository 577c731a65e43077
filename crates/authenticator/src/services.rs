//! Which services offer an authenticator at all, and what there is instead: a list that was read when this was built.
//!
//! The list is derived from the 2FA Directory (2factorauth, MIT; `services-LICENSE.txt`), of [`AS_OF`].

use std::sync::LazyLock;

use serde::Serialize;

/// The day of the list.
pub const AS_OF: &str = "2026-08-04";

/// Where the list is from, for whoever shows it.
pub const SOURCE: &str = "2FA Directory (2factorauth, MIT)";

/// A service, and how it asks people who they are after the password.
#[derive(Debug, PartialEq, Eq, Serialize)]
pub struct Service {
    /// Its name.
    pub name: &'static str,
    /// Its first domain, then the others.
    pub domains: Vec<&'static str>,
    /// Second factors, in the words of the list: `totp`, `email`, `sms`, `call`, `u2f`, `custom-software`,
    /// `custom-hardware`; none where there are none.
    pub factors: Vec<&'static str>,
    /// The page that explains the set-up; empty where none is known.
    pub page: &'static str,
}

impl Service {
    /// Whether it can be set up in an authenticator.
    #[must_use]
    pub fn offers_codes(&self) -> bool {
        self.factors.contains(&"totp")
    }

    /// Whether this host is the service's own: one of its domains, or one below it.
    #[must_use]
    pub fn has_host(&self, host: &str) -> bool {
        let below = |domain: &&str| {
            let front = host.strip_suffix(*domain);
            front.is_some_and(|front| front.is_empty() || front.ends_with('.'))
        };
        self.domains.iter().any(below)
    }

    /// What it offers, in a sentence that names the day.
    #[must_use]
    pub fn sentence(&self) -> String {
        let name = self.name;
        let sends = |factor| self.factors.contains(&factor);
        let what = match () {
            () if self.offers_codes() => "offers codes from an authenticator",
            () if sends("email") && sends("sms") => {
                "offers no authenticator; it sends codes by mail or SMS"
            }
            () if sends("email") => "offers no authenticator; it sends codes by mail",
            () if sends("sms") || sends("call") => {
                "offers no authenticator; it sends codes to your telephone"
            }
            () if self.factors.is_empty() => "offers no authenticator and asks for no second step",
            () => "offers no authenticator; it has an app or a key of its own",
        };
        format!("{name} {what} (as of {AS_OF}).")
    }
}

/// Every service of the list, by name.
#[must_use]
pub fn all() -> &'static [Service] {
    static ALL: LazyLock<Vec<Service>> = LazyLock::new(|| {
        let lines = include_str!("services.tsv").lines().skip(1);
        lines.filter_map(read).collect()
    });
    &ALL
}

/// The services that `query` may mean: by a whole name or a domain, else by a part of a name. Capitals, spaces and
/// punctuation do not matter.
#[must_use]
pub fn services(query: &str) -> Vec<&'static Service> {
    let wanted = plain(query);
    if wanted.is_empty() {
        return Vec::new();
    }
    let host = query.trim().to_lowercase();
    let ways: [&dyn Fn(&&Service) -> bool; 2] = [
        &|service| plain(service.name) == wanted || service.has_host(&host),
        &|service| plain(service.name).contains(&wanted),
    ];
    ways.iter()
        .map(|way| all().iter().filter(way).collect::<Vec<_>>())
        .find(|found| !found.is_empty())
        .unwrap_or_default()
}

fn plain(name: &str) -> String {
    let name = name.replace('+', "plus");
    let letters = name.chars().filter(|c| c.is_alphanumeric());
    letters.flat_map(char::to_lowercase).collect()
}

/// A line of the list.
fn read(line: &'static str) -> Option<Service> {
    let mut columns = line.split('\t');
    let mut column = || columns.next();
    let name = column()?;
    let mut domains = vec![column()?];
    domains.extend(column()?.split_whitespace());
    let factors = column()?.split_whitespace().filter(|word| *word != "none");
    Some(Service {
        name,
        domains,
        factors: factors.collect(),
        page: column()?,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_line_of_the_list_is_read() {
        let lines = include_str!("services.tsv").lines().count() - 1;
        assert_eq!(all().len(), lines);
        for service in all() {
            assert!(
                !service.name.is_empty() && service.domains[0].contains('.'),
                "{service:?}"
            );
            assert!(
                service.page.is_empty() || service.page.starts_with("https://"),
                "{service:?}"
            );
            let known = [
                "totp",
                "email",
                "sms",
                "call",
                "u2f",
                "custom-software",
                "custom-hardware",
            ];
            assert!(
                service.factors.iter().all(|factor| known.contains(factor)),
                "{service:?}"
            );
            assert!(service.sentence().contains(AS_OF));
        }
    }

    #[test]
    fn a_service_is_found_by_its_name_its_domain_and_a_part() {
        let names =
            |query| -> Vec<&str> { services(query).iter().map(|service| service.name).collect() };
        assert_eq!(names("plex"), ["Plex"]);
        assert_eq!(names("  NETFLIX "), ["Netflix"]);
        assert_eq!(names("disney+"), ["Disney+"]);
        assert_eq!(names("app.plex.tv"), ["Plex"]);
        assert_eq!(names("hbo"), ["HBO Max"]);
        assert_eq!(
            names("play"),
            [
                "Google Play",
                "Playstation Network",
                "Ubisoft/Uplay",
                "Viaplay"
            ],
            "a part of several"
        );
        for none in ["", " ", ".", "no such service", "notplex.tv"] {
            assert!(names(none).is_empty(), "{none:?}");
        }
    }

    #[test]
    fn what_there_is_instead_is_said() {
        let say = |query: &str| services(query)[0].sentence();
        assert_eq!(
            say("plex"),
            "Plex offers codes from an authenticator (as of 2026-08-04)."
        );
        assert_eq!(
            say("netflix"),
            "Netflix offers no authenticator and asks for no second step (as of 2026-08-04)."
        );
        assert_eq!(
            say("roku"),
            "Roku offers no authenticator; it sends codes by mail (as of 2026-08-04)."
        );
        assert!(!services("netflix")[0].offers_codes());
    }
}
