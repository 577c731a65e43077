// Rules of the house that a reader would otherwise have to remember: one door to the host, colours in one file, nothing inline, enough contrast.
// @vitest-environment node
import { readFileSync, readdirSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, test } from "vitest";

const files = readdirSync("src", { recursive: true, encoding: "utf8" })
  .filter((name) => /\.(ts|svelte|css)$/.test(name) && !name.startsWith(join("lib", "messages")))
  .map((name) => ({ name, text: readFileSync(join("src", name), "utf8") }));

test("only the folder ipc imports the host, and only index.ts the generated commands", () => {
  const importing = (what: RegExp) =>
    files
      .filter(({ text }) => what.test(text))
      .map(({ name }) => name)
      .sort();
  expect(importing(/from "@tauri-apps|import\("@tauri-apps/)).toEqual([
    join("lib", "ipc", "bindings.ts"),
    join("lib", "ipc", "index.ts"),
  ]);
  expect(importing(/import \{[^}]*\bcommands\b[^}]*\} from/)).toEqual([join("lib", "ipc", "index.ts")]);
});

test("a component knows no command", () => {
  const commanding = files.filter(
    ({ name, text }) => name.startsWith("components") && /import \{[^}]*\bipc\b[^}]*\} from/.test(text),
  );
  expect(commanding.map(({ name }) => name)).toEqual([]);
});

test("only tokens.css names a raw colour", () => {
  const raw =
    /#[0-9a-f]{3,8}\b(?![^{]*\{#)|\brgba?\(|\bhsla?\(|\b(?:color|background|border|fill|stroke)(?:-color)?:\s*(?:white|black|red|gray|grey|orange)\b/i;
  const named = files.filter(
    ({ name, text }) =>
      name !== "tokens.css" &&
      (text.match(/<style>[\s\S]*<\/style>/)?.[0] ?? (name.endsWith(".css") ? text : "")).match(raw),
  );
  expect(named.map(({ name }) => name)).toEqual([]);
});

test("styles say where reading begins and ends, never left and right, so that every screen turns round whole", () => {
  const sided =
    /(?<![\w-])(?:(?:(?:margin|padding|border|scroll-(?:margin|padding))-)?(?:left|right)(?:-(?:width|color|style))?|border-(?:top|bottom)-(?:left|right)-radius)\s*:|(?:text-align|float|clear)\s*:\s*(?:left|right)/;
  const placed = "left: var(--left-px)"; // Menu.svelte measures where its button is
  const named = files.filter(({ name, text }) =>
    (text.match(/<style>[\s\S]*<\/style>/)?.[0] ?? (name.endsWith(".css") ? text : ""))
      .replace(placed, "")
      .match(sided),
  );
  expect(named.map(({ name }) => name)).toEqual([]);
  expect("a { margin-left: 0 }").toMatch(sided);
  expect("a { text-align: right }").toMatch(sided);
  expect("a { margin-inline-start: 0; --left: 3 }").not.toMatch(sided);
});

test("no style or script is written into the markup, so the page policy needs no exception", () => {
  const inline = files.filter(({ name, text }) => name.endsWith(".svelte") && /\sstyle="/.test(text));
  expect(inline.map(({ name }) => name)).toEqual([]);
  const page = readFileSync("index.html", "utf8");
  expect(page).not.toMatch(/\sstyle=|<style|<script(?![^>]*\ssrc=)|\son\w+=/);
});

test("every file begins with what it is", () => {
  const mute = files.filter(({ name, text }) => !/^(\/\/ |<!-- |\/\* )/.test(text) && !name.endsWith("vite-env.d.ts"));
  expect(mute.map(({ name }) => name)).toEqual([]);
});

describe("contrast (WCAG 2.2, 1.4.3 and 1.4.11)", () => {
  const css = readFileSync("src/tokens.css", "utf8");
  const block = (selector: RegExp) => css.match(new RegExp(`${selector.source}[^{]*\\{([^}]*)\\}`))?.[1] ?? "";
  const colours = (text: string) =>
    Object.fromEntries(
      [...text.matchAll(/--([\w-]+):\s*(#[0-9a-f]{3,6})/gi)].map((found) => [found[1], found[2]]),
    ) as Record<string, string>;
  const light = colours(block(/:root /));
  const themes = {
    light,
    dark: { ...light, ...colours(block(/:root\[data-theme="dark"\]/)) },
    contrast: { ...light, ...colours(block(/:root\[data-theme="contrast"\]/)) },
  };
  const luminance = (colour: string) => {
    const hex = colour.length === 4 ? [...colour.slice(1)].map((digit) => digit + digit).join("") : colour.slice(1);
    const [r, g, b] = [0, 2, 4]
      .map((from) => parseInt(hex.slice(from, from + 2), 16) / 255)
      .map((c) => (c <= 0.04045 ? c / 12.92 : ((c + 0.055) / 1.055) ** 2.4)) as [number, number, number];
    return 0.2126 * r + 0.7152 * g + 0.0722 * b;
  };
  const ratio = (a: string, b: string) => {
    const [low, high] = [luminance(a), luminance(b)].sort((x, y) => x - y) as [number, number];
    return (high + 0.05) / (low + 0.05);
  };
  const text = [
    ["ink", "paper"],
    ["ink", "raised"],
    ["ink", "sunk"],
    ["ink", "chosen"],
    ["ink-2", "paper"],
    ["ink-2", "raised"],
    ["on-amber", "amber"],
    ["amber-ink", "paper"],
    ["amber-ink", "raised"],
    ["danger", "paper"],
    ["danger", "raised"],
  ] as const;
  const drawn = [
    ["ink-3", "paper"],
    ["edge", "paper"],
    ["edge", "raised"],
    ["amber-ink", "paper"],
  ] as const;
  for (const [theme, tokens] of Object.entries(themes)) {
    test.each(text)(`${theme}: %s on %s is read by everybody`, (front, back) =>
      expect(ratio(tokens[front] ?? "", tokens[back] ?? "")).toBeGreaterThanOrEqual(4.5),
    );
    test.each(drawn)(`${theme}: %s on %s is seen by everybody`, (front, back) =>
      expect(ratio(tokens[front] ?? "", tokens[back] ?? "")).toBeGreaterThanOrEqual(3),
    );
  }
  test("high contrast keeps 7 : 1 for all text", () => {
    for (const [front, back] of text)
      expect(
        ratio(themes.contrast[front] ?? "", themes.contrast[back] ?? ""),
        `${front} on ${back}`,
      ).toBeGreaterThanOrEqual(7);
  });
});
