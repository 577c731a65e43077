//! Files that are known by their signs and not read here: the answer names the app, and the person can export from it in
//! another way.

use super::file::File;
use super::{Format, Import, ImportError, Watch};

/// What every database of SQLite begins with.
pub(super) const SQLITE: &[u8] = b"SQLite format 3\0";

/// A column that only this app's table has. The statements that make tables are kept as text in the file.
const COLUMNS: [(&str, Format); 3] = [
    ("oath_secret_key", Format::Microsoft),
    ("authenticatorcategory", Format::Stratum),
    ("original_name TEXT", Format::GoogleDatabase),
];
/// They come first, long before so many bytes.
const TABLES_WITHIN: usize = 1 << 20;

pub(super) fn read(
    file: &File<'_>,
    _: Option<&str>,
    _: Watch<'_>,
) -> Option<Result<Import, ImportError>> {
    // Reached only where this program is without SQLite.
    let format = database(file)?;
    Some(Err(ImportError::UnsupportedVariant { format }))
}

/// Whose database it is, by its bytes alone.
pub(super) fn database(file: &File<'_>) -> Option<Format> {
    let database = file.bytes.strip_prefix(SQLITE)?;
    let database = &database[..database.len().min(TABLES_WITHIN)];
    let has = |column: &str| {
        let column = column.as_bytes();
        database.windows(column.len()).any(|part| part == column)
    };
    let found = COLUMNS.iter().find(|(column, _)| has(column));
    found.map(|(_, format)| *format)
}
