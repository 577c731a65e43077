//! Navigation: the one page that the window shows, and the rule that lets it go nowhere else.

use tauri::{Url, WebviewWindow};

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

/// The page as it is after a lock: it does not open the vault by itself again, as it does at the start.
const LOCKED: &str = if cfg!(any(windows, target_os = "android")) {
    "http://tauri.localhost/?locked"
} else {
    "tauri://localhost/?locked"
};

/// Leaves the page with everything that its scripts held, codes and what was typed, and begins it anew. On Linux the web
/// view's process ends with it: a page that goes leaves what it held behind in a heap that is used again.
///
/// # Errors
/// The window is gone.
pub fn leave(window: &WebviewWindow) -> tauri::Result<()> {
    #[cfg(target_os = "linux")]
    return window.with_webview(|view| {
        use webkit2gtk::WebViewExt;
        let view = view.inner();
        view.terminate_web_process();
        view.load_uri(LOCKED);
    });
    #[cfg(not(target_os = "linux"))]
    window.navigate(LOCKED.parse().expect("the address of our own page"))
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
            LOCKED,
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
