//! Duo Mobile: the list that it keeps on the phone.

use serde::Deserialize;
use serde_json::value::RawValue;
use zeroize::Zeroizing;

use super::file::File;
use super::gather::{Gather, label};
use super::loose::Loose;
use super::number::Number;
use super::{Format, Import, ImportError, NewAccount, SkipReason, Watch};

const FORMAT: Format = Format::Duo;

pub(super) fn read(
    file: &File<'_>,
    _: Option<&str>,
    watch: Watch<'_>,
) -> Option<Result<Import, ImportError>> {
    let ours = file.json.is_array && file.json.has(&["accountType", "name"]);
    let ours = ours && !file.json.has(&["originalName"]);
    ours.then(|| {
        let list: Vec<&RawValue> = serde_json::from_str(file.text.unwrap_or_default())
            .map_err(|_| ImportError::Damaged { format: FORMAT })?;
        Gather::all(FORMAT, &list, watch, Entry::read, |entry: &Entry| {
            label(None, entry.name.as_deref())
        })
    })
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Entry {
    account_type: Option<String>,
    name: Option<String>,
    otp_generator: Option<Generator>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Generator {
    otp_secret: Option<Zeroizing<String>>,
    #[serde(default)]
    counter: Number,
}

impl Entry {
    fn read(&self) -> Result<NewAccount, SkipReason> {
        if self.account_type.as_deref() != Some("OtpAccount") {
            return Err(SkipReason::UnsupportedKind { kind: "Duo Push" });
        }
        let generator = self.otp_generator.as_ref();
        let generator = generator.ok_or(SkipReason::NoOneTimePassword)?;
        let secret = generator.otp_secret.as_ref();
        let counter = generator.counter;
        let loose = Loose {
            kind: (counter != Number::Unsaid).then_some("hotp"),
            base32: secret.map(|secret| secret.as_str()),
            account: self.name.as_deref(),
            counter,
            ..Loose::default()
        };
        Ok(NewAccount::plain(loose.read()?))
    }
}
