//! Tables: what password managers export as CSV (RFC 4180, and what is not quite that), by the names of their columns.
//!
//! A name is taken from a column of names and nowhere else: a password or a note never becomes one.

use couchkey_otp::otpauth;

use super::file::File;
use super::gather::{Gather, label};
use super::loose::{Loose, field, is_link, link};
use super::number::Number;
use super::{Format, Import, ImportError, NewAccount, SkipReason, Watch};

/// What may stand between two columns.
const DELIMITERS: [u8; 4] = *b",;\t|";
/// More columns than this no export has.
const MOST_COLUMNS: usize = 256;

/// Columns of one-time passwords, by their names without blanks and signs, in lower case.
const PASSWORDS: [&str; 27] = [
    "otp",
    "otpauth",
    "otpauthuri",
    "otpauthurl",
    "otpurl",
    "otpuri",
    "otpsecret",
    "otpkey",
    "otpseed",
    "totp",
    "totpsecret",
    "totpkey",
    "totpuri",
    "totpurl",
    "totpseed",
    "logintotp",
    "2fa",
    "2fasecret",
    "2fakey",
    "twofactor",
    "twofactorsecret",
    "twofactorauthentication",
    "mfa",
    "mfasecret",
    "onetimepassword",
    "authenticatorkey",
    "authenticator",
];
/// They hold a key in a table of accounts, and anything in one of logins: only their content tells.
const KEYS: [&str; 5] = ["secret", "key", "secretkey", "seed", "sharedsecret"];
const ISSUERS: [&str; 8] = [
    "issuer",
    "title",
    "name",
    "service",
    "servicename",
    "accountname",
    "site",
    "passwordname",
];
const ACCOUNTS: [&str; 10] = [
    "username",
    "loginusername",
    "login",
    "loginname",
    "user",
    "userid",
    "account",
    "email",
    "emailaddress",
    "mail",
];
const NOTES: [&str; 6] = ["notes", "note", "extra", "comments", "comment", "memo"];
const GROUPS: [&str; 6] = ["folder", "group", "groups", "grouping", "category", "tags"];
const FAVOURITES: [&str; 5] = ["favorite", "favourite", "fav", "pinned", "starred"];
const LOGIN_PASSWORDS: [&str; 4] = ["password", "loginpassword", "pwd", "pass"];
const ADDRESSES: [&str; 8] = [
    "url",
    "urls",
    "website",
    "loginuri",
    "websiteaddress",
    "address",
    "uri",
    "matchurl",
];

/// Where RoboForm keeps whatever a form has besides.
const ROBOFORM: &str = "rffieldsv2";

/// Who writes a table with all of these columns; the first that fits.
const MAKERS: [(Format, &[&str]); 9] = [
    (Format::RoboForm, &["name", "login", ROBOFORM]),
    (Format::Bitwarden, &["name", "logintotp"]),
    (Format::OnePassword, &["title", "otpauth", "archived"]),
    (
        Format::ApplePasswords,
        &["title", "url", "username", "password", "otpauth"],
    ),
    (Format::ProtonPass, &["name", "totp", "vault"]),
    (Format::LastPassVault, &["totp", "extra", "grouping"]),
    (Format::KeePass, &["group", "title", "username", "totp"]),
    (Format::Dashlane, &["title", "username2", "otpurl"]),
    (Format::Dashlane, &["title", "username2", "otpsecret"]),
];

pub(super) fn read(
    file: &File<'_>,
    _: Option<&str>,
    watch: Watch<'_>,
) -> Option<Result<Import, ImportError>> {
    let table = Table::of(file.text?)?;
    Some(table.entries(watch))
}

/// A text that is a table, and what its columns are.
struct Table<'a> {
    /// Behind the header.
    rows: &'a str,
    delimiter: u8,
    columns: Columns,
    width: usize,
    format: Format,
}

#[derive(Default)]
struct Columns {
    passwords: Vec<usize>,
    fields: Option<usize>,
    issuer: Option<usize>,
    account: Option<usize>,
    note: Option<usize>,
    groups: Option<usize>,
    favourite: Option<usize>,
    kind: Option<usize>,
    algorithm: Option<usize>,
    digits: Option<usize>,
    period: Option<usize>,
    counter: Option<usize>,
}

