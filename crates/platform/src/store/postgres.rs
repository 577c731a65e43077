//! PostgreSQL: for when one machine is not enough. Several servers share the database and nothing else.
/// Where credentials are read from, with what they remember.
macro_rules! credentials {
    () => {
        "credential"
    };
}
#[path = "sql/mod.rs"]
mod sql;

use std::str::FromStr;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use couchkey_otp::UnixTime;
use sqlx::pool::PoolConnection;
use sqlx::postgres::{PgConnectOptions, PgConnection, PgPool, PgPoolOptions};
use sqlx::{ConnectOptions, Connection as _, Executor as _, Transaction};

use self::sql::attempts::{COUNT, Counting, THEIRS, bind_accept, forgive, has, refused, spend};
use self::sql::credentials::credential;
use self::sql::records::put;
use super::{Accept, Change, Counted, StoreError};

type Db = sqlx::Postgres;
type Connection = PgConnection;
type Here = PostgresStore;

const FOR_UPDATE: &str = " FOR UPDATE";
/// RFC 6238, section 5.2, as one compare-and-set: whoever changes the row has used the step up.
const ACCEPT: &str = "UPDATE credential SET last_step = $9, drift = $10 \
    WHERE id = $8 AND last_step < $9 AND active = 1 AND person = $11 RETURNING id";
const REMEMBER: &str = "UPDATE credential SET last_step = $2, drift = $3 WHERE id = $1";
const CLAIM: &str = "UPDATE message SET due_at = $1 + $2, attempt = attempt + 1 WHERE id IN (\
    SELECT id FROM message WHERE void = 0 AND due_at <= $1 AND expires_at > $1 ORDER BY due_at LIMIT $3 \
    FOR UPDATE SKIP LOCKED) RETURNING id, challenge, channel, purpose, sealed, attempt, expires_at";

/// A PostgreSQL database, 13 or newer, at the isolation level that it comes with (read committed): each rule is one
/// statement on one row.
#[derive(Clone)]
pub struct PostgresStore {
    pool: PgPool,
    /// What the newest connection said: see [`timeline`].
    history: Arc<Mutex<Option<String>>>,
}

impl PostgresStore {
    /// Connects (`postgres://user:password@host/database`) and brings the database to this version. Several servers
    /// may do so at the same time.
    ///
    /// # Errors
    /// [`StoreError::Unavailable`] when it does not answer; [`StoreError::Schema`] when a newer version made it;
    /// [`StoreError::NotDurable`] when it is set to answer before it has written.
    pub async fn connect(url: &str, connections: u32) -> Result<PostgresStore, StoreError> {
        let options = PgConnectOptions::from_str(url)?
            .application_name("couchkey")
            .disable_statement_logging();
        // By itself: a large table may take longer to change than a statement may take after that.
        let mut first = PgConnection::connect_with(&options).await?;
        let durable: String = sqlx::query_scalar("SHOW synchronous_commit")
            .fetch_one(&mut first)
            .await?;
        if !["on", "remote_apply"].contains(&durable.as_str()) {
            return Err(StoreError::NotDurable);
        }
        sqlx::migrate!("migrations/postgres")
            .run(&mut first)
            .await
            .map_err(|error| StoreError::from(sqlx::Error::from(error)))?;
        first.close().await?;
        let history = Arc::new(Mutex::new(None));
        let known = history.clone();
        let pool = PgPoolOptions::new()
            .max_connections(connections)
            .acquire_timeout(Duration::from_secs(5))
            .after_connect(move |connection, _| {
                let history = known.clone();
                Box::pin(async move {
                    connection.execute(Self::RULES).await?;
                    let here = timeline(connection).await?;
                    *history.lock().unwrap_or_else(PoisonError::into_inner) = here;
                    Ok(())
                })
            })
            // One that answered a moment ago is not asked again: four times a sign-in, that was a fifth of the way there
            // and back. It may be gone all the same, as it may be after any question.
            .test_before_acquire(false)
            .before_acquire(|connection, known| {
                Box::pin(async move {
                    if known.idle_for >= Self::RESTED {
                        connection.ping().await?;
                    }
                    Ok(true)
                })
            })
            .connect_with(options)
            .await?;
        Ok(PostgresStore { pool, history })
    }

    /// What holds on each connection: durable even if somebody sets the server otherwise while we run, and no wait for ever.
    const RULES: &str = "SET statement_timeout = '5s'; SET lock_timeout = '4s'; \
        SET idle_in_transaction_session_timeout = '10s'; \
        SELECT set_config('synchronous_commit', \
        CASE current_setting('synchronous_commit') WHEN 'remote_apply' THEN 'remote_apply' ELSE 'on' END, false)";

    /// A connection that nobody used for so long is asked whether it is still there.
    const RESTED: Duration = Duration::from_secs(1);

    async fn read(&self) -> Result<PoolConnection<Db>, StoreError> {
        Ok(self.pool.acquire().await?)
    }

    async fn write<T, F>(&self, work: F) -> Result<T, StoreError>
    where
        F: for<'c> FnOnce(
            &'c mut PgConnection,
        ) -> std::pin::Pin<
            Box<dyn Future<Output = sqlx::Result<Change<T>>> + Send + 'c>,
        >,
    {
        end(self.pool.begin().await?, work).await
    }

    /// As `write`, if the database that it goes to has this history.
    async fn write_on<T, F>(&self, timeline: Option<String>, work: F) -> Result<T, StoreError>
    where
        F: for<'c> FnOnce(
            &'c mut PgConnection,
        ) -> std::pin::Pin<
            Box<dyn Future<Output = sqlx::Result<Change<T>>> + Send + 'c>,
        >,
    {
        let transaction = self.pool.begin().await?;
        // Asked when the connection is there: a new one has said by now which database it leads to.
        if self.history() != timeline {
            return Err(StoreError::Unavailable);
        }
        end(transaction, work).await
    }

    /// As `write`, without waiting for the disk: for rows that many share and that may lose a second's changes when
    /// the database crashes. The rules that need more are on the account's own row.
    async fn write_soon<T, F>(&self, work: F) -> Result<T, StoreError>
    where
        F: for<'c> FnOnce(
                &'c mut PgConnection,
            ) -> std::pin::Pin<
                Box<dyn Future<Output = sqlx::Result<Change<T>>> + Send + 'c>,
            > + Send
            + 'static,
    {
        let begin = "BEGIN; SET LOCAL synchronous_commit TO OFF";
        end(self.pool.begin_with(begin).await?, work).await
    }
}

