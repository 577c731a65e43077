//! The verifier's rules, for any secret, time and text.
use couchkey_otp::verify::{self, EVIDENCE, Memory, Refused, Throttle, Verdict};
use couchkey_otp::{Algorithm, Counter, Digits, Period, Secret, UnixTime, hotp, totp};
use proptest::prelude::*;

const ALGORITHM: Algorithm = Algorithm::Sha1;

fn secret(bytes: &[u8]) -> Secret {
    Secret::from_bytes(bytes).expect("1 to 512 bytes")
}

fn at(step: u64) -> UnixTime {
    UnixTime::from_secs(step * 30 + 7)
}

fn code(secret: &Secret, step: u64) -> String {
    totp::code(secret, at(step), Period::THIRTY, ALGORITHM, Digits::EIGHT)
        .as_str()
        .to_owned()
}

fn check(secret: &Secret, memory: Memory, code: &str, step: u64) -> Verdict {
    verify::totp(
        secret,
        Period::THIRTY,
        ALGORITHM,
        Digits::EIGHT,
        memory,
        code,
        at(step),
    )
}

proptest! {
    /// Eight digits: two steps near each other with one code are left to the reader's luck, one in ten million.
    #[test]
    fn a_code_is_accepted_within_one_step_and_a_second_one_where_the_clock_has_drifted(
        key in prop::array::uniform20(any::<u8>()),
        step in 100_u64..1_000_000_000,
        drift in -EVIDENCE..=EVIDENCE,
        offset in -20_i64..=20,
    ) {
        let secret = secret(&key);
        let theirs = step.saturating_add_signed(offset);
        let memory = Memory { last_step: None, drift };
        let verdict = check(&secret, memory, &code(&secret, theirs), step);
        let drifted = drift.abs() == EVIDENCE && offset == i64::from(drift.signum()) * 2;
        if offset.abs() <= 1 || drifted {
            let accepted = matches!(verdict, Verdict::Accepted(next) if next.last_step == Some(theirs));
            prop_assert!(accepted, "{verdict:?}");
        } else {
            prop_assert_eq!(verdict, Verdict::Wrong);
        }
    }

    #[test]
    fn what_was_accepted_once_is_never_accepted_again(
        key in prop::array::uniform20(any::<u8>()),
        start in 100_u64..1_000_000_000,
        moves in prop::collection::vec((0_u64..3, -1_i64..=1), 1..40),
    ) {
        let secret = secret(&key);
        let mut memory = Memory::default();
        let mut step = start;
        let mut accepted = std::collections::HashSet::new();
        for (forward, offset) in moves {
            step += forward;
            let theirs = step.saturating_add_signed(offset);
            let verdict = check(&secret, memory, &code(&secret, theirs), step);
            if let Verdict::Accepted(next) = verdict {
                let used = next.last_step.expect("a step");
                prop_assert!(memory.last_step.is_none_or(|last| used > last), "steps only go forward");
                prop_assert!(accepted.insert(used), "step {used} was accepted before");
                memory = next;
            } else {
                prop_assert_eq!(verdict, Verdict::Used, "in the window and right, so it can only be used");
            }
        }
    }

    /// A clock that loses or gains time is followed for one step more than the window, once it is known to do so.
    #[test]
    fn a_drifting_clock_is_followed_by_one_step_and_no_further(
        key in prop::array::uniform20(any::<u8>()),
        step in 1_000_u64..1_000_000_000,
        ahead in any::<bool>(),
    ) {
        let secret = secret(&key);
        let mut memory = Memory::default();
        let direction = if ahead { 1 } else { -1 };
        let mut now = step;
        for n in 0..EVIDENCE {
            let second = code(&secret, now.saturating_add_signed(2 * direction));
            prop_assert_eq!(check(&secret, memory, &second, now), Verdict::Wrong, "after {} sign-ins", n);
            let one = code(&secret, now.saturating_add_signed(direction));
            let Verdict::Accepted(next) = check(&secret, memory, &one, now) else {
                return Err(TestCaseError::fail("one step off is inside the window"));
            };
            memory = next;
            now += 100;
        }
        for n in 0..10 {
            let third = code(&secret, now.saturating_add_signed(3 * direction));
            prop_assert_eq!(check(&secret, memory, &third, now), Verdict::Wrong, "however often it was off");
            let second = code(&secret, now.saturating_add_signed(2 * direction));
            let Verdict::Accepted(next) = check(&secret, memory, &second, now) else {
                return Err(TestCaseError::fail(format!("the window follows, {n}")));
            };
            memory = next;
            now += 100;
        }
        // The other side is what it always was.
        let other = code(&secret, now.saturating_add_signed(-2 * direction));
        prop_assert_eq!(check(&secret, memory, &other, now), Verdict::Wrong);
        // One that is on time is enough to doubt it, and so is a month.
        let Verdict::Accepted(on_time) = check(&secret, memory, &code(&secret, now), now) else {
            return Err(TestCaseError::fail("ours is always inside the window"));
        };
        prop_assert_eq!(on_time.lean(), 0);
        let month = now + 90_000;
        let Verdict::Accepted(later) = check(&secret, memory, &code(&secret, month.saturating_add_signed(direction)), month) else {
            return Err(TestCaseError::fail("one step off is inside the window"));
        };
        prop_assert_eq!(later.lean(), 0, "what was known a month ago");
    }

    #[test]
    fn no_text_and_no_time_is_too_odd(
        text in any::<String>(),
        now in any::<u64>(),
        period in 1_u32..=86_400,
        last_step in any::<Option<u64>>(),
        drift in any::<i32>(),
    ) {
        let secret = secret(b"12345678901234567890");
        let memory = Memory { last_step, drift };
        let period = Period::new(period).expect("in range");
        let now = UnixTime::from_secs(now);
        let verdict = verify::totp(&secret, period, ALGORITHM, Digits::EIGHT, memory, &text, now);
        prop_assert!(!matches!(verdict, Verdict::Accepted(_)), "a text made at random is no code of eight digits");
        let start = Counter::default();
        verify::hotp(&secret, start, ALGORITHM, Digits::EIGHT, memory, u8::MAX, &text);
    }

    #[test]
    fn hotp_looks_ahead_so_far_and_never_back(
        key in prop::array::uniform20(any::<u8>()),
        last in prop::option::of(0_u64..1_000_000),
        look_ahead in 0_u8..20,
        offset in -5_i64..30,
    ) {
        let secret = secret(&key);
        let next = last.map_or(0, |last| last + 1);
        prop_assume!(next.checked_add_signed(offset).is_some());
        let theirs = next.saturating_add_signed(offset);
        let code = hotp::code(&secret, Counter::new(theirs).expect("small"), ALGORITHM, Digits::EIGHT);
        let memory = Memory { last_step: last, drift: 0 };
        let start = Counter::default();
        let verdict = verify::hotp(&secret, start, ALGORITHM, Digits::EIGHT, memory, look_ahead, code.as_str());
        let expected = match offset {
            -1 => Verdict::Used,
            0.. if offset <= i64::from(look_ahead) => Verdict::Accepted(Memory { last_step: Some(theirs), drift: 0 }),
            _ => Verdict::Wrong,
        };
        prop_assert_eq!(verdict, expected);
    }

    /// However an attacker spaces them: no more than a hundred, and no more than the delays allow.
    #[test]
    fn attempts_stay_inside_the_bound(waits in prop::collection::vec(0_u64..8_000, 1..400)) {
        let mut throttle = Throttle::default();
        let mut now = 1_000_000;
        let mut admitted: Vec<u64> = Vec::new();
        for wait in waits {
            now += wait;
            match throttle.attempt(UnixTime::from_secs(now)) {
                Ok(next) => {
                    if let Some(last) = admitted.last() {
                        prop_assert!(now - last >= Throttle::delay(throttle.failures), "too soon after the last");
                    }
                    admitted.push(now);
                    throttle = next;
                }
                Err(Refused::Wait { until }) => prop_assert!(until.as_secs() > now, "a wait ends later than now"),
                Err(Refused::Stopped) => prop_assert_eq!(admitted.len(), Throttle::MOST as usize),
            }
        }
        prop_assert!(admitted.len() <= Throttle::MOST as usize);
    }
}

