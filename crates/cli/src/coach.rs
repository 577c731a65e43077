//! `couchkey coach`: which code to type, for programs that bring the codes along. One question a line in, one answer a
//! line out, both JSON; no vault is opened.

use std::io::{self, BufRead, Read};

use couchkey_otp::{
    Period,
    typing::{CannotType, Keypad, Speed, appointment},
};
use serde::{Deserialize, Serialize};
use zeroize::Zeroizing;

use crate::{
    args::Coach,
    refusal::{DONE, Failed, REFUSED, Refusal, Stop},
    show::Out,
    source,
};

/// No question is as long.
const LONGEST: usize = 64 << 10;

/// `couchkey coach`
pub fn coach(out: &mut Out, args: &Coach) -> Result<u8, Stop> {
    if !source::is_stdin(std::path::Path::new(&args.from)) {
        return Err(Stop::Usage(Refusal::new(
            "usage",
            "`coach` reads its questions from standard input only.",
            "couchkey coach - <FILE, one JSON object a line",
        )));
    }
    let mut questions = io::stdin().lock();
    let mut code = DONE;
    loop {
        let mut line = Zeroizing::new(Vec::new());
        let mut most = questions.by_ref().take(LONGEST as u64 + 1);
        let read = most.read_until(b'\n', &mut line).map_err(unreadable)?;
        if read == 0 {
            return Ok(code);
        }
        if line.trim_ascii().is_empty() && read <= LONGEST {
            continue;
        }
        let answered = if read > LONGEST && line.last() != Some(&b'\n') {
            // What follows is the rest of this line, and no question.
            questions.skip_until(b'\n').map_err(unreadable)?;
            Err(refused(
                "A question has at most 65,536 bytes.",
                "One JSON object a line.",
            ))
        } else {
            answer(&line)
        };
        match answered {
            Ok(answer) => out.json(&answer)?,
            Err(refusal) => {
                code = REFUSED;
                out.json(&Failed { error: &refusal })?;
            }
        }
        // Whoever asks may wait for this answer before the next question.
        out.flush()?;
    }
}

fn unreadable(error: io::Error) -> Refusal {
    Refusal::new(
        "input_unreadable",
        format!(
            "Standard input cannot be read: {}.",
            source::why(error.kind())
        ),
        "Check where the questions come from.",
    )
}

#[derive(Deserialize)]
struct Question {
    now_ms: f64,
    period: f64,
    codes: Vec<String>,
    keypad: String,
    press_ms: f64,
    glance_ms: f64,
    spread: f64,
}

#[derive(Debug, PartialEq, Serialize)]
struct Answer {
    step_ahead: usize,
    code: String,
    presses: u32,
    expected_done_ms: u64,
    valid_from_ms: u64,
    valid_until_ms: u64,
    hold_last_press: bool,
}

fn answer(line: &[u8]) -> Result<Answer, Refusal> {
    let mut question: Question = serde_json::from_slice(line).map_err(|error| {
        // What the parser says of a value may hold a code: only the place is repeated.
        let what = match error.classify() {
            serde_json::error::Category::Data => "lacks something, or has something of another kind",
            _ => "is not JSON",
        };
        refused(
            format!("The question {what}, at column {}.", error.column()),
            "One JSON object a line, with now_ms, period, codes, keypad, press_ms, glance_ms and spread.",
        )
    })?;
    let keypad = Keypad::from_word(&question.keypad).ok_or_else(|| {
        refused(
            "There is no such keypad.",
            format!("One of: {}.", keypads()),
        )
    })?;
    let period = whole(question.period)
        .and_then(|secs| Period::new(u32::try_from(secs).ok()?).ok())
        .ok_or_else(|| {
            refused(
                "A period is a whole number of seconds, 1 to 86,400.",
                "If the service does not say how many, it is 30.",
            )
        })?;
    let now = question.now_ms.floor();
    let now = whole(now).ok_or_else(|| cannot(CannotType::Time))?;
    let speed = Speed::new(question.press_ms / 1000.0, question.spread).map_err(cannot)?;
    let appointment = appointment(
        now,
        period,
        &question.codes,
        keypad,
        speed,
        question.glance_ms,
    )
    .map_err(cannot)?;
    Ok(Answer {
        step_ahead: appointment.step_ahead,
        code: question.codes.swap_remove(appointment.step_ahead),
        presses: appointment.presses,
        expected_done_ms: appointment.expected_done_ms,
        valid_from_ms: appointment.valid_from_ms,
        valid_until_ms: appointment.valid_until_ms,
        hold_last_press: appointment.hold_last_press,
    })
}

