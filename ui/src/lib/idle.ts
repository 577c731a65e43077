// When the page is idle: after what is on it has been painted. WebKitGTK has no requestIdleCallback.

/** A window that nobody can see paints nothing: then this is long enough. */
const LATEST_MS = 500;

export function whenIdle(): Promise<void> {
  return new Promise((resolve) => {
    requestAnimationFrame(() => setTimeout(resolve));
    setTimeout(resolve, LATEST_MS);
  });
}
