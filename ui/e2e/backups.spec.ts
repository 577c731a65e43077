// Backups, the proof that they work, new keys, and the way back from each kind of trouble.
import type { Page } from "@playwright/test";
import { expect, openWindow, test } from "./window";

const id = (page: Page, testid: string) => page.getByTestId(testid);
const calls = (page: Page, command: string) =>
  page.evaluate(
    (name) => window.couchkeyFake?.calls.filter((call) => call.command === name).map((call) => call.args) ?? [],
    command,
  );
const KEY = "AAAA-BBBB-CCCC-DDDD-EEEE-FFFF-GGGG-HHHH-IIII";

async function toBackups(page: Page, query: string) {
  await openWindow(page, query);
  await id(page, "nav-settings").click();
  await id(page, "settings-backups").click();
}

test("the drill compares every code, and the settings then say when", async ({ page }) => {
  await toBackups(page, "open");
  await expect(id(page, "backups-proven")).toContainText("never tried");
  await id(page, "backups-drill").click();
  await id(page, "drill-key").fill("too short");
  await id(page, "drill-run").click();
  await expect(id(page, "error")).toHaveAttribute("data-code", "recovery_key_typo");
  await id(page, "drill-key").fill(KEY);
  await id(page, "drill-run").click();
  await expect(id(page, "drill-result")).toContainText("8 of 8 codes match");
  await id(page, "drill-back").click();
  await expect(id(page, "backups-proven")).toContainText("Proven on");
});

test("without a recovery key there is no backup, and the way to one is a button", async ({ page }) => {
  await toBackups(page, "open&no-recovery&no-backups");
  await id(page, "backups-now").click();
  await expect(id(page, "error")).toHaveAttribute("data-code", "backup_needs_key");
  await id(page, "backups-recovery").click();
  await expect(page.locator("[data-screen=recovery]")).toBeVisible();
});

test("a folder that was chosen is said, and nobody's change of mind is an error", async ({ page }) => {
  await toBackups(page, "open");
  await id(page, "backups-choose").click();
  await expect(id(page, "backups-folder")).toContainText("STICK");
  await toBackups(page, "open&cancelled");
  await id(page, "backups-choose").click();
  await expect(id(page, "backups-folder")).toContainText("Documents");
  await expect(id(page, "error")).toHaveCount(0);
});

test("a backup goes into an open vault as what it lacks, after a look inside", async ({ page }) => {
  await toBackups(page, "open&accounts=3");
  await id(page, "backup-restore").first().click();
  await id(page, "restore-key").fill("Z not the key");
  await id(page, "restore-look").click();
  await expect(id(page, "error")).toHaveAttribute("data-code", "wrong_backup_key");
  await id(page, "restore-key").fill(KEY);
  await id(page, "restore-look").click();
  await expect(id(page, "restore-counts")).toContainText("3 would be added, 3 are here already");
  await id(page, "restore-do").click();
  await expect(page.getByText("3 accounts restored")).toBeVisible();
});

test("a new computer begins with a backup file", async ({ page }) => {
  await openWindow(page, "first-run");
  await id(page, "welcome-other").click();
  await id(page, "other-restore").click();
  await id(page, "restore-file-input").setInputFiles({
    name: "mine.couchkey",
    mimeType: "application/octet-stream",
    buffer: Buffer.from("sealed"),
  });
  await id(page, "restore-key").fill(KEY);
  await id(page, "restore-look").click();
  await id(page, "restore-do").click();
  await expect(page.locator("[data-screen=codes]")).toBeVisible();
});

test("what is here and does not fit is put aside only after a yes", async ({ page }) => {
  await openWindow(page, "trouble:needs_recovery");
  await id(page, "trouble-backup").click();
  await id(page, "restore-file-input").setInputFiles({
    name: "mine.couchkey",
    mimeType: "application/octet-stream",
    buffer: Buffer.from("aside"),
  });
  await id(page, "restore-key").fill(KEY);
  await id(page, "restore-look").click();
  await expect(id(page, "restore-do")).toBeDisabled();
  await id(page, "restore-aside").check();
  await id(page, "restore-do").click();
  await expect(page.locator("[data-screen=codes]")).toBeVisible();
});

