//! Keypads, paths and appointments: what was counted, what is refused, and times at which clocks are odd.
use std::time::Duration;

use couchkey_otp::{
    Period, UnixTime,
    typing::{Appointment, CannotType, Keypad, Pace, Speed, appointment},
};
use proptest::prelude::*;

const CODES: [&str; 5] = ["287082", "359152", "969429", "338314", "254676"];

fn steady() -> Speed {
    Speed::new(0.65, 0.2).expect("a pace")
}

fn at(now_ms: u64) -> Appointment {
    appointment(
        now_ms,
        Period::THIRTY,
        &CODES,
        Keypad::ThreeByFour,
        steady(),
        1_500.0,
    )
    .expect("six digits")
}

/// All the million codes, against what was counted for them elsewhere: 17.8 in the mean and 22 at the 95th
/// percentile on a 3×4 keypad, 33.5 and 45 on one row with OK.
#[test]
fn presses_are_as_counted() {
    for (keypad, mean, p95) in [(Keypad::ThreeByFour, 17.8, 22), (Keypad::Row, 33.5, 45)] {
        let mut all: Vec<u32> = (0..1_000_000)
            .step_by(7)
            .map(|code| keypad.presses(&format!("{code:06}")).expect("digits"))
            .collect();
        all.sort_unstable();
        let sum: u32 = all.iter().sum();
        let counted = f64::from(sum) / all.len() as f64;
        assert!(
            (counted - mean).abs() < 0.05,
            "{}: {counted}",
            keypad.as_str()
        );
        assert_eq!(all[all.len() * 95 / 100], p95, "{}", keypad.as_str());
    }
}

#[test]
fn a_path_is_arrows_from_key_to_key() {
    let arrows = |keypad: Keypad, code: &str| -> Vec<String> {
        let path = keypad.path(code).expect("keys for all of it");
        path.iter().map(|leg| leg.arrows()).collect()
    };
    assert_eq!(
        arrows(Keypad::ThreeByFour, "1590"),
        ["", "→↓", "→↓", "←↓"],
        "no OK at its end"
    );
    assert_eq!(
        arrows(Keypad::ThreeByFour, "03"),
        ["→↓↓↓", "↑↑↑→"],
        "never through what may be missing beside 0"
    );
    assert_eq!(arrows(Keypad::Row, "12"), ["", "→", "→→→→→→→→→"], "and OK");
    assert_eq!(arrows(Keypad::TwoRows, "70"), ["→↓", "→→→", "→"]);
    assert_eq!(
        arrows(Keypad::Qwerty, "1Qm"),
        ["", "↓", "→→→→→→↓↓", "→→→"],
        "capitals are where the small ones are"
    );
    assert_eq!(arrows(Keypad::Numbers, "908"), ["", "", "", ""]);
    assert_eq!(
        Keypad::Phone.presses("B7KQ2"),
        Ok(6),
        "a key each, and return"
    );
}

#[test]
fn every_keypad_has_a_word_of_its_own() {
    for keypad in Keypad::ALL {
        assert_eq!(Keypad::from_word(keypad.as_str()), Some(keypad));
    }
    assert_eq!(Keypad::from_word("4x3"), None);
    assert_eq!(Keypad::from_word(""), None);
}

#[test]
fn what_no_keypad_can_type_is_refused() {
    assert_eq!(Keypad::Row.presses(""), Err(CannotType::Nothing));
    assert_eq!(
        Keypad::Row.presses(&"1".repeat(65)),
        Err(CannotType::TooLong)
    );
    for (keypad, code) in [
        (Keypad::ThreeByFour, "12A"),
        (Keypad::Numbers, "B7KQ2"),
        (Keypad::Qwerty, "1 2"),
        (Keypad::Qwerty, "é"),
        (Keypad::Phone, "１２"),
        (Keypad::ThreeByFour, "1 2"),
    ] {
        assert_eq!(
            keypad.presses(code),
            Err(CannotType::NoKey),
            "{code} on {}",
            keypad.as_str()
        );
    }
}

#[test]
fn what_is_no_pace_is_refused() {
    for secs in [
        f64::NAN,
        f64::INFINITY,
        f64::NEG_INFINITY,
        -0.65,
        0.0,
        -0.0,
        1e-9,
        21.0,
        f64::MAX,
    ] {
        assert_eq!(Speed::new(secs, 0.2), Err(CannotType::Pace), "{secs}");
    }
    for spread in [f64::NAN, f64::INFINITY, -0.1, 3.5] {
        assert_eq!(
            Speed::new(0.65, spread),
            Err(CannotType::Spread),
            "{spread}"
        );
    }
    for glance in [f64::NAN, -1.0, 60_001.0, f64::INFINITY] {
        let answer = appointment(0, Period::THIRTY, &CODES, Keypad::Row, steady(), glance);
        assert_eq!(answer, Err(CannotType::Glance), "{glance}");
    }
    for now in [u64::MAX, 253_402_300_800_000] {
        let answer = appointment(now, Period::THIRTY, &CODES, Keypad::Row, steady(), 0.0);
        assert_eq!(answer, Err(CannotType::Time));
    }
    let none: [&str; 0] = [];
    let answer = appointment(0, Period::THIRTY, &none, Keypad::Row, steady(), 0.0);
    assert_eq!(answer, Err(CannotType::Nothing));
}

