// The catalogues: each language is complete, nothing is left over, and what is wrong with one is found.
// @vitest-environment node
import { readFileSync, readdirSync } from "node:fs";
import { join } from "node:path";
import { beforeEach, describe, expect, test, vi } from "vitest";
import { catalogue, faults, languages, pluralForms, type Texts } from "../scripts/catalogues.mjs";
import same from "../messages.same.json";
import { languageFor } from "../src/lib/language";
import { dateOf, listOf, say, speakWith } from "../src/lib/say.svelte";

const english = catalogue("en");
const others = languages().filter((language) => language !== "en");
const sameIn = same as Record<string, string[] | undefined>;

test.each(others)("%s is complete", (language) => {
  expect(faults(language, catalogue(language), english, { same: sameIn[language] ?? [] })).toEqual([]);
});

test("every message is said somewhere", () => {
  const sources = readdirSync("src", { recursive: true, encoding: "utf8" })
    .filter((name) => /\.(ts|svelte)$/.test(name) && !name.startsWith(join("lib", "messages")))
    .map((name) => readFileSync(join("src", name), "utf8"));
  const said = new Set(sources.flatMap((text) => [...text.matchAll(/\bm\.(\w+)/g)].map((found) => found[1])));
  // The words for errors are looked up by the error's name; words.test.ts compares those with Rust.
  expect(Object.keys(english).filter((key) => !key.startsWith("error_") && !said.has(key))).toEqual([]);
});

test("only a language that has a catalogue, and a text that is there, is excused from being translated", () => {
  for (const [language, keys] of Object.entries(same)) {
    expect(others).toContain(language);
    const texts = catalogue(language);
    const translated = keys.filter((key) => JSON.stringify(texts[key]) !== JSON.stringify(english[key]));
    expect(translated, `${language}: translated after all`).toEqual([]);
  }
});

test("every language has its glossary", () => {
  const page = readFileSync("../docs/translating.md", "utf8");
  expect(others.filter((language) => !page.includes(`(${language})\n`))).toEqual([]);
});

describe("what is wrong with a catalogue is found", () => {
  const model: Texts = {
    hello: "Hello, {name}",
    files: { one: "{count} file of {name}", other: "{count} files of {name}" },
  };
  const polish: Texts = {
    hello: "Cześć, {name}",
    files: {
      one: "Plik: {name}",
      few: "{count} pliki: {name}",
      many: "{count} plików: {name}",
      other: "{count} pliku: {name}",
    },
  };
  const files = (forms: Record<string, string>): Texts => ({
    ...polish,
    files: { ...(polish["files"] as object), ...forms },
  });
  test("nothing in a good one", () => expect(faults("pl", polish, model)).toEqual([]));
  test.each<[string, Texts, string]>([
    ["a message that is missing", { files: polish["files"] ?? "" }, "hello: missing"],
    ["one that English has not", { ...polish, more: "Więcej" }, "more: English has no such message"],
    ["English left standing", { ...polish, hello: "Hello, {name}" }, "hello: is the English text"],
    ["an empty text", { ...polish, hello: " " }, "hello: empty"],
    ["a placeholder that is missing", { ...polish, hello: "Cześć" }, "hello: has {} where English has {name}"],
    ["a placeholder that is translated", { ...polish, hello: "Cześć, {imię}" }, "hello: a brace without its other"],
    ["a brace that is not closed", { ...polish, hello: "Cześć, {name} {" }, "hello: a brace without its other"],
    ["a mark of direction", { ...polish, hello: "Cześć, \u200f{name}" }, "hello: holds an invisible mark of direction"],
    [
      "a text where forms belong",
      { ...polish, files: "{count} {name}" },
      "files: a text with a number has forms, and no other has",
    ],
    ["a form that the language has not", files({ two: "{count} {name}" }), "files: pl has no form two"],
    ["a name that is missing from one form", files({ few: "{count} pliki" }), "files: form few lacks {name}"],
    [
      "a number that is missing where it may be any",
      files({ many: "plików: {name}" }),
      "files: form many lacks {count}",
    ],
  ])("%s", (_, texts, fault) => expect(faults("pl", texts, model)).toContain(fault));
  test("a form that is missing", () => {
    const { few: _, ...rest } = polish["files"] as Record<string, string>;
    expect(faults("pl", { ...polish, files: rest }, model)).toContain("files: has no form few");
  });
  test("where one stands for 21 too, it needs its number", () => {
    const forms = { few: "{count} {name}", many: "{count} {name}", other: "{count} {name}" };
    expect(faults("ru", { hello: "{name}!", files: { one: "{name}", ...forms } }, model)).toContain(
      "files: form one lacks {count}",
    );
  });
  test("the forms are those that the counts of a window need", () => {
    expect([...pluralForms("ar").keys()].sort()).toEqual(["few", "many", "one", "other", "two", "zero"]);
    expect([...pluralForms("fr").keys()].sort()).toEqual(["one", "other"]);
    expect([...pluralForms("ja").keys()]).toEqual(["other"]);
  });
});

