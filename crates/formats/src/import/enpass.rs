//! Enpass: its JSON export, never encrypted. Its CSV has no header, so `table.rs` finds no more than links in it.

use std::collections::HashMap;

use serde::Deserialize;
use serde_json::value::RawValue;
use zeroize::Zeroizing;

use super::file::File;
use super::gather::{Gather, label};
use super::loose::field;
use super::{Format, Import, ImportError, NewAccount, SkipReason, Watch};

const FORMAT: Format = Format::Enpass;
const DAMAGED: ImportError = ImportError::Damaged { format: FORMAT };

pub(super) fn read(
    file: &File<'_>,
    _: Option<&str>,
    watch: Watch<'_>,
) -> Option<Result<Import, ImportError>> {
    let text = file.text?;
    let ours = file.json.has(&["items"]) && text.contains("\"template_type\"");
    ours.then(|| {
        let export: Export<'_> = serde_json::from_str(text).map_err(|_| DAMAGED)?;
        let folders = export.folders.iter().flatten();
        let folders = folders.map(|folder| (folder.uuid.as_str(), folder.title.as_str()));
        let folders: HashMap<&str, &str> = folders.collect();
        let read = |item: &Item| item.read(&folders);
        Gather::all(FORMAT, &export.items, watch, read, Item::label)
    })
}

#[derive(Deserialize)]
struct Export<'a> {
    folders: Option<Vec<Folder>>,
    #[serde(borrow)]
    items: Vec<&'a RawValue>,
}

#[derive(Deserialize)]
struct Folder {
    uuid: String,
    title: String,
}

#[derive(Deserialize)]
struct Item {
    title: Option<String>,
    note: Option<String>,
    #[serde(default)]
    favorite: u8,
    #[serde(default)]
    trashed: u8,
    #[serde(default)]
    folders: Vec<String>,
    /// A note has none.
    #[serde(default)]
    fields: Vec<Field>,
}

/// One line of an entry. Everything is here that a person wrote down, passwords too.
#[derive(Deserialize)]
struct Field {
    r#type: Option<String>,
    value: Option<Zeroizing<String>>,
    #[serde(default)]
    deleted: u8,
}

impl Item {
    fn read(&self, folders: &HashMap<&str, &str>) -> Result<NewAccount, SkipReason> {
        let totp = self.field("totp").ok_or(SkipReason::NoOneTimePassword)?;
        let groups = self.folders.iter();
        let groups = groups.filter_map(|uuid| folders.get(uuid.as_str()));
        Ok(NewAccount {
            note: self.note.clone().unwrap_or_default(),
            groups: groups.map(|&title| title.to_owned()).collect(),
            pinned: self.favorite > 0,
            trashed: self.trashed > 0,
            ..NewAccount::plain(field(totp, self.title.as_deref(), self.account())?)
        })
    }

    /// What stands in the first field of this type that is not empty and was not deleted.
    fn field(&self, r#type: &str) -> Option<&str> {
        let fields = self.fields.iter().filter(|field| field.deleted == 0);
        let fields = fields.filter(|field| field.r#type.as_deref() == Some(r#type));
        let mut values = fields.filter_map(|field| field.value.as_ref());
        let value = values.find(|value| !value.trim().is_empty());
        value.map(|value| value.as_str())
    }

    fn account(&self) -> Option<&str> {
        self.field("username").or_else(|| self.field("email"))
    }

    fn label(&self) -> String {
        label(self.title.as_deref(), self.account())
    }
}
