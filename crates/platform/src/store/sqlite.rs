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
use std::time::{Duration, Instant};

use couchkey_otp::UnixTime;
use metrics::histogram;
use sqlx::pool::PoolConnection;
use sqlx::sqlite::{
    SqliteConnectOptions, SqliteConnection, SqliteJournalMode, SqlitePool, SqlitePoolOptions,
    SqliteSynchronous,
};
use sqlx::{ConnectOptions, Connection as _, Row as _};
use tokio::sync::{mpsc, oneshot};

use self::sql::attempts::{
    COUNT, Counting, FORGIVE, SPEND, THEIRS, bind_accept, full, has, refused,
};
use self::sql::credentials::{after_counting, read_credential};
use self::sql::records::put;
use super::{Accept, Change, Counted, Mark, StoreError};

type Db = sqlx::Sqlite;
type Connection = SqliteConnection;
type Here = SqliteStore;

/// One writer: nobody else changes a row between two statements of a transaction.
const FOR_UPDATE: &str = "";
/// RFC 6238, section 5.2, as one compare-and-set: whoever changes the row has used the step up. The person's page has just been
/// read, the id's (`+`: not by its index) would be one more.
const ACCEPT: &str = "UPDATE memory SET last_step = $9, drift = $10 WHERE last_step < $9 AND number = \
    (SELECT number FROM credential WHERE person = $11 AND active = 1 AND +id = $8) RETURNING number";
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
    /// Which file it is: one that was copied here is another.
    file: Option<String>,
}

/// Runs inside the group's transaction, between a savepoint and its end, and says how it ended; then waits for the commit.
type Job = Box<dyn for<'c> FnOnce(&'c mut SqliteConnection) -> Running<'c> + Send>;
type Running<'c> = std::pin::Pin<Box<dyn Future<Output = (Kept, Told)> + Send + 'c>>;

