//! What the messages say: one line of a table for each language, and the two forms they take.
use maud::{DOCTYPE, html};
use rusmpp::extra::encoding::gsm7bit::Gsm7BitUnpacked;
use zeroize::Zeroizing;

use crate::{Message, Purpose};

/// The most that one text message holds: 160 characters of the GSM 7-bit alphabet (3GPP TS 23.038), where
/// `^{}[]~\|€` count twice.
pub const SMS_SEGMENT: usize = 160;

/// The most characters that a brand may have in messages.
const BRAND: usize = 60;

/// The brand, or the web site, cannot stand in a message.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum WordingError {
    /// Nothing, too much, or a control character.
    #[error("the brand in messages has 1 to 60 characters, none of them a control character")]
    Brand,
    /// A character that text messages do not have, so that each would cost two or three.
    #[error("the brand in text messages has a letter outside the GSM 7-bit alphabet")]
    Alphabet,
    /// With this brand and web site the text is longer than one text message.
    #[error("the text has {septets} characters, and one text message holds 160")]
    TooLong {
        /// Characters, some of which count twice.
        septets: usize,
    },
    /// Not a host name.
    #[error("the web site for codes that fill in by themselves is a host name like tv.example.com")]
    Domain,
}

impl WordingError {
    /// What to do about it.
    pub const fn hint(self) -> &'static str {
        match self {
            WordingError::Brand => "Give the brand as people know it.",
            WordingError::Alphabet => "Give a spelling in Latin letters for text messages.",
            WordingError::TooLong { .. } => "Give a shorter brand, or leave out the web site.",
            WordingError::Domain => "Leave out https:// and the path.",
        }
    }
}

/// The words of one language. `{brand}` is replaced; sign-up, sign-in and recovery stand in this order.
struct Words {
    language: &'static str,
    subject: [&'static str; 3],
    lead: [&'static str; 3],
    once: &'static str,
    careful: &'static str,
    /// What follows the code in a text message; GSM 7-bit letters only, so no á, í, ó, ú, ã, õ, ç.
    sms: &'static str,
}

const LANGUAGES: &[Words] = &[
    Words {
        language: "en",
        subject: [
            "Confirm your address for {brand}",
            "Your sign-in code for {brand}",
            "Get back into {brand}",
        ],
        lead: [
            "This code confirms your address for {brand}:",
            "This code signs you in to {brand}:",
            "This code lets you back into {brand}:",
        ],
        once: "It works once, until ten minutes after it was asked for.",
        careful: "Nobody from {brand} will ever ask you for it. If you did not ask for a code yourself, do nothing: without it, nobody gets in.",
        sms: " is your {brand} code. Do not give it to anybody.",
    },
    Words {
        language: "de",
        subject: [
            "Bestätige deine Adresse für {brand}",
            "Dein Anmeldecode für {brand}",
            "Zurück zu {brand}",
        ],
        lead: [
            "Dieser Code bestätigt deine Adresse für {brand}:",
            "Mit diesem Code meldest du dich bei {brand} an:",
            "Mit diesem Code kommst du wieder zu {brand}:",
        ],
        once: "Er gilt einmal, bis zehn Minuten nach der Anfrage.",
        careful: "Niemand von {brand} wird dich je danach fragen. Hast du keinen Code angefordert, musst du nichts tun: Ohne ihn kommt niemand hinein.",
        sms: " ist dein Code für {brand}. Gib ihn niemandem.",
    },
    Words {
        language: "es",
        subject: [
            "Confirma tu dirección para {brand}",
            "Tu código para entrar en {brand}",
            "Vuelve a entrar en {brand}",
        ],
        lead: [
            "Este código confirma tu dirección para {brand}:",
            "Con este código entras en {brand}:",
            "Con este código vuelves a entrar en {brand}:",
        ],
        once: "Sirve una sola vez, hasta diez minutos después de pedirlo.",
        careful: "Nadie de {brand} te lo pedirá nunca. Si no has pedido un código, no hagas nada: sin él no entra nadie.",
        sms: " es tu clave de {brand}. No se la des a nadie.",
    },
    Words {
        language: "fr",
        subject: [
            "Confirmez votre adresse pour {brand}",
            "Votre code de connexion à {brand}",
            "Retrouvez votre accès à {brand}",
        ],
        lead: [
            "Ce code confirme votre adresse pour {brand} :",
            "Ce code vous connecte à {brand} :",
            "Ce code vous redonne accès à {brand} :",
        ],
        once: "Il sert une seule fois, jusqu’à dix minutes après la demande.",
        careful: "Personne chez {brand} ne vous le demandera jamais. Si vous n’avez pas demandé de code, ne faites rien : sans lui, personne n’entre.",
        sms: " est votre code {brand}. Ne le donnez à personne.",
    },
    Words {
        language: "it",
        subject: [
            "Conferma il tuo indirizzo per {brand}",
            "Il tuo codice di accesso a {brand}",
            "Torna in {brand}",
        ],
        lead: [
            "Questo codice conferma il tuo indirizzo per {brand}:",
            "Con questo codice accedi a {brand}:",
            "Con questo codice torni in {brand}:",
        ],
        once: "Vale una volta sola, fino a dieci minuti dopo la richiesta.",
        careful: "Nessuno di {brand} te lo chiederà mai. Se non hai chiesto un codice, non fare nulla: senza, nessuno entra.",
        sms: " è il tuo codice {brand}. Non darlo a nessuno.",
    },
    Words {
        language: "pt",
        subject: [
            "Confirme o seu endereço para {brand}",
            "O seu código para entrar em {brand}",
            "Volte a entrar em {brand}",
        ],
        lead: [
            "Este código confirma o seu endereço para {brand}:",
            "Com este código entra em {brand}:",
            "Com este código volta a entrar em {brand}:",
        ],
        once: "Serve uma só vez, até dez minutos depois do pedido.",
        careful: "Ninguém da {brand} lhe vai pedir o código. Se não pediu nenhum, não faça nada: sem ele, ninguém entra.",
        sms: " é a sua chave para {brand}. Nunca a mostre.",
    },
];

/// The words for a BCP 47 tag as a request said it: by its first part, else English.
fn words(language: Option<&str>) -> &'static Words {
    let first = language
        .unwrap_or_default()
        .split(['-', '_'])
        .next()
        .unwrap_or_default();
    let known = LANGUAGES
        .iter()
        .find(|words| words.language.eq_ignore_ascii_case(first));
    known.unwrap_or(&LANGUAGES[0])
}

fn place(purpose: Purpose) -> usize {
    match purpose {
        Purpose::SignUp => 0,
        Purpose::SignIn => 1,
        Purpose::Recovery => 2,
    }
}

/// The brand in messages: checked once.
#[derive(Clone)]
pub(crate) struct Brand(String);

impl Brand {
    pub(crate) fn new(text: &str) -> Result<Brand, WordingError> {
        let text = text.trim();
        if text.is_empty() || text.chars().count() > BRAND || text.chars().any(char::is_control) {
            return Err(WordingError::Brand);
        }
        Ok(Brand(text.to_owned()))
    }

