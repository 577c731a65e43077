//! What was reported about other apps' readers (issue 11), kind by kind: texts, tables, encodings and numbers.

use std::fs;
use std::ops::ControlFlow;
use std::path::Path;

use couchkey_formats::import::{self, Format, Import, ImportError, SkipReason};
use couchkey_otp::{Algorithm, Kind, OtpauthError, Warning};

const ONE: &str = "JBSWY3DPEHPK3PXPJBSWY3DPEHPK3PXP";
const TWO: &str = "GEZDGNBVGY3TQOJQGEZDGNBVGY3TQOJQ";

fn reported(name: &str) -> Vec<u8> {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../tests/vectors/reported");
    fs::read(path.join(name)).unwrap_or_else(|error| panic!("{name}: {error}"))
}

/// Reads it, and looks that nothing secret is where people see it.
fn read(bytes: &[u8]) -> Result<Import, ImportError> {
    let import = import::read(bytes, Some("test"), &mut |_| ControlFlow::Continue(()))?;
    let names = import.accounts.iter().flat_map(|account| {
        let enrolment = &account.parsed.enrolment;
        let label = enrolment.label_issuer.clone();
        [
            enrolment.issuer.clone().unwrap_or_default(),
            enrolment.account.clone(),
            label.unwrap_or_default(),
        ]
    });
    let labels = import.skipped.iter().map(|skipped| skipped.label.clone());
    for shown in names.chain(labels) {
        for secret in [ONE, TWO, "otpauth", "hunter2", "s3cret", "my note"] {
            assert!(!shown.contains(secret), "{shown:?} shows {secret}");
        }
    }
    Ok(import)
}

fn read_text(text: &str) -> Import {
    read(text.as_bytes()).unwrap_or_else(|error| panic!("{text}: {error}"))
}

/// `issuer|account|secret` of every account, then `!class` of every row that is none.
fn rows(import: &Import) -> Vec<String> {
    let accounts = import.accounts.iter().map(|account| {
        let enrolment = &account.parsed.enrolment;
        let issuer = enrolment.issuer.as_deref().unwrap_or("-");
        let secret = enrolment.secret.to_base32();
        let secret = match secret.as_str() {
            ONE => "one",
            TWO => "two",
            other => other,
        };
        format!("{issuer}|{}|{secret}", enrolment.account)
    });
    let skipped = import.skipped.iter().map(|skipped| match skipped.reason {
        SkipReason::Refused(error) => format!("!{}", error.class()),
        reason => format!("!{reason:?}"),
    });
    accounts.chain(skipped).collect()
}

// Row 29.

#[test]
fn links_parted_by_commas_or_blanks_are_all_read_and_none_is_a_name() {
    let import = read(&reported("02-links-comma-secret-in-name.txt")).expect("a list");
    assert_eq!(rows(&import), ["A|a|one", "B|b|two"], "a comma and a blank");
    let (a, b) = (
        format!("otpauth://totp/A:a?secret={ONE}&issuer=A"),
        format!("otpauth://totp/B:b?secret={TWO}&issuer=B"),
    );
    for between in [
        ",", ";", " ", ", ", " , ", "\t", " | ", "，", "+", "&", "\\n", "\" , \"", "') ('",
    ] {
        let import = read_text(&format!("{a}{between}{b}"));
        assert_eq!(
            rows(&import),
            ["A|a|one", "B|b|two"],
            "between them {between:?}"
        );
    }
    // A link without an issuer parameter ends at the same things.
    let bare = format!("otpauth://totp/A:a?secret={ONE}");
    for after in [",", ";", " ,", "\"", "'", ")", "]", "\",", "&quot;"] {
        let import = read_text(&format!("{bare}{after}\n{b}"));
        assert_eq!(rows(&import), ["A|a|one", "B|b|two"], "behind it {after:?}");
    }
}

