// Starts the window: puts the colours on, mounts the app as soon as there is something to show, and only then shows the window.
import { flushSync, mount } from "svelte";
import App from "./App.svelte";
import { dress } from "./lib/appearance";
import { ipc } from "./lib/ipc";
import { speak } from "./lib/language";
import { app } from "./app.svelte";
import { loadOthers, screens } from "./screens";

declare const __FAKE__: boolean;
// A test changes the language in place, on every screen.
if (__FAKE__) Object.assign(window, { couchkeySpeak: (language: string) => speak({ language, dates: language }) });

dress(document.documentElement);
const target = document.getElementById("app");
if (!target) throw new Error("the page has no place for the window");

void app.start();
// Mounted once there is something to show: until then the page is empty paper, and nothing jumps.
void app.ready.then(async () => {
  await app.speaking;
  const others = app.screen && screens[app.screen.name].component !== "Codes" ? await loadOthers() : null;
  mount(App, { target, props: { others } });
  flushSync();
  // The window is hidden until now, where no frame is ever drawn: so this does not wait for one.
  void ipc.shown().catch(() => undefined);
  // While the system puts it on the screen, the page finds its fonts and places: only painting is left then.
  target.getBoundingClientRect();
});
