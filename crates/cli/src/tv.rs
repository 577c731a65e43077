//! `couchkey tv`: one code, large, to be typed on a television; and any short code that came by mail or SMS.

use std::{
    io::{self, IsTerminal, Write},
    time::{Duration, Instant},
};

use couchkey_authenticator::{Authenticator, ErrorCode, Television, view::EnrolmentView};
use couchkey_otp::{
    Period, UnixTime, ascii_digits,
    typing::{Appointment, Keypad, MOST_AHEAD, Pace, appointment},
};
use crossterm::{
    cursor,
    event::{self, Event, KeyCode, KeyEventKind, KeyModifiers},
    queue,
    style::Print,
    terminal::{self, ClearType},
};
use serde::Serialize;
use zeroize::Zeroizing;

use crate::{
    accounts, args,
    ask::Ask,
    clock, coach, large,
    refusal::{DONE, Refusal, Stop},
    show::{self, Out},
    source,
    terminal::{Raw, suspend},
    vault,
};

/// Looking from the code to the television, or back; estimated.
const GLANCE_MS: f64 = 1_500.0;

/// The longest code that comes by mail or SMS, with room.
const LONGEST: usize = 16;

const WARNING: &str = "Type it only on your own TV. Nobody who calls you needs it.";

/// Whether `-` stands in place of an account.
pub fn takes_stdin(args: &args::Tv) -> bool {
    args.query == ["-"]
}

/// `couchkey tv [ACCOUNT]`
pub fn tv(
    authenticator: &Authenticator,
    ask: &mut Ask,
    out: &mut Out,
    at: Option<UnixTime>,
    args: &args::Tv,
) -> Result<u8, Stop> {
    vault::open(authenticator, ask, out)?;
    if args.list {
        return list(authenticator, out);
    }
    if let Some(name) = &args.forget {
        return forget(authenticator, out, name);
    }
    let account = accounts::one(authenticator.accounts(at)?, &args.query.join(" "))?;
    let id = account.id.clone().ok_or(ErrorCode::Internal)?;
    let before = authenticator.television_of(&id)?;
    let mut tv = match &args.television {
        None => before.clone(),
        Some(name) => named(authenticator.televisions()?, name)?,
    };
    tv.keypad = args.keypad.unwrap_or(tv.keypad);
    let by = authenticator.settings()?.grouping;
    let name = show::name(&account);
    let period = account.period.and_then(|secs| Period::new(secs).ok());
    let keypad = with_its_letters(tv.keypad, &account.code);
    let codes = |now_ms: u64| codes(authenticator, &id, now_ms, period);
    let pace = args.pace.map_or_else(|| tv.pace.clone(), said);
    let mut view = View::new(name, by, keypad, pace, period);
    let now_ms = at.map_or_else(clock::now_ms, |at| at.as_secs() * 1000);
    view.begin(now_ms, &codes)?;
    if at.is_none() && out.is_terminal() && ask.somebody_is_there() {
        let learnt = on_screen(view, out, &codes)?;
        if args.pace.is_none() {
            tv.pace = learnt;
        }
    } else if out.is_json() {
        out.json(&view.as_json(account, &tv.name))?;
    } else {
        view.as_lines(out)?;
    }
    // A command that only shows writes nothing, unless it is told a name or somebody typed.
    if args.television.is_some() || tv.pace != before.pace {
        keep(authenticator, out, &id, &tv);
    }
    Ok(DONE)
}

/// The code was shown, so what cannot be kept of it is a note and no failure.
fn keep(authenticator: &Authenticator, out: &mut Out, id: &str, tv: &Television) {
    if let Err(error) = authenticator.keep_television(id, tv) {
        let why = show::safe(&error.report().message);
        out.say(format!(
            "note: the television and your pace were not kept. {why}"
        ));
    }
}

/// The television of this name, or a new one.
fn named(kept: Vec<Television>, name: &str) -> Result<Television, Stop> {
    let new = Television::called(name).ok_or_else(|| {
        Refusal::new(
            "television_without_a_name",
            "A television needs a name.",
            "For example: couchkey tv --on \"living room\"",
        )
    })?;
    Ok(match kept.into_iter().find(|tv| tv.is_called(name)) {
        Some(tv) => Television {
            name: new.name, // as it is spelt today
            ..tv
        },
        None => new,
    })
}

