// What the window knows: the state of the vault, the codes on show, the settings, which screen is open. All reading and
// changing goes through here, so that screens stay words and layout.
import { tick } from "svelte";
import { asReport, ipc } from "./ipc";
import type { CodesView, ErrorReport, Preview, Settings, Status } from "./ipc";
import { wear } from "./appearance";
import { stepClock } from "./clock";

/** Where the app is, and what it needs to know there. */
export type Screen =
  | { name: "welcome" | "other" | "new-passphrase" | "codes" | "settings" | "trash" | "add" | "recovery" | "unlock" | "trouble" | "import" | "backups" | "drill" | "new-keys" }
  | { name: "recover"; back: "unlock" | "trouble" | "other" }
  | { name: "television" | "check"; id: string }
  /** Everything on the list, or the QR code of one account. */
  | { name: "export"; id: string | null }
  /** A backup of the folder by its name, or a file that is still to be chosen. */
  | { name: "restore"; backup: string | null; back: "backups" | "other" | "trouble" | "unlock" };

export interface Toast { key: number; text: string; undo?: () => void }

/** A toast with something to press stays ten seconds (interface.md), a plain one five. */
const TOAST_MS = 5_000;
const UNDO_MS = 10_000;

const defaults: Settings = {
  grouping: 3, tapToReveal: false, showNext: true, autoLockMinutes: 5, lockOnSleep: true, clearClipboard: true, appearance: "system",
};

class Room {
  status = $state.raw<Status | null>(null);
  codes = $state.raw<CodesView | null>(null);
  settings = $state.raw<Settings>(defaults);
  screen = $state.raw<Screen | null>(null);
  toast = $state.raw<Toast | null>(null);
  /** Waiting for the operating system's keyring, which may be asking the person something. */
  waiting = $state(false);
  /** What another program handed over, for Add to show. */
  preview = $state.raw<Preview | null>(null);
  /** Why a link could not be read. */
  refusedLink = $state.raw<ErrorReport | null>(null);
  /** Notices that the person closed; they come back at the next start if they still hold. */
  dismissed = $state.raw<readonly string[]>([]);
  help = $state(false);
  /** Where the focus goes when the list of codes comes back. */
  lastAccount: string | null = null;

  #ready: () => void = () => undefined;
  /** Settles when there is something to show: a screen, or that the keyring is being waited for. */
  readonly ready = new Promise<void>((resolve) => (this.#ready = resolve));
  #clock = stepClock(() => void this.refresh());
  #toasts = 0;
  #toastTimer: ReturnType<typeof setTimeout> | null = null;

  /** Shows what stands in the page already, or asks the first questions, at once and together. */
  async start(): Promise<void> {
    const look = ipc.firstLook();
    if (look) {
      this.#wear(look.settings);
      this.status = look.status;
      this.#show(look.codes);
      this.go({ name: "codes" });
      await new Promise((resolve) => setTimeout(resolve)); // the first picture goes before everything else
    }
    ipc.onEvent((event) => {
      if (event === "waiting_for_keyring") {
        this.waiting = true;
        this.#ready();
      }
      if (event === "locked") void this.ask(() => ipc.status());
      if (event === "changed") void this.changed();
      if (event === "preview") void this.takePreview();
    });
    signsOfLife();
    document.addEventListener("visibilitychange", () => {
      if (document.visibilityState === "visible" && this.status?.state === "open") void this.refresh();
    });
    if (look) {
      await this.changed(); // what happened before anybody listened
      return this.takePreview();
    }
    // The codes may be ready already; when they are not, the status says why.
    const early = this.#opening();
    let refusal = await this.ask(() => ipc.status(), early);
    if (this.status?.state === "locked" && this.status.lock === "device") refusal = await this.ask(() => ipc.open());
    if (refusal) this.trouble(refusal);
    await this.takePreview();
  }

  /** Asks for a status, and goes where it leads. Returns the refusal, if there was one. */
  async ask(question: () => Promise<Status>, early?: Promise<CodesView | null>): Promise<ErrorReport | null> {
    const wasOpen = this.status?.state === "open";
    try {
      this.status = await question();
    } catch (rejection) {
      this.waiting = false;
      return asReport(rejection);
    }
    this.waiting = false;
    if (this.status.state === "open") {
      // With the codes come the settings: a code that is to be hidden is never on show for a moment.
      this.#show((await early) ?? (await (wasOpen ? ipc.codes().catch(() => null) : this.#opening())));
      if (!this.screen || !["add", "settings", "trash", "television", "check", "recovery", "import", "export", "backups", "drill", "new-keys", "restore"].includes(this.screen.name)) this.go({ name: "codes" });
    } else {
      // Locked: no code stays in memory.
      this.quiet();
      this.#show(null);
      if (this.status.state === "locked" && this.status.lock === "device" && !this.screen) return null; // opens by itself
      this.go({ name: this.status.state === "none" ? "welcome" : this.status.state === "locked" ? "unlock" : "trouble" });
    }
    return null;
  }

  /** A refusal that leaves no way on: the Trouble screen says what helps. */
  trouble(refusal: ErrorReport): void {
    const known: Status = { state: "trouble", lock: null, keyring: "system", trouble: null, ways: [], notices: [], accounts: 0, hasRecoveryKey: false, recoveryMade: null, recoverySaved: false };
    this.status = { ...(this.status ?? known), state: "trouble", trouble: refusal };
    this.#show(null);
    this.go({ name: "trouble" });
  }

  /** Codes and settings together; null while the vault is not open. */
  async #opening(): Promise<CodesView | null> {
    try {
      const [codes, settings] = await Promise.all([ipc.codes(), ipc.settings()]);
      this.#wear(settings);
      return codes;
    } catch {
      return null;
    }
  }

  #wear(settings: Settings): void {
    this.settings = settings;
    wear(settings.appearance);
  }

