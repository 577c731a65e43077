// Every place in the window, and the way there. Used for the look at each of them in all sizes and colours.
import type { Page } from "@playwright/test";

export interface Place { query: string; at?: number; go?: (page: Page) => Promise<void> }

const id = (page: Page, testid: string) => page.getByTestId(testid);
const press = (page: Page, testid: string) => id(page, testid).first().click();
export const picture = (words: string) => ({ name: "code.png", mimeType: "image/png", buffer: Buffer.from(words) });

/** To the import, with a file that holds what its words say. */
export async function toImport(page: Page, words: string): Promise<void> {
  await press(page, "nav-settings");
  await press(page, "settings-import");
  await id(page, "import-file-input").setInputFiles({ name: "export.json", mimeType: "application/json", buffer: Buffer.from(words) });
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
      await id(page, "new-passphrase").fill("correct horse");
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
  recover: { query: "locked", go: (page) => press(page, "unlock-recovery") },
  waiting: { query: "waiting" },
  import: { query: "first-run", go: (page) => press(page, "welcome-other").then(() => press(page, "other-import")) },
  "import-locked": {
    query: "open",
    go: async (page) => {
      await toImport(page, "aegis 8 locked");
      await id(page, "import-password").fill("wrong");
      await press(page, "import-open");
      await id(page, "error").waitFor();
    },
  },
  "import-progress": {
    query: "open",
    go: async (page) => {
      await toImport(page, "aegis 8 slow");
      await page.getByText("Reading…").waitFor();
    },
  },
  "import-preview": {
    query: "open",
    go: async (page) => {
      await toImport(page, "aegis 12 duplicate skip");
      await id(page, "import-row").first().waitFor();
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
  backups: { query: "open&proven", go: (page) => press(page, "nav-settings").then(() => press(page, "settings-backups")) },
  "backups-trouble": { query: "open&no-backups&no-recovery&backup-trouble", go: (page) => press(page, "nav-settings").then(() => press(page, "settings-backups")) },
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
      await id(page, "restore-file-input").setInputFiles({ name: "couchkey-2026-11-20.couchkey", mimeType: "application/octet-stream", buffer: Buffer.from("sealed") });
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
      await id(page, "old-backups").waitFor();
    },
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
  "trouble-needs-recovery": { query: "trouble:needs_recovery" },
  "trouble-keyring-locked": { query: "trouble:keyring_locked" },
  "trouble-newer-version": { query: "trouble:vault_newer_version" },
};