/// `couchkey tv --list`
fn list(authenticator: &Authenticator, out: &mut Out) -> Result<u8, Stop> {
    let kept = authenticator.televisions()?;
    if out.is_json() {
        let rows: Vec<KeptTelevision> = kept.iter().map(KeptTelevision::of).collect();
        out.json(&rows)?;
        return Ok(DONE);
    }
    if kept.is_empty() {
        out.say("No television is kept yet. To name one: couchkey tv --on \"living room\"");
    }
    for tv in &kept {
        let name = match tv.name.as_str() {
            "" => "(no name)".to_owned(),
            name => show::safe(name),
        };
        let pace = match tv.pace.marks() {
            [] => "pace not known yet".to_owned(),
            _ => format!("{:.1} s a press", tv.pace.speed().secs()),
        };
        out.line(format!("{name}   {}   {pace}", tv.keypad.as_str()))?;
    }
    Ok(DONE)
}

/// `couchkey tv --forget TELEVISION`
fn forget(authenticator: &Authenticator, out: &mut Out, name: &str) -> Result<u8, Stop> {
    if !authenticator.forget_television(name)? {
        return Err(Refusal::new(
            "no_such_television",
            format!(
                "No television is called \u{201c}{}\u{201d}.",
                show::safe(name)
            ),
            "Those that are kept: couchkey tv --list",
        )
        .into());
    }
    out.tell("Forgotten, with your pace on it.");
    Ok(DONE)
}

/// A television of `tv --list --json`.
#[derive(Serialize)]
struct KeptTelevision {
    name: String,
    keypad: &'static str,
    /// Milliseconds a press; missing while it is not known.
    #[serde(skip_serializing_if = "Option::is_none")]
    press_ms: Option<u64>,
}

impl KeptTelevision {
    fn of(tv: &Television) -> KeptTelevision {
        let known = !tv.pace.marks().is_empty();
        KeptTelevision {
            name: tv.name.clone(),
            keypad: tv.keypad.as_str(),
            press_ms: known.then(|| (tv.pace.speed().secs() * 1000.0).round() as u64),
        }
    }
}

/// A Steam code has letters, which number buttons do not.
fn with_its_letters(keypad: Keypad, code: &str) -> Keypad {
    match keypad.presses(code) {
        Ok(_) => keypad,
        Err(_) => Keypad::Qwerty,
    }
}

/// Who says a pace is believed as if it had been measured once.
fn said(secs: f64) -> Pace {
    Pace::from_marks([secs; 5])
}

/// `couchkey tv -`: a code that came by mail or SMS. Nothing of it is kept.
pub fn any_code(ask: &mut Ask, out: &mut Out, args: &args::Tv) -> Result<u8, Stop> {
    let came = if io::stdin().is_terminal() {
        ask.hidden_line("The code (not shown while you type it, and forgotten afterwards): ")?
            .unwrap_or_default()
    } else {
        let bytes = ask.everything(1 << 10)?;
        Zeroizing::new(source::text_of(&bytes)?.as_str().to_owned())
    };
    let code = short_code(&came)?;
    let keypad = with_its_letters(args.keypad.unwrap_or(Keypad::ThreeByFour), &code);
    let pace = args.pace.map_or_else(Pace::default, said);
    let mut view = View::new(String::new(), 3, keypad, pace, None);
    let codes = |_: u64| -> Result<Vec<Zeroizing<String>>, Stop> { Ok(vec![code.clone()]) };
    view.begin(0, &codes)?;
    if out.is_terminal() && io::stderr().is_terminal() {
        on_screen(view, out, &codes)?;
    } else if out.is_json() {
        // A program that hands a code over has it already.
        let presses = view.keypad.presses(&view.code).ok();
        out.json(&serde_json::json!({ "presses": presses }))?;
    } else {
        view.as_lines(out)?;
    }
    Ok(DONE)
}

/// The characters of a short code, without what stands between them for the eye.
fn short_code(text: &str) -> Result<Zeroizing<String>, Stop> {
    let mut code = Zeroizing::new(String::with_capacity(text.len()));
    code.extend(ascii_digits(text).chars().filter(|c| !c.is_whitespace()));
    if code.is_empty() {
        return Err(Refusal::new(
            "nothing_to_read",
            "No code came on standard input.",
            "Type or paste it when asked: couchkey tv -",
        )
        .into());
    }
    let fits = code.chars().count() <= LONGEST;
    if !fits || !code.chars().all(|c| c.is_ascii_alphanumeric() || c == '-') {
        return Err(Refusal::new(
            "not_a_short_code",
            format!("That is no short code: it would have at most {LONGEST} letters and digits."),
            "Give the code alone, without the words around it. For a set-up link: couchkey add -",
        )
        .into());
    }
    Ok(code)
}

