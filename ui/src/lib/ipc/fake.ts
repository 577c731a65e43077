// The commands in memory, for tests and for working on the window in a browser. The scenario is in the address
// (`?fake=open&accounts=8&keyring=missing`); `window.couchkeyFake` lets a test reach in. Codes are made up: no secret
// and no cryptography lives in TypeScript.
import type {
  AccountView, AddRow, BackupRow, BackupsView, CodesView, ErrorCode, ErrorReport, ExportForm, FirstLook, KeyringKind, KindWord, Notice, Preview, PreviewRow, Progress,
  RustEvent, SettingsView as Settings, Status, TrashRow, Way,
} from "./bindings";
import type { Ipc } from "./index";

type FakeAccount = {
  id: string; kind: KindWord; issuer: string | null; account: string; note: string; pinned: boolean; groups: string[];
  period: number; digits: number; counter: number;
};

/** What a test can reach: the calls so far, events to send, and answers to replace. */
export interface FakeControls {
  calls: { command: string; args: unknown[] }[];
  emit(event: RustEvent): void;
  /** The next call of `command` rejects with this code. */
  failNext(command: string, code: ErrorCode): void;
  /** Replaces the look at a camera frame, for example by one that asks a real decoder. */
  previewFrame: ((width: number, height: number, grey: Uint8Array) => Promise<Preview | null>) | null;
  /** The passphrase that opens the vault of the scenario "locked". */
  passphrase: string;
  status: Status;
  /** What Rust would put into the page. */
  look(): FirstLook;
}

declare global {
  interface Window { couchkeyFake?: FakeControls }
}

const people = ["anna@example.com", "family@example.com", "jonas", "grandma", "living room", "a.very.long.address.that.goes.on@mail.example.org"];
const services = [
  "Netflix", "Spotify", "Paramount+", "Disney+", "GitHub", "Plex", "Crunchyroll", "Twitch", "Google", "PayPal", "Max", "DAZN",
  "Steam", "Dropbox", "StreamTV", "Café Société", "Discord", "PlayStation", "Nextcloud", "Proton", "N26", "Jellyfin", "Roku", "Haus & Garten",
];

export function report(code: ErrorCode): ErrorReport {
  return { code, message: `fake: ${code}`, hint: "" };
}

/** Six or more plausible digits that depend on the account and the step alone. */
export function madeUpCode(id: string, step: number, digits: number, letters = false): string {
  let mixed = 2166136261 ^ step;
  for (const character of id) mixed = Math.imul(mixed ^ character.charCodeAt(0), 16777619);
  const alphabet = letters ? "23456789BCDFGHJKMNPQRTVWXY" : "0123456789";
  let out = "";
  for (let i = 0; i < digits; i++) {
    mixed = Math.imul(mixed ^ (mixed >>> 15), 2246822519) + 0x9e3779b9;
    out += alphabet[(mixed >>> 8) % alphabet.length];
  }
  return out;
}

function someAccounts(count: number): FakeAccount[] {
  return Array.from({ length: count }, (_, i) => ({
    id: (i + 1).toString(16).padStart(32, "0"),
    kind: i === 12 ? ("steam" as const) : i === 10 ? ("hotp" as const) : ("totp" as const),
    issuer: i === 5 && count > 8 ? null : (services[i % services.length] ?? null) + (i >= services.length ? ` ${Math.floor(i / services.length) + 1}` : ""),
    account: people[i % people.length] ?? "",
    note: "",
    pinned: i === 3,
    groups: count < 4 ? [] : i % 3 === 0 ? ["Living room"] : i % 7 === 0 ? ["Work"] : [],
    period: i === 7 ? 60 : 30,
    digits: i === 12 ? 5 : i === 6 ? 8 : 6,
    counter: 0,
  }));
}

