//! A program's real WebKitGTK window, driven over WebDriver (W3C recommendation) by WebKit's own driver.
//!
//! A small blocking face on fantoccini. Elements are named by CSS selector at every call and never kept, because a
//! Svelte page replaces them; every call waits for its element, so tests say what they want and not how long it takes.

use super::process::{Process, descendants_of};
use super::{PATIENCE, Session, until, wait_until};
use fantoccini::elements::Element;
use fantoccini::error::CmdError;
use fantoccini::key::Key;
use fantoccini::{Client, ClientBuilder, Locator};
use hyper_util::client::legacy::connect::HttpConnector;
use serde_json::{Map, Value, json};
use std::cell::RefCell;
use std::future::Future;
use std::net::{Ipv4Addr, TcpListener};
use std::path::{Path, PathBuf};
use std::time::Duration;
use tokio::runtime::Runtime;

/// How long a call waits for the element that it names.
const ELEMENT: Duration = Duration::from_secs(10);

/// The longest that one answer of the driver may take: a window that hangs fails the test and does not stop it.
const ANSWER: Duration = Duration::from_secs(60);

/// The name of the driver among the programs of a session.
const DRIVER: &str = "webdriver";

/// A window on the session's display. One at a time in a session.
pub struct Window<'s> {
    session: &'s Session,
    driver: Process,
    program: PathBuf,
    client: RefCell<Option<Client>>,
    runtime: Runtime,
}

impl<'s> Window<'s> {
    /// Opens the program and waits for its web view.
    ///
    /// # Panics
    ///
    /// When the session has no display, or the program shows no web view in time.
    pub fn start(session: &'s Session, program: impl AsRef<Path>) -> Window<'s> {
        Window::start_with(session, program, &[])
    }

    /// The same with arguments, such as an `otpauth://` link.
    pub fn start_with(
        session: &'s Session,
        program: impl AsRef<Path>,
        arguments: &[&str],
    ) -> Window<'s> {
        assert!(
            session.display().is_some(),
            "a window needs a display: Session::builder().with_display()"
        );
        let program = program
            .as_ref()
            .canonicalize()
            .expect("the program is built");
        let (driver, port) = start_driver(session);
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .build()
            .expect("a runtime on one thread can be made");
        let mut capabilities = Map::new();
        capabilities.insert(
            "webkitgtk:browserOptions".into(),
            json!({ "binary": program, "args": arguments }),
        );
        let connect = async {
            let mut builder = ClientBuilder::new(HttpConnector::new());
            builder.capabilities(capabilities);
            tokio::time::timeout(ANSWER, builder.connect(&format!("http://127.0.0.1:{port}"))).await
        };
        let client = match runtime.block_on(connect) {
            Ok(Ok(client)) => client,
            Ok(Err(error)) => panic!("no window: {error}\n{}", session.log(DRIVER)),
            Err(_) => panic!("no window in {ANSWER:?}\n{}", session.log(DRIVER)),
        };
        Window {
            session,
            driver,
            program,
            client: RefCell::new(Some(client)),
            runtime,
        }
    }

    /// What the program (and the driver, whose output it shares) has written to stdout and stderr so far.
    pub fn log(&self) -> String {
        self.session.log(DRIVER)
    }

    /// How many elements match now; does not wait.
    pub fn count(&self, css: &str) -> usize {
        self.ask(async |client| client.find_all(Locator::Css(css)).await)
            .map_or(0, |elements| elements.len())
    }

    /// Is there such an element now? Does not wait.
    pub fn exists(&self, css: &str) -> bool {
        self.count(css) > 0
    }

    /// The text of the first match, as a person sees it.
    pub fn text(&self, css: &str) -> String {
        self.with(css, "read", async |element| element.text().await)
    }

    /// The texts of all matches now; does not wait.
    pub fn texts(&self, css: &str) -> Vec<String> {
        let found = self.ask(async |client| {
            let mut texts = Vec::new();
            for element in client.find_all(Locator::Css(css)).await? {
                texts.push(element.text().await?);
            }
            Ok(texts)
        });
        found.unwrap_or_default()
    }

    /// An attribute of the first match.
    pub fn attribute(&self, css: &str, name: &str) -> Option<String> {
        self.with(css, "read", async |element| element.attr(name).await)
    }

    /// A live property of the first match, such as `value` or `checked`, as text.
    pub fn property(&self, css: &str, name: &str) -> Option<String> {
        self.with(css, "read", async |element| element.prop(name).await)
    }

