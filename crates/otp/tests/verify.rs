//! The verifier's rules, for any secret, time and text.
use couchkey_otp::verify::{self, MAX_DRIFT, Memory, Refused, Throttle, Verdict};
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
    fn a_code_is_accepted_within_one_step_of_the_remembered_drift_and_nowhere_else(
        key in prop::array::uniform20(any::<u8>()),
        step in 100_u64..1_000_000_000,
        drift in -MAX_DRIFT..=MAX_DRIFT,
        offset in -20_i64..=20,
    ) {
        let secret = secret(&key);
        let theirs = step.saturating_add_signed(offset);
        let memory = Memory { last_step: None, drift };
        let verdict = check(&secret, memory, &code(&secret, theirs), step);
        if (offset - i64::from(drift)).abs() <= 1 {
            let learnt = (offset as i32).clamp(-MAX_DRIFT, MAX_DRIFT);
            prop_assert_eq!(verdict, Verdict::Accepted(Memory { last_step: Some(theirs), drift: learnt }));
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
            let theirs = step.saturating_add_signed(i64::from(memory.drift) + offset);
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

    /// A clock that loses or gains up to one step between two sign-ins is followed to the limit, and not beyond it.
    #[test]
    fn a_drifting_clock_is_followed_up_to_the_limit(
        key in prop::array::uniform20(any::<u8>()),
        step in 1_000_u64..1_000_000_000,
        ahead in any::<bool>(),
    ) {
        let secret = secret(&key);
        let mut memory = Memory::default();
        let direction = if ahead { 1 } else { -1 };
        for n in 1..=i64::from(MAX_DRIFT) {
            let now = step + 100 * n as u64;
            let theirs = now.saturating_add_signed(direction * n);
            let Verdict::Accepted(next) = check(&secret, memory, &code(&secret, theirs), now) else {
                return Err(TestCaseError::fail("the window follows"));
            };
            prop_assert_eq!(i64::from(next.drift), direction * n);
            memory = next;
        }
        let now = step + 10_000;
        let theirs = now.saturating_add_signed(direction * i64::from(MAX_DRIFT + 2));
        prop_assert_eq!(check(&secret, memory, &code(&secret, theirs), now), Verdict::Wrong, "too far off");
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
    for typed in ["07081804", "0708 1804", "0708-1804", " 07 08\u{a0}18–04\n"] {
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
        "0708180\u{664}", // ARABIC-INDIC DIGIT FOUR: no keypad of ours has it
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
