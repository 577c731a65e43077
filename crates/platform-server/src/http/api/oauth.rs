//! Tokens for the apps on televisions: given, renewed, taken back, asked about (RFC 6749, 7009, 7662), and where all that is found (RFC
//! 8414, OpenID Connect Discovery).
use axum::{
    Json,
    extract::State,
    http::{StatusCode, header},
    response::{IntoResponse, Response},
};
use couchkey_platform::{PersonId, PollError, store::Keep};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::app::{
    App,
    extract::FormBody,
    problem::{Code, Problem},
    records::{Grant, Refreshed, Session, SessionKind},
    tokens::{ACCESS_SECONDS, Signer},
};

/// The grant type of RFC 8628, section 3.4.
const DEVICE_CODE: &str = "urn:ietf:params:oauth:grant-type:device_code";
/// That of RFC 6749, section 6.
const REFRESH: &str = "refresh_token";

/// What an app may ask for.
pub const SCOPES: [&str; 2] = ["openid", "offline_access"];

/// What is said to an app that asks for something else.
pub const UNKNOWN_SCOPE: &str = "this server knows the scopes openid and offline_access";

/// What is said to an app that the configuration does not name.
pub const UNKNOWN_CLIENT: &str =
    "this client_id is not one of this server's: see [[clients]] in its configuration";

/// A television polls (RFC 8628, section 3.4), or renews its tokens (RFC 6749, section 6).
#[derive(Deserialize, ToSchema)]
pub struct TokenForm {
    #[schema(example = "urn:ietf:params:oauth:grant-type:device_code")]
    grant_type: Option<String>,
    #[schema(max_length = 128)]
    client_id: Option<String>,
    /// With the grant of a device code.
    #[schema(max_length = 128)]
    device_code: Option<String>,
    /// With the grant `refresh_token`: the one that came last.
    #[schema(max_length = 256)]
    refresh_token: Option<String>,
    /// With the grant `refresh_token`: less than was granted, if it is to be less.
    #[schema(max_length = 128)]
    scope: Option<String>,
}

/// The television is signed in (RFC 6749, section 5.1).
#[derive(Serialize, ToSchema)]
pub struct Token {
    /// A JWT (RFC 9068), signed with ES256 by a key of `/.well-known/jwks.json`.
    access_token: String,
    #[schema(value_type = String, example = "Bearer")]
    token_type: &'static str,
    /// Seconds for which the access token lasts.
    expires_in: u64,
    /// Good once: keep the one that comes with the answer. It lasts 90 days.
    refresh_token: String,
    /// With the scope `openid`: who it is (OpenID Connect).
    #[serde(skip_serializing_if = "Option::is_none")]
    id_token: Option<String>,
    /// What was granted, if anything was asked for.
    #[serde(skip_serializing_if = "Option::is_none")]
    scope: Option<String>,
}

/// An error in the form that OAuth clients read (RFC 6749, section 5.2; RFC 8628, section 3.5).
#[derive(Serialize, ToSchema)]
pub struct OauthError {
    /// `authorization_pending`, `slow_down`, `access_denied`, `expired_token`, `invalid_request`, `invalid_client`,
    /// `invalid_grant`, `invalid_scope`, `unsupported_grant_type`.
    #[schema(value_type = String, example = "authorization_pending")]
    error: &'static str,
    #[schema(value_type = String)]
    error_description: &'static str,
    /// Seconds between two polls from now on: with `slow_down`.
    #[serde(skip_serializing_if = "Option::is_none")]
    interval: Option<u64>,
}

/// What an app does not want any more (RFC 7009).
#[derive(Deserialize, ToSchema)]
pub struct RevokeForm {
    /// An access token or a refresh token: with either, all that came of the same sign-in ends.
    token: Option<String>,
    #[schema(max_length = 128)]
    client_id: Option<String>,
}

/// A token that somebody showed you.
#[derive(Deserialize, ToSchema)]
pub struct IntrospectForm {
    token: String,
}

/// Whether a token is good (RFC 7662, section 2.2).
#[derive(Default, Serialize, ToSchema)]
pub struct Introspection {
    active: bool,
    /// The person: when active, as all that follows.
    #[serde(skip_serializing_if = "Option::is_none")]
    sub: Option<String>,
    /// The app.
    #[serde(skip_serializing_if = "Option::is_none")]
    client_id: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    scope: Option<String>,
    /// When it ends, in seconds since 1970.
    #[serde(skip_serializing_if = "Option::is_none")]
    exp: Option<u64>,
    /// The session that it belongs to, as devices are listed.
    #[serde(skip_serializing_if = "Option::is_none")]
    sid: Option<String>,
}