#[test]
fn several_links_in_one_line_of_json_are_all_read() {
    let import = read(&reported("03-links-json-array-one-line.json")).expect("JSON");
    assert_eq!(rows(&import), ["A|a|one", "B|b|two"], "an array");
    let escaped = format!(
        r#"{{"list":[{{"n":1,"uri":"otpauth:\/\/totp\/A:a?secret={ONE}\u0026issuer=A"}},{{"uri":"otpauth://totp/B:b?secret={TWO}"}}]}}"#
    );
    assert_eq!(
        rows(&read_text(&escaped)),
        ["A|a|one", "B|b|two"],
        "as PHP and Go escape it"
    );
    let lines = format!(
        "{{\"a\":\"otpauth://totp/A:a?secret={ONE}\"}}\n{{\"b\":\"otpauth://totp/B:b?secret={TWO}\"}}"
    );
    assert_eq!(
        rows(&read_text(&lines)),
        ["A|a|one", "B|b|two"],
        "one object a line"
    );
    let cut = format!(
        "[\"otpauth://totp/A:a?secret={ONE}&issuer=A\",\"otpauth://totp/B:b?secret={TWO}\",\"otpa"
    );
    assert_eq!(rows(&read_text(&cut)), ["A|a|one", "B|b|two"], "broken off");
}

#[test]
fn links_in_prose_are_read_and_other_lines_are_one_row_that_says_so() {
    let text = format!(
        "Dear Anna,\nmy links: (otpauth://totp/A:a?secret={ONE}&issuer=A) and <otpauth://totp/B:b?secret={TWO}>.\n\
         Keep them safe.\nBen\n\n[here](otpauth://totp/C:c?secret={ONE}), thanks!\n"
    );
    let import = read_text(&text);
    assert_eq!(
        rows(&import),
        [
            "A|a|one",
            "B|b|two",
            "C|c|one",
            "!NotOtpauth",
            "!NotOtpauth"
        ],
        "three links, and two rows for what is none"
    );
    let labels: Vec<&str> = import
        .skipped
        .iter()
        .map(|row| row.label.as_str())
        .collect();
    assert_eq!(labels, ["line 1", "lines 3 to 4"], "where it stands");
    let import = read_text(&format!("otpauth://totp/A:a?secret={ONE} is my link"));
    assert_eq!(
        rows(&import),
        ["A|a|one"],
        "no word of it becomes a part of the key"
    );
    let import = read_text(&format!("otpauth://totp/A:a?secret={ONE}, {TWO}"));
    assert_eq!(
        rows(&import),
        ["A|a|one", "!NotOtpauth"],
        "a key that lost its link is not dropped without a word"
    );
    let import = read_text(
        "otpauth://totp/A:my account?secret=JBSW Y3DP EHPK 3PXP JBSW Y3DP EHPK 3PXP&issuer=A B",
    );
    assert_eq!(
        rows(&import),
        ["A B|my account|one"],
        "blanks that belong to a link stay"
    );
}

#[test]
fn a_name_that_holds_a_link_is_refused_wherever_it_stands() {
    let link = format!("otpauth://totp/B:b?secret={TWO}");
    let escaped: String = link
        .chars()
        .map(|c| match c {
            ':' => "%3A".to_owned(),
            '/' => "%2F".to_owned(),
            '?' => "%3F".to_owned(),
            '=' => "%3D".to_owned(),
            c => c.to_string(),
        })
        .collect();
    let import = read_text(&format!("otpauth://totp/A:a?secret={ONE}&issuer={escaped}"));
    assert_eq!(rows(&import), ["!LinkInName"], "in the issuer");
    let import = read_text(&format!("otpauth://totp/{escaped}?secret={ONE}&issuer=A"));
    assert_eq!(rows(&import), ["!LinkInName"], "in the label");
    let aegis = format!(
        r#"{{"version":1,"header":{{"slots":null,"params":null}},"db":{{"version":3,"entries":[
        {{"type":"totp","name":"{link}","issuer":"A","info":{{"secret":"{ONE}"}}}},
        {{"type":"totp","name":"{link}","issuer":"A","info":{{"secret":"!"}}}}]}}}}"#
    );
    let import = read_text(&aegis);
    assert_eq!(
        rows(&import),
        ["!LinkInName", "!BadSecret"],
        "in another app's export"
    );
}

// Row 30.

