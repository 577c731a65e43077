//! What protects the pages, as a browser's requests see it; ui/e2e/platform drives them in a browser.
use std::sync::atomic::{AtomicU8, Ordering};

use couchkey_platform::{Store, UnixTime, store::SqliteStore};
use reqwest::{Client, StatusCode};

use crate::{Server, operation::first_refused};

/// Signs in with a code that is nobody's, as a proxy passes it on; says whether it was looked at.
async fn wrong_sign_in(server: &Server, n: u32, forwarded: &str) -> bool {
    let browser = browser();
    let url = format!("{}/signin", server.url);
    let page = browser.get(&url).send().await.expect("a page");
    let token = token(&page.text().await.expect("text"));
    let number = format!("{:08}", 20_000_000 + n); // each of them another viewer's
    let form = [
        ("token", token.as_str()),
        ("number", &number),
        ("code", "000000"),
    ];
    let answer = browser
        .post(&url)
        .header("x-forwarded-for", forwarded)
        .form(&form);
    let page = answer
        .send()
        .await
        .expect("a page")
        .text()
        .await
        .expect("text");
    assert!(
        page.contains("That is not the code") || page.contains("Too many tries"),
        "{page}"
    );
    page.contains("That is not the code")
}

/// Row 1 of issue 17.
#[tokio::test]
async fn row_1_invented_addresses_at_the_left_give_no_new_tries() {
    let server = Server::with(&[("SERVER__TRUSTED_PROXIES", "[\"127.0.0.1\"]")]).await;
    let mut looked_at = 0;
    for n in 0..70 {
        let forwarded = format!("9.8.{n}.1, x, 203.0.113.9");
        looked_at += u32::from(wrong_sign_in(&server, n, &forwarded).await);
    }
    // Fifty, and one more for every 72 seconds that this takes.
    assert!(
        (50..60).contains(&looked_at),
        "{looked_at} of 70 were looked at"
    );
    assert!(
        wrong_sign_in(&server, 99, "9.8.7.1, 203.0.113.10").await,
        "somebody else has an allowance of their own"
    );
}

/// Row 8 of issue 17.
#[tokio::test]
async fn row_8_customers_behind_a_proxy_do_not_lock_each_other_out() {
    let server = Server::with(&[(
        "SERVER__TRUSTED_PROXIES",
        "[\"10.0.0.0/8\", \"127.0.0.0/8\"]",
    )])
    .await;
    for n in 0..60 {
        wrong_sign_in(&server, n, "203.0.113.9, 10.0.0.5").await;
    }
    assert!(wrong_sign_in(&server, 99, "198.51.100.3:5060, 10.0.0.6").await);
    assert!(
        !server.log().contains("trusted_proxies"),
        "there is nothing to warn of"
    );

    let server = Server::start().await;
    for n in 0..2 {
        wrong_sign_in(&server, n, "203.0.113.9").await;
    }
    let warnings = server
        .log()
        .matches("server.trusted_proxies is empty")
        .count();
    assert_eq!(warnings, 1, "the operator is told, once");
}

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
        let customer = AtomicU8::new(0);
        let another = async || {
            let n = customer.fetch_add(1, Ordering::Relaxed);
            let request = server
                .client
                .get(format!("{}/signup", server.url))
                .header("x-forwarded-for", format!("198.51.100.9, 203.0.113.{n}"));
            request.send().await.expect("an answer")
        };
        if shared {
            first_refused(another).await; // who is not trusted cannot choose an address
        } else {
            for _ in 0..10 {
                assert_eq!(another().await.status(), StatusCode::OK);
            }
        }
    }
}

/// What a page of a signed-in or any other browser says, and where it leads.
async fn open(server: &Server, browser: &Client, path: &str) -> (StatusCode, String, String) {
    let answer = browser.get(format!("{}{path}", server.url)).send().await;
    read(answer.expect("an answer")).await
}

async fn send(
    server: &Server,
    browser: &Client,
    path: &str,
    fields: &[(&str, &str)],
) -> (StatusCode, String, String) {
    let answer = browser
        .post(format!("{}{path}", server.url))
        .form(fields)
        .send();
    read(answer.await.expect("an answer")).await
}

async fn read(answer: reqwest::Response) -> (StatusCode, String, String) {
    let to = answer
        .headers()
        .get("location")
        .map(|to| to.to_str().expect("text").to_owned());
    let status = answer.status();
    (
        status,
        to.unwrap_or_default(),
        answer.text().await.expect("text"),
    )
}

/// Signs up with a code from the mail; says where that leads.
async fn signed_up(server: &Server, browser: &Client, address: &str) -> String {
    let (_, _, page) = open(server, browser, "/signup").await;
    let token = token(&page);
    let fields = [
        ("token", token.as_str()),
        ("channel", "email"),
        ("to", address),
    ];
    assert_eq!(send(server, browser, "/signup", &fields).await.1, "/code");
    let code = server.code_for(address).await;
    let fields = [("token", token.as_str()), ("code", &code)];
    send(server, browser, "/code", &fields).await.1
}

