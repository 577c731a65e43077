//! The SQLite databases of Google, Microsoft and Stratum, as they lie on a rooted phone. Read from memory; a schema is a
//! stranger's program, so nothing of it is run: tables only, no views, no computed columns.

use std::collections::HashMap;

use couchkey_otp::OtpauthError;
use rusqlite::config::DbConfig;
use rusqlite::limits::Limit;
use rusqlite::types::ValueRef;
use rusqlite::{Connection, MAIN_DB};
use zeroize::Zeroizing;

use super::file::File;
use super::gather::{Gather, label};
use super::loose::Loose;
use super::number::{Number, base64};
use super::{Format, Import, ImportError, NewAccount, SkipReason, Watch, caps, known, stratum};

/// Bytes of one row, and of one statement that makes a table; the most that SQLite hands out.
const ROW_BYTES: i32 = 64 << 10;

pub(super) fn read(
    file: &File<'_>,
    _: Option<&str>,
    watch: Watch<'_>,
) -> Option<Result<Import, ImportError>> {
    if !file.bytes.starts_with(known::SQLITE) {
        return None;
    }
    let database = Database::open(file.bytes);
    let database = database.as_ref();
    let has = |table, columns| database.filter(|database| database.has(table, columns));
    if let Some(database) = has("accounts", &MICROSOFT) {
        return Some(microsoft(database, watch));
    }
    if let Some(database) = has("accounts", &GOOGLE) {
        return Some(google(database, watch));
    }
    if let Some(database) = has("authenticator", &STRATUM) {
        return Some(stratum(database, watch));
    }
    // Not readable, or without the table; a sign in the bytes may still say whose it was.
    let format = known::database(file)?;
    Some(Err(ImportError::Damaged { format }))
}

const GOOGLE: [&str; 5] = ["email", "secret", "counter", "type", "issuer"];

fn google(database: &Database, watch: Watch<'_>) -> Result<Import, ImportError> {
    const FORMAT: Format = Format::GoogleDatabase;
    let entry = |row: &Row| {
        let kind = match row.number(3) {
            Number::Unsaid | Number::Whole(0) => "totp",
            Number::Whole(1) => "hotp",
            _ => return Err(OtpauthError::BadType.into()),
        };
        let loose = Loose {
            kind: Some(kind),
            base32: row.text(1),
            issuer: row.text(4),
            account: row.text(0),
            counter: row.number(2),
            ..Loose::default()
        };
        Ok(NewAccount::plain(loose.read()?))
    };
    let name = |row: &Row| label(row.text(4), row.text(0));
    database.entries(FORMAT, ("accounts", &GOOGLE), watch, entry, name)
}

const MICROSOFT: [&str; 4] = ["name", "username", "oath_secret_key", "account_type"];

fn microsoft(database: &Database, watch: Watch<'_>) -> Result<Import, ImportError> {
    const FORMAT: Format = Format::Microsoft;
    let entry = |row: &Row| {
        let secret = row.text(2).filter(|secret| !secret.trim().is_empty());
        let names = Loose {
            issuer: row.text(0),
            account: row.text(1),
            ..Loose::default()
        };
        let loose = match (row.number(3), secret) {
            // A sign-in by a tap on the phone alone.
            (Number::Whole(0..=2), None) => return Err(SkipReason::NoOneTimePassword),
            (Number::Whole(0), base32) => Loose { base32, ..names },
            // Microsoft's own accounts: eight digits, and the secret in base64.
            (Number::Whole(1), Some(secret)) => {
                let bytes = base64(secret).ok_or(OtpauthError::BadSecret)?;
                let own = Loose {
                    bytes: Some(&bytes),
                    digits: Number::Whole(8),
                    ..names
                };
                return Ok(NewAccount::plain(own.read()?));
            }
            _ => return Err(OtpauthError::BadType.into()),
        };
        Ok(NewAccount::plain(loose.read()?))
    };
    let name = |row: &Row| label(row.text(0), row.text(1));
    database.entries(FORMAT, ("accounts", &MICROSOFT), watch, entry, name)
}

