// Backups: how they stand, and the file that somebody wants to restore. The bytes wait in Rust.
import { asReport, ipc } from "./ipc";
import type { BackupsView, ErrorReport } from "./ipc";
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
export const day = (at: number): string => new Date(at * 1000).toLocaleDateString(undefined, { dateStyle: "long" });

export const age = (days: number): string => (days === 0 ? m.today() : m.days_ago({ count: days }));
