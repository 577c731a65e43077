// What is pasted is taken by Rust: no script of the page holds it. What is shown once is not lost by a paste or a drop.
import { fireEvent, screen } from "@testing-library/dom";
import { expect, test, vi } from "vitest";
import { called, openApp, settle, where } from "./app";

const LINK = "otpauth://totp/StreamTV:me?secret=GEZDGNBVGY3TQOJQGEZDGNBVGY3TQOJQ&issuer=StreamTV";
const press = async (testid: string) => {
  await fireEvent.click(screen.getByTestId(testid));
  await settle();
};
/** What a web view hands to a paste; `read` counts how often a script looks into it. */
const clipboard = (files: File[] = []) => {
  const read = vi.fn(() => LINK);
  return { read, data: { files, types: [], getData: read } }; // WebKitGTK names no types
};
const paste = async (target: Element, data: unknown) => {
  const standing = await fireEvent.paste(target, { clipboardData: data });
  await settle();
  return standing;
};

test.each([
  ["text", []],
  ["a picture", [new File(["x"], "image.png", { type: "image/png" })]],
])("%s that is pasted anywhere is read by Rust, and by no script", async (_, files) => {
  const { fake } = await openApp("open");
  const { read, data } = clipboard(files);
  expect(await paste(document.body, data), "the web view does nothing of its own with it").toBe(false);
  expect(where()).toBe("add");
  expect(called(fake, "previewClipboard")).toHaveLength(1);
  expect(called(fake, "previewText").concat(called(fake, "previewFile"))).toEqual([]);
  expect(read).not.toHaveBeenCalled();
});

test("a key that is pasted into the form never comes into the field", async () => {
  const { fake } = await openApp("open");
  await press("nav-add");
  await press("add-manual");
  const field = screen.getByTestId<HTMLInputElement>("manual-secret");
  await fireEvent.input(field, { target: { value: "half a key" } });
  const { read, data } = clipboard();
  expect(await paste(field, data)).toBe(false);
  expect(read).not.toHaveBeenCalled();
  expect(screen.getByTestId("manual-pasted").textContent).toBe("32 characters pasted. They are not shown.");
  await fireEvent.input(screen.getByTestId("manual-issuer"), { target: { value: "Garden TV" } });
  await fireEvent.submit(screen.getByTestId("manual-submit").closest("form") as HTMLFormElement);
  await settle();
  expect(called(fake, "previewManual")[0]?.args).toMatchObject([{ issuer: "Garden TV", secret: "" }, true]);
  expect(screen.getAllByTestId("preview-row")).toHaveLength(1);
});

test("a pasted key can be taken out again, and an empty clipboard is said", async () => {
  const { fake } = await openApp("open");
  await press("nav-add");
  await press("add-manual");
  await paste(screen.getByTestId("manual-secret"), clipboard().data);
  await press("manual-unpaste");
  fake.failNext("pasteKey", "clipboard_empty");
  await paste(screen.getByTestId("manual-secret"), clipboard().data);
  expect(screen.getByTestId("error").dataset["code"]).toBe("clipboard_empty");
  expect(screen.queryByTestId("manual-pasted")).toBeNull();
});

test("a recovery key on the screen is not lost by a paste or a drop", async () => {
  const { fake } = await openApp("open");
  await press("nav-settings");
  await press("settings-recovery");
  await press("recovery-make");
  await paste(document.body, clipboard().data);
  await fireEvent.drop(document.body, {
    dataTransfer: clipboard([new File(["x"], "tv.png", { type: "image/png" })]).data,
  });
  await settle();
  expect(screen.getByTestId("recovery-key")).toBeTruthy();
  expect(called(fake, "previewClipboard").concat(called(fake, "previewFile"))).toEqual([]);
});

test("the page that comes after a lock does not open the vault by itself again", async () => {
  const { fake } = await openApp("device-locked&locked");
  expect(where()).toBe("unlock");
  expect(called(fake, "open")).toEqual([]);
  await fireEvent.submit(screen.getByTestId("unlock-submit").closest("form") as HTMLFormElement);
  await settle();
  expect(where()).toBe("codes");
});

test("the page at the start does", async () => {
  const { fake } = await openApp("device-locked");
  expect(where()).toBe("codes");
  expect(called(fake, "open")).toHaveLength(1);
});
