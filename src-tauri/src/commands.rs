//! Everything that the page can ask for, one line each: the app's table of contents.
//!
//! No command returns an account's secret; the recovery key leaves Rust once, when the person asks for one (decision
//! 0071). The last four commands take a picture, a frame or a file as the body of the call, because as JSON a camera's
//! frame would be a list of a million numbers: bindings.ts leaves them out, and ui/src/lib/ipc/index.ts calls them by
//! hand.

use std::sync::Arc;

use couchkey_authenticator::{
    Authenticator, ErrorCode, ErrorReport, Guards, ManualForm, PassphraseRating, SettingsView,
    Source,
    qr::Grey,
    view::{
        Added, BackupChoice, BackupReport, BackupRow, BackupsView, CodesView, DrillView, EditForm,
        ExportForm, ExportPlan, Exported, Preview, Progress, RecoveryKeyView, RestorePreview,
        Restored, Rotated, Selection, Status, TrashRow,
    },
};
use tauri::{
    AppHandle, State,
    ipc::{InvokeBody, Request},
};
use zeroize::Zeroizing;

use crate::{
    backups,
    drawn::KeyFor,
    events::News,
    links::LinksView,
    sheet,
    shell::{About, Copied, Reply, Shell},
    transfer::{self, QrPicture},
};

type Room<'a> = State<'a, Arc<Shell>>;

/// Hands the commands whose types are generated to a macro, for the bindings; `first` stand before them.
macro_rules! every_typed_command {
    ($($then:ident)::+ $(, $first:ident)*) => {
        $($then)::+![
            $($crate::commands::$first,)*
            $crate::commands::status,
            $crate::commands::open,
            $crate::commands::open_without_keyring,
            $crate::commands::create_vault,
            $crate::commands::unlock,
            $crate::commands::recover,
            $crate::commands::lock,
            $crate::commands::codes,
            $crate::commands::hotp_next,
            $crate::commands::copy_code,
            $crate::commands::preview_screen,
            $crate::commands::preview_clipboard,
            $crate::commands::preview_text,
            $crate::commands::paste_key,
            $crate::commands::preview_manual,
            $crate::commands::links,
            $crate::commands::preview_link,
            $crate::commands::forget_links,
            $crate::commands::discard_preview,
            $crate::commands::add,
            $crate::commands::import_password,
            $crate::commands::plan_export,
            $crate::commands::export_file,
            $crate::commands::export_qr,
            $crate::commands::forget_qr,
            $crate::commands::progress,
            $crate::commands::cancel_transfer,
            $crate::commands::backups,
            $crate::commands::choose_backup_folder,
            $crate::commands::set_backups,
            $crate::commands::set_backup_passphrase,
            $crate::commands::back_up,
            $crate::commands::verify_backup,
            $crate::commands::preview_restore,
            $crate::commands::restore_backup,
            $crate::commands::drill,
            $crate::commands::remove_old_backups,
            $crate::commands::edit,
            $crate::commands::move_account,
            $crate::commands::remove,
            $crate::commands::restore,
            $crate::commands::seen,
            $crate::commands::trash,
            $crate::commands::settings,
            $crate::commands::set_settings,
            $crate::commands::rate_passphrase,
            $crate::commands::set_passphrase,
            $crate::commands::draw_recovery_key,
            $crate::commands::keep_recovery_key,
            $crate::commands::forget_recovery_key,
            $crate::commands::save_recovery_sheet,
            $crate::commands::recovery_key_saved,
            $crate::commands::about,
            $crate::commands::shown,
            $crate::commands::news,
            $crate::commands::touched,
        ]
    };
}

/// Hands all commands to a macro: to Tauri, and to the test of the capability.
macro_rules! every_command {
    ($($then:ident)::+) => {
        every_typed_command!($($then)::+, preview_file, preview_frame, take_key_file, take_backup)
    };
}

/// The state of things.
#[tauri::command(async)]
#[specta::specta]
pub fn status(shell: Room<'_>) -> Reply<Status> {
    shell.status()
}

/// Opens with the device key, if that is enough; may wait for the keyring's own prompt.
#[tauri::command(async)]
#[specta::specta]
pub fn open(shell: Room<'_>) -> Reply<Status> {
    shell.open()
}

