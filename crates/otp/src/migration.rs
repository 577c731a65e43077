//! Migration batches.
/// Why a text is not a migration batch.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum MigrationError {
    /// Not one.
    #[error("this is not an export of Google Authenticator")]
    NotMigration,
}
