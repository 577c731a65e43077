//! Many at the same time. These are the small counts; the full ones are in `make prove`.
use std::collections::HashMap;
use std::sync::Arc;

use couchkey_otp::verify::Memory;
use couchkey_platform::store::{Accept, AttemptKeys, Bucket, Which};
use couchkey_platform::{Purpose, VerifyError};

use crate::challenge::{ANA, ask, redeem, the_code};
use crate::world::{Phone, World, enrol, id, ip};

const CLIENTS: u8 = 64;

/// Runs `work` for every client at once and collects what came out.
async fn at_once<T, F>(w: Arc<World>, work: impl Fn(Arc<World>, u8) -> F) -> Vec<T>
where
    T: Send + 'static,
    F: Future<Output = T> + Send + 'static,
{
    let tasks: Vec<_> = (0..CLIENTS)
        .map(|n| tokio::spawn(work(w.clone(), n)))
        .collect();
    let mut results = Vec::new();
    for task in tasks {
        results.push(task.await.unwrap());
    }
    results
}

/// Accepted = distinct (person, step), exactly.
pub async fn the_same_code_from_64_clients_at_once_is_accepted_once(w: World) {
    const PEOPLE: usize = 4;
    const ROUNDS: usize = 10;
    let mut phones = Vec::new();
    for n in 0..PEOPLE {
        phones.push((format!("p{n}"), w.enrolled(&format!("p{n}")).await));
    }
    let w = Arc::new(w);
    let mut accepted: HashMap<(String, u64), u32> = HashMap::new();
    for _ in 0..ROUNDS {
        for (person, phone) in &phones {
            let code = phone.code(w.now());
            let results = at_once(w.clone(), |w, n| {
                let (person, code) = (person.clone(), code.clone());
                // Two failures an address at most: the address and the network are not what is meant here.
                async move { w.verify_from(&person, &code, ip(n, n)).await }
            });
            for result in results.await {
                match result {
                    Ok(verified) => {
                        *accepted.entry((person.clone(), verified.step)).or_default() += 1;
                    }
                    Err(VerifyError::Used | VerifyError::Throttled { .. }) => {}
                    other => panic!("{other:?}"),
                }
            }
        }
        w.clock.advance(30 + 7_200);
    }
    assert_eq!(accepted.len(), PEOPLE * ROUNDS, "each step was accepted");
    assert!(accepted.values().all(|n| *n == 1), "and once: {accepted:?}");
}

/// The row itself, without any throttle in front of it.
pub async fn the_same_step_is_written_once_however_many_write_it(w: World) {
    w.enrolled("ana").await;
    let which = Which::ActiveOrNobodys(id("ana"));
    let row = w.store.credential(&which).await.unwrap().unwrap();
    let w = Arc::new(w);
    for round in 1..=20_u64 {
        let step = row.memory.last_step.unwrap() + round;
        let bucket = |key| Bucket {
            key: [key; 32],
            size: 50,
        };
        let accept = Accept {
            id: row.id.clone(),
            person: id("ana"),
            memory: Memory {
                last_step: Some(step),
                drift: 0,
            },
            attempt: AttemptKeys {
                accounts: [Some([1; 32]), None],
                address: bucket(2),
                theirs: bucket(4),
                network: bucket(3),
                timeline: w.store.timeline(),
            },
            keep: None,
            now: w.now(),
        };
        let results = at_once(w.clone(), |w, n| {
            // Every fourth comes with an earlier step, as a late packet does.
            let mut accept = accept.clone();
            if n % 4 == 0 {
                accept.memory.last_step = Some(step - 1);
            }
            async move { w.store.accept(&accept).await.unwrap() }
        });
        let winners = results.await.into_iter().filter(|won| *won).count();
        assert_eq!(winners, 1, "round {round}");
    }
}

pub async fn the_same_challenge_is_redeemed_once(w: World) {
    let w = Arc::new(w);
    for _ in 0..5 {
        let answer = ask(&w, ANA, Purpose::SignUp).await.unwrap();
        let code = the_code(&w).await;
        let results = at_once(w.clone(), |w, _| {
            let (id, code) = (answer.id.clone(), code.clone());
            async move { redeem(&w, &id, Purpose::SignUp, &code).await.is_ok() }
        });
        let redeemed = results.await.into_iter().filter(|right| *right).count();
        assert_eq!(redeemed, 1);
        w.clock.advance(7_200);
    }
}

/// Whoever counts after comparing is tried 64 times here.
pub async fn guesses_at_once_are_no_more_than_guesses_in_a_row(w: World) {
    let phone = w.enrolled("ana").await;
    let w = Arc::new(w);
    let wrong = phone.wrong(w.now());
    for (round, admitted) in [(1, 5), (2, 0)] {
        let results = at_once(w.clone(), |w, n| {
            let wrong = wrong.clone();
            async move { w.verify_from("ana", &wrong, ip(n, n)).await }
        });
        let results = results.await;
        let looked_at = results
            .iter()
            .filter(|r| **r == Err(VerifyError::Wrong))
            .count();
        assert_eq!(looked_at, admitted, "round {round}");
    }
    w.clock.advance(30);
    let results = at_once(w.clone(), |w, n| {
        let wrong = wrong.clone();
        async move { w.verify_from("ana", &wrong, ip(n, n)).await }
    });
    let results = results.await.into_iter();
    let looked_at = results.filter(|r| *r == Err(VerifyError::Wrong)).count();
    assert_eq!(looked_at, 1, "one more after 30 seconds");
}

pub async fn a_confirmation_counts_once(w: World) {
    let enrolled = w.platform.enrol(&enrol("ana")).await.unwrap();
    let code = Phone::of(&enrolled).code(w.now());
    let (w, enrolled) = (Arc::new(w), Arc::new(enrolled));
    let results = at_once(w.clone(), |w, _| {
        let (enrolled, code) = (enrolled.clone(), code.clone());
        async move { w.confirm("ana", &enrolled, &code).await.is_ok() }
    });
    let confirmed = results.await.into_iter().filter(|right| *right).count();
    assert_eq!(confirmed, 1);
}
