//! LastPass Authenticator: one JSON file, never encrypted; from iPhones with fewer fields.

use std::collections::HashMap;

use serde::Deserialize;
use serde_json::value::RawValue;
use zeroize::Zeroizing;

use super::file::File;
use super::gather::{Gather, label};
use super::loose::Loose;
use super::number::Number;
use super::{Format, Import, ImportError, NewAccount, SkipReason, Watch};

const FORMAT: Format = Format::LastPass;
const DAMAGED: ImportError = ImportError::Damaged { format: FORMAT };
const NEWEST: u64 = 3;

pub(super) fn read(
    file: &File<'_>,
    _: Option<&str>,
    watch: Watch<'_>,
) -> Option<Result<Import, ImportError>> {
    let ours = file.json.has(&["version", "accounts"]) && !file.json.is_array;
    ours.then(|| entries(file.text.unwrap_or_default(), watch))
}

fn entries(text: &str, watch: Watch<'_>) -> Result<Import, ImportError> {
    let export: Export<'_> = serde_json::from_str(text).map_err(|_| DAMAGED)?;
    if export.version > NEWEST {
        return Err(ImportError::NewerVersion { format: FORMAT });
    }
    let folders = export.folders.iter().flatten();
    let folders = folders.map(|folder| (folder.id, folder.name.as_str()));
    let folders: HashMap<Number, &str> = folders.collect();
    Gather::all(
        FORMAT,
        &export.accounts,
        watch,
        |entry: &Entry| entry.read(&folders),
        Entry::label,
    )
}

#[derive(Deserialize)]
struct Export<'a> {
    version: u64,
    #[serde(borrow)]
    accounts: Vec<&'a RawValue>,
    folders: Option<Vec<Folder>>,
}

#[derive(Deserialize)]
struct Folder {
    id: Number,
    name: String,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Entry {
    issuer_name: Option<String>,
    original_issuer_name: Option<String>,
    user_name: Option<String>,
    original_user_name: Option<String>,
    secret: Option<Zeroizing<String>>,
    #[serde(default)]
    time_step: Number,
    #[serde(default)]
    digits: Number,
    algorithm: Option<String>,
    #[serde(default)]
    is_favorite: bool,
    folder_data: Option<FolderData>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct FolderData {
    #[serde(default)]
    folder_id: Number,
}

impl Entry {
    fn read(&self, folders: &HashMap<Number, &str>) -> Result<NewAccount, SkipReason> {
        let (issuer, account) = self.names();
        let loose = Loose {
            base32: self.secret.as_ref().map(|secret| secret.as_str()),
            issuer,
            account,
            algorithm: self.algorithm.as_deref(),
            digits: self.digits,
            period: self.time_step,
            ..Loose::default()
        };
        // Folder 0 is the list of what is in none.
        let folder = self.folder_data.as_ref();
        let folder = folder.map(|data| data.folder_id);
        let folder = folder.filter(|id| !matches!(id, Number::Unsaid | Number::Whole(0)));
        let group = folder.and_then(|id| folders.get(&id));
        Ok(NewAccount {
            groups: group.into_iter().map(|&name| name.to_owned()).collect(),
            pinned: self.is_favorite,
            ..NewAccount::plain(loose.read()?)
        })
    }

    fn names(&self) -> (Option<&str>, Option<&str>) {
        let said = |name: &'_ Option<String>| name.as_deref().is_some_and(|n| !n.trim().is_empty());
        let issuer = match said(&self.issuer_name) {
            true => &self.issuer_name,
            false => &self.original_issuer_name,
        };
        let account = match said(&self.user_name) {
            true => &self.user_name,
            false => &self.original_user_name,
        };
        (issuer.as_deref(), account.as_deref())
    }

    fn label(&self) -> String {
        let (issuer, account) = self.names();
        label(issuer, account)
    }
}