    /// Clicks the first match, as a person would: it must be in sight, enabled and not covered.
    pub fn click(&self, css: &str) {
        self.with(css, "click", async |element| {
            if !element.is_enabled().await? {
                return Err(not_yet("it is disabled"));
            }
            element.click().await
        });
    }

    /// Clicks the first button, link, tab or menu item whose text or accessible name is exactly this.
    pub fn click_on(&self, name: &str) {
        const MARK: &str = "data-click-on";
        let find = r#"
            const [name, mark] = arguments;
            document.querySelectorAll(`[${mark}]`).forEach(e => e.removeAttribute(mark));
            const kinds = "button, a, summary, label, [role=button], [role=tab], [role=menuitem], [role=option], [role=radio], [role=switch]";
            const found = [...document.querySelectorAll(kinds)].find(e =>
                e.checkVisibility() && [e.getAttribute("aria-label"), e.innerText].some(t => t?.trim().replace(/\s+/g, " ") === name));
            found?.setAttribute(mark, "");
            return Boolean(found)"#;
        wait_until(
            &format!("a button {name:?}, on a page that says {:?}", self.page()),
            ELEMENT,
            || self.eval_with(find, vec![json!(name), json!(MARK)]) == Value::Bool(true),
        );
        self.click(&format!("[{MARK}]"));
    }

    /// Types text, key by key, into the first match; what is there stays.
    pub fn type_into(&self, css: &str, text: &str) {
        self.with(css, "type into", async |element| {
            element.send_keys(text).await
        });
    }

    /// Empties the first match, then types.
    pub fn fill(&self, css: &str, text: &str) {
        self.with(css, "fill", async |element| {
            element.clear().await?;
            element.send_keys(text).await
        });
    }

    /// Chooses a file in the first match, an `<input type="file">`; it need not be in sight.
    pub fn choose_file(&self, css: &str, path: impl AsRef<Path>) {
        let path = path.as_ref().canonicalize().expect("the file is there");
        let path = path.to_str().expect("a test's path is UTF-8").to_owned();
        self.with(css, "choose a file in", async |element| {
            element.send_keys(&path).await
        });
    }

    /// Presses a key wherever the focus is: `Key::Tab.into()`, `'a'`.
    pub fn press(&self, key: impl Into<char>) {
        let key = key.into().to_string();
        self.with(":focus, body", "press a key in", async |element| {
            let focused = element.clone().client().active_element().await?;
            focused.send_keys(&key).await
        });
    }

    /// Presses Tab.
    pub fn tab(&self) {
        self.press(Key::Tab);
    }

    /// Waits for an element to be there and in sight.
    pub fn wait_for(&self, css: &str, seconds: u64) {
        self.wait(&format!("the element {css}"), seconds, || {
            self.ask(async |client| client.find(Locator::Css(css)).await?.is_displayed().await)
                .unwrap_or(false)
        });
    }

    /// Waits for an element to go.
    pub fn wait_gone(&self, css: &str, seconds: u64) {
        self.wait(&format!("the element {css} to go"), seconds, || {
            !self.exists(css)
        });
    }

    /// Waits for a text to be in sight anywhere on the page.
    pub fn wait_for_text(&self, text: &str, seconds: u64) {
        self.wait(&format!("the text {text:?}"), seconds, || {
            self.page().contains(text)
        });
    }

    /// All text in sight.
    pub fn page(&self) -> String {
        self.ask(async |client| client.find(Locator::Css("body")).await?.text().await)
            .unwrap_or_default()
    }

    /// The page as HTML, with all its attributes.
    pub fn source(&self) -> String {
        self.ask(async |client| client.source().await)
            .unwrap_or_else(|error| panic!("the page has no source: {error}"))
    }

    /// Runs JavaScript in the page, as the body of a function, and returns what it returns.
    pub fn eval(&self, script: &str) -> Value {
        self.eval_with(script, Vec::new())
    }

    /// The same with `arguments`.
    pub fn eval_with(&self, script: &str, arguments: Vec<Value>) -> Value {
        self.ask(async |client| client.execute(script, arguments.clone()).await)
            .unwrap_or_else(|error| panic!("the script fails: {error}\n{script}"))
    }