impl<'a> Table<'a> {
    /// By its first line; Excel may have put another before it that names the delimiter.
    fn of(text: &'a str) -> Option<Table<'a>> {
        let first = text.lines().next()?.trim();
        let said = first.strip_prefix("sep=").filter(|rest| rest.len() == 1);
        let (text, delimiters) = match said {
            Some(said) => {
                let (_, rest) = text.split_once('\n')?;
                (rest, vec![said.as_bytes()[0]])
            }
            None => (text, DELIMITERS.to_vec()),
        };
        let tables = delimiters.into_iter().filter_map(|d| Table::with(text, d));
        tables.max_by_key(|table| table.width)
    }

    fn with(text: &'a str, delimiter: u8) -> Option<Table<'a>> {
        let mut reader = csv::ReaderBuilder::new();
        let reader = reader
            .has_headers(false)
            .flexible(true)
            .delimiter(delimiter);
        let mut reader = reader.from_reader(text.as_bytes());
        let mut header = csv::StringRecord::new();
        if !reader.read_record(&mut header).ok()? || header.len() > MOST_COLUMNS {
            return None;
        }
        let start = usize::try_from(reader.position().byte()).ok()?;
        let rows = text.get(start..)?;
        let names: Vec<String> = header.iter().map(plain).collect();
        // The first of the known names that is there: a name before an address.
        let is = |known: &[&str]| {
            let mut known = known.iter();
            known.find_map(|known| names.iter().position(|name| name == known))
        };
        let all = |known: &[&str]| {
            let places = names.iter().enumerate();
            let places = places.filter(|(_, name)| known.contains(&name.as_str()));
            places.map(|(at, _)| at).collect::<Vec<_>>()
        };
        let (issuer, account) = (is(&ISSUERS), is(&ACCOUNTS));
        let mut passwords = all(&PASSWORDS);
        let is_of_logins = is(&LOGIN_PASSWORDS).is_some();
        if passwords.is_empty() && !is_of_logins && (issuer.is_some() || account.is_some()) {
            passwords = all(&KEYS);
        }
        // A header without such a column may still be one: its rows tell which of them holds links.
        let known = [
            issuer.is_some(),
            account.is_some(),
            is_of_logins,
            is(&ADDRESSES).is_some(),
            is(&NOTES).is_some(),
        ];
        let is_header = !header.iter().any(|cell| is_link(cell.trim()));
        let is_table = !passwords.is_empty() || known.iter().filter(|is| **is).count() >= 2;
        if !is_header || !is_table {
            return None;
        }
        if passwords.is_empty() {
            passwords = linked(rows, delimiter, header.len());
            // A table of logins without one-time passwords is one all the same; of anything else it is not.
            if passwords.is_empty() && !(is_of_logins && account.is_some()) {
                return None;
            }
        }
        let has = |wanted: &[&str]| wanted.iter().all(|w| names.iter().any(|name| name == w));
        let maker = MAKERS.iter().find(|(_, columns)| has(columns));
        Some(Table {
            rows,
            delimiter,
            width: header.len(),
            format: maker.map_or(Format::Table, |(format, _)| *format),
            columns: Columns {
                passwords,
                fields: is(&[ROBOFORM]),
                issuer,
                account,
                note: is(&NOTES),
                groups: is(&GROUPS),
                favourite: is(&FAVOURITES),
                kind: is(&["type", "otptype", "kind"]),
                algorithm: is(&["algorithm", "algo", "hash", "otpalgorithm"]),
                digits: is(&["digits", "otpdigits", "length"]),
                period: is(&["period", "timestep", "interval", "otpperiod"]),
                counter: is(&["counter", "otpcounter"]),
            },
        })
    }

    fn entries(&self, watch: Watch<'_>) -> Result<Import, ImportError> {
        // How many rows there are is known at the end.
        let mut gather = Gather::new(self.format, 0, watch)?;
        for row in records(self.rows, self.delimiter) {
            let Ok(row) = row else {
                gather.take(Err(SkipReason::Damaged), String::new)?;
                continue;
            };
            // A quotation mark that is missing moves cells to other columns: then only a link still says what it is.
            if row.len() != self.width {
                let mut links = row
                    .iter()
                    .flat_map(otpauth::find)
                    .filter(|piece| piece.is_link)
                    .peekable();
                if links.peek().is_none() {
                    gather.take(Err(SkipReason::Damaged), String::new)?;
                }
                for found in links {
                    gather.take(link(found.text).map(NewAccount::plain), String::new)?;
                }
                continue;
            }
            let row = Row {
                cells: &row,
                columns: &self.columns,
            };
            let name = || label(row.get(self.columns.issuer), row.get(self.columns.account));
            let places = self.columns.passwords.iter();
            let texts = places.filter_map(|&at| row.get(Some(at)));
            let mut texts = texts.chain(row.in_fields()).peekable();
            if texts.peek().is_none() {
                gather.take(Err(SkipReason::NoOneTimePassword), name)?;
            }
            for text in texts {
                gather.take(row.read(text), name)?;
            }
        }
        Ok(gather.done())
    }
}

fn records(
    rows: &str,
    delimiter: u8,
) -> impl Iterator<Item = Result<csv::StringRecord, csv::Error>> {
    let mut reader = csv::ReaderBuilder::new();
    let reader = reader
        .has_headers(false)
        .flexible(true)
        .delimiter(delimiter);
    reader.from_reader(rows.as_bytes()).into_records()
}

/// The columns in which a link stands.
fn linked(rows: &str, delimiter: u8, width: usize) -> Vec<usize> {
    let mut found = vec![false; width];
    for row in records(rows, delimiter).flatten() {
        for (cell, found) in row.iter().zip(&mut found) {
            *found |= is_link(cell.trim());
        }
    }
    (0..width).filter(|&at| found[at]).collect()
}

/// A column's name without what people and languages put between its words.
fn plain(name: &str) -> String {
    let signs = name.chars().filter(|c| c.is_alphanumeric());
    signs.flat_map(char::to_lowercase).collect()
}

struct Row<'r> {
    cells: &'r csv::StringRecord,
    columns: &'r Columns,
}

impl Row<'_> {
    fn get(&self, column: Option<usize>) -> Option<&str> {
        let cell = self.cells.get(column?)?.trim();
        Some(cell).filter(|cell| !cell.is_empty())
    }

