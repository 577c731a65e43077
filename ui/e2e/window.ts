// What every test of the window uses: opening it in a scenario, a clock that stands still, and no complaint in the console.
import type {} from "../src/lib/ipc/fake"; // what the fake puts on the window
import { test as base, expect, type Page } from "@playwright/test";

/** 2026-11-23 10:00:08 UTC: eight seconds into a step of thirty. */
export const NOON = 1_795_428_008;

export const sizes = {
  phone: { width: 360, height: 600 },
  laptop: { width: 1024, height: 768 },
  tv: { width: 1920, height: 1080 },
} as const;
export const themes = ["light", "dark", "contrast"] as const;

export const test = base.extend<{ complaints: string[] }>({
  // Any error, warning or violation of the page policy fails the test in which it happened.
  complaints: [
    async ({ page, baseURL }, use) => {
      const complaints: string[] = [];
      page.on("console", (message) => {
        if (["error", "warning"].includes(message.type())) complaints.push(message.text());
      });
      page.on("pageerror", (error) => complaints.push(String(error)));
      page.on("request", (request) => {
        if (!baseURL || !request.url().startsWith(baseURL)) complaints.push(`asked for ${request.url()}`);
      });
      await use(complaints);
      expect(
        complaints,
        "nothing is refused by the page policy, nothing fails, nothing is fetched from elsewhere",
      ).toEqual([]);
    },
    { auto: true },
  ],
});

export async function openWindow(
  page: Page,
  query: string,
  { at = NOON, still = true, appearance = "" } = {},
): Promise<void> {
  if (still) await page.clock.setFixedTime(at * 1000);
  await page.addInitScript(() => Object.freeze(Object.prototype)); // as Tauri's freezePrototype does
  if (appearance) await page.addInitScript((wanted) => localStorage.setItem("appearance", wanted), appearance);
  await page.goto(`/?fake=${query}${appearance ? `&appearance=${appearance}` : ""}`);
  await page.locator("[data-screen]").first().waitFor();
}

export { expect };
