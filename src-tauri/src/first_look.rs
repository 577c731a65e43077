//! The initial state of the page: codes and settings are put into the page itself, so that its first picture waits for
//! no command (docs/decisions/0203).

use std::borrow::Cow;

use couchkey_authenticator::{
    Authenticator, SettingsView,
    view::{CodesView, Status, VaultState},
};
use serde::Serialize;
use tauri::http::{Response, header};

use crate::shell::Shell;

/// What stands in the page itself when it begins.
#[derive(Debug, Serialize, specta::Type)]
pub struct Beginning {
    /// The languages that the system is set to, as BCP 47 tags, the most wanted first.
    pub languages: Vec<String>,
    /// Where the vault was open before the page was asked for.
    pub look: Option<FirstLook>,
}

/// All of the first screen, so that the first code waits for no question.
#[derive(Debug, Serialize, specta::Type)]
#[serde(rename_all = "camelCase")]
pub struct FirstLook {
    /// As [`Shell::status`] says it.
    pub status: Status,
    /// As [`Shell::codes`] says them.
    pub codes: CodesView,
    /// As [`Shell::settings`] says them.
    pub settings: SettingsView,
}

impl Shell {
    /// What the page begins with. The system is asked each time: people change its language while the app runs.
    pub fn beginning(&self) -> Beginning {
        Beginning {
            languages: sys_locale::get_locales().collect(),
            look: self.first_look(),
        }
    }

    /// All of the first screen, where it is there without waiting for anything.
    fn first_look(&self) -> Option<FirstLook> {
        if !self.opening.is_over() {
            return None;
        }
        let status = self
            .ask(|authenticator| Ok(authenticator.status()))
            .ok()
            .filter(|status| status.state == VaultState::Open)?;
        Some(FirstLook {
            status,
            codes: self.ask(Authenticator::codes).ok()?,
            settings: self.ask(Authenticator::settings).ok()?,
        })
    }
}

/// Puts what the page begins with at the end of it, as JSON that its script takes out again. Anything that is not a page
/// stays as it is.
pub fn begin_with<T: Serialize>(
    response: &mut Response<Cow<'static, [u8]>>,
    beginning: impl FnOnce() -> T,
) {
    let is_page = response
        .headers()
        .get(header::CONTENT_TYPE)
        .is_some_and(|kind| kind.as_bytes().starts_with(b"text/html"));
    if !is_page {
        return;
    }
    let end = b"</body>";
    let Some(end) = response
        .body()
        .windows(end.len())
        .rposition(|part| part == end)
    else {
        return;
    };
    let Ok(json) = serde_json::to_string(&beginning()) else {
        return; // it asks, and takes the languages from its web view
    };
    // Inside an HTML script element only "<" can begin something: "</script>" or "<!--". JSON has it in texts alone.
    let json = json.replace('<', "\\u003c");
    let (before, after) = response.body().split_at(end);
    let page = [
        before,
        br#"<script type="application/json" id="beginning">"#,
        json.as_bytes(),
        b"</script>",
        after,
    ]
    .concat();
    *response.body_mut() = page.into();
}

#[cfg(test)]
mod tests {
    use super::*;

    const EMPTY: &[u8] = b"<html><body><div></div></body></html>";

    fn served(kind: &'static str, beginning: &str) -> Vec<u8> {
        let mut response = Response::builder()
            .header(header::CONTENT_TYPE, kind)
            .body(Cow::Borrowed(EMPTY))
            .expect("a response");
        begin_with(&mut response, || beginning);
        response.into_body().into_owned()
    }

    #[test]
    fn what_the_page_starts_with_stands_at_its_end() {
        assert_eq!(
            String::from_utf8(served("text/html", "123 456")).expect("text"),
            r#"<html><body><div></div><script type="application/json" id="beginning">"123 456"</script></body></html>"#,
            "a block of data, which no policy has to allow"
        );
    }

    #[test]
    fn no_name_of_an_account_ends_the_block() {
        let name = "</script><script>alert(1)</script><!-- \u{2028}";
        let page = String::from_utf8(served("text/html", name)).expect("text");
        assert_eq!(page.matches("<script").count(), 1, "{page}");
        assert_eq!(page.matches("</script").count(), 1, "{page}");
        assert!(!page.contains("<!--"), "{page}");
        let (_, rest) = page.split_once(r#"id="beginning">"#).expect("the block");
        let (json, _) = rest.split_once("</script>").expect("its end");
        assert_eq!(
            serde_json::from_str::<String>(json).expect("JSON"),
            name,
            "and the page reads the name as it is"
        );
    }

    #[test]
    fn what_is_no_page_stays_as_it_is() {
        assert_eq!(
            served("text/javascript", "123 456"),
            EMPTY,
            "a script that speaks of </body>"
        );
    }
}
