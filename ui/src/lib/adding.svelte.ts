// Adding accounts, from whatever holds them: source, then preview, then saved. The secrets wait in Rust; here are names,
// warnings and tokens.
import { asReport, ipc } from "./ipc";
import type { Added, ManualForm, Preview, PreviewRow } from "./ipc";
import { incomplete, Queue } from "./queue.svelte";
import { Work } from "./work.svelte";
import { app } from "../app.svelte";

/** Where the person is to say what holds the account: the list of sources, another app's file, the camera, the form. */
export type Way = "choose" | "app" | "camera" | "manual";

export interface Names {
  issuer: string;
  account: string;
}

/** A file that waits for its password. */
interface Sealed {
  /** It may need a key file, too: a KeePass database. */
  asksKeyFile: boolean;
  /** The name of the key file that was given. */
  keyFile: string | null;
}

class Adding extends Work<"look" | "screen" | "file" | "unseal" | "save"> {
  way = $state<Way>("choose");
  sealed = $state.raw<Sealed | null>(null);
  preview = $state.raw<Preview | null>(null);
  /** Several files that came at once. */
  readonly queue = new Queue();
  /** Tokens of rows that the person wants otherwise than they are proposed. */
  #flipped = $state.raw<ReadonlySet<number>>(new Set());
  /** Names that the person has typed, by token. */
  #names = $state.raw<ReadonlyMap<number, Names>>(new Map());
  /** The way that the screen began with, and goes back to. */
  #home = $state<"choose" | "app">("choose");
  /** Ids of what was added since the screen was opened. */
  #added: string[] = [];
  /** Counts how often everything was forgotten: what was asked for before comes too late. */
  #forgotten = 0;

  /** What is on the screen. A camera that looks for the next part goes on beside the preview of those before. */
  readonly step = $derived<Way | "sealed" | "preview">(
    this.way === "camera" ? "camera" : this.sealed ? "sealed" : this.preview ? "preview" : this.way,
  );
  /** Something is on the screen that would be lost if another thing took its place. */
  readonly unfinished = $derived(
    (this.step !== "choose" && this.step !== "app") || this.busy !== null || this.queue.waiting.length > 0,
  );
  /** What comes in several QR codes, of which some are missing. */
  readonly missing = $derived(incomplete(this.preview));
  /** How many accounts would be added. */
  readonly count = $derived(this.preview?.rows.filter((row) => this.isIn(row)).length ?? 0);

  /** The screen is opened at the list of sources, or at another app's file. */
  begin(home: "choose" | "app"): void {
    this.#home = home;
    if (!this.unfinished) this.way = home;
  }

  /** To another way of saying what holds the account; without one, back to where the screen began. */
  go(way: Way = this.#home): void {
    this.error = null;
    this.way = way;
  }

  /** A row stays out by itself where its account is there already, or twice in the file; one that is alone is meant. */
  isIn(row: PreviewRow): boolean {
    const proposed = (row.duplicateOf === null && row.repeatOf === null) || this.preview?.rows.length === 1;
    return this.#flipped.has(row.token) ? !proposed : proposed;
  }

