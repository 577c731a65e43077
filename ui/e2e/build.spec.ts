// The build that people get: no fake, nothing from a network, nothing inline, small.
import { readFileSync, readdirSync } from "node:fs";
import { gzipSync } from "node:zlib";
import { expect, test } from "@playwright/test";

const files = readdirSync("dist", { recursive: true, encoding: "utf8" }).filter((name) =>
  /\.(js|css|html)$/.test(name),
);
const read = (name: string) => readFileSync(`dist/${name}`, "utf8");

test("the fake is not in it", () => {
  for (const name of files) expect(read(name).includes("couchkeyFake"), name).toBe(false);
});

test("it names no address but its own", () => {
  const named = files.flatMap((name) =>
    [...read(name).matchAll(/https?:\/\/[\w.-]+/g)].map((found) => `${name}: ${found[0]}`),
  );
  // The SVG namespace, and names in messages and stand-ins of Svelte: never fetched.
  const allowed = /http:\/\/www\.w3\.org|https:\/\/svelte\.dev|http:\/\/ipc\.localhost/;
  expect(named.filter((one) => !allowed.test(one))).toEqual([]);
});

test("the page has no script, style or handler inside", () => {
  expect(read("index.html")).not.toMatch(/\sstyle=|<style|<script(?![^>]*\ssrc=)|\son\w+=|data:/);
});

test("its size is written down, and what the page names stays small", () => {
  const sizes = Object.fromEntries(files.map((name) => [name, gzipSync(read(name)).length]));
  console.log("gzip:", JSON.stringify(sizes));
  // The other screens and the brands' marks are read later (docs/decisions/0203); start.spec.ts holds the script's own budget.
  const page = read("index.html");
  const first = Object.entries(sizes).filter(([name]) => name === "index.html" || page.includes(name));
  expect(first.length, "the page, its script and its styles").toBeGreaterThanOrEqual(3);
  expect(
    first.reduce((sum, [, size]) => sum + size, 0),
    "in bytes, compressed",
  ).toBeLessThan(54_000);
});
