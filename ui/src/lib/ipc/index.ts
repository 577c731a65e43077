// The one door to the host: nothing else imports @tauri-apps/*. In the test build, outside Tauri, a fake in memory stands in.
import { invoke } from "@tauri-apps/api/core";
import { listen } from "@tauri-apps/api/event";
import type { Commands, ErrorCode, ErrorReport, RustEvent } from "./bindings";

export type * from "./bindings";

declare const __FAKE__: boolean;

export interface Ipc extends Commands {
  /** Calls `heard` for every event from Rust until the returned function is called. */
  onEvent(heard: (event: RustEvent) => void): () => void;
}

const tauri: Ipc = {
  status: () => invoke("status"),
  open: () => invoke("open"),
  createVault: (passphrase) => invoke("create_vault", { passphrase }),
  unlock: (passphrase) => invoke("unlock", { passphrase }),
  recover: (recoveryKey, passphrase) => invoke("recover", { recoveryKey, passphrase }),
  lock: () => invoke("lock"),
  codes: () => invoke("codes"),
  hotpNext: (id) => invoke("hotp_next", { id }),
  copyCode: (id, next) => invoke("copy_code", { id, next }),
  // Pictures travel as the raw body of the call: as JSON, a camera frame would be a list of a million numbers.
  previewImage: (bytes) => invoke("preview_image", bytes),
  previewFrame: (width, height, grey) =>
    invoke("preview_frame", grey, { headers: { width: String(width), height: String(height) } }),
  previewScreen: () => invoke("preview_screen"),
  previewClipboard: () => invoke("preview_clipboard"),
  previewText: (text) => invoke("preview_text", { text }),
  previewManual: (form) => invoke("preview_manual", { form }),
  pendingPreview: () => invoke("pending_preview"),
  discardPreview: () => invoke("discard_preview"),
  add: (rows) => invoke("add", { rows }),
  edit: (id, edit) => invoke("edit", { id, edit }),
  moveAccount: (id, position) => invoke("move_account", { id, position }),
  remove: (id) => invoke("remove", { id }),
  restore: (id) => invoke("restore", { id }),
  trash: () => invoke("trash"),
  settings: () => invoke("settings"),
  setSettings: (settings) => invoke("set_settings", { settings }),
  setPassphrase: (passphrase) => invoke("set_passphrase", { passphrase }),
  makeRecoveryKey: () => invoke("make_recovery_key"),
  saveRecoverySheet: () => invoke("save_recovery_sheet"),
  recoveryKeySaved: () => invoke("recovery_key_saved"),
  about: () => invoke("about"),
  shown: () => invoke("shown"),
  onEvent(heard) {
    const names: RustEvent[] = ["locked", "changed", "preview", "waiting_for_keyring"];
    const stops = names.map((name) => listen(name, () => heard(name)));
    return () => stops.forEach((stop) => void stop.then((off) => off()));
  },
};

export const ipc: Ipc =
  __FAKE__ && !("__TAURI_INTERNALS__" in window) ? (await import("./fake")).makeFake(window) : tauri;

/** Whatever a command rejected with, as a report: a rejection that is none of ours counts as `internal`. */
export function asReport(rejection: unknown): ErrorReport {
  if (typeof rejection === "object" && rejection !== null && "code" in rejection) {
    const { code, message, hint } = rejection as Partial<ErrorReport>;
    return { code: (code ?? "internal") as ErrorCode, message: message ?? "", hint: hint ?? "" };
  }
  return { code: "internal", message: "", hint: "" };
}
