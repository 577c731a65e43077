//! The platform's figures, measured on this machine: `measure WHAT STORE [COUNT] [PEOPLE…]`.
//!
//! - `rate`: COUNT verifications by 64 clients over PEOPLE enrolled people: how many a second, and how long each takes;
//!   on SQLite also what the disk alone would take. With several numbers of people, each in turn in the same database:
//!   whether it is flat.
//! - `once`: COUNT submissions, 64 of each code at once: exactly one of the 64 is accepted.
//! - `alike`: COUNT wrong codes each for people who are here and people who are not: no difference in time
//!   (Welch's t below 4.5).
//! - `guess`: COUNT random codes over the PEOPLE in turn, each from an address of its own: none of them is looked at more
//!   than a hundred times in a row (NIST SP 800-63B), and no more guesses are right than chance has it.
//!
//! STORE is `memory`, `sqlite` (in a folder that goes away, under TMPDIR) or `postgres`. Ends with 1 when a figure that
//! must hold does not. Rates mean something in a release build only.
use std::io::Write;
use std::net::{IpAddr, Ipv4Addr};
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::sync::Arc;
use std::time::{Duration, Instant};

use couchkey_otp::{Algorithm, Digits, Period, Secret, UnixTime, totp};
use couchkey_platform::store::{Credential, MemoryStore, PostgresStore, SqliteStore};
use couchkey_platform::testing::{self, TestClock, TestPostgres};
use couchkey_platform::{KeyRing, PersonId, Platform, Settings, Store, VerifyError, VerifyRequest};
use metrics_exporter_prometheus::{PrometheusBuilder, PrometheusHandle};
use rand::RngExt as _;
use sqlx::Connection as _;
use tokio::sync::Barrier;

const CLIENTS: usize = 64;

type Failure = Box<dyn std::error::Error + Send + Sync>;

#[tokio::main]
async fn main() -> Result<ExitCode, Failure> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let words: Vec<&str> = arguments.iter().map(String::as_str).collect();
    let [what, store, ref numbers @ ..] = words[..] else {
        return Err(
            "measure rate|once|alike|guess memory|sqlite|postgres [COUNT] [PEOPLE…]".into(),
        );
    };
    let mut sizes = Vec::new();
    for number in numbers {
        sizes.push(number.parse()?);
    }
    let count = if sizes.is_empty() {
        10_000
    } else {
        sizes.remove(0)
    };
    if sizes.is_empty() {
        sizes.push(1_000);
    }

    // As in the server: figures are counted, and cost what they cost.
    let figures = PrometheusBuilder::new().install_recorder()?;
    let folder = tempfile::tempdir()?;
    let server;
    let (store, database): (Arc<dyn Store>, Database) = match store {
        "memory" => (Arc::new(MemoryStore::new()), Database::Memory),
        "sqlite" => {
            let file = folder.path().join("platform.sqlite");
            let store = SqliteStore::open(&file).await?;
            (Arc::new(store), Database::Sqlite(file))
        }
        "postgres" => {
            server = TestPostgres::start(true)?;
            let url = server.database()?;
            let store = PostgresStore::connect(&url, 32).await?;
            (Arc::new(store), Database::Postgres(url))
        }
        other => return Err(format!("there is no store named {other}").into()),
    };
    let clock = Arc::new(TestClock::at(1_800_000_000));
    let settings = Settings::new("StreamTV", "https://example.tv/link");
    let platform = Platform::start(store, clock.clone(), KeyRing::generate(), settings).await?;
    let house = Arc::new(House { platform, clock });

    let mut people = Vec::new();
    let mut holds = true;
    for size in sizes {
        let started = Instant::now();
        let new = house.move_in(&database, people.len()..size).await?;
        people.extend(new);
        println!(
            "{} people are enrolled, after {:.1} s",
            people.len(),
            started.elapsed().as_secs_f64()
        );
        let everybody = Arc::new(people);
        holds &= match what {
            "rate" => {
                let disk = matches!(database, Database::Sqlite(_)).then(|| folder.path());
                rate(&house, &everybody, count, disk, &figures).await?
            }
            "once" => once(house.clone(), everybody.clone(), count).await?,
            "alike" => alike(&house, &everybody, count).await?,
            "guess" => guess(house.clone(), everybody.clone(), count).await?,
            other => return Err(format!("there is nothing named {other} to measure").into()),
        };
        people = Arc::into_inner(everybody).ok_or("somebody is still being measured")?;
    }
    Ok(if holds {
        ExitCode::SUCCESS
    } else {
        ExitCode::FAILURE
    })
}

