//! `couchkey watch`: all codes, live. Codes are made when a step begins; in between only the seconds are written anew.

use std::{
    io::{self, Write},
    thread,
    time::Duration,
};

use couchkey_authenticator::{
    Authenticator,
    view::{AccountView, CodesView},
};
use crossterm::{
    cursor,
    event::{self, Event, KeyCode, KeyEventKind, KeyModifiers},
    queue,
    style::Print,
    terminal::{self, ClearType},
};

use crate::{
    ask::Ask,
    clock,
    refusal::Stop,
    show::{self, Out},
    terminal::{Raw, suspend},
    vault,
};

/// Where nothing follows the clock, other processes' changes are looked for this often.
const QUIET: u64 = 30;

/// `couchkey watch`
pub fn watch(authenticator: &Authenticator, ask: &mut Ask, out: &mut Out) -> Result<u8, Stop> {
    let status = vault::open(authenticator, ask, out)?;
    let by = authenticator.settings()?.grouping;
    if out.is_terminal() && ask.somebody_is_there() {
        on_screen(authenticator, by)?;
        Ok(show::list_code(&status))
    } else {
        as_lines(authenticator, out, by)
    }
}

/// One line a code, again whenever it changes, until somebody stops it.
fn as_lines(authenticator: &Authenticator, out: &mut Out, by: u8) -> Result<u8, Stop> {
    let mut last: Vec<(String, String)> = Vec::new();
    loop {
        let view = authenticator.codes()?;
        if out.is_json() {
            out.json(&authenticator.accounts(None)?)?;
        } else {
            for account in &view.accounts {
                let shown = (account.id.clone(), account.code.clone());
                if !last.contains(&shown) {
                    out.line(format!(
                        "{}   {}",
                        show::grouped(&account.code, by),
                        name(account)
                    ))?;
                }
            }
        }
        out.flush()?;
        last = view
            .accounts
            .iter()
            .map(|account| (account.id.clone(), account.code.clone()))
            .collect();
        thread::sleep(clock::until(next_step(&view)));
    }
}

fn on_screen(authenticator: &Authenticator, by: u8) -> Result<(), Stop> {
    // A screen of its own leaves no code behind in the scrollback.
    let _screen = Raw::with_screen()?;
    let mut view = authenticator.codes()?;
    loop {
        let now = clock::now().as_secs();
        if now >= next_step(&view) {
            view = authenticator.codes()?;
        }
        draw(&view, now, by)?;
        // The one timer: the next second while something counts down, else the next look.
        let wake = if view.changes_at.is_some() {
            now + 1
        } else {
            next_step(&view)
        };
        if wants_to_leave(clock::until(wake))? {
            return Ok(());
        }
    }
}

/// The second at which codes have to be made again.
fn next_step(view: &CodesView) -> u64 {
    u64::from(view.now)
        + view
            .changes_at
            .map_or(QUIET, |at| u64::from(at.saturating_sub(view.now)).max(1))
}

/// Waits for a key at most that long. Any other event, a new window size for one, only draws again.
fn wants_to_leave(wait: Duration) -> io::Result<bool> {
    if !event::poll(wait.max(Duration::from_millis(1)))? {
        return Ok(false);
    }
    Ok(match event::read()? {
        Event::Key(key) if key.kind != KeyEventKind::Release => match key.code {
            KeyCode::Char('q' | 'Q') | KeyCode::Esc => true,
            KeyCode::Char('c' | 'd') => key.modifiers.contains(KeyModifiers::CONTROL),
            KeyCode::Char('z') if key.modifiers.contains(KeyModifiers::CONTROL) => {
                suspend();
                false
            }
            _ => false,
        },
        _ => false,
    })
}

fn draw(view: &CodesView, now: u64, by: u8) -> io::Result<()> {
    let (width, height) = show::terminal_size();
    let mut out = io::stdout().lock();
    queue!(out, cursor::MoveTo(0, 0))?;
    for line in table(view, now, by, height) {
        queue!(
            out,
            Print(show::cut(&line, width)),
            terminal::Clear(ClearType::UntilNewLine),
            cursor::MoveToNextLine(1)
        )?;
    }
    queue!(out, terminal::Clear(ClearType::FromCursorDown))?;
    out.flush()
}

/// The lines of the screen, at most `height`.
fn table(view: &CodesView, now: u64, by: u8, height: usize) -> Vec<String> {
    let room = height.saturating_sub(3).max(1);
    let mut rows = Vec::new();
    for account in view.accounts.iter().take(room) {
        let left = account
            .valid_until
            .map(|until| u64::from(until).saturating_sub(now));
        let next = account.next_code.as_deref().map_or(String::new(), |code| {
            format!("then {}", show::grouped(code, by))
        });
        rows.push(vec![
            show::grouped(&account.code, by),
            left.map_or(String::new(), |left| format!("{left:>2} s")),
            next,
            name(account),
        ]);
    }
    let mut lines = show::columns(&rows);
    if view.accounts.is_empty() {
        lines.push("There are no accounts yet. Add the first one: couchkey add PICTURE".to_owned());
    }
    let hidden = view.accounts.len().saturating_sub(room);
    if hidden > 0 {
        lines.push(format!(
            "… and {hidden} more; make the window taller to see them"
        ));
    }
    lines.push("q to leave".to_owned());
    lines
}

fn name(account: &AccountView) -> String {
    show::label(account.issuer.as_deref(), &account.account)
}

#[cfg(test)]
mod tests {
    use couchkey_authenticator::view::KindWord;

    use super::*;

    fn account(issuer: &str, valid_until: Option<u32>) -> AccountView {
        AccountView {
            id: "00".repeat(16),
            kind: KindWord::Totp,
            issuer: Some(issuer.to_owned()),
            account: "a".to_owned(),
            note: String::new(),
            pinned: false,
            groups: Vec::new(),
            came_back: false,
            period: Some(30),
            digits: 6,
            code: "081804".to_owned(),
            next_code: valid_until.map(|_| "050471".to_owned()),
            valid_from: valid_until.map(|until| until - 30),
            valid_until,
        }
    }

    fn view(accounts: Vec<AccountView>) -> CodesView {
        CodesView {
            now: 1_111_111_109,
            changes_at: accounts
                .iter()
                .filter_map(|account| account.valid_until)
                .min(),
            accounts,
            groups: Vec::new(),
            damaged: Vec::new(),
        }
    }

    #[test]
    fn a_row_says_the_code_how_long_and_what_comes_then() {
        let view = view(vec![account("TV\u{1b}[2J", Some(1_111_111_110))]);
        assert_eq!(
            table(&view, 1_111_111_109, 3, 24)[0],
            "081 804    1 s   then 050 471   TV\\u{1b}[2J · a",
            "and a hostile name stays a name"
        );
    }

    #[test]
    fn codes_are_made_again_when_the_first_of_them_ends() {
        let both = view(vec![
            account("a", Some(1_111_111_140)),
            account("b", Some(1_111_111_110)),
        ]);
        assert_eq!(next_step(&both), 1_111_111_110, "the earliest counts");
        assert_eq!(
            next_step(&view(vec![account("c", None)])),
            1_111_111_109 + QUIET,
            "counter-based codes never end by themselves"
        );
    }

    #[test]
    fn more_accounts_than_lines_are_told_and_never_scroll() {
        let view = view((0..50).map(|_| account("x", None)).collect());
        let lines = table(&view, 1_111_111_109, 3, 10);
        assert!(lines.len() < 10, "it fits: {}", lines.len());
        assert!(
            lines.iter().any(|line| line.contains("43 more")),
            "nothing is hidden silently"
        );
    }
}
