// Filtering as one types: every word must be in the issuer, account name, note or a group; accents and case do not matter.
import type { AccountView } from "./ipc";

const bare = (text: string) => text.normalize("NFD").replace(/\p{M}/gu, "").toLowerCase();

const known = new WeakMap<AccountView, string>();

export function matches(account: AccountView, query: string): boolean {
  const words = bare(query).split(/\s+/).filter(Boolean);
  if (words.length === 0) return true;
  let text = known.get(account);
  if (text === undefined)
    known.set(account, (text = bare([account.issuer, account.account, account.note, ...account.groups].join("\n"))));
  return words.every((word) => text?.includes(word));
}

/** Pinned first, otherwise in the person's own order. */
export function pinnedFirst(accounts: readonly AccountView[]): AccountView[] {
  return [...accounts.filter((account) => account.pinned), ...accounts.filter((account) => !account.pinned)];
}