    /// Runs JavaScript that answers later, by calling the last of its `arguments`.
    pub fn eval_async(&self, script: &str, arguments: Vec<Value>) -> Value {
        self.ask(async |client| client.execute_async(script, arguments.clone()).await)
            .unwrap_or_else(|error| panic!("the script fails: {error}\n{script}"))
    }

    /// Locks by the command itself, once the script has answered: a lock takes the page away, and an answer that is still
    /// under way with it.
    pub fn lock(&self) {
        self.eval("setTimeout(() => window.__TAURI_INTERNALS__.invoke('lock'), 100); return null");
    }

    /// A picture of the window as it is on the screen, without its frame, as a PNG; the folder is made if need be.
    ///
    /// Taken from the display, for WebKit's driver waits for ever for a picture where compositing is off, and the app
    /// turns it off where there is no GPU. Waits up to two seconds for the picture to stand still.
    pub fn screenshot(&self, path: impl AsRef<Path>) {
        let path = std::path::absolute(path).expect("a path can be made absolute");
        if let Some(folder) = path.parent() {
            std::fs::create_dir_all(folder).expect("the folder of the picture can be made");
        }
        let (window, target) = (self.on_the_display(), format!("png:{}", path.display()));
        let mut before = String::new();
        until(Duration::from_secs(2), || {
            self.session.run("import", ["-window", &window, &target]);
            let now = self.session.run("identify", ["-format", "%#", &target]);
            std::mem::replace(&mut before, now.clone()) == now
        });
    }

    /// The X11 id of the program's largest window in sight.
    pub fn on_the_display(&self) -> String {
        let process = self.process().id.to_string();
        let area = |window: &str| {
            let geometry = self
                .session
                .run("xdotool", ["getwindowgeometry", "--shell", window]);
            let number = |name: &str| {
                geometry
                    .lines()
                    .find_map(|line| line.strip_prefix(name)?.parse::<u64>().ok())
            };
            number("WIDTH=").unwrap_or(0) * number("HEIGHT=").unwrap_or(0)
        };
        let mut found = None;
        self.wait("a window in sight", 10, || {
            let mut search = self.session.command("xdotool");
            search.args(["search", "--onlyvisible", "--pid", &process]);
            let windows = search
                .output()
                .map(|output| output.stdout)
                .unwrap_or_default();
            let windows = String::from_utf8_lossy(&windows);
            found = windows
                .lines()
                .max_by_key(|window| area(window))
                .map(str::to_owned);
            found.is_some()
        });
        found.expect("the wait above has found one")
    }

    /// Makes the page this large, in CSS pixels. Ask for a display that is larger.
    pub fn set_size(&self, width: u32, height: u32) {
        let wanted = (i64::from(width), i64::from(height));
        // The driver sets the window with its frame, which is known only when the page has its new size.
        let mut outer = wanted;
        for _ in 0..5 {
            let large = |size: i64| u32::try_from(size).expect("a window is larger than its page");
            let _ = self
                .ask(async |client| client.set_window_size(large(outer.0), large(outer.1)).await);
            let page = self.size_when_settled();
            if page == wanted {
                return;
            }
            outer = (outer.0 + wanted.0 - page.0, outer.1 + wanted.1 - page.1);
        }
        panic!(
            "the page is {:?} and not {wanted:?}",
            self.size_when_settled()
        );
    }

    /// The page's size, as soon as it has not changed for a few frames.
    fn size_when_settled(&self) -> (i64, i64) {
        let script = "
            const done = arguments[0];
            let [width, height, same] = [innerWidth, innerHeight, 0];
            const timer = setInterval(() => {
                same = innerWidth === width && innerHeight === height ? same + 1 : 0;
                [width, height] = [innerWidth, innerHeight];
                if (same === 5) { clearInterval(timer); done([width, height]) }
            }, 50)";
        match self
            .eval_async(script, Vec::new())
            .as_array()
            .map(Vec::as_slice)
        {
            Some([width, height]) => (width.as_i64().unwrap_or(0), height.as_i64().unwrap_or(0)),
            other => panic!("the page has no size: {other:?}"),
        }
    }

    /// The process of the program itself.
    pub fn process(&self) -> Process {
        let family = descendants_of(self.driver);
        let program = Some(self.program.clone());
        family
            .into_iter()
            .find(|process| process.program() == program)
            .unwrap_or_else(|| panic!("{} is not running", self.program.display()))
    }