#[test]
fn the_first_code_that_leaves_room_is_taken() {
    let fresh = at(0);
    assert_eq!((fresh.step_ahead, fresh.hold_last_press), (0, false));
    assert_eq!((fresh.valid_from_ms, fresh.valid_until_ms), (0, 30_000));

    let late = at(20_000);
    assert_eq!(late.step_ahead, 1);
    assert_eq!((late.valid_from_ms, late.valid_until_ms), (30_000, 60_000));
    assert!(late.expected_done_ms > 30_000 && late.expected_done_ms < 60_000);
}

#[test]
fn who_may_be_early_is_asked_to_keep_the_last_press() {
    // Done in the mean a second after the step has begun; a quick evening is before it.
    let now = (12_000..30_000)
        .find(|now| {
            let next = at(*now);
            next.step_ahead == 1 && next.expected_done_ms >= next.valid_from_ms + 1_000
        })
        .expect("there is such a moment");
    assert!(
        at(now).hold_last_press,
        "a code that is not good yet is refused like one that is over"
    );
    let clockwork = Speed::new(0.65, 0.0).expect("a pace");
    let now = at(now).valid_from_ms - 10_000;
    let answer = appointment(
        now,
        Period::THIRTY,
        &CODES,
        Keypad::ThreeByFour,
        clockwork,
        0.0,
    )
    .expect("six digits");
    assert_eq!(answer.step_ahead, 1);
    assert!(
        !answer.hold_last_press,
        "who never varies and is done later is not"
    );
}

#[test]
fn of_few_codes_the_last_is_better_than_none() {
    let slow = Speed::new(20.0, 0.3).expect("very slow");
    let far = appointment(0, Period::THIRTY, &CODES, Keypad::Row, slow, 1_500.0).expect("codes");
    assert_eq!(far.step_ahead, 4);
    assert!(
        far.expected_done_ms > far.valid_until_ms,
        "and says that it will be too late"
    );
    let only = appointment(
        29_000,
        Period::THIRTY,
        &CODES[..1],
        Keypad::Row,
        steady(),
        1_500.0,
    );
    assert_eq!(only.expect("one code").step_ahead, 0);
    let many = ["111111"; 50];
    let answer = appointment(0, Period::THIRTY, &many, Keypad::Row, slow, 0.0);
    assert_eq!(answer.expect("codes").step_ahead, 4, "no further than that");
}

#[test]
fn steps_ahead_at_midnight_and_on_a_leap_second_are_steps_like_any_other() {
    // 2026-12-01T00:00:00Z, and 2017-01-01T00:00:00Z: before that came 23:59:60, which this count of seconds has not.
    for midnight in [1_796_083_200_000, 1_483_228_800_000] {
        let slow = Speed::new(2.2, 0.3).expect("a pace");
        for before in [45_000, 31_000, 29_000, 1_000, 1, 0] {
            let now = midnight - before;
            let answer = appointment(
                now,
                Period::THIRTY,
                &CODES,
                Keypad::ThreeByFour,
                slow,
                1_500.0,
            )
            .expect("six digits");
            assert!(answer.step_ahead >= 1, "nobody types that in one step");
            assert_eq!(answer.valid_from_ms % 30_000, 0);
            assert_eq!(answer.valid_until_ms - answer.valid_from_ms, 30_000);
            let step = |ms: u64| UnixTime::from_secs(ms / 1000).step(Period::THIRTY);
            assert_eq!(
                step(answer.valid_from_ms),
                step(now) + answer.step_ahead as u64
            );
        }
    }
}

/// Each appointment is made from the time that it is given alone: one more after a jump is right again, and what was
/// measured across the jump teaches nothing.
#[test]
fn a_clock_that_jumps_while_somebody_types_spoils_nothing() {
    let before = at(1_796_083_200_000);
    for jump in [-86_400_000_i64, -31_000, -1, 1, 47_000, 3_600_000] {
        let now = 1_796_083_200_000_u64.saturating_add_signed(jump);
        let after = at(now);
        assert!(
            after.valid_until_ms > now,
            "not a code that is over by the clock as it is now"
        );
        assert!(after.valid_from_ms <= now + 120_000);
    }
    assert_eq!(at(1_796_083_200_000), before, "and nothing is remembered");

    let mut pace = Pace::from_marks([0.6; 10]);
    let known = pace.speed();
    pace.mark(3, Duration::from_secs(3_600));
    pace.mark(3, Duration::ZERO);
    pace.mark(0, Duration::from_secs(1));
    assert_eq!(pace.speed(), known);
}

