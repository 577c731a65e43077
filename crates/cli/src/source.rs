//! The input: reads files and standard input up to a size, and says in words why one cannot be read.

use std::{
    ffi::OsStr,
    fs::File,
    io::{self, Read},
    path::{Path, PathBuf},
};

use couchkey_authenticator::{Error, Text, decode, qr};
use couchkey_otp::OtpauthError;
use zeroize::Zeroizing;

use crate::{
    args,
    ask::MAX_TEXT,
    refusal::{Refusal, Stop},
    show,
};

/// Whether this is the `-` that stands for standard input.
pub fn is_stdin(path: &Path) -> bool {
    path.as_os_str() == OsStr::new("-")
}

/// Whether all of standard input is taken by a `-`.
pub fn takes_stdin(images: &[PathBuf]) -> bool {
    images.iter().any(|path| is_stdin(path))
}

/// The text of standard input, within its bounds.
pub fn text_of(bytes: &[u8]) -> Result<Text<'_>, Stop> {
    if bytes.len() as u64 > MAX_TEXT {
        return Err(Error::from(OtpauthError::TooLong { bytes: bytes.len() }).into());
    }
    Ok(decode(bytes).ok_or(Error::from(OtpauthError::NotOtpauth))?)
}

/// Standard input was empty.
pub fn nothing_came() -> Refusal {
    Refusal::new(
        "nothing_to_read",
        "Nothing came on standard input.",
        "Put the set-up link there, for example from the clipboard (wl-paste | couchkey add -), or give a picture: couchkey add PICTURE",
    )
}

/// Where a picture's name was expected, somebody may have typed the secret key. It is not repeated.
pub fn no_secret_among(images: &[PathBuf]) -> Result<(), Stop> {
    let looks_like_one =
        |path: &PathBuf| args::looks_like_base32(&path.to_string_lossy()) && !path.exists();
    if images.iter().any(looks_like_one) {
        return Err(Stop::Usage(Refusal::new(
            "secret_in_arguments",
            "One of these is no picture but looks like a secret key. Other programs can read the command line.",
            "Type the key when asked instead: couchkey add --manual. Then clear it from your shell's history.",
        )));
    }
    Ok(())
}

/// A picture's bytes, at most one more than the most that is decoded.
pub fn read_file(path: &Path) -> Result<Zeroizing<Vec<u8>>, Stop> {
    let read = || -> io::Result<Zeroizing<Vec<u8>>> {
        let mut bytes = Zeroizing::new(Vec::new());
        let file = File::open(path)?;
        if file.metadata()?.is_dir() {
            return Err(io::ErrorKind::IsADirectory.into());
        }
        file.take(qr::MAX_BYTES as u64 + 1)
            .read_to_end(&mut bytes)?;
        Ok(bytes)
    };
    read().map_err(|error| {
        let missing = error.kind() == io::ErrorKind::NotFound;
        Refusal::new(
            "file_unreadable",
            format!("{} cannot be read: {}.", file_name(path), why(error.kind())),
            if missing {
                "Check the name and the folder."
            } else {
                "Check that it is a picture of yours and may be read."
            },
        )
        .into()
    })
}

/// A failure of the disk, in words.
pub fn why(kind: io::ErrorKind) -> &'static str {
    match kind {
        io::ErrorKind::NotFound => "there is no such file",
        io::ErrorKind::PermissionDenied => "it may not be opened",
        io::ErrorKind::IsADirectory => "it is a folder",
        io::ErrorKind::AlreadyExists => "there is a file of that name already",
        io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded | io::ErrorKind::FileTooLarge => {
            "the disk is full"
        }
        _ => "the disk failed",
    }
}

/// A file's name as people may see it.
pub fn file_name(path: &Path) -> String {
    if is_stdin(path) {
        return "standard input".to_owned();
    }
    show::safe(&path.to_string_lossy())
}