const STRATUM: [&str; 8] = [
    "type",
    "issuer",
    "username",
    "secret",
    "algorithm",
    "digits",
    "period",
    "counter",
];

fn stratum(database: &Database, watch: Watch<'_>) -> Result<Import, ImportError> {
    const FORMAT: Format = Format::Stratum;
    let pairs = |table, columns: &[&str; 2]| -> Result<Vec<Row>, ImportError> {
        match database.has(table, columns) {
            true => database.rows(FORMAT, table, columns),
            false => Ok(Vec::new()),
        }
    };
    let categories = pairs("category", &["id", "name"])?;
    let bindings = pairs(
        "authenticatorcategory",
        &["categoryid", "authenticatorsecret"],
    )?;
    let names = categories.iter().filter_map(Row::pair);
    let names: HashMap<&str, &str> = names.collect();
    let mut groups: HashMap<&str, Vec<&str>> = HashMap::new();
    for (category, secret) in bindings.iter().filter_map(Row::pair) {
        if let Some(name) = names.get(category) {
            groups.entry(secret).or_default().push(name);
        }
    }
    let entry = |row: &Row| {
        let text = |at| row.text(at).map(str::to_owned);
        let entry = stratum::Entry {
            kind: row.number(0),
            issuer: text(1),
            username: text(2),
            secret: text(3).map(Zeroizing::new),
            algorithm: row.number(4),
            digits: row.number(5),
            period: row.number(6),
            counter: row.number(7),
        };
        entry.read(&groups)
    };
    let name = |row: &Row| label(row.text(1), row.text(2));
    database.entries(FORMAT, ("authenticator", &STRATUM), watch, entry, name)
}

/// A database that is only read.
struct Database(Connection);

impl Database {
    /// `None` where SQLite does not want it.
    fn open(bytes: &[u8]) -> Option<Database> {
        let mut connection = Connection::open_in_memory().ok()?;
        connection
            .set_limit(Limit::SQLITE_LIMIT_LENGTH, ROW_BYTES)
            .ok()?;
        let switches = [
            (DbConfig::SQLITE_DBCONFIG_DEFENSIVE, true),
            (DbConfig::SQLITE_DBCONFIG_TRUSTED_SCHEMA, false),
            (DbConfig::SQLITE_DBCONFIG_ENABLE_VIEW, false),
            (DbConfig::SQLITE_DBCONFIG_ENABLE_TRIGGER, false),
        ];
        for (switch, on) in switches {
            connection.set_db_config(switch, on).ok()?;
        }
        // A page that is cut short would be filled up with zeros, and its entries with them.
        let page = u16::from_be_bytes([*bytes.get(16)?, *bytes.get(17)?]);
        let page = if page == 1 {
            1 << 16
        } else {
            usize::from(page)
        };
        if page == 0 || !bytes.len().is_multiple_of(page) {
            return None;
        }
        // Bytes 18 and 19 say that there is a log beside the file, which nobody handed over and memory has no place for.
        let mut head: [u8; 20] = *bytes.first_chunk()?;
        head[18..].fill(1);
        let whole = std::io::Read::chain(&head[..], &bytes[head.len()..]);
        connection
            .deserialize_read_exact(MAIN_DB, whole, bytes.len(), true)
            .ok()?;
        connection
            .pragma_update(None, "cell_size_check", true)
            .ok()?;
        Some(Database(connection))
    }

