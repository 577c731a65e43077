//! Which page the window shows, and nothing else ever: the rule for navigation, and what the page starts with.

use std::borrow::Cow;

use serde::Serialize;
use tauri::{
    Url,
    http::{Response, header},
};

/// Where our page lives: `tauri://localhost` (Linux, macOS, iOS), `http://tauri.localhost` (Windows, Android).
const OURS: [(&str, &str); 2] = [("tauri", "localhost"), ("http", "tauri.localhost")];

/// Whether the window may go there.
#[must_use]
pub fn is_ours(url: &Url) -> bool {
    OURS.iter()
        .any(|&(scheme, host)| url.scheme() == scheme && url.host_str() == Some(host))
        && url.port().is_none()
        && url.username().is_empty()
        && url.password().is_none()
}

/// Puts what the page starts with at the end of it, as JSON that its script takes out again. Anything that is not a page
/// stays as it is.
pub fn begin_with<T: Serialize>(
    response: &mut Response<Cow<'static, [u8]>>,
    look: impl FnOnce() -> Option<T>,
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
    // Without a look the page asks, as it does when the vault was not open yet.
    let Some(json) = look().and_then(|look| serde_json::to_string(&look).ok()) else {
        return;
    };
    // Inside an HTML script element only "<" can begin something: "</script>" or "<!--". JSON has it in texts alone.
    let json = json.replace('<', "\\u003c");
    let (before, after) = response.body().split_at(end);
    let page = [
        before,
        br#"<script type="application/json" id="first-look">"#,
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

    fn ours(url: &str) -> bool {
        is_ours(&url.parse().expect("a test's URL is well-formed"))
    }

    #[test]
    fn only_our_own_page_is_shown() {
        for url in [
            "tauri://localhost",
            "tauri://localhost/index.html",
            "http://tauri.localhost/",
        ] {
            assert!(ours(url), "{url} is our page");
        }
        for url in [
            "https://example.org/",
            "http://localhost/",
            "http://localhost:1420/",
            "https://tauri.localhost.example.org/",
            "http://tauri.localhost:8080/",
            "http://tauri.localhost@example.org/",
            "http://me@tauri.localhost/",
            "tauri://example.org/",
            "ipc://localhost/codes",
            "file:///etc/passwd",
            "about:blank",
            "data:text/html,hello",
            "javascript:alert(1)",
            "blob:tauri://localhost/1",
            "otpauth://totp/x?secret=AA",
        ] {
            assert!(!ours(url), "{url} must not replace the window");
        }
    }

    const EMPTY: &[u8] = b"<html><body><div></div></body></html>";

    fn served(kind: &'static str, look: Option<&str>) -> Vec<u8> {
        let mut response = Response::builder()
            .header(header::CONTENT_TYPE, kind)
            .body(Cow::Borrowed(EMPTY))
            .expect("a response");
        begin_with(&mut response, || look);
        response.into_body().into_owned()
    }

    #[test]
    fn what_the_page_starts_with_stands_at_its_end() {
        assert_eq!(
            String::from_utf8(served("text/html", Some("123 456"))).expect("text"),
            r#"<html><body><div></div><script type="application/json" id="first-look">"123 456"</script></body></html>"#,
            "a block of data, which no policy has to allow"
        );
    }

    #[test]
    fn no_name_of_an_account_ends_the_block() {
        let name = "</script><script>alert(1)</script><!-- \u{2028}";
        let page = String::from_utf8(served("text/html", Some(name))).expect("text");
        assert_eq!(page.matches("<script").count(), 1, "{page}");
        assert_eq!(page.matches("</script").count(), 1, "{page}");
        assert!(!page.contains("<!--"), "{page}");
        let (_, rest) = page.split_once(r#"id="first-look">"#).expect("the block");
        let (json, _) = rest.split_once("</script>").expect("its end");
        assert_eq!(
            serde_json::from_str::<String>(json).expect("JSON"),
            name,
            "and the page reads the name as it is"
        );
    }

    #[test]
    fn a_page_that_starts_with_nothing_and_what_is_no_page_stay_as_they_are() {
        assert_eq!(served("text/html", None), EMPTY, "it asks");
        assert_eq!(
            served("text/javascript", Some("123 456")),
            EMPTY,
            "a script that speaks of </body>"
        );
    }
}
