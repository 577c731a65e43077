//! SQLite: one file, one writer, as durable as the disk.
/// Where credentials are read from, with what they remember.
macro_rules! credentials {
    () => {
        "credential JOIN memory USING (number)"
    };
}
#[path = "sql/mod.rs"]
mod sql;

use std::path::Path;
use std::pin::pin;
use std::time::{Duration, Instant};

use metrics::histogram;
use sqlx::pool::PoolConnection;
use sqlx::sqlite::{
    SqliteConnectOptions, SqliteConnection, SqliteJournalMode, SqlitePool, SqlitePoolOptions,
    SqliteSynchronous,
};
use sqlx::{ConnectOptions, Connection as _};
use tokio::sync::{mpsc, oneshot};

use super::{Change, StoreError};

type Db = sqlx::Sqlite;
type Connection = SqliteConnection;
type Here = SqliteStore;

/// One writer: nobody else changes a row between two statements of a transaction.
const ONE_WRITER: bool = true;
const FOR_UPDATE: &str = "";
/// RFC 6238, section 5.2, as one compare-and-set: whoever changes the row has used the step up. The person's page has just been
/// read, the id's (`+`: not by its index) would be one more.
const ACCEPT: &str = "UPDATE memory SET last_step = $8, drift = $9 WHERE last_step < $8 AND number = \
    (SELECT number FROM credential WHERE person = $10 AND active = 1 AND +id = $7) RETURNING number";
const REMEMBER: &str = "INSERT INTO memory (number, last_step, drift) SELECT number, $2, $3 FROM credential WHERE id = $1 \
    ON CONFLICT (number) DO UPDATE SET last_step = excluded.last_step, drift = excluded.drift";
const CLAIM: &str = "UPDATE message SET due_at = $1 + $2, attempt = attempt + 1 WHERE id IN (\
    SELECT id FROM message WHERE void = 0 AND due_at <= $1 AND expires_at > $1 ORDER BY due_at LIMIT $3) \
    RETURNING id, challenge, channel, purpose, sealed, attempt, expires_at";

/// A database in one file, for one machine: write-ahead log, `synchronous=FULL`, and one writer that commits together
/// whatever arrived while the disk was busy.
///
/// ```
/// # tokio::runtime::Runtime::new().unwrap().block_on(async {
/// use couchkey_platform::store::SqliteStore;
///
/// let folder = tempfile::tempdir().unwrap();
/// let store = SqliteStore::open(&folder.path().join("platform.sqlite")).await?;
/// # drop(store);
/// # Ok::<(), couchkey_platform::StoreError>(())
/// # }).unwrap();
/// ```
#[derive(Clone)]
pub struct SqliteStore {
    readers: SqlitePool,
    writer: mpsc::Sender<Job>,
}

/// Runs inside the group's transaction, after the statements that it is given, and says how it ended; then waits for the
/// commit.
type Job = Box<dyn for<'c> FnOnce(&'c mut SqliteConnection, &'static str) -> Running<'c> + Send>;
type Running<'c> = std::pin::Pin<Box<dyn Future<Output = (End, Told)> + Send + 'c>>;

/// How a job ended.
#[derive(Clone, Copy, PartialEq, Eq)]
enum End {
    /// Its changes stay.
    Kept,
    /// They go.
    TakenBack,
    /// They go too, and nobody knows whether it began.
    Failed,
}

/// Tells the one who asked, once it is known whether the disk has it.
type Told = Box<dyn FnOnce(Result<(), StoreError>) + Send>;