/// Where the rows are, for who writes a million of them at once.
enum Database {
    Memory,
    Sqlite(PathBuf),
    Postgres(String),
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

/// Inserts credentials, many in a statement: through the front door, a million take twenty minutes.
macro_rules! insert {
    ($connection:expr, $credentials:expr) => {{
        let mut statement = sqlx::QueryBuilder::new(
            "INSERT INTO credential (id, person, active, algorithm, digits, period, sealed, sealing_key, expires_at) ",
        );
        statement.push_values($credentials, |mut row, new: Credential| {
            row.push_bind(new.id)
                .push_bind(new.person)
                .push_bind(i64::from(new.active))
                .push_bind(new.algorithm.as_str())
                .push_bind(i64::from(new.digits.get()))
                .push_bind(i64::from(new.period.get()))
                .push_bind(new.sealed)
                .push_bind(i64::from(new.key))
                .push_bind(0_i64);
        });
        statement.build().execute($connection).await?;
    }};
}

impl House {
    /// Enrols these people in bulk, and leaves the database as it is some time after that.
    async fn move_in(
        &self,
        database: &Database,
        numbers: std::ops::Range<usize>,
    ) -> Result<Vec<Person>, Failure> {
        const AT_ONCE: usize = 1_000;
        let mut people = Vec::with_capacity(numbers.len());
        let mut some = Vec::new();
        let mut chunks = Vec::new();
        for n in numbers {
            let id = PersonId::new(format!("person-{n}"))?;
            let (credential, secret) = testing::enrolled(&self.platform, &id);
            let from = address(n);
            people.push(Person { id, secret, from });
            some.push(credential);
            if some.len() == AT_ONCE {
                chunks.push(std::mem::take(&mut some));
            }
        }
        chunks.extend((!some.is_empty()).then_some(some));
        match database {
            Database::Memory => {
                for credential in chunks.into_iter().flatten() {
                    self.platform
                        .store()
                        .add_credential(&credential, false)
                        .await?;
                }
            }
            Database::Sqlite(file) => {
                let url = format!("sqlite:{}", file.display());
                let mut connection = sqlx::SqliteConnection::connect(&url).await?;
                sqlx::query("PRAGMA cache_size = -1048576")
                    .execute(&mut connection)
                    .await?;
                for chunk in chunks {
                    let mut transaction = connection.begin().await?;
                    insert!(&mut *transaction, chunk);
                    sqlx::query(
                        "INSERT INTO memory (number, last_step, drift) SELECT number, -1, 0 FROM credential \
                         WHERE number > (SELECT max(number) FROM memory)",
                    )
                    .execute(&mut *transaction)
                    .await?;
                    transaction.commit().await?;
                }
                sqlx::query("PRAGMA wal_checkpoint(TRUNCATE)")
                    .execute(&mut connection)
                    .await?;
            }
            Database::Postgres(url) => {
                let mut connection = sqlx::PgConnection::connect(url).await?;
                for chunk in chunks {
                    insert!(&mut connection, chunk);
                }
                for then in ["VACUUM ANALYZE credential", "CHECKPOINT"] {
                    sqlx::query(then).execute(&mut connection).await?;
                }
            }
        }
        Ok(people)
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

/// How often a second the disk takes so many bytes for good, appended to one file by one who waits each time.
fn appends(folder: &Path, bytes: usize) -> Result<f64, Failure> {
    let mut file = tempfile::tempfile_in(folder)?;
    let page = vec![0xA5; bytes];
    let started = Instant::now();
    let mut done = 0;
    while started.elapsed() < Duration::from_secs(1) {
        file.write_all(&page)?;
        file.sync_data()?;
        done += 1;
    }
    Ok(f64::from(done) / started.elapsed().as_secs_f64())
}

/// What this process has caused to be written to disks, in bytes.
fn written() -> Result<f64, Failure> {
    let io = std::fs::read_to_string("/proc/self/io")?;
    let line = io
        .lines()
        .find_map(|line| line.strip_prefix("write_bytes: "));
    Ok(line.ok_or("the kernel does not count")?.parse()?)
}

/// How many commits the SQLite store has counted.
fn commits(figures: &PrometheusHandle) -> f64 {
    let text = figures.render();
    let count = text
        .lines()
        .find_map(|line| line.strip_prefix("sqlite_commit_seconds_count "));
    count.and_then(|count| count.parse().ok()).unwrap_or(0.0)
}

/// Every client signs its share of the people in, one after the other; then the next step comes for all.
async fn rate(
    house: &Arc<House>,
    people: &Arc<Vec<Person>>,
    count: usize,
    disk: Option<&Path>,
    figures: &PrometheusHandle,
) -> Result<bool, Failure> {
    let barrier = Arc::new(Barrier::new(CLIENTS));
    let rounds = count.div_ceil(people.len());
    let a_round = count.min(people.len());
    let before = (commits(figures), written()?);
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
    let elapsed = started.elapsed().as_secs_f64();
    took.sort();
    let at = |share: f64| took[((took.len() - 1) as f64 * share) as usize].as_secs_f64() * 1_000.0;
    println!(
        "{} verifications by {CLIENTS} clients, {} people: {:.0} a second; median {:.1} ms, p99 {:.1} ms, worst {:.1} ms",
        took.len(),
        people.len(),
        took.len() as f64 / elapsed,
        at(0.5),
        at(0.99),
        at(1.0),
    );
    if let Some(folder) = disk {
        let commits = commits(figures) - before.0;
        let bytes = (written()? - before.1) / commits;
        let each = took.len() as f64 / commits;
        let alone = appends(folder, bytes as usize)?;
        println!(
            "{:.0} commits a second, {each:.1} verifications in each, {:.0} KiB written for each with checkpoints; the disk \
             alone takes {alone:.0} such appends a second: {:.0} verifications",
            commits / elapsed,
            bytes / 1_024.0,
            alone * each,
        );
    }
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
