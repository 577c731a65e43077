//! The accounts that are there: listing them, finding one by a name, its code, changes, the trash.

use std::collections::HashMap;

use couchkey_authenticator::{
    Authenticator, Error, ErrorCode,
    view::{EditForm, EnrolmentView, KindWord, TrashRow},
};
use couchkey_otp::UnixTime;
use serde_json::{Value, json};

use crate::{
    args::{Code, Edit, Query},
    ask::Ask,
    clock,
    refusal::{DONE, Stop},
    show::{self, Out},
    vault,
};

/// With fewer seconds left than this nobody finishes typing on a television, so the next code is shown too.
const TOO_LATE: u64 = 8;

/// `couchkey list`
pub fn list(
    authenticator: &Authenticator,
    ask: &mut Ask,
    out: &mut Out,
    at: Option<UnixTime>,
) -> Result<u8, Stop> {
    let status = vault::open(authenticator, ask, out)?;
    let code = show::list_code(&status);
    let accounts = authenticator.accounts(at)?;
    if out.is_json() {
        out.json(&accounts)?;
        return Ok(code);
    }
    if accounts.is_empty() {
        out.say("There are no accounts yet. Add the first one: couchkey add PICTURE");
        return Ok(code);
    }
    let by = authenticator.settings()?.grouping;
    let extras: HashMap<String, String> = authenticator
        .codes()?
        .accounts
        .into_iter()
        .map(|account| {
            let mut words = Vec::new();
            if account.came_back {
                words.push("came back".to_owned());
            }
            if account.pinned {
                words.push("pinned".to_owned());
            }
            words.extend(
                account
                    .groups
                    .iter()
                    .map(|group| format!("#{}", show::safe(group))),
            );
            if !account.note.is_empty() {
                words.push(show::safe(&account.note));
            }
            (account.id, words.join(", "))
        })
        .collect();
    let rows: Vec<Vec<String>> = accounts
        .iter()
        .map(|account| {
            vec![
                show::grouped(&account.code, by),
                show::short(account.id.as_deref()).to_owned(),
                show::name(account),
                account
                    .id
                    .as_ref()
                    .and_then(|id| extras.get(id))
                    .cloned()
                    .unwrap_or_default(),
            ]
        })
        .collect();
    for line in show::columns(&rows) {
        out.line(line)?;
    }
    Ok(code)
}

/// `couchkey seen`
pub fn seen(authenticator: &Authenticator, ask: &mut Ask, out: &mut Out) -> Result<u8, Stop> {
    vault::open(authenticator, ask, out)?;
    authenticator.seen()?;
    if out.is_json() {
        out.json(&serde_json::json!({ "seen": true }))?;
    } else {
        out.line("The marks are gone.")?;
    }
    Ok(DONE)
}

/// `couchkey code`
pub fn code(
    authenticator: &Authenticator,
    ask: &mut Ask,
    out: &mut Out,
    at: Option<UnixTime>,
    args: &Code,
) -> Result<u8, Stop> {
    vault::open(authenticator, ask, out)?;
    let mut account = one(authenticator.accounts(at)?, &args.query.join(" "))?;
    if args.next {
        let id = account.id.clone().ok_or(ErrorCode::Internal)?;
        authenticator.hotp_next(&id)?;
        account = by_id(authenticator, at, &id)?;
    }
    if out.is_json() {
        out.json(&[account])?;
        return Ok(DONE);
    }
    out.line(&account.code)?;
    if out.is_terminal() {
        out.flush()?;
        out.say(about_code(authenticator, &account, at)?);
    }
    Ok(DONE)
}

/// Whose code it is and how long it holds.
fn about_code(
    authenticator: &Authenticator,
    account: &EnrolmentView,
    at: Option<UnixTime>,
) -> Result<String, Stop> {
    let name = show::name(account);
    let now = at.unwrap_or_else(clock::now);
    Ok(match show::seconds_left(account, now.as_secs()) {
        None => format!(
            "{name}. After it is used, move the counter on: couchkey code --next {}",
            show::short(account.id.as_deref())
        ),
        Some(left) if left < TOO_LATE => {
            let then = UnixTime::from_secs(now.as_secs() + left);
            let id = account.id.clone().ok_or(ErrorCode::Internal)?;
            let next = by_id(authenticator, Some(then), &id)?;
            format!("{name}, for {left} more s; then {}", next.code)
        }
        Some(left) => format!("{name}, for {left} more s"),
    })
}

/// The account with this very id.
pub fn by_id(
    authenticator: &Authenticator,
    at: Option<UnixTime>,
    id: &str,
) -> Result<EnrolmentView, Stop> {
    authenticator
        .accounts(at)?
        .into_iter()
        .find(|account| account.id.as_deref() == Some(id))
        .ok_or_else(|| ErrorCode::AccountNotFound.into())
}

