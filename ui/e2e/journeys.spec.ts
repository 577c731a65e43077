// Whole ways through the window: by keyboard alone, by a remote's arrows alone, with large text, without motion, by drop and paste.
import type { Page } from "@playwright/test";
import { expect, openWindow, sizes, test } from "./window";
import { picture } from "./places";

const focused = (page: Page) =>
  page.evaluate(() => {
    const element = document.activeElement;
    return (
      element?.getAttribute("data-testid") ??
      element?.closest("[data-testid]")?.getAttribute("data-testid") ??
      element?.tagName ??
      ""
    );
  });
const copied = (page: Page) =>
  page.evaluate(() => window.couchkeyFake?.calls.filter((call) => call.command === "copyCode").length ?? 0);
const focusIsSeen = (page: Page) =>
  page.evaluate(() => {
    const element = document.activeElement;
    if (!element || element === document.body) return false;
    const seen = (one: Element | null) =>
      !!one && getComputedStyle(one).outlineStyle !== "none" && parseFloat(getComputedStyle(one).outlineWidth) >= 2;
    return seen(element) || seen(element.nextElementSibling);
  });

test("by keyboard alone, from the first start to a code on the TV view", async ({ page }) => {
  await openWindow(page, "first-run", { still: false });
  await page.keyboard.press("Tab");
  expect(await focused(page)).toBe("welcome-scan");
  expect(await focusIsSeen(page)).toBe(true);
  await page.keyboard.press("Enter");
  await expect(page.locator("[data-screen=add]")).toBeVisible();
  for (let i = 0; i < 10 && (await focused(page)) !== "add-paste"; i++) await page.keyboard.press("Tab");
  await page.keyboard.press("Enter");
  await expect(page.getByTestId("preview-row")).toBeVisible();
  for (let i = 0; i < 10 && (await focused(page)) !== "preview-save"; i++) {
    await page.keyboard.press("Tab");
    expect(await focusIsSeen(page), `the focus is seen on ${await focused(page)}`).toBe(true);
  }
  await page.keyboard.press("Enter");
  await expect(page.locator("[data-screen=check]")).toBeVisible();
  for (let i = 0; i < 10 && (await focused(page)) !== "check-done"; i++) await page.keyboard.press("Tab");
  await page.keyboard.press("Enter");
  for (let i = 0; i < 10 && (await focused(page)) !== "recovery-later"; i++) await page.keyboard.press("Tab");
  await page.keyboard.press("Enter");
  await expect(page.getByTestId("account-row")).toHaveCount(1);
  await page.keyboard.press("t");
  await expect(page.getByTestId("tv-code")).toBeVisible();
  await page.keyboard.press("Escape");
  await expect(page.locator("[data-screen=codes]")).toBeVisible();
});

test("the keys of the list do what the list of keys says", async ({ page }) => {
  await openWindow(page, "open");
  await page.keyboard.press("/");
  expect(await focused(page)).toBe("search");
  await page.keyboard.type("sound");
  await expect(page.getByTestId("account-row")).toHaveCount(1);
  await page.keyboard.press("Enter");
  await expect.poll(() => copied(page)).toBe(1);
  await page.keyboard.press("Escape");
  await expect(page.getByTestId("account-row")).toHaveCount(8);
  await page.keyboard.press("ArrowDown");
  await page.keyboard.press("?");
  await expect(page.getByTestId("keys")).toBeVisible();
  await page.keyboard.press("Escape");
  await expect(page.getByTestId("keys")).toBeHidden();
  await page.keyboard.press("n");
  await expect(page.locator("[data-screen=add]")).toBeVisible();
  await page.keyboard.press("Escape");
  await expect(page.locator("[data-screen=codes]")).toBeVisible();
  await page.getByTestId("account-row").nth(2).locator(".main").focus();
  await page.keyboard.press("e");
  await expect(page.getByTestId("edit-issuer")).toHaveValue("SoundCloud");
  await page.getByTestId("edit-issuer").fill("Music");
  await page.keyboard.press("Enter");
  await expect(page.getByTestId("account-row").nth(2)).toContainText("Music");
  await page.keyboard.press("Delete");
  await expect(page.getByTestId("account-row")).toHaveCount(7);
  await page.getByTestId("undo").click();
  await expect(page.getByTestId("account-row")).toHaveCount(8);
});

