//! Battle.net: one account in Android's preferences. Its codes are ordinary TOTP with eight digits; the secret is only
//! veiled, by a mask that is in every copy of the app.

use couchkey_otp::OtpauthError;

use super::file::File;
use super::gather::Gather;
use super::loose::Loose;
use super::number::{Number, hex};
use super::prefs::{self, Prefs};
use super::{Format, Import, ImportError, NewAccount, SkipReason, Watch};

const FORMAT: Format = Format::BattleNet;
const START: &str = "com.blizzard.messenger.AUTHENTICATOR_";

/// What is laid over the hexadecimal digits, byte by byte (known since WinAuth, whose source names it).
const MASK: [u8; 57] = [
    0x39, 0x8e, 0x27, 0xfc, 0x50, 0x27, 0x6a, 0x65, 0x60, 0x65, 0xb0, 0xe5, 0x25, 0xf4, 0xc0, 0x6c,
    0x04, 0xc6, 0x10, 0x75, 0x28, 0x6b, 0x8e, 0x7a, 0xed, 0xa5, 0x9d, 0xa9, 0x81, 0x3b, 0x5d, 0xd6,
    0xc8, 0x0d, 0x2f, 0xb3, 0x80, 0x68, 0x77, 0x3f, 0xa5, 0x9b, 0xa4, 0x7c, 0x17, 0xca, 0x6c, 0x64,
    0x79, 0x01, 0x5c, 0x1d, 0x5b, 0x8b, 0x8f, 0x6b, 0x9a,
];

pub(super) fn read(
    file: &File<'_>,
    _: Option<&str>,
    watch: Watch<'_>,
) -> Option<Result<Import, ImportError>> {
    prefs::mentions(file, START).then(|| open(file, watch))
}

fn open(file: &File<'_>, watch: Watch<'_>) -> Result<Import, ImportError> {
    let prefs = Prefs::read(file).ok_or(ImportError::Damaged { format: FORMAT })?;
    let get = |name: &str| prefs.get(&format!("{START}{name}"));
    if get("CREDENTIALS_ENCRYPTION_TYPE").is_some_and(|kind| kind != "MASK") {
        return Err(ImportError::UnsupportedVariant { format: FORMAT });
    }
    let serial = get("SERIAL").and_then(unveil);
    let entry = match get("DEVICE_SECRET") {
        Some(veiled) => account(veiled, serial.as_deref()),
        None => Err(SkipReason::NoOneTimePassword),
    };
    let mut gather = Gather::new(FORMAT, 1, watch)?;
    gather.take(entry, || serial.unwrap_or_default())?;
    Ok(gather.done())
}

fn account(veiled: &str, serial: Option<&str>) -> Result<NewAccount, SkipReason> {
    let secret = unveil(veiled).and_then(|digits| hex(&digits));
    let secret = secret.ok_or(OtpauthError::BadSecret)?;
    let loose = Loose {
        bytes: Some(&secret),
        issuer: Some("Battle.net"),
        account: serial,
        digits: Number::Whole(8),
        ..Loose::default()
    };
    Ok(NewAccount::plain(loose.read()?))
}

fn unveil(veiled: &str) -> Option<String> {
    let veiled = hex(veiled).filter(|bytes| bytes.len() <= MASK.len())?;
    let plain = veiled.iter().zip(MASK).map(|(veiled, mask)| veiled ^ mask);
    let plain = String::from_utf8(plain.collect()).ok()?;
    plain.is_ascii().then_some(plain)
}

#[cfg(test)]
mod tests {
    use std::ops::ControlFlow;

    use couchkey_otp::{Kind, Period};
    use data_encoding::HEXLOWER;

    use super::*;

    fn veil(plain: &str) -> String {
        let veiled = plain.bytes().zip(MASK).map(|(plain, mask)| plain ^ mask);
        HEXLOWER.encode(&veiled.collect::<Vec<u8>>())
    }

    fn prefs(secret: &str, kind: &str) -> String {
        let value =
            |name: &str, text: &str| format!("<string name=\"{START}{name}\">{text}</string>");
        let all = [
            value("DEVICE_SECRET", secret),
            value("SERIAL", &veil("EU-1234-5678-9012")),
            value("CREDENTIALS_ENCRYPTION_TYPE", kind),
        ];
        format!("<?xml version='1.0' ?><map>{}</map>", all.concat())
    }

    fn read(text: &str) -> Result<Import, ImportError> {
        super::super::read(text.as_bytes(), None, &mut |_| ControlFlow::Continue(()))
    }

    #[test]
    fn the_veiled_secret_makes_ordinary_codes_of_eight_digits() {
        let secret = "000102030405060708090a0b0c0d0e0f10111213";
        let import = read(&prefs(&veil(secret), "MASK")).expect("it is read");
        assert_eq!(import.format, FORMAT, "known by its content");
        let found = &import.accounts[0].parsed.enrolment;
        let bytes: Vec<u8> = (0..20).collect();
        let known = couchkey_otp::Secret::from_bytes(&bytes).expect("20 bytes");
        assert!(found.secret.same_as(&known), "the secret below the mask");
        assert_eq!(found.digits.get(), 8, "eight digits");
        assert_eq!(
            found.kind,
            Kind::Totp {
                period: Period::THIRTY
            },
            "by time"
        );
        assert_eq!(
            found.account, "EU-1234-5678-9012",
            "the serial number names it"
        );
    }

    #[test]
    fn a_spoilt_secret_is_a_skipped_row_and_another_seal_is_said() {
        let import = read(&prefs("ffff", "MASK")).expect("the file is whole");
        assert_eq!(
            import.skipped[0].reason,
            OtpauthError::BadSecret.into(),
            "with its reason"
        );
        assert_eq!(
            read(&prefs("00", "KEYSTORE")).err(),
            Some(ImportError::UnsupportedVariant { format: FORMAT }),
            "sealed by the phone"
        );
        assert_eq!(
            read(&prefs("00", "MASK")[..200]).err(),
            Some(ImportError::Damaged { format: FORMAT }),
            "cut short"
        );
    }
}
