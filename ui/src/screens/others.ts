// Lazy-loaded in one piece: every screen but the list of codes. index.ts has the table of all of them.
export { default as Add } from "./Add.svelte";
export { default as Backups } from "./Backups.svelte";
export { default as Check } from "./Check.svelte";
export { default as Drill } from "./Drill.svelte";
export { default as Export } from "./Export.svelte";
export { default as NewKeys } from "./NewKeys.svelte";
export { default as NewPassphrase } from "./NewPassphrase.svelte";
export { default as Other } from "./Other.svelte";
export { default as Recover } from "./Recover.svelte";
export { default as Recovery } from "./Recovery.svelte";
export { default as Restore } from "./Restore.svelte";
export { default as Settings } from "./Settings.svelte";
export { default as Television } from "./Television.svelte";
export { default as Trash } from "./Trash.svelte";
export { default as Trouble } from "./Trouble.svelte";
export { default as Unlock } from "./Unlock.svelte";
export { default as Welcome } from "./Welcome.svelte";