    fn fill(&self, text: &str) -> String {
        text.replace("{brand}", &self.0)
    }
}

/// An e-mail's words. The subject carries no code: lock screens, server logs and mail lists show subjects.
pub(crate) struct Mail {
    pub(crate) subject: String,
    pub(crate) text: Zeroizing<String>,
    pub(crate) html: Zeroizing<String>,
}

pub(crate) fn mail(brand: &Brand, message: &Message) -> Mail {
    let words = words(message.language.as_deref());
    let (lead, careful) = (
        brand.fill(words.lead[place(message.purpose)]),
        brand.fill(words.careful),
    );
    let code = grouped(message.code.expose());
    let text = format!("{lead}\n\n    {}\n\n{}\n\n{careful}\n", *code, words.once);
    let html = html! {
        (DOCTYPE)
        html lang=(words.language) {
            head { meta charset="utf-8"; title { (brand.0) } }
            body style="margin:0;padding:32px 16px;font-family:sans-serif;font-size:16px;line-height:1.5;color:#1a1a1a;background:#ffffff" {
                div style="max-width:480px;margin:0 auto" {
                    p { (lead) }
                    p style="margin:24px 0;font-family:monospace;font-size:40px;font-weight:bold;letter-spacing:2px;white-space:nowrap" { (*code) }
                    p { (words.once) }
                    p style="font-size:14px;color:#595959" { (careful) }
                }
            }
        }
    };
    Mail {
        subject: brand.fill(words.subject[place(message.purpose)]),
        text: Zeroizing::new(text),
        html: Zeroizing::new(html.into_string()),
    }
}

/// The digits in groups that can be kept in mind on the way to the television: 123 456, 123 4567, 1234 5678.
fn grouped(code: &str) -> Zeroizing<String> {
    let (head, tail) = code.split_at(code.len() / 2);
    Zeroizing::new(format!("{head} {tail}"))
}

/// A text message's words: one segment, whatever the language and however many digits.
pub(crate) struct SmsWording {
    brand: Brand,
    web_otp_domain: Option<String>,
}

impl SmsWording {
    /// `web_otp_domain`: the site on which browsers may fill in the code by themselves (the last line of the message,
    /// `@tv.example.com #123456`: the Web Incubator CG's "Origin-bound one-time codes delivered via SMS").
    pub(crate) fn new(
        brand: &str,
        web_otp_domain: Option<&str>,
    ) -> Result<SmsWording, WordingError> {
        let web_otp_domain = match web_otp_domain {
            Some(domain) => Some(host_name(domain).ok_or(WordingError::Domain)?),
            None => None,
        };
        let wording = SmsWording {
            brand: Brand::new(brand)?,
            web_otp_domain,
        };
        for words in LANGUAGES {
            let text = wording.text(words, "00000000");
            let septets = septets(&text).ok_or(WordingError::Alphabet)?.len();
            if septets > SMS_SEGMENT {
                return Err(WordingError::TooLong { septets });
            }
        }
        Ok(wording)
    }

