// Virtual list: which rows of a long list are in the page, those in view and a few around them.

export interface Seen {
  from: number;
  to: number;
}

/** Lists up to this length are in the page as a whole; find-in-page and screen readers like that best. */
export const WHOLE = 80;

/** A list whose rows nobody has measured yet: about as high as they are at the usual size of type, in one column. */
export const unmeasured = { height: 800, listTop: 0, row: 124, columns: 1 };

export function rowsInView(
  count: number,
  columns: number,
  rowHeight: number,
  listTop: number,
  viewTop: number,
  viewHeight: number,
): Seen {
  if (count <= WHOLE || rowHeight <= 0) return { from: 0, to: count };
  const lines = Math.ceil(count / columns);
  const around = Math.ceil(viewHeight / rowHeight);
  const first = Math.min(lines - 1, Math.max(0, Math.floor((viewTop - listTop) / rowHeight) - around));
  const last = Math.min(lines, Math.ceil((viewTop + viewHeight - listTop) / rowHeight) + around);
  return { from: first * columns, to: Math.min(count, Math.max(last, first + 1) * columns) };
}