/// Makes a vault; where there is no keyring it needs a passphrase.
#[tauri::command(async)]
#[specta::specta]
pub fn create_vault(shell: Room<'_>, passphrase: Option<String>) -> Reply<Status> {
    shell.opens(passphrase.is_some(), |a| {
        a.create_vault(kept(passphrase).text())
    })
}

/// Opens as if this computer had no keyring, because the one that it has does not answer.
#[tauri::command(async)]
#[specta::specta]
pub fn open_without_keyring(shell: Room<'_>) -> Reply<Status> {
    shell.open_without_keyring()
}

/// Opens with the passphrase.
#[tauri::command(async)]
#[specta::specta]
pub fn unlock(shell: Room<'_>, passphrase: String) -> Reply<Status> {
    shell.opens(true, |a| a.unlock(&Zeroizing::new(passphrase)))
}

/// Opens with the recovery key; `passphrase` is a new one, where there is no keyring.
#[tauri::command(async)]
#[specta::specta]
pub fn recover(shell: Room<'_>, recovery_key: String, passphrase: Option<String>) -> Reply<Status> {
    shell.opens(true, |a| {
        a.recover(&Zeroizing::new(recovery_key), kept(passphrase).text())
    })
}

/// Forgets the key and every code.
#[tauri::command(async)]
#[specta::specta]
pub fn lock(shell: Room<'_>) -> Reply<Status> {
    Ok(shell.lock())
}

/// Every code now, and when the next ones take over.
#[tauri::command(async)]
#[specta::specta]
pub fn codes(shell: Room<'_>) -> Reply<CodesView> {
    shell.codes()
}

/// Moves a counter on.
#[tauri::command(async)]
#[specta::specta]
pub fn hotp_next(shell: Room<'_>, id: String) -> Reply<CodesView> {
    shell.ask(|a| a.hotp_next(&id))
}

/// Puts a code on the clipboard, for a while.
#[tauri::command(async)]
#[specta::specta]
pub fn copy_code(shell: Room<'_>, id: String, next: bool) -> Reply<Copied> {
    shell.copy_code(&id, next)
}

/// What the QR codes on the screen would add.
#[tauri::command(async)]
#[specta::specta]
pub fn preview_screen(shell: Room<'_>) -> Reply<Preview> {
    shell.preview(Source::Screen)
}

/// What the picture or text on the clipboard would add.
#[tauri::command(async)]
#[specta::specta]
pub fn preview_clipboard(shell: Room<'_>) -> Reply<Preview> {
    shell.preview_clipboard()
}

/// What a text would add: one or more links, one a line.
#[tauri::command(async)]
#[specta::specta]
pub fn preview_text(shell: Room<'_>, text: String) -> Reply<Preview> {
    shell.preview(Source::Text(&Zeroizing::new(text)))
}

/// Takes the text on the clipboard for the form's key, which stays in Rust. Answers how many characters it has.
#[tauri::command(async)]
#[specta::specta]
pub fn paste_key(shell: Room<'_>) -> Reply<u32> {
    shell.paste_key()
}

/// What a filled-in form would add; `pasted`: with the key that was pasted last.
#[tauri::command(async)]
#[specta::specta]
pub fn preview_manual(shell: Room<'_>, form: ManualForm, pasted: bool) -> Reply<Preview> {
    shell.preview_manual(form, pasted)
}

/// How many set-up links from outside wait to be looked at.
#[tauri::command(async)]
#[specta::specta]
pub fn links(shell: Room<'_>) -> LinksView {
    shell.links().view()
}

/// What the link that waits longest would add, in place of whatever was previewed; `null` when none waits.
#[tauri::command(async)]
#[specta::specta]
pub fn preview_link(shell: Room<'_>) -> Reply<Option<Preview>> {
    shell.preview_link()
}

/// Wipes the links that wait.
#[tauri::command(async)]
#[specta::specta]
pub fn forget_links(shell: Room<'_>) {
    shell.links().forget()
}

/// Forgets what was previewed.
#[tauri::command(async)]
#[specta::specta]
pub fn discard_preview(shell: Room<'_>) -> Reply<()> {
    shell.ask(|a| {
        a.discard_preview();
        Ok(())
    })
}

/// Adds what is wanted of the preview, without its rows being sent back: all of it, or none.
#[tauri::command(async)]
#[specta::specta]
pub fn add(shell: Room<'_>, selection: Selection) -> Reply<Added> {
    shell.watched(|a, watch| a.add(&selection, watch))
}