#[test]
fn a_pace_is_the_mean_of_the_last_twenty_marks_and_one_slip_does_not_move_it() {
    let mut pace = Pace::default();
    assert_eq!(pace.speed(), Speed::UNKNOWN);
    for _ in 0..Pace::MARKS {
        pace.mark(4, Duration::from_millis(1_600));
    }
    assert!((pace.speed().secs() - 0.4).abs() < 1e-9);
    pace.mark(1, Duration::from_secs(9));
    assert_eq!(pace.marks().len(), Pace::MARKS);
    assert!(pace.speed().secs() < 0.44, "{:?}", pace.speed());
    for _ in 0..Pace::MARKS {
        pace.mark(2, Duration::from_millis(2_600));
    }
    assert!(
        (pace.speed().secs() - 1.3).abs() < 1e-9,
        "what was before is forgotten"
    );
    assert!(pace.speed().spread() < 0.2);
}

#[test]
fn too_late_makes_the_pace_slower_and_less_sure() {
    for marks in [0, 3, 5, 20] {
        let mut pace = Pace::from_marks(vec![0.5; marks]);
        let before = pace.speed();
        for _ in 0..40 {
            let last = pace.speed();
            pace.too_late();
            assert!(pace.speed().secs() >= last.secs());
            assert!(Speed::new(pace.speed().secs(), pace.speed().spread()).is_ok());
        }
        assert!(pace.speed().secs() > before.secs() * 1.5);
        assert!(pace.speed().secs() <= 10.0, "and has an end");
    }
    let mut known = Pace::from_marks([0.5; 20]);
    let sure = known.speed().spread();
    known.too_late();
    assert!(known.speed().spread() > sure);
}

#[test]
fn what_was_kept_of_a_pace_is_not_trusted() {
    let pace = Pace::from_marks([f64::NAN, -1.0, 0.0, f64::INFINITY, 1e300, 0.5]);
    assert_eq!(pace.marks(), [0.5]);
    let many = Pace::from_marks((0..1_000).map(|n| 0.3 + f64::from(n) / 10_000.0));
    assert_eq!(many.marks().len(), Pace::MARKS);
}

proptest! {
    #[test]
    fn no_input_panics_and_every_answer_fits_together(
        now in any::<u64>(),
        period in any::<u32>(),
        codes in prop::collection::vec("\\PC{0,10}", 0..8),
        keypad in 0_usize..6,
        secs in any::<f64>(),
        spread in any::<f64>(),
        glance in any::<f64>(),
    ) {
        let keypad = Keypad::ALL[keypad];
        let (Ok(period), speed) = (Period::new(period % 100_000), Speed::new(secs, spread)) else {
            return Ok(());
        };
        let speed = speed.unwrap_or(Speed::UNKNOWN);
        let _ = appointment(now, period, &codes, keypad, speed, glance);
    }

    #[test]
    fn an_appointment_is_in_the_step_that_it_names(
        now in 0_u64..4_000_000_000_000,
        period in 1_u32..=86_400,
        code in "[0-9]{6}",
        keypad in 0_usize..6,
        secs in 0.02..20.0,
        spread in 0.0..3.0,
        glance in 0.0..60_000.0,
    ) {
        let period = Period::new(period).expect("in range");
        let speed = Speed::new(secs, spread).expect("in range");
        let codes = [&code; 5];
        let keypad = Keypad::ALL[keypad];
        let answer = appointment(now, period, &codes, keypad, speed, glance).expect("digits");
        let length = u64::from(period.get()) * 1000;
        prop_assert_eq!(answer.valid_from_ms, now / length * length + answer.step_ahead as u64 * length);
        prop_assert_eq!(answer.valid_until_ms, answer.valid_from_ms + length);
        prop_assert_eq!(Ok(answer.presses), keypad.presses(&code));
        prop_assert!(answer.expected_done_ms >= now);
        if answer.step_ahead == 0 {
            prop_assert!(!answer.hold_last_press, "a code that is good now is not waited with");
        } else if answer.expected_done_ms < answer.valid_from_ms {
            prop_assert!(answer.hold_last_press);
        }
        if answer.step_ahead < 4 {
            prop_assert!(answer.expected_done_ms < answer.valid_until_ms);
        }
    }
}