/// The account's codes of this step and of the next ones; of a counter-based account the one there is.
fn codes(
    authenticator: &Authenticator,
    id: &str,
    now_ms: u64,
    period: Option<Period>,
) -> Result<Vec<Zeroizing<String>>, Stop> {
    let steps = period.map_or(0..=0, |_| 0..=MOST_AHEAD as u64);
    let length = period.map_or(0, |period| u64::from(period.get()));
    steps
        .map(|ahead| {
            let at = UnixTime::from_secs(now_ms / 1000 + ahead * length);
            let account = accounts::by_id(authenticator, Some(at), id)?;
            Ok(Zeroizing::new(account.code))
        })
        .collect()
}

type Codes<'a> = &'a dyn Fn(u64) -> Result<Vec<Zeroizing<String>>, Stop>;

/// How much a line of the screen is needed, where not all of them fit.
#[derive(Clone, Copy, PartialEq)]
enum Need {
    Air,
    Help,
    Wanted,
    Must,
}

/// One code, when it is good, and how far somebody is with typing it.
struct View {
    name: String,
    by: u8,
    keypad: Keypad,
    pace: Pace,
    period: Option<Period>,
    code: Zeroizing<String>,
    /// When it was chosen.
    since_ms: u64,
    appointment: Option<Appointment>,
    typed: usize,
    last_mark: Option<Instant>,
}

impl View {
    fn new(name: String, by: u8, keypad: Keypad, pace: Pace, period: Option<Period>) -> View {
        View {
            name,
            by,
            keypad,
            pace,
            period,
            code: Zeroizing::default(),
            since_ms: 0,
            appointment: None,
            typed: 0,
            last_mark: None,
        }
    }

    /// The code for somebody who begins now.
    fn begin(&mut self, now_ms: u64, codes: Codes<'_>) -> Result<(), Stop> {
        let mut codes = codes(now_ms)?;
        let mut ahead = 0;
        self.appointment = None;
        if let Some(period) = self.period {
            let speed = self.pace.speed();
            let codes: Vec<&str> = codes.iter().map(|code| code.as_str()).collect();
            let next = appointment(now_ms, period, &codes, self.keypad, speed, GLANCE_MS)
                .map_err(coach::cannot)?;
            ahead = next.step_ahead;
            self.appointment = Some(next);
        }
        self.code = codes.swap_remove(ahead);
        self.since_ms = now_ms;
        self.typed = 0;
        self.last_mark = None;
        Ok(())
    }

    /// The digit is typed; the time since the one before it teaches the pace.
    fn mark(&mut self, now: Instant) {
        let length = self.code.chars().count();
        if self.typed >= length {
            return;
        }
        if let (Some(before), Ok(path)) = (self.last_mark, self.keypad.path(&self.code))
            && let Some(leg) = path.get(self.typed)
        {
            self.pace
                .mark(leg.presses(), now.saturating_duration_since(before));
        }
        self.last_mark = Some(now);
        self.typed += 1;
    }

    fn back(&mut self) {
        self.typed = self.typed.saturating_sub(1);
        // What was typed again says nothing of the pace.
        self.last_mark = None;
    }

    fn presses(&self) -> u32 {
        self.keypad.presses(&self.code).unwrap_or_default()
    }

    /// What stands on the screen. Where that is low, the digits are not drawn large, and what can be missed goes first; the
    /// code, the warning and the way out stay.
    fn screen(&self, now_ms: u64, width: usize, height: usize) -> Vec<String> {
        let large = self.lines(now_ms, width, width);
        let mut lines = match large.len() > height {
            true => self.lines(now_ms, width, 0),
            false => large,
        };
        for least in [Need::Air, Need::Help, Need::Wanted] {
            while lines.len() > height
                && let Some(last) = lines.iter().rposition(|(need, _)| *need == least)
            {
                lines.remove(last);
            }
        }
        lines.into_iter().map(|(_, line)| line).collect()
    }

