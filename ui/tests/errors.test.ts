// Errors whose words name something that only Rust knows: another app, or how many.
import { expect, test } from "vitest";
import { wordsOf } from "../src/lib/errors";

test("the code of another app is named, with the cure for it", () => {
  const report = {
    code: "other_app" as const,
    message: "This code is for Microsoft Authenticator alone, so no other app can make codes from it.",
    hint: "On that page choose 'a different authenticator app'.",
  };
  expect(wordsOf(report)).toEqual({ title: report.message, cure: report.hint });
});

test("every other error has the window's own words", () => {
  const words = wordsOf({ code: "no_qr_code", message: "from Rust", hint: "from Rust" });
  expect(words.title).not.toContain("Rust");
  expect(words.cure).not.toContain("Rust");
});
