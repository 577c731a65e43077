// Opens the whole window on the fake, in a scenario, for a test of what a person meets.
import { screen } from "@testing-library/dom";
import { afterEach, vi } from "vitest";
import type { FakeControls } from "../src/lib/ipc/fake";

// The hundred drawn marks are tested on their own; here every account has its letters.
vi.mock("../src/lib/marks", () => ({ brandOf: () => null }));

// The first reading of all screens takes as long as the machine is busy: it is no test's time that it takes.
await Promise.all([import("../src/App.svelte"), import("../src/screens/others")]);

let cleanup: () => void = () => undefined;
afterEach(() => {
  cleanup();
  vi.useRealTimers();
});

/** 2026-11-23 10:00:08 UTC: eight seconds into a step of thirty. */
export const NOON = 1_795_428_008_000;

export async function openApp(
  scenario: string,
): Promise<{ fake: FakeControls; app: typeof import("../src/app.svelte").app }> {
  vi.useFakeTimers({ now: NOON, toFake: ["setTimeout", "clearTimeout", "Date"] });
  vi.resetModules(); // a new state and a new fake for each test, and the Svelte that belongs to them
  document.body.replaceChildren();
  history.replaceState(null, "", `/?fake=${scenario}`);
  const library = await import("@testing-library/svelte");
  cleanup = library.cleanup;
  const { app } = await import("../src/app.svelte");
  const { default: App } = await import("../src/App.svelte");
  const others = await (await import("../src/screens")).loadOthers();
  void app.start();
  await app.ready;
  library.render(App, { others });
  await settle();
  const fake = window.couchkeyFake;
  if (!fake) throw new Error("the fake did not start");
  return { fake, app };
}

/** Lets every answer that is already on its way arrive, and the page follow. */
export async function settle(): Promise<void> {
  const { tick } = await import("svelte");
  for (let i = 0; i < 20; i++) await Promise.resolve();
  await tick();
  for (let i = 0; i < 20; i++) await Promise.resolve();
  await tick();
}

export const where = () => document.querySelector<HTMLElement>("[data-screen]")?.dataset["screen"];
export const codeOf = (testid: string) => screen.getByTestId(testid).dataset["code"];
export const called = (fake: FakeControls, command: string) => fake.calls.filter((call) => call.command === command);
