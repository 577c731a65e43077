// Makes src/lib/messages from ui/messages: a typed function a message, so that a script holds the English of what it uses,
// and each other language that is complete as one file, loaded when it is spoken (docs/decisions/0310).
import { mkdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { catalogue, faults, languages, placeholders } from "./catalogues.mjs";

const HEADER = "// Made from ui/messages by scripts/words.mjs; not to be edited.\n";
const made = new URL("../src/lib/messages/", import.meta.url);
const write = (name, text) => writeFileSync(new URL(name, made), HEADER + text);

rmSync(made, { recursive: true, force: true });
mkdirSync(new URL("texts/", made), { recursive: true });
mkdirSync(new URL("languages/", made));

const english = catalogue("en");
const wrong = faults("en", english, english);
if (wrong.length > 0) throw new Error(`ui/messages/en.json:\n${wrong.join("\n")}`);
for (const [key, text] of Object.entries(english)) {
  const names = new Set([...placeholders(text), ...(typeof text === "string" ? [] : ["count"])]);
  const inputs = [...names].map((name) => `${name}: ${name === "count" ? "number" : "string | number"}`);
  write(
    `texts/${key}.ts`,
    `import { say } from "../../say.svelte";\n\n` +
      `export const ${key} = /* @__PURE__ */ say<${inputs.length > 0 ? `{ ${inputs.join("; ")} }` : "void"}>` +
      `(${JSON.stringify(key)}, ${JSON.stringify(text)});\n`,
  );
}
const all = Object.keys(english).map((key) => `export { ${key} } from "./texts/${key}";\n`);
write("all.ts", all.join(""));
write("index.ts", `export * as m from "./all";\n`);

const same = JSON.parse(readFileSync(new URL("../messages.same.json", import.meta.url), "utf8"));
const offered = languages().filter((language) => {
  if (language === "en") return false;
  const texts = catalogue(language);
  const wrong = faults(language, texts, english, { same: same[language] });
  for (const line of wrong) console.error(`ui/messages/${language}.json: ${line}`);
  if (wrong.length > 0) console.error(`${language} is not complete, and not offered.`);
  else writeFileSync(new URL(`languages/${language}.json`, made), JSON.stringify(texts));
  return wrong.length === 0;
});
const loaders = offered.map((language) => `  "${language}": () => import("./languages/${language}.json"),\n`);
write(
  "offered.ts",
  `import type { Catalogue } from "../say.svelte";\n\n` +
    `/** Where the words of each language but English come from. A language is complete, or it is not here. */\n` +
    `export const catalogues: Readonly<Record<string, () => Promise<{ default: Catalogue }>>> = {\n${loaders.join("")}};\n`,
);
