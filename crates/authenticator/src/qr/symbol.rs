//! One code's modules -> its text, by rxing's decoder of ISO/IEC 18004.

use rxing::common::BitMatrix;
use rxing::qrcode::cpp_port::decoder;
use zeroize::Zeroizing;

/// The text of a code, given its modules (`true` is dark), or `None` if they say nothing.
pub(super) fn text(modules: &BitMatrix) -> Option<Zeroizing<String>> {
    let decoded = decoder::Decode(modules).ok()?;
    if !decoded.isValid() {
        return None;
    }
    let content = decoded.content();
    // Without a declared character set the standard says ISO 8859-1; everybody writes UTF-8. rxing guesses for the
    // rest (Shift JIS, ISO 8859-1) and obeys a declaration.
    let text = match std::str::from_utf8(content.bytes()) {
        Ok(text) if !content.has_eci => text.to_owned(),
        _ => content.to_string(),
    };
    if text.is_empty() {
        None
    } else {
        Some(Zeroizing::new(text))
    }
}