/// What this database does in its own way.
impl PostgresStore {
    fn history(&self) -> Option<String> {
        let history = self.history.lock();
        history.unwrap_or_else(PoisonError::into_inner).clone()
    }

    async fn time_there(&self) -> Result<Option<UnixTime>, StoreError> {
        let ask = "SELECT CAST(extract(epoch FROM clock_timestamp()) AS BIGINT)";
        let secs: i64 = sqlx::query_scalar(ask).fetch_one(&self.pool).await?;
        Ok(Some(super::unix(secs)))
    }

    /// The buckets' rows, which many share, are not held while the disk takes the account's.
    async fn count_one(&self, attempt: Counting) -> Result<Counted, StoreError> {
        let spending = attempt.clone();
        let spent = self.write_soon(move |c| {
            Box::pin(async move {
                let spent = spend(c, spending.buckets, spending.now).await?;
                if let Change::Commit(_) = spent {
                    together(c, &[THEIRS], |query| spending.bind(query)).await?;
                }
                Ok(spent)
            })
        });
        if let Some(full) = spent.await? {
            return Ok(Counted::Full(full));
        }
        self.write(move |c| {
            Box::pin(async move {
                let counted = together(c, &[COUNT], |query| attempt.bind(query)).await?;
                if has(&counted, &attempt.account) {
                    let found = credential(c, &attempt.of).await?;
                    return Ok(Change::Commit(Counted::Yes(found.map(Box::new))));
                }
                // The account's row is as it was, but locked, and a commit would keep the next one waiting for the disk.
                Ok(Change::Rollback(Counted::Refused(
                    refused(c, &attempt).await?,
                )))
            })
        })
        .await
    }

    async fn accept_step(&self, accept: Accept) -> Result<bool, StoreError> {
        self.write_on(accept.attempt.timeline.clone(), move |c| {
            Box::pin(async move {
                let changed = together(c, &[ACCEPT], |query| bind_accept(query, &accept)).await?;
                if changed.len() != 1 {
                    return Ok(Change::Rollback(false));
                }
                forgive(c, &accept.attempt, accept.now).await?;
                if let Some(record) = accept.keep {
                    put(c, record).await?;
                }
                Ok(Change::Commit(true))
            })
        })
        .await
    }
}

/// Which database this is and which of its histories: the cluster's number, the database's, and the timeline, which a replica
/// begins anew when it takes over. Of the timeline that is written now; the control file learns of it at the next checkpoint only.
///
/// A replica that still follows is no database of ours: its connections would be good once it takes over, and nobody would have
/// asked which timeline that is.
async fn timeline(connection: &mut PgConnection) -> sqlx::Result<Option<String>> {
    const ASK: &str = "SELECT concat_ws('/', (SELECT system_identifier FROM pg_control_system()), \
        (SELECT oid FROM pg_database WHERE datname = current_database()), \
        substr(pg_walfile_name(pg_current_wal_insert_lsn()), 1, 8))";
    let follows: bool = sqlx::query_scalar("SELECT pg_is_in_recovery()")
        .fetch_one(&mut *connection)
        .await?;
    if follows {
        return Err(sqlx::Error::Io(std::io::ErrorKind::NotConnected.into()));
    }
    match sqlx::query_scalar(ASK).fetch_one(connection).await {
        Ok(here) => Ok(here),
        // Forbidden, unknown, not supported. Whatever else went wrong may be the fail-over itself, and such a connection is
        // not used.
        Err(sqlx::Error::Database(error))
            if matches!(error.code().as_deref(), Some("42501" | "42883" | "0A000")) =>
        {
            tracing::warn!(
                "this PostgreSQL does not say which timeline it is on (pg_control_system, pg_walfile_name): a fail-over that \
                 lost commits will not be noticed"
            );
            Ok(None)
        }
        Err(other) => Err(other),
    }
}

/// Does the work, and ends the transaction as it says.
async fn end<T, F>(mut transaction: Transaction<'_, Db>, work: F) -> Result<T, StoreError>
where
    F: for<'c> FnOnce(
        &'c mut PgConnection,
    ) -> std::pin::Pin<
        Box<dyn Future<Output = sqlx::Result<Change<T>>> + Send + 'c>,
    >,
{
    match work(&mut transaction).await? {
        Change::Commit(value) => {
            transaction.commit().await?;
            Ok(value)
        }
        Change::Rollback(value) => {
            transaction.rollback().await?;
            Ok(value)
        }
    }
}

/// Runs statements that share their arguments, one after the other, and returns the rows of all of them.
async fn together<'q>(
    connection: &mut PgConnection,
    statements: &[&'static str],
    bind: impl Fn(sql::Query<'q>) -> sql::Query<'q>,
) -> sqlx::Result<Vec<sql::Row>> {
    let mut rows = Vec::new();
    for statement in statements {
        let query = bind(sqlx::query(*statement));
        rows.extend(query.fetch_all(&mut *connection).await?);
    }
    Ok(rows)
}
