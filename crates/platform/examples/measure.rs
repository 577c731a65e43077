//! The platform's figures, measured on this machine: `measure WHAT STORE [COUNT] [PEOPLE]`.
//!
//! - `rate`: COUNT verifications by 64 clients over PEOPLE enrolled people: how many a second, and how long each takes.
//! - `once`: COUNT submissions, 64 of each code at once: exactly one of the 64 is accepted.
//! - `alike`: COUNT wrong codes each for people who are here and people who are not: no difference in time
//!   (Welch's t below 4.5).
//! - `guess`: COUNT random codes over the PEOPLE in turn, each from an address of its own: none of them is looked at more
//!   than a hundred times in a row (NIST SP 800-63B), and no more guesses are right than chance has it.
//!
//! STORE is `memory`, `sqlite` (in a folder that goes away, under TMPDIR) or `postgres`. Ends with 1 when a figure that
//! must hold does not. Rates mean something in a release build only.
use std::io::{Seek, Write};
use std::net::{IpAddr, Ipv4Addr};
use std::process::ExitCode;
use std::sync::Arc;
use std::time::{Duration, Instant};

use couchkey_otp::{Algorithm, Digits, Period, Secret, UnixTime, totp};
use couchkey_platform::store::{MemoryStore, PostgresStore, SqliteStore};
use couchkey_platform::testing::{TestClock, TestPostgres};
use couchkey_platform::{
    ConfirmRequest, EnrolRequest, KeyRing, PersonId, Platform, Settings, Store, VerifyError,
    VerifyRequest,
};
use rand::RngExt as _;
use tokio::sync::Barrier;

const CLIENTS: usize = 64;

type Failure = Box<dyn std::error::Error + Send + Sync>;

#[tokio::main]
async fn main() -> Result<ExitCode, Failure> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let words: Vec<&str> = arguments.iter().map(String::as_str).collect();
    let number = |place: usize, default| match words.get(place) {
        Some(word) => word.parse(),
        None => Ok(default),
    };
    let (count, people) = (number(2, 10_000)?, number(3, 1_000)?);
    let [what, store, ..] = words[..] else {
        return Err("measure rate|once|alike|guess memory|sqlite|postgres [COUNT] [PEOPLE]".into());
    };

    let folder = tempfile::tempdir()?;
    let server;
    let store: Arc<dyn Store> = match store {
        "memory" => Arc::new(MemoryStore::new()),
        "sqlite" => Arc::new(SqliteStore::open(&folder.path().join("platform.sqlite")).await?),
        "postgres" => {
            server = TestPostgres::start(true)?;
            Arc::new(PostgresStore::connect(&server.database()?, 32).await?)
        }
        other => return Err(format!("there is no store named {other}").into()),
    };
    let clock = Arc::new(TestClock::at(1_800_000_000));
    let settings = Settings::new("StreamTV", "https://example.tv/link");
    let platform = Platform::start(store, clock.clone(), KeyRing::generate(), settings).await?;
    let house = Arc::new(House { platform, clock });

    let started = Instant::now();
    let people = house.clone().move_in(people).await?;
    println!(
        "{} people enrolled in {:.1} s",
        people.len(),
        started.elapsed().as_secs_f64()
    );
    let holds = match what {
        "rate" => {
            println!("{:.0} fsyncs a second, the disk alone", fsyncs(&folder)?);
            rate(house, people, count).await?
        }
        "once" => once(house, people, count).await?,
        "alike" => alike(&house, &people, count).await?,
        "guess" => guess(house, people, count).await?,
        other => return Err(format!("there is nothing named {other} to measure").into()),
    };
    Ok(if holds {
        ExitCode::SUCCESS
    } else {
        ExitCode::FAILURE
    })
}

struct House {
    platform: Platform,
    clock: Arc<TestClock>,
}

struct Person {
    id: PersonId,
    secret: Secret,
    from: IpAddr,
}

impl Person {
    fn code(&self, at: UnixTime) -> String {
        let code = totp::code(
            &self.secret,
            at,
            Period::THIRTY,
            Algorithm::Sha1,
            Digits::SIX,
        );
        code.as_str().to_owned()
    }
}

/// Everybody has an address, and three share a network.
fn address(n: usize) -> IpAddr {
    let n = n as u32;
    Ipv4Addr::from_bits(0x0b00_0000 + (n / 3 * 256) + n % 3).into()
}

