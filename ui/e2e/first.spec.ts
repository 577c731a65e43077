// The first picture, which a small script draws before the window lives, beside what takes its place.
import type { Page } from "@playwright/test";
import { expect, openRoom, sizes, test, themes } from "./room";

const looks: Record<string, string> = {
  "one account": "open&accounts=1",
  "every kind of row, groups, notices, a damaged one": "damaged&notices=recovery_key_not_saved,items_damaged",
  "rows in every state": "open",
};

/** What is in the window, without what only tells two drawings apart: order, blanks, ids given in passing, names for tests, what a finger may do. */
function drawn(root: Element): string {
  const ids = new Map<string, string>();
  const attribute = ({ name, value }: Attr): string => {
    if (name === "class") return `class=${value.split(/\s+/).filter(Boolean).sort().join(" ")}`;
    if (name === "style") return `style=${value.replace(/\s/g, "").split(";").filter((one) => one && one !== "touch-action:pan-y").sort().join(";")}`;
    if (name !== "id" && name !== "aria-describedby") return `${name}=${value}`;
    if (!ids.has(value)) ids.set(value, `#${ids.size}`);
    return `${name}=${ids.get(value) ?? ""}`;
  };
  const lines = (node: Node, depth: number): string[] => {
    const indent = " ".repeat(depth);
    if (node.nodeType === Node.TEXT_NODE) return (node.textContent ?? "").trim() ? [`${indent}${(node.textContent ?? "").trim()}`] : [];
    if (!(node instanceof Element)) return [];
    const attributes = [...node.attributes].filter(({ name, value }) => !["data-testid", "data-screen"].includes(name) && !(name === "value" && value === "")).map(attribute).filter((one) => one !== "style=").sort();
    return [`${indent}<${node.localName} ${attributes.join(" ")}>`, ...[...node.childNodes].flatMap((child) => lines(child, depth + 1))];
  };
  return lines(root, 0).join("\n");
}

/** From now on the page comes with its codes, as from Rust. */
async function comeWithLook(page: Page, query: string): Promise<void> {
  await openRoom(page, query);
  const look = await page.evaluate(() => window.couchkeyFake?.look());
  expect(look?.codes.accounts.length).toBeGreaterThan(0);
  const json = JSON.stringify(look).replaceAll("<", "\\u003c");
  await page.route(/\/\?/, async (route) => {
    const answer = await route.fetch();
    await route.fulfill({ response: answer, body: (await answer.text()).replace("</body>", () => `<script type="application/json" id="first-look">${json}</script></body>`) });
  });
}

for (const [name, query] of Object.entries(looks)) {
  test(`${name}: the first picture is the one that stays`, async ({ page }) => {
    await comeWithLook(page, query);
    let live: () => void = () => undefined;
    const asked = new Promise<void>((resolve) => {
      void page.route(/assets\/main-.*\.js/, async (route) => {
        await new Promise<void>((go) => { live = go; resolve(); });
        await route.continue();
      });
    });
    let marks: () => void = () => undefined; // the brands' outlines come later in both
    await page.route(/brand-outlines/, async (route) => {
      await new Promise<void>((go) => (marks = go));
      await route.continue();
    });
    await page.goto(`/?fake=${query}&look`);
    await asked;
    const picture = page.locator("#app");
    await page.evaluate(async () => { await document.fonts.ready; });
    expect(await page.locator("[data-screen]").count(), "nothing lives yet").toBe(0);
    const first = await picture.evaluate(drawn);
    const pictures: Buffer[] = [];
    const takeAll = async () => {
      for (const viewport of Object.values(sizes)) {
        for (const theme of themes) {
          await page.setViewportSize(viewport);
          await page.evaluate((wanted) => { document.documentElement.dataset["theme"] = wanted; }, theme);
          pictures.push(await page.screenshot({ animations: "disabled" }));
        }
      }
      await page.setViewportSize(sizes.phone);
    };
    if (name === "one account") await takeAll();
    live();
    await page.locator("[data-screen=codes]").waitFor();
    expect(await picture.evaluate(drawn)).toBe(first);
    if (name === "one account") {
      const before = pictures.splice(0);
      await takeAll();
      expect(pictures.map((one, n) => one.equals(before[n] ?? Buffer.alloc(0)))).toEqual(before.map(() => true));
    }
    marks();
  });
}

test("a first picture that cannot be drawn does not keep the window from coming alive", async ({ page, complaints }) => {
  await comeWithLook(page, "open");
  await page.addInitScript(() => {
    const { cloneNode } = Node.prototype;
    Node.prototype.cloneNode = () => {
      Node.prototype.cloneNode = cloneNode;
      throw new Error("no picture");
    };
  });
  await page.goto("/?fake=open&look");
  await page.getByTestId("account-row").first().waitFor();
  expect(complaints.splice(0), "it was tried, and said").toEqual([expect.stringContaining("no picture")]);
});