/// Where everything is found (RFC 8414; OpenID Connect Discovery).
#[derive(Serialize, ToSchema)]
pub struct Metadata {
    issuer: String,
    device_authorization_endpoint: String,
    token_endpoint: String,
    revocation_endpoint: String,
    introspection_endpoint: String,
    jwks_uri: String,
    #[schema(value_type = Vec<String>)]
    scopes_supported: [&'static str; 2],
    /// None: nobody is sent to a page of ours and back.
    #[schema(value_type = Vec<String>)]
    response_types_supported: [&'static str; 0],
    #[schema(value_type = Vec<String>)]
    grant_types_supported: [&'static str; 2],
    /// The apps on televisions keep no secrets.
    #[schema(value_type = Vec<String>)]
    token_endpoint_auth_methods_supported: [&'static str; 1],
    #[schema(value_type = Vec<String>)]
    revocation_endpoint_auth_methods_supported: [&'static str; 1],
    #[schema(value_type = Vec<String>)]
    subject_types_supported: [&'static str; 1],
    #[schema(value_type = Vec<String>)]
    id_token_signing_alg_values_supported: [&'static str; 1],
}

/// The public keys of the tokens (RFC 7517).
#[derive(Serialize, ToSchema)]
pub struct Jwks {
    #[schema(value_type = Vec<Object>)]
    keys: Vec<jsonwebtoken::jwk::Jwk>,
}

/// What a television asks until somebody has decided, and how it renews its tokens. Tokens come out once.
#[utoipa::path(
    post, path = "/v1/token", tag = "device",
    request_body(content = TokenForm, content_type = "application/x-www-form-urlencoded"),
    responses(
        (status = 200, description = "Signed in", body = Token),
        (status = 400, description = "Not yet, or no more", body = OauthError),
        Problem,
    )
)]
pub async fn token(
    State(app): State<App>,
    FormBody(form): FormBody<TokenForm>,
) -> Result<Response, Problem> {
    let Some(grant_type) = form.grant_type.as_deref() else {
        return Ok(refused("invalid_request", "grant_type is missing"));
    };
    if ![DEVICE_CODE, REFRESH].contains(&grant_type) {
        let known = "this server knows the device code grant of RFC 8628, and refresh_token";
        return Ok(refused("unsupported_grant_type", known));
    }
    let Some(client) = form.client_id.as_deref() else {
        return Ok(refused("invalid_request", "client_id is missing"));
    };
    let Some(name) = app.client(client) else {
        return Ok(refused("invalid_client", UNKNOWN_CLIENT));
    };
    // A key is there before anything is used up.
    let signer = app.tokens.signer(app.platform.now().as_secs()).await?;
    match (grant_type, &form.device_code, &form.refresh_token) {
        (DEVICE_CODE, Some(code), _) => first(&app, signer, client, name, code).await,
        (DEVICE_CODE, None, _) => Ok(refused("invalid_request", "device_code is missing")),
        (_, _, Some(token)) => renewed(&app, signer, client, token, form.scope.as_deref()).await,
        _ => Ok(refused("invalid_request", "refresh_token is missing")),
    }
}

/// The first tokens of a television that was approved.
async fn first(
    app: &App,
    signer: Signer<'_>,
    client: &str,
    name: &str,
    device_code: &str,
) -> Result<Response, Problem> {
    let scope = app.records.scope_of(device_code).await?;
    let name = format!("Television, {name}");
    let session = app.records.new_session(SessionKind::Token, &name);
    let new = app.records.new_grant(client, &scope, session);
    let waiting = new.clone();
    let keep: Keep = Box::new(move |person| waiting.record(person));
    let polled = app
        .platform
        .poll_device_and_keep(client, device_code, Some(keep));
    match polled.await {
        Ok(person) => {
            let (sid, session, grant, refresh) = new.opened(&person);
            Ok(signed(&signer, &sid, &session, &grant, refresh))
        }
        Err(PollError::AuthorizationPending) => {
            Ok(refused("authorization_pending", "nobody has decided yet"))
        }
        Err(PollError::SlowDown { interval }) => Ok(error(
            "slow_down",
            "the television asks too often",
            Some(interval),
        )),
        Err(PollError::AccessDenied) => Ok(refused("access_denied", "the person said no")),
        Err(PollError::InvalidGrant) => Ok(refused(
            "invalid_grant",
            "this device_code was given to another client_id",
        )),
        Err(PollError::ExpiredToken) => Ok(refused(
            "expired_token",
            "this code has ended; ask for new ones",
        )),
        Err(PollError::Store(error)) => Err(error.into()),
        Err(_) => Err(Code::Internal.into()),
    }
}

/// The next tokens of one that is signed in.
async fn renewed(
    app: &App,
    signer: Signer<'_>,
    client: &str,
    token: &str,
    scope: Option<&str>,
) -> Result<Response, Problem> {
    // Looked at before the token is used up.
    if let Some(scope) = scope
        && let Some((_, session)) = app.records.granted(token).await?
        && let Some(grant) = &session.grant
        && scope
            .split(' ')
            .any(|one| !one.is_empty() && !grant.has(one))
    {
        return Ok(refused("invalid_scope", "that is more than was granted"));
    }
    match app.records.refresh(token, client).await? {
        Refreshed::Renewed {
            sid,
            session,
            mut grant,
            refresh,
        } => {
            // Never more than was granted, whatever the check above saw.
            if let Some(asked) = scope {
                let kept = SCOPES
                    .into_iter()
                    .filter(|one| grant.has(one) && asked.split(' ').any(|asked| asked == *one));
                grant.scope = kept.collect::<Vec<_>>().join(" ");
            }
            Ok(signed(&signer, &sid, &session, &grant, refresh))
        }
        Refreshed::Reused => {
            tracing::warn!("a refresh token came a second time, and its device was signed out");
            metrics::counter!("refresh_reused_total").increment(1);
            Ok(refused(
                "invalid_grant",
                "this refresh_token was used before; because somebody else may have it, the device was signed out",
            ))
        }
        Refreshed::OtherClient => Ok(refused(
            "invalid_grant",
            "this refresh_token was given to another client_id",
        )),
        Refreshed::Ended => Ok(refused(
            "invalid_grant",
            "this refresh_token is not good any more; sign in again",
        )),
    }
}

fn signed(
    signer: &Signer<'_>,
    sid: &str,
    session: &Session,
    grant: &Grant,
    refresh_token: String,
) -> Response {
    let token = Token {
        access_token: signer.access(sid, session, grant),
        token_type: "Bearer",
        expires_in: ACCESS_SECONDS,
        refresh_token,
        id_token: grant
            .has("openid")
            .then(|| signer.identity(sid, session, grant)),
        scope: (!grant.scope.is_empty()).then(|| grant.scope.clone()),
    };
    unstored(StatusCode::OK, token)
}

/// Ends what a token belongs to (RFC 7009): the device is signed out. A token that is none is fine.
#[utoipa::path(
    post, path = "/v1/revoke", tag = "device",
    request_body(content = RevokeForm, content_type = "application/x-www-form-urlencoded"),
    responses(
        (status = 200, description = "It is good no more"),
        (status = 400, description = "Not a request of RFC 7009, or another app's token", body = OauthError),
        Problem,
    )
)]
pub async fn revoke(
    State(app): State<App>,
    FormBody(form): FormBody<RevokeForm>,
) -> Result<Response, Problem> {
    let (Some(token), Some(client)) = (&form.token, &form.client_id) else {
        let missing = "token or client_id is missing";
        return Ok(refused("invalid_request", missing));
    };
    if app.client(client).is_none() {
        return Ok(refused("invalid_client", UNKNOWN_CLIENT));
    }
    if let Some((sid, session)) = known(&app, token).await? {
        let grant = session.grant.as_ref();
        if grant.is_none_or(|grant| grant.client != *client) {
            let others = "this token was given to another client_id";
            return Ok(refused("invalid_grant", others));
        }
        let person = PersonId::new(session.person).map_err(|_| Code::Internal)?;
        app.records.close(&person, &sid).await?;
    }
    Ok(StatusCode::OK.into_response())
}

/// Whether a token is good, and whose it is (RFC 7662).
#[utoipa::path(
    post, path = "/v1/introspect", tag = "device", security(("api_key" = [])),
    request_body(content = IntrospectForm, content_type = "application/x-www-form-urlencoded"),
    responses(
        (status = 200, description = "What the token is worth", body = Introspection),
        Problem,
    )
)]
pub async fn introspect(
    State(app): State<App>,
    FormBody(form): FormBody<IntrospectForm>,
) -> Result<Response, Problem> {
    let now = app.platform.now().as_secs();
    let access = app.tokens.read(&form.token, now).await?;
    let own = access.map(|access| (access.exp, access.scope));
    let answer = match known(&app, &form.token).await? {
        Some((sid, session)) => {
            let ends = session.ends();
            let grant = session.grant;
            let granted = grant.as_ref().map(|grant| grant.scope.clone());
            // An access token may have been asked for with less than was granted.
            let (exp, scope) = own.unwrap_or((ends, granted));
            Introspection {
                active: true,
                sub: Some(session.person),
                client_id: grant.map(|grant| grant.client),
                scope: scope.filter(|scope| !scope.is_empty()),
                exp: Some(exp),
                sid: Some(sid),
            }
        }
        None => Introspection::default(),
    };
    Ok(unstored(StatusCode::OK, answer))
}

/// The session that an access token or a refresh token belongs to, if both are there.
async fn known(app: &App, token: &str) -> Result<Option<(String, Session)>, Problem> {
    let now = app.platform.now().as_secs();
    let Some(access) = app.tokens.read(token, now).await? else {
        return Ok(app.records.granted(token).await?);
    };
    let person = PersonId::new(access.sub).map_err(|_| Code::Internal)?;
    let session = app.records.session_of(&person, &access.sid).await?;
    Ok(session.map(|session| (access.sid, session)))
}

/// Where everything is found (RFC 8414).
#[utoipa::path(
    get, path = "/.well-known/oauth-authorization-server", tag = "device",
    responses((status = 200, description = "The metadata", body = Metadata), Problem)
)]
pub async fn metadata(State(app): State<App>) -> Response {
    published(describe(&app))
}

