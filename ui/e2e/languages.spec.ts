// Every language: the words fit on a phone, the first start finds the system's, and a code runs from left to right in all of them.
import type { Page } from "@playwright/test";
import { languages } from "../scripts/catalogues.mjs";
import { expect, NOON, openWindow, sizes, test } from "./window";
import { places, toImport } from "./places";

declare global {
  interface Window {
    couchkeySpeak?: (language: string) => Promise<void>;
  }
}
const speak = (page: Page, language: string) =>
  page.evaluate(async (language) => {
    await window.couchkeySpeak?.(language);
    await new Promise((painted) => requestAnimationFrame(() => requestAnimationFrame(painted)));
  }, language);

/** Texts that reach out of the window, of the button that they stand in, or of what cuts them off. Names may be cut, with an ellipsis. */
function cutTexts(): string[] {
  const found: string[] = [];
  if (document.documentElement.scrollWidth > innerWidth)
    found.push(`scrolls by ${document.documentElement.scrollWidth - innerWidth}`);
  const texts = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
  while (texts.nextNode()) {
    const text = texts.currentNode;
    const parent = text.parentElement;
    if (!text.textContent?.trim() || !parent?.checkVisibility({ visibilityProperty: true, opacityProperty: true }))
      continue;
    if (parent.closest(".unseen, [aria-hidden=true], option, script, .next")) continue;
    const range = document.createRange();
    range.selectNodeContents(text);
    const words = `“${text.textContent.trim().slice(0, 40)}”`;
    for (const { left, right } of range.getClientRects()) {
      for (let around: Element | null = parent; around; around = around.parentElement) {
        const style = getComputedStyle(around);
        if (style.textOverflow === "ellipsis") break;
        if (style.overflowX === "visible" && !around.matches("button, kbd, label, body")) continue;
        const box = around.matches("body") ? { left: 0, right: innerWidth } : around.getBoundingClientRect();
        const out = Math.max(box.left - left, right - box.right);
        if (out > 1) found.push(`${words} is ${Math.round(out)} px out of its ${around.tagName}`);
        if (out > 1) break;
      }
    }
  }
  return [...new Set(found)];
}

const others = languages().filter((language) => language !== "en");
for (const [name, place] of Object.entries(places)) {
  test(`${name}: the words of every language fit on a phone`, async ({ page }) => {
    await page.setViewportSize(sizes.phone);
    await openWindow(page, place.query, { at: place.at ?? NOON });
    await place.go?.(page);
    const found: Record<string, string[]> = {};
    for (const language of others) {
      await speak(page, language);
      const cut = await page.evaluate(cutTexts);
      if (cut.length > 0) found[language] = cut;
    }
    expect(found).toEqual({});
  });
}

test("on a laptop, too, and each tab's name stands on one line beside the list", async ({ page }) => {
  await page.setViewportSize(sizes.laptop);
  await openWindow(page, "open");
  const found: Record<string, string[]> = {};
  for (const language of others) {
    await speak(page, language);
    const cut = await page.evaluate(cutTexts);
    const broken = await page.locator("nav button > span:last-child").evaluateAll((names) =>
      names
        .filter((name) => {
          const words = document.createRange();
          words.selectNodeContents(name);
          return words.getClientRects().length > 1;
        })
        .map((name) => `${name.textContent} is broken`),
    );
    if (cut.length + broken.length > 0) found[language] = [...cut, ...broken];
  }
  expect(found).toEqual({});
});

/** Where the digits of each code stand, as distances from its first one. */
const digitsOf = (page: Page, within: string) =>
  page.locator(within).evaluateAll((codes) =>
    codes.map((code) => {
      const digits = [...code.querySelectorAll(".group > span, li")].map((digit) => digit.getBoundingClientRect());
      const first = digits[0]?.left ?? NaN;
      return digits.map(({ left, top }) => [Math.round(left - first), Math.round(top - (digits[0]?.top ?? NaN))]);
    }),
  );

test("a code runs from left to right, with its gap, in every language that does not", async ({ page }) => {
  for (const [go, codes] of [
    [null, "[data-testid=code]"],
    [places["television"]?.go, "[data-testid=tv-code], [data-testid=tv-waiting]"],
    [places["recovery-key"]?.go, "[data-testid=recovery-key]"],
  ] as const) {
    await openWindow(page, "open");
    await go?.(page);
    const inEnglish = await digitsOf(page, codes);
    expect(inEnglish.length).toBeGreaterThan(0);
    for (const code of inEnglish) expect(code.length).toBeGreaterThanOrEqual(5);
    for (const language of ["ar", "fa", "he"]) {
      await speak(page, language);
      await expect(page.locator("html")).toHaveAttribute("dir", "rtl");
      expect(await digitsOf(page, codes), `${language}: ${codes}`).toEqual(inEnglish);
    }
  }
});

test("between the groups of a code there is a gap", async ({ page }) => {
  await openWindow(page, "open&accounts=1");
  for (const language of ["en", "ar"]) {
    await speak(page, language);
    const [code = []] = await digitsOf(page, "[data-testid=code]");
    const steps = code.slice(1).map(([left = 0], i) => left - (code[i]?.[0] ?? 0));
    const [within = 0, , between = 0] = steps;
    expect(steps.length, "six digits").toBe(5);
    expect(within, language).toBeGreaterThan(0);
    expect(between, language).toBeGreaterThan(within * 1.3);
  }
});

test.describe("the first start", () => {
  test.use({ locale: "de-AT" });
  test("speaks the language of the system", async ({ page }) => {
    await openWindow(page, "first-run");
    await expect(page.locator("html")).toHaveAttribute("lang", "de");
    await expect(page.locator("html")).toHaveAttribute("dir", "ltr");
  });
});

test("a language is chosen in the settings, at once and for the next start, and the focus stays", async ({ page }) => {
  await openWindow(page, "open");
  await page.getByTestId("nav-settings").click();
  const choice = page.getByTestId("setting-language");
  await expect(choice).toHaveValue("");
  await choice.focus();
  await choice.selectOption("ar");
  await expect(page.locator("html")).toHaveAttribute("lang", "ar");
  await expect(page.locator("html")).toHaveAttribute("dir", "rtl");
  await expect(choice).toBeFocused();
  const kept = await page.evaluate(() => window.couchkeyFake?.calls.filter(({ command }) => command === "setSettings"));
  expect(kept?.at(-1)?.args[0]).toMatchObject({ language: "ar" });
  await openWindow(page, "locked"); // the settings are sealed
  await expect(page.locator("html")).toHaveAttribute("lang", "ar");
});

test("what was typed stays when the language changes", async ({ page }) => {
  await openWindow(page, "open");
  await toImport(page, "aegis 8 locked");
  await page.getByTestId("sealed-password").fill("half a passw");
  await speak(page, "de");
  await expect(page.getByTestId("sealed-password")).toHaveValue("half a passw");
  await expect(page.locator("html")).toHaveAttribute("lang", "de");
});
