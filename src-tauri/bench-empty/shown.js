// The page with nothing on it, against which scripts/bench-start holds the real one: it only lets the window appear.
window.__TAURI_INTERNALS__.invoke("shown");