/// The letters that a television page shows.
fn letters(page: &str) -> String {
    let (_, rest) = page.split_once("class=\"user-code\">").expect("letters");
    rest.split('<').next().expect("text").to_owned()
}

/// Signs a television in from this phone.
async fn television(server: &Server, phone: &Client) -> Client {
    let television = browser();
    let (_, _, page) = open(server, &television, "/tv").await;
    let letters = letters(&page);
    let (_, _, asked) = open(server, phone, &format!("/link?user_code={letters}")).await;
    let fields = [
        ("token", token(&asked)),
        ("user_code", letters),
        ("decision", "yes".to_owned()),
    ];
    let fields: Vec<(&str, &str)> = fields
        .iter()
        .map(|(name, value)| (*name, value.as_str()))
        .collect();
    let (status, _, said) = send(server, phone, "/link", &fields).await;
    assert!(status == StatusCode::OK && said.contains("Done"), "{said}");
    let token = token(&page);
    assert_eq!(
        send(server, &television, "/tv/poll", &[("token", &token)])
            .await
            .1,
        "/tv"
    );
    television
}

/// A person reads a page, whatever their browser sent.
#[tokio::test]
async fn a_form_that_is_too_long_is_answered_with_a_page() {
    let server = Server::start().await;
    let browser = browser();
    let long = "x".repeat(100_000);
    let (status, _, page) = send(&server, &browser, "/signup", &[("contact", &long)]).await;
    assert_eq!(status, StatusCode::PAYLOAD_TOO_LARGE);
    assert!(
        page.contains("<html") && page.contains("too long"),
        "{page}"
    );
}

/// Row 2 of issue 17: whoever sat in front of a signed-in television could take the account.
#[tokio::test]
async fn row_2_a_television_watches_and_signs_itself_out_and_nothing_else() {
    let server = Server::start().await;
    let phone = browser();
    signed_up(&server, &phone, "ana@example.tv").await;
    let tv = television(&server, &phone).await;
    let (_, _, page) = open(&server, &tv, "/tv").await;
    assert!(page.contains("Signed in"));
    let token = token(&page);
    let (_, _, other) = open(&server, &browser(), "/tv").await;
    let letters = letters(&other);
    for path in [
        "/account",
        "/enrol",
        "/account/delete",
        "/again",
        &format!("/link?user_code={letters}"),
    ] {
        let (status, to, _) = open(&server, &tv, path).await;
        assert_eq!(
            (status, to.as_str()),
            (StatusCode::SEE_OTHER, "/signin"),
            "GET {path}"
        );
    }
    let sessions = sessions(&server).await;
    let fields = [
        ("token", token.as_str()),
        ("user_code", &letters),
        ("decision", "yes"),
        ("enrolment", "0"),
        ("code", "000000"),
        ("id", &sessions[0]),
    ];
    for path in [
        "/enrol",
        "/enrol/confirm",
        "/account/devices",
        "/account/everywhere",
        "/account/delete",
        "/again",
        "/again/message",
        "/link",
    ] {
        let (status, to, _) = send(&server, &tv, path, &fields).await;
        assert_eq!(
            (status, to.as_str()),
            (StatusCode::SEE_OTHER, "/signin"),
            "POST {path}"
        );
    }
    let (status, ..) = open(&server, &phone, "/account").await;
    assert_eq!(status, StatusCode::OK, "the phone is still signed in");
    let out = [("token", token.as_str()), ("to", "/tv")];
    assert_eq!(send(&server, &tv, "/signout", &out).await.1, "/tv");
    assert!(!open(&server, &tv, "/tv").await.2.contains("Signed in"));
}

/// The keys of all sessions, as the account page has them.
async fn sessions(server: &Server) -> Vec<String> {
    let store = store(server).await;
    let now = UnixTime::from_secs(crate::now());
    let all = store
        .list("session", b"", now)
        .await
        .expect("they can be read");
    all.iter()
        .map(|one| data_encoding::HEXLOWER.encode(&one.key))
        .collect()
}

/// The server's database, from beside.
async fn store(server: &Server) -> SqliteStore {
    let file = server.dir.path().join("platform.sqlite");
    SqliteStore::open(&file).await.expect("it is there")
}

