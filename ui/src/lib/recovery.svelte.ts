// A new recovery key, from when it is shown until it counts: the old one stays good until the person says that they have
// the new one, or has saved its sheet (docs/decisions/0247). The key and the passphrase wait in Rust.
import { tick } from "svelte";
import { asReport, ipc } from "./ipc";
import type { ErrorReport, KeyFor, RecoveryKeyView, Rotated } from "./ipc";
import { app } from "../app.svelte";
import { m } from "./words";

class Recovery {
  shown = $state.raw<RecoveryKeyView | null>(null);
  what = $state.raw<KeyFor>("sheet");
  /** There is a key that the shown one is to take the place of. */
  replaces = $state(false);
  /** The shown key opens the vault. */
  counts = $state(false);
  /** What new keys left behind. */
  left = $state.raw<Rotated | null>(null);
  error = $state.raw<ErrorReport | null>(null);
  busy = $state(false);

  /** Draws one and shows it. Where it takes the place of none, it counts as soon as it is on the screen. */
  async draw(what: KeyFor, passphrase: string | null): Promise<boolean> {
    const replaces = what !== "sheet" || (app.status?.hasRecoveryKey ?? false);
    const drawn = await this.attempt(() => ipc.drawRecoveryKey(what, passphrase));
    if (!drawn) return false;
    this.what = what;
    this.replaces = replaces;
    this.counts = false;
    this.left = null;
    this.shown = drawn;
    if (!replaces) {
      await tick();
      await this.#keep(false);
    }
    return true;
  }

  /** The person has it. */
  async have(): Promise<boolean> {
    if (this.counts)
      return (
        (await this.attempt(async () => {
          await ipc.recoveryKeySaved();
          return true;
        })) ?? false
      );
    return this.#keep(true);
  }

  /** Saves the sheet, which is as good as paper. */
  async sheet(): Promise<boolean> {
    const saved = await this.attempt(() => ipc.saveRecoverySheet());
    if (!saved || !(await this.have())) return false;
    app.tell(m.recovery_sheet_saved());
    return true;
  }

  async #keep(saved: boolean): Promise<boolean> {
    const kept = await this.attempt(async () => ({ left: await ipc.keepRecoveryKey(saved) }));
    if (!kept) return false;
    this.counts = true;
    this.left = kept.left;
    return true;
  }

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

  /** Its screen is left: what does not count by now never will, and that is said. */
  leave(): void {
    if (this.shown) {
      if (!this.counts) app.tell(this.replaces ? m.recovery_not_kept() : m.recovery_not_made());
      void ipc.forgetRecoveryKey().catch(() => undefined);
    }
    this.shown = null;
    this.counts = false;
    this.left = null;
    this.error = null;
  }
}

export const recovery = new Recovery();
