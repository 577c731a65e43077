//! Export: a plan that says what goes along, the app lock asked again, a file or QR codes, and the proof that what was
//! written makes the same codes.

use std::collections::HashSet;

use couchkey_formats::{
    export::{self, leaving},
    import,
};
use couchkey_otp::UnixTime;
use couchkey_qr::{self as qr, Effort, Modules};
use couchkey_vault::{AccountId, NewAccount};
use image::{ExtendedColorType, ImageEncoder, codecs::png::PngEncoder};
use rand::RngExt;
use zeroize::Zeroizing;

use crate::{
    Authenticator, Error, ErrorCode,
    passphrase::{self, Guards},
    progress::{Watch, progress},
    random::os_random,
    view::{ExportForm, ExportFormat, ExportPlan, Exported, LockKind, SkippedRow, Stage, count},
};

/// What the person did just now so that secrets may leave the vault.
pub enum Permission<'a> {
    /// Typed the passphrase again; needed wherever there is one.
    Passphrase(&'a str),
    /// Said yes to the warning. Enough only where the vault opens with the device key alone and there is no passphrase
    /// to ask for; a shell never says it on its own.
    Confirmed,
}

/// A QR code with secrets in it, on its way to the screen. No `Debug` and no `Serialize`: a shell hands it to the window
/// as a picture, and never as text.
pub struct SecretQr {
    /// Which one it is, from 1.
    pub part: u32,
    /// How many there are.
    pub of: u32,
    /// How many accounts it carries.
    pub accounts: u32,
    modules: Modules,
}

impl SecretQr {
    /// The modules, for a terminal.
    #[must_use]
    pub fn modules(&self) -> &Modules {
        &self.modules
    }

    /// The code as a PNG picture in black and white, with its quiet zone of four modules (ISO/IEC 18004, section 6.3.8).
    ///
    /// # Security
    /// Whoever sees the picture has the accounts.
    #[must_use]
    pub fn png(&self) -> Zeroizing<Vec<u8>> {
        let (side, luma) = self.luma();
        // More than any such picture takes, so that it does not grow and leave copies.
        let mut png = Zeroizing::new(Vec::with_capacity(luma.len() + 1024));
        let size = u32::try_from(side).expect("a QR code has at most 177 modules");
        PngEncoder::new(&mut *png)
            .write_image(&luma, size, size, ExtendedColorType::L8)
            .expect("a Vec takes all that is written to it");
        png
    }

    /// Pixels across and down, and the shades of grey.
    fn luma(&self) -> (usize, Zeroizing<Vec<u8>>) {
        let side = (self.modules.side() + 2 * QUIET) * PIXELS;
        let mut luma = Zeroizing::new(Vec::with_capacity(side * side));
        let module = |pixel: usize| (pixel / PIXELS).wrapping_sub(QUIET);
        for y in 0..side {
            luma.extend(
                (0..side).map(|x| match self.modules.dark(module(x), module(y)) {
                    true => 0,
                    false => 255,
                }),
            );
        }
        (side, luma)
    }
}

/// Light modules around a code.
const QUIET: usize = 4;
/// Pixels of one module.
const PIXELS: usize = 8;

