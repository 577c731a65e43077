// The platform's server under test: the program that was built, in a demo of its own, and what it writes to its terminal.
import { test as base, expect, type Page } from "@playwright/test";
import { execFileSync, spawn } from "node:child_process";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";

const program = join(
  process.env.CARGO_TARGET_DIR ?? join(import.meta.dirname, "../../../target"),
  "debug/couchkey-platform",
);

export interface Server {
  url: string;
  /** The last code that was sent to this address. */
  code(to: string): Promise<string>;
  /** Everything that it wrote to its terminal. */
  said(): string;
}

export const test = base.extend<object, { server: Server }>({
  server: [
    async ({}, use) => {
      const dir = mkdtempSync(join(tmpdir(), "couchkey-platform-"));
      const child = spawn(program, ["--demo", "--data-dir", dir], {
        env: {
          PATH: process.env.PATH,
          TMPDIR: dir,
          COUCHKEY_PLATFORM_SERVER__LISTEN: "127.0.0.1:0",
          COUCHKEY_PLATFORM_SERVER__REQUESTS_PER_MINUTE: "100000",
        },
        stdio: ["ignore", "pipe", "pipe"],
      });
      let said = "";
      child.stderr.on("data", (bytes: Buffer) => (said += bytes.toString()));
      const url = await new Promise<string>((resolve, reject) => {
        let out = "";
        child.stdout.on("data", (bytes: Buffer) => {
          out += bytes.toString();
          const address = /listening on (http:\S+)/.exec(out)?.[1];
          if (address) resolve(address);
        });
        child.on("exit", () => reject(new Error(`the server ended: ${said}`)));
        child.on("error", reject);
      });
      const lines = (to: string) =>
        said
          .split("\n")
          .slice(0, -1)
          .filter((line) => line.includes(`to ${to}: `));
      const code = async (to: string) => {
        await expect(() => expect(lines(to).length).toBeGreaterThan(0)).toPass({ timeout: 20_000 });
        return lines(to).at(-1)?.split(": ").at(-1) ?? "";
      };
      await use({ url, code, said: () => said });
      const ended = new Promise((resolve) => child.once("exit", resolve));
      child.kill("SIGTERM");
      await ended;
      rmSync(dir, { recursive: true });
    },
    { scope: "worker" },
  ],
  baseURL: async ({ server }, use) => use(server.url),
});
export { expect };

/** The code of a secret at a time in milliseconds since 1970, made by somebody else's program. */
function totp(secret: string, at: number): string {
  const time = new Date(at).toISOString().replace("T", " ").slice(0, 19);
  return execFileSync("oathtool", ["--totp", "-b", "--now", `${time} UTC`, secret], { encoding: "utf8" }).trim();
}

let people = 0;
/** An address that nobody has used before. */
export const somebody = () => `person-${process.pid}-${(people += 1)}@example.tv`;

/** Signs up with a code from the mail; ends on the page that offers the app, or on the one that was asked for before. */
export async function signUp(page: Page, server: Server, heading = "Get your codes from an app"): Promise<string> {
  const address = somebody();
  await page.goto("/signup");
  await page.getByLabel("E-mail address or telephone number").fill(address);
  await page.getByRole("button", { name: "Send me a code" }).click();
  await page.getByLabel("Code", { exact: true }).fill(await server.code(address));
  await page.getByRole("button", { name: "Go on" }).click();
  await expect(page.getByRole("heading", { name: heading })).toBeVisible();
  return address;
}

/** Who has set up the app: the code that confirmed it, and the one of the step after, for which nobody has to wait. */
export interface Viewer {
  secret: string;
  number: string;
  used: string;
  next: string;
}

/** Sets the app up from the key on the page; ends on "Your app is set up". */
export async function enrol(page: Page): Promise<Viewer> {
  await page.getByRole("button", { name: "Show the QR code" }).click();
  await page.getByText("I cannot scan it").click();
  const secret = (await page.locator(".key").innerText()).replaceAll(" ", "");
  // Both codes are of this moment: whether a step ends before they are typed, the first is the one that was used, and the
  // second is in the window for another minute.
  const now = Date.now();
  const [used, next] = [totp(secret, now), totp(secret, now + 30_000)];
  await page.getByLabel("Code from the app").fill(used);
  await page.getByRole("button", { name: "That is my code" }).click();
  await expect(page.getByRole("heading", { name: "Your app is set up" })).toBeVisible();
  return { secret, number: (await page.locator(".number").innerText()).replaceAll(" ", ""), used, next };
}

/** Where each key of the keypad is: column, row. */
const keys: Record<string, [number, number]> = { Delete: [0, 3], 0: [1, 3], OK: [2, 3] };
for (let digit = 1; digit <= 9; digit += 1) keys[digit] = [(digit - 1) % 3, Math.floor((digit - 1) / 3)];

/** Presses keys of the television's keypad with four arrows and Enter, as a remote does. */
export async function remote(page: Page, names: string[]): Promise<void> {
  for (const name of names) {
    // The focus is given at a step of drawing, which may come after the page has loaded.
    await page.waitForFunction(
      (known) => known.includes(document.activeElement?.textContent?.trim() ?? ""),
      Object.keys(keys),
    );
    const here = await page.evaluate(() => document.activeElement?.textContent?.trim() ?? "");
    const [from, to] = [keys[here], keys[name]];
    if (!from || !to) throw new Error(`the focus is on "${here}" and should go to "${name}"`);
    for (let x = from[0]; x !== to[0]; x += Math.sign(to[0] - from[0]))
      await page.keyboard.press(to[0] > from[0] ? "ArrowRight" : "ArrowLeft");
    for (let y = from[1]; y !== to[1]; y += Math.sign(to[1] - from[1]))
      await page.keyboard.press(to[1] > from[1] ? "ArrowDown" : "ArrowUp");
    expect(
      await page.evaluate(() => document.activeElement?.textContent?.trim()),
      `the arrows lead from ${here} to ${name}`,
    ).toBe(name);
    const answered = name === "OK" ? page.waitForEvent("load") : undefined;
    await page.keyboard.press("Enter");
    await answered;
  }
}
