// Moving in and out, as a person does it: what is asked, what is refused, what stays when they change their mind.
import type { Page } from "@playwright/test";
import { expect, openWindow, test } from "./window";
import { toImport } from "./places";

const id = (page: Page, testid: string) => page.getByTestId(testid);
const calls = (page: Page, command: string) =>
  page.evaluate(
    (name) => window.couchkeyFake?.calls.filter((call) => call.command === name).map((call) => call.args) ?? [],
    command,
  );

test("a locked file asks for its password until it is right, and adds what is ticked", async ({ page }) => {
  await openWindow(page, "open&accounts=3");
  await toImport(page, "aegis 12 duplicate locked");
  await id(page, "sealed-password").fill("wrong");
  await id(page, "sealed-open").click();
  await expect(id(page, "error")).toHaveAttribute("data-code", "import_wrong_password");
  await id(page, "sealed-password").fill("test");
  await id(page, "sealed-open").click();
  await expect(id(page, "preview-row")).toHaveCount(12);
  await expect(id(page, "preview-here")).toContainText("2 are already here");
  await expect(id(page, "preview-row").first().getByRole("checkbox")).not.toBeChecked();
  await id(page, "preview-row").nth(5).getByRole("checkbox").uncheck();
  await id(page, "preview-save").click();
  await expect(page.getByText("9 accounts added")).toBeVisible();
  await expect(id(page, "account-row")).toHaveCount(12);
  const [sent] = await calls(page, "add");
  expect(JSON.stringify(sent).length, "the rows are not sent back").toBeLessThan(200);
});

test("a database with a key file is asked for both, and says that one may be missing", async ({ page }) => {
  await openWindow(page, "open&accounts=3");
  await toImport(page, "aegis 4 keyed");
  await id(page, "sealed-password").fill("test");
  await id(page, "sealed-open").click();
  await expect(id(page, "error")).toHaveAttribute("data-code", "import_wrong_key");
  await expect(id(page, "error")).toContainText("key file");
  await id(page, "sealed-key-file-input").setInputFiles({
    name: "home.keyx",
    mimeType: "",
    buffer: Buffer.from("key"),
  });
  await expect(id(page, "sealed-key-file")).toContainText("home.keyx");
  await id(page, "sealed-key-file-remove").click();
  await expect(id(page, "sealed-key-file")).not.toContainText("home.keyx");
  await id(page, "sealed-key-file-input").setInputFiles({
    name: "home.keyx",
    mimeType: "",
    buffer: Buffer.from("key"),
  });
  await id(page, "sealed-password").fill("test");
  await id(page, "sealed-open").click();
  await expect(id(page, "preview-row")).toHaveCount(4);
});

test("whoever cancels a long import has added nothing and can begin again", async ({ page }) => {
  await openWindow(page, "open&accounts=3");
  await toImport(page, "aegis 8 slow");
  await expect(page.getByRole("progressbar")).toHaveAttribute("max", "10000");
  await id(page, "progress-cancel").click();
  await expect(id(page, "app-choose")).toBeVisible();
  await expect(id(page, "error")).toHaveCount(0);
  await id(page, "nav-codes").click();
  await expect(id(page, "account-row")).toHaveCount(3);
});

test("a file of nobody says so, and what to choose instead", async ({ page }) => {
  await openWindow(page, "open&accounts=3");
  await toImport(page, "error import_unknown");
  await expect(id(page, "error")).toContainText("the file that the other app wrote");
  await expect(id(page, "app-choose")).toBeVisible();
});

test("thousands of accounts are counted, and not all drawn", async ({ page }) => {
  await openWindow(page, "open&accounts=0");
  await toImport(page, "aegis 5000");
  await expect(id(page, "preview-more")).toHaveText("And 4800 more.");
  await expect(id(page, "preview-save")).toHaveText("Add 5000 accounts");
});

test("a first start comes in by another app's file, and is offered the recovery key", async ({ page }) => {
  await openWindow(page, "first-run");
  await id(page, "welcome-other").click();
  await id(page, "other-import").click();
  await id(page, "add-file-input").setInputFiles({
    name: "export.json",
    mimeType: "application/json",
    buffer: Buffer.from("aegis 8"),
  });
  await id(page, "preview-save").click();
  await expect(page.locator("[data-screen=recovery]")).toBeVisible();
});

test("an export is not written before its warning is answered, and a sealed one not without a password", async ({
  page,
}) => {
  await openWindow(page, "open");
  await id(page, "nav-settings").click();
  await id(page, "settings-export").click();
  await id(page, "new-passphrase").fill("correct horse battery");
  await id(page, "new-passphrase-again").fill("correct horse battery");
  await expect(id(page, "new-passphrase-submit")).toBeDisabled();
  await id(page, "export-sure").check();
  await id(page, "new-passphrase-submit").click();
  await expect(page.getByText("8 accounts exported and compared")).toBeVisible();
  expect(await calls(page, "exportFile")).toEqual([
    [{ format: "aegis_encrypted", ids: [] }, null, "correct horse battery"],
  ]);
});

test("where there is a passphrase it is asked again, and a wrong one shows no QR code", async ({ page }) => {
  await openWindow(page, "locked");
  await id(page, "unlock-passphrase").fill("correct horse battery");
  await id(page, "unlock-submit").click();
  await id(page, "row-more").nth(1).click();
  await id(page, "menu-qr").click();
  await id(page, "export-passphrase").fill("guess");
  await id(page, "export-show").click();
  await expect(id(page, "error")).toHaveAttribute("data-code", "wrong_passphrase");
  await expect(id(page, "export-qr")).toHaveCount(0);
  await id(page, "export-passphrase").fill("correct horse battery");
  await id(page, "export-show").click();
  await expect(id(page, "export-qr")).toBeVisible();
  await page.keyboard.press("Escape");
  await expect(id(page, "export-qr")).toHaveCount(0);
  expect(await calls(page, "forgetQr"), "the picture is wiped").toHaveLength(1);
});

test("another way out asks anew", async ({ page }) => {
  await openWindow(page, "open");
  await id(page, "nav-settings").click();
  await id(page, "settings-export").click();
  await id(page, "export-sure").check();
  await id(page, "export-uris").check();
  await expect(id(page, "export-save")).toBeDisabled();
});
