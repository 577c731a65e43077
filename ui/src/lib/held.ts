// The held code of the Television view: while somebody types, the digits never jump. Time is what the codes say, never read here.
import type { AccountView } from "./ipc";

export interface Held {
  code: string;
  /** Unix seconds; both null for a counter-based code, which never gets late. */
  validFrom: number | null;
  validUntil: number | null;
  /** The digit that the person is on, from 0; -1 while nobody keeps their place. */
  place: number;
}

/** live: inside its step. late: the step after it, which most services accept (RFC 6238, 5.2). old: later than that. */
export type Phase = "live" | "late" | "old";

export function hold(account: AccountView): Held {
  return { code: account.code, validFrom: account.validFrom, validUntil: account.validUntil, place: -1 };
}

export function phase(held: Held, account: AccountView): Phase {
  if (held.validUntil === null || account.validFrom === null || account.validFrom < held.validUntil) return "live";
  return account.validFrom === held.validUntil ? "late" : "old";
}

/** What waits beneath: the next code while the held one lives, afterwards the one that lives now. */
export function waiting(held: Held, account: AccountView): string | null {
  return phase(held, account) === "live" ? account.nextCode : account.code;
}

/** After an answer of Rust: the held code stays, unless a counter moved on, which only happens when somebody asked. */
export function afterChange(held: Held, account: AccountView): Held {
  return held.validUntil === null && held.code !== account.code ? hold(account) : held;
}

/** To the next digit, or back. Before the first and after the last one no digit is marked. */
export function step(held: Held, by: 1 | -1): Held {
  const place = Math.max(-1, held.place + by);
  return { ...held, place: place < held.code.length ? place : -1 };
}
