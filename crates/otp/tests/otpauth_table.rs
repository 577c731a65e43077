//! Every row of tests/vectors/otpauth.tsv, as it stands: names, numbers, secret, code and warnings, or the error class.
use couchkey_otp::{Enrolment, Kind, Parsed, UnixTime, code_of, otpauth};

const TABLE: &str = include_str!("../../../tests/vectors/otpauth.tsv");

/// The `code` column of time-based rows is for this time (a row of RFC 6238, appendix B).
const AT: UnixTime = UnixTime::from_secs(1_111_111_109);

#[test]
fn every_row_of_the_table_reads_as_expected() {
    let mut rows = 0;
    let mut wrong = String::new();
    for (number, line) in TABLE.lines().enumerate().skip(1) {
        let columns: Vec<&str> = line.split('\t').collect();
        let &[uri, expected, source, _class] = columns.as_slice() else {
            panic!("line {} does not have four columns", number + 1);
        };
        let uri = uri.replace("\\n", "\n").replace("\\uFEFF", "\u{FEFF}");
        let found = spell(otpauth::read(&uri));
        rows += 1;
        if found != expected {
            wrong += &format!(
                "line {}, {source}\n  expected {expected}\n  found    {found}\n",
                number + 1
            );
        }
    }
    assert_eq!(
        wrong, "",
        "each row is a URI somebody met; the table says what it means"
    );
    assert_eq!(rows, 116, "a row that is not there is not tested");
}

#[test]
fn what_we_write_of_every_good_row_reads_as_the_same_account() {
    for line in TABLE.lines().skip(1) {
        let uri = line
            .split('\t')
            .next()
            .unwrap()
            .replace("\\n", "\n")
            .replace("\\uFEFF", "\u{FEFF}");
        let Ok(first) = otpauth::read(&uri) else {
            continue;
        };
        let written = otpauth::write(&first.enrolment);
        let second = otpauth::read(&written).expect("we read what we write");
        let without_colons = |name: &str| name.replace(':', "");
        let (first, second) = (first.enrolment, second.enrolment);
        assert_eq!(second.kind, first.kind, "the kind decides the codes");
        assert!(
            second.secret.same_as(&first.secret),
            "the secret decides the codes"
        );
        assert_eq!(
            (second.algorithm, second.digits),
            (first.algorithm, first.digits),
            "both decide the codes"
        );
        assert_eq!(
            second.issuer,
            first.issuer.as_deref().map(without_colons),
            "only colons are taken out"
        );
        assert_eq!(
            second.account,
            without_colons(&first.account),
            "only colons are taken out"
        );
        assert_eq!(
            second.label_issuer, None,
            "the issuer is the same in both places"
        );
    }
}

/// In the words of the `expected` column.
fn spell(result: Result<Parsed, couchkey_otp::OtpauthError>) -> String {
    let parsed = match result {
        Ok(parsed) => parsed,
        Err(error) => return format!("ERR {}", error.class()),
    };
    let Enrolment {
        kind,
        secret,
        algorithm,
        digits,
        issuer,
        account,
        label_issuer,
    } = parsed.enrolment;
    let quoted = |name: String| format!("\"{name}\"");
    let label_issuer = label_issuer
        .map(|name| format!(" label_issuer=\"{name}\""))
        .unwrap_or_default();
    let moving = match kind {
        Kind::Totp { period } => format!("period={}", period.get()),
        Kind::Hotp { counter } => format!("counter={}", counter.get()),
        Kind::Steam => "period=30".to_owned(),
    };
    let warnings: Vec<&str> = parsed
        .warnings
        .iter()
        .map(|warning| warning.as_str())
        .collect();
    format!(
        "OK type={} issuer={} account={}{label_issuer} alg={algorithm} digits={} {moving} secret_hex={} code={} warn={}",
        kind.word(),
        issuer.map_or("null".to_owned(), quoted),
        quoted(account),
        digits.get(),
        data_encoding::HEXLOWER.encode(secret.expose()),
        code_of(&kind, &secret, algorithm, digits, AT).as_str(),
        if warnings.is_empty() {
            "-".to_owned()
        } else {
            warnings.join(",")
        },
    )
}