impl SqliteStore {
    /// Opens the file, makes it if it is not there, and brings it to this version.
    ///
    /// # Errors
    /// [`StoreError::Schema`] when a newer version made it; otherwise what the disk said.
    pub async fn open(file: &Path) -> Result<SqliteStore, StoreError> {
        let options = SqliteConnectOptions::new()
            .filename(file)
            .create_if_missing(true)
            .journal_mode(SqliteJournalMode::Wal)
            .synchronous(SqliteSynchronous::Full)
            .busy_timeout(Duration::from_secs(5))
            .disable_statement_logging();
        // The inner pages of every index of a million people: without them each look-up reads three pages instead of one.
        let wide = options
            .clone()
            .pragma("cache_size", "-65536") // KiB
            .pragma("wal_autocheckpoint", Self::LOG_PAGES)
            .pragma("journal_size_limit", Self::LOG_BYTES);
        let mut writer = SqliteConnection::connect_with(&wide).await?;
        sqlx::migrate!("migrations/sqlite")
            .run(&mut writer)
            .await
            .map_err(|error| StoreError::from(sqlx::Error::from(error)))?;
        let readers = SqlitePoolOptions::new()
            .max_connections(4)
            .test_before_acquire(false) // a file does not hang up
            .acquire_timeout(Duration::from_secs(5))
            .connect_with(options.pragma("cache_size", "-16384").read_only(true))
            .await?;
        let (jobs, queue) = mpsc::channel(Self::GROUP);
        // A thread of its own, so that it waits for the disk and for nobody's turn on the runtime of the server.
        let runtime = tokio::runtime::Builder::new_current_thread()
            .build()
            .map_err(sqlx::Error::Io)?;
        std::thread::Builder::new()
            .name("couchkey-writer".to_owned())
            .spawn(move || runtime.block_on(write_groups(writer, queue)))
            .map_err(sqlx::Error::Io)?;
        Ok(SqliteStore {
            readers,
            writer: jobs,
        })
    }

    /// The most transactions in a group.
    const GROUP: usize = 512;
    /// A group closes when nobody waits, or after this time.
    const OPEN_FOR: Duration = Duration::from_millis(2);

    /// When the log goes into the table: after so many pages that most of them are there several times, and go once. It grows
    /// past that while somebody reads, and is cut again after that.
    const LOG_PAGES: &str = "16384";
    const LOG_BYTES: &str = "67108864";

    async fn read(&self) -> Result<PoolConnection<Db>, StoreError> {
        Ok(self.readers.acquire().await?)
    }

    async fn write<T, F>(&self, work: F) -> Result<T, StoreError>
    where
        T: Send + 'static,
        F: for<'c> FnOnce(
                &'c mut SqliteConnection,
            ) -> std::pin::Pin<
                Box<dyn Future<Output = sqlx::Result<Change<T>>> + Send + 'c>,
            > + Send
            + 'static,
    {
        self.write_after(move |c, begin| {
            Box::pin(async move {
                sqlx::query(begin).execute(&mut *c).await?;
                work(c).await
            })
        })
        .await
    }

    /// As `write`, for work that runs the statements it is given before its own, in one hand-over with them.
    async fn write_after<T, F>(&self, work: F) -> Result<T, StoreError>
    where
        T: Send + 'static,
        F: for<'c> FnOnce(
                &'c mut SqliteConnection,
                &'static str,
            ) -> std::pin::Pin<
                Box<dyn Future<Output = sqlx::Result<Change<T>>> + Send + 'c>,
            > + Send
            + 'static,
    {
        let (tell, told) = oneshot::channel();
        let job: Job = Box::new(move |c, begin| {
            Box::pin(async move {
                let (end, value) = match work(c, begin).await {
                    Ok(Change::Commit(value)) => (End::Kept, Ok(value)),
                    Ok(Change::Rollback(value)) => (End::TakenBack, Ok(value)),
                    Err(error) => (End::Failed, Err(StoreError::from(error))),
                };
                let told: Told = Box::new(move |durable| {
                    // Whoever asked may have gone; what was done is done.
                    let _ = tell.send(durable.and(value));
                });
                (end, told)
            })
        });
        let gone = |_| StoreError::Unavailable;
        self.writer.send(job).await.map_err(|_| gone(()))?;
        told.await.map_err(|_| gone(()))?
    }

    /// As `write`: here everything that waits shares one commit anyway.
    async fn write_soon<T, F>(&self, work: F) -> Result<T, StoreError>
    where
        T: Send + 'static,
        F: for<'c> FnOnce(
                &'c mut SqliteConnection,
            ) -> std::pin::Pin<
                Box<dyn Future<Output = sqlx::Result<Change<T>>> + Send + 'c>,
            > + Send
            + 'static,
    {
        self.write(work).await
    }
}

