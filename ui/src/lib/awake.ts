// Keeps the screen on while somebody types from it, where the system can; gives it back when the returned function is called.

export function stayAwake(): () => void {
  let lock: WakeLockSentinel | null = null;
  let over = false;
  const ask = async () => {
    if (over || document.visibilityState !== "visible" || !("wakeLock" in navigator)) return;
    try {
      lock = await navigator.wakeLock.request("screen");
      if (over) void lock.release();
    } catch {
      // Not allowed here, for example on a low battery: the screen goes dark when the system says so.
    }
  };
  const again = () => void ask(); // the system takes the lock back whenever the window is hidden
  document.addEventListener("visibilitychange", again);
  void ask();
  return () => {
    over = true;
    document.removeEventListener("visibilitychange", again);
    void lock?.release().catch(() => undefined);
  };
}
