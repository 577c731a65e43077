// One way in: whatever holds accounts is shown in one preview, corrected there, and added or left out there.
import { fireEvent, screen, within } from "@testing-library/dom";
import { describe, expect, test, vi } from "vitest";
import { called, openApp, settle, where } from "./app";

const press = async (testid: string) => {
  await fireEvent.click(screen.getByTestId(testid));
  await settle();
};
const file = (name: string, words: string, type = "application/json") => new File([words], name, { type });
const choose = async (...files: File[]) => {
  await fireEvent.change(screen.getByTestId("add-file-input"), { target: { files } });
};
const drop = (...files: File[]) =>
  fireEvent.drop(document.body, { dataTransfer: { files, types: ["Files"], getData: () => "" } });
const rows = (count: number) =>
  vi.waitFor(() => expect(screen.queryAllByTestId("preview-row")).toHaveLength(count)).then(settle);
const step = () => screen.getByTestId("add-screen").dataset["step"];
const row = (at: number) => within(screen.getAllByTestId("preview-row")[at] as HTMLElement);

describe("an export of another app", () => {
  test.each<[string, () => Promise<void>]>([
    ["the list of sources", async () => press("nav-add")],
    [
      "the page for other apps",
      async () => {
        await press("nav-add");
        await press("add-app");
      },
    ],
    [
      "the settings",
      async () => {
        await press("nav-settings");
        await press("settings-import");
      },
    ],
  ])("is chosen from %s and comes to the one preview", async (_, go) => {
    const { fake } = await openApp("open");
    await go();
    await choose(file("aegis.json", "aegis 3"));
    await rows(3);
    expect(where()).toBe("add");
    expect(screen.getByTestId("preview-title").textContent).toContain("Aegis: 3 accounts");
    expect(called(fake, "add"), "a preview is no yes").toEqual([]);
    await press("preview-save");
    expect(where()).toBe("codes");
  });

  test("sends back the names that were corrected, and no other", async () => {
    const { fake, app } = await openApp("open");
    await press("nav-add");
    await choose(file("aegis.json", "aegis 3"));
    await rows(3);
    expect(screen.queryByTestId("preview-issuer"), "among others a row is one line").toBeNull();
    await fireEvent.click(row(1).getByTestId("preview-open"));
    await settle();
    await fireEvent.input(screen.getByTestId("preview-issuer"), { target: { value: " Garden TV " } });
    await settle();
    expect(row(1).getByText("Garden TV", { exact: false })).toBeTruthy();
    await press("preview-save");
    const [selection] = called(fake, "add")[0]?.args ?? [];
    expect(selection).toMatchObject({ except: [], renamed: [{ issuer: "Garden TV" }] });
    expect(app.codes?.accounts.some((account) => account.issuer === "Garden TV")).toBe(true);
  });

  test("of a single account asks for no first code: its service has one", async () => {
    await openApp("open");
    await press("nav-add");
    await choose(file("aegis.json", "aegis 1"));
    await rows(1);
    await press("preview-save");
    expect(where()).toBe("codes");
  });

  test("that is here already leaves nothing to add, and says so", async () => {
    await openApp("open");
    await press("nav-add");
    await choose(file("aegis.json", "aegis 2 duplicate"));
    await rows(2);
    expect(screen.getByTestId("preview-here").textContent).toContain("2 are already here");
    expect(screen.getByText("You have all of these already.")).toBeTruthy();
    expect(screen.getByTestId<HTMLButtonElement>("preview-save").disabled).toBe(true);
    await fireEvent.click(row(0).getByTestId("preview-include"));
    await settle();
    expect(row(0).getByTestId("warning").textContent, "who wants it twice is told").toContain("it is there twice");
    expect(screen.getByTestId<HTMLButtonElement>("preview-save").disabled).toBe(false);
  });

  test("with more than fits is not added before some are unticked", async () => {
    const { fake } = await openApp("open&room=2");
    await press("nav-add");
    await choose(file("aegis.json", "aegis 3"));
    await rows(3);
    expect(screen.getByTestId("preview-full").textContent).toContain("room for 2");
    expect(screen.getByTestId<HTMLButtonElement>("preview-save").disabled).toBe(true);
    await fireEvent.click(row(0).getByTestId("preview-include"));
    await settle();
    expect(screen.queryByTestId("preview-full")).toBeNull();
    await press("preview-save");
    expect(called(fake, "add")).toHaveLength(1);
  });

  test("names what will not come, once for each reason", async () => {
    await openApp("open");
    await press("nav-add");
    await choose(file("aegis.json", "aegis 3 skip"));
    await rows(3);
    const skipped = screen.getByTestId("preview-skipped");
    expect(skipped.querySelector("h2")?.textContent).toBe("2 entries cannot be added");
    expect(skipped.textContent).toContain("Yandex: anna");
    expect(skipped.textContent).toContain("Old Bank");
  });
});

