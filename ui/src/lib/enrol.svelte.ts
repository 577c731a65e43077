// What is being added: looked at, shown, corrected, saved. The secrets wait in Rust; here are names, warnings and tokens.
import { asReport, ipc } from "./ipc";
import type { ErrorReport, ManualForm, Preview } from "./ipc";
import { room } from "./vault.svelte";

export interface Chosen { token: number; include: boolean; issuer: string; account: string }

class Enrol {
  preview = $state.raw<Preview | null>(null);
  /** One for each row of the preview, as the person has it now. */
  chosen = $state<Chosen[]>([]);
  error = $state.raw<ErrorReport | null>(null);
  /** What takes a moment just now. */
  busy = $state<"picture" | "screen" | "save" | null>(null);
  /** Pictures that wait, when several were chosen at once. */
  waiting = $state.raw<readonly File[]>([]);
  #added: string[] = [];

  readonly incomplete = $derived(this.preview?.batch ? this.preview.batch.have.length < this.preview.batch.of : false);

  take(found: Preview): void {
    const before = new Map(this.chosen.map((row) => [row.token, row]));
    this.error = null;
    this.preview = found;
    this.chosen = found.rows.map(
      (row) => before.get(row.token) ?? { token: row.token, include: (row.duplicateOf === null && row.repeatOf === null) || found.rows.length === 1, issuer: row.issuer ?? "", account: row.account },
    );
  }

  async #look(what: "picture" | "screen", look: () => Promise<Preview>): Promise<boolean> {
    this.error = null;
    this.busy = what;
    try {
      this.take(await look());
      return true;
    } catch (rejection) {
      this.error = asReport(rejection);
      return false;
    } finally {
      this.busy = null;
    }
  }

  text = (text: string) => this.#look("picture", () => ipc.previewText(text));
  clipboard = () => this.#look("picture", () => ipc.previewClipboard());
  screen = () => this.#look("screen", () => ipc.previewScreen());
  manual = (form: ManualForm) => this.#look("picture", () => ipc.previewManual(form));

  /** One picture after the other; the parts of an export are read through to its end. */
  async pictures(files: readonly File[]): Promise<void> {
    this.waiting = files;
    do {
      const [file, ...rest] = this.waiting;
      if (!file) return;
      this.waiting = rest;
      const read = await this.#look("picture", async () => ipc.previewImage(new Uint8Array(await file.arrayBuffer())));
      if (!read) return;
    } while (this.incomplete && this.waiting.length > 0);
  }

  /** Saves what is chosen. Returns the ids of all that was added since Add was opened, or null when it was refused. */
  async save(): Promise<string[] | null> {
    this.busy = "save";
    this.error = null;
    try {
      if (room.status?.state === "none") room.status = await ipc.createVault(null);
      const rows = this.chosen.filter((row) => row.include).map(({ token, issuer, account }) => ({ token, issuer: issuer.trim() || null, account: account.trim() }));
      this.#added.push(...(await ipc.add(rows)));
      await room.changed();
      this.preview = null;
      this.chosen = [];
      return this.#added;
    } catch (rejection) {
      this.error = asReport(rejection);
      return null;
    } finally {
      this.busy = null;
    }
  }

  /** Forgets everything that was looked at, here and in Rust. */
  reset(): void {
    if (this.preview) void ipc.discardPreview().catch(() => undefined);
    this.preview = null;
    this.chosen = [];
    this.error = null;
    this.waiting = [];
    this.#added = [];
  }
}

export const enrol = new Enrol();
