//! KeePass 2's export as XML, which KeePassXC writes too: what is inside a database, unsealed.

use roxmltree::{Document, Node};

use super::file::File;
use super::gather::{Gather, label};
use super::keepass::{is_otp_field, passwords};
use super::{Format, Import, ImportError, NewAccount, SkipReason, Watch};

const FORMAT: Format = Format::KeePassXml;
const DAMAGED: ImportError = ImportError::Damaged { format: FORMAT };

/// So far into a file its outermost element has come.
const BEGINNING: usize = 1024;
/// Far more than ten thousand entries with a history each.
const MOST_NODES: u32 = 4_000_000;
/// Groups in groups.
const DEPTH: usize = 128;

pub(super) fn read(
    file: &File<'_>,
    _: Option<&str>,
    watch: Watch<'_>,
) -> Option<Result<Import, ImportError>> {
    let text = file.text?.trim_start();
    let beginning = &text.as_bytes()[..text.len().min(BEGINNING)];
    let root = b"<KeePassFile";
    let is_ours = beginning.starts_with(b"<") && beginning.windows(root.len()).any(|at| at == root);
    is_ours.then(|| open(text, watch))
}

fn open(text: &str, watch: Watch<'_>) -> Result<Import, ImportError> {
    let options = roxmltree::ParsingOptions {
        allow_dtd: false,
        nodes_limit: MOST_NODES,
        ..roxmltree::ParsingOptions::default()
    };
    let document = Document::parse_with_options(text, options).map_err(|error| match error {
        roxmltree::Error::NodesLimitReached => ImportError::TooManyEntries { format: FORMAT },
        _ => DAMAGED,
    })?;
    let file = document.root_element();
    let root = child(file, "Root").and_then(|root| child(root, "Group"));
    let root = root.ok_or(DAMAGED)?;
    let meta = child(file, "Meta");
    let has_bin = meta.and_then(|meta| text_of(meta, "RecycleBinEnabled")) == Some("True");
    let bin = meta.filter(|_| has_bin);
    let bin = bin.and_then(|meta| text_of(meta, "RecycleBinUUID"));
    let mut found = Vec::new();
    let mut thrown_away = 0;
    walk(root, None, bin, 0, &mut found, &mut thrown_away)?;
    if thrown_away > 0 {
        let entries = thrown_away;
        found.push((Err(SkipReason::InRecycleBin { entries }), String::new()));
    }
    let mut gather = Gather::new(FORMAT, found.len(), watch)?;
    for (entry, label) in found {
        gather.take(entry, || label)?;
    }
    Ok(gather.done())
}

type Found = Vec<(Result<NewAccount, SkipReason>, String)>;

/// A group's entries, then the groups in it, as in a database.
fn walk(
    group: Node<'_, '_>,
    path: Option<&str>,
    bin: Option<&str>,
    depth: usize,
    found: &mut Found,
    thrown_away: &mut u64,
) -> Result<(), ImportError> {
    if depth == DEPTH {
        return Err(DAMAGED);
    }
    for entry in children(group, "Entry") {
        take(entry, path, found);
    }
    for inner in children(group, "Group") {
        if bin.is_some() && text_of(inner, "UUID") == bin {
            let entries = inner
                .descendants()
                .filter(|node| node.has_tag_name("Entry"));
            // Not those of a history.
            let now = entries.filter(|entry| {
                let around = entry.parent_element();
                around.is_some_and(|around| around.has_tag_name("Group"))
            });
            *thrown_away += now.count() as u64;
            continue;
        }
        let name = text_of(inner, "Name").unwrap_or_default();
        let path = match path {
            Some(path) => format!("{path} / {name}"),
            None => name.to_owned(),
        };
        walk(inner, Some(&path), bin, depth + 1, found, thrown_away)?;
    }
    Ok(())
}

/// The entry as it is now; its history lies in an element of its own.
fn take(entry: Node<'_, '_>, path: Option<&str>, found: &mut Found) {
    let get = |name: &str| {
        let value = value(entry, name)?;
        (!is_sealed(value)).then(|| value.text()).flatten()
    };
    let mut passwords = passwords(&get);
    if passwords.is_empty() {
        let fields = children(entry, "String");
        let sealed = |field: Node<'_, '_>| {
            text_of(field, "Key").is_some_and(is_otp_field)
                && child(field, "Value").is_some_and(is_sealed)
        };
        passwords.push(Err(match fields.into_iter().any(sealed) {
            true => SkipReason::Sealed,
            false => SkipReason::NoOneTimePassword,
        }));
    }
    let tags = text_of(entry, "Tags").unwrap_or_default().split([';', ',']);
    let tags = tags.map(str::trim).filter(|tag| !tag.is_empty());
    let groups: Vec<String> = path.into_iter().chain(tags).map(str::to_owned).collect();
    for password in passwords {
        let imported = password.map(|parsed| NewAccount {
            note: get("Notes").unwrap_or_default().to_owned(),
            groups: groups.clone(),
            ..NewAccount::plain(parsed)
        });
        found.push((imported, label(get("Title"), get("UserName"))));
    }
}

fn value<'a, 'i>(entry: Node<'a, 'i>, name: &str) -> Option<Node<'a, 'i>> {
    let mut named = children(entry, "String").filter(|field| text_of(*field, "Key") == Some(name));
    child(named.next()?, "Value")
}

/// By the inner stream of the database that it was taken out of, whose key is not in here. `ProtectInMemory` is nothing
/// but advice.
fn is_sealed(value: Node<'_, '_>) -> bool {
    let protected = value.attribute("Protected");
    protected.is_some_and(|word| word.eq_ignore_ascii_case("true"))
}

fn children<'a, 'i>(of: Node<'a, 'i>, name: &'static str) -> impl Iterator<Item = Node<'a, 'i>> {
    of.children().filter(move |child| child.has_tag_name(name))
}

fn child<'a, 'i>(of: Node<'a, 'i>, name: &'static str) -> Option<Node<'a, 'i>> {
    children(of, name).next()
}

fn text_of<'a>(of: Node<'a, '_>, name: &'static str) -> Option<&'a str> {
    child(of, name).and_then(|child| child.text())
}