/// The same, where OpenID Connect looks for it.
#[utoipa::path(
    get, path = "/.well-known/openid-configuration", tag = "device",
    responses((status = 200, description = "The metadata", body = Metadata), Problem)
)]
pub async fn openid_metadata(State(app): State<App>) -> Response {
    published(describe(&app))
}

/// The public keys of the tokens: of this month and the next, and of the last one while its tokens last.
#[utoipa::path(
    get, path = "/.well-known/jwks.json", tag = "device",
    responses((status = 200, description = "The keys", body = Jwks), Problem)
)]
pub async fn jwks(State(app): State<App>) -> Result<Response, Problem> {
    let set = app.tokens.published(app.platform.now().as_secs()).await?;
    Ok(published(Jwks { keys: set.keys }))
}

fn describe(app: &App) -> Metadata {
    let at = |path: &str| format!("{}{path}", app.public_url);
    Metadata {
        issuer: app.public_url.clone(),
        device_authorization_endpoint: at("/v1/device_authorization"),
        token_endpoint: at("/v1/token"),
        revocation_endpoint: at("/v1/revoke"),
        introspection_endpoint: at("/v1/introspect"),
        jwks_uri: at("/.well-known/jwks.json"),
        scopes_supported: SCOPES,
        response_types_supported: [],
        grant_types_supported: [DEVICE_CODE, REFRESH],
        token_endpoint_auth_methods_supported: ["none"],
        revocation_endpoint_auth_methods_supported: ["none"],
        subject_types_supported: ["public"],
        id_token_signing_alg_values_supported: ["ES256"],
    }
}

/// For everybody, and for some minutes.
fn published(body: impl Serialize) -> Response {
    ([(header::CACHE_CONTROL, "public, max-age=300")], Json(body)).into_response()
}

/// Refuses in the words of OAuth.
pub fn refused(code: &'static str, description: &'static str) -> Response {
    error(code, description, None)
}

fn error(error: &'static str, error_description: &'static str, interval: Option<u64>) -> Response {
    unstored(
        StatusCode::BAD_REQUEST,
        OauthError {
            error,
            error_description,
            interval,
        },
    )
}

/// Answers with tokens in them are kept nowhere on their way (RFC 6749, section 5.1).
pub fn unstored(status: StatusCode, body: impl Serialize) -> Response {
    (status, [(header::CACHE_CONTROL, "no-store")], Json(body)).into_response()
}
