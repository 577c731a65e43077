//! Wayland: the desktop portal takes the picture, after its own question if it wants to.

use std::fs;
use std::path::PathBuf;
use std::time::Duration;

use ashpd::desktop::ResponseError;
use ashpd::desktop::screenshot::Screenshot;
use ashpd::{Error, PortalError};
use futures_lite::future;
use percent_encoding::percent_decode_str;
use zeroize::Zeroizing;

use super::super::file;
use super::{Grey, ScreenError};
use couchkey_qr as qr;

/// One picture of all monitors together. The file that the portal writes is read and removed.
pub(super) fn capture(patience: Duration) -> Result<Vec<Grey>, ScreenError> {
    let uri = async_io::block_on(future::or(ask(), async {
        async_io::Timer::after(patience).await;
        Err(ScreenError::Denied)
    }))?;
    let path = path_of(&uri).ok_or(ScreenError::Failed)?;
    let bytes = file::read_whole(&path, qr::MAX_BYTES as u64);
    // Before anything else can fail: the picture may hold secrets, and nobody asked for a file.
    let removed = fs::remove_file(&path);
    let bytes = Zeroizing::new(bytes.ok().flatten().ok_or(ScreenError::Failed)?);
    let picture = qr::read_picture(&bytes).map_err(|_| ScreenError::Failed)?;
    removed.map_err(|_| ScreenError::Failed)?;
    Ok(vec![picture])
}

async fn ask() -> Result<String, ScreenError> {
    // A connection of our own: the portal takes its question back when the one who asked is gone.
    let connection = zbus::Connection::session()
        .await
        .map_err(|_| ScreenError::Unsupported)?;
    let answer = async {
        Screenshot::request()
            .interactive(false)
            .modal(true)
            .connection(Some(connection))
            .send()
            .await?
            .response()
    };
    let shot = answer.await.map_err(|error| explain(&error))?;
    Ok(shot.uri().as_str().to_owned())
}

fn explain(error: &Error) -> ScreenError {
    match error {
        Error::Response(ResponseError::Cancelled)
        | Error::Portal(PortalError::NotAllowed(_) | PortalError::Cancelled(_)) => {
            ScreenError::Denied
        }
        Error::PortalNotFound(_) | Error::RequiresVersion(..) => ScreenError::Unsupported,
        Error::Portal(PortalError::ZBus(error)) | Error::Zbus(error) => explain_bus(error),
        _ => ScreenError::Failed,
    }
}

fn explain_bus(error: &zbus::Error) -> ScreenError {
    match error {
        zbus::Error::MethodError(name, ..) => explain_name(name),
        zbus::Error::FDO(error) => explain_name(&zbus::DBusError::name(&**error)),
        zbus::Error::InterfaceNotFound => ScreenError::Unsupported,
        _ => ScreenError::Failed,
    }
}

/// No portal on the bus, or one without this interface: D-Bus, `dbus-protocol.h`.
fn explain_name(name: &str) -> ScreenError {
    match name.rsplit('.').next() {
        Some(
            "ServiceUnknown" | "NameHasNoOwner" | "UnknownMethod" | "UnknownInterface"
            | "UnknownObject",
        ) => ScreenError::Unsupported,
        Some("AccessDenied") => ScreenError::Denied,
        _ => ScreenError::Failed,
    }
}

/// RFC 8089: `file:` and an absolute path, with nothing or `localhost` for a host.
fn path_of(uri: &str) -> Option<PathBuf> {
    use std::os::unix::ffi::OsStringExt;
    let rest = uri.strip_prefix("file:")?;
    let path = match rest.strip_prefix("//") {
        Some(rest) => rest.strip_prefix("localhost").unwrap_or(rest),
        None => rest,
    };
    let bytes = percent_decode_str(path).collect::<Vec<u8>>();
    (path.starts_with('/') && !bytes.contains(&0))
        .then(|| PathBuf::from(std::ffi::OsString::from_vec(bytes)))
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::path::Path;

    #[test]
    fn a_file_uri_names_a_path_on_this_machine_only() {
        for (uri, path) in [
            ("file:///tmp/a.png", Some("/tmp/a.png")),
            ("file:/tmp/a.png", Some("/tmp/a.png")),
            ("file://localhost/tmp/a%20b.png", Some("/tmp/a b.png")),
            ("file:///tmp/%C3%A4.png", Some("/tmp/ä.png")),
            ("file://elsewhere/tmp/a.png", None),
            ("file:tmp/a.png", None),
            ("file:///tmp/%00.png", None),
            ("https://tv.example/a.png", None),
            ("", None),
        ] {
            assert_eq!(
                path_of(uri).as_deref(),
                path.map(Path::new),
                "RFC 8089: {uri}"
            );
        }
    }
}