/// Whether a job's changes stay, or why it failed.
type Kept = Result<bool, StoreError>;

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
            file: identity(file),
        })
    }

    /// Writes all of a database into a new file, as it is at one moment, while servers go on writing. The new file says that it is a
    /// backup: whoever starts on it refuses the codes that may have been accepted after it was made.
    ///
    /// # Errors
    /// [`StoreError::Full`] when `to` cannot be written; what is at `to` has to be empty, or not there.
    pub async fn backup(from: &Path, to: &Path) -> Result<(), StoreError> {
        let options = SqliteConnectOptions::new().disable_statement_logging();
        let source = options.clone().filename(from).read_only(true);
        let mut source = SqliteConnection::connect_with(&source).await?;
        let to_text = to.to_str().ok_or(StoreError::Failed)?;
        sqlx::query("VACUUM INTO $1")
            .bind(to_text)
            .execute(&mut source)
            .await?;
        source.close().await?;
        let mut copy = SqliteConnection::connect_with(&options.filename(to)).await?;
        put(&mut copy, Mark::of_a_backup().record()).await?;
        copy.close().await?;
        let written = std::fs::File::open(to).and_then(|file| file.sync_all());
        written.map_err(|_| StoreError::Full)
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
        let (tell, told) = oneshot::channel();
        let job: Job = Box::new(move |c| {
            Box::pin(async move {
                let (kept, value) = match work(c).await {
                    Ok(Change::Commit(value)) => (Ok(true), Ok(value)),
                    Ok(Change::Rollback(value)) => (Ok(false), Ok(value)),
                    Err(error) => {
                        let error = StoreError::from(error);
                        (Err(error), Err(error))
                    }
                };
                let told: Told = Box::new(move |durable| {
                    // Whoever asked may have gone; what was done is done.
                    let _ = tell.send(durable.and(value));
                });
                (kept, told)
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

/// What this database does in its own way.
impl SqliteStore {
    /// The file stays the same one for as long as it is open.
    fn history(&self) -> Option<String> {
        self.file.clone()
    }

    /// As `write`: the history cannot have become another one.
    async fn write_on<T, F>(&self, _: Option<String>, work: F) -> Result<T, StoreError>
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

    /// It has no clock but ours.
    async fn time_there(&self) -> Result<Option<UnixTime>, StoreError> {
        Ok(None)
    }

    /// Takes from the buckets, counts on the account and reads the credential, in one hand-over to the connection's thread: the
    /// credential comes out after the commit.
    async fn count_one(&self, attempt: Counting) -> Result<Counted, StoreError> {
        self.write(move |c| {
            Box::pin(async move {
                let statements = [SPEND, THEIRS, COUNT, after_counting(&attempt.of)];
                let rows = together(c, &statements, |query| attempt.bind(query)).await?;
                // What was counted comes as keys alone, the credential as all its columns.
                let (counted, found): (Vec<_>, Vec<_>) =
                    rows.into_iter().partition(|row| row.len() == 1);
                // What the account took does not stay, if a bucket is full.
                if let Some(full) = full(c, &attempt.buckets, &counted).await? {
                    return Ok(Change::Rollback(Counted::Full(full)));
                }
                // What the buckets took stays, whatever the account says.
                Ok(Change::Commit(if has(&counted, &attempt.account) {
                    let found = found.first().map(read_credential).transpose()?;
                    Counted::Yes(found.map(Box::new))
                } else {
                    Counted::Refused(refused(c, &attempt).await?)
                }))
            })
        })
        .await
    }

    /// The step and what it forgives, in one hand-over: if the step is used, all of it is taken back.
    async fn accept_step(&self, accept: Accept) -> Result<bool, StoreError> {
        self.write(move |c| {
            Box::pin(async move {
                let [a, b, d, e] = FORGIVE;
                let statements = [ACCEPT, a, b, d, e];
                let changed = together(c, &statements, |query| bind_accept(query, &accept)).await?;
                if changed.len() != 1 {
                    return Ok(Change::Rollback(false));
                }
                if let Some(record) = accept.keep {
                    put(c, record).await?;
                }
                Ok(Change::Commit(true))
            })
        })
        .await
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

/// What tells a file from a copy of it: its number, and when it was made, where the file system says so.
fn identity(file: &Path) -> Option<String> {
    let about = std::fs::metadata(file).ok()?;
    let made = about.created().ok();
    let made = made.and_then(|made| made.duration_since(std::time::UNIX_EPOCH).ok());
    let made = made.map_or(0, |made| made.as_nanos());
    #[cfg(unix)]
    let number = std::os::unix::fs::MetadataExt::ino(&about);
    #[cfg(not(unix))]
    let number = 0;
    Some(format!("sqlite/{number}/{made}"))
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
    for told in waiting {
        told(durable);
    }
}

/// Each job has a savepoint, so that one which fails takes nobody with it. Where SQLite has ended the transaction by itself
/// (a full disk), the end of the savepoint fails, and with it the group.
async fn write_group(
    connection: &mut SqliteConnection,
    first: Job,
    queue: &mut mpsc::Receiver<Job>,
    closes: Instant,
    waiting: &mut Vec<Told>,
) -> Result<(), StoreError> {
    sqlx::query("BEGIN IMMEDIATE")
        .execute(&mut *connection)
        .await?;
    let mut next = Some(first);
    while let Some(job) = next {
        sqlx::query("SAVEPOINT job")
            .execute(&mut *connection)
            .await?;
        let (kept, told) = job(&mut *connection).await;
        waiting.push(told);
        let end = match kept {
            Ok(true) => "RELEASE job",
            _ => "ROLLBACK TO job; RELEASE job",
        };
        if let Err(error) = sqlx::query(end).execute(&mut *connection).await {
            // What ended the transaction says more than that its savepoint is not there.
            return Err(kept.err().unwrap_or(error.into()));
        }
        let open = waiting.len() < SqliteStore::GROUP && Instant::now() < closes;
        next = open.then(|| queue.try_recv().ok()).flatten();
    }
    let asked = Instant::now();
    sqlx::query("COMMIT").execute(&mut *connection).await?;
    histogram!("sqlite_commit_seconds").record(asked.elapsed());
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Store as _;
    use crate::store::Record;

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
            let SqliteStore {
                readers, file: id, ..
            } = SqliteStore::open(&file).await.unwrap();
            let options = SqliteConnectOptions::new().filename(&file);
            let connection = SqliteConnection::connect_with(&options).await.unwrap();
            let (writer, queue) = mpsc::channel(SqliteStore::GROUP);
            Group {
                store: SqliteStore {
                    readers,
                    writer,
                    file: id,
                },
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

        /// From now on the file cannot become larger, as on a disk without space: SQLite says the same of both (`SQLITE_FULL`).
        async fn no_more_space(&mut self) {
            // The least that is possible is what there is.
            sqlx::query("PRAGMA max_page_count = 1")
                .execute(&mut self.connection)
                .await
                .unwrap();
        }

        async fn space_again(&mut self) {
            sqlx::query("PRAGMA max_page_count = 1000000")
                .execute(&mut self.connection)
                .await
                .unwrap();
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

    /// Row 19 of issue 17.
    #[tokio::test]
    async fn row_19_a_full_disk_is_said_and_whatever_was_told_is_there() {
        let mut group = Group::new().await;
        let large = Record {
            space: "test".to_owned(),
            key: Vec::new(),
            value: vec![1; 1 << 20],
            expires_at: None,
        };
        let put = |store: SqliteStore| {
            let large = large.clone();
            tokio::spawn(async move { store.put(&large).await })
        };
        group.no_more_space().await;
        let first = tokio::spawn(add(group.store.clone(), 0));
        let full = put(group.store.clone());
        let last = tokio::spawn(add(group.store.clone(), 3));
        group.write_all().await;
        assert_eq!(full.await.unwrap(), Err(StoreError::Full));
        let mut told = Vec::new();
        for (day, job) in [(0, first), (3, last)] {
            told.extend(job.await.unwrap().is_ok().then_some(day));
        }
        assert_eq!(group.days().await, told);
        assert!(told.contains(&3), "who came after it is served");

        group.space_again().await;
        let now_there = put(group.store.clone());
        group.write_all().await;
        assert_eq!(now_there.await.unwrap(), Ok(()));
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

    /// As SQLite does by itself when the disk is full. What was done before that is gone with it.
    #[tokio::test]
    async fn a_job_that_ends_the_transaction_ends_its_group() {
        let mut group = Group::new().await;
        let ends = |store: SqliteStore| {
            tokio::spawn(async move {
                let work = store.write::<(), _>(|c| {
                    Box::pin(async move {
                        sqlx::query("ROLLBACK").execute(c).await?;
                        Err(sqlx::Error::RowNotFound)
                    })
                });
                work.await
            })
        };
        let orders: [&[bool]; 5] = [
            &[false],
            &[false, true],
            &[true, false],
            &[true, true, false, true],
            &[true, false, false, true],
        ];
        for order in orders {
            let jobs: Vec<_> = (0..)
                .zip(order)
                .map(|(n, good)| match good {
                    true => tokio::spawn(add(group.store.clone(), 3 * n)),
                    false => ends(group.store.clone()),
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
            let place = order.iter().position(|good| !good);
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
