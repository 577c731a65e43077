// The commands in memory, for tests and for working on the window in a browser. The scenario is in the address
// (`?fake=open&accounts=8&keyring=missing`); `window.couchkeyFake` lets a test reach in. Codes are made up: no secret
// and no cryptography lives in TypeScript.
import type {
  AccountView,
  BackupRow,
  BackupsView,
  CodesView,
  DrillView,
  ErrorCode,
  ErrorReport,
  ExportForm,
  FirstLook,
  KeyFor,
  KeyringKind,
  KindWord,
  Notice,
  Preview,
  PreviewRow,
  Progress,
  RecoveryKeyView,
  RustEvent,
  SettingsView as Settings,
  Status,
  TrashRow,
  Way,
} from "./bindings";
import type { Ipc } from "./index";

type FakeAccount = {
  id: string;
  kind: KindWord;
  issuer: string | null;
  account: string;
  note: string;
  pinned: boolean;
  groups: string[];
  period: number;
  digits: number;
  counter: number;
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
  /** Another program hands a set-up link over; what it holds is its own words, as with pictures. */
  link(words: string): void;
  /** What the next drill finds otherwise than that all is well. */
  drill: Partial<DrillView> | null;
  /** What Rust would put into the page. */
  look(): FirstLook;
}

declare global {
  interface Window {
    couchkeyFake?: FakeControls;
  }
}

