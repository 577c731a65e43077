//! Android's shared preferences, the XML in which apps keep what they know: a map of names and values.

use zeroize::Zeroizing;

use super::file::File;

/// The names and values of one file, in its order.
pub(super) struct Prefs(Vec<(String, Zeroizing<String>)>);

/// More values than this no app keeps, and no reader should hold.
const MOST_NODES: u32 = 200_000;

/// Whether a file has preferences with this name in it, whole or cut short.
pub(super) fn mentions(file: &File<'_>, name: &str) -> bool {
    file.text.is_some_and(|text| {
        let begins = text.trim_start();
        (begins.starts_with("<?xml") || begins.starts_with("<map")) && text.contains(name)
    })
}

impl Prefs {
    /// `None` for what is not whole. A document type is refused, and with it every entity of its own.
    pub(super) fn read(file: &File<'_>) -> Option<Prefs> {
        let options = roxmltree::ParsingOptions {
            allow_dtd: false,
            nodes_limit: MOST_NODES,
            ..roxmltree::ParsingOptions::default()
        };
        let document = roxmltree::Document::parse_with_options(file.text?, options).ok()?;
        let map = document.root_element();
        let values = map.children().filter_map(|node| {
            let name = node.attribute("name")?.to_owned();
            let value = node.attribute("value").or(node.text());
            Some((name, Zeroizing::new(value.unwrap_or_default().to_owned())))
        });
        map.has_tag_name("map").then(|| Prefs(values.collect()))
    }

    pub(super) fn get(&self, name: &str) -> Option<&str> {
        let found = self.0.iter().find(|(known, _)| known == name);
        found.map(|(_, value)| value.as_str())
    }

    pub(super) fn iter(&self) -> impl Iterator<Item = (&str, &str)> {
        self.0
            .iter()
            .map(|(name, value)| (name.as_str(), value.as_str()))
    }
}
