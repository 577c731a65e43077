// Something that takes a while in Rust: what goes on, how far it is, what it was refused with, and how it is cancelled.
import { asReport, ipc } from "./ipc";
import type { ErrorReport, Progress } from "./ipc";

export class Work<Kind extends string> {
  /** What goes on just now. */
  busy = $state<Kind | null>(null);
  /** How far it is, as soon as Rust has said so. */
  progress = $state.raw<Progress | null>(null);
  error = $state.raw<ErrorReport | null>(null);
  /** The last work was cancelled, which is no error: whoever did it knows. */
  protected cancelled = false;
  /** Counts the works: what one that was cancelled says in the end is not about the next one. */
  #turn = 0;

  cancel = () => void ipc.cancelTransfer().catch(() => undefined);

  /** Rust has news of how far it is. */
  async further(): Promise<void> {
    if (this.busy === null) return;
    const progress = await ipc.progress().catch(() => null);
    if (this.busy !== null) this.progress = progress;
  }

  /** Null where it was refused, which `error` then says, or cancelled. */
  protected async attempt<T>(kind: Kind, work: () => Promise<T>): Promise<T | null> {
    this.error = null;
    this.cancelled = false;
    this.busy = kind;
    const turn = ++this.#turn;
    try {
      return await work();
    } catch (rejection) {
      const report = asReport(rejection);
      if (turn === this.#turn) {
        this.cancelled = report.code === "cancelled";
        if (!this.cancelled) this.error = report;
      }
      return null;
    } finally {
      if (turn === this.#turn) {
        this.busy = null;
        this.progress = null;
      }
    }
  }
}
