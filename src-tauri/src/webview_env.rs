//! The web view's environment, set before GTK starts: how it draws, by docs/decisions/0057.

/// Where there is no graphics card to draw with, takes the way that is quickest and smallest without one.
///
/// To be called at the start of `main`, before there is a second thread.
pub fn choose() {
    #[cfg(target_os = "linux")]
    for &(name, value) in linux::wanted(linux::has_render_node()) {
        if std::env::var_os(name).is_some() {
            continue; // the person's own choice
        }
        #[expect(unsafe_code, reason = "the environment is how WebKitGTK is told")]
        // SAFETY: `run` calls this first, while the process has one thread, so nobody reads the environment meanwhile.
        unsafe {
            std::env::set_var(name, value);
        }
    }
}

#[cfg(target_os = "linux")]
mod linux {
    /// The switches of WebKitGTK, GTK and JavaScriptCore to set.
    pub fn wanted(render_node: bool) -> &'static [(&'static str, &'static str)] {
        if render_node {
            return &[];
        }
        &[
            // The page is painted as one picture, which comes to our process in shared memory.
            ("WEBKIT_DISABLE_COMPOSITING_MODE", "1"),
            ("WEBKIT_DISABLE_DMABUF_RENDERER", "1"),
            // Our own process draws nothing by OpenGL. Both would load it, with the compiler inside it, only to ask
            // which graphics card there is.
            ("GDK_GL", "disable"),
            ("WEBKIT_WEB_RENDER_DEVICE_FILE", "/dev/null"),
            // Our scripts are short: compiling them costs more memory than it saves time.
            ("JSC_useJIT", "0"),
            // And it clears up after two megabytes instead of thirty-two, which we never reach.
            ("JSC_largeHeapSize", "2000000"),
        ]
    }

    /// A DRM render node is what the web view would draw with.
    pub fn has_render_node() -> bool {
        std::fs::read_dir("/dev/dri").is_ok_and(|entries| {
            entries
                .flatten()
                .any(|entry| entry.file_name().as_encoded_bytes().starts_with(b"renderD"))
        })
    }

    #[cfg(test)]
    mod tests {
        use super::*;

        #[test]
        fn a_graphics_card_is_left_alone() {
            assert!(wanted(true).is_empty(), "hardware draws best as it is");
            assert!(
                !wanted(false).is_empty(),
                "without one there is a quicker way"
            );
        }
    }
}