    /// All of it, with the digits as large as fits into so many columns.
    fn lines(&self, now_ms: u64, width: usize, large: usize) -> Vec<(Need, String)> {
        let air = || (Need::Air, String::new());
        let code = show::grouped(&self.code, self.by);
        let mut lines = vec![(Need::Wanted, self.name.clone()), air()];
        let rows = large::rows(&code, self.typed, large);
        lines.extend(rows.into_iter().map(|row| (Need::Must, row)));
        lines.push(air());
        lines.extend(self.when(now_ms));
        lines.push(air());
        lines.push((Need::Help, self.arrows()));
        match WARNING.split_once(". ") {
            Some((yours, nobodys)) if WARNING.len() > width => {
                lines.push((Need::Must, format!("{yours}.")));
                lines.push((Need::Must, nobodys.to_owned()));
            }
            _ => lines.push((Need::Must, WARNING.to_owned())),
        }
        // The way out is what no edge cuts off.
        let keys = match self.appointment {
            Some(_) => "q: leave  space: typed  ←: back  i: went in  l: too late  n: begin again",
            None => "q: leave  space: typed  ←: back",
        };
        lines.push((Need::Must, keys.to_owned()));
        lines
    }

    /// When the code is good, with a bar that fills until it is, and one that empties while it is.
    fn when(&self, now_ms: u64) -> Vec<(Need, String)> {
        let Some(meeting) = &self.appointment else {
            return Vec::new();
        };
        let (from, until) = (meeting.valid_from_ms, meeting.valid_until_ms);
        let seconds = |ms: u64| ms.div_ceil(1000);
        let mut lines = vec![(Need::Wanted, words_of(meeting))];
        if now_ms >= until {
            let over = "This code is over. n: begin again with the next one";
            lines.push((Need::Must, over.to_owned()));
        } else if now_ms < from {
            let waits = from.saturating_sub(self.since_ms).max(1);
            let what = match meeting.hold_last_press {
                true => "Begin now. Keep the last press until the bar is full",
                false => "Begin now. It is good when the bar is full",
            };
            let left = seconds(from - now_ms);
            lines.push((Need::Must, format!("{what}: {left} s")));
            let full = now_ms.saturating_sub(self.since_ms);
            lines.push((Need::Help, bar(full, waits)));
        } else {
            let left = until - now_ms;
            let said = format!("Good now, for {} s more", seconds(left));
            lines.push((Need::Must, said));
            lines.push((Need::Help, bar(left, until - from)));
        }
        // No code of this account lasts as long as this person takes.
        if now_ms < until && meeting.expected_done_ms > until {
            let late = "Even this code may be over before you are done: type as fast as you can.";
            lines.push((Need::Must, late.to_owned()));
        }
        lines
    }

    /// The way to the next key, where the television has arrows.
    fn arrows(&self) -> String {
        let path = self.keypad.path(&self.code).unwrap_or_default();
        match path.get(self.typed) {
            Some(leg) if self.keypad.has_arrows() => {
                format!("{} OK", leg.arrows()).trim_start().to_owned()
            }
            _ => String::new(),
        }
    }

    /// Once, where there is no terminal.
    fn as_lines(&self, out: &mut Out) -> io::Result<()> {
        let code = show::grouped(&self.code, self.by);
        match &self.appointment {
            None => out.line(code)?,
            Some(meeting) => {
                out.line(format!("{code}   {}", words_of(meeting)))?;
                if meeting.hold_last_press {
                    let from = clock::time_of_day(meeting.valid_from_ms);
                    out.say(format!("Begin now, and keep the last press until {from}."));
                }
            }
        }
        out.say(WARNING);
        Ok(())
    }

    fn as_json(&self, account: EnrolmentView, television: &str) -> OnTelevision {
        let meeting = self.appointment;
        OnTelevision {
            id: account.id,
            issuer: account.issuer,
            account: account.account,
            code: self.code.to_string(),
            television: television.to_owned(),
            keypad: self.keypad.as_str(),
            presses: self.presses(),
            step_ahead: meeting.map(|meeting| meeting.step_ahead),
            expected_done_ms: meeting.map(|meeting| meeting.expected_done_ms),
            valid_from_ms: meeting.map(|meeting| meeting.valid_from_ms),
            valid_until_ms: meeting.map(|meeting| meeting.valid_until_ms),
            hold_last_press: meeting.map(|meeting| meeting.hold_last_press),
        }
    }
}

