//! One text over several symbols: structured append (ISO/IEC 18004:2015, clause 8). Parts become a text when all of them
//! are here and their parity fits, and never before: half a setup link is a setup link with half a key.

use zeroize::Zeroizing;

use super::Found;

/// What a QR code says.
#[derive(PartialEq, Eq)]
pub enum Said {
    /// A text of its own.
    Whole(Zeroizing<String>),
    /// A part of a text. There is no way to its words but [`Parts`].
    Part(Part),
}

/// What one symbol holds of a text that is spread over several.
#[derive(PartialEq, Eq)]
pub struct Part {
    /// Counted from 1.
    number: u8,
    of: u8,
    /// All bytes of the whole text, XORed.
    parity: u8,
    bytes: Zeroizing<Vec<u8>>,
    text: Zeroizing<String>,
}

impl Part {
    /// By what the symbol says of itself, its index counted from 0; `None` where that cannot be: there are 2 to 16.
    pub(super) fn new(
        index: i32,
        count: i32,
        parity: u8,
        bytes: &[u8],
        text: Zeroizing<String>,
    ) -> Option<Self> {
        let number = u8::try_from(index.checked_add(1)?).ok()?;
        let of = u8::try_from(count).ok()?;
        let fits = (2..=MOST_PARTS).contains(&of) && (1..=of).contains(&number);
        fits.then(|| Self {
            number,
            of,
            parity,
            bytes: Zeroizing::new(bytes.to_vec()),
            text,
        })
    }

    /// Which one it is, counted from 1.
    pub fn number(&self) -> u8 {
        self.number
    }

    /// How many there are.
    pub fn of(&self) -> u8 {
        self.of
    }

    /// Of which text it is a part.
    pub(super) fn whole(&self) -> WholeId {
        WholeId(self.of, self.parity)
    }
}

/// What the parts of one text have in common: how many they are, and the parity.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct WholeId(u8, u8);

/// The standard's own bound.
const MOST_PARTS: u8 = 16;
/// Texts whose parts are kept at the same time; a page of setup links has fewer, a hostile film has more.
const MOST_TEXTS: usize = 32;

/// The parts that were seen so far, of as many texts as there are.
#[derive(Default)]
pub struct Parts {
    /// Those of one text lie together, in their order; the text that was seen last is the last one.
    texts: Vec<Vec<Part>>,
}

/// How far a text is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Progress {
    /// The part that came last, counted from 1.
    pub part: u8,
    /// How many there are.
    pub of: u8,
    /// Those that are here, ascending.
    pub have: Vec<u8>,
}

/// All parts are here by their numbers and are not parts of one text: their parity says so.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("these QR codes are parts of different texts")]
pub struct PartsDiffer;

impl Parts {
    /// The texts that codes say, in their order: those of whole codes, and those that are complete now. A part that is
    /// seen again says its text again.
    pub fn take_in(
        &mut self,
        found: impl IntoIterator<Item = Found>,
    ) -> Vec<Result<Zeroizing<String>, PartsDiffer>> {
        let mut texts = Vec::new();
        for found in found {
            match found.said {
                Said::Whole(text) => texts.push(Ok(text)),
                Said::Part(part) => texts.extend(self.put(part).transpose()),
            }
        }
        texts
    }

    /// How far the text is that was seen last and is not complete.
    pub fn waiting(&self) -> Option<Progress> {
        let parts = self.texts.iter().rev().find(|parts| !is_complete(parts))?;
        Some(Progress {
            part: parts.last()?.number,
            of: parts.last()?.of,
            have: {
                let mut have: Vec<u8> = parts.iter().map(Part::number).collect();
                have.sort_unstable();
                have
            },
        })
    }

    /// The text of which this is the last part that was missing.
    fn put(&mut self, part: Part) -> Result<Option<Zeroizing<String>>, PartsDiffer> {
        self.keep(part);
        let parts = self.texts.last().filter(|parts| is_complete(parts));
        let joined = parts.map(|parts| joined(parts)).transpose();
        if joined.is_err() {
            self.texts.pop();
        }
        joined
    }

    /// Keeps a part beside those that came before it.
    pub(super) fn keep(&mut self, part: Part) -> WholeId {
        let whole = part.whole();
        let same = |parts: &Vec<Part>| parts.iter().all(|other| other.whole() == whole);
        let mut parts = match self.texts.iter().position(same) {
            Some(at) => self.texts.remove(at),
            None => Vec::new(),
        };
        if self.texts.len() == MOST_TEXTS {
            self.texts.remove(0);
        }
        // Where two texts have all of that in common, the one that is shown now counts.
        parts.retain(|other| other.number != part.number);
        parts.push(part);
        self.texts.push(parts);
        whole
    }

    /// The text that these parts make, if they are all here.
    pub fn text(&self, whole: WholeId) -> Option<Zeroizing<String>> {
        let parts = self
            .texts
            .iter()
            .find(|parts| parts.iter().all(|part| part.whole() == whole));
        parts
            .filter(|parts| is_complete(parts))
            .and_then(|parts| joined(parts).ok())
    }
}

fn is_complete(parts: &[Part]) -> bool {
    parts
        .last()
        .is_some_and(|last| parts.len() == usize::from(last.of))
}

fn joined(parts: &[Part]) -> Result<Zeroizing<String>, PartsDiffer> {
    let mut ordered: Vec<&Part> = parts.iter().collect();
    ordered.sort_unstable_by_key(|part| part.number);
    let bytes: Zeroizing<Vec<u8>> = Zeroizing::new(
        ordered
            .iter()
            .flat_map(|part| part.bytes.iter().copied())
            .collect(),
    );
    let parity = bytes.iter().fold(0, |parity, byte| parity ^ byte);
    if ordered.iter().any(|part| part.parity != parity) {
        return Err(PartsDiffer);
    }
    // A character may begin in one symbol and end in the next.
    let mut text = Zeroizing::new(String::with_capacity(bytes.len()));
    match std::str::from_utf8(&bytes) {
        Ok(utf_8) => text.push_str(utf_8),
        Err(_) => ordered.iter().for_each(|part| text.push_str(&part.text)),
    }
    Ok(text)
}
