// What the window knows: the state of the vault, the codes on show, the settings, which screen is open. All reading and
// changing goes through here, so that screens stay words and layout.
import { tick } from "svelte";
import { asReport, ipc } from "./lib/ipc";
import type { CodesView, ErrorReport, LinksView, Settings, Status } from "./lib/ipc";
import { wear } from "./lib/appearance";
import { stepClock } from "./lib/clock";
import { languageFor, lastLanguage, rememberLanguage, speak } from "./lib/language";
import { screens } from "./screens";

/** Where the app is, and what it needs to know there. */
export type Screen =
  | {
      name:
        | "welcome"
        | "other"
        | "codes"
        | "settings"
        | "trash"
        | "recovery"
        | "unlock"
        | "trouble"
        | "backups"
        | "drill"
        | "new-keys";
    }
  /** From where somebody came for another app's file; without it, for an account. A passphrase may come before. */
  | { name: "add" | "new-passphrase"; from?: "settings" | "other" }
  | { name: "recover"; back: "unlock" | "trouble" | "other" }
  | { name: "television" | "check"; id: string }
  /** Everything on the list, or the QR code of one account. */
  | { name: "export"; id: string | null }
  /** A backup of the folder by its name, or a file that is still to be chosen. */
  | { name: "restore"; backup: string | null; back: "backups" | "other" | "trouble" | "unlock" };

export interface Toast {
  key: number;
  text: string;
  undo?: () => void;
}

/** A toast with something to press stays ten seconds, a plain one five. */
const TOAST_MS = 5_000;
const UNDO_MS = 10_000;

const defaults: Settings = {
  grouping: 3,
  tapToReveal: false,
  hideAgainSeconds: 0,
  showNext: true,
  autoLockMinutes: 5,
  lockOnSleep: true,
  clearClipboard: true,
  appearance: "system",
  language: null,
};

class AppState {
  status = $state.raw<Status | null>(null);
  codes = $state.raw<CodesView | null>(null);
  settings = $state.raw<Settings>(defaults);
  screen = $state.raw<Screen | null>(null);
  /** What the words on show are in. */
  language = $state.raw("en");
  /** Settles when the words of the wanted language are there. */
  speaking = Promise.resolve();
  /** What the system is set to, the most wanted first. */
  systemLanguages: readonly string[] = [];
  toast = $state.raw<Toast | null>(null);
  /** Waiting for the operating system's keyring, which may be asking the person something. */
  waiting = $state(false);
  /** Set-up links that another program handed over. They wait: no screen is left for them. */
  links = $state.raw<LinksView>({ waiting: 0, leftOut: 0, atStart: false });
  /** Add is to look at the first of them. */
  looksAtLink = $state(false);
  /** Notices that the person closed; they come back at the next start if they still hold. */
  dismissed = $state.raw<readonly string[]>([]);
  /** The keyring does not answer, and the person goes on without it. */
  withoutKeyring = $state(false);
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
    const { languages, look } = ipc.beginning();
    this.systemLanguages = languages;
    if (!look) this.#speak(lastLanguage());
    else {
      this.#wear(look.settings);
      this.status = look.status;
      this.#show(look.codes);
      this.go({ name: "codes" });
      await this.speaking;
      await new Promise((resolve) => setTimeout(resolve)); // painting the codes goes before everything else
    }
    ipc.onEvent((event) => {
      if (event === "waiting_for_keyring") {
        this.waiting = true;
        this.#ready();
      }
      if (event === "locked") {
        void this.ask(() => ipc.status());
        void this.countLinks(); // those that waited are gone
      }
      if (event === "changed") void this.changed();
      if (event === "link") void this.countLinks();
    });
    signsOfLife();
    document.addEventListener("visibilitychange", () => {
      if (document.visibilityState === "visible" && this.status?.state === "open") void this.refresh();
    });
    if (look) {
      await this.changed(); // what happened before anybody listened
      return this.startWithLink();
    }
    // The codes may be ready already; when they are not, the status says why.
    const early = this.#opening();
    let refusal = await this.ask(() => ipc.status(), early);
    if (this.#opensByItself()) refusal = await this.ask(() => ipc.open());
    if (refusal) this.trouble(refusal);
    await this.startWithLink();
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
      if (!this.screen || !screens[this.screen.name].staysOpen) this.go({ name: "codes" });
    } else {
      // Locked: no code stays in memory.
      this.quiet();
      this.#show(null);
      if (this.#opensByItself()) return null;
      this.go({
        name: this.status.state === "none" ? "welcome" : this.status.state === "locked" ? "unlock" : "trouble",
      });
    }
    return null;
  }

