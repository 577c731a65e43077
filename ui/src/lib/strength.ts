// How good a new passphrase is: rated by Rust (crates/authenticator/src/passphrase.rs), so that nothing is taken here and
// refused there.
import { ipc } from "./ipc";
import type { PassphraseRating } from "./ipc";

/** Null where it cannot be told. `alone`: whoever has the file needs nothing else. */
export async function rate(passphrase: string, alone: boolean): Promise<PassphraseRating | null> {
  return ipc.ratePassphrase(passphrase, alone).catch(() => null);
}
