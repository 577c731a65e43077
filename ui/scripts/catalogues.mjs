// The catalogues of words, ui/messages/<language>.json: reading them, and what is wrong with one (docs/translating.md).
import { readFileSync, readdirSync } from "node:fs";
import { fileURLToPath } from "node:url";

/** A catalogue by its keys: a text, or the forms of one with a number. @typedef {Record<string, string | Record<string, string>>} Texts */

const folder = fileURLToPath(new URL("../messages/", import.meta.url));

/** Counts are whole numbers, and nobody has a million accounts: what a language says of those, it needs no words for. */
const COUNTS = Array.from({ length: 1001 }, (_, count) => count);
/** Invisible marks of direction. The window isolates what it puts in. */
const MARKS = /[\u200e\u200f\u061c\u202a-\u202e\u2066-\u2069]/;

/** The languages that have a file, English first. */
export function languages() {
  const found = readdirSync(folder).flatMap((name) => /^(.+)\.json$/.exec(name)?.[1] ?? []);
  return ["en", ...found.filter((language) => language !== "en").sort()];
}

/**
 * A catalogue as its file has it. Throws where that is no JSON.
 * @param {string} language
 * @returns {Texts}
 */
export function catalogue(language) {
  return Object.fromEntries(
    Object.entries(JSON.parse(readFileSync(`${folder}${language}.json`, "utf8"))).map(([key, text]) => [
      key,
      typeof text === "string" ? text : forms(text),
    ]),
  );
}

/** The variants of inlang's message format, by the plural category of their count. */
function forms(message) {
  return Object.fromEntries(
    Object.entries(message[0].match).map(([condition, text]) => [condition.replace(/^form=/, ""), text]),
  );
}

/** What stands in braces, each once. */
export function placeholders(text) {
  const texts = typeof text === "string" ? [text] : Object.values(text);
  return [...new Set(texts.flatMap((one) => [...one.matchAll(/\{(\w+)\}/g)].map((found) => found[1])))].sort();
}

/** The plural forms that a language has for the counts that occur, with the counts that each stands for. */
export function pluralForms(language) {
  const rules = new Intl.PluralRules(language);
  /** @type {Map<string, number[]>} */
  const found = new Map([["other", []]]);
  for (const count of COUNTS) {
    const form = rules.select(count);
    found.set(form, [...(found.get(form) ?? []), count]);
  }
  return found;
}

/**
 * What keeps a language from being offered, one line each; nothing where it is complete.
 * @param {string} language
 * @param {Texts} texts
 * @param {Texts} english
 * @param {{ same?: readonly string[] }} allowed keys whose text is the English one in this language, too
 */
export function faults(language, texts, english, { same = [] } = {}) {
  const wrong = [];
  const needed = pluralForms(language);
  for (const key of Object.keys(texts)) if (!(key in english)) wrong.push(`${key}: English has no such message`);
  for (const [key, model] of Object.entries(english)) {
    const text = texts[key];
    if (text === undefined) {
      wrong.push(`${key}: missing`);
      continue;
    }
    if ((typeof text === "string") !== (typeof model === "string")) {
      wrong.push(`${key}: a text with a number has forms, and no other has`);
      continue;
    }
    const all = typeof text === "string" ? [text] : Object.values(text);
    if (all.some((one) => typeof one !== "string" || one.trim() === "")) wrong.push(`${key}: empty`);
    else if (all.some((one) => one !== one.trim())) wrong.push(`${key}: begins or ends with a space`);
    if (all.some((one) => MARKS.test(one))) wrong.push(`${key}: holds an invisible mark of direction`);
    if (all.some((one) => /[{}]/.test(one.replace(/\{\w+\}/g, "")))) wrong.push(`${key}: a brace without its other`);
    const [has, wants] = [placeholders(text), placeholders(model)];
    if (has.join() !== wants.join()) wrong.push(`${key}: has {${has}} where English has {${wants}}`);
    if (typeof text !== "string" && typeof model !== "string") {
      for (const form of needed.keys()) if (!(form in text)) wrong.push(`${key}: has no form ${form}`);
      for (const form of Object.keys(text)) {
        const counts = needed.get(form);
        if (!counts && form !== "many") wrong.push(`${key}: ${language} has no form ${form}`);
        const lacking = wants.filter((name) => !placeholders(text[form] ?? "").includes(name));
        const oneNumberOnly = counts?.length === 1 || (form === "one" && counts?.join() === "0,1");
        if (lacking.length > 0 && !(oneNumberOnly && lacking.join() === "count"))
          wrong.push(`${key}: form ${form} lacks {${lacking}}`);
      }
    }
    if (language !== "en" && JSON.stringify(text) === JSON.stringify(model) && !same.includes(key) && hasWords(model))
      wrong.push(`${key}: is the English text`);
  }
  return wrong;
}

/** Whether there is something to translate. A name, alone, is none. */
function hasWords(text) {
  return /\p{L}/u.test(JSON.stringify(text).replace(/\{\w+\}|Couchkey/g, ""));
}