/// `couchkey edit`
pub fn edit(
    authenticator: &Authenticator,
    ask: &mut Ask,
    out: &mut Out,
    at: Option<UnixTime>,
    args: &Edit,
) -> Result<u8, Stop> {
    vault::open(authenticator, ask, out)?;
    let account = one(authenticator.accounts(at)?, &args.query.query.join(" "))?;
    let id = account.id.ok_or(ErrorCode::Internal)?;
    let pinned = match (args.pin, args.unpin) {
        (true, _) => Some(true),
        (_, true) => Some(false),
        _ => None,
    };
    let groups = if args.no_groups {
        Some(Vec::new())
    } else {
        Some(args.group.clone()).filter(|groups| !groups.is_empty())
    };
    authenticator.edit(
        &id,
        EditForm {
            issuer: args.issuer.clone(),
            account: args.account.clone(),
            note: args.note.clone(),
            pinned,
            groups,
        },
    )?;
    let changed = by_id(authenticator, at, &id)?;
    if out.is_json() {
        out.json(&[changed])?;
    } else {
        out.line(format!("Changed: {}", show::name(&changed)))?;
    }
    Ok(DONE)
}

/// `couchkey remove`
pub fn remove(
    authenticator: &Authenticator,
    ask: &mut Ask,
    out: &mut Out,
    args: &Query,
) -> Result<u8, Stop> {
    vault::open(authenticator, ask, out)?;
    let account = one(authenticator.accounts(None)?, &args.query.join(" "))?;
    let id = account.id.clone().ok_or(ErrorCode::Internal)?;
    authenticator.remove(&id)?;
    if out.is_json() {
        let rows = authenticator.trash()?;
        out.json(
            &rows
                .iter()
                .filter(|row| row.id == id)
                .map(trash_json)
                .collect::<Vec<_>>(),
        )?;
    } else {
        out.line(format!("In the trash now: {}", show::name(&account)))?;
        out.say(format!(
            "It rests there for at least thirty days. To take it back: couchkey restore {}",
            show::short(Some(&id))
        ));
        out.say("The service still asks for its codes until you turn that off there.");
    }
    Ok(DONE)
}

/// `couchkey trash`
pub fn trash(authenticator: &Authenticator, ask: &mut Ask, out: &mut Out) -> Result<u8, Stop> {
    let code = show::list_code(&vault::open(authenticator, ask, out)?);
    let rows = authenticator.trash()?;
    if out.is_json() {
        out.json(&rows.iter().map(trash_json).collect::<Vec<_>>())?;
        return Ok(code);
    }
    if rows.is_empty() {
        out.say("The trash is empty.");
    }
    let rows: Vec<Vec<String>> = rows
        .iter()
        .map(|row| {
            vec![
                show::short(Some(&row.id)).to_owned(),
                show::label(row.issuer.as_deref(), &row.account),
                match row.days_left {
                    1 => "rests for at least 1 more day".to_owned(),
                    days => format!("rests for at least {days} more days"),
                },
            ]
        })
        .collect();
    for line in show::columns(&rows) {
        out.line(line)?;
    }
    Ok(code)
}

/// `couchkey restore`
pub fn restore(
    authenticator: &Authenticator,
    ask: &mut Ask,
    out: &mut Out,
    at: Option<UnixTime>,
    args: &Query,
) -> Result<u8, Stop> {
    vault::open(authenticator, ask, out)?;
    let row = one(authenticator.trash()?, &args.query.join(" "))?;
    authenticator.restore(&row.id)?;
    let account = by_id(authenticator, at, &row.id)?;
    if out.is_json() {
        out.json(&[account])?;
    } else {
        out.line(format!("Back on the list: {}", show::name(&account)))?;
    }
    Ok(DONE)
}

fn trash_json(row: &TrashRow) -> Value {
    json!({
        "id": row.id, "issuer": row.issuer, "account": row.account,
        "removed_at": row.removed_at, "days_left": row.days_left,
    })
}

/// What a query can find.
pub trait Named {
    fn id(&self) -> &str;
    fn issuer(&self) -> &str;
    fn account(&self) -> &str;
}

impl Named for EnrolmentView {
    fn id(&self) -> &str {
        self.id.as_deref().unwrap_or_default()
    }
    fn issuer(&self) -> &str {
        self.issuer.as_deref().unwrap_or_default()
    }
    fn account(&self) -> &str {
        &self.account
    }
}

impl Named for TrashRow {
    fn id(&self) -> &str {
        &self.id
    }
    fn issuer(&self) -> &str {
        self.issuer.as_deref().unwrap_or_default()
    }
    fn account(&self) -> &str {
        &self.account
    }
}

/// The id of the account that `query` means.
///
/// # Errors
/// None fits, or several do.
pub fn id_of(authenticator: &Authenticator, query: &str) -> Result<String, Stop> {
    let found = one(authenticator.accounts(None)?, query)?;
    Ok(found.id.unwrap_or_default())
}

