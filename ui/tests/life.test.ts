// What keeps the vault open: a person's key, pointer or touch, and nothing else that happens in a page.
import { fireEvent } from "@testing-library/dom";
import { expect, test } from "vitest";
import { called, openApp, settle } from "./app";

const moves = (screenX: number) =>
  fireEvent(document.body, new PointerEvent("pointermove", { screenX, screenY: 7, bubbles: true }));

test("a key, a press, a wheel and a pointer that moves are signs of life", async () => {
  for (const sign of [
    () => fireEvent.keyDown(document.body, { key: "ArrowDown" }),
    () => fireEvent.pointerDown(document.body),
    () => fireEvent.wheel(document.body),
    () => fireEvent.touchStart(document.body),
    async () => {
      await moves(1);
      await moves(2);
    },
  ]) {
    const { fake } = await openApp("open");
    await sign();
    await settle();
    expect(called(fake, "touched")).toHaveLength(1);
  }
});

test("a pointer that lies still, a window that comes to the front, links and news are none", async () => {
  const { fake } = await openApp("open");
  for (let i = 0; i < 3; i++) await moves(5); // web views report it again whenever the page changes beneath it
  await fireEvent.focus(window);
  document.dispatchEvent(new Event("visibilitychange"));
  await fireEvent.scroll(document.body);
  fake.link("plain");
  for (const event of ["changed", "progress"] as const) fake.emit(event);
  await settle();
  expect(called(fake, "touched")).toEqual([]);
});