impl Authenticator {
    /// What an export would hold and what it would leave behind. Nothing is written, and nothing secret is in it.
    ///
    /// # Errors
    /// [`ErrorCode::NothingToExport`]; [`ErrorCode::AccountNotFound`]; [`ErrorCode::VaultLocked`].
    pub fn plan_export(&self, form: &ExportForm) -> Result<ExportPlan, Error> {
        let going = self.going(form)?;
        let lost = |carries: bool, has: fn(&NewAccount) -> bool| match carries {
            true => 0,
            false => count(going.accounts.iter().filter(|account| has(account)).count()),
        };
        let carries = matches!(
            form.format,
            ExportFormat::Aegis | ExportFormat::AegisEncrypted
        );
        let qr_codes = match form.format {
            ExportFormat::Google => export::migration_batches(&going.accounts, 0).uris.len(),
            _ => going.accounts.len(),
        };
        Ok(ExportPlan {
            format: form.format,
            accounts: count(going.accounts.len()),
            qr_codes: count(qr_codes),
            without_note: lost(carries, |account| !account.note.is_empty()),
            without_groups: lost(carries, |account| !account.groups.is_empty()),
            without_pin: lost(carries, |account| account.pinned),
            in_trash: count(going.in_trash),
            left_out: going.left_out,
            warning: form.format.warning().to_owned(),
            asks: self.lock_now()?,
            needs_password: form.format == ExportFormat::AegisEncrypted,
            file_name: form.format.file_name().to_owned(),
        })
    }

    /// An export as bytes, for a pipe: read again and compared in memory. To the disk: [`export_file`](Self::export_file).
    ///
    /// # Errors
    /// As [`export_file`](Self::export_file), but for those of the disk.
    pub fn export_bytes(
        &self,
        form: &ExportForm,
        permission: &Permission<'_>,
        password: Option<&str>,
        watch: Watch<'_>,
    ) -> Result<(Zeroizing<Vec<u8>>, Exported), Error> {
        self.begin_export(permission)?;
        let going = self.going(form)?;
        let bytes = self.written(form.format, &going, password, watch)?;
        self.compared(form.format, &going, &bytes, password, watch)?;
        Ok((bytes, going.exported()))
    }

    /// QR codes for the screen: Google's batches, or for every other format one code an account. Each is drawn, read
    /// again from its picture and compared before any of them is given out.
    ///
    /// # Errors
    /// As [`export_file`](Self::export_file); [`ErrorCode::TooLongForACode`].
    pub fn export_qr(
        &self,
        form: &ExportForm,
        permission: &Permission<'_>,
        watch: Watch<'_>,
    ) -> Result<Vec<SecretQr>, Error> {
        self.begin_export(permission)?;
        let going = self.going(form)?;
        let texts: Vec<Zeroizing<String>> = match form.format {
            ExportFormat::Google => export::migration_batches(&going.accounts, batch_id()).uris,
            _ => going.accounts.iter().map(export::uri).collect(),
        };
        let of = texts.len();
        let mut codes = Vec::with_capacity(of);
        let mut found = Vec::with_capacity(going.accounts.len());
        for (done, text) in texts.iter().enumerate() {
            watch(progress(Stage::Checking, done, of));
            self.go_on()?;
            let mut code = SecretQr {
                part: count(done + 1),
                of: count(of),
                accounts: 0,
                modules: qr::encode(text)?,
            };
            let picture = qr::read_picture(&code.png())?;
            let mut read = qr::decode(&picture, Effort::Frame);
            if read.is_empty() {
                read = qr::decode(&picture, Effort::Still);
            }
            let accounts = match read.as_slice() {
                [read] => read_text(read.text().ok_or(ErrorCode::ExportDiffers)?)?,
                _ => return Err(ErrorCode::ExportDiffers.into()),
            };
            code.accounts = count(accounts.len());
            found.extend(accounts);
            codes.push(code);
        }
        same(&going.accounts, &found, self.now())?;
        watch(progress(Stage::Checking, of, of));
        Ok(codes)
    }

    /// Whether this permission is enough, so that a shell can say so before it asks for a place.
    ///
    /// # Errors
    /// [`ErrorCode::PassphraseNeeded`], [`ErrorCode::WrongPassphrase`] and [`ErrorCode::ConfirmationNeeded`].
    pub fn permit_export(&self, permission: &Permission<'_>) -> Result<(), Error> {
        self.begin_export(permission)
    }