/// Opens the file that waits for its password.
#[tauri::command(async)]
#[specta::specta]
pub fn import_password(shell: Room<'_>, password: String) -> Reply<Preview> {
    shell.preview(Source::Password(&Zeroizing::new(password)))
}

/// What an export would hold, and what is asked before it.
#[tauri::command(async)]
#[specta::specta]
pub fn plan_export(shell: Room<'_>, form: ExportForm) -> Reply<ExportPlan> {
    shell.ask(|a| a.plan_export(&form))
}

/// Writes an export where the person says, and compares what it wrote; `null` when they say nowhere. No passphrase: the
/// person has said yes to the warning.
#[tauri::command(async)]
#[specta::specta]
pub fn export_file(
    app: AppHandle,
    shell: Room<'_>,
    form: ExportForm,
    passphrase: Option<String>,
    password: Option<String>,
) -> Reply<Option<Exported>> {
    let (passphrase, password) = (kept(passphrase), kept(password));
    transfer::export_file(&app, &shell, &form, passphrase.text(), password.text())
}

/// QR codes to show, as pictures under the address of their name.
#[tauri::command(async)]
#[specta::specta]
pub fn export_qr(
    shell: Room<'_>,
    form: ExportForm,
    passphrase: Option<String>,
) -> Reply<Vec<QrPicture>> {
    transfer::export_qr(&shell, &form, kept(passphrase).text())
}

/// Wipes the QR codes that were shown.
#[tauri::command(async)]
#[specta::specta]
pub fn forget_qr(shell: Room<'_>) {
    shell.pictures().forget()
}

/// How far an import or an export is.
#[tauri::command(async)]
#[specta::specta]
pub fn progress(shell: Room<'_>) -> Option<Progress> {
    shell.progress()
}

/// Ends the import or export that is running.
#[tauri::command(async)]
#[specta::specta]
pub fn cancel_transfer(shell: Room<'_>) -> Reply<()> {
    shell.ask(|a| {
        a.cancel_transfer();
        Ok(())
    })
}

/// Where backups go, which there are, and what is in the way.
#[tauri::command(async)]
#[specta::specta]
pub fn backups(shell: Room<'_>) -> Reply<BackupsView> {
    shell.ask(Authenticator::backups)
}

/// Asks for a folder for backups; `null` when the person names none.
#[tauri::command(async)]
#[specta::specta]
pub fn choose_backup_folder(app: AppHandle, shell: Room<'_>) -> Reply<Option<BackupsView>> {
    backups::choose_folder(&app, &shell)
}

/// Chooses where backups go from now on.
#[tauri::command(async)]
#[specta::specta]
pub fn set_backups(shell: Room<'_>, choice: BackupChoice) -> Reply<BackupsView> {
    shell.ask(|a| a.set_backups(&choice))
}

/// Sets a passphrase for backups, which asks for today's where there is one; `null` ends it.
#[tauri::command(async)]
#[specta::specta]
pub fn set_backup_passphrase(
    shell: Room<'_>,
    today: Option<String>,
    passphrase: Option<String>,
) -> Reply<BackupsView> {
    let (today, passphrase) = (kept(today), kept(passphrase));
    shell.ask(|a| a.set_backup_passphrase(today.text(), passphrase.text()))
}

/// Makes a backup now.
#[tauri::command(async)]
#[specta::specta]
pub fn back_up(shell: Room<'_>) -> Reply<BackupRow> {
    shell.ask(Authenticator::back_up)
}

/// What is in a backup: the one of this name, or with `null` the file that was taken in.
#[tauri::command(async)]
#[specta::specta]
pub fn verify_backup(shell: Room<'_>, name: Option<String>, key: String) -> Reply<BackupReport> {
    let key = Zeroizing::new(key);
    shell.ask(|a| a.verify_backup(&shell.chosen().bytes(a, name.as_deref())?, &key))
}

/// What restoring it would do.
#[tauri::command(async)]
#[specta::specta]
pub fn preview_restore(
    shell: Room<'_>,
    name: Option<String>,
    key: String,
) -> Reply<RestorePreview> {
    let key = Zeroizing::new(key);
    shell.ask(|a| a.preview_restore(&shell.chosen().bytes(a, name.as_deref())?, &key))
}