/// Runs statements that share their arguments, and returns the rows of all of them: here in one hand-over to the
/// connection's own thread, for that costs more than a statement.
async fn together<'q>(
    connection: &mut SqliteConnection,
    statements: &[&'static str],
    bind: impl Fn(sql::Query<'q>) -> sql::Query<'q>,
) -> sqlx::Result<Vec<sql::Row>> {
    let text = sqlx::AssertSqlSafe(statements.join("; "));
    bind(sqlx::query(text)).fetch_all(connection).await
}

/// Does not go to sleep while a statement runs, unless it takes long. sqlx tells of each statement's end by itself, and waking this
/// thread for each costs more than most statements.
async fn awake<F: Future>(work: F) -> F::Output {
    const LONG: Duration = Duration::from_micros(100);
    let mut work = pin!(work);
    std::future::poll_fn(|context| {
        let asked = Instant::now();
        loop {
            let answer = work.as_mut().poll(context);
            if answer.is_ready() || asked.elapsed() >= LONG {
                return answer;
            }
            for _ in 0..32 {
                std::hint::spin_loop();
            }
            std::thread::yield_now(); // to those who have something to do
        }
    })
    .await
}

/// The one writer. Ends when the last store is dropped.
async fn write_groups(mut connection: SqliteConnection, mut queue: mpsc::Receiver<Job>) {
    while let Some(first) = queue.recv().await {
        let closes = Instant::now() + SqliteStore::OPEN_FOR;
        write_and_tell(&mut connection, first, &mut queue, closes).await;
    }
    let _ = connection.close().await;
}

/// One group, and then what became of it to each that waits.
async fn write_and_tell(
    connection: &mut SqliteConnection,
    first: Job,
    queue: &mut mpsc::Receiver<Job>,
    closes: Instant,
) {
    let mut waiting = Vec::new();
    let durable = write_group(connection, first, queue, closes, &mut waiting).await;
    if durable.is_err() {
        let _ = sqlx::query("ROLLBACK").execute(connection).await;
    }
    let durable = durable.map_err(StoreError::from);
    for told in waiting {
        told(durable);
    }
}

/// Each job has a savepoint, so that one which fails takes nobody with it. What ends one job and begins the next is run by
/// the next one.
///
/// Two savepoints take turns: where a job did not come as far as its own, rolling back to it fails, and with it the group.
/// With one name, it would undo the job before; and if that were left to the next job, the one after it would.
async fn write_group(
    connection: &mut SqliteConnection,
    first: Job,
    queue: &mut mpsc::Receiver<Job>,
    closes: Instant,
    waiting: &mut Vec<Told>,
) -> sqlx::Result<()> {
    let mut job = first;
    let mut begin = "BEGIN IMMEDIATE; SAVEPOINT one";
    loop {
        let (ended, told) = awake(job(&mut *connection, begin)).await;
        waiting.push(told);
        let odd = waiting.len() % 2 == 1;
        if ended == End::Failed {
            let back = if odd {
                "ROLLBACK TO one"
            } else {
                "ROLLBACK TO two"
            };
            sqlx::query(back).execute(&mut *connection).await?;
        }
        let keep = ended == End::Kept;
        let open = waiting.len() < SqliteStore::GROUP && Instant::now() < closes;
        let Some(next) = open.then(|| queue.try_recv().ok()).flatten() else {
            let end = match (keep, odd) {
                (true, true) => "RELEASE one; COMMIT",
                (true, false) => "RELEASE two; COMMIT",
                (false, true) => "ROLLBACK TO one; COMMIT",
                (false, false) => "ROLLBACK TO two; COMMIT",
            };
            let asked = Instant::now();
            sqlx::query(end).execute(&mut *connection).await?;
            histogram!("sqlite_commit_seconds").record(asked.elapsed());
            return Ok(());
        };
        job = next;
        begin = match (keep, odd) {
            (true, true) => "RELEASE one; SAVEPOINT two",
            (true, false) => "RELEASE two; SAVEPOINT one",
            (false, true) => "ROLLBACK TO one; RELEASE one; SAVEPOINT two",
            (false, false) => "ROLLBACK TO two; RELEASE two; SAVEPOINT one",
        };
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A store whose jobs wait until [`Group::write`] makes one group of them.
    struct Group {
        store: SqliteStore,
        connection: SqliteConnection,
        queue: mpsc::Receiver<Job>,
        _folder: tempfile::TempDir,
    }

    impl Group {
        async fn new() -> Group {
            let folder = tempfile::tempdir().unwrap();
            let file = folder.path().join("platform.sqlite");
            let SqliteStore { readers, .. } = SqliteStore::open(&file).await.unwrap();
            let options = SqliteConnectOptions::new().filename(&file);
            let connection = SqliteConnection::connect_with(&options).await.unwrap();
            let (writer, queue) = mpsc::channel(SqliteStore::GROUP);
            Group {
                store: SqliteStore { readers, writer },
                connection,
                queue,
                _folder: folder,
            }
        }

        /// One group of all that wait.
        async fn write(&mut self) {
            self.write_one().await;
            assert!(self.queue.is_empty(), "all were in the group");
        }

        /// As many groups as it takes.
        async fn write_all(&mut self) {
            self.write_one().await;
            while !self.queue.is_empty() {
                self.write_one().await;
            }
        }

        async fn write_one(&mut self) {
            tokio::task::yield_now().await; // to those who ask: this test has one thread
            let first = self.queue.recv().await.unwrap();
            let closes = Instant::now() + Duration::from_secs(3_600);
            write_and_tell(&mut self.connection, first, &mut self.queue, closes).await;
        }

        async fn empty(&mut self) {
            sqlx::query("DELETE FROM spend")
                .execute(&mut self.connection)
                .await
                .unwrap();
        }

        /// The rows that are there.
        async fn days(&self) -> Vec<i64> {
            let mut c = self.store.read().await.unwrap();
            sqlx::query_scalar("SELECT day FROM spend ORDER BY day")
                .fetch_all(&mut *c)
                .await
                .unwrap()
        }
    }

    /// Adds a row: the remainder by three says whether it stays, is taken back, or fails after it was added.
    async fn add(store: SqliteStore, day: i64) -> Result<(), StoreError> {
        store
            .write(move |c| {
                Box::pin(async move {
                    let insert = "INSERT INTO spend (budget, day, units) VALUES ('test', $1, 1)";
                    sqlx::query(insert).bind(day).execute(&mut *c).await?;
                    match day % 3 {
                        0 => Ok(Change::Commit(())),
                        1 => Ok(Change::Rollback(())),
                        _ => {
                            sqlx::query(insert).bind(day).execute(&mut *c).await?;
                            Ok(Change::Commit(()))
                        }
                    }
                })
            })
            .await
    }

    #[tokio::test]
    async fn a_job_that_is_taken_back_takes_nobody_with_it() {
        let mut group = Group::new().await;
        // Each kind before each kind; and the last is one that fails.
        let order = [0, 3, 1, 4, 2, 5, 6, 8, 7, 9, 11_i64];
        let jobs = order.map(|day| (day, tokio::spawn(add(group.store.clone(), day))));
        group.write().await;
        for (day, job) in jobs {
            assert_eq!(job.await.unwrap().is_ok(), day % 3 != 2, "{day}");
        }
        assert_eq!(group.days().await, [0, 3, 6, 9]);
    }

    /// Otherwise it, or the one after it, would undo the job before, who is told that all is well.
    #[tokio::test]
    async fn a_job_that_never_began_ends_its_group() {
        let mut group = Group::new().await;
        let never = |store: SqliteStore| {
            tokio::spawn(async move {
                let work = store
                    .write_after::<(), _>(|_, _| Box::pin(async { Err(sqlx::Error::RowNotFound) }));
                work.await
            })
        };
        // Alone, the first, the last, and between two: at every place in the turn of the savepoints.
        let orders: [&[bool]; 7] = [
            &[false],
            &[false, true],
            &[true, false],
            &[true, false, true],
            &[true, true, false],
            &[true, true, false, true],
            &[true, false, false, true],
        ];
        for order in orders {
            let jobs: Vec<_> = (0..)
                .zip(order)
                .map(|(n, begins)| match begins {
                    true => tokio::spawn(add(group.store.clone(), 3 * n)),
                    false => never(group.store.clone()),
                })
                .collect();
            group.write_all().await;
            let mut told = Vec::new();
            for (n, job) in (0..).zip(jobs) {
                if job.await.unwrap().is_ok() {
                    told.push(3 * n);
                }
            }
            assert_eq!(group.days().await, told, "{order:?}: what is told is there");
            let place = order.iter().position(|begins| !begins);
            assert!(
                told.iter().all(|day| Some(*day as usize / 3) > place),
                "{order:?}: nobody who shared a group with it is told that all is well"
            );
            group.empty().await;
        }

        let after = tokio::spawn(add(group.store.clone(), 3));
        group.write().await;
        after.await.unwrap().unwrap();
        assert_eq!(group.days().await, [3]);
    }
}
