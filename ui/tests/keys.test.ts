// A recovery key counts when somebody has it (row 17 of the attack on the app): the old one stays good until then.
import { fireEvent, screen } from "@testing-library/dom";
import { describe, expect, test } from "vitest";
import type { FakeControls } from "../src/lib/ipc/fake";
import { called, openApp, settle, where } from "./app";

const press = async (testid: string) => {
  await fireEvent.click(screen.getByTestId(testid));
  await settle();
};
const type = async (testid: string, value: string) => {
  await fireEvent.input(screen.getByTestId(testid), { target: { value } });
};
const submit = async (testid: string) => {
  await fireEvent.submit(screen.getByTestId(testid).closest("form") as HTMLFormElement);
  await settle();
};
const kept = (fake: FakeControls) => called(fake, "keepRecoveryKey").map((call) => call.args);

/** Each way on which a new recovery key takes the place of an older one, up to where it is shown. */
const ways: Record<string, () => Promise<void>> = {
  "a new recovery key": async () => {
    await press("nav-settings");
    await press("settings-recovery");
    await press("recovery-make");
  },
  "new keys": async () => {
    await press("nav-settings");
    await press("settings-new-keys");
    await press("new-keys-make");
  },
  "the lock": async () => {
    await press("nav-settings");
    await press("passphrase-set");
    for (const field of ["new-passphrase", "new-passphrase-again"]) await type(field, "mustard cello glacier");
    await settle();
    await submit("new-passphrase-submit");
  },
};

describe.each(Object.entries(ways))("%s", (name, show) => {
  test("changes nothing before somebody says that they have it", async () => {
    const { fake, app } = await openApp("open");
    await show();
    expect(screen.getByTestId("recovery-key")).toBeTruthy();
    expect(screen.getByTestId("recovery-pending").textContent).toContain("I have written it down");
    expect(kept(fake), "it is shown, and does not count").toEqual([]);
    expect(app.status?.lock).toBe("device");
    await press("recovery-saved");
    expect(kept(fake)).toEqual([[true]]);
    expect(screen.queryByTestId("recovery-key"), "and it is gone from the page").toBeNull();
    expect(app.status?.lock).toBe(name === "the lock" ? "strong" : "device");
  });

  test("leaves everything as it was when its screen is left, and says so", async () => {
    const { fake, app } = await openApp("open");
    await show();
    await press("recovery-later");
    expect(kept(fake)).toEqual([]);
    expect(called(fake, "forgetRecoveryKey")).toHaveLength(1);
    expect(screen.getByTestId("toast").textContent).toContain(
      "The key that was shown opens nothing; what you had before stays good.",
    );
    expect(app.status?.lock).toBe("device");
  });

  test("counts when its sheet is saved, and not when nobody says where to", async () => {
    const { fake } = await openApp("open");
    await show();
    await press("recovery-sheet");
    expect(kept(fake)).toEqual([[true]]);
    const { fake: other } = await openApp("open&cancelled");
    await show();
    await press("recovery-sheet");
    expect(kept(other)).toEqual([]);
    expect(screen.getByTestId("recovery-key")).toBeTruthy();
  });

  test("that cannot be stored is said, and can be tried again", async () => {
    const { fake } = await openApp("open");
    await show();
    fake.failNext("keepRecoveryKey", "storage_full");
    await press("recovery-saved");
    expect(screen.getByTestId("error").dataset["code"]).toBe("storage_full");
    expect(screen.getByTestId("recovery-pending"), "what you had stays good").toBeTruthy();
    expect(screen.getByTestId("recovery-key"), "the key that somebody wrote down is still the one").toBeTruthy();
    await press("recovery-saved");
    expect(kept(fake)).toEqual([[true], [true]]);
  });
});

test("the first recovery key has no older one to end: it counts as soon as it is shown", async () => {
  const { fake, app } = await openApp("open&no-recovery");
  await press("nav-settings");
  await press("settings-recovery");
  await press("recovery-make");
  expect(kept(fake), "whoever writes it down and closes the window has a good one").toEqual([[false]]);
  expect(screen.queryByTestId("recovery-pending")).toBeNull();
  await press("recovery-saved");
  expect(called(fake, "recoveryKeySaved")).toHaveLength(1);
  expect(where()).toBe("codes");
  expect(app.status?.recoverySaved).toBe(true);
});

test("a first recovery key that could not be stored is never called good", async () => {
  const { fake } = await openApp("open&no-recovery");
  await press("nav-settings");
  await press("settings-recovery");
  fake.failNext("keepRecoveryKey", "storage_full");
  await press("recovery-make");
  expect(screen.getByTestId("recovery-pending").textContent).toContain("opens nothing yet");
  await press("recovery-later");
  expect(screen.getByTestId("toast").textContent).toContain("opens nothing");
});

test("a passphrase of today that is wrong is said before a key is shown", async () => {
  const { fake } = await openApp("locked");
  await type("unlock-passphrase", fake.passphrase);
  await submit("unlock-submit");
  await press("nav-settings");
  await press("settings-new-keys");
  await type("new-keys-passphrase", "wrong");
  await submit("new-keys-make");
  expect(screen.getByTestId("error").dataset["code"]).toBe("wrong_passphrase");
  expect(screen.queryByTestId("recovery-key"), "nobody writes down a key in vain").toBeNull();
});