/// Row 2 of issue 17: what changes whose account it is asks for a code of the last five minutes.
#[tokio::test]
async fn row_2_what_takes_the_account_asks_for_a_fresh_code() {
    let server = Server::start().await;
    let phone = browser();
    signed_up(&server, &phone, "ana@example.tv").await;
    // Six minutes later.
    let store = store(&server).await;
    let now = crate::now();
    for mut record in store
        .list("session", b"", UnixTime::from_secs(now))
        .await
        .expect("read")
    {
        let mut session: serde_json::Value = serde_json::from_slice(&record.value).expect("JSON");
        session["created"] = (now - 360).into();
        record.value = session.to_string().into_bytes();
        store.put(&record).await.expect("written");
    }
    let (_, _, other) = open(&server, &browser(), "/tv").await;
    let link = format!("/link?user_code={}", letters(&other));
    for path in ["/account/delete", &link] {
        let (_, to, _) = open(&server, &phone, path).await;
        assert_eq!(to, "/again", "{path}");
    }
    let (_, _, page) = open(&server, &phone, "/account").await;
    let token = token(&page);
    let delete = [("token", token.as_str())];
    assert_eq!(
        send(&server, &phone, "/account/delete", &delete).await.1,
        "/again"
    );
    assert_eq!(
        open(&server, &phone, "/account").await.0,
        StatusCode::OK,
        "nothing was deleted"
    );

    // A code by mail, and on to where they were going.
    assert_eq!(open(&server, &phone, &link).await.1, "/again");
    assert_eq!(
        send(&server, &phone, "/again/message", &delete).await.1,
        "/code"
    );
    while server.log().matches("to ana@example.tv: ").count() < 2 {
        tokio::time::sleep(std::time::Duration::from_millis(20)).await;
    }
    let code = server.code_for("ana@example.tv").await;
    let fields = [("token", token.as_str()), ("code", &code)];
    assert_eq!(send(&server, &phone, "/code", &fields).await.1, link);
    assert_eq!(open(&server, &phone, &link).await.0, StatusCode::OK);
}

/// The main journey: somebody without an account scans the television's QR code.
#[tokio::test]
async fn who_signs_up_from_a_televisions_qr_code_signs_it_in() {
    let server = Server::start().await;
    let tv = browser();
    let (_, _, page) = open(&server, &tv, "/tv").await;
    let link = format!("/link?user_code={}", letters(&page));
    let phone = browser();
    assert_eq!(open(&server, &phone, &link).await.1, "/signin");
    assert_eq!(signed_up(&server, &phone, "new@example.tv").await, link);
    let (_, _, asked) = open(&server, &phone, &link).await;
    let form = token(&asked);
    let fields = [
        ("token", form.as_str()),
        ("user_code", &letters(&page)),
        ("decision", "yes"),
    ];
    let (_, _, said) = send(&server, &phone, "/link", &fields).await;
    assert!(
        said.contains("Done") && said.contains("/enrol"),
        "the app is offered after that: {said}"
    );
    let token = token(&page);
    assert_eq!(
        send(&server, &tv, "/tv/poll", &[("token", &token)]).await.1,
        "/tv"
    );
    assert!(open(&server, &tv, "/tv").await.2.contains("Signed in"));
}

/// A phone cannot scan its own screen.
#[tokio::test]
async fn on_a_phone_the_app_is_set_up_by_a_link_and_a_key_to_copy() {
    let server = Server::start().await;
    for (agent, phone) in [
        (
            "Mozilla/5.0 (iPhone; CPU iPhone OS 18_0 like Mac OS X) Safari/604.1",
            true,
        ),
        ("Mozilla/5.0 (Linux; Android 15) Chrome/140.0 Mobile", true),
        ("Mozilla/5.0 (X11; Linux x86_64) Firefox/140.0", false),
    ] {
        let browser = Client::builder()
            .cookie_store(true)
            .redirect(reqwest::redirect::Policy::none())
            .user_agent(agent)
            .build()
            .expect("a client");
        let address = format!("{}@example.tv", agent.len());
        assert_eq!(signed_up(&server, &browser, &address).await, "/enrol");
        let (_, _, page) = open(&server, &browser, "/enrol").await;
        let form = token(&page);
        let (_, _, page) = send(&server, &browser, "/enrol", &[("token", &form)]).await;
        let link = page.find("href=\"otpauth://totp/");
        let picture = page.find("class=\"qr\"").expect("a QR code");
        assert_eq!(link.is_some(), phone, "{agent}");
        assert!(
            link.is_none_or(|link| link < picture),
            "the link comes first: {agent}"
        );
        assert_eq!(page.contains("data-copy"), phone, "{agent}");
    }
}

/// Most people who sign in on a phone have an address and no number.
#[tokio::test]
async fn signing_in_begins_with_a_code_by_mail() {
    let server = Server::start().await;
    let (_, _, page) = open(&server, &browser(), "/signin").await;
    let mail = page
        .find("E-mail address or telephone number")
        .expect("a field");
    let number = page.find("Viewer number").expect("a field");
    assert!(mail < number);
    // Where nothing can be sent, nothing is offered.
    let server = Server::with(&[("SERVER__PUBLIC_URL", "https://tv.example")]).await;
    let (_, _, page) = open(&server, &browser(), "/signin").await;
    assert!(!page.contains("Send me a code") && page.contains("Viewer number"));
}

/// One press of OK too many signed the television out again.
#[tokio::test]
async fn a_signed_in_televisions_page_does_not_begin_at_sign_out() {
    let server = Server::start().await;
    let phone = browser();
    signed_up(&server, &phone, "ana@example.tv").await;
    let tv = television(&server, &phone).await;
    let (_, _, page) = open(&server, &tv, "/tv").await;
    let (_, after) = page
        .split_once("autofocus")
        .expect("something has the focus");
    assert!(
        after
            .trim_start_matches(|c| c != '>')
            .starts_with(">Stay signed in"),
        "{after}"
    );
}