  flip(row: PreviewRow): void {
    const next = new Set(this.#flipped);
    if (!next.delete(row.token)) next.add(row.token);
    this.#flipped = next;
  }

  namesOf(row: PreviewRow): Names {
    return this.#names.get(row.token) ?? { issuer: row.issuer ?? "", account: row.account };
  }

  rename(row: PreviewRow, change: Partial<Names>): void {
    this.#names = new Map(this.#names).set(row.token, { ...this.namesOf(row), ...change });
  }

  text = (text: string) => this.#look("look", () => ipc.previewText(text));
  clipboard = () => this.#look("look", () => ipc.previewClipboard());
  screen = () => this.#look("screen", () => ipc.previewScreen());
  manual = (form: ManualForm, pasted: boolean) => this.#look("look", () => ipc.previewManual(form, pasted));
  /** What the link that waits longest would add. */
  link = () => this.#look("look", () => ipc.previewLink()).finally(() => void app.countLinks());

  /** The first of several files; the others wait until it is added or left out. The parts of an export in several QR
   *  codes are read through to their end. */
  async files(files: readonly File[]): Promise<void> {
    if (files.length === 0) return;
    this.queue.begin(files, this.busy === "file");
    if (this.busy !== null) return; // they wait for their turn
    if (this.way === "camera" || this.way === "manual") this.way = this.#home;
    await this.#read();
  }

  /** The next of them, in place of what is looked at. */
  async next(): Promise<void> {
    this.#forget();
    await this.#read();
  }

  #read = (): Promise<void> =>
    this.queue.read(
      () => this.preview,
      (file) => this.#look("file", async () => ipc.previewFile(new Uint8Array(await file.arrayBuffer()))),
    );

  /** Opens the file that waits. */
  unseal = (password: string) => this.#look("unseal", () => ipc.importPassword(password));

  /** Gives the waiting file its key file, or takes it away again. */
  async giveKeyFile(file: File | null): Promise<void> {
    const bytes = file ? new Uint8Array(await file.arrayBuffer()) : new Uint8Array();
    const given = await this.attempt("unseal", () => ipc.takeKeyFile(bytes).then(() => true));
    if (given && this.sealed) this.sealed = { ...this.sealed, keyFile: file?.name ?? null };
  }

  /** One frame of the camera. True when it need not look any longer. */
  async frame(width: number, height: number, grey: Uint8Array): Promise<boolean> {
    try {
      const found = await ipc.previewFrame(width, height, grey);
      // The same part stays in view for a while: go on until another one is seen.
      const same = JSON.stringify(found?.batch) === JSON.stringify(this.preview?.batch);
      if (!found || (found.batch && same)) return false;
      this.error = null;
      this.#take(found);
      return this.missing === null;
    } catch (rejection) {
      this.error = asReport(rejection); // seen, but not the right thing: say so and keep looking
      return false;
    }
  }

  /** Takes the clipboard's text for the key of the form. Returns how long it is; null when there is none. */
  pasteKey = (): Promise<number | null> => this.attempt("look", () => ipc.pasteKey());

  /** Adds what is chosen, all of it or nothing; the vault is made where there is none. */
  async add(): Promise<Added | null> {
    const shown = this.preview;
    if (!shown) return null;
    const added = await this.attempt("save", async () => {
      if (app.status?.state === "none") app.status = await ipc.createVault(null);
      // Only what differs is sent back: there may be thousands of rows.
      const out = shown.rows.filter((row) => !this.isIn(row));
      const renamed = shown.rows.filter((row) => this.isIn(row) && this.#names.has(row.token));
      return ipc.add({
        preview: shown.id,
        duplicates: true,
        except: out.map((row) => row.token),
        renamed: renamed.map((row) => {
          const { issuer, account } = this.namesOf(row);
          return { token: row.token, issuer: issuer.trim() || null, account: account.trim() };
        }),
      });
    });
    if (!added) return null;
    this.preview = null;
    this.#added.push(...added.ids);
    await app.changed();
    return added;
  }

  /** The one account that was added since the screen was opened; null where it were more. */
  get only(): string | null {
    return this.#added.length === 1 ? (this.#added[0] ?? null) : null;
  }

  /** Back to where the screen began: what was looked at is forgotten, here and in Rust, and so is what waits. */
  again(): void {
    if (this.busy) this.cancel();
    this.#forgotten++;
    this.#forget();
    this.queue.end();
    this.way = this.#home;
  }

  /** The screen is left. */
  reset(): void {
    this.again();
    this.way = this.#home = "choose";
    this.#added = [];
  }

  async #look(
    kind: "look" | "screen" | "file" | "unseal",
    look: () => Promise<Preview | null>,
  ): Promise<"read" | "refused" | "waits"> {
    const before = this.#forgotten;
    const found = await this.attempt(kind, look);
    if (before !== this.#forgotten) {
      // Nobody waits for it any more. Rust forgets it too, unless it has something newer.
      if (found && this.step !== "preview" && this.busy === null) void ipc.discardPreview().catch(() => undefined);
      this.error = null;
      return "refused";
    }
    if (found) {
      this.#take(found);
      return "read";
    }
    const code = this.error?.code;
    if (code === "import_needs_password" || code === "import_needs_key") {
      this.preview = null;
      this.sealed = { asksKeyFile: code === "import_needs_key", keyFile: null };
      this.error = null;
      return "waits";
    }
    if (code === "import_wrong_password" || code === "import_wrong_key") return "waits";
    // Rust keeps what it had when something else is refused. A file that it could open, or that was cancelled, is gone.
    if (kind === "unseal" || this.cancelled) this.sealed = null;
    if (this.cancelled) this.preview = null;
    return "refused";
  }

  #take(found: Preview): void {
    this.preview = found;
    this.sealed = null;
    if (this.way !== "camera" || this.missing === null) this.way = this.#home;
  }

  /** What is looked at, and nothing of what waits. */
  #forget(): void {
    if (this.preview || this.sealed) void ipc.discardPreview().catch(() => undefined);
    this.preview = null;
    this.sealed = null;
    this.error = null;
    this.#flipped = new Set();
    this.#names = new Map();
  }
}

export const adding = new Adding();
