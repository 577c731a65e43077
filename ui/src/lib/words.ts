// All words of the window. They live in messages/<language>.json, so a language is one file.
export { m } from "./paraglide/messages.js";
