// Swipe: a finger that pulls a row aside opens its menu, as `…` does for a mouse.

/** Pixels from which a movement is sideways rather than a trembling tap or the start of scrolling. */
const SLOP = 12;
/** Pixels from which letting go means it; the row follows the finger no further than half as much again. */
export const FAR = 56;

/** Where the row is while a finger has moved it by (dx, dy); null as long as that is no pull. */
export function pulled(dx: number, dy: number): number | null {
  if (Math.abs(dx) < SLOP || Math.abs(dx) < 1.5 * Math.abs(dy)) return null;
  return Math.max(-1.5 * FAR, Math.min(1.5 * FAR, dx));
}

/** To attach to a row: calls `done` once the finger that pulled it aside has let go far enough. */
export function swipe(done: () => void): (row: HTMLElement) => () => void {
  return (row) => {
    let start: { pointer: number; x: number; y: number } | null = null;
    let at: number | null = null;
    const rest = () => {
      start = at = null;
      row.style.transform = "";
    };
    const down = (event: PointerEvent) => {
      if (event.isPrimary && event.pointerType !== "mouse")
        start = { pointer: event.pointerId, x: event.clientX, y: event.clientY };
    };
    const move = (event: PointerEvent) => {
      if (event.pointerId !== start?.pointer) return;
      // Once it is a pull it stays one, so that the row follows the finger back as well.
      const dx = event.clientX - start.x;
      at = pulled(dx, at === null ? event.clientY - start.y : 0) ?? (at === null ? null : 0);
      if (at === null) return;
      row.setPointerCapture(start.pointer);
      row.style.transform = `translateX(${at}px)`;
    };
    const up = (event: PointerEvent) => {
      if (event.pointerId !== start?.pointer) return;
      const far = at !== null && Math.abs(at) >= FAR;
      // The press that some engines report after a pull would copy the code.
      if (at !== null)
        row.addEventListener("click", (click) => click.stopPropagation(), {
          capture: true,
          once: true,
          signal: AbortSignal.timeout(50),
        });
      rest();
      if (far) done();
    };
    const cancel = (event: PointerEvent) => {
      if (event.pointerId === start?.pointer) rest();
    };
    // The page scrolls up and down as ever; sideways is ours.
    row.style.touchAction = "pan-y";
    row.addEventListener("pointerdown", down);
    row.addEventListener("pointermove", move);
    row.addEventListener("pointerup", up);
    row.addEventListener("pointercancel", cancel);
    return () => {
      row.removeEventListener("pointerdown", down);
      row.removeEventListener("pointermove", move);
      row.removeEventListener("pointerup", up);
      row.removeEventListener("pointercancel", cancel);
    };
  };
}