/// The object of `tv --json`: what `coach` answers, and whose it is. A counter-based code has no times.
#[derive(Serialize)]
struct OnTelevision {
    id: Option<String>,
    issuer: Option<String>,
    account: String,
    code: String,
    #[serde(skip_serializing_if = "String::is_empty")]
    television: String,
    keypad: &'static str,
    presses: u32,
    #[serde(skip_serializing_if = "Option::is_none")]
    step_ahead: Option<usize>,
    #[serde(skip_serializing_if = "Option::is_none")]
    expected_done_ms: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    valid_from_ms: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    valid_until_ms: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    hold_last_press: Option<bool>,
}

/// "from 20:14:30, for 30 seconds"
fn words_of(meeting: &Appointment) -> String {
    let seconds = (meeting.valid_until_ms - meeting.valid_from_ms) / 1000;
    let plural = if seconds == 1 { "" } else { "s" };
    format!(
        "from {}, for {seconds} second{plural}",
        clock::time_of_day(meeting.valid_from_ms)
    )
}

fn bar(part: u64, of: u64) -> String {
    const LENGTH: u64 = 20;
    let full = (part.min(of) * LENGTH / of) as usize;
    format!(
        "[{}{}]",
        "█".repeat(full),
        "░".repeat(LENGTH as usize - full)
    )
}

/// What a key asks for.
enum Wish {
    Nothing,
    Mark,
    Back,
    Again,
    TooLate,
    WentIn,
    Leave,
}

/// Answers with the pace as it was learnt.
fn on_screen(mut view: View, out: &mut Out, codes: Codes<'_>) -> Result<Pace, Stop> {
    // A screen of its own leaves no code behind in the scrollback.
    let raw = Raw::with_screen()?;
    loop {
        let now_ms = clock::now_ms();
        draw(&view, now_ms)?;
        let wait = match view.appointment {
            Some(_) => clock::until(now_ms / 1000 + 1),
            None => Duration::from_secs(30),
        };
        match wish(wait)? {
            Wish::Nothing => {}
            Wish::Mark => view.mark(Instant::now()),
            Wish::Back => view.back(),
            Wish::Again => view.begin(clock::now_ms(), codes)?,
            Wish::TooLate => {
                view.pace.too_late();
                view.begin(clock::now_ms(), codes)?;
            }
            Wish::WentIn => {
                drop(raw);
                out.say("You're in.");
                return Ok(view.pace);
            }
            Wish::Leave => return Ok(view.pace),
        }
    }
}

/// Waits for a key at most that long. Any other event, a new window size for one, only draws again.
fn wish(wait: Duration) -> io::Result<Wish> {
    if !event::poll(wait.max(Duration::from_millis(1)))? {
        return Ok(Wish::Nothing);
    }
    let Event::Key(key) = event::read()? else {
        return Ok(Wish::Nothing);
    };
    if key.kind == KeyEventKind::Release {
        return Ok(Wish::Nothing);
    }
    let control = key.modifiers.contains(KeyModifiers::CONTROL);
    Ok(match key.code {
        KeyCode::Char('c' | 'd') if control => Wish::Leave,
        KeyCode::Char('z') if control => {
            suspend();
            Wish::Nothing
        }
        _ if control => Wish::Nothing,
        KeyCode::Char('q' | 'Q') | KeyCode::Esc => Wish::Leave,
        KeyCode::Char(' ') | KeyCode::Right | KeyCode::Enter => Wish::Mark,
        KeyCode::Left | KeyCode::Backspace => Wish::Back,
        KeyCode::Char('n' | 'N') => Wish::Again,
        KeyCode::Char('l' | 'L') => Wish::TooLate,
        KeyCode::Char('i' | 'I') => Wish::WentIn,
        _ => Wish::Nothing,
    })
}

