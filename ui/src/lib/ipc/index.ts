// The one door to the host: nothing else talks to Tauri. In the test build, outside Tauri, a fake in memory stands in.
import { convertFileSrc, invoke } from "@tauri-apps/api/core";
import { commands, type Beginning, type ErrorReport, type News, type Preview, type RustEvent } from "./bindings";

export type * from "./bindings";
export type { EditForm as Edit, SettingsView as Settings } from "./bindings";

declare const __FAKE__: boolean;

const hearers = new Set<(event: RustEvent) => void>();
let listening = false;
/** After a question for news that failed. */
const PAUSE_MS = 1_000;

/** Whoever breaks over it keeps nobody else from hearing it, or what comes after it. */
function tell(event: RustEvent): void {
  for (const heard of hearers) {
    try {
      heard(event);
    } catch (error) {
      console.error(error);
    }
  }
}

/** Asks for news for as long as there is a page (docs/decisions/0208). */
async function listen(): Promise<never> {
  for (let after: number | null = null; ;) {
    try {
      const news: News = await commands.news(after);
      after = news.upTo;
      for (const event of news.events) tell(event);
    } catch (error) {
      console.error(error);
      await new Promise((resolve) => setTimeout(resolve, PAUSE_MS));
    }
  }
}

const byHand = {
  // Pictures travel as the raw body of the call (docs/decisions/0059): as JSON, a camera frame would be a million numbers.
  /** A picture, or a file of another app, whole: Rust finds out which. */
  previewFile: (bytes: Uint8Array) => invoke<Preview>("preview_file", bytes),
  previewFrame: (width: number, height: number, grey: Uint8Array) =>
    invoke<Preview | null>("preview_frame", grey, { headers: { width: String(width), height: String(height) } }),
  /** The key file of the database that waits; an empty one takes it away again. */
  takeKeyFile: (bytes: Uint8Array) => invoke<void>("take_key_file", bytes),
  /** A backup file that is to be restored, whole; an empty one forgets it. */
  takeBackup: (bytes: Uint8Array) => invoke<void>("take_backup", bytes),
  /** What Rust has put into the page itself (src-tauri/src/first_look.rs), and takes out again; the web view's guess at the languages where it could not. */
  beginning(): Beginning {
    const place = document.getElementById("beginning");
    place?.remove();
    return place ? (JSON.parse(place.textContent) as Beginning) : { languages: [...navigator.languages], look: null };
  },
  /** Calls `heard` for every event from Rust until the returned function is called. */
  onEvent(heard: (event: RustEvent) => void): () => void {
    if (!listening) void listen();
    listening = true;
    hearers.add(heard);
    return () => void hearers.delete(heard);
  },
};

/** Every command of Rust, and the ways of it that no generator has words for. Each rejects with an `ErrorReport`. */
export type Ipc = Omit<typeof commands, "news"> & typeof byHand;

export const ipc: Ipc =
  __FAKE__ && !("__TAURI_INTERNALS__" in window)
    ? (await import("./fake")).makeFake(window)
    : { ...commands, ...byHand };

/** Where a QR code of an export is shown from: a picture that no script can read (docs/decisions/0140). */
export const qrSource = (id: string): string =>
  "__TAURI_INTERNALS__" in window ? convertFileSrc(id, "couchkey-qr") : `./icon.svg#${id}`;

/** Whatever a command rejected with, as a report: a rejection that is none of ours counts as `internal`. */
export function asReport(rejection: unknown): ErrorReport {
  if (typeof rejection === "object" && rejection !== null && "code" in rejection) {
    const { code, message, hint } = rejection as Partial<ErrorReport>;
    return { code: code ?? "internal", message: message ?? "", hint: hint ?? "" };
  }
  return { code: "internal", message: "", hint: "" };
}
