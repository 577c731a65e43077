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
use std::time::Duration;

use sqlx::pool::PoolConnection;
use sqlx::postgres::{PgConnectOptions, PgConnection, PgPool, PgPoolOptions};
use sqlx::{ConnectOptions, Connection as _, Transaction};

use super::{Change, StoreError};

type Db = sqlx::Postgres;
type Connection = PgConnection;
type Here = PostgresStore;

const ONE_WRITER: bool = false;
const FOR_UPDATE: &str = " FOR UPDATE";
/// RFC 6238, section 5.2, as one compare-and-set: whoever changes the row has used the step up.
const ACCEPT: &str = "UPDATE credential SET last_step = $8, drift = $9 \
    WHERE id = $7 AND last_step < $8 AND active = 1 AND person = $10 RETURNING id";
const REMEMBER: &str = "UPDATE credential SET last_step = $2, drift = $3 WHERE id = $1";
const CLAIM: &str = "UPDATE message SET due_at = $1 + $2, attempt = attempt + 1 WHERE id IN (\
    SELECT id FROM message WHERE void = 0 AND due_at <= $1 AND expires_at > $1 ORDER BY due_at LIMIT $3 \
    FOR UPDATE SKIP LOCKED) RETURNING id, challenge, channel, purpose, sealed, attempt, expires_at";

/// A PostgreSQL database, 13 or newer, at the isolation level that it comes with (read committed): each rule is one
/// statement on one row.
#[derive(Clone)]
pub struct PostgresStore {
    pool: PgPool,
}

impl PostgresStore {
    /// Connects (`postgres://user:password@host/database`) and brings the database to this version. Several servers
    /// may do so at the same time.
    ///
    /// # Errors
    /// [`StoreError::Unavailable`] when it does not answer; [`StoreError::Schema`] when a newer version made it.
    pub async fn connect(url: &str, connections: u32) -> Result<PostgresStore, StoreError> {
        let options = PgConnectOptions::from_str(url)?
            .application_name("couchkey")
            .disable_statement_logging();
        let pool = PgPoolOptions::new()
            .max_connections(connections)
            .acquire_timeout(Duration::from_secs(5))
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
        sqlx::migrate!("migrations/postgres")
            .run(&pool)
            .await
            .map_err(|error| StoreError::from(sqlx::Error::from(error)))?;
        Ok(PostgresStore { pool })
    }

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

    /// As `write`: here the transaction has begun.
    async fn write_after<T, F>(&self, work: F) -> Result<T, StoreError>
    where
        F: for<'c> FnOnce(
            &'c mut PgConnection,
            &'static str,
        ) -> std::pin::Pin<
            Box<dyn Future<Output = sqlx::Result<Change<T>>> + Send + 'c>,
        >,
    {
        self.write(|c| work(c, "")).await
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
