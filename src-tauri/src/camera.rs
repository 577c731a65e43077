//! Camera permission: our page may look through it, and may have nothing else that a web page can ask for.
//!
//! Linux: WebKitGTK asks the application, so the rule is here. Windows, macOS and phones ask the person themselves.

/// Linux: lets the web view look for cameras, and answers what it asks permission for.
///
/// With COUCHKEY_TEST_MOCK_CAMERA, and only in builds with debug assertions, the web view has a camera of its own
/// making, so that a test can go the whole way.
///
/// # Errors
/// The window is gone.
#[cfg(target_os = "linux")]
pub fn switch_on(window: &tauri::WebviewWindow) -> tauri::Result<()> {
    use webkit2gtk::{
        PermissionRequestExt, SettingsExt, UserMediaPermissionRequest,
        UserMediaPermissionRequestExt, WebViewExt, glib::prelude::Cast,
    };

    window.with_webview(|view| {
        let view = view.inner();
        if let Some(settings) = WebViewExt::settings(&view) {
            settings.set_enable_media_stream(true);
            #[cfg(debug_assertions)]
            if std::env::var_os("COUCHKEY_TEST_MOCK_CAMERA").is_some() {
                settings.set_enable_mock_capture_devices(true);
            }
        }
        view.connect_permission_request(|view, request| {
            let asks_for = request
                .downcast_ref::<UserMediaPermissionRequest>()
                .map_or(Wish::Other, |media| {
                    Wish::of(media.is_for_video_device(), media.is_for_audio_device())
                });
            let page = view.uri().and_then(|uri| uri.parse().ok());
            if allowed(asks_for, page.as_ref()) {
                request.allow();
            } else {
                request.deny();
            }
            true // answered: there is no dialog of the web view's own
        });
    })
}

/// What a page asks for.
#[cfg(any(target_os = "linux", test))]
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Wish {
    /// Pictures, and nothing else.
    Camera,
    /// Sound, the screen, where the person is, …
    Other,
}

#[cfg(any(target_os = "linux", test))]
impl Wish {
    /// Neither of both is the screen.
    fn of(video: bool, audio: bool) -> Self {
        if video && !audio {
            Self::Camera
        } else {
            Self::Other
        }
    }
}

#[cfg(any(target_os = "linux", test))]
fn allowed(wish: Wish, page: Option<&tauri::Url>) -> bool {
    wish == Wish::Camera && page.is_some_and(crate::navigation::is_ours)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn our_page_may_have_the_camera_and_nothing_else() {
        let ours: tauri::Url = "tauri://localhost/".parse().expect("well-formed");
        let other: tauri::Url = "https://example.org/".parse().expect("well-formed");
        assert!(
            allowed(Wish::of(true, false), Some(&ours)),
            "codes are scanned"
        );
        for (video, audio, page, why) in [
            (true, true, Some(&ours), "nobody needs to be heard"),
            (false, true, Some(&ours), "nobody needs to be heard"),
            (
                false,
                false,
                Some(&ours),
                "the screen is read in another way",
            ),
            (true, false, Some(&other), "that is not our page"),
            (true, false, None, "nobody knows whose page that is"),
        ] {
            assert!(!allowed(Wish::of(video, audio), page), "{why}");
        }
        assert!(!allowed(Wish::Other, Some(&ours)), "nor anything else");
    }
}
