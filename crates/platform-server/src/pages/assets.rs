//! The files that pages load: one style, one script, the digits' typeface, the icon. They are part of the program.
use axum::{Router, http::header, response::IntoResponse, routing::get};

use crate::app::App;

/// The paths of the files.
pub fn router() -> Router<App> {
    Router::new()
        .route(
            "/assets/style.css",
            get(|| {
                file(
                    "text/css; charset=utf-8",
                    include_bytes!("assets/style.css"),
                )
            }),
        )
        .route(
            "/assets/television.js",
            get(|| {
                file(
                    "text/javascript; charset=utf-8",
                    include_bytes!("assets/television.js"),
                )
            }),
        )
        .route(
            "/assets/copy.js",
            get(|| {
                file(
                    "text/javascript; charset=utf-8",
                    include_bytes!("assets/copy.js"),
                )
            }),
        )
        .route(
            "/assets/digits.woff2",
            get(|| file("font/woff2", include_bytes!("assets/digits.woff2"))),
        )
        .route(
            "/assets/icon.svg",
            get(|| file("image/svg+xml", include_bytes!("assets/icon.svg"))),
        )
}

/// Kept by browsers for an hour, so that a new version of the server is seen the same day.
async fn file(kind: &'static str, bytes: &'static [u8]) -> impl IntoResponse {
    (
        [
            (header::CONTENT_TYPE, kind),
            (header::CACHE_CONTROL, "public, max-age=3600"),
        ],
        bytes,
    )
}
