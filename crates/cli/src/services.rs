//! `couchkey services`: which services offer an authenticator at all, and what there is instead. No vault is opened.

use couchkey_authenticator::services::{self, AS_OF, SOURCE, Service};
use serde::Serialize;

use crate::{
    args::Services,
    refusal::{DONE, Refusal, Stop},
    show::{self, Out},
};

/// `couchkey services`
pub fn services(out: &mut Out, args: &Services) -> Result<u8, Stop> {
    let query = args.name.join(" ");
    let found: Vec<&'static Service> = match query.trim() {
        "" => services::all().iter().collect(),
        query => services::services(query),
    };
    if found.is_empty() {
        return Err(Refusal::new(
            "service_unknown",
            format!("Couchkey's list of {AS_OF} has no service of that name."),
            "Look in the service's own settings for two-factor authentication or authenticator app.",
        )
        .into());
    }
    if out.is_json() {
        out.json(&found.into_iter().map(Answer::of).collect::<Vec<_>>())?;
        return Ok(DONE);
    }
    match found.as_slice() {
        [service] => about(service, out)?,
        several => {
            let row = |service: &&Service| {
                vec![
                    service.name.to_owned(),
                    service.domains[0].to_owned(),
                    offers(service),
                ]
            };
            for line in show::columns(&several.iter().map(row).collect::<Vec<_>>()) {
                out.line(line)?;
            }
        }
    }
    out.say(format!("From the {SOURCE}, as of {AS_OF}."));
    Ok(DONE)
}

fn about(service: &Service, out: &mut Out) -> std::io::Result<()> {
    out.line(service.sentence())?;
    if service.offers_codes() {
        if !service.page.is_empty() {
            out.line(format!("How to set it up: {}", service.page))?;
        }
        out.line("Then give the QR code's picture to: couchkey add PICTURE")
    } else {
        out.line("A code that comes by mail or SMS is shown large by: couchkey tv -")?;
        out.line("Whose page a QR code on the TV leads to is said by: couchkey scan PICTURE")
    }
}

fn offers(service: &Service) -> String {
    match service.factors.as_slice() {
        _ if service.offers_codes() => "authenticator".to_owned(),
        [] => "nothing".to_owned(),
        factors => factors.join(", "),
    }
}

#[derive(Serialize)]
struct Answer {
    #[serde(flatten)]
    service: &'static Service,
    authenticator: bool,
    as_of: &'static str,
}

impl Answer {
    fn of(service: &'static Service) -> Answer {
        Answer {
            service,
            authenticator: service.offers_codes(),
            as_of: AS_OF,
        }
    }
}