    /// The processes in which its pages run. WebKit's driver loses sight of the page when a new one takes their place.
    pub fn web_processes(&self) -> Vec<Process> {
        let runs_pages = |process: &Process| {
            process
                .program()
                .is_some_and(|program| program.ends_with("WebKitWebProcess"))
        };
        let mut family = descendants_of(self.process());
        family.retain(runs_pages);
        family
    }

    /// Closes the window through the driver and waits until the program has ended.
    pub fn close(self) {
        let process = self.process();
        let client = self.client.borrow_mut().take();
        if let Some(client) = client {
            // The driver may report that the window went away before it could answer: that is what was asked for.
            let _ = self
                .runtime
                .block_on(async { tokio::time::timeout(ANSWER, client.close()).await });
        }
        wait_until("the program to end", PATIENCE, || !super::alive(process));
    }

    /// Ends the program as a power cut would (SIGKILL), and the driver with it.
    pub fn kill_app(self) {
        let process = self.process();
        process.kill();
        wait_until("the program to end", PATIENCE, || !super::alive(process));
    }

    /// Does it with the element as soon as that is there and willing, or panics after [`ELEMENT`].
    fn with<T>(
        &self,
        css: &str,
        verb: &str,
        mut act: impl AsyncFnMut(Element) -> Result<T, CmdError>,
    ) -> T {
        let mut last = None;
        let mut done = None;
        until(ELEMENT, || {
            let result = self.ask(async |client| {
                let element = client.find(Locator::Css(css)).await?;
                act(element).await
            });
            match result {
                Ok(value) => done = Some(value),
                Err(error) => last = Some(error),
            }
            done.is_some()
        });
        done.unwrap_or_else(|| {
            let error = last.map(|error| error.to_string()).unwrap_or_default();
            panic!(
                "cannot {verb} {css}: {error}\nThe page says: {}",
                self.page()
            )
        })
    }

    fn wait(&self, what: &str, seconds: u64, ready: impl FnMut() -> bool) {
        if !until(Duration::from_secs(seconds), ready) {
            panic!(
                "waited {seconds} s in vain for {what}.\nThe page says: {}",
                self.page()
            );
        }
    }

    fn ask<T>(
        &self,
        question: impl AsyncFnOnce(Client) -> Result<T, CmdError>,
    ) -> Result<T, CmdError> {
        let client = self
            .client
            .borrow()
            .clone()
            .expect("the window is open until it is closed");
        self.answer(question(client))
    }

    fn answer<T>(
        &self,
        question: impl Future<Output = Result<T, CmdError>>,
    ) -> Result<T, CmdError> {
        self.runtime
            .block_on(async { tokio::time::timeout(ANSWER, question).await })
            .unwrap_or_else(|_| {
                panic!(
                    "the window has not answered for {ANSWER:?}\n{}",
                    self.session.log(DRIVER)
                )
            })
    }
}

impl Drop for Window<'_> {
    fn drop(&mut self) {
        // Without a word to the driver: it may wait for a program that a test has killed.
        drop(self.client.borrow_mut().take());
        self.session.stop(DRIVER);
    }
}

/// Starts WebKit's driver on a free port and waits until it listens.
fn start_driver(session: &Session) -> (Process, u16) {
    session.stop(DRIVER);
    // Another program may take the port between our look and the driver's: then look again.
    for _ in 0..5 {
        let port = free_port();
        let mut command = session.command("WebKitWebDriver");
        command
            .arg(format!("--port={port}"))
            .arg("--host=127.0.0.1")
            .env("TAURI_AUTOMATION", "true")
            .env("TAURI_WEBVIEW_AUTOMATION", "true"); // as tauri-driver does: lets the driver into a Tauri web view
        let driver = session.spawn(DRIVER, command);
        // A connection would also be taken by the driver of another test, if that was quicker.
        let listens = || driver.listens_on(port);
        until(PATIENCE, || listens() || !super::alive(driver));
        if super::alive(driver) && listens() {
            return (driver, port);
        }
        session.stop(DRIVER);
    }
    panic!("WebKitWebDriver does not start:\n{}", session.log(DRIVER));
}

fn free_port() -> u16 {
    TcpListener::bind((Ipv4Addr::LOCALHOST, 0))
        .and_then(|listener| listener.local_addr())
        .expect("a free port can be had")
        .port()
}

/// An error that makes the caller ask again.
fn not_yet(why: &str) -> CmdError {
    CmdError::InvalidArgument("element".into(), why.into())
}