for (const [name, viewport] of Object.entries(sizes)) {
  test(`by arrows and Enter alone, ${name}: to any code, its TV view and back, and to the other screens`, async ({
    page,
  }) => {
    await page.setViewportSize(viewport);
    await openWindow(page, "open");
    await page.getByTestId("search").focus();
    const seen = new Set<string>();
    for (let i = 0; i < 20; i++) {
      await page.keyboard.press("ArrowDown");
      seen.add(
        (await page.evaluate(() => document.activeElement?.closest("[data-id]")?.getAttribute("data-id"))) ?? "",
      );
    }
    expect(seen.size, "down goes through the rows").toBeGreaterThan(name === "phone" ? 7 : 2);
    await page.getByTestId("account-row").nth(1).locator(".main").focus();
    await page.keyboard.press("Enter");
    await expect.poll(() => copied(page)).toBe(1);
    for (let i = 0; i < 3 && !["row-television", "row-more"].includes(await focused(page)); i++)
      await page.keyboard.press("ArrowRight");
    if ((await focused(page)) === "row-more") await page.keyboard.press("ArrowDown");
    expect(await focused(page)).toBe("row-television");
    await page.keyboard.press("Enter");
    await expect(page.getByTestId("tv-code")).toBeVisible();
    await page.keyboard.press("ArrowRight");
    await expect(page.locator(".here")).toHaveCount(1);
    await page.keyboard.press("ArrowUp");
    expect(await focused(page), "up leads to Close").toBe("tv-close");
    await page.keyboard.press("Enter");
    await expect(page.locator("[data-screen=codes]")).toBeVisible();
    expect(await page.evaluate(() => document.activeElement?.closest("[data-id]") !== null), "back where one was").toBe(
      true,
    );
    for (let i = 0; i < 40 && !(await focused(page)).startsWith("nav-"); i++)
      await page.keyboard.press(name === "phone" ? "ArrowDown" : "ArrowLeft");
    expect(await focused(page)).toMatch(/^nav-/);
    for (let i = 0; i < 3 && (await focused(page)) !== "nav-settings"; i++)
      await page.keyboard.press(name === "phone" ? "ArrowRight" : "ArrowDown");
    await page.keyboard.press("Enter");
    await expect(page.locator("[data-screen=settings]")).toBeVisible();
  });
}

test("the held code takes the fresh one by Enter alone, from wherever the remote left the focus", async ({ page }) => {
  await openWindow(page, "open");
  await page.getByTestId("row-television").first().click();
  const next = await page.getByTestId("tv-waiting").getAttribute("data-code");
  await page.clock.setFixedTime(1_795_428_034_000);
  await page.evaluate(() => document.dispatchEvent(new Event("visibilitychange")));
  await expect(page.locator("[data-phase=late]")).toBeVisible();
  await page.keyboard.press("Enter");
  await expect(page.getByTestId("tv-code")).toHaveAttribute("data-code", next ?? "");
});

test("when the step ends, the held digits do not move by a pixel", async ({ page }) => {
  for (const viewport of Object.values(sizes)) {
    await page.setViewportSize(viewport);
    await openWindow(page, "open");
    await page.getByTestId("row-television").first().click();
    const before = await page.getByTestId("tv-code").boundingBox();
    await page.clock.setFixedTime(1_795_428_034_000);
    await page.evaluate(() => document.dispatchEvent(new Event("visibilitychange")));
    await expect(page.locator("[data-phase=late]")).toBeVisible();
    expect(await page.getByTestId("tv-code").boundingBox()).toEqual(before);
    const [held, waiting] = [
      await page.getByTestId("tv-code").boundingBox(),
      await page.getByTestId("tv-waiting").boundingBox(),
    ];
    expect(waiting?.x, "the fresh one waits in the same column").toBeCloseTo(held?.x ?? -1, 0);
    expect(waiting?.width, "and in the same size").toBeCloseTo(held?.width ?? -1, 0);
  }
});

for (const [name, viewport] of Object.entries(sizes)) {
  test(`text at 200 %, ${name}: nothing is cut off sideways and every code is whole`, async ({ page }) => {
    await page.setViewportSize(viewport);
    for (const [query, go] of [
      ["open", null],
      ["open", "row-television"],
      ["open", "nav-add"],
      ["open", "nav-settings"],
      ["first-run", null],
      ["locked", null],
      ["trouble:needs_recovery", null],
    ] as const) {
      await openWindow(page, query);
      if (go) await page.getByTestId(go).first().click();
      await page.evaluate(() => (document.documentElement.style.fontSize = "200%"));
      await page.evaluate(() => dispatchEvent(new Event("resize")));
      expect(
        await page.evaluate(() => document.documentElement.scrollWidth - innerWidth),
        `${query} ${go ?? ""}`,
      ).toBeLessThanOrEqual(0);
      const cut = await page
        .locator("[data-testid=code], [data-testid=tv-code], [data-testid=tv-waiting]")
        .evaluateAll(
          (codes) =>
            codes
              .map((code) => code.getBoundingClientRect())
              .filter((box) => box.left < 0 || box.right > innerWidth + 0.5).length,
        );
      expect(cut, "no code leaves the window").toBe(0);
      await page.screenshot({
        path: `test-results/screens/large-text-${query.replace(/\W/g, "-")}${go ? `-${go}` : ""}-${name}.png`,
      });
    }
  });
}

