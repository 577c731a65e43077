//! Archives: exports that come as a zip file, also with a password.

use std::io::{self, Cursor, Read};

use zeroize::Zeroizing;
use zip::ZipArchive;
use zip::result::ZipError;

use super::caps;
use super::file::File;

/// The list of a zip file.
pub(super) struct Archive<'a> {
    bytes: &'a [u8],
    names: Vec<String>,
}

/// What an entry turned out to be.
pub(super) enum Entry {
    /// Its bytes.
    Read(Zeroizing<Vec<u8>>),
    /// It is encrypted, and no password was given.
    NeedsPassword,
    /// The password does not open it.
    WrongPassword,
    /// It is more than a file may have, unpacked.
    TooLarge {
        /// At least so much.
        bytes: usize,
    },
    /// It is broken off, spoilt, or packed in a way that no export uses.
    Damaged,
}

impl<'a> Archive<'a> {
    /// `None` for what is no archive, or one without its list: that is at the end.
    pub(super) fn open(file: &File<'a>) -> Option<Archive<'a>> {
        let bytes = file.bytes;
        if !bytes.starts_with(b"PK\x03\x04") {
            return None;
        }
        let archive = ZipArchive::new(Cursor::new(bytes)).ok()?;
        let names = archive.file_names().filter_map(Result::ok);
        let names = names.map(|name| name.into_owned()).collect();
        Some(Archive { bytes, names })
    }

    /// The names of its entries.
    pub(super) fn names(&self) -> impl Iterator<Item = &str> {
        self.names.iter().map(String::as_str)
    }

    pub(super) fn has(&self, name: &str) -> bool {
        self.names().any(|known| known == name)
    }

    /// Unpacks one entry, up to the size that a file may have.
    pub(super) fn read(&self, name: &str, password: Option<&str>) -> Entry {
        let Ok(mut archive) = ZipArchive::new(Cursor::new(self.bytes)) else {
            return Entry::Damaged;
        };
        let entry = match password {
            Some(password) => archive.by_name_decrypt(name, password.as_bytes()),
            None => archive.by_name(name),
        };
        let entry = match entry {
            Ok(entry) => entry,
            Err(ZipError::InvalidPassword) => return Entry::WrongPassword,
            Err(ZipError::UnsupportedArchive(ZipError::PASSWORD_REQUIRED)) => {
                return Entry::NeedsPassword;
            }
            Err(_) => return Entry::Damaged,
        };
        let encrypted = entry.encrypted();
        let most = caps::FILE_BYTES as u64;
        if entry.size() > most {
            let bytes = usize::try_from(entry.size()).unwrap_or(usize::MAX);
            return Entry::TooLarge { bytes };
        }
        let mut bytes = Zeroizing::new(Vec::with_capacity(entry.size() as usize));
        // What it says about its size may be a lie.
        match entry.take(most + 1).read_to_end(&mut bytes) {
            Ok(_) if bytes.len() as u64 > most => Entry::TooLarge { bytes: bytes.len() },
            Ok(_) => Entry::Read(bytes),
            // The old cipher notices a wrong password by nothing but the checksum at the end, in one of 256.
            Err(error) if encrypted && error.kind() == io::ErrorKind::InvalidData => {
                Entry::WrongPassword
            }
            Err(_) => Entry::Damaged,
        }
    }
}
