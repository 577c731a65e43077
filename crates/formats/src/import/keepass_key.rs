//! What opens a KeePass database: a password, a key file, or both, made into one key (the "composite key").
//!
//! The library takes the same two, but does not say what it makes of a key file, and we need that before it does:
//! see docs/decisions/0114.

use data_encoding::{BASE64, HEXUPPER};
use keepass::DatabaseKey;
use sha2::{Digest, Sha256};
use zeroize::Zeroizing;

use super::{Format, ImportError};

const WRONG: ImportError = ImportError::WrongKey {
    format: Format::KeePass,
    with_key_file: true,
};

/// Nodes of a key file in XML; it has seven elements.
const MOST_NODES: u32 = 64;

/// What the person gave.
pub(super) struct Keys<'a> {
    password: Option<&'a str>,
    file: Option<&'a [u8]>,
    /// What the key file adds to the key.
    of_file: Option<Zeroizing<Vec<u8>>>,
}

impl<'a> Keys<'a> {
    /// # Errors
    ///
    /// [`ImportError::WrongKey`] for a key file that is spoilt by its own checksum.
    pub(super) fn new(
        password: Option<&'a str>,
        file: Option<&'a [u8]>,
    ) -> Result<Keys<'a>, ImportError> {
        Ok(Keys {
            password,
            file,
            of_file: file.map(key_of).transpose()?,
        })
    }

    /// The key before it is made costly: the parts that there are, in this order.
    pub(super) fn composite(&self) -> [u8; 32] {
        let mut all = Sha256::new();
        if let Some(password) = self.password {
            all.update(Sha256::digest(password));
        }
        if let Some(of_file) = &self.of_file {
            all.update(of_file);
        }
        all.finalize().into()
    }

    /// The same for the library. A file of 32 bytes is the key itself, so that it makes of it what we made of it.
    pub(super) fn library(&self) -> DatabaseKey {
        let mut key = DatabaseKey::new();
        if let Some(password) = self.password {
            key = key.with_password(password);
        }
        let of_file = self.of_file.as_ref().filter(|key| key.len() == 32);
        match of_file.map(|key| key.as_slice()).or(self.file) {
            Some(mut bytes) => key
                .with_keyfile(&mut bytes)
                .expect("bytes in memory can be read"),
            None => key,
        }
    }
}

/// The forms of key files, in the order in which KeePass and KeePassXC try them: XML, 32 bytes, 64 hexadecimal digits,
/// and any file at all by its hash.
fn key_of(file: &[u8]) -> Result<Zeroizing<Vec<u8>>, ImportError> {
    if let Some(key) = key_of_xml(file) {
        return key;
    }
    Ok(Zeroizing::new(match file.len() {
        32 => file.to_vec(),
        64 => match HEXUPPER.decode(&file.to_ascii_uppercase()) {
            Ok(key) => key,
            Err(_) => Sha256::digest(file).to_vec(),
        },
        _ => Sha256::digest(file).to_vec(),
    }))
}

/// Version 1 has the key in base64, version 2 in hexadecimal groups with the start of its hash.
fn key_of_xml(file: &[u8]) -> Option<Result<Zeroizing<Vec<u8>>, ImportError>> {
    let text = std::str::from_utf8(file).ok()?;
    let text = text.strip_prefix('\u{feff}').unwrap_or(text);
    let options = roxmltree::ParsingOptions {
        allow_dtd: false,
        nodes_limit: MOST_NODES,
        ..roxmltree::ParsingOptions::default()
    };
    let document = roxmltree::Document::parse_with_options(text, options).ok()?;
    let root = document.root_element();
    let child = |of: roxmltree::Node<'_, '_>, name: &str| {
        let mut named = of.children().filter(|child| child.has_tag_name(name));
        named.next().map(|child| child.id())
    };
    let at = |id| document.get_node(id);
    let data = child(at(child(root, "Key")?)?, "Data").and_then(at)?;
    let version = child(root, "Meta")
        .and_then(at)
        .and_then(|meta| at(child(meta, "Version")?)?.text());
    let written = data.text()?.chars().filter(|c| !c.is_whitespace());
    let written = Zeroizing::new(written.collect::<String>());
    if !version.is_some_and(|version| version.trim().starts_with("2.")) {
        let key = BASE64.decode(written.as_bytes()).ok()?;
        return Some(Ok(Zeroizing::new(key)));
    }
    let upper = Zeroizing::new(written.to_ascii_uppercase());
    let Ok(key) = HEXUPPER.decode(upper.as_bytes()).map(Zeroizing::new) else {
        return Some(Err(WRONG));
    };
    let hash = data.attribute("Hash").unwrap_or_default();
    let right = HEXUPPER.encode(&Sha256::digest(&key)[..4]);
    Some(match hash.trim().eq_ignore_ascii_case(&right) {
        true => Ok(key),
        false => Err(WRONG),
    })
}