test("with reduced motion the ring stands and the number goes on", async ({ page }) => {
  await page.emulateMedia({ reducedMotion: "reduce" });
  await openWindow(page, "open"); // the page's clock stands; the countdown has its own
  const ring = page.locator(".ring").first();
  const number = () => ring.evaluate((element) => Number(getComputedStyle(element).getPropertyValue("--left")));
  const drawn = () => ring.evaluate((element) => getComputedStyle(element, "::before").backgroundImage);
  const before = await number();
  expect(await drawn(), "no part of the ring runs out").toBe("none");
  await expect.poll(number).not.toBe(before);
});

test("a picture dropped anywhere and text pasted anywhere are looked at", async ({ page }) => {
  await openWindow(page, "open");
  await page.evaluate(() => {
    const data = new DataTransfer();
    data.items.add(new File(["short"], "tv.png", { type: "image/png" }));
    dispatchEvent(new DragEvent("drop", { dataTransfer: data, bubbles: true, cancelable: true }));
  });
  await expect(page.getByTestId("preview-row")).toBeVisible();
  await expect(page.getByTestId("warning")).toBeVisible();
  await page.getByTestId("nav-codes").click();
  await page.evaluate(() => {
    const data = new DataTransfer();
    data.setData("text/plain", "otpauth://totp/StreamTV:anna?secret=two");
    document.body.dispatchEvent(new ClipboardEvent("paste", { clipboardData: data, bubbles: true, cancelable: true }));
  });
  await expect(page.getByTestId("preview-row")).toHaveCount(1);
  const asked = await page.evaluate(() => window.couchkeyFake?.calls.map((call) => call.command));
  expect(asked, "Rust reads the clipboard, and the page does not").toContain("previewClipboard");
  expect(asked).not.toContain("previewText");
});

test("a sheet is all that is printed", async ({ page }) => {
  await openWindow(page, "open");
  await page.getByTestId("nav-settings").click();
  await page.getByTestId("settings-recovery").click();
  await page.getByTestId("recovery-make").click();
  await page.getByTestId("recovery-key").waitFor();
  await page.emulateMedia({ media: "print" });
  await expect(page.locator(".sheet")).toBeVisible();
  await expect(page.getByTestId("recovery-saved")).toBeHidden();
  await expect(page.getByTestId("nav-codes")).toHaveCount(0);
  await page.screenshot({ path: "test-results/screens/sheet.png" });
});

test("the page has its colours before any script has run, and no place that would jump", async ({ browser }) => {
  const context = await browser.newContext({ javaScriptEnabled: false, viewport: sizes.phone });
  const page = await context.newPage();
  await page.goto("/");
  const colours = await page.evaluate(() => [
    getComputedStyle(document.documentElement).backgroundColor,
    getComputedStyle(document.body).color,
  ]);
  expect(colours, "--paper and --ink of tokens.css").toEqual(["rgb(248, 244, 236)", "rgb(29, 25, 20)"]);
  expect(await page.locator("body").innerText()).toBe("");
  await context.close();
});

test("a second picture keeps waiting for its turn when several are chosen", async ({ page }) => {
  await openWindow(page, "open");
  await page.getByTestId("nav-add").click();
  await page.getByTestId("add-file-input").setInputFiles([picture("one"), picture("two")]);
  await expect(page.getByTestId("preview-row")).toHaveCount(1);
  await page.getByTestId("preview-save").click();
  await expect(page.getByTestId("preview-row")).toHaveCount(2);
});

test.describe("fingers", () => {
  test.use({ hasTouch: true });
  test("a finger that pulls a row aside opens its menu, one that taps copies, one that scrolls does neither", async ({
    page,
    context,
  }) => {
    const fingers = await context.newCDPSession(page);
    await page.setViewportSize(sizes.phone);
    await openWindow(page, "open");
    const row = await page.getByTestId("account-row").nth(1).boundingBox();
    if (!row) throw new Error("the second row is not there");
    const touch = (type: "touchStart" | "touchMove" | "touchEnd", x = 0, y = 0) =>
      fingers.send("Input.dispatchTouchEvent", { type, touchPoints: type === "touchEnd" ? [] : [{ x, y }] });
    const pull = async (dx: number, dy: number) => {
      const [x, y] = [row.x + row.width / 2, row.y + 30];
      await touch("touchStart", x, y);
      for (let part = 1; part <= 8; part++) await touch("touchMove", x + (dx * part) / 8, y + (dy * part) / 8);
      await touch("touchEnd");
    };
    await page.touchscreen.tap(row.x + row.width / 2, row.y + 30);
    await expect.poll(() => copied(page)).toBe(1);
    await pull(-120, 4);
    await expect(page.getByRole("menu")).toBeVisible();
    await page.keyboard.press("Escape");
    await pull(-30, 0);
    await pull(0, -200);
    await expect(page.getByRole("menu")).toBeHidden();
    expect(await copied(page), "pulling and scrolling copy nothing more").toBe(1);
  });
});
