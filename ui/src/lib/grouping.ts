// A code in groups, for the eye and for the ear.

/** "482913" in threes is ["482", "913"]; "12345678" in threes is ["123", "456", "78"], in twos four pairs. Letters stay whole in fives. */
export function groups(code: string, size: number): string[] {
  if (code.length <= 5) return [code];
  const found: string[] = [];
  for (let from = 0; from < code.length; from += size) found.push(code.slice(from, from + size));
  return found;
}

/** For a screen reader: "4 8 2, 9 1 3", never four hundred and eighty-two. */
export function spoken(code: string, size: number): string {
  return groups(code, size)
    .map((group) => [...group].join(" "))
    .join(", ");
}
