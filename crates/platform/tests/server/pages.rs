//! What protects the pages, as a browser's requests see it; ui/e2e/platform drives them in a browser.
use reqwest::{Client, StatusCode};

use crate::Server;

/// A browser: it keeps cookies and says where a form comes from.
fn browser() -> Client {
    Client::builder()
        .cookie_store(true)
        .redirect(reqwest::redirect::Policy::none())
        .build()
        .expect("a client")
}

/// The token of the forms on a page.
fn token(page: &str) -> String {
    let (_, rest) = page
        .split_once("name=\"token\" value=\"")
        .expect("a form with a token");
    rest.split('"').next().expect("a value").to_owned()
}

#[tokio::test]
async fn a_form_of_another_site_is_refused() {
    let server = Server::start().await;
    let browser = browser();
    let url = format!("{}/signup", server.url);
    let page = browser
        .get(&url)
        .send()
        .await
        .expect("a page")
        .text()
        .await
        .expect("text");
    let token = token(&page);
    let fields = |token: &str| {
        [
            ("token", token.to_owned()),
            ("channel", "email".to_owned()),
            ("to", "ana@example.tv".to_owned()),
        ]
    };
    for (name, request) in [
        (
            "Sec-Fetch-Site",
            browser
                .post(&url)
                .header("sec-fetch-site", "cross-site")
                .form(&fields(&token)),
        ),
        (
            "Origin",
            browser
                .post(&url)
                .header("origin", "https://evil.example")
                .form(&fields(&token)),
        ),
        (
            "no token",
            browser
                .post(&url)
                .header("sec-fetch-site", "same-origin")
                .form(&fields("")),
        ),
        (
            "a wrong token",
            browser.post(&url).form(&fields(&"0".repeat(64))),
        ),
        (
            "somebody else's cookies",
            Client::new().post(&url).form(&fields(&token)),
        ),
    ] {
        let answer = request.send().await.expect("an answer");
        assert_eq!(answer.status(), StatusCode::FORBIDDEN, "{name}");
    }
    let answer = browser
        .post(&url)
        .header("sec-fetch-site", "same-origin")
        .form(&fields(&token))
        .send()
        .await
        .expect("an answer");
    assert_eq!(
        answer.status(),
        StatusCode::SEE_OTHER,
        "its own form goes through"
    );
    assert_eq!(answer.headers()["location"], "/code");
}

#[tokio::test]
async fn pages_load_nothing_but_our_own_and_run_nothing_inline() {
    let server = Server::start().await;
    for path in [
        "/",
        "/signup",
        "/signin",
        "/forgot",
        "/tv",
        "/operator",
        "/link",
        "/nothing-here",
        "/problems",
    ] {
        let answer = browser()
            .get(format!("{}{path}", server.url))
            .send()
            .await
            .expect("a page");
        let policy = answer.headers()["content-security-policy"]
            .to_str()
            .expect("text")
            .to_owned();
        assert!(
            policy.starts_with("default-src 'none'") && !policy.contains("unsafe"),
            "{path}: {policy}"
        );
        assert!(
            policy.contains("frame-ancestors 'none'") && policy.contains("form-action 'self'"),
            "{path}"
        );
        assert_eq!(
            answer.headers()["x-content-type-options"],
            "nosniff",
            "{path}"
        );
        assert_eq!(answer.headers()["cache-control"], "no-store", "{path}");
        let page = answer.text().await.expect("text");
        for inline in ["<script>", "style=", " onclick=", " onload=", "javascript:"] {
            assert!(!page.contains(inline), "{path}: {inline}");
        }
    }
}

