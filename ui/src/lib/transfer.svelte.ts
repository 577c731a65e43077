// Moving in from another app and out to one: the file that is being looked at, how far it is, what came of it. The
// secrets wait in Rust; here are names, warnings and tokens.
import { asReport, ipc } from "./ipc";
import type { Added, ErrorReport, ExportForm, ExportPlan, Exported, Preview, Progress, QrPicture } from "./ipc";
import { room } from "./vault.svelte";

class Transfer {
  preview = $state.raw<Preview | null>(null);
  /** The file waits for its password. */
  locked = $state(false);
  error = $state.raw<ErrorReport | null>(null);
  busy = $state(false);
  progress = $state.raw<Progress | null>(null);
  /** Tokens of rows that the person wants otherwise than they are proposed. */
  flipped = $state.raw<ReadonlySet<number>>(new Set());
  codes = $state.raw<readonly QrPicture[]>([]);
  /** Files that wait for their turn: pictures of several QR codes. */
  #waiting: File[] = [];

  /** A row stays out by itself where its account is there already, or twice in the file. */
  isIn(row: { token: number; duplicateOf: string | null; repeatOf: number | null }): boolean {
    const proposed = row.duplicateOf === null && row.repeatOf === null;
    return this.flipped.has(row.token) ? !proposed : proposed;
  }
  flip(token: number): void {
    const next = new Set(this.flipped);
    if (!next.delete(token)) next.add(token);
    this.flipped = next;
  }

  /** One file after the other; the parts of an export in several QR codes are read through to their end. */
  async files(files: readonly File[]): Promise<void> {
    this.#waiting = [...files];
    this.flipped = new Set();
    for (let file = this.#waiting.shift(); file; file = this.#waiting.shift()) {
      const bytes = new Uint8Array(await file.arrayBuffer());
      if (!(await this.#look(() => ipc.importFile(bytes)))) return;
      const batch = this.preview?.batch;
      if (!batch || batch.have.length === batch.of) return;
    }
  }
  password = (password: string) => this.#look(() => ipc.importPassword(password));

  async #look(look: () => Promise<Preview>): Promise<boolean> {
    const found = await this.#attempt(look);
    if (found) {
      this.preview = found;
      this.locked = false;
    } else if (this.error?.code === "import_needs_password") {
      this.locked = true;
      this.error = null;
    } else if (this.error?.code !== "import_wrong_password") this.locked = false;
    return found !== null;
  }

  /** Adds what is chosen, all of it or nothing. */
  async add(): Promise<Added | null> {
    const rows = this.preview?.rows ?? [];
    const added = await this.#attempt(async () => {
      if (room.status?.state === "none") room.status = await ipc.createVault(null);
      // Everything but what stays out: thousands of rows need not be sent back.
      return ipc.addAll({ duplicates: true, except: rows.filter((row) => !this.isIn(row)).map((row) => row.token), renamed: [] });
    });
    if (added) {
      this.preview = null;
      await room.changed();
    }
    return added;
  }

  plan = (form: ExportForm): Promise<ExportPlan | null> => this.#attempt(() => ipc.planExport(form));
  /** Undefined where it was refused, null where the person named no place. */
  async save(form: ExportForm, passphrase: string | null, password: string | null): Promise<Exported | null | undefined> {
    const answer = await this.#attempt(async () => ({ exported: await ipc.exportFile(form, passphrase, password) }));
    return answer ? answer.exported : undefined;
  }
  async show(form: ExportForm, passphrase: string | null): Promise<void> {
    this.codes = (await this.#attempt(() => ipc.exportQr(form, passphrase))) ?? [];
  }
  hide(): void {
    if (this.codes.length > 0) void ipc.forgetQr().catch(() => undefined);
    this.codes = [];
  }

  cancel = () => void ipc.cancelTransfer().catch(() => undefined);
  async further(): Promise<void> {
    if (this.busy) this.progress = await ipc.progress().catch(() => null);
  }

  async #attempt<T>(work: () => Promise<T>): Promise<T | null> {
    this.error = null;
    this.busy = true;
    try {
      return await work();
    } catch (rejection) {
      const report = asReport(rejection);
      if (report.code !== "cancelled") this.error = report; // whoever cancelled knows it
      return null;
    } finally {
      this.busy = false;
      this.progress = null;
    }
  }

  /** Forgets everything, here and in Rust. */
  reset(): void {
    if (this.busy) this.cancel();
    if (this.preview || this.locked) void ipc.discardPreview().catch(() => undefined);
    this.hide();
    this.preview = null;
    this.locked = false;
    this.error = null;
    this.flipped = new Set();
    this.#waiting = [];
  }
}

export const transfer = new Transfer();