impl House {
    async fn move_in(self: Arc<Self>, count: usize) -> Result<Arc<Vec<Person>>, Failure> {
        let tasks: Vec<_> = (0..CLIENTS)
            .map(|client| {
                let house = self.clone();
                tokio::spawn(async move {
                    let mut people = Vec::new();
                    for n in (client..count).step_by(CLIENTS) {
                        people.push(house.enrol(n).await?);
                    }
                    Ok::<_, Failure>(people)
                })
            })
            .collect();
        let mut people = Vec::new();
        for task in tasks {
            people.extend(task.await??);
        }
        self.clock.advance(60);
        Ok(Arc::new(people))
    }

    async fn enrol(&self, n: usize) -> Result<Person, Failure> {
        let id = PersonId::new(format!("person-{n}"))?;
        let request = EnrolRequest {
            person: id.clone(),
            account: format!("person-{n}@example.tv"),
        };
        let enrolled = self.platform.enrol(&request).await?;
        let person = Person {
            id: id.clone(),
            secret: Secret::from_base32(&enrolled.secret)?.0,
            from: address(n),
        };
        let request = ConfirmRequest {
            person: id,
            id: enrolled.id,
            code: &person.code(self.platform.now()),
            from: person.from,
        };
        self.platform.confirm(&request).await?;
        Ok(person)
    }

    async fn verify(&self, person: &PersonId, code: &str, from: IpAddr) -> Result<(), VerifyError> {
        let request = VerifyRequest {
            person: person.clone(),
            code,
            from,
        };
        self.platform.verify(&request).await.map(drop)
    }
}

/// How often the disk takes 4 KiB for good, asked by one.
fn fsyncs(folder: &tempfile::TempDir) -> Result<f64, Failure> {
    let mut file = std::fs::File::create(folder.path().join("disk"))?;
    let started = Instant::now();
    let mut done = 0;
    while started.elapsed() < Duration::from_secs(1) {
        file.rewind()?;
        file.write_all(&[done as u8; 4096])?;
        file.sync_data()?;
        done += 1;
    }
    Ok(f64::from(done) / started.elapsed().as_secs_f64())
}

/// Every client signs its share of the people in, one after the other; then the next step comes for all.
async fn rate(house: Arc<House>, people: Arc<Vec<Person>>, count: usize) -> Result<bool, Failure> {
    let barrier = Arc::new(Barrier::new(CLIENTS));
    let rounds = count.div_ceil(people.len());
    let a_round = count.min(people.len());
    let started = Instant::now();
    let tasks: Vec<_> = (0..CLIENTS)
        .map(|client| {
            let (house, people, barrier) = (house.clone(), people.clone(), barrier.clone());
            tokio::spawn(async move {
                let mut took = Vec::new();
                for _ in 0..rounds {
                    for n in (client..a_round).step_by(CLIENTS) {
                        // Anywhere in the table, as people come.
                        let person = &people[n * 7_919 % people.len()];
                        let code = person.code(house.platform.now());
                        let asked = Instant::now();
                        house.verify(&person.id, &code, person.from).await?;
                        took.push(asked.elapsed());
                    }
                    if barrier.wait().await.is_leader() {
                        house.clock.advance(60);
                    }
                    barrier.wait().await;
                }
                Ok::<_, Failure>(took)
            })
        })
        .collect();
    let mut took = Vec::new();
    for task in tasks {
        took.extend(task.await??);
    }
    let elapsed = started.elapsed();
    took.sort();
    let at = |share: f64| took[((took.len() - 1) as f64 * share) as usize].as_secs_f64() * 1_000.0;
    println!(
        "{} verifications by {CLIENTS} clients, {} people: {:.0} a second; median {:.1} ms, p99 {:.1} ms, worst {:.1} ms",
        took.len(),
        people.len(),
        took.len() as f64 / elapsed.as_secs_f64(),
        at(0.5),
        at(0.99),
        at(1.0),
    );
    Ok(true)
}

async fn once(house: Arc<House>, people: Arc<Vec<Person>>, count: usize) -> Result<bool, Failure> {
    let (mut distinct, mut accepted, mut submitted) = (0, 0, 0);
    while submitted < count {
        for n in 0..people.len() {
            let now = house.platform.now();
            let tasks: Vec<_> = (0..CLIENTS)
                .map(|client| {
                    let (house, people) = (house.clone(), people.clone());
                    tokio::spawn(async move {
                        let person = &people[n];
                        // From 64 places, so that nothing but the code decides.
                        let from = address(10_000_000 + n % 10_000 * CLIENTS + client);
                        house.verify(&person.id, &person.code(now), from).await
                    })
                })
                .collect();
            for task in tasks {
                match task.await? {
                    Ok(()) => accepted += 1,
                    Err(VerifyError::Used | VerifyError::Throttled { .. }) => {}
                    Err(other) => return Err(other.into()),
                }
            }
            distinct += 1;
            submitted += CLIENTS;
            if submitted >= count {
                break;
            }
        }
        // The next step, after every delay that the refused ones have earned.
        house.clock.advance(7_200);
    }
    println!("{submitted} submissions: {accepted} accepted of {distinct} distinct (person, step)");
    Ok(accepted == distinct)
}

