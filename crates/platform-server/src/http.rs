//! The server: what every request passes through, and where it goes.
pub mod api;
pub mod idempotency;
pub mod operations;

use std::time::{Duration, Instant};

use axum::{
    Router,
    body::to_bytes,
    extract::{DefaultBodyLimit, MatchedPath, Request, State},
    http::{HeaderName, HeaderValue, Method, header},
    middleware::{Next, from_fn_with_state},
    response::{IntoResponse, Response},
    routing::get,
};
use tower_http::{
    catch_panic::CatchPanicLayer,
    cors::{AllowOrigin, CorsLayer},
    csrf::CsrfLayer,
};
use tracing::Instrument;

use crate::{
    app::{
        App, auth, limits,
        problem::{Code, Problem},
    },
    pages,
};

/// Everything there is, as one service.
pub fn router(app: App) -> Router {
    let (services, televisions) = api::routers();
    let services = Router::from(services)
        .layer(from_fn_with_state(app.clone(), idempotency::honour))
        .layer(from_fn_with_state(app.clone(), auth::require));
    let public = Router::from(televisions)
        .route("/metrics", get(operations::metrics))
        .route("/openapi.json", get(operations::openapi))
        .route("/problems", get(operations::problems))
        .layer(from_fn_with_state(app.clone(), limits::per_address));
    let mut router = services.merge(public);
    if app.config.service.pages {
        let mut csrf = CsrfLayer::new();
        if let Ok(with_ours) = csrf.clone().add_trusted_origin(&app.public_url) {
            csrf = with_ours; // behind a proxy that changes `Host`
        }
        let pages = pages::router()
            .layer(csrf.with_rejection_response(|_| pages::refused(Code::CrossSite.into())))
            .layer(from_fn_with_state(app.clone(), limits::per_address));
        router = router.merge(pages);
    }
    router
        .route("/healthz", get(operations::healthz))
        .route("/readyz", get(operations::readyz))
        .fallback(nothing_here)
        .method_not_allowed_fallback(async || Problem::new(Code::MethodNotAllowed))
        .layer(DefaultBodyLimit::max(app.config.server.body_limit))
        .layer(from_fn_with_state(app.clone(), carried_through))
        .layer(from_fn_with_state(app.clone(), in_time))
        .layer(CatchPanicLayer::custom(
            |_: Box<dyn std::any::Any + Send>| Problem::new(Code::Internal).into_response(),
        ))
        .layer(from_fn_with_state(app.clone(), at_its_own_name))
        // Here and not on the routes of the API: a preflight request has a method that no route knows.
        .layer(cors(&app))
        .layer(from_fn_with_state(app.clone(), around))
        .with_state(app)
}

/// The demo has no key in front of its figures, so it answers to nobody who reached it by another name than its own: a page
/// elsewhere could have that name lead to this machine (DNS rebinding).
async fn at_its_own_name(State(app): State<App>, request: Request, next: Next) -> Response {
    let host = request.headers().get(header::HOST);
    let host = host.and_then(|host| host.to_str().ok()).unwrap_or_default();
    let (_, ours) = app.public_url.split_once("://").unwrap_or_default();
    let port = ours.rsplit(':').next().unwrap_or_default();
    if app.demo && host != ours && host != format!("localhost:{port}") {
        return Problem::new(Code::WrongHost).into_response();
    }
    next.run(request).await
}

/// What changes something is carried through even when its caller hangs up or has waited too long: what follows from it, its
/// line in the audit log above all, is not left out by whoever closes the connection in time. It begins when the request is
/// here to its end: a body that does not come would hold its connection for ever.
async fn carried_through(State(app): State<App>, request: Request, next: Next) -> Response {
    if request.method().is_safe() {
        return next.run(request).await;
    }
    let (parts, body) = request.into_parts();
    let Ok(body) = to_bytes(body, app.config.server.body_limit).await else {
        return refused(&app, parts.uri.path(), Code::BodyTooLarge.into());
    };
    let request = Request::from_parts(parts, body.into());
    let work = tokio::spawn(next.run(request).in_current_span());
    work.await
        .unwrap_or_else(|_| Problem::new(Code::Internal).into_response())
}

