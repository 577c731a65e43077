// The table of all screens: the component of each, and how the window treats it.
import type { Screen } from "../app.svelte";

/** The lazy-loaded screens. */
export type Others = typeof import("./others");
export const loadOthers = (): Promise<Others> => import("./others");

export type Tab = "codes" | "add" | "settings";

export interface Place {
  /** "Codes" is part of the first script; all others are lazy-loaded. */
  component: "Codes" | keyof Others;
  /** The tab that it belongs to. With one, the bar is beside it as long as the vault is open. */
  tab?: Tab;
  /** It stays open when the vault is found to be open; any other screen then makes room for the codes. */
  staysOpen?: true;
  /** It can be left at any time: what it shows can be seen again, and nothing is typed or done there. */
  free?: true;
  /** It shows a key once, or something is being typed: what is dropped or pasted does not take its place. */
  holds?: true;
}

export const screens: Record<Screen["name"], Place> = {
  codes: { component: "Codes", tab: "codes", free: true },
  television: { component: "Television", staysOpen: true },
  add: { component: "Add", tab: "add", staysOpen: true, free: true },
  check: { component: "Check", staysOpen: true },
  settings: { component: "Settings", tab: "settings", staysOpen: true, free: true },
  trash: { component: "Trash", tab: "settings", staysOpen: true, free: true },
  export: { component: "Export", tab: "settings", staysOpen: true, holds: true },
  backups: { component: "Backups", tab: "settings", staysOpen: true, free: true },
  drill: { component: "Drill", tab: "settings", staysOpen: true, holds: true },
  restore: { component: "Restore", tab: "settings", staysOpen: true, holds: true },
  "new-keys": { component: "NewKeys", tab: "settings", staysOpen: true, holds: true },
  recovery: { component: "Recovery", staysOpen: true, holds: true },
  welcome: { component: "Welcome", free: true },
  other: { component: "Other", free: true },
  "new-passphrase": { component: "NewPassphrase", holds: true },
  unlock: { component: "Unlock" },
  recover: { component: "Recover" },
  trouble: { component: "Trouble" },
};
