// The build that people get: no fake, nothing from a network, nothing inline, small.
import { readFileSync, readdirSync } from "node:fs";
import { gzipSync } from "node:zlib";
import { expect, test } from "@playwright/test";

const files = readdirSync("dist", { recursive: true, encoding: "utf8" }).filter((name) => /\.(js|css|html)$/.test(name));
const read = (name: string) => readFileSync(`dist/${name}`, "utf8");

test("the fake is not in it", () => {
  for (const name of files) expect(read(name).includes("couchkeyFake"), name).toBe(false);
});

test("it names no address but its own", () => {
  const named = files.flatMap((name) => [...read(name).matchAll(/https?:\/\/[\w.-]+/g)].map((found) => `${name}: ${found[0]}`));
  // The SVG namespace, and names in messages and stand-ins of Svelte and Paraglide: never fetched.
  const allowed = /http:\/\/www\.w3\.org|https:\/\/svelte\.dev|https:\/\/paraglidejs\.com|http:\/\/(fallback|example)\.com|http:\/\/ipc\.localhost/;
  expect(named.filter((one) => !allowed.test(one))).toEqual([]);
});

test("the page has no script, style or handler inside", () => {
  expect(read("index.html")).not.toMatch(/\sstyle=|<style|<script(?![^>]*\ssrc=)|\son\w+=|data:/);
});

test("its size is written down, and what is loaded before the first code stays small", () => {
  const sizes = Object.fromEntries(files.map((name) => [name, gzipSync(read(name)).length]));
  console.log("gzip:", JSON.stringify(sizes));
  // What the page names; the other screens and the brands' marks are read later (docs/decisions/0203).
  const page = read("index.html");
  const first = Object.entries(sizes).filter(([name]) => name === "index.html" || page.includes(name));
  expect(first.length, "the page, its script and its styles").toBeGreaterThanOrEqual(3);
  expect(first.reduce((sum, [, size]) => sum + size, 0), "in bytes, compressed").toBeLessThan(20_000);
});
