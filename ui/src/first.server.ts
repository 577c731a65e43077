// Runs while the window is built, never in it: the list of codes as text, from the same components, with one of
// each thing that can stand there. vite.config.ts puts it into the page, and first.ts fills it with what the page comes with.
import { render } from "svelte/server";
import App from "./App.svelte";
import type { AccountView, Notice, Status } from "./lib/ipc";
import { room } from "./lib/vault.svelte";

const account: AccountView = {
  id: "", kind: "totp", issuer: "?", account: "?", note: "", pinned: true, groups: [], period: 30, digits: 6, code: "000000", nextCode: "000000", validFrom: 0, validUntil: 30,
};
/** Every one there is: a new one is missed here by the compiler. */
const notices: Record<Notice, null> = {
  older_copy: null, file_rebuilt: null, order_lost: null, items_damaged: null, repaired: null, clock_wrong: null, recovery_key_not_saved: null, backup_failed: null,
};
const open: Status = {
  state: "open", lock: "device", keyring: "system", trouble: null, ways: [], notices: Object.keys(notices) as Notice[], accounts: 2, hasRecoveryKey: true, recoveryMade: null, recoverySaved: true,
};

export function draw(): string {
  room.status = open;
  room.codes = {
    accounts: [{ ...account, id: "totp" }, { ...account, id: "hotp", kind: "hotp", period: null, nextCode: null, validFrom: null, validUntil: null }],
    groups: ["?"], damaged: [{ id: "?" }], now: 0, changesAt: null,
  };
  room.screen = { name: "codes" };
  return render(App).body;
}