fn draw(view: &View, now_ms: u64) -> io::Result<()> {
    let (width, height) = show::terminal_size();
    let mut out = io::stdout().lock();
    queue!(out, cursor::MoveTo(0, 0))?;
    let most = height.saturating_sub(1);
    for line in view.screen(now_ms, width, most).iter().take(most) {
        queue!(
            out,
            Print(show::cut(line, width)),
            terminal::Clear(ClearType::UntilNewLine),
            cursor::MoveToNextLine(1)
        )?;
    }
    queue!(out, terminal::Clear(ClearType::FromCursorDown))?;
    out.flush()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn view(pace: Option<f64>) -> View {
        let mut view = View::new(
            "StreamTV · a".into(),
            3,
            Keypad::ThreeByFour,
            pace.map_or_else(Pace::default, said),
            Some(Period::THIRTY),
        );
        view.begin(20_000, &five).ok().unwrap();
        view
    }

    fn five(_: u64) -> Result<Vec<Zeroizing<String>>, Stop> {
        let codes = ["287082", "359152", "969429", "338314", "254676"];
        Ok(codes.map(|code| Zeroizing::new(code.to_owned())).into())
    }

    #[test]
    fn each_moment_of_an_appointment_has_its_own_words() {
        let view = view(None);
        assert_eq!(
            view.code.as_str(),
            "359152",
            "nobody types six digits in ten seconds"
        );
        let said = |now_ms| view.when(now_ms)[1].1.clone();
        let bar = |now_ms| view.when(now_ms)[2].1.clone();
        assert_eq!(
            said(20_000),
            "Begin now. Keep the last press until the bar is full: 10 s"
        );
        assert_eq!(bar(20_000), "[░░░░░░░░░░░░░░░░░░░░]");
        assert!(said(29_999).ends_with("1 s"), "never 0 before it is good");
        assert_eq!(said(30_000), "Good now, for 30 s more");
        assert_eq!(bar(30_000), "[████████████████████]");
        assert!(said(59_999).ends_with("for 1 s more"));
        assert_eq!(
            said(60_000),
            "This code is over. n: begin again with the next one"
        );
        assert!(
            view.when(20_000)[0].1.ends_with(":30, for 30 seconds"),
            "{}",
            view.when(0)[0].1
        );
    }

    #[test]
    fn a_clock_that_jumps_back_shows_no_bar_beyond_its_end() {
        let view = view(None);
        assert!(view.when(1_000)[1].1.contains(": 29 s"));
    }

    #[test]
    fn marks_move_on_and_teach_the_pace() {
        let mut view = view(None);
        let start = Instant::now();
        let mut at = start;
        let path = view.keypad.path("359152").unwrap();
        for leg in &path {
            at += Duration::from_millis(1_300) * leg.presses();
            view.mark(at);
        }
        view.mark(at);
        assert_eq!(view.typed, 6);
        assert_eq!(view.pace.marks().len(), 5);
        assert!((view.pace.speed().secs() - 1.3).abs() < 0.01);
        view.back();
        assert_eq!(view.typed, 5);
        view.begin(20_000, &five).ok().unwrap();
        assert_eq!(view.typed, 0);
    }

    #[test]
    fn a_pace_that_is_said_is_believed() {
        assert!((view(Some(2.0)).pace.speed().secs() - 2.0).abs() < 1e-9);
        assert!(view(Some(2.0)).appointment.unwrap().step_ahead >= 2);
    }

    #[test]
    fn no_edge_cuts_off_the_code_the_warning_and_the_way_out() {
        for (width, height) in [(80, 23), (200, 60), (40, 11), (36, 8)] {
            for now_ms in [20_000, 40_000, 90_000] {
                let lines = view(None).screen(now_ms, width, height);
                assert!(lines.len() <= height, "{width} x {height}: {lines:?}");
                let shown: Vec<String> = lines.iter().map(|line| show::cut(line, width)).collect();
                let shown = shown.join(" ");
                for needed in [
                    "q: leave",
                    "Type it only on your own TV",
                    "Nobody who calls",
                ] {
                    assert!(shown.contains(needed), "{width} x {height}: {shown}");
                }
                assert!(
                    height > 20 || shown.contains("359 152"),
                    "{width} x {height}: {shown}"
                );
            }
        }
        let wide = view(None).screen(20_000, 80, 23);
        for line in &wide {
            assert_eq!(*line, show::cut(line, 80), "whole at 80 columns");
        }
    }

    #[test]
    fn a_code_that_nobody_can_type_in_time_says_so() {
        let says = |pace| {
            let lines = view(Some(pace)).screen(20_000, 80, 23);
            lines.iter().any(|line| line.starts_with("Even this code"))
        };
        assert!(says(10.0));
        assert!(!says(0.65));
    }

    #[test]
    fn short_codes_are_letters_and_digits() {
        for (came, code) in [
            ("842913\n", "842913"),
            (" 842 913 ", "842913"),
            ("G-842913", "G-842913"),
            ("BQ7K2M", "BQ7K2M"),
            ("٨٤٢٩", "8429"),
        ] {
            assert_eq!(short_code(came).ok().unwrap().as_str(), code);
        }
        for none in [
            "",
            " \n",
            "Your code is 842913.",
            "12345678901234567",
            "ж1",
            "1\u{1b}[2J",
        ] {
            assert!(short_code(none).is_err(), "{none:?}");
        }
    }
}
