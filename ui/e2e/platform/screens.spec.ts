// Every page in every size and both colours: nothing for axe to find, nothing to scroll sideways, a picture to look at.
import AxeBuilder from "@axe-core/playwright";
import type { Page } from "@playwright/test";
import { enrol, expect, remote, type Server, signUp, somebody, test } from "./server";

const sizes = {
  phone: { width: 390, height: 844 },
  laptop: { width: 1280, height: 800 },
  tv: { width: 1920, height: 1080 },
};
const everything = ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice"];

const places: Record<string, (page: Page, server: Server) => Promise<unknown>> = {
  home: (page) => page.goto("/"),
  signup: (page) => page.goto("/signup"),
  "signup-refused": async (page) => {
    await page.goto("/signup");
    await page.getByLabel("E-mail address or telephone number").fill("nobody");
    await page.getByRole("button", { name: "Send me a code" }).click();
    await page.getByRole("alert").waitFor();
  },
  code: async (page) => {
    await page.goto("/signup");
    await page.getByLabel("E-mail address or telephone number").fill(somebody());
    await page.getByRole("button", { name: "Send me a code" }).click();
    await page.getByLabel("Code", { exact: true }).fill("000000");
    await page.getByRole("button", { name: "Go on" }).click();
    await page.getByRole("alert").waitFor();
  },
  signin: (page) => page.goto("/signin"),
  forgot: (page) => page.goto("/forgot"),
  offer: signUp,
  enrol: async (page, server) => {
    await signUp(page, server);
    await page.getByRole("button", { name: "Show the QR code" }).click();
    await page.getByText("I cannot scan it").click();
  },
  done: async (page, server) => {
    await signUp(page, server);
    await enrol(page);
  },
  account: async (page, server) => {
    await signUp(page, server);
    await enrol(page);
    await page.goto("/account");
  },
  delete: async (page, server) => {
    await signUp(page, server);
    await page.goto("/account/delete");
  },
  again: async (page, server) => {
    await signUp(page, server);
    await page.goto("/again");
  },
  link: async (page, server) => {
    const television = await page.context().browser()!.newPage();
    await television.goto(`${server.url}/tv`);
    const letters = await television.locator(".user-code").innerText();
    await television.close();
    await signUp(page, server);
    await page.goto(`/link?user_code=${letters}`);
  },
  tv: (page) => page.goto("/tv"),
  "tv-code": async (page) => {
    await page.goto("/tv");
    await remote(page, [..."48291733", "OK", ..."4829"]);
  },
  "tv-refused": async (page) => {
    await page.goto("/tv");
    await remote(page, [..."48291733", "OK", ..."482913", "OK"]);
  },
  "tv-signed-in": async (page, server) => {
    await signUp(page, server);
    await page.goto("/tv");
  },
  operator: async (page, server) => {
    await signUp(page, server);
    await page.goto("/operator");
  },
  "not-found": (page) => page.goto("/nothing-here"),
};

for (const theme of ["light", "dark"] as const) {
  for (const [name, go] of Object.entries(places)) {
    test(`${name}, ${theme}: axe finds nothing and nothing scrolls sideways`, async ({ page, server }) => {
      // Nothing fades in while it is measured.
      await page.emulateMedia({ colorScheme: theme, reducedMotion: "reduce" });
      await page.setViewportSize(sizes.laptop);
      await go(page, server);
      for (const [size, viewport] of Object.entries(sizes)) {
        await page.setViewportSize(viewport);
        await page.evaluate(() => document.fonts.ready);
        expect(
          await page.evaluate(() => document.documentElement.scrollWidth - innerWidth),
          `${size}: nothing scrolls sideways`,
        ).toBeLessThanOrEqual(0);
        const axe = new AxeBuilder({ page });
        const found = await (
          theme === "light" ? axe.withTags(everything) : axe.withRules(["color-contrast", "link-in-text-block"])
        ).analyze();
        expect(
          found.violations.map((one) => `${one.id}: ${one.nodes.map((node) => node.target.join(" ")).join(", ")}`),
          `${size}: axe`,
        ).toEqual([]);
        await page.screenshot({ path: `test-results/screens/platform-${name}-${size}-${theme}.png` });
      }
      if (name.startsWith("tv")) {
        const below = await page.evaluate(() => document.documentElement.scrollHeight - innerHeight);
        expect(below, "a television page is one screen").toBeLessThanOrEqual(0);
      }
    });
  }
}
