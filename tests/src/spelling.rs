//! How a secret could be spelled where it must not be.

/// Every spelling of the secret that this base32 is.
///
/// # Panics
/// When it is no base32.
#[must_use]
pub fn spellings(base32: &str) -> Vec<String> {
    let raw = data_encoding::BASE32_NOPAD
        .decode(base32.as_bytes())
        .expect("the test's own secret");
    let percent: String = raw.iter().map(|byte| format!("%{byte:02X}")).collect();
    let numbers = raw.iter().map(u8::to_string).collect::<Vec<_>>().join(",");
    let mut all = vec![
        data_encoding::HEXLOWER.encode(&raw),
        data_encoding::HEXUPPER.encode(&raw),
        base32.to_owned(),
        base32.to_lowercase(),
        data_encoding::BASE64_NOPAD.encode(&raw),
        data_encoding::BASE64URL_NOPAD.encode(&raw),
        percent.to_lowercase(),
        percent,
        numbers.replace(',', ", "),
        numbers,
    ];
    all.extend(String::from_utf8(raw));
    all
}

/// The first spelling of the secret in these bytes, or in what they are the base64 of.
#[must_use]
pub fn holds(base32: &str, bytes: &[u8]) -> Option<String> {
    let decoded = data_encoding::BASE64.decode(bytes).unwrap_or_default();
    spellings(base32).into_iter().find(|spelling| {
        [bytes, &decoded].iter().any(|bytes| {
            bytes
                .windows(spelling.len())
                .any(|window| window == spelling.as_bytes())
        })
    })
}
