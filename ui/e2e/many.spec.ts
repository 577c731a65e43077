// A thousand accounts: few of them in the page, searched as one types, scrolled without a stutter that anybody would see.
import { expect, openWindow, test } from "./window";

test("a thousand accounts: only those near the view are in the page, and each can be reached", async ({ page }) => {
  await openWindow(page, "open&accounts=1000");
  const rows = page.getByTestId("account-row");
  expect(await rows.count()).toBeLessThan(100);
  await expect(rows.first()).toHaveAttribute("aria-setsize", "1000");
  await page.evaluate(() => scrollTo(0, document.documentElement.scrollHeight));
  await expect(page.locator('[aria-posinset="1000"]')).toBeVisible();
  expect(await rows.count()).toBeLessThan(100);
  await page.evaluate(() => scrollTo(0, 0));
  await expect(page.locator('[aria-posinset="1"]')).toBeVisible();
});

test("scrolling does not change the height of the page", async ({ page }) => {
  await openWindow(page, "open&accounts=1000");
  await expect(page.getByTestId("account-row").first()).toBeVisible();
  await page.evaluate(() => new Promise((painted) => requestAnimationFrame(() => requestAnimationFrame(painted))));
  const height = () => page.evaluate(() => document.documentElement.scrollHeight);
  const before = await height();
  for (const part of [0.2, 0.5, 0.9]) {
    await page.evaluate((at) => scrollTo(0, document.documentElement.scrollHeight * at), part);
    await page.evaluate(() => new Promise((painted) => requestAnimationFrame(() => requestAnimationFrame(painted))));
    expect(await height(), `at ${part}`).toBe(before);
  }
});

test("a search among a thousand shows what it found and nothing else", async ({ page }) => {
  await openWindow(page, "open&accounts=1000");
  await page.getByTestId("search").fill("jellyfin 40");
  await expect(page.getByTestId("account-row")).toHaveCount(1);
  await expect(page.getByTestId("account-row")).toContainText("Jellyfin 40");
});

test("arrows go on through a thousand", async ({ page }) => {
  await openWindow(page, "open&accounts=1000");
  await page.getByTestId("account-row").first().locator(".main").focus();
  for (let i = 0; i < 60; i++) await page.keyboard.press("ArrowDown");
  const place = await page.evaluate(() =>
    Number(document.activeElement?.closest("[data-id]")?.getAttribute("aria-posinset")),
  );
  expect(place).toBeGreaterThan(60);
});

test("what it costs is written down (a figure to read, not a limit)", async ({ page }, info) => {
  await openWindow(page, "open&accounts=1000", { still: false });
  const figures = await page.evaluate(async () => {
    const frame = () => new Promise<number>((seen) => requestAnimationFrame(seen));
    const search = document.querySelector<HTMLInputElement>("[data-testid=search]");
    const started = performance.now();
    if (search) {
      search.value = "net";
      search.dispatchEvent(new Event("input", { bubbles: true }));
    }
    await frame();
    await frame();
    const searched = performance.now() - started;
    if (search) {
      search.value = "";
      search.dispatchEvent(new Event("input", { bubbles: true }));
    }
    await frame();
    const gaps: number[] = [];
    let last = await frame();
    for (let i = 0; i < 120; i++) {
      scrollBy(0, 160);
      const now = await frame();
      gaps.push(now - last);
      last = now;
    }
    gaps.sort((a, b) => a - b);
    return {
      searchedMs: Math.round(searched),
      frameMedianMs: Math.round(gaps[60] ?? 0),
      frameP95Ms: Math.round(gaps[114] ?? 0),
      rowsInPage: document.querySelectorAll("[data-testid=account-row]").length,
    };
  });
  info.annotations.push({ type: "figures", description: JSON.stringify(figures) });
  console.log("1,000 accounts:", JSON.stringify(figures));
  expect(figures.rowsInPage).toBeGreaterThan(0);
});

test("while codes are on show, nothing is asked of Rust and no script runs between two steps", async ({ page }) => {
  // The page's clock stands in the middle of a step, so that none ends meanwhile; the countdown has its own.
  await openWindow(page, "open&accounts=20");
  await expect(page.getByTestId("code").first()).toBeVisible();
  const after = await page.evaluate(async () => {
    const timers = { set: 0 };
    const real = window.setTimeout;
    window.setTimeout = ((...all: Parameters<typeof setTimeout>) => {
      timers.set++;
      return real(...all);
    }) as typeof window.setTimeout;
    const frame = window.requestAnimationFrame;
    window.requestAnimationFrame = (call) => {
      timers.set++;
      return frame(call);
    };
    const calls = () => window.couchkeyFake?.calls.length ?? 0;
    const callsBefore = calls();
    const ring = document.querySelector(".ring");
    if (!ring) throw new Error("no countdown");
    const number = () => getComputedStyle(ring).getPropertyValue("--left");
    const before = number();
    while (number() === before) await new Promise((done) => real(done, 20));
    return { set: timers.set, calls: calls() - callsBefore };
  });
  expect(after, "the countdown went on by itself").toEqual({ set: 0, calls: 0 });
});
