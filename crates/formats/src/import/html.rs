//! Web pages that hold set-up links, as text, as attributes or as pictures of QR codes: what Aegis and Stratum export.

use std::cell::RefCell;
use std::collections::HashSet;

use couchkey_otp::otpauth;
use couchkey_qr::Pictured;
use data_encoding::BASE64;
use html5ever::tokenizer::{
    BufferQueue, Tag, Token, TokenSink, TokenSinkResult, Tokenizer, TokenizerOpts,
};
use sha2::{Digest, Sha256};
use zeroize::Zeroizing;

use super::file::File;
use super::gather::Gather;
use super::loose::{is_link, link};
use super::{Format, Import, ImportError, NewAccount, SkipReason, Watch};

const FORMAT: Format = Format::Html;
/// So far into a file its first tag has come.
const BEGINNING: usize = 1024;

pub(super) fn read(
    file: &File<'_>,
    _: Option<&str>,
    watch: Watch<'_>,
) -> Option<Result<Import, ImportError>> {
    let text = file.text?;
    let beginning = text.trim_start().as_bytes();
    let beginning = beginning[..beginning.len().min(BEGINNING)].to_ascii_lowercase();
    let has = |tag: &[u8]| beginning.windows(tag.len()).any(|part| part == tag);
    if !beginning.starts_with(b"<") || !(has(b"<html") || has(b"<!doctype html")) {
        return None;
    }
    let found = look(text);
    (!found.is_empty()).then(|| entries(found, watch))
}

fn entries(found: Vec<Found>, watch: Watch<'_>) -> Result<Import, ImportError> {
    let spelled_out = found.iter().any(|found| matches!(found, Found::Link(_)));
    let mut gather = Gather::new(FORMAT, found.len(), watch)?;
    let bytes: Vec<&[u8]> = found.iter().filter_map(Found::picture).collect();
    // All at once: a link may be spread over several of them.
    let mut pictured = couchkey_qr::read_page(&bytes).into_iter();
    // A page may have the same link as text, behind a word, and in a picture.
    let mut seen = HashSet::new();
    for (at, found) in found.into_iter().enumerate() {
        let label = || format!("{}", at + 1);
        let links = match found {
            Found::Link(uri) => vec![uri],
            Found::Picture(_) => {
                let Pictured {
                    mut texts,
                    part_missing,
                } = pictured.next().unwrap_or_default();
                if part_missing {
                    gather.take(Err(SkipReason::MissingPart), label)?;
                }
                texts.retain(|text| is_link(text));
                // Beside links in words, a picture without one is a logo.
                if texts.is_empty() && !part_missing && !spelled_out {
                    gather.take(Err(SkipReason::Damaged), label)?;
                }
                texts
            }
        };
        for uri in links {
            let read = link(&uri);
            if seen.insert(Sha256::digest(uri.as_bytes())) {
                gather.take(read.map(NewAccount::plain), label)?;
            }
        }
    }
    Ok(gather.done())
}

enum Found {
    Link(Zeroizing<String>),
    Picture(Zeroizing<Vec<u8>>),
}

impl Found {
    fn picture(&self) -> Option<&[u8]> {
        match self {
            Self::Picture(bytes) => Some(bytes),
            Self::Link(_) => None,
        }
    }
}

/// What the page holds, in its order. A stream of tags and texts is enough: no tree, and so nothing to nest too deeply.
fn look(text: &str) -> Vec<Found> {
    let input = BufferQueue::default();
    input.push_back(text.into());
    let tokenizer = Tokenizer::new(Sink::default(), TokenizerOpts::default());
    let _ = tokenizer.feed(&input);
    tokenizer.end();
    tokenizer.sink.found.into_inner()
}

#[derive(Default)]
struct Sink {
    found: RefCell<Vec<Found>>,
    text: RefCell<Zeroizing<String>>,
}

impl TokenSink for Sink {
    type Handle = ();

    fn process_token(&self, token: Token, _: u64) -> TokenSinkResult<()> {
        match token {
            Token::CharacterTokens(text) => self.text.borrow_mut().push_str(&text),
            Token::TagToken(tag) => {
                self.text_ends();
                self.tag(&tag);
            }
            Token::EOFToken => self.text_ends(),
            _ => {}
        }
        TokenSinkResult::Continue
    }
}

impl Sink {
    fn text_ends(&self) {
        let text = self.text.take();
        let links = otpauth::find(&text)
            .into_iter()
            .filter(|piece| piece.is_link);
        let links = links.map(|piece| Found::Link(Zeroizing::new(piece.text.to_owned())));
        self.found.borrow_mut().extend(links);
    }

    fn tag(&self, tag: &Tag) {
        for attribute in &tag.attrs {
            let value = attribute.value.trim();
            if is_link(value) {
                let link = Zeroizing::new(value.to_owned());
                self.found.borrow_mut().push(Found::Link(link));
            } else if let Some(picture) = picture(value) {
                self.found.borrow_mut().push(Found::Picture(picture));
            }
        }
    }
}

/// `data:image/png;base64,…` (RFC 2397).
fn picture(value: &str) -> Option<Zeroizing<Vec<u8>>> {
    let (kind, data) = value.strip_prefix("data:image/")?.split_once(',')?;
    if !kind.ends_with(";base64") {
        return None;
    }
    let data: Zeroizing<Vec<u8>> =
        Zeroizing::new(data.bytes().filter(|b| !b.is_ascii_whitespace()).collect());
    Some(Zeroizing::new(BASE64.decode(&data).unwrap_or_default()))
}
