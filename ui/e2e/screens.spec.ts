// Every screen in every size and colour: nothing for axe to find, nothing to scroll sideways, a picture to look at.
import AxeBuilder from "@axe-core/playwright";
import { expect, NOON, openWindow, sizes, test, themes } from "./window";
import { places } from "./places";

const everything = ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice"];

for (const theme of themes) {
  for (const [name, place] of Object.entries(places)) {
    test(`${name}, ${theme}: axe finds nothing and nothing scrolls sideways`, async ({ page }) => {
      await page.setViewportSize(sizes.phone);
      await openWindow(page, place.query, { at: place.at ?? NOON, appearance: theme });
      await place.go?.(page);
      for (const [size, viewport] of Object.entries(sizes)) {
        await page.setViewportSize(viewport);
        await page.evaluate(async () => {
          document
            .getAnimations()
            .filter(
              (animation) => !(animation instanceof CSSAnimation && /run-out|appear/.test(animation.animationName)),
            )
            .forEach((animation) => animation.finish());
          await document.fonts.ready;
          await new Promise((painted) => requestAnimationFrame(() => requestAnimationFrame(painted)));
        });
        expect(
          await page.evaluate(() => document.documentElement.scrollWidth - innerWidth),
          `${size}: nothing scrolls sideways`,
        ).toBeLessThanOrEqual(0);
        // The structure is the same in every colour, so it is judged in one; contrast in all.
        const axe = new AxeBuilder({ page });
        const found = await (
          theme === "light" ? axe.withTags(everything) : axe.withRules(["color-contrast", "link-in-text-block"])
        ).analyze();
        expect(
          found.violations.map((one) => `${one.id}: ${one.nodes.map((node) => node.target.join(" ")).join(", ")}`),
          `${size}: axe`,
        ).toEqual([]);
        await page.screenshot({ path: `test-results/screens/${name}-${size}-${theme}.png` });
      }
    });
  }
}

test("from right to left nothing scrolls sideways either", async ({ page }) => {
  await page.setViewportSize(sizes.phone);
  for (const name of [
    "codes",
    "add",
    "preview-one",
    "preview-app-open",
    "preview-batch",
    "sealed-database",
    "television",
  ]) {
    const place = places[name];
    if (!place) throw new Error(`no place called ${name}`);
    await page.addInitScript(() => addEventListener("DOMContentLoaded", () => (document.documentElement.dir = "rtl")));
    await openWindow(page, place.query, { at: place.at ?? NOON });
    await place.go?.(page);
    for (const size of ["phone", "laptop"] as const) {
      await page.setViewportSize(sizes[size]);
      expect(await page.evaluate(() => document.documentElement.scrollWidth - innerWidth), name).toBeLessThanOrEqual(0);
      await page.screenshot({ path: `test-results/screens/${name}-${size}-rtl.png` });
    }
  }
});

test("controls are at least 44 pixels tall and wide on a phone", async ({ page }) => {
  await page.setViewportSize(sizes.phone);
  for (const name of [
    "codes",
    "codes-damaged",
    "preview-app",
    "sealed",
    "sealed-database",
    "preview-part",
    "export",
    "export-qr",
    "export-one",
    "menu",
    "edit",
    "television",
    "welcome",
    "add",
    "add-manual",
    "preview-warnings",
    "recovery-key",
    "unlock",
    "settings",
    "trash",
    "trouble-needs-recovery",
  ]) {
    const place = places[name];
    if (!place) throw new Error(`no place called ${name}`);
    await openWindow(page, place.query, { at: place.at ?? NOON });
    await place.go?.(page);
    const small = await page
      .locator(
        "button:visible, select:visible, label:has(input[type=radio]):visible, label:has(input[type=checkbox]):visible",
      )
      .evaluateAll((elements) =>
        elements
          .filter((element) => !element.matches("p > button")) // a link inside a sentence, WCAG 2.5.8
          .map((element) => ({
            box: element.getBoundingClientRect(),
            name: element.textContent?.trim() || element.getAttribute("aria-label"),
          }))
          .filter(({ box }) => box.width < 43.5 || box.height < 43.5)
          .map(({ box, name }) => `${name}: ${box.width} × ${box.height}`),
      );
    expect(small, name).toEqual([]);
  }
});
