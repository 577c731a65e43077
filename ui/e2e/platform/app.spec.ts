// The whole journey with the real app: the command line reads the QR code from a picture of the page, and its codes are
// typed on the television with four arrows. The passphrase stands in for a keyring, which no browser test has.
import { execFileSync } from "node:child_process";
import { closeSync, mkdtempSync, openSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { Browser, Page } from "@playwright/test";
import { expect, remote, signUp, test } from "./server";

const program = join(process.env.CARGO_TARGET_DIR ?? join(import.meta.dirname, "../../../target"), "debug/couchkey");

/** A device with Couchkey on it: a vault of its own. */
class Device {
  readonly home = mkdtempSync(join(tmpdir(), "couchkey-device-"));

  constructor() {
    writeFileSync(join(this.home, "passphrase"), "a couch by the window");
    this.run("init");
  }

  /** Enrols from a picture of the page, as it is on the screen. */
  async scan(page: Page): Promise<void> {
    const picture = join(this.home, "screen.png");
    await page.screenshot({ path: picture });
    this.run("add", "--yes", picture);
  }

  /** The code at this Unix time. */
  code(at: number): string {
    return this.run("code", "couchkey", "--at", String(at)).trim();
  }

  private run(...command: string[]): string {
    const passphrase = openSync(join(this.home, "passphrase"), "r");
    const options = ["--keyring", "file", "--data-dir", join(this.home, "vault"), "--passphrase-fd", "3"];
    const env = { HOME: this.home, TMPDIR: this.home, PATH: process.env.PATH };
    try {
      return execFileSync(program, [...options, ...command], {
        env,
        encoding: "utf8",
        stdio: ["ignore", "pipe", "pipe", passphrase],
      });
    } finally {
      closeSync(passphrase);
    }
  }
}

const now = () => Math.floor(Date.now() / 1000);

/** The time of one code after the other: a step later each, never in the past of a slow machine, and not before it is in the window. */
function steps(): { next(): Promise<number> } {
  let last = 0;
  return {
    next: async () => {
      last = Math.max(last + 30, now());
      while (last > now() + 30) await new Promise((resolve) => setTimeout(resolve, 500));
      return last;
    },
  };
}

const devices: Device[] = [];
function device(): Device {
  const made = new Device();
  devices.push(made);
  return made;
}
test.afterEach(() => {
  for (const { home } of devices.splice(0)) rmSync(home, { recursive: true });
});

test("from the QR code to the television, a family member beside, and a new phone", async ({
  page,
  server,
  browser,
}) => {
  test.setTimeout(180_000);
  await signUp(page, server);
  await page.getByRole("button", { name: "Show the QR code" }).click();
  const [phone, tablet] = [device(), device()];
  await phone.scan(page);
  await tablet.scan(page);
  const old = steps();
  const number = await confirm(page, phone.code(await old.next()));

  const code = phone.code(await old.next());
  await expect(await television(browser, server.url, number, code), "the app's code, typed with arrows").toHaveText(
    "Signed in",
  );
  await expect(await refused(browser, server.url, number, code), "the same code again").toContainText("has been used");
  await expect(
    await television(browser, server.url, number, tablet.code(await old.next())),
    "the next code, from another device",
  ).toHaveText("Signed in");

  await page.goto("/account");
  await page.getByRole("link", { name: /set up a new one/ }).click();
  await page.getByRole("button", { name: "Show the QR code" }).click();
  const next = device();
  await next.scan(page);
  const later = steps();
  expect(await confirm(page, next.code(await later.next())), "the number stays").toBe(number);
  const time = await later.next();
  for (const dead of [phone.code(time), tablet.code(time)]) {
    await expect(await refused(browser, server.url, number, dead), "the old secret is dead").toContainText(
      "not the code",
    );
  }
  await expect(
    await television(browser, server.url, number, next.code(Math.max(time, now()))),
    "the new one works",
  ).toHaveText("Signed in");
});

/** Types the first code; answers with the viewer number. */
async function confirm(page: Page, code: string): Promise<string> {
  await page.getByLabel("Code from the app").fill(code);
  await page.getByRole("button", { name: "That is my code" }).click();
  await expect(page.getByRole("heading", { name: "Your app is set up" })).toBeVisible();
  return (await page.locator(".number").innerText()).replaceAll(" ", "");
}

/** Types number and code on a television that nobody has used; answers with where the page says what came of it. */
async function type(browser: Browser, url: string, number: string, code: string): Promise<Page> {
  const page = await (await browser.newContext({ viewport: { width: 1920, height: 1080 }, baseURL: url })).newPage();
  await page.goto("/tv");
  await remote(page, [...number, "OK", ...code, "OK"]);
  return page;
}
const television = async (...what: Parameters<typeof type>) => (await type(...what)).getByRole("heading", { level: 1 });
const refused = async (...what: Parameters<typeof type>) => (await type(...what)).getByRole("alert");
