// The words for an error code from Rust, by its name: error_CODE_title and error_CODE_cure in messages/en.json.
import type { m } from "./messages";
import type { ErrorCode, ErrorReport } from "./ipc";

/** A code without words fails the type check. */
type Words = Pick<typeof m, `error_${ErrorCode}_${"title" | "cure"}`>;
// Each text is a file of its own. To look one up in `m` would keep every text of the window.
const words = Object.assign(
  {},
  ...Object.values(import.meta.glob("./messages/texts/error_*.ts", { eager: true })),
) as Words;

/** What the person need not worry about. */
export type Safe = "kept" | "newer" | "key";

export const safe: { readonly [Code in ErrorCode]?: Safe } = {
  vaults_elsewhere: "kept",
  not_enough_memory: "kept",
  keyring_locked: "kept",
  keyring_silent: "kept",
  keyring_denied: "kept",
  keyring_unavailable: "kept",
  vault_damaged: "kept",
  vault_busy: "kept",
  storage_full: "kept",
  storage_denied: "kept",
  storage_failed: "kept",
  internal: "kept",
  needs_recovery: "key",
  vault_newer_version: "newer",
};

/** Rust's own words name what ours cannot, and are shown in their place. */
const named: readonly ErrorCode[] = ["other_app", "in_recycle_bin"];

/** What happened, and what to do, for an error that came from Rust. */
export function wordsOf(report: ErrorReport): { title: string; cure: string } {
  if (named.includes(report.code)) return { title: report.message, cure: report.hint };
  const code: ErrorCode = `error_${report.code}_title` in words ? report.code : "internal";
  return { title: words[`error_${code}_title`](), cure: words[`error_${code}_cure`]() };
}
