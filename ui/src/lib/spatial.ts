// Spatial navigation: moving between things by arrows alone, as on a television's remote: which of the others lies in that direction?

export type Direction = "up" | "down" | "left" | "right";
export interface Box {
  left: number;
  top: number;
  width: number;
  height: number;
}

const centre = (box: Box) => ({ x: box.left + box.width / 2, y: box.top + box.height / 2 });

/** Index of the nearest candidate whose centre lies in the direction; things in the same row or column come first. -1: none. */
export function nearest(from: Box, candidates: readonly Box[], direction: Direction): number {
  const start = centre(from);
  const across = direction === "left" || direction === "right";
  const sign = direction === "left" || direction === "up" ? -1 : 1;
  let best = -1;
  let bestScore = Infinity;
  candidates.forEach((box, index) => {
    const end = centre(box);
    const ahead = sign * (across ? end.x - start.x : end.y - start.y);
    if (ahead < 4) return;
    const beside = Math.abs(across ? end.y - start.y : end.x - start.x);
    const overlaps = across
      ? box.top < from.top + from.height && from.top < box.top + box.height
      : box.left < from.left + from.width && from.left < box.left + box.width;
    const score = ahead + beside * (overlaps ? 0.25 : 2) + (overlaps ? 0 : 200);
    if (score < bestScore) [best, bestScore] = [index, score];
  });
  return best;
}

const direction: Record<string, Direction> = {
  ArrowUp: "up",
  ArrowDown: "down",
  ArrowLeft: "left",
  ArrowRight: "right",
};
const reachable = "a[href], button, input:not([type=hidden]), select, textarea, [tabindex='0']";

/** Moves the focus for an arrow key. False when there is nowhere to go, or when the key means something to the field itself. */
export function moveFocus(event: KeyboardEvent, within: ParentNode = document): boolean {
  const way = direction[event.key];
  if (!way || event.ctrlKey || event.metaKey || event.altKey || event.shiftKey) return false;
  const from = document.activeElement instanceof HTMLElement ? document.activeElement : document.body;
  if (from.matches("select, textarea, input[type=radio], [role^=menuitem]")) return false;
  if (from.matches("input:not([type=checkbox], [type=file], [type=button])") && (way === "left" || way === "right"))
    return false;
  const others = [...within.querySelectorAll<HTMLElement>(reachable)].filter(
    (element) =>
      element !== from && element.tabIndex >= 0 && !element.matches(":disabled") && element.getClientRects().length > 0,
  );
  if (from === document.body) {
    others[0]?.focus();
    return others.length > 0;
  }
  const found =
    others[
      nearest(
        from.getBoundingClientRect(),
        others.map((element) => element.getBoundingClientRect()),
        way,
      )
    ];
  found?.focus();
  found?.scrollIntoView({ block: "nearest" });
  return found !== undefined;
}
