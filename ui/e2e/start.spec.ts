// The start-up budget: what the page asks for, reads and runs before the first code, in the build that people get.
import { readFileSync, readdirSync } from "node:fs";
import type { Page } from "@playwright/test";
import { contentSecurityPolicy } from "../vite.config.ts";
import { expect, openWindow, test } from "./window";

/** Of the script that the page names, as the engine reads it. */
const SCRIPT_BYTES = 126_000;
/** Processor time of the page's main thread up to its codes: so many times what the reference takes in the same run. It was 0.8. */
const TIMES_THE_REFERENCE = 1.1;
const ROUNDS = 5;
/** Of the words of a language other than English, which are loaded beside it. Devanagari takes three bytes a letter. */
const WORDS_BYTES = 130_000;

/** What the page calls until its window is shown, and what stands in it by then. */
interface Start {
  calls: string[];
  codes: string[] | null;
}
declare global {
  interface Window {
    start?: Start;
  }
}

/** The built page as Rust serves it, with its codes in it; other scripts than those that the page names never arrive. */
async function serveBuild(page: Page, look: string, language = "en"): Promise<void> {
  const beginning = `{"languages":["${language}"],"look":${look.replaceAll("<", "\\u003c")}}`;
  const block = `<script type="application/json" id="beginning">${beginning}</script></body>`;
  const index = readFileSync("dist/index.html", "utf8");
  await page.route("**/*", async (route) => {
    const path = new URL(route.request().url()).pathname;
    if (path === "/reference") {
      await route.fulfill({ contentType: "text/html", body: "<!doctype html><title>reference</title>" });
    } else if (path === "/") {
      await route.fulfill({
        contentType: "text/html",
        headers: { "Content-Security-Policy": contentSecurityPolicy },
        body: index.replace("</body>", () => block),
      });
    } else if (path === "/icon.svg" || index.includes(path) || path.startsWith(`/assets/${language}-`)) {
      await route.fulfill({ path: `dist${path}` });
    }
  });
  await page.addInitScript(() => {
    const start: Start = { calls: [], codes: null };
    window.start = start;
    const invoke = (command: string) => {
      if (command === "shown")
        start.codes = [...document.querySelectorAll<HTMLElement>("[data-testid=code]")].map(
          (code) => code.dataset["code"] ?? "",
        );
      else if (start.codes === null) start.calls.push(command);
      return new Promise(() => undefined); // Rust never answers: the first codes wait for nothing
    };
    Object.assign(window, { __TAURI_INTERNALS__: { invoke } });
  });
}

async function lookOf(page: Page, query: string): Promise<{ json: string; codes: string[] }> {
  await openWindow(page, query);
  const look = await page.evaluate(() => window.couchkeyFake?.look());
  if (!look) throw new Error("the fake has nothing to put into the page");
  return { json: JSON.stringify(look), codes: look.codes.accounts.map(({ code }) => code) };
}

async function start(page: Page): Promise<Start> {
  await page.goto("/");
  await page.waitForFunction(() => window.start?.codes);
  return page.evaluate(() => window.start as Start);
}

test("the window is shown when the codes that came with the page stand in it, and no answer is waited for", async ({
  page,
}) => {
  const look = await lookOf(page, "open&accounts=3");
  await serveBuild(page, look.json);
  expect(await start(page)).toEqual({ calls: ["news"], codes: look.codes });
});

test("in another language the codes wait for the words of that language, and for no other's", async ({ page }) => {
  const look = await lookOf(page, "open&accounts=3");
  const scripts: string[] = [];
  page.on("request", (request) => {
    const name = /\/assets\/(.+\.js)$/.exec(request.url())?.[1];
    if (name && scripts.length < 3) scripts.push(name); // what comes later is loaded when the page is idle
  });
  await serveBuild(page, look.json, "hi");
  scripts.length = 0;
  expect(await start(page)).toEqual({ calls: ["news"], codes: look.codes });
  expect(await page.locator("html").getAttribute("lang")).toBe("hi");
  expect(scripts.map((name) => name.replace(/-.*/, "")).sort()).toEqual(["hi", "index", "say.svelte"]);
  const words = scripts.find((name) => name.startsWith("hi-"));
  expect(Buffer.byteLength(readFileSync(`dist/assets/${words}`))).toBeLessThan(WORDS_BYTES);
});

test("keys that are pressed while their screen is still being loaded are not lost", async ({ page }) => {
  const loaded = new Promise<() => void>((resolve) => {
    void page.route(/assets\/others-.*\.js/, async (route) => {
      await new Promise<void>((go) => resolve(go));
      await route.continue();
    });
  });
  await openWindow(page, "open");
  const load = await loaded; // asked for by the idle page: nobody has touched anything
  await page.keyboard.press("t");
  await expect(page.locator("[data-screen]")).toHaveCount(0);
  for (const key of ["Escape", "n", "Escape", "/"]) await page.keyboard.press(key);
  load();
  await expect(page.getByTestId("search"), "by way of the television, the codes and adding").toBeFocused();
  await page.keyboard.type("net");
  await expect(page.getByTestId("search")).toHaveValue("net");
});

test("the script before the first code stays within its bytes", () => {
  const index = readFileSync("dist/index.html", "utf8");
  const scripts = readdirSync("dist/assets").filter((name) => name.endsWith(".js") && index.includes(name));
  // Its own, and what the other screens share with it (Svelte and what says the words). The page names both, so they are asked for at once.
  expect(scripts.map((name) => name.replace(/-.*/, "")).sort()).toEqual(["index", "say.svelte"]);
  const bytes = scripts.map((name) => Buffer.byteLength(readFileSync(`dist/assets/${name}`)));
  expect(bytes.reduce((sum, size) => sum + size)).toBeLessThan(SCRIPT_BYTES);
});

/** Something to hold it against that a busy or slow machine slows down as much: elements, texts and JSON, as the page has them. */
function reference(): number {
  const made: Element[] = [];
  for (let i = 0; i < 60_000; i++) {
    const element = document.createElement("i");
    element.textContent = JSON.stringify(JSON.parse(JSON.stringify({ number: i, texts: [i, `${i}`] })));
    made.push(element);
  }
  return made.length;
}

/** What the page's main thread has used of a processor so far, by the browser's own count: waiting does not add to it. */
async function processorTime(page: Page, work: () => Promise<unknown>): Promise<number> {
  const browser = await page.context().newCDPSession(page);
  await browser.send("Performance.enable", { timeDomain: "threadTicks" });
  await work();
  const { metrics } = await browser.send("Performance.getMetrics");
  return metrics.find(({ name }) => name === "TaskDuration")?.value ?? NaN;
}

test("the processor time before the first code stays within its multiple of the reference", async ({
  page,
  context,
}) => {
  const look = await lookOf(page, "open&accounts=3");
  const ratios: number[] = [];
  for (let round = 0; round < ROUNDS; round++) {
    const measured: number[] = [];
    for (const work of [
      start,
      async (one: Page) => {
        await one.goto("/reference");
        await one.evaluate(reference);
      },
    ]) {
      const one = await context.newPage();
      await serveBuild(one, look.json);
      measured.push(await processorTime(one, () => work(one)));
      await one.close();
    }
    const [app = NaN, other = NaN] = measured;
    ratios.push(app / other);
  }
  console.log("times the reference:", ratios.map((ratio) => ratio.toFixed(2)).join(" "));
  const middle = ratios.sort((a, b) => a - b)[Math.floor(ROUNDS / 2)];
  expect(middle).toBeGreaterThan(0);
  expect(middle).toBeLessThan(TIMES_THE_REFERENCE);
});