/// Nobody holds a request open for ever by a body that does not come.
async fn in_time(State(app): State<App>, request: Request, next: Next) -> Response {
    let most = Duration::from_secs(app.config.server.request_seconds);
    match tokio::time::timeout(most, next.run(request)).await {
        Ok(response) => response,
        Err(_) => {
            let mut response = Problem::new(Code::TooSlow).into_response();
            let close = HeaderValue::from_static("close");
            response.headers_mut().insert(header::CONNECTION, close);
            response
        }
    }
}

async fn nothing_here(State(app): State<App>, request: Request) -> Response {
    let mut problem = Problem::new(Code::NotFound);
    if request.method() != Method::GET {
        return problem.into_response();
    }
    if is_page(&app, request.uri().path()) {
        problem = problem.detail("Perhaps the address was not typed or copied to its end.");
    }
    refused(&app, request.uri().path(), problem)
}

/// A page for people where there are pages, JSON for programs.
fn refused(app: &App, path: &str, problem: Problem) -> Response {
    if is_page(app, path) {
        return pages::refused(problem);
    }
    problem.into_response()
}

fn is_page(app: &App, path: &str) -> bool {
    app.config.service.pages && !path.starts_with("/v1")
}

/// Scripts of other origins may call the API when the configuration names them; never with cookies.
fn cors(app: &App) -> CorsLayer {
    let app = app.clone();
    let named = AllowOrigin::predicate(move |origin, request| {
        let named = &app.config.server.allowed_origins;
        request.uri.path().starts_with("/v1/")
            && named.iter().any(|one| one.as_bytes() == origin.as_bytes())
    });
    CorsLayer::new()
        .allow_origin(named)
        .allow_methods([Method::GET, Method::POST, Method::PUT, Method::DELETE])
        .allow_headers([
            header::AUTHORIZATION,
            header::CONTENT_TYPE,
            HeaderName::from_static(idempotency::HEADER),
        ])
}

/// Around everything: a number to find it in the log by, the log line, the figures, the headers of every answer.
///
/// The line has the route, not the path, for a path may name a person; and no address.
async fn around(State(app): State<App>, request: Request, next: Next) -> Response {
    let started = Instant::now();
    let id = format!("{:016x}", rand::random::<u64>());
    let method = request.method().clone();
    let route = request
        .extensions()
        .get::<MatchedPath>()
        .map_or("none", |path| path.as_str())
        .to_owned();
    let span = tracing::info_span!("request", id);
    let mut response = next.run(request).instrument(span.clone()).await;

    let status = response.status().as_u16();
    let seconds = started.elapsed().as_secs_f64();
    span.in_scope(|| {
        tracing::info!(
            method = method.as_str(),
            route,
            status,
            ms = seconds * 1_000.0,
            "answered"
        )
    });
    metrics::counter!("http_requests_total", "route" => route.clone(), "status" => status.to_string()).increment(1);
    metrics::histogram!("http_request_seconds", "route" => route).record(seconds);

    let headers = response.headers_mut();
    for (name, value) in HEADERS {
        headers
            .entry(HeaderName::from_static(name))
            .or_insert(HeaderValue::from_static(value));
    }
    if app.is_secure() {
        headers.insert(
            header::STRICT_TRANSPORT_SECURITY,
            HeaderValue::from_static("max-age=63072000"),
        );
    }
    headers.insert(
        "x-request-id",
        HeaderValue::from_str(&id).expect("hexadecimal figures"),
    );
    response
}

/// What every answer says to a browser. Pages load nothing but our own style, script, font and icon.
const HEADERS: [(&str, &str); 7] = [
    (
        "content-security-policy",
        "default-src 'none'; style-src 'self'; script-src 'self'; font-src 'self'; img-src 'self'; connect-src 'self'; \
         form-action 'self'; base-uri 'none'; frame-ancestors 'none'",
    ),
    ("x-content-type-options", "nosniff"),
    ("referrer-policy", "same-origin"),
    ("cross-origin-opener-policy", "same-origin"),
    ("cross-origin-resource-policy", "same-origin"),
    (
        "permissions-policy",
        "camera=(), microphone=(), geolocation=()",
    ),
    ("cache-control", "no-store"),
];