#[test]
fn groups_blanks_and_dashes_do_not_count() {
    let secret = secret(b"12345678901234567890");
    let step = 37_037_036; // RFC 6238, appendix B: 1,111,111,109 s
    for typed in [
        "07081804",
        "0708 1804",
        "0708-1804",
        " 07 08\u{a0}18–04\n",
        "0708180\u{664}",
    ] {
        let verdict = check(&secret, Memory::default(), typed, step);
        assert!(matches!(verdict, Verdict::Accepted(_)), "{typed:?}");
    }
}

#[test]
fn texts_that_are_almost_the_code_are_wrong() {
    let secret = secret(b"12345678901234567890");
    let step = 37_037_036;
    for typed in [
        "",
        "0708180",
        "070818040",
        "07081804000000000000",
        "7081804",
        "0708180\u{b2}", // SUPERSCRIPT TWO is no decimal digit
        "07081804\0",
        "+7081804",
        "0708180a",
        "\u{ff}7081804",
    ] {
        let verdict = check(&secret, Memory::default(), typed, step);
        assert_eq!(verdict, Verdict::Wrong, "{typed:?}");
    }
}

#[test]
fn the_first_steps_of_all_time_have_a_window_too() {
    let secret = secret(b"12345678901234567890");
    for step in [0, 1] {
        let verdict = check(&secret, Memory::default(), &code(&secret, step), 0);
        assert!(matches!(verdict, Verdict::Accepted(_)), "step {step}");
    }
}

#[test]
fn an_hotp_enrolment_may_start_anywhere() {
    let secret = secret(b"12345678901234567890");
    let start = Counter::new(7).expect("small");
    let check = |code| {
        verify::hotp(
            &secret,
            start,
            ALGORITHM,
            Digits::SIX,
            Memory::default(),
            0,
            code,
        )
    };
    // RFC 4226, appendix D, counts 7 and 6.
    assert!(matches!(check("162583"), Verdict::Accepted(_)));
    assert_eq!(check("287922"), Verdict::Wrong, "before the start");
}