    /// The app lock, asked again.
    pub(crate) fn begin_export(&self, permission: &Permission<'_>) -> Result<(), Error> {
        self.set_cancelled(false);
        match (self.lock_now()?, permission) {
            (LockKind::Device, Permission::Confirmed) => Ok(()),
            (LockKind::Device, Permission::Passphrase(_)) => {
                Err(ErrorCode::ConfirmationNeeded.into())
            }
            (_, Permission::Passphrase(passphrase)) => self.check_passphrase(passphrase),
            (_, Permission::Confirmed) => Err(ErrorCode::PassphraseNeeded.into()),
        }
    }

    /// The accounts that go along, in the order of the list, and those that cannot.
    pub(crate) fn going(&self, form: &ExportForm) -> Result<Going, Error> {
        let wanted = form
            .ids
            .iter()
            .map(|id| id.parse().map_err(|_| ErrorCode::AccountNotFound.into()))
            .collect::<Result<HashSet<AccountId>, Error>>()?;
        let mut going = self.read(|vault| {
            let mut going = Going::default();
            let chosen = |id: &AccountId| wanted.is_empty() || wanted.contains(id);
            let mut accounts: Vec<NewAccount> = Vec::new();
            for (place, account) in vault.accounts().filter(|(place, _)| chosen(&place.id)) {
                accounts.push(leaving(place, account));
            }
            going.asked_for = accounts.len();
            going.accounts = accounts;
            for damaged in vault.damaged() {
                if damaged.trashed.is_none() && chosen(&damaged.id) {
                    going.asked_for += 1;
                    going.left_out.push(SkippedRow {
                        label: damaged.id.to_string(),
                        report: ErrorCode::AccountDamaged.into(),
                    });
                }
            }
            if wanted.is_empty() {
                going.in_trash = vault.trash().count();
            }
            going
        })?;
        if going.asked_for < wanted.len() {
            return Err(ErrorCode::AccountNotFound.into());
        }
        if form.format == ExportFormat::Google {
            let refused = export::migration_batches(&going.accounts, 0).refused;
            // From the end, so that the positions before stay right.
            for account in refused.iter().rev() {
                going.accounts.remove(account.position);
            }
            going
                .left_out
                .extend(refused.into_iter().map(|account| SkippedRow {
                    label: account.label,
                    report: Error::from(account.reason).report(),
                }));
        }
        if going.accounts.is_empty() && going.left_out.is_empty() {
            return Err(ErrorCode::NothingToExport.into());
        }
        Ok(going)
    }

    pub(crate) fn written(
        &self,
        format: ExportFormat,
        going: &Going,
        password: Option<&str>,
        watch: Watch<'_>,
    ) -> Result<Zeroizing<Vec<u8>>, Error> {
        let accounts = &going.accounts;
        if accounts.is_empty() {
            return Err(ErrorCode::NothingToExport.into());
        }
        watch(progress(Stage::Writing, 0, accounts.len()));
        let mut rng = os_random();
        let bytes = match format {
            ExportFormat::Uris => bytes_of(export::uri_list(accounts)),
            ExportFormat::Aegis => export::aegis(accounts, &mut rng),
            ExportFormat::AegisEncrypted => {
                let password = password.unwrap_or_default();
                passphrase::check(password, Guards::Alone)?;
                watch(progress(Stage::Deriving, 0, 0));
                export::aegis_encrypted(accounts, password, &mut rng)
                    .map_err(|_| ErrorCode::PassphraseTooShort)?
            }
            ExportFormat::Google => lines(&export::migration_batches(accounts, batch_id()).uris),
        };
        watch(progress(Stage::Writing, accounts.len(), accounts.len()));
        Ok(bytes)
    }