    /// RoboForm's fields are `name,…,txt,value`; the key of the one-time passwords is one of them.
    fn in_fields(&self) -> Option<&str> {
        let fields = self.get(self.columns.fields)?;
        let (_, rest) = fields.split_once("TOTP KEY$")?;
        let mut parts = rest.split(',').skip(1).map(str::trim);
        parts.find(|part| !part.is_empty() && *part != "txt")
    }

    fn read(&self, text: &str) -> Result<NewAccount, SkipReason> {
        let columns = self.columns;
        let (issuer, account) = (self.get(columns.issuer), self.get(columns.account));
        let parsed = match text.contains("://") {
            true => field(text, issuer, account)?,
            // A key alone: what goes with it may have columns of its own.
            false => {
                let kinds = ["totp", "hotp", "steam", "motp", "yandex", "yaotp"];
                let kind = self.get(columns.kind);
                let kind =
                    kind.filter(|kind| kinds.iter().any(|known| known.eq_ignore_ascii_case(kind)));
                let number = |column| Number::of(self.get(column));
                let loose = Loose {
                    kind,
                    base32: Some(text),
                    issuer,
                    account,
                    algorithm: self.get(columns.algorithm),
                    digits: number(columns.digits),
                    period: number(columns.period),
                    counter: number(columns.counter),
                    ..Loose::default()
                };
                loose.read()?
            }
        };
        let is_favourite = self.get(columns.favourite).is_some_and(|text| {
            ["1", "true", "yes"]
                .iter()
                .any(|yes| yes.eq_ignore_ascii_case(text))
        });
        let groups = self.get(columns.groups).unwrap_or_default();
        Ok(NewAccount {
            note: self.get(columns.note).unwrap_or_default().to_owned(),
            groups: groups
                .split(';')
                .map(|group| group.trim().to_owned())
                .filter(|group| !group.is_empty())
                .collect(),
            pinned: is_favourite,
            ..NewAccount::plain(parsed)
        })
    }
}
