// Every error has words that say what happened and what to do; a new passphrase gets an honest hint; the camera's troubles are told apart.
// @vitest-environment node
import { readFileSync } from "node:fs";
import { describe, expect, test } from "vitest";
import words from "../messages/en.json";
import { themeFor } from "../src/lib/appearance";
import { frameSize, grey, troubleOf } from "../src/lib/camera";
import { safe, wordsOf } from "../src/lib/errors";
import type { ErrorCode } from "../src/lib/ipc";

describe("the words for errors", () => {
  const listed =
    readFileSync("src/lib/ipc/bindings.ts", "utf8").split("export type ErrorCode =")[1]?.split("\nexport ")[0] ?? "";
  const codes = [...listed.matchAll(/^"(\w+)"/gm)].map((found) => found[1] as ErrorCode);
  const fromRust = { message: "Rust says what.", hint: "Rust says what to do." };
  const said = codes.map((code) => ({ code, ...wordsOf({ code, ...fromRust }) }));
  const ours = said.filter(({ title }) => title !== fromRust.message);
  test("are there for every code of Rust, and for nothing else", () => {
    const worded = Object.keys(words).flatMap((name) => /^error_(\w+)_title$/.exec(name)?.[1] ?? []);
    expect(worded.sort()).toEqual([...codes].sort());
    expect(
      said
        .filter((one) => !ours.includes(one))
        .map(({ code }) => code)
        .sort(),
      "named by Rust",
    ).toEqual(["in_recycle_bin", "other_app"]);
  });
  test("a code that nobody knows has the words of an internal error", () => {
    expect(wordsOf({ code: "made_up" as ErrorCode, ...fromRust })).toEqual(wordsOf({ code: "internal", ...fromRust }));
  });
  test.each(ours)("$code says what happened and what to do", ({ title, cure }) => {
    expect(title.length).toBeGreaterThan(10);
    expect(cure).toMatch(/[.]$/);
    expect(title, "a title is no sentence with a full stop").not.toMatch(/[.]$/);
    expect(cure).not.toBe(title);
  });
  test("no two errors have the same title and the same cure", () => {
    const seen = ours.map(({ title, cure }) => `${title}|${cure}`);
    expect(seen.filter((one, i) => seen.indexOf(one) !== i)).toEqual([]);
  });
  test.each([
    "needs_recovery",
    "keyring_locked",
    "keyring_silent",
    "keyring_denied",
    "keyring_unavailable",
    "vault_damaged",
    "vault_newer_version",
    "vault_busy",
    "storage_full",
    "storage_denied",
    "storage_failed",
    "internal",
  ] as const)("%s may keep the vault shut, so it says what is safe", (code) => {
    expect(safe[code]).toBeDefined();
  });
});

test("no word of the trade outside of what the person copies", () => {
  const trade = /\b(TOTP|HOTP|base32|URI|IPC|AEAD|HKDF|Argon2|secret)\b/i;
  const said = (text: unknown) => JSON.stringify(text).replaceAll("Secret Service Integration", ""); // as KeePassXC calls it
  const found = Object.entries(words)
    .filter(([, text]) => trade.test(said(text)))
    .map(([name]) => name);
  expect(found).toEqual([]);
});

describe("the camera", () => {
  const named = (name: string) => Object.assign(new Error(name), { name });
  test.each([
    ["NotAllowedError", "denied"],
    ["SecurityError", "denied"],
    ["NotFoundError", "missing"],
    ["OverconstrainedError", "missing"],
    ["NotReadableError", "busy"],
    ["AbortError", "busy"],
  ])("%s is called %s", (name, trouble) => expect(troubleOf(named(name))).toBe(trouble));
  test("a system without any camera interface counts as no camera", () =>
    expect(troubleOf(new TypeError())).toBe("missing"));
  test("white is white, black is black, and green is brighter than blue", () => {
    const [white, black, green, blue] = grey(
      new Uint8ClampedArray([255, 255, 255, 255, 0, 0, 0, 255, 0, 255, 0, 255, 0, 0, 255, 255]),
    ) as unknown as [number, number, number, number];
    expect([white, black]).toEqual([255, 0]);
    expect(green).toBeGreaterThan(blue);
  });
  test.each([
    [1280, 720, 1280, 720],
    [1920, 1080, 1280, 720],
    [3840, 2160, 1280, 720],
    [640, 480, 640, 480],
    [1080, 1920, 720, 1280],
  ])("%i × %i is sent as %i × %i", (width, height, sentWidth, sentHeight) =>
    expect(frameSize(width, height)).toEqual({ width: sentWidth, height: sentHeight }),
  );
});

describe("colours", () => {
  const asks =
    (...yes: string[]) =>
    (query: string) =>
      yes.some((one) => query.includes(one));
  test("the system decides unless the person did", () => {
    expect(themeFor("system", asks())).toBe("light");
    expect(themeFor("system", asks("dark"))).toBe("dark");
    expect(themeFor("system", asks("dark", "contrast"))).toBe("contrast");
    expect(themeFor("light", asks("dark", "contrast"))).toBe("light");
  });
});