  /** At the start, with the device key alone; not in the page that comes after a lock (src-tauri/src/navigation.rs). */
  #opensByItself(): boolean {
    return (
      this.status?.state === "locked" &&
      this.status.lock === "device" &&
      !this.screen &&
      !new URLSearchParams(location.search).has("locked")
    );
  }

  /** The person has looked at what came back and at what may be missing. What cannot be saved is said again. */
  async seen(): Promise<void> {
    await ipc.seen().catch(() => undefined);
    await this.changed();
  }

  /** Goes on as if this computer had no keyring, which needs a passphrase. */
  async goOnWithoutKeyring(): Promise<void> {
    this.withoutKeyring = true;
    const refusal = await this.ask(() => ipc.openWithoutKeyring());
    if (refusal) this.trouble(refusal);
    else if (this.status?.state === "none") this.go({ name: "new-passphrase" });
  }

  /** Asks the keyring, again. Where nothing answers, that is the trouble. */
  async tryAgain(): Promise<void> {
    this.withoutKeyring = false;
    const refusal = await this.ask(() => ipc.open());
    if (refusal) this.trouble(refusal);
  }

  /** Where there is no keyring, or none that answers, a passphrase takes its place. */
  get keyringIsMissing(): boolean {
    return this.status?.keyring !== "system" || this.status.trouble?.code === "keyring_unavailable";
  }

  /** A refusal that leaves no way on: the Trouble screen says what helps. */
  trouble(refusal: ErrorReport): void {
    const known: Status = {
      state: "trouble",
      lock: null,
      keyring: "system",
      trouble: null,
      ways: [],
      notices: [],
      accounts: 0,
      hasRecoveryKey: false,
      recoveryMade: null,
      recoverySaved: false,
    };
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
    this.#speak(settings.language);
    rememberLanguage(settings.language);
  }

  /** One after the other, so that the last one asked for stays. */
  #speak(choice: string | null): void {
    const wanted = languageFor(choice, this.systemLanguages);
    this.speaking = this.speaking
      .then(() => speak(wanted))
      .then(
        () => void (this.language = wanted.language),
        (error: unknown) => console.error(error), // the words stay as they are
      );
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
  toAdd(from?: "settings" | "other"): void {
    if (this.screen?.name === "add") return;
    this.go({ name: this.#needsPassphrase() ? "new-passphrase" : "add", ...(from && { from }) });
  }

  #needsPassphrase(): boolean {
    return this.status?.state === "none" && this.status.keyring !== "system";
  }

  async countLinks(): Promise<void> {
    try {
      this.links = await ipc.links();
    } catch {
      // What was known is shown; the next link asks again.
    }
  }

  /** A link that the program was started with is what the person wants to see. Later ones wait until they say so. */
  private async startWithLink(): Promise<void> {
    await this.countLinks();
    if (this.links.atStart && this.enrolling) this.lookAtLink();
  }

  /** Whether there is something to add accounts to. */
  get enrolling(): boolean {
    return this.status?.state === "open" || this.status?.state === "none";
  }

  lookAtLink(): void {
    this.looksAtLink = true;
    this.toAdd();
  }

  async forgetLinks(): Promise<void> {
    await ipc.forgetLinks().catch(() => undefined);
    await this.countLinks();
  }

  async saveSettings(change: Partial<Settings>): Promise<ErrorReport | null> {
    const before = this.settings;
    this.#wear({ ...before, ...change });
    try {
      await ipc.setSettings(this.settings);
      return null;
    } catch (rejection) {
      this.#wear(before);
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

export const app = new AppState();

/** How often Rust hears that somebody is there, at most; the lock by itself counts in minutes. */
const LIFE_EVERY_MS = 15_000;

/** Tells Rust that somebody is there, so that the vault does not lock under their hands. */
function signsOfLife(): void {
  let last = -Infinity;
  let at: string | null = null;
  const sign = (event: Event) => {
    // Web views also report a pointer that lies still: when the window comes to the front beneath it, when the page changes.
    if (event instanceof PointerEvent && event.type === "pointermove") {
      const was = at;
      at = `${event.screenX} ${event.screenY}`;
      if (was === null || was === at) return;
    }
    if (performance.now() - last < LIFE_EVERY_MS || app.status?.state !== "open") return;
    last = performance.now();
    void ipc.touched().catch(() => undefined);
  };
  for (const event of ["pointerdown", "pointermove", "keydown", "wheel", "touchstart"])
    addEventListener(event, sign, { passive: true, capture: true });
}

/** After the screen has changed, focus goes to its heading, so that keyboard and screen reader start at the top. */
export async function focusHeading(root: HTMLElement): Promise<void> {
  await tick();
  if (root.contains(document.activeElement)) return;
  root.querySelector<HTMLElement>("[data-heading]")?.focus({ preventScroll: true });
}