describe("the language of the window", () => {
  beforeEach(() => {
    vi.resetModules();
    vi.doMock("../src/lib/messages/offered", () => ({
      catalogues: { de: null, he: null, id: null, "pt-BR": null, "zh-CN": null },
    }));
    return () => vi.doUnmock("../src/lib/messages/offered");
  });
  test.each<[string | null, string[], string, string]>([
    [null, ["de-AT", "en-GB"], "de", "de-AT"],
    [null, ["de"], "de", "de"],
    [null, ["en-GB", "de-DE"], "en", "en-GB"],
    [null, ["nl-NL", "de-DE"], "de", "de-DE"],
    [null, ["pt-PT"], "pt-BR", "pt-PT"],
    [null, ["pt"], "pt-BR", "pt-BR"],
    [null, ["zh-Hans-SG"], "zh-CN", "zh-Hans-SG"],
    [null, ["zh-TW"], "en", "en"], // in the other script
    [null, ["iw-IL"], "he", "iw-IL"], // as Java and older systems call Hebrew
    [null, ["in-ID"], "id", "in-ID"],
    [null, ["C", "C.UTF-8", "", "not a tag"], "en", "en"],
    [null, [], "en", "en"],
    ["de", ["en-GB"], "de", "de"],
    ["de", ["en-GB", "de-CH"], "de", "de-CH"],
    ["en", ["de-DE"], "en", "en"],
    ["xx", ["de-DE"], "de", "de-DE"], // chosen in a newer version, which speaks it
  ])("chosen %s, system %j: %s, with the dates of %s", async (choice, wanted, language, dates) => {
    const { languageFor } = await import("../src/lib/language");
    expect(languageFor(choice, wanted)).toEqual({ language, dates });
  });
});

describe("a message", () => {
  const files = say<{ count: number }>("files", { one: "{count} file", other: "{count} files" });
  const hello = say<{ name: string }>("hello", "Hello, {name}");
  beforeEach(() => () => speakWith("en", {}, false, "en"));
  test("is English where nothing else is spoken", () => {
    expect([files({ count: 1 }), files({ count: 0 }), hello({ name: "Ada" })]).toEqual([
      "1 file",
      "0 files",
      "Hello, Ada",
    ]);
  });
  test("takes the form that the language has for its number", () => {
    speakWith(
      "pl",
      { files: { one: "{count} plik", few: "{count} pliki", many: "{count} plików", other: "{count} pliku" } },
      false,
      "pl",
    );
    expect([1, 2, 5, 22, 112].map((count) => files({ count }))).toEqual([
      "1 plik",
      "2 pliki",
      "5 plików",
      "22 pliki",
      "112 plików",
    ]);
  });
  test("sets a name apart where the directions differ, and only there", () => {
    expect(hello({ name: "נטפליקס" })).toBe("Hello, \u2068נטפליקס\u2069");
    speakWith("he", { hello: "שלום {name}" }, true, "he");
    expect(hello({ name: "Netflix" })).toBe("שלום \u2068Netflix\u2069");
  });
  test("writes what is filled in as it is, also where it looks like a placeholder", () =>
    expect(hello({ name: "{count} $& $1" })).toBe("Hello, {count} $& $1"));
  test("dates and lists follow the language, with digits from 0 to 9", () => {
    const day = new Date("2026-11-23T12:00:00Z");
    expect(dateOf(day)).toBe("November 23, 2026");
    speakWith("en", {}, false, "en-GB");
    expect(dateOf(day)).toBe("23 November 2026");
    expect(listOf(["a", "b", "c"])).toBe("a, b, c");
    for (const [language, dates] of [
      ["ar", "ar-EG"],
      ["fa", "fa-IR"],
      ["hi", "hi-IN-u-nu-deva"],
    ] as const) {
      speakWith(language, {}, language !== "hi", dates);
      expect(dateOf(day)).toMatch(/[0-9]/);
      expect(dateOf(day), "no other digits").not.toMatch(/(?![0-9])\p{Nd}/u);
    }
  });
});

test("a system that is set to a language finds it offered", () => {
  for (const language of others) expect(languageFor(null, [language]).language).toBe(language);
});
