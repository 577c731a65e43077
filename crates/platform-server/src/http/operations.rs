//! For those who run the server: is it alive, is it ready, its figures, its documents.
use axum::{
    extract::State,
    http::{HeaderMap, StatusCode, header},
    response::{Html, IntoResponse, Response},
};
use maud::html;

use super::api;
use crate::app::{App, auth, problem::Code, records::Right};
use crate::pages::layout::{Look, document};

/// The process answers.
pub async fn healthz() -> &'static str {
    "alive\n"
}

/// The store can be written too: send requests here.
pub async fn readyz(State(app): State<App>) -> (StatusCode, &'static str) {
    if app.records.ready().await {
        (StatusCode::OK, "ready\n")
    } else {
        (
            StatusCode::SERVICE_UNAVAILABLE,
            "the database cannot be written\n",
        )
    }
}

/// Prometheus's text format. Outside the demo it needs an API key with that right.
pub async fn metrics(State(app): State<App>, headers: HeaderMap) -> Response {
    if !app.demo
        && let Err(problem) = auth::check(&app, &headers, Right::Figures).await
    {
        return problem.into_response();
    }
    app.prometheus.run_upkeep();
    (
        [(header::CONTENT_TYPE, "text/plain; version=0.0.4")],
        app.prometheus.render(),
    )
        .into_response()
}

/// The OpenAPI document.
pub async fn openapi() -> impl IntoResponse {
    (
        [(header::CONTENT_TYPE, "application/json")],
        api::document_text(),
    )
}

/// Every kind of problem: where the `type` of a problem leads.
pub async fn problems(State(app): State<App>) -> Html<String> {
    let body = html! {
        h1 { "Problems" }
        p class="quiet" { "What the API answers when something cannot be done (RFC 9457). A code is never renamed and never reused." }
        dl class="stack" {
            @for code in Code::ALL {
                div id=(code.word()) {
                    dt { strong class="digits" { (code.word()) } " · " (code.status()) }
                    dd { (code.title()) " " (code.cure()) }
                }
            }
        }
    };
    Html(
        document(
            &app.config.service.name,
            "Problems",
            Look::Plain,
            false,
            body,
        )
        .into_string(),
    )
}