/** A 25 × 25 pattern in the shape of a QR code, for the recovery sheet. */
function madeUpQr(): string[] {
  const size = 29;
  const finder = (x: number, y: number) => {
    const ring = Math.max(Math.abs(x - 3), Math.abs(y - 3));
    return ring !== 2 && ring <= 3;
  };
  return Array.from({ length: size }, (_, y) =>
    Array.from({ length: size }, (_, x) => {
      if (x < 8 && y < 8) return finder(x, y) ? "1" : "0";
      if (x >= size - 8 && y < 8) return finder(size - 1 - x, y) ? "1" : "0";
      if (x < 8 && y >= size - 8) return finder(x, size - 1 - y) ? "1" : "0";
      return madeUpCode(`${x}.${y}`, 7, 1) < "5" ? "1" : "0";
    }).join(""),
  );
}

/** What may help, as unlock.rs has it: the first is the one button of a screen. */
function waysOutOf(scenario: string, trouble: ErrorCode | null): Way[] {
  if (scenario === "locked" || scenario === "waiting") return ["passphrase", "recovery_key", "backup"];
  switch (trouble) {
    case null: return [];
    case "needs_recovery": return ["recovery_key", "backup", "retry"];
    case "keyring_unavailable": return ["retry", "recovery_key", "backup"];
    case "vault_damaged": return ["backup", "retry"];
    default: return ["retry"];
  }
}