test("new keys show the new recovery key once, and offer to delete what the old one opens", async ({ page }) => {
  await openWindow(page, "open");
  await id(page, "nav-settings").click();
  await id(page, "settings-new-keys").click();
  await id(page, "new-keys-make").click();
  await expect(id(page, "recovery-key")).toBeVisible();
  expect(await calls(page, "keepRecoveryKey"), "it does not count yet").toEqual([]);
  await page.emulateMedia({ media: "print" });
  await expect(page.locator(".sheet")).toBeVisible();
  await expect(id(page, "recovery-saved"), "a sheet is all that is printed").toBeHidden();
  await expect(id(page, "nav-codes")).toBeHidden();
  await page.emulateMedia({ media: "screen" });
  await id(page, "recovery-saved").click();
  await expect(id(page, "recovery-key")).toHaveCount(0);
  await expect(id(page, "old-backups")).toContainText("3 backups still open with the old key");
  await id(page, "old-backups-remove").click();
  await expect(page.getByText("the old ones are deleted")).toBeVisible();
  const [made, removed] = [await calls(page, "backUp"), await calls(page, "removeOldBackups")];
  expect([made.length, removed.length], "a new one first").toEqual([1, 1]);
  await id(page, "new-keys-leave").click();
  await expect(page.locator("[data-screen=settings]")).toBeVisible();
});

test("a damaged backup is named with a cure, a date of the future is said, and neither is the newest", async ({
  page,
}) => {
  await openWindow(page, "open&bad-backups");
  await id(page, "nav-settings").click();
  await expect(page.getByText("wrong date")).toBeVisible();
  await id(page, "settings-backups").click();
  await expect(id(page, "backup-row").first()).toContainText(
    "dated in the future: this computer’s clock, or the one that made it, was wrong",
  );
  await expect(id(page, "backup-row").last()).toContainText("damaged, does not open");
  await expect(id(page, "backups-damaged")).toContainText("20261124T153005Z");
  await expect(page.getByText("0 days")).toHaveCount(0);
  await id(page, "backups-drill").click();
  await id(page, "drill-key").fill(KEY);
  await id(page, "drill-run").click();
  await expect(id(page, "drill-damaged")).toContainText("20261124T153005Z");
});

test("a vault in a folder of its own says that no backup is made before a folder is chosen", async ({ page }) => {
  await toBackups(page, "open&no-folder&no-backups");
  await expect(id(page, "error")).toHaveAttribute("data-code", "backup_folder_not_chosen");
  await expect(page.getByText("Not yet: choose a folder first.")).toBeVisible();
  await id(page, "backups-choose").click();
  await expect(id(page, "backups-folder")).toContainText("STICK");
  await expect(id(page, "error")).toHaveCount(0);
});

test("a new recovery key says what the older one still opens, and offers to delete that once it is written down", async ({
  page,
}) => {
  await openWindow(page, "open");
  await id(page, "nav-settings").click();
  await id(page, "settings-recovery").click();
  await expect(page.getByText("can still open this vault")).toBeVisible();
  await id(page, "recovery-make").click();
  await expect(id(page, "recovery-older-remove"), "not before it is written down").toHaveCount(0);
  await id(page, "recovery-saved").click();
  await expect(page.getByRole("heading", { level: 1 })).toContainText("3 backups still open with the old key");
  await id(page, "recovery-older-remove").click();
  await expect(page.locator("[data-screen=codes]")).toBeVisible();
  const [made, removed] = [await calls(page, "backUp"), await calls(page, "removeOldBackups")];
  expect([made.length, removed.length], "a new one first").toEqual([1, 1]);
});
