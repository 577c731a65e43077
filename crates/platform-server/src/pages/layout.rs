//! What every page shares: head, top, notes, forms, the QR code.
use maud::{DOCTYPE, Markup, PreEscaped, html};

/// Whose page it is, for its size and its colours.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Look {
    /// A phone or a laptop, in one column.
    Plain,
    /// The same, for tables and plots.
    Wide,
    /// A television, ten feet away: always night.
    Television,
}

/// A whole document. `service` is the name of the service; `signed_in` chooses what the top offers.
pub fn document(service: &str, title: &str, look: Look, signed_in: bool, body: Markup) -> Markup {
    let television = look == Look::Television;
    html! {
        (DOCTYPE)
        html lang="en" class=[television.then_some("tv")] {
            head {
                meta charset="utf-8";
                meta name="viewport" content="width=device-width, initial-scale=1";
                meta name="color-scheme" content=(if television { "dark" } else { "light dark" });
                title { (title) " · " (service) }
                link rel="stylesheet" href="/assets/style.css";
                link rel="icon" type="image/svg+xml" href="/assets/icon.svg";
                @if television { script src="/assets/television.js" defer {} }
            }
            body {
                @if !television {
                    header class="top" {
                        a class="name" href="/" { (KEY) (service) }
                        nav class="row" aria-label="Account" {
                            @if signed_in {
                                a href="/account" { "Account" }
                            } @else {
                                a href="/signin" { "Sign in" }
                                a href="/signup" { "Sign up" }
                            }
                        }
                    }
                }
                main class=[(look == Look::Wide).then_some("wide")] { (body) }
            }
        }
    }
}

/// Something went wrong, or something is worth saying; read out by a screen reader as soon as the page is there.
pub fn note(words: &str, bad: bool) -> Markup {
    html! { p class=(if bad { "note bad" } else { "note" }) role=(if bad { "alert" } else { "status" }) { (words) } }
}

/// The hidden field that ties a form to the session of the person who opened it.
pub fn token(token: &str) -> Markup {
    html! { input type="hidden" name="token" value=(token); }
}

/// The field for a code, for the keyboards and password managers that know what it is.
pub fn code_field(label: &str, wrong: bool) -> Markup {
    html! {
        label class="field" {
            span { (label) }
            input class="input code" name="code" inputmode="numeric" autocomplete="one-time-code" maxlength="12"
                required autofocus aria-invalid=[wrong.then_some("true")];
        }
    }
}

/// A QR code as one path, with the quiet zone of four modules (ISO/IEC 18004, 9.1); dark on light in every theme.
/// `None` where the text does not fit in a QR code.
pub fn qr(text: &str, label: &str) -> Option<Markup> {
    let code = qrcode::QrCode::with_error_correction_level(text, qrcode::EcLevel::M).ok()?;
    let side = code.width();
    let mut path = String::new();
    for y in 0..side {
        for x in 0..side {
            if code[(x, y)] == qrcode::Color::Dark {
                path.push_str(&format!("M{x} {y}h1v1h-1z"));
            }
        }
    }
    let whole = side + 8;
    Some(html! {
        svg class="qr" viewBox=(format!("-4 -4 {whole} {whole}")) role="img" aria-label=(label) shape-rendering="crispEdges" {
            rect class="light" x="-4" y="-4" width=(whole) height=(whole) {}
            path class="dark" d=(path) {}
        }
    })
}

/// A code or a key in groups, for reading: `4829 1733`.
pub fn grouped(text: &str, size: usize) -> String {
    let letters: Vec<char> = text.chars().collect();
    letters
        .chunks(size)
        .map(|group| group.iter().collect::<String>())
        .collect::<Vec<_>>()
        .join(" ")
}

/// The key whose bow is a sofa: the drawing of icons/couchkey.svg.
const KEY: PreEscaped<&str> = PreEscaped(
    r#"<svg viewBox="176 168 672 720" aria-hidden="true"><path d="M496 192V416H352V392A92 92 0 0 0 288 304V272A80 80 0 0 1 368 192Z"/><path d="M528 192V416H672V392A92 92 0 0 1 736 304V272A80 80 0 0 0 656 192Z"/><path d="M260 332A60 60 0 0 1 320 392V448H704V392A60 60 0 0 1 824 392V528A48 48 0 0 1 776 576H560V672H656A16 16 0 0 1 672 688V736A16 16 0 0 1 656 752H560V792H624A16 16 0 0 1 640 808V848A16 16 0 0 1 624 864H480A16 16 0 0 1 464 848V576H248A48 48 0 0 1 200 528V392A60 60 0 0 1 260 332Z"/></svg>"#,
);
