//! Moving in and out by the window: export files, and QR codes that the page shows and no script of it can read.
//!
//! A QR code of an account holds its secret. It goes to the page as a picture under an address of our own, from which a
//! script gets no pixels (the canvas is tainted, and the policy lets nothing be fetched): docs/decisions/0140.

use std::{
    collections::BTreeMap,
    sync::{Mutex, MutexGuard, PoisonError},
};

use couchkey_authenticator::{
    Permission,
    view::{ExportForm, ExportPlan, Exported},
};
use serde::Serialize;
use tauri::{
    AppHandle,
    http::{Request, Response, StatusCode, header},
};
use zeroize::Zeroizing;

use crate::{
    dialogs,
    shell::{Reply, Shell},
};

/// The scheme under which the pictures are shown; the policy in tauri.conf.json names it.
pub const SCHEME: &str = "couchkey-qr";

/// One QR code that can be shown.
#[derive(Debug, Serialize, specta::Type)]
#[serde(rename_all = "camelCase")]
pub struct QrPicture {
    /// Names the picture as long as it is kept.
    pub id: String,
    /// Which one it is, from 1.
    pub part: u32,
    /// How many there are.
    pub of: u32,
    /// How many accounts it carries.
    pub accounts: u32,
}

/// The pictures that the page may show now.
#[derive(Default)]
pub struct Pictures {
    kept: Mutex<Kept>,
}

#[derive(Default)]
struct Kept {
    next: u32,
    png: BTreeMap<String, Zeroizing<Vec<u8>>>,
}

impl Pictures {
    /// Takes a picture, and says under which name it is shown. No name is used twice.
    fn keep(&self, png: Zeroizing<Vec<u8>>) -> String {
        let mut kept = self.held();
        kept.next += 1;
        let id = kept.next.to_string();
        kept.png.insert(id.clone(), png);
        id
    }

    /// Wipes them all.
    pub fn forget(&self) {
        self.held().png.clear();
    }

    /// What the page gets for an address of [`SCHEME`].
    pub fn answer(&self, request: &Request<Vec<u8>>) -> Response<Vec<u8>> {
        let id = request.uri().path().trim_start_matches('/');
        let kept = self.held();
        let (status, body) = match kept.png.get(id) {
            Some(png) => (StatusCode::OK, png.to_vec()),
            None => (StatusCode::NOT_FOUND, Vec::new()),
        };
        let mut response = Response::new(body);
        *response.status_mut() = status;
        let headers = response.headers_mut();
        for (name, value) in [
            (header::CONTENT_TYPE, "image/png"),
            (header::CACHE_CONTROL, "no-store"),
            (header::X_CONTENT_TYPE_OPTIONS, "nosniff"),
        ] {
            headers.insert(name, header::HeaderValue::from_static(value));
        }
        response
    }

    fn held(&self) -> MutexGuard<'_, Kept> {
        self.kept.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Asks where to, writes, reads again and compares; `None` when the person names no place.
///
/// # Errors
/// The app lock's answer, before anybody is asked for a place; then the authenticator's.
pub fn export_file(
    app: &AppHandle,
    shell: &Shell,
    form: &ExportForm,
    passphrase: Option<&str>,
    password: Option<&str>,
) -> Reply<Option<Exported>> {
    let permission = permission(passphrase);
    shell.ask(|a| a.permit_export(&permission))?;
    let ExportPlan { file_name, .. } = shell.ask(|a| a.plan_export(form))?;
    let place = shell.waiting(|| dialogs::save_as(app, "Save the export", &file_name));
    let Some(path) = place else {
        return Ok(None);
    };
    // The dialog has asked whether a file of that name may be replaced.
    shell
        .watched(|a, watch| a.export_file(form, &permission, password, &path, true, watch))
        .map(Some)
}

/// Draws the codes, reads each again from its picture, and keeps the pictures for the page.
///
/// # Errors
/// The authenticator's, as a report.
pub fn export_qr(
    shell: &Shell,
    form: &ExportForm,
    passphrase: Option<&str>,
) -> Reply<Vec<QrPicture>> {
    let permission = permission(passphrase);
    let codes = shell.watched(|a, watch| a.export_qr(form, &permission, watch))?;
    shell.pictures().forget();
    let pictures = codes.into_iter().map(|code| QrPicture {
        id: shell.pictures().keep(code.png()),
        part: code.part,
        of: code.of,
        accounts: code.accounts,
    });
    Ok(pictures.collect())
}

/// Without a passphrase the page has shown the warning, and the person has said yes to it.
fn permission(passphrase: Option<&str>) -> Permission<'_> {
    passphrase.map_or(Permission::Confirmed, Permission::Passphrase)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ask(pictures: &Pictures, address: &str) -> Response<Vec<u8>> {
        let request = Request::builder().uri(address).body(Vec::new());
        pictures.answer(&request.expect("an address"))
    }

    #[test]
    fn a_picture_is_shown_until_it_is_forgotten_and_never_kept_by_the_page() {
        let pictures = Pictures::default();
        let id = pictures.keep(Zeroizing::new(b"png".to_vec()));
        let address = format!("{SCHEME}://localhost/{id}");
        let shown = ask(&pictures, &address);
        assert_eq!(shown.status(), StatusCode::OK, "it is there");
        assert_eq!(shown.body(), b"png", "as it is");
        assert_eq!(
            shown.headers()[header::CACHE_CONTROL],
            "no-store",
            "kept nowhere"
        );
        let open_to_scripts = shown.headers().get(header::ACCESS_CONTROL_ALLOW_ORIGIN);
        assert!(open_to_scripts.is_none(), "no script may read its pixels");
        pictures.forget();
        let gone = ask(&pictures, &address);
        assert_eq!(gone.status(), StatusCode::NOT_FOUND, "forgotten");
        assert!(gone.body().is_empty(), "nothing is left of it");
        let next = pictures.keep(Zeroizing::new(b"other".to_vec()));
        assert_ne!(next, id, "an old address never shows a new picture");
    }

    #[test]
    fn any_other_address_has_nothing() {
        let pictures = Pictures::default();
        pictures.keep(Zeroizing::new(b"png".to_vec()));
        for path in ["", "/", "/2", "/1/..", "/../1", "/%31", "/1?x"] {
            let answer = ask(&pictures, &format!("{SCHEME}://localhost{path}"));
            let expected = if path == "/1?x" {
                StatusCode::OK
            } else {
                StatusCode::NOT_FOUND
            };
            assert_eq!(answer.status(), expected, "{path}");
        }
    }
}