/// Restores it. With `set_aside`, a vault that is here and does not fit is put out of the way, whole.
#[tauri::command(async)]
#[specta::specta]
pub fn restore_backup(
    shell: Room<'_>,
    name: Option<String>,
    key: String,
    passphrase: Option<String>,
    set_aside: bool,
) -> Reply<Restored> {
    let (key, passphrase) = (Zeroizing::new(key), kept(passphrase));
    shell.ask(|a| {
        let bytes = shell.chosen().bytes(a, name.as_deref())?;
        a.restore_backup(&bytes, &key, passphrase.text(), set_aside)
    })
}

/// Tries whether the recovery key would bring everything back.
#[tauri::command(async)]
#[specta::specta]
pub fn drill(shell: Room<'_>, recovery_key: String) -> Reply<DrillView> {
    shell.ask(|a| a.drill(&Zeroizing::new(recovery_key)))
}

/// Deletes the backups that an old recovery key still opens.
#[tauri::command(async)]
#[specta::specta]
pub fn remove_old_backups(shell: Room<'_>) -> Reply<u32> {
    shell.ask(Authenticator::remove_old_backups)
}

/// Changes names, note, pin or groups.
#[tauri::command(async)]
#[specta::specta]
pub fn edit(shell: Room<'_>, id: String, edit: EditForm) -> Reply<()> {
    shell.ask(|a| a.edit(&id, edit))
}

/// Moves an account to another place in the list.
#[tauri::command(async)]
#[specta::specta]
pub fn move_account(shell: Room<'_>, id: String, position: u32) -> Reply<()> {
    shell.ask(|a| a.move_account(&id, position))
}

/// Puts an account into the trash.
#[tauri::command(async)]
#[specta::specta]
pub fn remove(shell: Room<'_>, id: String) -> Reply<()> {
    shell.ask(|a| a.remove(&id))
}

/// Takes it out again.
#[tauri::command(async)]
#[specta::specta]
pub fn restore(shell: Room<'_>, id: String) -> Reply<()> {
    shell.ask(|a| a.restore(&id))
}

/// What is in the trash.
#[tauri::command(async)]
#[specta::specta]
pub fn trash(shell: Room<'_>) -> Reply<Vec<TrashRow>> {
    shell.ask(Authenticator::trash)
}

/// What the person has set.
#[tauri::command(async)]
#[specta::specta]
pub fn settings(shell: Room<'_>) -> Reply<SettingsView> {
    shell.settings()
}

/// Keeps new settings.
#[tauri::command(async)]
#[specta::specta]
pub fn set_settings(shell: Room<'_>, settings: SettingsView) -> Reply<()> {
    shell.set_settings(&settings)
}

/// How good a new passphrase is; `alone` where whoever has the file needs nothing else.
#[tauri::command(async)]
#[specta::specta]
pub fn rate_passphrase(passphrase: String, alone: bool) -> PassphraseRating {
    couchkey_authenticator::rate_passphrase(&Zeroizing::new(passphrase), guards(alone))
}

/// The person has looked at what came back and at what may be missing.
#[tauri::command(async)]
#[specta::specta]
pub fn seen(shell: Room<'_>) -> Reply<()> {
    shell.ask(Authenticator::seen)
}

/// Sets the app lock; `null` ends it. `today` is the passphrase that there is. Where a recovery key would end with it,
/// its successor is shown first: [`draw_recovery_key`].
#[tauri::command(async)]
#[specta::specta]
pub fn set_passphrase(
    shell: Room<'_>,
    today: Option<String>,
    passphrase: Option<String>,
) -> Reply<Status> {
    let (today, passphrase) = (kept(today), kept(passphrase));
    shell.opens(true, |a| a.set_passphrase(today.text(), passphrase.text()))
}

/// Draws a recovery key and shows it this once; it counts when [`keep_recovery_key`] is called. `passphrase` is today's,
/// where there is one; for the lock, the one that it gets.
#[tauri::command(async)]
#[specta::specta]
pub fn draw_recovery_key(
    shell: Room<'_>,
    what: KeyFor,
    passphrase: Option<String>,
) -> Reply<RecoveryKeyView> {
    shell.draw_recovery_key(what, passphrase.map(Zeroizing::new))
}

/// The key that is shown counts from now on; `saved`: somebody has it. Answers what new keys left behind.
#[tauri::command(async)]
#[specta::specta]
pub fn keep_recovery_key(shell: Room<'_>, saved: bool) -> Reply<Option<Rotated>> {
    shell.keep_recovery_key(saved)
}