    /// Whether there is such a table, of nothing but stored columns, these among them.
    fn has(&self, table: &str, columns: &[&str]) -> bool {
        let is_table = "SELECT 1 FROM sqlite_schema WHERE type = 'table' AND name = ?1 COLLATE NOCASE \
                        AND sql LIKE 'CREATE TABLE %'";
        let is_table = self.0.query_row(is_table, [table], |_| Ok(()));
        if is_table.is_err() {
            return false;
        }
        let mut names = Vec::new();
        let mut computed = false;
        let column = |row: &rusqlite::Row<'_>| {
            names.push(row.get::<_, String>("name")?.to_ascii_lowercase());
            computed |= row.get::<_, i64>("hidden")? != 0;
            Ok(())
        };
        let read = self.0.pragma(None, "table_xinfo", table, column);
        let known = |name: &str| names.iter().any(|known| known == name);
        read.is_ok() && !computed && columns.iter().all(|name| known(name))
    }

    /// All of a table, in the order in which it is stored. One more than the cap, at most.
    fn rows(&self, format: Format, table: &str, columns: &[&str]) -> Result<Vec<Row>, ImportError> {
        let damaged = |_| ImportError::Damaged { format };
        // Names are ours, never the file's.
        let sql = format!(r#"SELECT "{}" FROM "{table}""#, columns.join(r#"", ""#));
        let mut statement = self.0.prepare(&sql).map_err(damaged)?;
        let mut found = statement.query([]).map_err(damaged)?;
        let (mut rows, mut bytes) = (Vec::new(), 0);
        while let Some(row) = found.next().map_err(damaged)? {
            let cells = (0..columns.len()).map(|at| row.get_ref(at).map(Cell::from));
            let row = Row(cells.collect::<Result<_, _>>().map_err(damaged)?);
            // Pages may be shared, so that little becomes much.
            bytes += row.bytes();
            if bytes > caps::FILE_BYTES {
                return Err(ImportError::Damaged { format });
            }
            rows.push(row);
            if rows.len() > caps::ENTRIES {
                break;
            }
        }
        Ok(rows)
    }

    fn entries(
        &self,
        format: Format,
        (table, columns): (&str, &[&str]),
        watch: Watch<'_>,
        read: impl Fn(&Row) -> Result<NewAccount, SkipReason>,
        label: impl Fn(&Row) -> String,
    ) -> Result<Import, ImportError> {
        let rows = self.rows(format, table, columns)?;
        let mut gather = Gather::new(format, rows.len(), watch)?;
        for row in &rows {
            gather.take(read(row), || label(row))?;
        }
        Ok(gather.done())
    }
}

/// The cells of a row, in the order of the columns asked for.
struct Row(Vec<Cell>);

/// What a cell holds; SQLite lets every column hold anything.
enum Cell {
    Nothing,
    Number(i64),
    Text(Zeroizing<String>),
    Other,
}

impl From<ValueRef<'_>> for Cell {
    fn from(value: ValueRef<'_>) -> Cell {
        match value {
            ValueRef::Null => Cell::Nothing,
            ValueRef::Integer(number) => Cell::Number(number),
            ValueRef::Text(bytes) => match std::str::from_utf8(bytes) {
                Ok(text) => Cell::Text(Zeroizing::new(text.to_owned())),
                Err(_) => Cell::Other,
            },
            ValueRef::Real(_) | ValueRef::Blob(_) => Cell::Other,
        }
    }
}

impl Row {
    fn number(&self, at: usize) -> Number {
        match &self.0[at] {
            Cell::Nothing => Number::Unsaid,
            Cell::Number(number) => Number::Whole(*number),
            Cell::Text(text) => Number::read(text),
            Cell::Other => Number::Unreadable,
        }
    }

    /// `None` where it holds none.
    fn text(&self, at: usize) -> Option<&str> {
        match &self.0[at] {
            Cell::Text(text) => Some(text),
            _ => None,
        }
    }

    fn pair(&self) -> Option<(&str, &str)> {
        Some((self.text(0)?, self.text(1)?))
    }

    fn bytes(&self) -> usize {
        let texts = self.0.iter().map(|cell| match cell {
            Cell::Text(text) => text.len(),
            _ => 0,
        });
        texts.sum()
    }
}
