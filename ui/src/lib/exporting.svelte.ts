// Moving out to another app: what would go along, the file, the QR codes on show.
import { ipc } from "./ipc";
import type { ExportForm, ExportPlan, Exported, QrPicture } from "./ipc";
import { Work } from "./work.svelte";

class Exporting extends Work<"export"> {
  codes = $state.raw<readonly QrPicture[]>([]);

  plan = (form: ExportForm): Promise<ExportPlan | null> => this.attempt("export", () => ipc.planExport(form));

  /** Undefined where it was refused, null where the person named no place. */
  async save(
    form: ExportForm,
    passphrase: string | null,
    password: string | null,
  ): Promise<Exported | null | undefined> {
    const answer = await this.attempt("export", async () => ({
      exported: await ipc.exportFile(form, passphrase, password),
    }));
    return answer ? answer.exported : undefined;
  }

  async show(form: ExportForm, passphrase: string | null): Promise<void> {
    this.codes = (await this.attempt("export", () => ipc.exportQr(form, passphrase))) ?? [];
  }

  /** Wipes the pictures, here and in Rust. */
  hide(): void {
    if (this.codes.length > 0) void ipc.forgetQr().catch(() => undefined);
    this.codes = [];
  }

  /** Cancels what goes on, and wipes the rest. */
  reset(): void {
    if (this.busy) this.cancel();
    this.error = null;
    this.hide();
  }
}

export const exporting = new Exporting();