#[test]
fn a_table_of_a_password_manager_is_read_by_its_columns() {
    let import = read(&reported("04-1password.csv")).expect("1Password's table");
    assert_eq!(import.format, Format::OnePassword, "by its header");
    assert_eq!(
        rows(&import),
        ["StreamTV|alice|one", "KinoPlus|bob|two"],
        "both, with their names"
    );
    let second = &import.accounts[1];
    assert_eq!(
        second.note, "my note\nsecond line",
        "a note is a note, on two lines"
    );
    assert!(second.pinned && !import.accounts[0].pinned, "a favourite");
    assert_eq!(second.groups, ["video", "family"], "its tags");

    let import = read(&reported("04b-protonpass.csv")).expect("Proton Pass' table");
    assert_eq!(import.format, Format::ProtonPass, "by its header");
    assert_eq!(rows(&import), ["StreamTV|alice|one"], "its name");

    let import = read(&reported("18-bitwarden-semicolon.csv")).expect("Bitwarden's table");
    assert_eq!(
        import.format,
        Format::Bitwarden,
        "by its header, with semicolons"
    );
    assert_eq!(
        rows(&import),
        ["StreamTV|alice|one"],
        "a key without a link"
    );
    assert_eq!(import.accounts[0].groups, ["Video"], "its folder");
}

#[test]
fn tables_of_other_managers_are_read_by_header_or_by_what_a_column_holds() {
    let link = format!("otpauth://totp/A:a?secret={ONE}");
    let tables = [
        (
            Format::ApplePasswords,
            format!(
                "Title,URL,Username,Password,Notes,OTPAuth\r\nA,https://a.example,a,hunter2,,{link}\r\n"
            ),
        ),
        (
            Format::LastPassVault,
            format!(
                "url,username,password,totp,extra,name,grouping,fav\nhttps://a.example,a,hunter2,{ONE},my note,A,TV,0\n"
            ),
        ),
        (
            Format::KeePass,
            format!(
                "\"Group\",\"Title\",\"Username\",\"Password\",\"URL\",\"Notes\",\"TOTP\",\"Icon\",\"Last Modified\",\"Created\"\n\"Root\",\"A\",\"a\",\"hunter2\",\"\",\"\",\"{link}\",\"0\",\"\",\"\"\n"
            ),
        ),
        (
            Format::Dashlane,
            format!(
                "username,username2,username3,title,password,note,url,category,otpUrl\na,,,A,hunter2,my note,,,{link}\n"
            ),
        ),
        (
            Format::RoboForm,
            format!(
                "Name,Url,MatchUrl,Login,Pwd,Note,Folder,RfFieldsV2\nA,,,a,hunter2,my note,,\"TOTP KEY$,,,txt,{ONE}\"\n"
            ),
        ),
        (
            Format::Table,
            format!("sep=;\r\nService;User;2FA secret\r\nA;a;{ONE}\r\n"),
        ),
        (
            Format::Table,
            format!("name\tusername\tpassword\twhatever\nA\ta\thunter2\t{link}\n"),
        ),
        (
            Format::Table,
            format!("\u{feff}name|login|one-time password\nA|a|{ONE}\n"),
        ),
        (
            Format::Table,
            format!("issuer,account,secret,digits,period,algorithm\nA,a,{ONE},6,30,SHA1\n"),
        ),
    ];
    for (format, table) in tables {
        let import = read_text(&table);
        assert_eq!(import.format, format, "{table}");
        assert_eq!(rows(&import), ["A|a|one"], "{table}");
    }
    let import = read_text(&format!(
        "issuer,account,secret,digits,period,algorithm\nA,a,{ONE},8,60,SHA256\n"
    ));
    let enrolment = &import.accounts[0].parsed.enrolment;
    assert_eq!(
        (
            enrolment.digits.get(),
            enrolment.algorithm,
            enrolment.kind.word()
        ),
        (8, Algorithm::Sha256, "totp"),
        "what stands in columns beside a key decides the codes"
    );
}

#[test]
fn rows_of_a_table_without_a_code_or_out_of_shape_are_said_and_never_damaged_for_a_header() {
    let table = format!(
        "Title,Url,Username,Password,OTPAuth,Favorite,Archived,Tags,Notes\n\
         No code,,alice,hunter2,,false,false,,\n\
         Shifted, one more,,bob,s3cret,otpauth://totp/B:b?secret={TWO},false,false,,my note\n\
         Short,alice,hunter2\n\
         Bad,,carl,hunter2,n0t a key!,false,false,,\n"
    );
    let import = read_text(&table);
    assert_eq!(
        rows(&import),
        ["B|b|two", "!NoOneTimePassword", "!Damaged", "!BadSecret"],
        "a cell in the wrong column is no name; a link still says what it is"
    );
    let logins = "name,url,username,password,note\nA,https://a.example,alice,hunter2,my note\n";
    assert_eq!(
        rows(&read_text(logins)),
        ["!NoOneTimePassword"],
        "a browser's table has no codes, and that is said"
    );
    let no_table = "Dear diary, no code today\nand none, tomorrow\n";
    assert_eq!(
        read(no_table.as_bytes()).err(),
        Some(ImportError::UnknownFormat),
        "prose with a comma is no table"
    );
}

