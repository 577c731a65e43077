//! What a shell may see. No secret fits in here: every field is a name, a number, a code on show, or a word.

mod add;
mod backup;
mod code;
mod export;
mod number;
mod progress;
mod recovery_key;
mod status;

pub use self::{
    add::{
        Added, BatchKind, BatchView, FormatView, ImportedView, Preview, PreviewRow, Renamed,
        Selection, SkippedRow,
    },
    backup::{
        BackupChoice, BackupDate, BackupReport, BackupRow, BackupState, BackupsView, DrillPart,
        DrillView, RestoreInto, RestoreOutcome, RestorePreview, RestoreRow, Restored,
    },
    code::{AccountView, CodesView, DamagedView, EditForm, EnrolmentView, KindWord, TrashRow},
    export::{ExportForm, ExportFormat, ExportPlan, Exported},
    progress::{Progress, Stage},
    recovery_key::{LockChanged, RecoveryKeyView, Rotated},
    status::{KeyringKind, LockKind, Notice, Status, VaultState, Way},
};
pub(crate) use self::{
    code::{characters, code_text, period_of, words},
    number::{count, seconds},
};