#[tokio::test]
async fn cookies_are_bound_to_the_host_wherever_there_is_tls() {
    for (settings, name, secure) in [
        (
            vec![("SERVER__PUBLIC_URL", "https://tv.example")],
            "__Host-couchkey-visit=",
            true,
        ),
        (vec![], "couchkey-visit=", false),
    ] {
        let server = Server::with(&settings).await;
        let answer = browser()
            .get(format!("{}/signup", server.url))
            .send()
            .await
            .expect("a page");
        let cookie = answer.headers()["set-cookie"].to_str().expect("text");
        assert!(cookie.starts_with(name), "{cookie}");
        assert!(
            cookie.contains("HttpOnly")
                && cookie.contains("SameSite=Lax")
                && cookie.contains("Path=/"),
            "{cookie}"
        );
        assert!(!cookie.contains("Domain"), "{cookie}");
        assert_eq!(cookie.contains("Secure"), secure, "{cookie}");
        assert_eq!(
            answer.headers().contains_key("strict-transport-security"),
            secure
        );
    }
}

#[tokio::test]
async fn the_keypad_works_without_script() {
    let server = Server::start().await;
    let browser = browser();
    let url = |path: &str| format!("{}{path}", server.url);
    let mut page = browser
        .get(url("/tv"))
        .send()
        .await
        .expect("a page")
        .text()
        .await
        .expect("text");
    let mut typed = String::new();
    for press in ["4", "8", "2", "9", "1", "back", "1", "7", "3", "3"] {
        let form = [
            ("token", token(&page)),
            ("typed", typed.clone()),
            ("press", press.to_owned()),
        ];
        page = browser
            .post(url("/tv/number"))
            .form(&form)
            .send()
            .await
            .expect("a page")
            .text()
            .await
            .expect("text");
        if press == "back" {
            typed.pop();
        } else {
            typed.push_str(press);
        }
        assert!(
            page.contains(&format!("name=\"typed\" value=\"{typed}\"")),
            "after {press}"
        );
    }
    let form = [
        ("token", token(&page)),
        ("typed", typed),
        ("press", "go".to_owned()),
    ];
    let answer = browser
        .post(url("/tv/number"))
        .form(&form)
        .send()
        .await
        .expect("an answer");
    assert_eq!(answer.status(), StatusCode::SEE_OTHER);
    let page = browser
        .get(url("/tv"))
        .send()
        .await
        .expect("a page")
        .text()
        .await
        .expect("text");
    assert!(page.contains("The code from your app") && page.contains("4829 1733"));
}

#[tokio::test]
async fn scripts_of_named_origins_may_call_the_api_and_no_others() {
    let server = Server::with(&[("SERVER__ALLOWED_ORIGINS", "[\"https://app.example.tv\"]")]).await;
    for (origin, allowed) in [
        ("https://app.example.tv", true),
        ("https://evil.example", false),
    ] {
        let answer = server
            .client
            .request(
                reqwest::Method::OPTIONS,
                format!("{}/v1/verify", server.url),
            )
            .header("origin", origin)
            .header("access-control-request-method", "POST")
            .send()
            .await
            .expect("an answer");
        assert_eq!(
            answer.headers().contains_key("access-control-allow-origin"),
            allowed,
            "{origin}"
        );
        assert!(
            !answer
                .headers()
                .contains_key("access-control-allow-credentials"),
            "never with cookies"
        );
    }
}

#[tokio::test]
async fn behind_a_trusted_balancer_the_customers_address_counts() {
    let limit = ("SERVER__REQUESTS_PER_MINUTE", "2");
    for (settings, shared) in [
        (vec![limit], true),
        (
            vec![limit, ("SERVER__TRUSTED_PROXIES", "[\"127.0.0.1\"]")],
            false,
        ),
    ] {
        let server = Server::with(&settings).await;
        let mut last = StatusCode::OK;
        for customer in ["203.0.113.1", "203.0.113.2", "203.0.113.3"] {
            let request = server
                .client
                .get(format!("{}/signup", server.url))
                .header("x-forwarded-for", format!("198.51.100.9, {customer}"));
            last = request.send().await.expect("an answer").status();
        }
        let expected = if shared {
            StatusCode::TOO_MANY_REQUESTS
        } else {
            StatusCode::OK
        };
        assert_eq!(
            last, expected,
            "who is not trusted cannot choose an address"
        );
    }
}