async fn alike(house: &House, people: &[Person], count: usize) -> Result<bool, Failure> {
    let unknown: Vec<PersonId> = (0..people.len())
        .map(|n| PersonId::new(format!("nobody-{n}")))
        .collect::<Result<_, _>>()?;
    let mut samples = [Vec::with_capacity(count), Vec::with_capacity(count)];
    let mut answers = [Vec::new(), Vec::new()];
    let mut passes = 0;
    while samples[0].len() < count {
        for n in 0..people.len().min(count - samples[0].len()) {
            let mut order = [0, 1];
            if rand::rng().random() {
                order.reverse();
            }
            for who in order {
                let id = [&people[n].id, &unknown[n]][who];
                let asked = Instant::now();
                // Five digits: wrong for everybody, and compared like any other.
                let answer = house.verify(id, "12345", people[n].from).await;
                samples[who].push(asked.elapsed().as_secs_f64());
                answers[who].push(answer.unwrap_err().to_string());
            }
        }
        // A day later every delay is over. A hundred failures in a row are the end, so there have to be enough people.
        house.clock.advance(86_400);
        passes += 1;
        if passes == 100 {
            return Err("too few people for so many samples".into());
        }
    }
    if answers[0] != answers[1] {
        return Err("the answers differ".into());
    }
    let [known, unknown] = samples.map(|samples| {
        let n = samples.len() as f64;
        let mean = samples.iter().sum::<f64>() / n;
        let variance = samples.iter().map(|s| (s - mean).powi(2)).sum::<f64>() / (n - 1.0);
        (mean, variance / n)
    });
    let t = (known.0 - unknown.0) / (known.1 + unknown.1).sqrt();
    println!(
        "{count} samples each: known {:.1} µs, unknown {:.1} µs; Welch's t {t:.2}; no answer differs",
        known.0 * 1e6,
        unknown.0 * 1e6,
    );
    Ok(t.abs() < 4.5)
}

/// Somebody with as many addresses and as much patience as it takes.
async fn guess(house: Arc<House>, people: Arc<Vec<Person>>, count: usize) -> Result<bool, Failure> {
    let mut in_a_row = vec![0_u32; people.len()];
    let (mut most, mut looked_at, mut right, mut guessed) = (0, 0, 0, 0);
    while guessed < count {
        let tasks: Vec<_> = (guessed..count.min(guessed + CLIENTS))
            .map(|n| {
                let (house, people) = (house.clone(), people.clone());
                let code = format!("{:06}", rand::rng().random_range(0..1_000_000));
                tokio::spawn(async move {
                    let who = n % people.len();
                    let from = address(10_000_000 + n);
                    (who, house.verify(&people[who].id, &code, from).await)
                })
            })
            .collect();
        guessed += tasks.len();
        for task in tasks {
            let (who, result) = task.await?;
            match result {
                Ok(()) => {
                    (looked_at, right) = (looked_at + 1, right + 1);
                    in_a_row[who] = 0;
                }
                Err(VerifyError::Wrong | VerifyError::Used) => {
                    looked_at += 1;
                    in_a_row[who] += 1;
                    most = most.max(in_a_row[who]);
                }
                Err(VerifyError::Throttled { .. } | VerifyError::Stopped) => {}
                Err(other) => return Err(other.into()),
            }
        }
        // Everybody's turn comes about once an hour, when even the longest delay is over or nearly so.
        let share = (3_600 * CLIENTS).div_ceil(people.len());
        house.clock.advance(share as u64);
    }
    // Three codes of a million are right at any time.
    let by_chance = f64::from(looked_at) * 3.0 / 1_000_000.0;
    println!(
        "{guessed} guesses at {} people: {looked_at} looked at, at most {most} in a row at one; {right} right, {by_chance:.2} by chance",
        people.len(),
    );
    // Five standard deviations of a Poisson distribution, and five for where it is not yet like a normal one.
    Ok(most <= 100 && f64::from(right) <= by_chance + 5.0 * by_chance.sqrt() + 5.0)
}
