// The surface between the window and Rust: commands, views, error codes. Every command rejects with an ErrorReport.
export type ErrorCode =
  // the vault
  | "no_vault" | "vault_exists" | "vault_locked" | "wrong_passphrase" | "passphrase_needed" | "passphrase_too_short"
  | "wrong_recovery_key" | "recovery_key_typo" | "needs_recovery" | "keyring_locked" | "keyring_denied" | "keyring_unavailable"
  | "vault_damaged" | "vault_newer_version" | "vault_busy" | "storage_full" | "storage_denied" | "storage_failed"
  // accounts
  | "account_not_found" | "ambiguous_query" | "name_missing" | "name_too_long" | "note_too_long" | "too_many_accounts" | "not_hotp" | "counter_exhausted"
  // pictures, screen, clipboard
  | "no_qr_code" | "qr_is_web_link" | "qr_is_other" | "picture_too_large" | "not_a_picture" | "picture_damaged" | "picture_empty"
  | "screen_unavailable" | "screen_denied" | "clipboard_empty" | "clipboard_unavailable" | "preview_gone"
  // otpauth URIs (classes of otpauth.md)
  | "too_long" | "not_otpauth" | "migration_uri" | "bad_type" | "unsupported_type" | "duplicate_parameter"
  | "missing_secret" | "empty_secret" | "bad_secret" | "too_long_secret" | "unsupported_algorithm" | "bad_digits" | "unsupported_digits"
  | "bad_period" | "unsupported_period" | "missing_counter" | "bad_counter" | "bad_label" | "bad_migration"
  | "internal";
export interface ErrorReport { code: ErrorCode; message: string; hint: string }

export type VaultState = "none" | "locked" | "open" | "trouble";
export type LockKind = "device" | "passphrase" | "strong";      // what opens it: nothing asked | passphrase (no OS keyring) | passphrase + OS keyring
export type KeyringKind = "system" | "file" | "missing";        // missing: no OS keyring here; a new vault needs a passphrase
export type Notice = "older_copy" | "file_rebuilt" | "order_lost" | "items_damaged" | "repaired" | "clock_wrong" | "recovery_key_not_saved";
export interface Status { state: VaultState; lock: LockKind | null; keyring: KeyringKind; trouble: ErrorReport | null; notices: Notice[]; accounts: number; hasRecoveryKey: boolean; recoverySaved: boolean }

export type KindWord = "totp" | "hotp" | "steam";
export interface AccountView {
  id: string; kind: KindWord; issuer: string | null; account: string; note: string; pinned: boolean; groups: string[];
  period: number | null; digits: number;
  code: string;                 // HOTP: the code at the current counter
  nextCode: string | null;      // the code of the next step; null for HOTP
  validFrom: number | null; validUntil: number | null;   // Unix seconds; null for HOTP
}
export interface DamagedView { id: string }
export interface CodesView { now: number; accounts: AccountView[]; groups: string[]; damaged: DamagedView[]; changesAt: number | null }

export interface PreviewRow {
  token: number; kind: KindWord; issuer: string | null; account: string; labelIssuer: string | null;
  algorithm: string; digits: number; period: number | null; secretBits: number;
  warnings: string[];           // kebab-case: no-issuer, no-account, short-secret, issuer-mismatch, base32-noncanonical, algorithm-alias, duplicate-parameter, bidi-stripped, bad-percent, label-truncated
  duplicateOf: string | null;   // id of the account that has the same secret already
}
export interface SkippedRow { label: string; report: ErrorReport }
export interface BatchView { part: number; of: number; have: number[] }   // a Google export in several QR codes
export interface Preview { rows: PreviewRow[]; skipped: SkippedRow[]; batch: BatchView | null; clockWrong: boolean }
export interface AddRow { token: number; issuer: string | null; account: string; }      // names may be corrected in the preview
export interface ManualForm { kind: KindWord; issuer: string; account: string; secret: string; algorithm: string; digits: number; period: number; counter: string }

export interface Edit { issuer?: string | null; account?: string | null; note?: string | null; pinned?: boolean | null; groups?: string[] | null }  // absent or null = unchanged; "" clears issuer/note
export interface TrashRow { id: string; issuer: string | null; account: string; removedAt: number; daysLeft: number }
export type Appearance = "system" | "light" | "dark" | "contrast";
export interface Settings { grouping: number /* 3 | 2 */; tapToReveal: boolean; showNext: boolean; autoLockMinutes: number /* 0 never */; lockOnSleep: boolean; clearClipboard: boolean; appearance: Appearance }
export interface RecoveryKeyView { groups: string[]; qr: string[] /* rows of "0"/"1" modules, quiet zone not included */ }
export interface Copied { clearsInSeconds: number | null }
export interface About { version: string; dataDir: string; contentProtected: boolean; clipboardHints: boolean }

export interface Commands {
  status(): Promise<Status>;
  open(): Promise<Status>;                                    // opens with the device key if that is enough; may wait for the OS keyring's own prompt
  createVault(passphrase: string | null): Promise<Status>;    // passphrase required when keyring == "missing"
  unlock(passphrase: string): Promise<Status>;
  recover(recoveryKey: string, passphrase: string | null): Promise<Status>;  // recovery key typed; passphrase: new one when keyring missing
  lock(): Promise<Status>;
  codes(): Promise<CodesView>;
  hotpNext(id: string): Promise<CodesView>;
  copyCode(id: string, next: boolean): Promise<Copied>;
  previewImage(bytes: Uint8Array): Promise<Preview>;          // a file, drop or pasted image
  previewFrame(width: number, height: number, grey: Uint8Array): Promise<Preview | null>;  // a camera frame; null = nothing seen yet
  previewScreen(): Promise<Preview>;
  previewClipboard(): Promise<Preview>;                       // image or text, read in Rust
  previewText(text: string): Promise<Preview>;                // text pasted or dropped: one or more URIs, one a line
  previewManual(form: ManualForm): Promise<Preview>;
  pendingPreview(): Promise<Preview | null>;                  // what an otpauth:// link brought
  discardPreview(): Promise<void>;
  add(rows: AddRow[]): Promise<string[]>;                     // ids
  edit(id: string, edit: Edit): Promise<void>;
  moveAccount(id: string, position: number): Promise<void>;
  remove(id: string): Promise<void>;                          // into the 30-day trash
  restore(id: string): Promise<void>;
  trash(): Promise<TrashRow[]>;
  settings(): Promise<Settings>;
  setSettings(settings: Settings): Promise<void>;
  setPassphrase(passphrase: string | null): Promise<Status>;  // null: app lock off (not possible when keyring is "file")
  makeRecoveryKey(): Promise<RecoveryKeyView>;                // makes a NEW key and shows it this once; replaces an older one
  saveRecoverySheet(): Promise<boolean>;                      // native save dialog; false when cancelled; only right after makeRecoveryKey
  recoveryKeySaved(): Promise<void>;                          // the person says it is written down / printed
  about(): Promise<About>;
  shown(): Promise<void>;                                      // the first screen is painted: the window may appear
}

export type RustEvent = "locked" | "changed" | "preview" | "waiting_for_keyring";
