// One typed table from error codes to words: a code without words fails the type check.
import { m } from "./paraglide/messages.js";
import type { ErrorCode } from "./ipc";

/** The one button that helps on the Trouble screen. Also: a second way, where the first may not be enough. */
export type Helps = "retry" | "recovery";
/** What the person need not worry about. */
export type Safe = "kept" | "newer" | "key";

export interface ErrorWords {
  title: () => string;
  cure: () => string;
  action?: Helps;
  also?: Helps;
  safe?: Safe;
}

export const errorWords: Record<ErrorCode, ErrorWords> = {
  no_vault: { title: m.error_no_vault_title, cure: m.error_no_vault_cure },
  vault_exists: { title: m.error_vault_exists_title, cure: m.error_vault_exists_cure },
  vault_locked: { title: m.error_vault_locked_title, cure: m.error_vault_locked_cure },
  wrong_passphrase: { title: m.error_wrong_passphrase_title, cure: m.error_wrong_passphrase_cure },
  passphrase_needed: { title: m.error_passphrase_needed_title, cure: m.error_passphrase_needed_cure },
  passphrase_too_short: { title: m.error_passphrase_too_short_title, cure: m.error_passphrase_too_short_cure },
  passphrase_unusable: { title: m.error_passphrase_unusable_title, cure: m.error_passphrase_unusable_cure },
  not_enough_memory: { title: m.error_not_enough_memory_title, cure: m.error_not_enough_memory_cure, action: "retry", safe: "kept" },
  wrong_recovery_key: { title: m.error_wrong_recovery_key_title, cure: m.error_wrong_recovery_key_cure },
  recovery_key_typo: { title: m.error_recovery_key_typo_title, cure: m.error_recovery_key_typo_cure },
  needs_recovery: { title: m.error_needs_recovery_title, cure: m.error_needs_recovery_cure, action: "recovery", also: "retry", safe: "key" },
  keyring_locked: { title: m.error_keyring_locked_title, cure: m.error_keyring_locked_cure, action: "retry", safe: "kept" },
  keyring_denied: { title: m.error_keyring_denied_title, cure: m.error_keyring_denied_cure, action: "retry", safe: "kept" },
  keyring_unavailable: { title: m.error_keyring_unavailable_title, cure: m.error_keyring_unavailable_cure, action: "retry", also: "recovery", safe: "kept" },
  vault_damaged: { title: m.error_vault_damaged_title, cure: m.error_vault_damaged_cure, action: "retry", also: "recovery", safe: "kept" },
  vault_newer_version: { title: m.error_vault_newer_version_title, cure: m.error_vault_newer_version_cure, action: "retry", safe: "newer" },
  vault_busy: { title: m.error_vault_busy_title, cure: m.error_vault_busy_cure, action: "retry", safe: "kept" },
  storage_full: { title: m.error_storage_full_title, cure: m.error_storage_full_cure, action: "retry", safe: "kept" },
  storage_denied: { title: m.error_storage_denied_title, cure: m.error_storage_denied_cure, action: "retry", safe: "kept" },
  storage_failed: { title: m.error_storage_failed_title, cure: m.error_storage_failed_cure, action: "retry", safe: "kept" },
  account_not_found: { title: m.error_account_not_found_title, cure: m.error_account_not_found_cure },
  ambiguous_query: { title: m.error_ambiguous_query_title, cure: m.error_ambiguous_query_cure },
  name_missing: { title: m.error_name_missing_title, cure: m.error_name_missing_cure },
  name_too_long: { title: m.error_name_too_long_title, cure: m.error_name_too_long_cure },
  note_too_long: { title: m.error_note_too_long_title, cure: m.error_note_too_long_cure },
  too_many_accounts: { title: m.error_too_many_accounts_title, cure: m.error_too_many_accounts_cure },
  not_hotp: { title: m.error_not_hotp_title, cure: m.error_not_hotp_cure },
  counter_exhausted: { title: m.error_counter_exhausted_title, cure: m.error_counter_exhausted_cure },
  no_qr_code: { title: m.error_no_qr_code_title, cure: m.error_no_qr_code_cure },
  qr_is_web_link: { title: m.error_qr_is_web_link_title, cure: m.error_qr_is_web_link_cure },
  qr_is_other: { title: m.error_qr_is_other_title, cure: m.error_qr_is_other_cure },
  picture_too_large: { title: m.error_picture_too_large_title, cure: m.error_picture_too_large_cure },
  not_a_picture: { title: m.error_not_a_picture_title, cure: m.error_not_a_picture_cure },
  picture_damaged: { title: m.error_picture_damaged_title, cure: m.error_picture_damaged_cure },
  picture_empty: { title: m.error_picture_empty_title, cure: m.error_picture_empty_cure },
  screen_unavailable: { title: m.error_screen_unavailable_title, cure: m.error_screen_unavailable_cure },
  screen_denied: { title: m.error_screen_denied_title, cure: m.error_screen_denied_cure },
  clipboard_empty: { title: m.error_clipboard_empty_title, cure: m.error_clipboard_empty_cure },
  clipboard_unavailable: { title: m.error_clipboard_unavailable_title, cure: m.error_clipboard_unavailable_cure },
  preview_gone: { title: m.error_preview_gone_title, cure: m.error_preview_gone_cure },
  too_long: { title: m.error_too_long_title, cure: m.error_too_long_cure },
  not_otpauth: { title: m.error_not_otpauth_title, cure: m.error_not_otpauth_cure },
  migration_uri: { title: m.error_migration_uri_title, cure: m.error_migration_uri_cure },
  bad_type: { title: m.error_bad_type_title, cure: m.error_bad_type_cure },
  unsupported_type: { title: m.error_unsupported_type_title, cure: m.error_unsupported_type_cure },
  duplicate_parameter: { title: m.error_duplicate_parameter_title, cure: m.error_duplicate_parameter_cure },
  missing_secret: { title: m.error_missing_secret_title, cure: m.error_missing_secret_cure },
  empty_secret: { title: m.error_empty_secret_title, cure: m.error_empty_secret_cure },
  bad_secret: { title: m.error_bad_secret_title, cure: m.error_bad_secret_cure },
  too_long_secret: { title: m.error_too_long_secret_title, cure: m.error_too_long_secret_cure },
  unsupported_algorithm: { title: m.error_unsupported_algorithm_title, cure: m.error_unsupported_algorithm_cure },
  bad_digits: { title: m.error_bad_digits_title, cure: m.error_bad_digits_cure },
  unsupported_digits: { title: m.error_unsupported_digits_title, cure: m.error_unsupported_digits_cure },
  bad_period: { title: m.error_bad_period_title, cure: m.error_bad_period_cure },
  unsupported_period: { title: m.error_unsupported_period_title, cure: m.error_unsupported_period_cure },
  missing_counter: { title: m.error_missing_counter_title, cure: m.error_missing_counter_cure },
  bad_counter: { title: m.error_bad_counter_title, cure: m.error_bad_counter_cure },
  bad_label: { title: m.error_bad_label_title, cure: m.error_bad_label_cure },
  bad_migration: { title: m.error_bad_migration_title, cure: m.error_bad_migration_cure },
  import_needs_password: { title: m.error_import_needs_password_title, cure: m.error_import_needs_password_cure },
  import_wrong_password: { title: m.error_import_wrong_password_title, cure: m.error_import_wrong_password_cure },
  import_damaged: { title: m.error_import_damaged_title, cure: m.error_import_damaged_cure },
  import_newer_version: { title: m.error_import_newer_version_title, cure: m.error_import_newer_version_cure },
  import_unknown: { title: m.error_import_unknown_title, cure: m.error_import_unknown_cure },
  import_restricted: { title: m.error_import_restricted_title, cure: m.error_import_restricted_cure },
  import_unsupported: { title: m.error_import_unsupported_title, cure: m.error_import_unsupported_cure },
  import_too_large: { title: m.error_import_too_large_title, cure: m.error_import_too_large_cure },
  import_too_costly: { title: m.error_import_too_costly_title, cure: m.error_import_too_costly_cure },
  no_one_time_password: { title: m.error_no_one_time_password_title, cure: m.error_no_one_time_password_cure },
  entry_damaged: { title: m.error_entry_damaged_title, cure: m.error_entry_damaged_cure },
  entry_sealed: { title: m.error_entry_sealed_title, cure: m.error_entry_sealed_cure },
  cancelled: { title: m.error_cancelled_title, cure: m.error_cancelled_cure },
  nothing_to_export: { title: m.error_nothing_to_export_title, cure: m.error_nothing_to_export_cure },
  confirmation_needed: { title: m.error_confirmation_needed_title, cure: m.error_confirmation_needed_cure },
  export_exists: { title: m.error_export_exists_title, cure: m.error_export_exists_cure },
  export_unwritten: { title: m.error_export_unwritten_title, cure: m.error_export_unwritten_cure },
  export_differs: { title: m.error_export_differs_title, cure: m.error_export_differs_cure },
  account_damaged: { title: m.error_account_damaged_title, cure: m.error_account_damaged_cure },
  too_long_for_a_code: { title: m.error_too_long_for_a_code_title, cure: m.error_too_long_for_a_code_cure },
  internal: { title: m.error_internal_title, cure: m.error_internal_cure, action: "retry", safe: "kept" },
};