// Row 33.

#[test]
fn ente_is_read_as_it_writes_notes_tags_algorithms_and_counters() {
    let import = read(&reported("01-ente-note-plus.txt")).expect("Ente's list");
    let account = &import.accounts[0];
    assert_eq!(
        rows(&import),
        ["Stream TV|me|one"],
        "no plus sign in a name"
    );
    assert_eq!(
        account.note, "box in the hall, 1+1",
        "blanks are blanks, and a plus is a plus"
    );
    assert_eq!(account.groups, ["Living room"], "in tags too");
    assert_eq!(
        account.parsed.warnings,
        [],
        "one issuer, not two that differ"
    );

    let import = read(&reported("11-ente-hotp-no-counter.txt")).expect("Ente's list");
    let kind = import.accounts[0].parsed.enrolment.kind;
    assert!(
        matches!(kind, Kind::Hotp { counter } if counter.get() == 0),
        "it counts from 0"
    );

    let import = read(&reported("10-ente-algorithm-word.txt")).expect("a list");
    let parsed = &import.accounts[0].parsed;
    assert_eq!(
        parsed.enrolment.algorithm,
        Algorithm::Sha256,
        "Dart's name of it"
    );
    assert_eq!(parsed.warnings, [Warning::AlgorithmAlias], "with a warning");

    let without = format!("otpauth://hotp/A:a?secret={ONE}");
    assert_eq!(
        rows(&read_text(&without)),
        ["!MissingCounter"],
        "another app's counter is not guessed"
    );
    let text = String::from_utf8(reported("11-ente-hotp-no-counter.txt")).expect("text");
    let pasted = import::read_link(text.trim()).expect("pasted alone, it is the same link");
    assert_eq!(pasted.parsed.enrolment.kind, kind, "by every way in");
}

// Row 34.

#[test]
fn separators_that_others_write_are_read_with_a_warning_and_nothing_that_decides_codes_is_ignored()
{
    let import = read(&reported("12-second-question-mark.txt")).expect("a list");
    assert_eq!(
        rows(&import),
        ["Stream Mods|me@x.example|two"],
        "a second question mark"
    );
    assert_eq!(
        import.accounts[0].parsed.warnings,
        [Warning::LinkMended],
        "with a warning"
    );
    for link in [
        format!("otpauth://totp/A:a?secret={ONE}&amp;issuer=A&amp;digits=8&amp;period=60"),
        format!("otpauth://totp/A:a?secret={ONE}&#38;issuer=A&#x26;digits=8&amp;period=60"),
        format!("otpauth://totp/A:a?secret={ONE};issuer=A;digits=8;period=60"),
        format!("otpauth://totp/A:a?secret={ONE}?issuer=A?digits=8?period=60"),
        format!("otpauth://totp/A:a?secret={ONE}&issuer=A&?digits=8&;period=60"),
        format!("otpauth://totp/A:a?secret={ONE}&issuer=A&%20digits=8&period%20=60"),
        format!("apple-otpauth://totp/A:a?secret={ONE}&issuer=A&digits=8&period=60"),
    ] {
        let import = read_text(&link);
        assert_eq!(rows(&import), ["A|a|one"], "{link}");
        let parsed = &import.accounts[0].parsed;
        assert_eq!(parsed.enrolment.digits.get(), 8, "{link}");
        assert!(
            matches!(parsed.enrolment.kind, Kind::Totp { period } if period.get() == 60),
            "{link}"
        );
        assert_eq!(parsed.warnings, [Warning::LinkMended], "{link}");
    }
    for name in ["xdigits", "otp_period", "hashalgorithm", "digits2"] {
        let import = read_text(&format!("otpauth://totp/A:a?secret={ONE}&{name}=8"));
        assert_eq!(
            rows(&import),
            ["!OddParameter"],
            "{name} may be what it looks like"
        );
    }
    let import = read_text(&format!(
        "otpauth://totp/A:a?secret={ONE}&digits=6&xdigits=8&color=red&theperiodical=1"
    ));
    assert_eq!(
        rows(&import),
        ["A|a|one"],
        "beside the right one it is something else"
    );
}

// Row 35.