/// The one that `query` means: by the start of its id, by a whole name, else by every word of the query being in the
/// names. Capitals do not matter. A whole name wins, so that "TV" can be told from "TV Plus".
pub fn one<T: Named>(all: Vec<T>, query: &str) -> Result<T, Stop> {
    let query = query.trim().to_lowercase();
    let whole = |item: &T| {
        [item.issuer(), item.account()]
            .into_iter()
            .any(|name| !name.is_empty() && name.to_lowercase() == query)
            || format!("{}:{}", item.issuer(), item.account()).to_lowercase() == query
    };
    let by_id = |item: &T| query.len() >= 4 && item.id().starts_with(&query);
    let words = |item: &T| {
        let names = format!("{}:{}", item.issuer(), item.account()).to_lowercase();
        query.split_whitespace().all(|word| names.contains(word))
    };
    let ways: [&dyn Fn(&T) -> bool; 3] = [&whole, &by_id, &words];
    let fits: Vec<bool> = ways
        .iter()
        .map(|way| all.iter().map(way).collect::<Vec<bool>>())
        .find(|fits| fits.contains(&true))
        .ok_or(ErrorCode::AccountNotFound)?;
    let mut found: Vec<T> = all
        .into_iter()
        .zip(fits)
        .filter_map(|(item, fits)| fits.then_some(item))
        .collect();
    match (found.pop(), found.is_empty()) {
        (Some(item), true) => Ok(item),
        (last, _) => {
            found.extend(last);
            let names = found
                .iter()
                .map(|item| {
                    let issuer = Some(item.issuer()).filter(|issuer| !issuer.is_empty());
                    format!(
                        "{} ({})",
                        show::label(issuer, item.account()),
                        show::short(Some(item.id()))
                    )
                })
                .collect();
            Err(Error::Ambiguous { names }.into())
        }
    }
}

/// What was added, or a single code to try: for people.
pub fn tell_code_to_type(
    authenticator: &Authenticator,
    out: &mut Out,
    accounts: &[EnrolmentView],
    at: Option<UnixTime>,
) -> Result<(), Stop> {
    let by = authenticator.settings()?.grouping;
    let now = at.unwrap_or_else(clock::now).as_secs();
    if let [account] = accounts {
        out.line(format!("Saved: {}", show::name(account)))?;
        let left = show::seconds_left(account, now);
        let code = show::grouped(&account.code, by);
        out.line(match (account.kind, left) {
            (KindWord::Hotp, _) | (_, None) => format!("Type this code on the TV now: {code}"),
            (_, Some(left)) => format!("Type this code on the TV now: {code}   ({left} s left)"),
        })?;
        if left.is_some_and(|left| left < TOO_LATE) {
            let id = account.id.clone().ok_or(ErrorCode::Internal)?;
            let then = UnixTime::from_secs(now + left.unwrap_or_default());
            let next = by_id(authenticator, Some(then), &id)?;
            out.line(format!(
                "       or, if it is too late: {}",
                show::grouped(&next.code, by)
            ))?;
        }
        return Ok(());
    }
    out.line(format!("Saved {} accounts:", accounts.len()))?;
    let rows: Vec<Vec<String>> = accounts
        .iter()
        .map(|account| vec![show::grouped(&account.code, by), show::name(account)])
        .collect();
    for line in show::columns(&rows) {
        out.line(line)?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn row(id: &str, issuer: &str, account: &str) -> TrashRow {
        TrashRow {
            id: id.to_owned(),
            issuer: Some(issuer.to_owned()).filter(|issuer| !issuer.is_empty()),
            account: account.to_owned(),
            removed_at: 0,
            days_left: 30,
        }
    }

    fn rows() -> Vec<TrashRow> {
        vec![
            row("aaaa1111", "TV", "alice@example.com"),
            row("aaaa2222", "TV Plus", "alice@example.com"),
            row("bbbb3333", "", "Émile"),
        ]
    }

    fn found(query: &str) -> Result<String, &'static str> {
        match one(rows(), query) {
            Ok(row) => Ok(row.id),
            Err(Stop::Refused(refusal)) => Err(refusal.code),
            Err(_) => Err("something else"),
        }
    }

    #[test]
    fn a_query_finds_what_a_person_means() {
        for (query, expected) in [
            ("tv", Ok("aaaa1111")),
            ("plus", Ok("aaaa2222")),
            ("alice plus", Ok("aaaa2222")),
            ("TV:alice@example.com", Ok("aaaa1111")),
            ("aaaa2", Ok("aaaa2222")),
            ("émile", Ok("bbbb3333")),
            ("aaaa", Err("ambiguous_query")),
            ("alice", Err("ambiguous_query")),
            ("", Err("ambiguous_query")),
            ("bob", Err("account_not_found")),
        ] {
            assert_eq!(found(query), expected.map(str::to_owned), "{query:?}");
        }
    }

    #[test]
    fn without_a_query_the_only_account_is_meant() {
        let only = one(vec![row("cccc4444", "X", "y")], "");
        assert!(
            only.is_ok_and(|row| row.id == "cccc4444"),
            "there is nothing to choose"
        );
    }

    #[test]
    fn an_empty_vault_has_no_such_account() {
        let none = one(Vec::<TrashRow>::new(), "");
        assert!(
            matches!(none, Err(Stop::Refused(refusal)) if refusal.code == "account_not_found"),
            "not ambiguous: nothing fits"
        );
    }
}
