// Every place in the window, and the way there. Used for the look at each of them in all sizes and colours.
import type { Page } from "@playwright/test";

export interface Place {
  query: string;
  at?: number;
  go?: (page: Page) => Promise<void>;
}

const id = (page: Page, testid: string) => page.getByTestId(testid);
const press = (page: Page, testid: string) => id(page, testid).first().click();
export const picture = (words: string) => ({ name: "code.png", mimeType: "image/png", buffer: Buffer.from(words) });

/** To the import, with a file that holds what its words say. */
export async function toImport(page: Page, words: string): Promise<void> {
  await press(page, "nav-settings");
  await press(page, "settings-import");
  await id(page, "add-file-input").setInputFiles({
    name: "export.json",
    mimeType: "application/json",
    buffer: Buffer.from(words),
  });
}

/** The settings of a vault with an app lock. */
async function unlockedSettings(page: Page): Promise<void> {
  await id(page, "unlock-passphrase").fill("correct horse battery");
  await press(page, "unlock-submit");
  await press(page, "nav-settings");
}

/** Another program hands a setup link over. */
async function link(page: Page, words = "plain"): Promise<void> {
  await page.evaluate((words) => window.couchkeyFake?.link(words), words);
  await id(page, "links").waitFor();
}

export const places: Record<string, Place> = {
  codes: { query: "open", at: 1_795_428_022 },
  "codes-few": { query: "open&accounts=2" },
  "codes-empty": { query: "open&accounts=0" },
  "codes-no-match": { query: "open", go: (page) => id(page, "search").fill("qqq") },
  "codes-damaged": { query: "damaged&accounts=3&notices=recovery_key_not_saved,items_damaged" },
  "codes-hidden": { query: "open&hidden" },
  "codes-removed": {
    query: "open",
    go: async (page) => {
      await press(page, "row-more");
      await press(page, "menu-remove");
      await id(page, "undo").waitFor();
    },
  },
  menu: { query: "open", go: (page) => id(page, "row-more").nth(1).click() },
  edit: {
    query: "open",
    go: async (page) => {
      await id(page, "row-more").nth(1).click();
      await press(page, "menu-edit");
    },
  },
  keys: { query: "open", go: (page) => page.keyboard.press("?") },
  television: { query: "open", go: (page) => press(page, "row-television") },
  "television-late": {
    query: "open",
    go: async (page) => {
      await press(page, "row-television");
      await page.locator("[data-screen=television]").waitFor(); // the keys are its own
      await page.keyboard.press("Space");
      await page.keyboard.press("Space");
      await page.keyboard.press("Space");
      await page.clock.setFixedTime(1_795_428_034_000);
      await page.evaluate(() => document.dispatchEvent(new Event("visibilitychange")));
      await page.locator("[data-phase=late]").waitFor();
    },
  },
  "television-eight": { query: "open", go: (page) => id(page, "row-television").nth(6).click() },
  welcome: { query: "first-run" },
  other: { query: "first-run", go: (page) => press(page, "welcome-other") },
  "new-passphrase": {
    query: "first-run&keyring=missing",
    go: async (page) => {
      await press(page, "welcome-scan");
      await id(page, "new-passphrase").fill("correct horse battery");
    },
  },
  add: { query: "open", go: (page) => press(page, "nav-add") },
  "add-refused": {
    query: "open",
    go: async (page) => {
      await press(page, "nav-add");
      await id(page, "add-file-input").setInputFiles(picture("error qr_is_web_link"));
      await id(page, "error").waitFor();
    },
  },
  "add-camera-missing": {
    query: "open",
    go: async (page) => {
      await press(page, "nav-add");
      await press(page, "add-camera");
      await id(page, "camera-trouble").waitFor();
    },
  },
  "add-manual": {
    query: "open",
    go: async (page) => {
      await press(page, "nav-add");
      await press(page, "add-manual");
      await press(page, "manual-more");
    },
  },
  "preview-one": {
    query: "open",
    go: async (page) => {
      await press(page, "nav-add");
      await id(page, "add-file-input").setInputFiles(picture("plain"));
      await id(page, "preview-row").waitFor();
    },
  },
  "preview-warnings": {
    query: "open",
    go: async (page) => {
      await press(page, "nav-add");
      await id(page, "add-file-input").setInputFiles(picture("two short mismatch duplicate clock skip"));
      await id(page, "preview-row").first().waitFor();
    },
  },
  "preview-batch": {
    query: "open",
    go: async (page) => {
      await press(page, "nav-add");
      await id(page, "add-file-input").setInputFiles([picture("batch 1/3"), picture("batch 2/3")]);
      await page.getByText("2 of 3 scanned").waitFor();
    },
  },
  "preview-part": {
    query: "open",
    go: async (page) => {
      await press(page, "nav-add");
      await id(page, "add-file-input").setInputFiles([picture("part 1/2")]);
      await id(page, "part").waitFor();
    },
  },
  check: {
    query: "first-run",
    go: async (page) => {
      await press(page, "welcome-scan");
      await press(page, "add-paste");
      await press(page, "preview-save");
      await id(page, "check-done").waitFor();
    },
  },
  "recovery-offer": {
    query: "first-run",
    go: async (page) => {
      await press(page, "welcome-scan");
      await press(page, "add-paste");
      await press(page, "preview-save");
      await press(page, "check-done");
    },
  },
  "recovery-key": {
    query: "open",
    go: async (page) => {
      await press(page, "nav-settings");
      await press(page, "settings-recovery");
      await press(page, "recovery-make");
      await id(page, "recovery-key").waitFor();
    },
  },
  unlock: { query: "locked" },
  "unlock-wrong": {
    query: "locked",
    go: async (page) => {
      await id(page, "unlock-passphrase").fill("wrong");
      await press(page, "unlock-submit");
      await id(page, "error").waitFor();
    },
  },
  recover: { query: "trouble:needs_recovery", go: (page) => press(page, "trouble-action") },
  "recover-lock": { query: "locked", go: (page) => press(page, "unlock-recovery") },
  "recover-lock-off": {
    query: "locked",
    go: async (page) => {
      await press(page, "unlock-recovery");
      await id(page, "recover-lock-off").check({ force: true });
    },
  },
  "passphrase-set": {
    query: "open",
    go: async (page) => {
      await press(page, "nav-settings");
      await press(page, "passphrase-set");
      await id(page, "new-passphrase").fill("password1234");
      await page.getByText("many people have").waitFor();
    },
  },
  "passphrase-change": {
    query: "locked",
    go: async (page) => {
      await unlockedSettings(page);
      await press(page, "passphrase-set");
      await id(page, "passphrase-today").waitFor();
    },
  },
  "passphrase-off": {
    query: "locked",
    go: async (page) => {
      await unlockedSettings(page);
      await press(page, "passphrase-off");
      await id(page, "passphrase-today").fill("wrong");
      await press(page, "passphrase-off-submit");
      await id(page, "error").waitFor();
    },
  },
  "recovery-locked": {
    query: "locked",
    go: async (page) => {
      await unlockedSettings(page);
      await press(page, "settings-recovery");
      await id(page, "recovery-passphrase").waitFor();
    },
  },
  waiting: { query: "waiting" },
  "add-app": { query: "first-run", go: (page) => press(page, "welcome-other").then(() => press(page, "other-import")) },
  sealed: {
    query: "open",
    go: async (page) => {
      await toImport(page, "aegis 8 locked");
      await id(page, "sealed-password").fill("wrong");
      await press(page, "sealed-open");
      await id(page, "error").waitFor();
    },
  },
  "sealed-database": {
    query: "open",
    go: async (page) => {
      await toImport(page, "aegis 8 keyed");
      await id(page, "sealed-key-file-input").setInputFiles({
        name: "home.keyx",
        mimeType: "",
        buffer: Buffer.from("another"),
      });
      await id(page, "sealed-password").fill("wrong");
      await press(page, "sealed-open");
      await id(page, "error").waitFor();
    },
  },
  "add-progress": {
    query: "open",
    go: async (page) => {
      await toImport(page, "aegis 8 slow");
      await page.getByText("Reading…").waitFor();
    },
  },
  "preview-app": {
    query: "open",
    go: async (page) => {
      await toImport(page, "aegis 12 duplicate skip");
      await id(page, "preview-row").first().waitFor();
    },
  },
  "preview-app-open": {
    query: "open",
    go: async (page) => {
      await toImport(page, "aegis 12 duplicate skip notes");
      await id(page, "preview-row").first().getByRole("checkbox").check();
      await id(page, "preview-open").nth(1).click();
    },
  },
  "preview-nothing-new": {
    query: "open&accounts=3",
    go: async (page) => {
      await toImport(page, "aegis 2 duplicate");
      await id(page, "preview-here").waitFor();
    },
  },
  export: {
    query: "open",
    go: async (page) => {
      await press(page, "nav-settings");
      await press(page, "settings-export");
      await id(page, "export-count").waitFor();
    },
  },
  "export-qr": {
    query: "open&accounts=14",
    go: async (page) => {
      await press(page, "nav-settings");
      await press(page, "settings-export");
      await press(page, "export-google");
      await id(page, "export-left-out").waitFor();
      await press(page, "export-sure");
      await press(page, "export-show");
      await id(page, "export-qr").waitFor();
    },
  },
  "export-one": {
    query: "open",
    go: async (page) => {
      await id(page, "row-more").nth(1).click();
      await press(page, "menu-qr");
      await id(page, "export-sure").waitFor();
    },
  },
  backups: {
    query: "open&proven",
    go: (page) => press(page, "nav-settings").then(() => press(page, "settings-backups")),
  },
  "backups-trouble": {
    query: "open&no-backups&no-recovery&backup-trouble",
    go: (page) => press(page, "nav-settings").then(() => press(page, "settings-backups")),
  },
  "backups-damaged": {
    query: "open&proven&bad-backups",
    go: (page) => press(page, "nav-settings").then(() => press(page, "settings-backups")),
  },
  "backups-elsewhere": {
    query: "open&no-folder&no-backups",
    go: (page) => press(page, "nav-settings").then(() => press(page, "settings-backups")),
  },
  "recovery-older": {
    query: "open",
    go: async (page) => {
      await press(page, "nav-settings");
      await press(page, "settings-recovery");
      await press(page, "recovery-make");
      await press(page, "recovery-saved");
      await id(page, "recovery-older").waitFor();
    },
  },
  drill: {
    query: "open",
    go: async (page) => {
      await press(page, "nav-settings");
      await press(page, "settings-backups");
      await press(page, "backups-drill");
      await id(page, "drill-key").fill("AAAA-BBBB-CCCC-DDDD-EEEE-FFFF-GGGG-HHHH-IIII");
      await press(page, "drill-run");
      await id(page, "drill-result").waitFor();
    },
  },
  restore: {
    query: "first-run",
    go: async (page) => {
      await press(page, "welcome-other");
      await press(page, "other-restore");
      await id(page, "restore-file-input").setInputFiles({
        name: "couchkey-2026-11-20.couchkey",
        mimeType: "application/octet-stream",
        buffer: Buffer.from("sealed"),
      });
      await id(page, "restore-key").fill("Z wrong");
      await press(page, "restore-look");
      await id(page, "error").waitFor();
    },
  },
  "restore-preview": {
    query: "open",
    go: async (page) => {
      await press(page, "nav-settings");
      await press(page, "settings-backups");
      await press(page, "backup-restore");
      await id(page, "restore-key").fill("AAAA-BBBB-CCCC");
      await press(page, "restore-look");
      await id(page, "restore-row").first().waitFor();
    },
  },
  "new-keys": {
    query: "open",
    go: async (page) => {
      await press(page, "nav-settings");
      await press(page, "settings-new-keys");
      await press(page, "new-keys-make");
      await id(page, "recovery-key").waitFor();
    },
  },
  "new-keys-done": {
    query: "open",
    go: async (page) => {
      await press(page, "nav-settings");
      await press(page, "settings-new-keys");
      await press(page, "new-keys-make");
      await press(page, "recovery-saved");
      await id(page, "old-backups").waitFor();
    },
  },
  "lock-key": {
    query: "open",
    go: async (page) => {
      await press(page, "nav-settings");
      await press(page, "passphrase-set");
      await id(page, "new-passphrase").fill("mustard cello glacier");
      await id(page, "new-passphrase-again").fill("mustard cello glacier");
      await press(page, "new-passphrase-submit");
      await id(page, "recovery-key").waitFor();
    },
  },
  "recovery-refused": {
    query: "open",
    go: async (page) => {
      await press(page, "nav-settings");
      await press(page, "settings-recovery");
      await press(page, "recovery-make");
      await page.evaluate(() => window.couchkeyFake?.failNext("keepRecoveryKey", "storage_full"));
      await press(page, "recovery-saved");
      await id(page, "error").waitFor();
    },
  },
  "without-keyring": { query: "trouble:keyring_silent", go: (page) => press(page, "trouble-without_keyring") },
  "without-keyring-here": {
    query: "trouble:keyring_silent&here",
    go: (page) => press(page, "trouble-without_keyring"),
  },
  "without-keyring-add": {
    query: "first-run",
    go: async (page) => {
      await press(page, "welcome-scan");
      await press(page, "add-paste");
      await page.evaluate(() => window.couchkeyFake?.failNext("createVault", "keyring_silent"));
      await press(page, "preview-save");
      await id(page, "error-without-keyring").waitFor();
    },
  },
  "preview-queue": {
    query: "open",
    go: async (page) => {
      await press(page, "nav-settings");
      await press(page, "settings-import");
      const named = (name: string, words: string) => ({
        name,
        mimeType: "application/json",
        buffer: Buffer.from(words),
      });
      await id(page, "add-file-input").setInputFiles([
        named("aegis-export-20261120.json", "aegis 3"),
        named("2fas-backup-of-the-old-phone.json", "aegis 3"),
        named("links.txt", "aegis 2"),
      ]);
      await id(page, "queue").waitFor();
    },
  },
  "add-queue-refused": {
    query: "open",
    go: async (page) => {
      await press(page, "nav-settings");
      await press(page, "settings-import");
      const named = (name: string, words: string) => ({
        name,
        mimeType: "application/json",
        buffer: Buffer.from(words),
      });
      await id(page, "add-file-input").setInputFiles([
        named("letter.txt", "error import_unknown"),
        named("2fas-backup-of-the-old-phone.json", "aegis 3"),
      ]);
      await id(page, "error").waitFor();
    },
  },
  "drill-failed": {
    query: "open",
    go: async (page) => {
      await page.evaluate(() => {
        if (window.couchkeyFake) window.couchkeyFake.drill = { bothWhole: false, mended: 2 };
      });
      await press(page, "nav-settings");
      await press(page, "settings-backups");
      await press(page, "backups-drill");
      await id(page, "drill-key").fill("AAAA-BBBB-CCCC-DDDD-EEEE-FFFF-GGGG-HHHH-IIII");
      await press(page, "drill-run");
      await id(page, "drill-result").waitFor();
    },
  },
  "restore-lock": {
    query: "locked",
    go: async (page) => {
      await press(page, "unlock-restore");
      await id(page, "restore-file-input").setInputFiles({
        name: "couchkey-2026-11-20.couchkey",
        mimeType: "application/octet-stream",
        buffer: Buffer.from("sealed"),
      });
      await id(page, "restore-key").fill("AAAA-BBBB-CCCC");
      await press(page, "restore-look");
      await id(page, "restore-row").first().waitFor();
    },
  },
  "codes-notices": {
    query:
      "open&notices=incomplete,put_together,came_back,keyring_rebuilt,not_mended,older_copy,file_rebuilt,order_lost,repaired,clock_wrong,recovery_key_not_saved,backup_failed",
  },
  settings: { query: "open", go: (page) => press(page, "nav-settings") },
  trash: {
    query: "trash",
    go: async (page) => {
      await press(page, "nav-settings");
      await press(page, "settings-trash");
      await id(page, "trash-row").first().waitFor();
    },
  },
  "links-one": { query: "open", go: (page) => link(page) },
  "links-many": {
    query: "open",
    go: async (page) => {
      for (let i = 0; i < 8; i++) await link(page, `plain ${i}`);
    },
  },
  "links-later": {
    query: "open",
    go: async (page) => {
      await toImport(page, "aegis 12 duplicate skip");
      await id(page, "preview-row").first().waitFor();
      await link(page);
    },
  },
  "links-recovery-key": {
    query: "open",
    go: async (page) => {
      await press(page, "nav-settings");
      await press(page, "settings-recovery");
      await press(page, "recovery-make");
      await id(page, "recovery-key").waitFor();
      await link(page);
    },
  },
  "links-locked": { query: "locked", go: (page) => link(page) },
  "links-television": { query: "open", go: (page) => press(page, "row-television").then(() => link(page)) },
  "trouble-needs-recovery": { query: "trouble:needs_recovery" },
  "trouble-keyring-locked": { query: "trouble:keyring_locked" },
  "trouble-keyring-silent": { query: "trouble:keyring_silent" },
  "trouble-newer-version": { query: "trouble:vault_newer_version" },
};
