// Starts the window: what stands in the page until now is the first picture (first.ts), or the quiet skeleton of it.
import { flushSync, mount } from "svelte";
import App from "./App.svelte";
import { ipc } from "./lib/ipc";
import { rest } from "./lib/rest.svelte";
import { room } from "./lib/vault.svelte";

const target = document.getElementById("app");
if (!target) throw new Error("the page has no place for the window");

void room.start();
// Mounted once there is something to show: until then the skeleton stands, and nothing jumps.
void room.ready.then(async () => {
  if (room.screen && room.screen.name !== "codes") await rest.load();
  target.replaceChildren();
  mount(App, { target });
  flushSync();
  // The window is hidden until now, where no frame is ever drawn: so this does not wait for one.
  void ipc.shown().catch(() => undefined);
  // While the system puts it on the screen, the page finds its fonts and places: only painting is left then.
  target.getBoundingClientRect();
  // Whoever is about to open another screen finds it read: the pointer moves, or a key goes down, before it is on its way.
  for (const sign of ["pointermove", "pointerdown", "keydown"]) addEventListener(sign, () => void rest.load(), { once: true, capture: true, passive: true });
});
