//! Screen capture: a grey picture of every monitor, to find the QR codes on them.
//!
//! A screen may show secrets: the colours are wiped as soon as they are grey, and a [`Grey`] wipes itself.

use couchkey_qr::Grey;

use crate::ports::{Screen, ScreenError};

#[cfg(all(
    unix,
    not(any(target_os = "macos", target_os = "ios", target_os = "android"))
))]
mod portal;
#[cfg(all(
    unix,
    not(any(target_os = "macos", target_os = "ios", target_os = "android"))
))]
mod x11;

/// The screen of this system: by the desktop portal under Wayland, from the X server under X11, and as Windows and macOS
/// give it. A phone's system gives no app a picture of the others.
#[derive(Debug, Clone, Copy, Default)]
pub struct SystemScreen;

impl Screen for SystemScreen {
    fn capture(&self) -> Result<Vec<Grey>, ScreenError> {
        capture()
    }
}

/// Under Wayland the desktop may ask the person first; that is waited for, for a minute.
#[cfg(all(
    unix,
    not(any(target_os = "macos", target_os = "ios", target_os = "android"))
))]
fn capture() -> Result<Vec<Grey>, ScreenError> {
    let set = |name| std::env::var_os(name).is_some_and(|value| !value.is_empty());
    if set("WAYLAND_DISPLAY") {
        // The X server beside a Wayland desktop shows a black root window, so it is not even tried.
        portal::capture(std::time::Duration::from_secs(60))
    } else if set("DISPLAY") {
        x11::capture()
    } else {
        Err(ScreenError::Unsupported)
    }
}

/// One picture each. macOS does not say that it has not been allowed: it shows the desktop without its windows.
#[cfg(any(windows, target_os = "macos"))]
fn capture() -> Result<Vec<Grey>, ScreenError> {
    let monitors = xcap::Monitor::all().map_err(|_| ScreenError::Failed)?;
    if monitors.is_empty() {
        return Err(ScreenError::Unsupported);
    }
    let picture = |monitor: &xcap::Monitor| {
        let image = monitor.capture_image().map_err(|_| ScreenError::Failed)?;
        let (width, height) = image.dimensions();
        let rgba = zeroize::Zeroizing::new(image.into_raw());
        let luma = rgba
            .chunks_exact(4)
            .map(|pixel| luma(pixel[0].into(), pixel[1].into(), pixel[2].into()))
            .collect();
        Grey::new(width as usize, height as usize, luma).map_err(|_| ScreenError::Failed)
    };
    monitors.iter().map(picture).collect()
}

#[cfg(any(target_os = "android", target_os = "ios"))]
fn capture() -> Result<Vec<Grey>, ScreenError> {
    Err(ScreenError::Unsupported)
}

/// Rec. 709 luma of 8-bit colours, as the crate `image` makes it for pictures that come in by other ways.
#[cfg(not(any(target_os = "android", target_os = "ios")))]
fn luma(red: u32, green: u32, blue: u32) -> u8 {
    // At most 255, as the weights add up to 10,000.
    ((2_126 * red + 7_152 * green + 722 * blue + 5_000) / 10_000) as u8
}