/// Row 40 of issue 11: full-width digits were wrong, and then throttled.
#[test]
fn a_code_in_the_digits_of_any_script_is_that_code() {
    let secret = secret(b"12345678901234567890");
    let plain = code(&secret, 37_037_036);
    // The zero of each script; Unicode's stability policy keeps the other nine behind it, in order.
    for zero in [
        '\u{FF10}',
        '\u{0660}',
        '\u{06F0}',
        '\u{0966}',
        '\u{09E6}',
        '\u{0E50}',
        '\u{1D7CE}',
    ] {
        let foreign: String = plain
            .bytes()
            .map(|digit| {
                char::from_u32(u32::from(zero) + u32::from(digit - b'0')).expect("a digit")
            })
            .collect();
        let grouped = format!(
            "{}\u{3000}{}",
            first(&foreign, 4),
            &foreign[first(&foreign, 4).len()..]
        );
        for typed in [&foreign, &grouped] {
            let verdict = check(&secret, Memory::default(), typed, 37_037_036);
            assert!(
                matches!(verdict, Verdict::Accepted(_)),
                "{typed} is {plain}"
            );
            assert_eq!(
                *verify::typed(typed),
                plain,
                "for whoever compares codes of their own"
            );
        }
        let counter = Counter::new(7).expect("a counter");
        let next = hotp::code(&secret, counter, ALGORITHM, Digits::SIX);
        let next: String = next
            .as_str()
            .bytes()
            .map(|digit| {
                char::from_u32(u32::from(zero) + u32::from(digit - b'0')).expect("a digit")
            })
            .collect();
        let verdict = verify::hotp(
            &secret,
            counter,
            ALGORITHM,
            Digits::SIX,
            Memory::default(),
            0,
            &next,
        );
        assert!(
            matches!(verdict, Verdict::Accepted(_)),
            "counters too: {next}"
        );
    }
    for wrong in ["²²²²²²²²", "ⅧⅧⅧⅧⅧⅧⅧⅧ", "八八八八八八八八"] {
        let verdict = check(&secret, Memory::default(), wrong, 37_037_036);
        assert_eq!(verdict, Verdict::Wrong, "{wrong} has no digits in it");
    }
}

fn first(text: &str, count: usize) -> &str {
    text.char_indices()
        .nth(count)
        .map_or(text, |(at, _)| &text[..at])
}

/// Row 9 of issue 17: one code that was 30 seconds old, and the next that was 60, moved the window away from the present.
#[test]
fn row_9_slow_typing_is_no_drift() {
    let secret = secret(b"12345678901234567890");
    let mut now = 37_037_036;
    let mut memory = Memory::default();
    // A code of the step before, as somebody types who looks for each key; then on time; then late again.
    for age in [1, 0, 1, 1, 0, 1] {
        let verdict = check(&secret, memory, &code(&secret, now - age), now);
        let Verdict::Accepted(next) = verdict else {
            panic!("{age} steps old: {verdict:?}");
        };
        memory = next;
        now += 10;
        for age in 2..=5 {
            let old = check(&secret, memory, &code(&secret, now - age), now);
            assert_eq!(old, Verdict::Wrong, "{age} steps old");
        }
    }
    let current = check(&secret, memory, &code(&secret, now), now);
    assert!(matches!(current, Verdict::Accepted(_)), "{current:?}");
}

/// Row 10 of issue 17: the same digits were accepted twice in one second.
#[test]
fn row_10_digits_that_equal_a_used_step_are_used() {
    let six = |secret: &Secret, step| {
        let code = totp::code(secret, at(step), Period::THIRTY, ALGORITHM, Digits::SIX);
        code.as_str().to_owned()
    };
    let check = |secret: &Secret, memory, code: &str, step| {
        let period = Period::THIRTY;
        verify::totp(
            secret,
            period,
            ALGORITHM,
            Digits::SIX,
            memory,
            code,
            at(step),
        )
    };
    let secret = secret(b"12345678901234567890");
    // Found by trying: two steps next to each other, and two that are two apart, with the same six digits.
    for (apart, first) in [(1, 910_737), (2, 153_567)] {
        assert_eq!(six(&secret, first), six(&secret, first + apart));
        let digits = six(&secret, first);
        let Verdict::Accepted(memory) = check(&secret, Memory::default(), &digits, first) else {
            panic!("it is the code of this step");
        };
        // Whichever of the steps around is ours by now: the digits have been typed, and may have been seen.
        for later in 0..=apart + 1 {
            let again = check(&secret, memory, &digits, first + later);
            assert_eq!(again, Verdict::Used, "{apart} apart, {later} steps later");
        }
        let next = check(
            &secret,
            memory,
            &six(&secret, first + apart + 1),
            first + apart + 1,
        );
        assert!(
            matches!(next, Verdict::Accepted(_)),
            "the next digits are as good as ever"
        );
    }
}