/// Its screen is left.
#[tauri::command(async)]
#[specta::specta]
pub fn forget_recovery_key(shell: Room<'_>) {
    shell.forget_recovery_key()
}

/// Saves the recovery sheet where the person says; `false` when they say nowhere.
#[tauri::command(async)]
#[specta::specta]
pub fn save_recovery_sheet(app: AppHandle, shell: Room<'_>) -> Reply<bool> {
    sheet::save(&app, &shell)
}

/// The recovery key is written down.
#[tauri::command(async)]
#[specta::specta]
pub fn recovery_key_saved(shell: Room<'_>) -> Reply<()> {
    shell.ask(Authenticator::recovery_key_saved)
}

/// What this program is.
#[tauri::command(async)]
#[specta::specta]
pub fn about(shell: Room<'_>) -> Reply<About> {
    Ok(shell.about())
}

/// The first screen is ready: the window may appear.
#[tauri::command(async)]
#[specta::specta]
pub fn shown(app: AppHandle) {
    crate::show(&app)
}

/// Answered when something happens after that number, or from now on: the page asks again and again.
#[tauri::command]
#[specta::specta]
pub async fn news(shell: Room<'_>, after: Option<u32>) -> Reply<News> {
    Ok(shell.news().after(after).await)
}

/// Somebody is there.
#[tauri::command(async)]
#[specta::specta]
pub fn touched(shell: Room<'_>) {
    shell.guard().sign_of_life()
}

/// What a camera's frame would add; the body is its luma, row by row, and the headers `width` and `height` say its size.
#[tauri::command(async)]
pub fn preview_frame(shell: Room<'_>, request: Request<'_>) -> Reply<Option<Preview>> {
    let frame = frame(&request)?;
    match shell.preview(Source::Frame(&frame)) {
        Err(report) if report.code == ErrorCode::NoQrCode => Ok(None), // the next one comes at once
        answer => answer.map(Some),
    }
}

/// What a file would add, a picture or another app's export; the body is the file. With `import_needs_password` it waits
/// for one.
#[tauri::command(async)]
pub fn preview_file(shell: Room<'_>, request: Request<'_>) -> Reply<Preview> {
    let bytes = Zeroizing::new(body(&request)?.to_vec());
    shell.preview(Source::File(bytes))
}

/// Takes in the key file of the database that waits; the body is the file, and an empty one takes it away again.
#[tauri::command(async)]
pub fn take_key_file(shell: Room<'_>, request: Request<'_>) -> Reply<()> {
    let bytes = body(&request)?;
    let key_file = (!bytes.is_empty()).then(|| Zeroizing::new(bytes.to_vec()));
    shell.ask(|a| a.import_key_file(key_file))
}

/// Takes in a backup file that is to be restored; the body is the file, and an empty one forgets it.
#[tauri::command(async)]
pub fn take_backup(shell: Room<'_>, request: Request<'_>) -> Reply<()> {
    let bytes = body(&request)?;
    shell
        .chosen()
        .put((!bytes.is_empty()).then(|| bytes.to_vec()));
    Ok(())
}

/// A passphrase that is wiped when its command is over.
struct Kept(Option<Zeroizing<String>>);

impl Kept {
    fn text(&self) -> Option<&str> {
        self.0.as_ref().map(|text| text.as_str())
    }
}

fn guards(alone: bool) -> Guards {
    match alone {
        true => Guards::Alone,
        false => Guards::WithKeyring,
    }
}

fn kept(passphrase: Option<String>) -> Kept {
    Kept(passphrase.map(Zeroizing::new))
}

fn body<'a>(request: &'a Request<'_>) -> Reply<&'a [u8]> {
    match request.body() {
        InvokeBody::Raw(bytes) => Ok(bytes),
        InvokeBody::Json(_) => Err(ErrorCode::Internal.into()), // the page calls it wrongly
    }
}

fn frame(request: &Request<'_>) -> Reply<Grey> {
    let size = |name| -> Option<usize> { request.headers().get(name)?.to_str().ok()?.parse().ok() };
    let (Some(width), Some(height)) = (size("width"), size("height")) else {
        return Err(ErrorCode::Internal.into());
    };
    Grey::new(width, height, body(request)?.to_vec())
        .map_err(|error| ErrorReport::from(couchkey_authenticator::Error::from(error)))
}
