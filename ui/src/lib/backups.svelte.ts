// Backups: how they stand, and the file that somebody wants to restore. The bytes wait in Rust.
import { asReport, ipc } from "./ipc";
import type { BackupRow, BackupsView, ErrorReport } from "./ipc";
import { dateOf, listOf } from "./say.svelte";
import { m } from "./words";

class Backups {
  view = $state.raw<BackupsView | null>(null);
  error = $state.raw<ErrorReport | null>(null);
  busy = $state(false);

  /** Runs one thing at a time, and shows why it was refused. Null where it was. */
  async attempt<T>(work: () => Promise<T>): Promise<T | null> {
    if (this.busy) return null;
    this.error = null;
    this.busy = true;
    try {
      return await work();
    } catch (rejection) {
      this.error = asReport(rejection);
      return null;
    } finally {
      this.busy = false;
    }
  }

  async look(): Promise<void> {
    this.view = await ipc.backups().catch(() => null);
  }
}

export const backups = new Backups();

/** "24 November 2026", in the person's own way of writing. */
export const day = (at: number): string => dateOf(new Date(at * 1000));

/** "2 days ago"; of a date that cannot be right, that it cannot. */
export const age = (backup: BackupRow): string =>
  backup.daysOld === null
    ? backup.dated === "future"
      ? m.backups_future()
      : m.backups_past()
    : backup.daysOld === 0
      ? m.today()
      : m.days_ago({ count: backup.daysOld });

/** Whether a Unix time is ahead of this computer's clock, by more than two clocks of one household differ. */
export const future = (at: number): boolean => at > Date.now() / 1000 + 86_400;

/** When a drill last proved everything, with the date said as wrong where it is. */
export const proven = (at: number): string =>
  future(at) ? m.drill_proven_future({ date: day(at) }) : m.drill_proven({ date: day(at) });

export const opens = (backup: BackupRow): boolean => backup.state === "good" || backup.state === "in_part";

/** What an older recovery key opens, as far as that can be told. */
export const olderKeys = (view: BackupsView): BackupRow[] =>
  view.backups.filter((backup) => !backup.currentKey && backup.state !== "damaged");

/** The names of the damaged ones; empty where there are none. */
export const damaged = (view: BackupsView): string =>
  listOf(view.backups.filter((backup) => backup.state === "damaged").map((backup) => backup.name));

/** What a person should know of a backup beside its date; empty where all is well. */
export function remark(backup: BackupRow): string {
  switch (backup.state) {
    case "damaged":
      return m.backups_damaged();
    case "other_key":
      return m.backups_other_key();
    case "newer":
      return m.backups_newer();
    default:
      return [backup.currentKey ? "" : m.backups_old_key(), backup.state === "in_part" ? m.backups_in_part() : ""]
        .filter(Boolean)
        .join(" · ");
  }
}