test("a file that is refused leaves half an export as it is", async () => {
  const { fake } = await openApp("open");
  await press("nav-add");
  await choose(file("1.png", "batch 1/3", "image/png"));
  await rows(2);
  await choose(file("letter.txt", "error import_unknown", "text/plain"));
  await vi.waitFor(() => expect(screen.getByTestId("error").dataset["code"]).toBe("import_unknown"));
  expect(screen.getByTestId("batch").textContent).toContain("1 of 3 scanned");
  await choose(file("2.png", "batch 2/3", "image/png"), file("3.png", "batch 3/3", "image/png"));
  await rows(6);
  await press("preview-save");
  expect(called(fake, "add")).toHaveLength(1);
});

test("files that come while another one is read wait for their turn", async () => {
  await openApp("open");
  await press("nav-add");
  await choose(file("old.json", "aegis 2 slow"));
  await settle();
  await drop(file("phone.json", "aegis 3"));
  for (let i = 0; i < 60; i++) await vi.advanceTimersByTimeAsync(200);
  await rows(2);
  expect(screen.getByTestId("queue").textContent).toBe("This is old.json. Still to come: phone.json.");
  await press("preview-skip");
  await rows(3);
});

test("whoever leaves while a file is read finds nothing of it later", async () => {
  const { fake } = await openApp("open");
  await press("nav-add");
  await choose(file("old.json", "aegis 2 slow"));
  await settle();
  await press("nav-codes");
  expect(called(fake, "cancelTransfer")).toHaveLength(1);
  for (let i = 0; i < 60; i++) await vi.advanceTimersByTimeAsync(200);
  await settle();
  await press("nav-add");
  expect(step()).toBe("choose");
  expect(screen.queryByTestId("error")).toBeNull();
});

test("starting over goes back to where one came from", async () => {
  await openApp("open");
  await press("nav-settings");
  await press("settings-import");
  expect(step()).toBe("app");
  await choose(file("aegis.json", "aegis 3"));
  await rows(3);
  await press("preview-back");
  expect(step()).toBe("app");
  await press("app-back");
  expect(where()).toBe("settings");
});

test("a password is in no field once its file is open", async () => {
  await openApp("open");
  await press("nav-add");
  await choose(file("aegis.json", "aegis 3 locked"));
  await vi.waitFor(() => expect(step()).toBe("sealed"));
  const open = async (password: string) => {
    await fireEvent.input(screen.getByTestId("sealed-password"), { target: { value: password } });
    await fireEvent.submit(screen.getByTestId("sealed-open").closest("form") as HTMLFormElement);
    await settle();
  };
  await open("guess");
  expect(screen.getByTestId("error").dataset["code"]).toBe("import_wrong_password");
  expect(screen.getByTestId<HTMLInputElement>("sealed-password").value, "a mistake is corrected").toBe("guess");
  await open("test");
  await rows(3);
  expect([...document.querySelectorAll("input")].map((input) => input.value)).not.toContain("test");
  await press("preview-back");
  expect(step()).toBe("choose");
});
