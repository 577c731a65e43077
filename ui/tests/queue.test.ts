// Several files at once: each is looked at in its turn, and none is dropped in silence.
import { fireEvent, screen } from "@testing-library/dom";
import { expect, test, vi } from "vitest";
import { called, openApp, settle, where } from "./app";

const press = async (testid: string) => {
  await fireEvent.click(screen.getByTestId(testid));
  await settle();
};
const file = (name: string, words: string, type = "application/json") => new File([words], name, { type });
const queue = () => screen.queryByTestId("queue")?.textContent ?? "";
const choose = async (input: string, files: File[], then: string) => {
  await fireEvent.change(screen.getByTestId(input), { target: { files } });
  await vi.waitFor(() => expect(document.querySelector(then)).toBeTruthy());
  await settle();
};
const toImport = async () => {
  await press("nav-settings");
  await press("settings-import");
};

test("unrelated exports are read one after the other, each by its name", async () => {
  const { fake } = await openApp("open");
  await toImport();
  await choose(
    "add-file-input",
    [file("old.json", "aegis 2"), file("phone.json", "aegis 3"), file("work.json", "aegis 4")],
    "[data-testid=preview-row]",
  );
  expect(queue()).toBe("This is old.json. Still to come: phone.json, work.json.");
  await press("preview-save");
  await vi.waitFor(() => expect(screen.getAllByTestId("preview-row")).toHaveLength(3));
  expect(queue()).toBe("This is phone.json. Still to come: work.json.");
  await press("preview-skip");
  await vi.waitFor(() => expect(screen.getAllByTestId("preview-row")).toHaveLength(4));
  await press("preview-save");
  expect(called(fake, "add"), "two were added, one left out by a press").toHaveLength(2);
  expect(where()).toBe("codes");
});

test("one that is refused is named, and the others are still to come", async () => {
  await openApp("open");
  await toImport();
  await choose(
    "add-file-input",
    [file("letter.txt", "error import_unknown"), file("phone.json", "aegis 3")],
    "[data-testid=error]",
  );
  expect(queue()).toBe("letter.txt was not read. Still to come: phone.json.");
  await press("add-next");
  await vi.waitFor(() => expect(screen.getAllByTestId("preview-row")).toHaveLength(3));
});

test("a file that comes alone is not named", async () => {
  await openApp("open");
  await toImport();
  await choose("add-file-input", [file("phone.json", "aegis 3")], "[data-testid=preview-row]");
  expect(queue()).toBe("");
});

test("parts of an export whose place another file takes are named", async () => {
  await openApp("open");
  await toImport();
  await choose(
    "add-file-input",
    [file("1.png", "batch 1/3", "image/png"), file("phone.json", "aegis 3")],
    "[data-testid=queue-lost]",
  );
  expect(screen.getByTestId("queue-lost").textContent).toContain("Not added: 1.png.");
});

test("files that are dropped together go the same way", async () => {
  await openApp("open");
  const dropped = [file("old.json", "aegis 2"), file("phone.json", "aegis 3")];
  await fireEvent.drop(document.body, { dataTransfer: { files: dropped, types: ["Files"], getData: () => "" } });
  await vi.waitFor(() => expect(screen.getAllByTestId("preview-row")).toHaveLength(2));
  expect(queue()).toContain("Still to come: phone.json.");
});

test("of several pictures, one that is refused keeps none of the others from being looked at", async () => {
  await openApp("open");
  await press("nav-add");
  await choose(
    "add-file-input",
    [file("cat.png", "error no_qr_code", "image/png"), file("tv.png", "plain", "image/png")],
    "[data-testid=error]",
  );
  expect(queue()).toBe("cat.png was not read. Still to come: tv.png.");
  await press("add-next");
  await vi.waitFor(() => expect(screen.getAllByTestId("preview-row")).toHaveLength(1));
  expect(queue()).toBe("This is tv.png.");
});