#[test]
fn texts_in_utf_16_and_in_an_old_encoding_are_read() {
    let import = read(&reported("08-links-utf16.txt")).expect("UTF-16");
    assert_eq!(rows(&import), ["A|a|one", "B|b|two"], "by its mark");
    assert_eq!(
        import.accounts[0].parsed.warnings,
        [],
        "and that is no guess"
    );

    let mut ansi = format!("otpauth://totp/B\u{fc}cherei:J\u{fc}rgen?secret={ONE}\r\notpauth://totp/B:b?secret={TWO}\r\n")
        .chars()
        .map(|c| u8::try_from(u32::from(c)).expect("Latin"))
        .collect::<Vec<u8>>();
    let import = read(&ansi).expect("one umlaut");
    assert_eq!(
        rows(&import),
        ["Bücherei|Jürgen|one", "B|b|two"],
        "as Windows-1252"
    );
    let warnings: Vec<_> = import
        .accounts
        .iter()
        .map(|account| account.parsed.warnings.clone())
        .collect();
    assert_eq!(
        warnings,
        [vec![Warning::GuessedEncoding], vec![]],
        "said where a letter depends on it"
    );
    ansi[3] = 0;
    assert_eq!(
        read(&ansi).err(),
        Some(ImportError::UnknownFormat),
        "what has a zero in it is no text"
    );

    let csv = format!("Title,Username,OTPAuth\r\nB\u{fc}cherei,J\u{fc}rgen,{ONE}\r\n");
    let csv: Vec<u8> = csv
        .chars()
        .map(|c| u8::try_from(u32::from(c)).expect("Latin"))
        .collect();
    assert_eq!(
        rows(&read(&csv).expect("a table")),
        ["Bücherei|Jürgen|one"],
        "tables too"
    );
    let utf_16: Vec<u8> = "\u{feff}{\"services\":[{\"name\":\"A\",\"secret\":\"JBSWY3DPEHPK3PXPJBSWY3DPEHPK3PXP\",\"otp\":{\"account\":\"a\"}}],\"schemaVersion\":4}"
        .encode_utf16()
        .flat_map(u16::to_be_bytes)
        .collect();
    assert_eq!(rows(&read(&utf_16).expect("2FAS")), ["A|a|one"], "and JSON");
}

// Row 38.

#[test]
fn the_codes_of_apps_with_ways_of_their_own_are_named_with_the_cure() {
    for (text, app) in [
        (
            "phonefactor://activate_account?code=123456789&url=https%3a%2f%2fexample.com",
            "Microsoft Authenticator",
        ),
        ("oktaverify://me@tv.okta.com/?t=abc&f=def", "Okta Verify"),
        (
            "duo://abcdefghij0123456789-YXBpLTEyMzQ1Njc4LmR1b3NlY3VyaXR5LmNvbQ",
            "Duo Mobile",
        ),
        (
            "abcdefghij0123456789-YXBpLTEyMzQ1Njc4LmR1b3NlY3VyaXR5LmNvbQ==",
            "Duo Mobile",
        ),
        (
            "https://m-12345678.duosecurity.com/activate/abc",
            "Duo Mobile",
        ),
        ("https://s.team/q/1/1234567890", "the Steam app"),
        (
            "http://127.0.0.1/securid/ctf?ctfData=1234",
            "RSA Authenticator",
        ),
        (
            "igmobileotp://?action=secactivate&regid=1",
            "Entrust Identity",
        ),
        ("FIDO:/1234567890", "a passkey"),
    ] {
        let error = couchkey_otp::otpauth::read(text).err();
        assert_eq!(error, Some(OtpauthError::OtherApp { app }), "{text}");
        let hint = error.expect("it is refused").hint();
        if app == "Microsoft Authenticator" {
            assert!(
                hint.contains("choose 'a different authenticator app'"),
                "{hint}"
            );
        }
        let list = format!("{text}\notpauth://totp/A:a?secret={ONE}\n");
        let import = read_text(&list);
        assert_eq!(
            rows(&import),
            ["A|a|one", "!OtherApp"],
            "in a list too: {text}"
        );
    }
    let import = read_text("phonefactor://activate_account?code=1\n");
    assert_eq!(rows(&import), ["!OtherApp"], "alone in a file");
    for other in [
        "https://example.com/",
        "https://notduosecurity.com/x",
        "a-b",
        "hello",
    ] {
        let error = couchkey_otp::otpauth::read(other).err();
        assert_eq!(error, Some(OtpauthError::NotOtpauth), "{other}");
    }
}