const people = [
  "anna@example.com",
  "family@example.com",
  "jonas",
  "grandma",
  "living room",
  "a.very.long.address.that.goes.on@mail.example.org",
];
/** Of the television's services only those that offer an authenticator (crates/authenticator/src/services.tsv). */
const services = [
  "YouTube",
  "SoundCloud",
  "Vimeo",
  "Kick",
  "GitHub",
  "Plex",
  "Amazon",
  "Twitch",
  "Google",
  "PayPal",
  "Letterboxd",
  "Niconico",
  "Steam",
  "Dropbox",
  "StreamTV",
  "Café Société",
  "Discord",
  "PlayStation",
  "Nextcloud",
  "Proton",
  "N26",
  "Jellyfin",
  "Samsung",
  "Haus & Garten",
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
    issuer:
      i === 5 && count > 8
        ? null
        : (services[i % services.length] ?? null) +
          (i >= services.length ? ` ${Math.floor(i / services.length) + 1}` : ""),
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

/** What may help, as status.rs has it: the first is the one button of a screen. */
function waysOutOf(scenario: string, trouble: ErrorCode | null): Way[] {
  if (scenario === "locked" || scenario === "waiting") return ["passphrase", "recovery_key", "backup"];
  switch (trouble) {
    case null:
      return [];
    case "needs_recovery":
      return ["recovery_key", "backup", "retry"];
    case "keyring_unavailable":
      return ["retry", "recovery_key", "backup"];
    case "keyring_silent":
      return ["retry", "without_keyring"];
    case "vault_damaged":
      return ["backup", "retry"];
    default:
      return ["retry"];
  }
}

export function makeFake(host: Window): Ipc {
  const query = new URLSearchParams(host.location?.search ?? "");
  const scenario = query.get("fake") ?? "open";
  let keyring = (query.get("keyring") ?? "system") as KeyringKind;
  let accounts = scenario === "first-run" ? [] : someAccounts(Number(query.get("accounts") ?? "8"));
  let trashed: { account: FakeAccount; position: number; removedAt: number }[] = [];
  let nextId = 0xf000;
  let token = 0;
  let pending: Preview | null = null;
  /** Links that wait, each as its words; asked for the first time, they are what the program was started with. */
  let links: string[] = query.get("links")?.split(",") ?? (scenario === "link" ? ["plain"] : []);
  let linksLeftOut = 0;
  let linksAsked = false;
  let drawn: { what: KeyFor; passphrase: string | null } | null = null;
  let keyFile: string | null = null;
  let waitingFile: string | null = null;
  let progress: Progress | null = null;
  let cancelled = false;
  let backupChoice: BackupsView["choice"] = { kind: "usual" };
  let backupPassphrase: string | null = null;
  let backupFile: string | null = null;
  let provenAt: number | null = query.has("proven") ? 1_794_000_000 : null;
  let backupRows: BackupRow[] = query.has("no-backups")
    ? []
    : [0, 2, 9].map((days) => ({
        name: `couchkey-${days}.couchkey`,
        madeAt: Math.floor(Date.now() / 1000) - days * 86_400,
        daysOld: days,
        dated: "plausible" as const,
        state: "good" as const,
        currentKey: true,
      }));
  if (query.has("bad-backups")) {
    backupRows.unshift({
      name: "couchkey-future.couchkey",
      madeAt: 2_100_000_000,
      daysOld: null,
      dated: "future",
      state: "good",
      currentKey: true,
    });
    backupRows.push({
      name: "couchkey-9f3a12bc-20261124T153005Z.couchkey",
      madeAt: Math.floor(Date.now() / 1000) - 86_400,
      daysOld: 1,
      dated: "plausible",
      state: "damaged",
      currentKey: true,
    });
  }
  const backupsView = (): BackupsView => ({
    choice: backupChoice,
    folder:
      backupChoice.kind === "folder"
        ? backupChoice.folder
        : backupChoice.kind === "usual" && !query.has("no-folder")
          ? "/home/anna/Documents/Couchkey backups"
          : null,
    opensWithRecoveryKey: status.hasRecoveryKey,
    opensWithPassphrase: backupPassphrase !== null,
    hasBackupPassphrase: backupPassphrase !== null,
    backups: backupRows,
    problem: query.has("backup-trouble")
      ? report("backup_folder_unavailable")
      : query.has("no-folder") && backupChoice.kind === "usual"
        ? report("backup_folder_not_chosen")
        : null,
    provenAt,
  });
  const heard = new Set<(event: RustEvent) => void>();
  const failing = new Map<string, ErrorCode>();
  const frames: string[] = [];
  let settings: Settings = {
    grouping: 3,
    tapToReveal: query.has("hidden"),
    hideAgainSeconds: 0,
    showNext: true,
    autoLockMinutes: 5,
    lockOnSleep: true,
    clearClipboard: true,
    appearance: (query.get("appearance") ?? "system") as Settings["appearance"],
    language: query.get("language"),
  };
  const trouble = scenario.startsWith("trouble:") ? (scenario.slice(8) as ErrorCode) : null;
  const status: Status = {
    state:
      scenario === "first-run"
        ? "none"
        : scenario === "locked" || scenario === "device-locked" || scenario === "waiting"
          ? "locked"
          : trouble
            ? "trouble"
            : "open",
    lock:
      scenario === "first-run"
        ? null
        : scenario === "locked"
          ? "strong"
          : keyring === "system"
            ? "device"
            : "passphrase",
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
    drill: null,
    passphrase: "correct horse battery",
    status,
    link: (words) => {
      if (links.length < 5) links.push(words);
      else linksLeftOut++;
      controls.emit("link");
    },
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
      token: ++token,
      kind: "totp",
      issuer: "StreamTV",
      account: "user288@example.com",
      labelIssuer: null,
      algorithm: "SHA1",
      digits: 6,
      period: 30,
      secretBits: 160,
      warnings: [],
      duplicateOf: null,
      repeatOf: null,
      note: "",
      groups: [],
      pinned: false,
      trashed: false,
      ...with_,
    };
  }
  function preview(rows: PreviewRow[], with_: Partial<Preview> = {}): Preview {
    return {
      id: token,
      rows,
      skipped: [],
      batch: null,
      format: null,
      room: Number(query.get("room") ?? 10_000 - accounts.length),
      clockWrong: false,
      ...with_,
    };
  }

  /** What a picture or a text "holds" is its own words: `two`, `short`, `mismatch`, `duplicate`, `clock`, `batch 2/3`, `part 1/2`, `none`, an error code. */
  function read(words: string): Preview {
    const partOf = /part (\d)\/(\d)/.exec(words);
    if (partOf) {
      const [part, of] = [Number(partOf[1]), Number(partOf[2])];
      const have = [...new Set([...(pending?.batch?.have ?? []), part])].sort();
      return have.length === of ? preview([row()]) : preview([], { batch: { kind: "text", part, of, have } });
    }
    const batch = /batch (\d)\/(\d)/.exec(words);
    if (batch) {
      const [part, of] = [Number(batch[1]), Number(batch[2])];
      const have = [...(pending?.batch?.have ?? []), part].sort();
      const rows = have.flatMap((n) => [
        row({ issuer: `Service ${n}a`, account: "anna" }),
        row({ issuer: `Service ${n}b`, account: "anna" }),
      ]);
      return preview(rows, {
        batch: { kind: "export", part, of, have: [...new Set(have)] },
        format: { word: "google_migration", name: "Google Authenticator" },
      });
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
    if (words.includes("two")) rows.push(row({ issuer: "YouTube", account: "family@example.com" }));
    const skipped = words.includes("skip") ? [{ label: "Old Bank", report: report("unsupported_type") }] : [];
    return preview(rows, { clockWrong: words.includes("clock"), skipped });
  }
  async function readFile(words: string): Promise<Preview> {
    const error = /error (\w+)/.exec(words);
    if (error) return refuse(error[1] as ErrorCode);
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
    const rows = someAccounts(count).map((account, n) =>
      row({
        issuer: account.issuer,
        account: account.account,
        kind: account.kind,
        groups: account.groups,
        pinned: account.pinned,
        note: words.includes("notes") ? "Living room, the old one.\nAsk Anna for the parents\u2019 PIN." : "",
        duplicateOf: words.includes("duplicate") && n < 2 ? (accounts[n]?.id ?? null) : null,
      }),
    );
    const skipped = words.includes("skip")
      ? [
          { label: "Yandex: anna", report: report("unsupported_type") },
          { label: "Old Bank", report: report("entry_damaged") },
        ]
      : [];
    return preview(rows, { skipped, format: { word: "aegis", name: "Aegis" } });
  }
  function permit(passphrase: string | null) {
    needOpen();
    if (status.lock === "device" ? passphrase !== null : passphrase === null) refuse("confirmation_needed");
    if (passphrase !== null && passphrase !== controls.passphrase) refuse("wrong_passphrase");
  }
  /** Today's passphrase, where there is one. */
  function permitted(today: string | null) {
    if (today === null) refuse("passphrase_needed");
    permit(today);
  }
  function someRecoveryKey(): RecoveryKeyView {
    const letters = "ABCDEFGHIJKLMNOPQRSTUVWXYZ234567";
    const groups = Array.from({ length: 9 }, (_, g) =>
      Array.from({ length: 4 }, (_, i) => letters[Number(madeUpCode(`${g}`, i, 4)) % 32]).join(""),
    );
    return { groups, qr: madeUpQr() };
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
        id: a.id,
        kind: a.kind,
        issuer: a.issuer,
        account: a.account,
        note: a.note,
        pinned: a.pinned,
        groups: [...a.groups],
        cameBack: status.notices.includes("came_back") && accounts.indexOf(a) === 1,
        period: hotp ? null : a.period,
        digits: a.digits,
        code: code(hotp ? a.counter : step),
        nextCode: hotp ? null : code(step + 1),
        validFrom: hotp ? null : step * a.period,
        validUntil: hotp ? null : (step + 1) * a.period,
      };
    });
    const ends = seen.flatMap((a) => (a.validUntil === null ? [] : [a.validUntil]));
    return {
      now: at,
      accounts: seen,
      groups: [...new Set(seen.flatMap((a) => a.groups))].sort(),
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

  const commands: Omit<Ipc, "onEvent" | "beginning"> = {
    async status() {
      return copy(status);
    },
    async open() {
      if (scenario === "waiting") {
        controls.emit("waiting_for_keyring");
        await new Promise(() => {}); // nobody answers the keyring's prompt
      }
      if (scenario === "device-locked" || (trouble && query.has("heals"))) return opened();
      if (trouble) status.trouble = report(trouble);
      return copy(status);
    },
    async openWithoutKeyring() {
      // `here`: a vault that the keyring's key opens is in the folder; else there is none, as far as can be seen.
      const here = query.has("here");
      keyring = "missing";
      Object.assign(status, {
        state: here ? "trouble" : "none",
        lock: null,
        keyring,
        trouble: here ? report("keyring_unavailable") : null,
        ways: here ? waysOutOf("", "keyring_unavailable") : [],
        hasRecoveryKey: here,
      });
      if (!here) accounts = [];
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
    async recover(recoveryKey, passphrase) {
      const bare = recoveryKey.replace(/[\s-]/g, "");
      if (bare.length < 32) refuse("recovery_key_typo");
      if (bare.startsWith("Z")) refuse("wrong_recovery_key");
      if (keyring !== "system" && !passphrase) refuse("passphrase_needed");
      status.lock = keyring !== "system" ? "passphrase" : passphrase ? "strong" : "device";
      if (passphrase) controls.passphrase = passphrase;
      return opened();
    },
    async lock() {
      if (status.lock !== "device") status.state = "locked";
      links = [];
      pending = null;
      return copy(status);
    },
    async codes() {
      needOpen();
      return codes();
    },
    async hotpNext(id) {
      find(id).counter++;
      return codes();
    },
    async copyCode(id) {
      const account = find(id);
      const left = account.kind === "hotp" ? 30 : account.period - (now() % account.period);
      return { clearsInSeconds: settings.clearClipboard ? Math.min(left + 10, 30) : null };
    },
    // What a file "holds" is its own words, for PNG chunks and the like are not read here: `aegis 12` is an export of twelve
    // accounts, `locked` asks for `test`, `keyed` for a key file that says `key` as well; all else is a picture.
    async previewFile(bytes) {
      const words = new TextDecoder("latin1").decode(bytes.subarray(-200));
      if (/keyed|locked/.test(words)) [pending, keyFile] = [null, null];
      if (words.includes("keyed")) {
        waitingFile = words;
        refuse("import_needs_key");
      }
      if (words.includes("locked")) {
        waitingFile = words.replace("locked", "");
        refuse("import_needs_password");
      }
      return keep(/aegis|slow/.test(words) ? await readFile(words) : read(words));
    },
    async previewFrame(width, height, grey) {
      if (grey.length !== width * height) throw new Error("a frame of the wrong size");
      frames.push(`${width}×${height}`);
      if (controls.previewFrame) {
        const found = await controls.previewFrame(width, height, grey);
        return found && keep(found);
      }
      let [low, high] = [255, 0];
      for (const value of grey) {
        low = Math.min(low, value);
        high = Math.max(high, value);
      }
      return high - low > 120 && frames.length >= 3 ? keep(preview([row()])) : null;
    },
    async previewScreen() {
      if (query.has("no-screen")) refuse("screen_unavailable");
      return keep(preview([row({ issuer: "Vimeo", account: "anna@example.com" })]));
    },
    async previewClipboard() {
      return query.has("empty-clipboard") ? refuse("clipboard_empty") : keep(preview([row()]));
    },
    async previewText(text) {
      if (/^otpauth-migration:/.test(text)) return keep(read("batch 1/3"));
      if (!/^otpauth:/.test(text)) refuse("not_otpauth");
      return keep(read(text));
    },
    async pasteKey() {
      return query.has("empty-clipboard") ? refuse("clipboard_empty") : 32;
    },
    async previewManual(form, pasted) {
      if (pasted) form = { ...form, secret: "A".repeat(32) };
      if (!form.secret.trim()) refuse("missing_secret");
      if (/[^a-z2-7\s=-]/i.test(form.secret)) refuse("bad_secret");
      return keep(
        preview([
          row({
            kind: form.kind,
            issuer: form.issuer || null,
            account: form.account,
            digits: Number(form.digits || 6),
            period: Number(form.period || 30),
            algorithm: form.algorithm,
            secretBits: form.secret.replace(/[\s=-]/g, "").length * 5,
          }),
        ]),
      );
    },
    async links() {
      const atStart = !linksAsked && links.length > 0;
      linksAsked = true;
      return { waiting: links.length, leftOut: linksLeftOut, atStart };
    },
    async previewLink() {
      const words = links.shift();
      if (links.length === 0) linksLeftOut = 0;
      if (words === undefined) return null;
      return query.has("bad-link") ? refuse("unsupported_type") : keep(read(words));
    },
    async forgetLinks() {
      links = [];
      linksLeftOut = 0;
    },
    async discardPreview() {
      pending = null;
    },
    async add(selection) {
      needOpen();
      if (pending?.id !== selection.preview) refuse("preview_gone");
      const rows = pending?.rows ?? refuse("preview_gone");
      const going = rows.filter(
        (from) =>
          !selection.except.includes(from.token) &&
          (selection.duplicates || (from.duplicateOf === null && from.repeatOf === null)),
      );
      const ids = going.map((from) => {
        const names = selection.renamed.find((renamed) => renamed.token === from.token) ?? from;
        const id = (nextId++).toString(16).padStart(32, "0");
        accounts.push({
          id,
          kind: from.kind,
          issuer: names.issuer,
          account: names.account,
          note: "",
          pinned: false,
          groups: [],
          period: from.period ?? 30,
          digits: from.digits,
          counter: 0,
        });
        return id;
      });
      pending = null;
      status.accounts = accounts.length;
      const asTrash = going.filter((from) => from.trashed).length;
      return { ids, added: ids.length - asTrash, trashed: asTrash, leftOut: rows.length - ids.length };
    },
    async importPassword(password) {
      if (waitingFile === null) refuse("preview_gone");
      const keyed = waitingFile?.includes("keyed") ?? false;
      if (keyed && (password !== "test" || keyFile !== "key")) refuse("import_wrong_key");
      if (password !== "test") refuse("import_wrong_password");
      return keep(await readFile(waitingFile?.replace("keyed", "") ?? ""));
    },
    async takeKeyFile(bytes) {
      if (waitingFile === null) refuse("preview_gone");
      keyFile = bytes.length > 0 ? new TextDecoder().decode(bytes) : null;
    },
    async planExport(form: ExportForm) {
      needOpen();
      const going = accounts.filter((account) => form.ids.length === 0 || form.ids.includes(account.id));
      const left =
        form.format === "google" ? going.filter((account) => account.kind === "steam" || account.period !== 30) : [];
      if (going.length === 0) refuse("nothing_to_export");
      return {
        format: form.format,
        accounts: going.length - left.length,
        qrCodes: form.format === "google" ? Math.ceil((going.length - left.length) / 10) : going.length,
        leftOut: left.map((account) => ({
          label: `${account.issuer}: ${account.account}`,
          report: report("unsupported_type"),
        })),
        withoutNote: 0,
        withoutGroups: form.format.startsWith("aegis")
          ? 0
          : going.filter((account) => account.groups.length > 0).length,
        withoutPin: 0,
        inTrash: trashed.length,
        warning: "",
        asks: status.lock ?? "device",
        needsPassword: form.format === "aegis_encrypted",
        fileName: "couchkey-export",
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
      return Array.from({ length: qrCodes }, (_, n) => ({
        id: `${n + 1}`,
        part: n + 1,
        of: qrCodes,
        accounts: Math.ceil(count / qrCodes),
      }));
    },
    async forgetQr() {},
    async progress() {
      return progress;
    },
    async cancelTransfer() {
      cancelled = true;
    },
    async backups() {
      return copy(backupsView());
    },
    async chooseBackupFolder() {
      if (query.has("cancelled")) return null;
      backupChoice = { kind: "folder", folder: "/media/anna/STICK/Couchkey" };
      return copy(backupsView());
    },
    async setBackups(choice) {
      backupChoice = choice;
      return copy(backupsView());
    },
    async setBackupPassphrase(today, passphrase) {
      if (status.lock !== "device" && passphrase !== null) permitted(today);
      backupPassphrase = passphrase;
      return copy(backupsView());
    },
    async backUp() {
      if (!status.hasRecoveryKey && !backupPassphrase) refuse("backup_needs_key");
      const made: BackupRow = {
        name: `couchkey-${backupRows.length}.couchkey`,
        madeAt: now(),
        daysOld: 0,
        dated: "plausible",
        state: "good",
        currentKey: true,
      };
      backupRows.unshift(made);
      return made;
    },
    async verifyBackup() {
      return {
        madeAt: now(),
        ofThisVault: true,
        intact: true,
        accounts: accounts.length,
        inTrash: 0,
        damaged: 0,
        compared: accounts.length,
        matching: accounts.length,
      };
    },
    async takeBackup(bytes) {
      backupFile = bytes.length > 0 ? new TextDecoder("latin1").decode(bytes) : null;
    },
    async previewRestore(name, key) {
      if (name === null && backupFile === null) refuse("no_backup");
      if (backupFile?.includes("error")) refuse((/error (\w+)/.exec(backupFile)?.[1] ?? "not_a_backup") as ErrorCode);
      if (key.replace(/[\s-]/g, "").length < 8 || key.startsWith("Z")) refuse("wrong_backup_key");
      const rows = someAccounts(6).map((account, n) => ({
        issuer: account.issuer,
        account: account.account,
        trashed: n === 5,
        outcome: status.state === "open" && n < 3 ? ("has" as const) : ("adds" as const),
      }));
      return {
        into: backupFile?.includes("aside")
          ? "set_aside"
          : status.state === "open"
            ? "open_vault"
            : status.state === "none"
              ? "new_vault"
              : "closed_vault",
        madeAt: now() - 3 * 86_400,
        rows,
        damaged: 0,
      };
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
      provenAt = controls.drill ? null : now();
      const part = { matching: accounts.length, of: accounts.length, missing: 0 };
      return {
        vault: part,
        backup: backupRows.length > 0 ? { ...part, of: part.of - 1, matching: part.of - 1, missing: 1 } : null,
        backupMadeAt: backupRows[0]?.madeAt ?? null,
        backupProblem: null,
        damagedBackups: backupRows.filter((backup) => backup.state === "damaged").map((backup) => backup.name),
        mended: 0,
        bothWhole: true,
        provenAt,
        ...controls.drill,
      };
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
    async seen() {
      needOpen();
      status.notices = status.notices.filter((notice) => !["came_back", "incomplete", "file_rebuilt"].includes(notice));
    },
    async restore(id) {
      const back = trashed.find((gone) => gone.account.id === id) ?? refuse("account_not_found");
      trashed = trashed.filter((gone) => gone !== back);
      accounts.splice(back.position, 0, back.account);
      status.accounts = accounts.length;
    },
    async trash(): Promise<TrashRow[]> {
      if (scenario === "trash" && trashed.length === 0 && accounts.length > 4) {
        trashed = accounts
          .splice(1, 2)
          .map((account, i) => ({ account, position: 1, removedAt: now() - (i * 12 + 1) * 86_400 }));
      }
      return trashed.map(({ account, removedAt }) => ({
        id: account.id,
        issuer: account.issuer,
        account: account.account,
        removedAt,
        daysLeft: 30 - Math.floor((now() - removedAt) / 86_400),
      }));
    },
    async settings() {
      return copy(settings);
    },
    async setSettings(wanted) {
      settings = copy(wanted);
    },
    // As Rust rates them, for the few words that tests type.
    async ratePassphrase(passphrase, alone) {
      const missing = Math.max(0, (alone ? 15 : 8) - [...passphrase.trim()].length);
      const why = missing > 0 ? null : /^pass/i.test(passphrase) ? "common" : passphrase.includes(" ") ? null : "word";
      const words = passphrase.trim().split(/\s+/).length;
      const good = missing === 0 && why === null;
      return { good, bars: good ? Math.min(4, words + 1) : missing > 0 ? 1 : 2, missing, why };
    },
    async setPassphrase(today, passphrase) {
      if (status.lock !== "device") permitted(today);
      if (passphrase !== null && !(await commands.ratePassphrase(passphrase, keyring !== "system")).good)
        refuse("passphrase_too_weak");
      if (status.lock === "device" && passphrase !== null && (status.hasRecoveryKey || backupPassphrase !== null))
        refuse("preview_gone");
      if (passphrase) controls.passphrase = passphrase;
      status.lock = passphrase ? (keyring === "system" ? "strong" : "passphrase") : "device";
      return copy(status);
    },
    async drawRecoveryKey(what, passphrase) {
      needOpen();
      if (what === "lock") {
        if (status.lock !== "device" || passphrase === null) refuse("passphrase_needed");
        if (!(await commands.ratePassphrase(passphrase ?? "", keyring !== "system")).good)
          refuse("passphrase_too_weak");
      } else if (status.lock !== "device") permitted(passphrase);
      drawn = { what, passphrase };
      return someRecoveryKey();
    },
    async keepRecoveryKey(saved) {
      const { what, passphrase } = drawn ?? refuse("preview_gone");
      drawn = null;
      status.hasRecoveryKey = true;
      status.recoveryMade = now();
      status.recoverySaved = saved;
      if (saved) status.notices = status.notices.filter((notice) => notice !== "recovery_key_not_saved");
      backupRows = backupRows.map((backup) => ({ ...backup, currentKey: false }));
      provenAt = null;
      if (what === "sheet") return null;
      if (what === "lock") {
        status.lock = "strong";
        controls.passphrase = passphrase ?? "";
      }
      return { oldBackups: copy(backupRows), backupPassphraseEnded: backupPassphrase !== null };
    },
    async forgetRecoveryKey() {
      drawn = null;
    },
    async saveRecoverySheet() {
      return !query.has("cancelled");
    },
    async recoveryKeySaved() {
      status.recoverySaved = true;
      status.notices = status.notices.filter((notice) => notice !== "recovery_key_not_saved");
    },
    async about() {
      return {
        version: "0.1.0",
        dataDir: "/home/anna/.local/share/couchkey",
        contentProtected: false,
        clipboardHints: true,
      };
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
  ) as unknown as Omit<Ipc, "onEvent" | "beginning">;
  return {
    ...wrapped,
    beginning: () => ({
      languages: [...navigator.languages],
      look: query.has("look") && status.state === "open" ? controls.look() : null,
    }),
    onEvent(listener) {
      heard.add(listener);
      return () => void heard.delete(listener);
    },
  };
}