    /// Reads an export as another app would, and compares.
    pub(crate) fn compared(
        &self,
        format: ExportFormat,
        going: &Going,
        bytes: &[u8],
        password: Option<&str>,
        watch: Watch<'_>,
    ) -> Result<(), Error> {
        let found = match format {
            ExportFormat::Uris | ExportFormat::Google => {
                let text = std::str::from_utf8(bytes).map_err(|_| ErrorCode::ExportDiffers)?;
                let mut found = Vec::with_capacity(going.accounts.len());
                for line in text.lines() {
                    self.go_on()?;
                    found.extend(read_text(line)?);
                }
                found
            }
            ExportFormat::Aegis | ExportFormat::AegisEncrypted => {
                let password = password.filter(|_| format == ExportFormat::AegisEncrypted);
                let mut step = |_| match self.cancelled() {
                    true => std::ops::ControlFlow::Break(()),
                    false => std::ops::ControlFlow::Continue(()),
                };
                let read = import::read(bytes, password, &mut step);
                self.go_on()?;
                read.map_err(|_| ErrorCode::ExportDiffers)?.accounts
            }
        };
        let all = going.accounts.len();
        watch(progress(Stage::Checking, 0, all));
        same(&going.accounts, &found, self.now())?;
        watch(progress(Stage::Checking, all, all));
        Ok(())
    }
}

/// What an export takes along.
#[derive(Default)]
pub(crate) struct Going {
    accounts: Vec<NewAccount>,
    left_out: Vec<SkippedRow>,
    asked_for: usize,
    in_trash: usize,
}

impl Going {
    pub(crate) fn exported(self) -> Exported {
        Exported {
            accounts: count(self.accounts.len()),
            left_out: self.left_out,
        }
    }
}

impl ExportFormat {
    /// What to say before secrets leave in this form.
    #[must_use]
    pub fn warning(self) -> &'static str {
        match self {
            Self::Uris | Self::Aegis => {
                "Whoever gets this file has all your codes: delete it as soon as the other app has read it."
            }
            Self::AegisEncrypted => {
                "Whoever gets this file and its password has all your codes, and without the password nobody opens it again, not even you."
            }
            Self::Google => {
                "Whoever sees these QR codes has all your codes: make sure that no camera and no other person looks at the screen."
            }
        }
    }

    /// A name for the file that says what it is.
    #[must_use]
    pub fn file_name(self) -> &'static str {
        match self {
            Self::Uris => "couchkey-links.txt",
            Self::Aegis => "couchkey-aegis-plain.json",
            Self::AegisEncrypted => "couchkey-aegis.json",
            Self::Google => "couchkey-google.txt",
        }
    }
}

/// A number that all parts of one export have in common.
fn batch_id() -> i32 {
    i32::from_be_bytes(os_random().random())
}

/// The accounts of one text as it stands in a QR code or a line.
fn read_text(text: &str) -> Result<Vec<NewAccount>, Error> {
    let differs = || Error::from(ErrorCode::ExportDiffers);
    if crate::add::is_migration(text) {
        return export::read_migration([text].into_iter()).map_err(|_| differs());
    }
    let parsed = couchkey_otp::otpauth::read(text).map_err(|_| differs())?;
    Ok(vec![NewAccount::plain(parsed)])
}

/// Whether what was read makes the codes of what was written: at the beginning of time, now, in the next step, and
/// after 2038 and 2106, where 32 bits end.
fn same(written: &[NewAccount], found: &[NewAccount], now: UnixTime) -> Result<(), Error> {
    let now = now.as_secs();
    let at = [0, 59, now, now + 30, 1 << 31, 1 << 32].map(UnixTime::from_secs);
    export::compare(written, found, &at).map_err(|_| ErrorCode::ExportDiffers.into())
}

fn bytes_of(text: Zeroizing<String>) -> Zeroizing<Vec<u8>> {
    Zeroizing::new(text.as_bytes().to_vec())
}

fn lines(texts: &[Zeroizing<String>]) -> Zeroizing<Vec<u8>> {
    let length = texts.iter().map(|text| text.len() + 1).sum();
    let mut bytes = Zeroizing::new(Vec::with_capacity(length));
    for text in texts {
        bytes.extend_from_slice(text.as_bytes());
        bytes.push(b'\n');
    }
    bytes
}