    pub(crate) fn sms(&self, message: &Message) -> Zeroizing<String> {
        self.text(words(message.language.as_deref()), message.code.expose())
    }

    fn text(&self, words: &Words, code: &str) -> Zeroizing<String> {
        let last = match &self.web_otp_domain {
            Some(domain) => format!("\n\n@{domain} #{code}"),
            None => String::new(),
        };
        Zeroizing::new(format!("{code}{}{last}", self.brand.fill(words.sms)))
    }
}

/// A host name in the spelling of the DNS.
fn host_name(text: &str) -> Option<String> {
    let host = idna::domain_to_ascii_strict(text.trim()).ok()?;
    (host.contains('.') && !host.ends_with('.')).then_some(host)
}

/// The text in the GSM 7-bit alphabet, a septet in each byte; `None` when it has a character that is not in there.
pub(crate) fn septets(text: &str) -> Option<Zeroizing<Vec<u8>>> {
    Gsm7BitUnpacked::new()
        .encode_to_vec(text)
        .ok()
        .map(Zeroizing::new)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_language_fits_one_text_message_with_a_long_brand_and_a_web_site() {
        let wording = SmsWording::new(
            "Televisione dell'Adriatico",
            Some("sign-in.television.example.com"),
        );
        let wording = wording.expect("all languages fit");
        for words in LANGUAGES {
            let text = wording.text(words, "12345678");
            let septets = septets(&text).expect("only letters that text messages have");
            assert!(
                septets.len() <= SMS_SEGMENT,
                "{}: {}",
                words.language,
                septets.len()
            );
            assert!(text.ends_with("\n\n@sign-in.television.example.com #12345678"));
        }
    }

    #[test]
    fn a_brand_or_a_site_that_cannot_stand_in_a_message_is_refused_with_a_reason() {
        let refused = |brand: &str, domain| SmsWording::new(brand, domain).err();
        assert_eq!(refused("Кино", None), Some(WordingError::Alphabet));
        assert_eq!(refused("", None), Some(WordingError::Brand));
        assert_eq!(
            refused("A\r\nBcc: all@example.tv", None),
            Some(WordingError::Brand)
        );
        assert_eq!(refused(&"x".repeat(61), None), Some(WordingError::Brand));
        assert_eq!(
            refused("TV", Some("https://example.tv")),
            Some(WordingError::Domain)
        );
        assert_eq!(refused("TV", Some("example")), Some(WordingError::Domain));
        let long = format!("{}.example.tv", "a".repeat(60));
        assert!(matches!(
            refused(&"x".repeat(60), Some(&long)),
            Some(WordingError::TooLong { .. })
        ));
    }

    #[test]
    fn the_language_is_the_first_part_of_the_tag_else_english() {
        assert_eq!(words(Some("de-CH")).language, "de");
        assert_eq!(words(Some("PT_br")).language, "pt");
        assert_eq!(words(Some("tlh")).language, "en");
        assert_eq!(words(Some("")).language, "en");
        assert_eq!(words(None).language, "en");
    }

    #[test]
    fn digits_are_grouped_for_the_way_to_the_television() {
        assert_eq!(*grouped("123456"), "123 456");
        assert_eq!(*grouped("1234567"), "123 4567");
        assert_eq!(*grouped("12345678"), "1234 5678");
    }
}
