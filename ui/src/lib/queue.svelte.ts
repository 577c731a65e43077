// Several files that came at once are read one after the other, and none of them is dropped in silence.
import type { BatchView, Preview } from "./ipc";

export class Queue {
  waiting = $state.raw<readonly File[]>([]);
  /** The file that is looked at was refused. */
  failed = $state(false);
  /** Parts of an export whose place another file took before the export was whole. */
  lost = $state.raw<readonly string[]>([]);
  #several = $state(false);
  #current = $state("");
  /** The files of which the export on show is put together. */
  #parts: string[] = [];

  /** The name of the file that is looked at; empty where it came alone. */
  readonly file = $derived(this.#several ? this.#current : "");

  /** These come next; those that wait already come after them. Another one may be `reading` just now. */
  begin(files: readonly File[], reading: boolean): void {
    this.waiting = [...files, ...this.waiting];
    this.#several = this.waiting.length + (reading ? 1 : 0) > 1;
    this.lost = [];
  }

  /** Reads the next file, and more of them as long as parts of one export are missing. */
  async read(
    preview: () => Preview | null,
    look: (file: File) => Promise<"read" | "refused" | "waits">,
  ): Promise<void> {
    do {
      const [file, ...rest] = this.waiting;
      if (!file) return;
      const before = incomplete(preview());
      if (!before) this.#parts = [];
      this.waiting = rest;
      this.#current = file.name;
      this.failed = false;
      const answer = await look(file);
      this.failed = answer === "refused";
      if (before && tookItsPlace(before, preview())) {
        this.lost = [...this.lost, ...this.#parts];
        this.#parts = [];
      }
      if (answer !== "read") return;
      this.#parts.push(file.name);
    } while (incomplete(preview()) && this.waiting.length > 0);
  }

  end(): void {
    this.waiting = [];
    this.begin([], false);
    this.#current = "";
    this.failed = false;
  }
}

/** The batch that waits for more parts. */
export function incomplete(preview: Preview | null): BatchView | null {
  const batch = preview?.batch;
  return batch && batch.have.length < batch.of ? batch : null;
}

/** Whether what is on show now is none of that batch, which was not whole. */
function tookItsPlace(before: BatchView, preview: Preview | null): boolean {
  const now = preview?.batch;
  // The last part of a link makes an account of it, and no batch any more.
  if (preview && !now && before.kind === "text" && before.have.length + 1 === before.of) return false;
  return !now || now.of !== before.of || !before.have.every((part) => now.have.includes(part));
}
