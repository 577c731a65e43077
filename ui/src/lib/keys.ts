// What a key means on the list of codes. Pure, so that the list of keys and the behaviour cannot drift apart.

export type Action = "search" | "copy" | "television" | "add" | "edit" | "remove" | "lock" | "help" | "leave";

interface Key {
  key: string;
  ctrlKey?: boolean;
  metaKey?: boolean;
  altKey?: boolean;
}

const plain: Record<string, Action> = {
  "/": "search",
  t: "television",
  n: "add",
  e: "edit",
  Delete: "remove",
  "?": "help",
  Escape: "leave",
};

/** `typing`: the focus is in a field, where letters are letters. */
export function actionFor(event: Key, typing: boolean): Action | null {
  const key = event.key.length === 1 ? event.key.toLowerCase() : event.key;
  if (event.ctrlKey || event.metaKey) return key === "l" ? "lock" : key === "f" ? "search" : null;
  if (event.altKey) return null;
  if (typing) return key === "Escape" ? "leave" : null;
  return plain[key] ?? null;
}

export function isTyping(element: Element | null): boolean {
  return (
    element instanceof HTMLElement &&
    element.matches("input:not([type=checkbox], [type=radio], [type=button], [type=file]), textarea, select")
  );
}