/// JSON knows one kind of number; where a whole one is needed, 30.0 is as good as 30.
fn whole(number: f64) -> Option<u64> {
    let fits = (0.0..9e15).contains(&number) && number.fract() == 0.0;
    fits.then_some(number as u64)
}

/// The words for keypads, as a person may type them.
pub fn keypads() -> String {
    Keypad::ALL.map(Keypad::as_str).join(", ")
}

/// Why there is no appointment, with what helps.
pub fn cannot(why: CannotType) -> Refusal {
    let hint = match why {
        CannotType::Nothing => {
            "Give the code of the current step, and of the next ones where they are known."
        }
        CannotType::NoKey => {
            "Give the keypad that the television has, and the code without spaces."
        }
        CannotType::Pace => {
            "Give press_ms, the milliseconds a press; where nobody has measured, 650."
        }
        CannotType::Spread => {
            "Give the standard deviation as a share of the pace; where nobody knows, 0.65."
        }
        CannotType::Glance => {
            "Give glance_ms, the milliseconds to look from the code to the television; often 1500."
        }
        CannotType::Time => "Give the milliseconds since 1970.",
        _ => "Check what was given.",
    };
    let mut message = format!("{why}.");
    message[..1].make_ascii_uppercase();
    Refusal::new("cannot_type", message, hint)
}

fn refused(message: impl Into<String>, hint: impl Into<String>) -> Refusal {
    Refusal::new("question_unclear", message, hint)
}

#[cfg(test)]
mod tests {
    use super::*;

    const QUESTION: &str = r#"{"now_ms": 20000, "period": 30, "codes": ["287082","359152","969429","338314","254676"], "keypad": "3x4", "press_ms": 650, "glance_ms": 1500, "spread": 0.2}"#;

    fn asked(changed: &[(&str, &str)]) -> Result<Answer, Refusal> {
        let mut question = QUESTION.to_owned();
        for (from, to) in changed {
            assert!(question.contains(from), "{from} is in it");
            question = question.replace(from, to);
        }
        answer(question.as_bytes())
    }

    #[test]
    fn an_answer_names_the_code_its_step_and_when_it_is_good() {
        let answer = asked(&[]).unwrap();
        assert_eq!((answer.step_ahead, answer.code.as_str()), (1, "359152"));
        assert_eq!(
            (answer.valid_from_ms, answer.valid_until_ms),
            (30_000, 60_000)
        );
        let line = serde_json::to_string(&answer).unwrap();
        assert!(
            line.starts_with(r#"{"step_ahead":1,"code":"359152","presses":"#),
            "in the contract's order: {line}"
        );
        assert_eq!(
            asked(&[("30,", "30.0,"), ("20000", "20000.0")]).unwrap(),
            answer
        );
    }

    #[test]
    fn what_is_no_question_is_refused_without_a_word_of_it() {
        for (from, to) in [
            ("\"period\": 30", "\"period\": 0"),
            ("\"period\": 30", "\"period\": 30.5"),
            ("\"period\": 30", "\"period\": 1e300"),
            ("\"period\": 30", "\"period\": 86401"),
            ("\"period\": 30", "\"period\": \"30\""),
            ("\"period\": 30, ", ""),
            ("20000", "-1"),
            ("20000", "1e300"),
            ("20000", "NaN"),
            ("650", "0"),
            ("650", "-650"),
            ("650", "1e999"),
            ("1500", "-1"),
            ("0.2", "-0.2"),
            ("0.2", "null"),
            ("3x4", "4x3"),
            ("\"359152\"", "\"Sesame\""),
            ("\"359152\"", "\"\""),
            ("\"359152\"", "359152"),
            (r#"["287082","359152","969429","338314","254676"]"#, "[]"),
            ("{", "["),
            ("}", ""),
        ] {
            let refusal = asked(&[(from, to)]).unwrap_err();
            assert!(
                refusal.message.ends_with('.') && refusal.hint.ends_with('.'),
                "{refusal:?}"
            );
            for secret in ["287082", "359152", "Sesame"] {
                assert!(!refusal.message.contains(secret), "{refusal:?}");
            }
        }
        assert!(answer(b"\xff\xfe").is_err());
    }
}
