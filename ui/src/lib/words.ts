// All words of the window. They live in messages/<language>.json, so a language is one file.
import { m } from "./messages";

export { m };

/** "Plex, anna@example.com": how an account is called wherever it is named. */
export function nameOf(account: { issuer: string | null; account: string }): string {
  return [account.issuer, account.account].filter(Boolean).join(", ") || m.unnamed();
}