export function makeFake(host: Window): Ipc {
  const query = new URLSearchParams(host.location?.search ?? "");
  const scenario = query.get("fake") ?? "open";
  const keyring = (query.get("keyring") ?? "system") as KeyringKind;
  let accounts = scenario === "first-run" ? [] : someAccounts(Number(query.get("accounts") ?? "8"));
  let trashed: { account: FakeAccount; position: number; removedAt: number }[] = [];
  let nextId = 0xf000;
  let token = 0;
  let pending: Preview | null = scenario === "link" ? preview([row()]) : null;
  let waitingFile: string | null = null;
  let progress: Progress | null = null;
  let cancelled = false;
  let backupChoice: BackupsView["choice"] = { kind: "usual" };
  let backupPassphrase: string | null = null;
  let backupFile: string | null = null;
  let provenAt: number | null = query.has("proven") ? 1_794_000_000 : null;
  let backupRows: BackupRow[] = query.has("no-backups") ? [] : [0, 2, 9].map((days) => ({ name: `couchkey-${days}.couchkey`, madeAt: Math.floor(Date.now() / 1000) - days * 86_400, daysOld: days, currentKey: true }));
  const backupsView = (): BackupsView => ({
    choice: backupChoice, folder: backupChoice.kind === "folder" ? backupChoice.folder : backupChoice.kind === "usual" ? "/home/anna/Documents/Couchkey backups" : null,
    opensWithRecoveryKey: status.hasRecoveryKey, opensWithPassphrase: backupPassphrase !== null, hasBackupPassphrase: backupPassphrase !== null,
    backups: backupRows, problem: query.has("backup-trouble") ? report("backup_folder_unavailable") : null, provenAt,
  });
  const heard = new Set<(event: RustEvent) => void>();
  const failing = new Map<string, ErrorCode>();
  const frames: string[] = [];
  let settings: Settings = {
    grouping: 3, tapToReveal: query.has("hidden"), showNext: true, autoLockMinutes: 5, lockOnSleep: true, clearClipboard: true,
    appearance: (query.get("appearance") ?? "system") as Settings["appearance"],
  };
  const trouble = scenario.startsWith("trouble:") ? (scenario.slice(8) as ErrorCode) : null;
  const status: Status = {
    state: scenario === "first-run" ? "none" : scenario === "locked" || scenario === "waiting" ? "locked" : trouble ? "trouble" : "open",
    lock: scenario === "first-run" ? null : scenario === "locked" ? "strong" : keyring === "system" ? "device" : "passphrase",
    keyring,
    trouble: trouble ? report(trouble) : null,
    ways: waysOutOf(scenario, trouble),
    notices: (query.get("notices") ?? "").split(",").filter(Boolean) as Notice[],
    accounts: accounts.length,
    hasRecoveryKey: !query.has("no-recovery") && scenario !== "first-run",
    recoveryMade: query.has("no-recovery") || scenario === "first-run" ? null : 1_793_966_400, // 2026-11-06
    recoverySaved: !query.has("no-recovery") && scenario !== "first-run",
  };
  const controls: FakeControls = {
    calls: [],
    emit: (event) => heard.forEach((listener) => listener(event)),
    failNext: (command, code) => void failing.set(command, code),
    previewFrame: null,
    passphrase: "correct horse",
    status,
    look: () => ({ status: copy(status), codes: codes(), settings: copy(settings) }),
  };
  host.couchkeyFake = controls;

  const now = () => Math.floor(Date.now() / 1000);
  const copy = <T>(value: T): T => structuredClone(value);
  const refuse = (code: ErrorCode): never => {
    throw report(code);
  };
  const find = (id: string) => accounts.find((account) => account.id === id) ?? refuse("account_not_found");

  function row(with_: Partial<PreviewRow> = {}): PreviewRow {
    return {
      token: ++token, kind: "totp", issuer: "StreamTV", account: "user288@example.com", labelIssuer: null, algorithm: "SHA1",
      digits: 6, period: 30, secretBits: 160, warnings: [], duplicateOf: null, repeatOf: null, note: "", groups: [],
      pinned: false, trashed: false, ...with_,
    };
  }
  function preview(rows: PreviewRow[], with_: Partial<Preview> = {}): Preview {
    return { rows, skipped: [], batch: null, format: null, room: 10_000 - accounts.length, clockWrong: false, ...with_ };
  }

  /** What a picture or a text "holds" is its own words: `two`, `short`, `mismatch`, `duplicate`, `clock`, `batch 2/3`, `none`, an error code. */
  function read(words: string): Preview {
    const batch = /batch (\d)\/(\d)/.exec(words);
    if (batch) {
      const [part, of] = [Number(batch[1]), Number(batch[2])];
      const have = [...(pending?.batch?.have ?? []), part].sort();
      const rows = have.flatMap((n) => [row({ issuer: `Service ${n}a`, account: "anna" }), row({ issuer: `Service ${n}b`, account: "anna" })]);
      return preview(rows, { batch: { part, of, have: [...new Set(have)] } });
    }
    const error = /error (\w+)/.exec(words);
    if (error) return refuse(error[1] as ErrorCode);
    if (words.includes("none")) return refuse("no_qr_code");
    const rows = [
      row({
        ...(words.includes("short") ? { secretBits: 40, warnings: ["short-secret"] } : {}),
        ...(words.includes("mismatch") ? { labelIssuer: "OtherTV", warnings: ["issuer-mismatch"] } : {}),
        ...(words.includes("nameless") ? { issuer: null, account: "", warnings: ["no-issuer", "no-account"] } : {}),
        ...(words.includes("duplicate") ? { duplicateOf: accounts[0]?.id ?? "0".repeat(32) } : {}),
      }),
    ];
    if (words.includes("two")) rows.push(row({ issuer: "Netflix", account: "family@example.com" }));
    const skipped = words.includes("skip") ? [{ label: "Old Bank", report: report("unsupported_type") }] : [];
    return preview(rows, { clockWrong: words.includes("clock"), skipped });
  }
  async function readFile(words: string): Promise<Preview> {
    const error = /error (\w+)/.exec(words);
    if (error) return refuse(error[1] as ErrorCode);
    if (words.includes("batch")) return read(words);
    cancelled = false;
    if (words.includes("slow")) {
      for (let done = 0; done < 10_000; done += 500) {
        progress = { stage: "reading", done, of: 10_000 };
        controls.emit("progress");
        await new Promise((next) => setTimeout(next, 200));
        if (cancelled) refuse("cancelled");
      }
      progress = null;
    }
    const count = Number(/aegis (\d+)/.exec(words)?.[1] ?? 8);
    const rows = someAccounts(count).map((account, n) => row({
      issuer: account.issuer, account: account.account, kind: account.kind, groups: account.groups, pinned: account.pinned,
      duplicateOf: words.includes("duplicate") && n < 2 ? (accounts[n]?.id ?? null) : null,
    }));
    const skipped = words.includes("skip") ? [{ label: "Yandex: anna", report: report("unsupported_type") }, { label: "Old Bank", report: report("entry_damaged") }] : [];
    return preview(rows, { skipped, format: { word: "aegis", name: "Aegis" } });
  }
  function permit(passphrase: string | null) {
    needOpen();
    if (status.lock === "device" ? passphrase !== null : passphrase === null) refuse("confirmation_needed");
    if (passphrase !== null && passphrase !== controls.passphrase) refuse("wrong_passphrase");
  }
  function keep(found: Preview): Preview {
    pending = found;
    return copy(found);
  }

  function codes(): CodesView {
    const at = now();
    const seen: AccountView[] = accounts.map((a) => {
      const step = Math.floor(at / a.period);
      const hotp = a.kind === "hotp";
      const code = (n: number) => madeUpCode(a.id, n, a.digits, a.kind === "steam");
      return {
        id: a.id, kind: a.kind, issuer: a.issuer, account: a.account, note: a.note, pinned: a.pinned, groups: [...a.groups],
        period: hotp ? null : a.period, digits: a.digits, code: code(hotp ? a.counter : step), nextCode: hotp ? null : code(step + 1),
        validFrom: hotp ? null : step * a.period, validUntil: hotp ? null : (step + 1) * a.period,
      };
    });
    const ends = seen.flatMap((a) => (a.validUntil === null ? [] : [a.validUntil]));
    return {
      now: at, accounts: seen, groups: [...new Set(seen.flatMap((a) => a.groups))].sort(),
      damaged: scenario === "damaged" ? [{ id: "d".repeat(32) }, { id: "e".repeat(32) }] : [],
      changesAt: ends.length ? Math.min(...ends) : null,
    };
  }
  function needOpen() {
    if (status.state !== "open") refuse(status.state === "none" ? "no_vault" : "vault_locked");
  }
  function opened(): Status {
    status.state = "open";
    status.trouble = null;
    status.ways = [];
    status.accounts = accounts.length;
    return copy(status);
  }

  const commands: Omit<Ipc, "onEvent" | "firstLook"> = {
    async status() { return copy(status); },
    async open() {
      if (scenario === "waiting") {
        controls.emit("waiting_for_keyring");
        await new Promise(() => {}); // nobody answers the keyring's prompt
      }
      if (trouble && query.has("heals")) return opened();
      if (trouble) status.trouble = report(trouble);
      return copy(status);
    },
    async createVault(passphrase) {
      if (status.state !== "none") refuse("vault_exists");
      if (keyring === "missing" && !passphrase) refuse("passphrase_needed");
      status.lock = passphrase ? "passphrase" : "device";
      if (passphrase) controls.passphrase = passphrase;
      return opened();
    },
    async unlock(passphrase) {
      if (passphrase !== controls.passphrase) refuse("wrong_passphrase");
      return opened();
    },
    async recover(recoveryKey) {
      const bare = recoveryKey.replace(/[\s-]/g, "");
      if (bare.length < 32) refuse("recovery_key_typo");
      if (bare.startsWith("Z")) refuse("wrong_recovery_key");
      return opened();
    },
    async lock() {
      if (status.lock !== "device") status.state = "locked";
      return copy(status);
    },
    async codes() { needOpen(); return codes(); },
    async hotpNext(id) { find(id).counter++; return codes(); },
    async copyCode(id) {
      const account = find(id);
      const left = account.kind === "hotp" ? 30 : account.period - (now() % account.period);
      return { clearsInSeconds: settings.clearClipboard ? Math.min(left + 10, 30) : null };
    },
    async previewImage(bytes) {
      // PNG chunks and the like are not read here: a test writes its wish into the picture's bytes as plain text.
      return keep(read(new TextDecoder("latin1").decode(bytes.subarray(-200))));
    },
    async previewFrame(width, height, grey) {
      if (grey.length !== width * height) throw new Error("a frame of the wrong size");
      frames.push(`${width}×${height}`);
      if (controls.previewFrame) {
        const found = await controls.previewFrame(width, height, grey);
        return found && keep(found);
      }
      let [low, high] = [255, 0];
      for (const value of grey) { low = Math.min(low, value); high = Math.max(high, value); }
      return high - low > 120 && frames.length >= 3 ? keep(preview([row()])) : null;
    },
    async previewScreen() {
      if (query.has("no-screen")) refuse("screen_unavailable");
      return keep(preview([row({ issuer: "Paramount+", account: "anna@example.com" })]));
    },
    async previewClipboard() { return query.has("empty-clipboard") ? refuse("clipboard_empty") : keep(preview([row()])); },
    async previewText(text) {
      if (/^otpauth-migration:/.test(text)) return keep(read("batch 1/3"));
      if (!/^otpauth:/.test(text)) refuse("not_otpauth");
      return keep(read(text));
    },
    async previewManual(form) {
      if (!form.secret.trim()) refuse("missing_secret");
      if (/[^a-z2-7\s=-]/i.test(form.secret)) refuse("bad_secret");
      return keep(preview([row({
        kind: form.kind, issuer: form.issuer || null, account: form.account, digits: form.digits, period: form.period, algorithm: form.algorithm,
        secretBits: form.secret.replace(/[\s=-]/g, "").length * 5,
      })]));
    },
    async pendingPreview() { return query.has("bad-link") ? refuse("unsupported_type") : copy(pending); },
    async discardPreview() { pending = null; },
    async add(rows: AddRow[]) {
      needOpen();
      const ids = rows.map((added) => {
        const from = pending?.rows.find((candidate) => candidate.token === added.token) ?? refuse("preview_gone");
        const id = (nextId++).toString(16).padStart(32, "0");
        accounts.push({
          id, kind: from.kind, issuer: added.issuer, account: added.account, note: "", pinned: false, groups: [],
          period: from.period ?? 30, digits: from.digits, counter: 0,
        });
        return id;
      });
      pending = null;
      status.accounts = accounts.length;
      return ids;
    },
    // What a file "holds" is its own words, as with pictures; `aegis 12` has twelve accounts, `locked` asks for `test`.
    async importFile(bytes) {
      const words = new TextDecoder("latin1").decode(bytes.subarray(-200));
      if (words.includes("locked")) {
        waitingFile = words.replace("locked", "");
        refuse("import_needs_password");
      }
      return keep(await readFile(words));
    },
    async importPassword(password) {
      if (waitingFile === null) refuse("preview_gone");
      if (password !== "test") refuse("import_wrong_password");
      return keep(await readFile(waitingFile ?? ""));
    },
    async addAll(what) {
      needOpen();
      const rows = pending?.rows ?? refuse("preview_gone");
      const going = rows.filter((from) => !(what.except ?? []).includes(from.token) && (what.duplicates || from.duplicateOf === null));
      const ids = await commands.add(going.map(({ token, issuer, account }) => ({ token, issuer, account })));
      return { added: ids.length, trashed: 0, leftOut: rows.length - ids.length };
    },
    async planExport(form: ExportForm) {
      needOpen();
      const going = accounts.filter((account) => form.ids.length === 0 || form.ids.includes(account.id));
      const left = form.format === "google" ? going.filter((account) => account.kind === "steam" || account.period !== 30) : [];
      if (going.length === 0) refuse("nothing_to_export");
      return {
        format: form.format, accounts: going.length - left.length, qrCodes: form.format === "google" ? Math.ceil((going.length - left.length) / 10) : going.length,
        leftOut: left.map((account) => ({ label: `${account.issuer}: ${account.account}`, report: report("unsupported_type") })),
        withoutNote: 0, withoutGroups: form.format.startsWith("aegis") ? 0 : going.filter((account) => account.groups.length > 0).length, withoutPin: 0,
        inTrash: trashed.length, warning: "", asks: status.lock ?? "device", needsPassword: form.format === "aegis_encrypted", fileName: "couchkey-export",
      };
    },
    async exportFile(form, passphrase) {
      permit(passphrase);
      if (query.has("cancelled")) return null;
      const { accounts: count, leftOut } = await commands.planExport(form);
      return { accounts: count, leftOut };
    },
    async exportQr(form, passphrase) {
      permit(passphrase);
      const { qrCodes, accounts: count } = await commands.planExport(form);
      return Array.from({ length: qrCodes }, (_, n) => ({ id: `${n + 1}`, part: n + 1, of: qrCodes, accounts: Math.ceil(count / qrCodes) }));
    },
    async forgetQr() {},
    async progress() { return progress; },
    async cancelTransfer() { cancelled = true; },
    async backups() { return copy(backupsView()); },
    async chooseBackupFolder() {
      if (query.has("cancelled")) return null;
      backupChoice = { kind: "folder", folder: "/media/anna/STICK/Couchkey" };
      return copy(backupsView());
    },
    async setBackups(choice) { backupChoice = choice; return copy(backupsView()); },
    async setBackupPassphrase(passphrase) { backupPassphrase = passphrase; return copy(backupsView()); },
    async backUp() {
      if (!status.hasRecoveryKey && !backupPassphrase) refuse("backup_needs_key");
      const made: BackupRow = { name: `couchkey-${backupRows.length}.couchkey`, madeAt: now(), daysOld: 0, currentKey: true };
      backupRows.unshift(made);
      return made;
    },
    async verifyBackup() {
      return { madeAt: now(), ofThisVault: true, intact: true, accounts: accounts.length, inTrash: 0, damaged: 0, compared: accounts.length, matching: accounts.length };
    },
    async takeBackup(bytes) { backupFile = bytes.length > 0 ? new TextDecoder("latin1").decode(bytes) : null; },
    async previewRestore(name, key) {
      if (name === null && backupFile === null) refuse("no_backup");
      if (backupFile?.includes("error")) refuse((/error (\w+)/.exec(backupFile)?.[1] ?? "not_a_backup") as ErrorCode);
      if (key.replace(/[\s-]/g, "").length < 8 || key.startsWith("Z")) refuse("wrong_backup_key");
      const rows = someAccounts(6).map((account, n) => ({ issuer: account.issuer, account: account.account, trashed: n === 5, outcome: status.state === "open" && n < 3 ? ("has" as const) : ("adds" as const) }));
      return { into: backupFile?.includes("aside") ? "set_aside" : status.state === "open" ? "open_vault" : status.state === "none" ? "new_vault" : "closed_vault", madeAt: now() - 3 * 86_400, rows, damaged: 0 };
    },
    async restoreBackup(_name, key, _passphrase, setAside) {
      const { rows, into, damaged } = await commands.previewRestore(_name, key);
      if (into === "set_aside" && !setAside) refuse("backup_of_another_vault");
      const added = rows.filter((restored) => restored.outcome === "adds").length;
      if (status.state !== "open") accounts = someAccounts(5);
      return { into, added, kept: rows.length - added, mended: 0, damaged, status: opened() };
    },
    async drill(key) {
      const bare = key.replace(/[\s-]/g, "");
      if (bare.length < 32) refuse("recovery_key_typo");
      if (bare.startsWith("Z")) refuse("wrong_recovery_key");
      provenAt = now();
      const part = { matching: accounts.length, of: accounts.length, missing: 0 };
      return { vault: part, backup: backupRows.length > 0 ? { ...part, of: part.of - 1, matching: part.of - 1, missing: 1 } : null, backupMadeAt: backupRows[0]?.madeAt ?? null, backupProblem: null, provenAt };
    },
    async rotateKeys(passphrase) {
      permit(passphrase);
      const recoveryKey = await commands.makeRecoveryKey();
      const oldBackups = backupRows.map((old) => ({ ...old, currentKey: false }));
      backupRows = copy(oldBackups);
      provenAt = null;
      return { recoveryKey, oldBackups, backupPassphraseEnded: backupPassphrase !== null };
    },
    async removeOldBackups() {
      const before = backupRows.length;
      backupRows = backupRows.filter((kept) => kept.currentKey);
      return before - backupRows.length;
    },
    async edit(id, edit) {
      const account = find(id);
      if (edit.account === "" && (edit.issuer ?? account.issuer ?? "") === "") refuse("name_missing");
      if (edit.issuer != null) account.issuer = edit.issuer || null;
      if (edit.account != null) account.account = edit.account;
      if (edit.note != null) account.note = edit.note;
      if (edit.pinned != null) account.pinned = edit.pinned;
      if (edit.groups != null) account.groups = edit.groups;
    },
    async moveAccount(id, position) {
      const account = find(id);
      accounts = accounts.filter((other) => other !== account);
      accounts.splice(position, 0, account);
    },
    async remove(id) {
      const account = find(id);
      trashed.unshift({ account, position: accounts.indexOf(account), removedAt: now() });
      accounts = accounts.filter((other) => other !== account);
      status.accounts = accounts.length;
    },
    async restore(id) {
      const back = trashed.find((gone) => gone.account.id === id) ?? refuse("account_not_found");
      trashed = trashed.filter((gone) => gone !== back);
      accounts.splice(back.position, 0, back.account);
      status.accounts = accounts.length;
    },
    async trash(): Promise<TrashRow[]> {
      if (scenario === "trash" && trashed.length === 0 && accounts.length > 4) {
        trashed = accounts.splice(1, 2).map((account, i) => ({ account, position: 1, removedAt: now() - (i * 12 + 1) * 86_400 }));
      }
      return trashed.map(({ account, removedAt }) => ({
        id: account.id, issuer: account.issuer, account: account.account, removedAt, daysLeft: 30 - Math.floor((now() - removedAt) / 86_400),
      }));
    },
    async settings() { return copy(settings); },
    async setSettings(wanted) { settings = copy(wanted); },
    async setPassphrase(passphrase) {
      if (passphrase !== null && passphrase.length < 8) refuse("passphrase_too_short");
      if (passphrase) controls.passphrase = passphrase;
      status.lock = passphrase ? (keyring === "system" ? "strong" : "passphrase") : "device";
      return copy(status);
    },
    async makeRecoveryKey() {
      status.hasRecoveryKey = true;
      status.recoveryMade = now();
      status.recoverySaved = false;
      const letters = "ABCDEFGHIJKLMNOPQRSTUVWXYZ234567";
      const groups = Array.from({ length: 9 }, (_, g) =>
        Array.from({ length: 4 }, (_, i) => letters[Number(madeUpCode(`${g}`, i, 4)) % 32]).join(""));
      return { groups, qr: madeUpQr() };
    },
    async saveRecoverySheet() { return !query.has("cancelled"); },
    async recoveryKeySaved() {
      status.recoverySaved = true;
      status.notices = status.notices.filter((notice) => notice !== "recovery_key_not_saved");
    },
    async about() {
      return { version: "0.1.0", dataDir: "/home/anna/.local/share/couchkey", contentProtected: false, clipboardHints: true };
    },
    async touched() {},
    async shown() {},
  };

  // Every call is written down, and may be told to fail once.
  const wrapped = Object.fromEntries(
    Object.entries(commands).map(([command, call]) => [
      command,
      async (...args: unknown[]) => {
        controls.calls.push({ command, args });
        const code = failing.get(command);
        if (code) {
          failing.delete(command);
          throw report(code);
        }
        return (call as (...all: unknown[]) => Promise<unknown>)(...args);
      },
    ]),
  ) as unknown as Omit<Ipc, "onEvent" | "firstLook">;
  return {
    ...wrapped,
    firstLook: () => (query.has("look") && status.state === "open" ? controls.look() : null),
    onEvent(listener) {
      heard.add(listener);
      return () => void heard.delete(listener);
    },
  };
}
