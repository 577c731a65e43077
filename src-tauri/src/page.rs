//! Which page the window shows, and nothing else ever: the rule for navigation.

use tauri::Url;

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
}