// Row 39.

#[test]
fn an_empty_number_is_the_default_and_none_is_ever_wrapped_in_any_reader() {
    // What each plain format has around the three numbers of an entry.
    type Of = fn(&str, &str) -> String;
    let formats: [Of; 9] = [
        |kind, n| {
            format!(
                r#"{{"version":1,"header":{{"slots":null,"params":null}},"db":{{"version":3,"entries":[{{"type":"{kind}","name":"a","issuer":"A","info":{{"secret":"{ONE}","digits":{n},"period":{n},"counter":7}}}}]}}}}"#
            )
        },
        |kind, n| {
            format!(
                r#"{{"schemaVersion":4,"services":[{{"name":"A","secret":"{ONE}","otp":{{"tokenType":"{kind}","account":"a","digits":{n},"period":{n},"counter":7}}}}]}}"#
            )
        },
        |kind, n| {
            format!(
                r#"[{{"secret":"{ONE}","issuer":"A","label":"a","type":"{kind}","digits":{n},"period":{n},"counter":7}}]"#
            )
        },
        |kind, n| {
            let kind = if kind == "hotp" { 1 } else { 2 };
            format!(
                r#"{{"Authenticators":[{{"Type":{kind},"Issuer":"A","Username":"a","Secret":"{ONE}","Digits":{n},"Period":{n},"Counter":7}}]}}"#
            )
        },
        |kind, n| {
            format!(
                r#"{{"app":"2fauth_v5","data":[{{"otp_type":"{kind}","service":"A","account":"a","secret":"{ONE}","digits":{n},"period":{n},"counter":7}}]}}"#
            )
        },
        |kind, n| {
            format!(
                r#"[{{"issuer":"A","account":"a","secret":"{ONE}","kind":"{kind}","digits":{n},"timer":{n},"counter":7}}]"#
            )
        },
        |kind, n| {
            format!(
                r#"{{"version":2,"elements":[{{"issuer":"A","label":"a","secret":"{ONE}","type":"{kind}","digits":{n},"period":{n},"counter":7}}]}}"#
            )
        },
        |_, n| {
            format!(
                r#"{{"version":3,"accounts":[{{"issuerName":"A","userName":"a","secret":"{ONE}","digits":{n},"timeStep":{n}}}]}}"#
            )
        },
        |kind, n| {
            format!(
                r#"{{"x":{{"hash":"x","index":0,"encrypted":false,"type":"{kind}","issuer":"A","account":"a","secret":"{ONE}","digits":{n},"period":{n},"counter":7}}}}"#
            )
        },
    ];
    for of in formats {
        for kind in ["totp", "hotp"] {
            for empty in [r#""""#, r#"" ""#, "null"] {
                let file = of(kind, empty);
                let import = read_text(&file);
                assert_eq!(rows(&import), ["A|a|one"], "{file}");
                let enrolment = &import.accounts[0].parsed.enrolment;
                assert_eq!(enrolment.digits.get(), 6, "{file}");
                if let Kind::Totp { period } = enrolment.kind {
                    assert_eq!(period.get(), 30, "{file}");
                }
            }
            for odd in [
                "-1",
                "18446744073709551615",
                "1e300",
                "6.5",
                "\"x\"",
                "\"-6\"",
                "\"99999999999999999999\"",
                "true",
                "[6]",
                "{}",
            ] {
                let file = of(kind, odd);
                let import = read_text(&file);
                assert_eq!(rows(&import), ["!BadDigits"], "{file}");
                let message = import.skipped[0].reason.to_string();
                assert!(!message.contains("1844674407370955161"), "{message}");
            }
        }
        assert_eq!(
            rows(&read_text(&of("totp", "99"))),
            ["!UnsupportedDigits"],
            "a number that no code has"
        );
        let wide = read_text(&of("hotp", "\"６\""));
        let kept = wide
            .accounts
            .first()
            .map(|account| account.parsed.enrolment.digits.get());
        assert_eq!(kept, Some(6), "full-width digits, as people type them");
    }
    let link = format!("otpauth://totp/A:a?secret={ONE}&digits=99999999999999999999");
    let import = read_text(&link);
    let message = import.skipped[0].reason.to_string();
    assert_eq!(rows(&import), ["!UnsupportedDigits"], "in a link");
    assert!(!message.contains("1844674407370955161"), "{message}");
}