  async refresh(): Promise<void> {
    try {
      this.#show(await ipc.codes());
    } catch {
      await this.ask(() => ipc.status());
    }
  }

  /** After a change, here or in another program: list and status anew. */
  async changed(): Promise<void> {
    // Coming back to the window on the way to the first account must not begin that way again.
    if (this.status?.state !== "open") return;
    await this.refresh();
    try {
      this.status = await ipc.status();
    } catch {
      // The list above is what matters; the status is asked again at the next change.
    }
  }

  #show(codes: CodesView | null): void {
    this.codes = codes;
    this.#clock.arm(codes?.changesAt ?? null);
  }

  show(codes: CodesView): void {
    this.#show(codes);
  }

  go(screen: Screen): void {
    this.screen = screen;
    this.#ready();
  }

  /** To Add; where there is neither a vault nor a keyring, by way of a passphrase. */
  toAdd(): void {
    if (this.screen?.name !== "add") this.go({ name: this.#needsPassphrase() ? "new-passphrase" : "add" });
  }

  /** The same, to a file of another app. */
  toImport(): void {
    if (this.screen?.name !== "import") this.go({ name: this.#needsPassphrase() ? "new-passphrase" : "import" });
  }

  #needsPassphrase(): boolean {
    return this.status?.state === "none" && this.status.keyring !== "system";
  }

  async takePreview(): Promise<void> {
    try {
      this.preview = await ipc.pendingPreview();
    } catch (rejection) {
      this.refusedLink = asReport(rejection);
    }
    const waits = this.preview !== null || this.refusedLink !== null;
    if (waits && (this.status?.state === "open" || this.status?.state === "none")) this.toAdd();
  }

  async saveSettings(change: Partial<Settings>): Promise<ErrorReport | null> {
    const before = this.settings;
    this.settings = { ...before, ...change };
    wear(this.settings.appearance);
    try {
      await ipc.setSettings(this.settings);
      return null;
    } catch (rejection) {
      this.settings = before;
      wear(before.appearance);
      return asReport(rejection);
    }
  }

  tell(text: string, undo?: () => void): void {
    if (this.#toastTimer !== null) clearTimeout(this.#toastTimer);
    this.toast = { key: ++this.#toasts, text, ...(undo ? { undo } : {}) };
    this.#toastTimer = setTimeout(() => (this.toast = null), undo ? UNDO_MS : TOAST_MS);
  }

  quiet(): void {
    if (this.#toastTimer !== null) clearTimeout(this.#toastTimer);
    this.toast = null;
  }

  async lock(): Promise<ErrorReport | null> {
    return this.ask(() => ipc.lock());
  }
}

export const room = new Room();

/** How often Rust hears that somebody is there, at most; the lock by itself counts in minutes. */
const LIFE_EVERY_MS = 15_000;

/** Tells Rust that somebody is there, so that the vault does not lock under their hands. */
function signsOfLife(): void {
  let last = -Infinity;
  const sign = () => {
    if (performance.now() - last < LIFE_EVERY_MS || room.status?.state !== "open") return;
    last = performance.now();
    void ipc.touched().catch(() => undefined);
  };
  for (const event of ["pointerdown", "pointermove", "keydown", "wheel", "touchstart"]) addEventListener(event, sign, { passive: true, capture: true });
}

/** After the screen has changed, focus goes to its heading, so that keyboard and screen reader start at the top. */
export async function focusHeading(root: HTMLElement): Promise<void> {
  await tick();
  if (root.contains(document.activeElement)) return;
  root.querySelector<HTMLElement>("[data-heading]")?.focus({ preventScroll: true });
}
