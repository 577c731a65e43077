// A keyring that does not answer, a lock that a restored backup would end, a drill that does not prove: true words, and a way on.
import { fireEvent, screen } from "@testing-library/dom";
import { describe, expect, test } from "vitest";
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
const newPassphrase = async (text: string) => {
  for (const field of ["new-passphrase", "new-passphrase-again"]) await type(field, text);
  await settle();
  await submit("new-passphrase-submit");
};
const KEY = "AAAA-BBBB-CCCC-DDDD-EEEE-FFFF-GGGG-HHHH-IIII";

describe("a keyring that does not answer", () => {
  test("can be gone on without, by a passphrase, after a word on what cannot be seen", async () => {
    const { fake } = await openApp("trouble:keyring_silent");
    await press("trouble-without_keyring");
    expect(where()).toBe("new-passphrase");
    expect(screen.getByTestId("new-passphrase-unseen").textContent).toContain(
      "cannot see whether the keyring holds accounts of yours",
    );
    expect(document.body.textContent, "there is one, and it does not answer").not.toContain("has no keyring");
    await newPassphrase("mustard cello glacier");
    expect(called(fake, "createVault").map((call) => call.args)).toEqual([["mustard cello glacier"]]);
    expect(where()).toBe("add");
  });

  test("is asked again by going back", async () => {
    const { fake } = await openApp("trouble:keyring_silent&heals");
    await press("trouble-without_keyring");
    const asked = called(fake, "open").length;
    await press("new-passphrase-back");
    expect(called(fake, "open")).toHaveLength(asked + 1);
    expect(called(fake, "createVault")).toEqual([]);
  });

  test("while the first account is saved can be gone on without, too", async () => {
    const { fake } = await openApp("first-run");
    await press("welcome-scan");
    await press("add-paste");
    fake.failNext("createVault", "keyring_silent");
    await press("preview-save");
    expect(screen.getByTestId("error").dataset["code"]).toBe("keyring_silent");
    await press("error-without-keyring");
    expect(where()).toBe("new-passphrase");
  });

  test("and holds the key of the vault that is here: the recovery key needs a passphrase beside it, and there is a field for it", async () => {
    const { fake } = await openApp("trouble:keyring_silent&here");
    await press("trouble-without_keyring");
    expect(where()).toBe("trouble");
    await press("trouble-recovery_key");
    await type("recover-key", KEY);
    await newPassphrase("mustard cello glacier");
    expect(called(fake, "recover").map((call) => call.args)).toEqual([[KEY, "mustard cello glacier"]]);
  });
});

describe("a backup that is restored over a vault with a lock (row 14)", () => {
  const look = async () => {
    const { fake } = await openApp("locked");
    await press("unlock-restore");
    await fireEvent.change(screen.getByTestId("restore-file-input"), {
      target: { files: [new File(["sealed"], "mine.couchkey")] },
    });
    await expect.poll(() => screen.queryByTestId("restore-key")).toBeTruthy();
    await type("restore-key", KEY);
    await submit("restore-look");
    return { fake };
  };

  test("asks for a new passphrase", async () => {
    const { fake } = await look();
    expect(screen.queryByTestId("restore-do"), "not before one is chosen").toBeNull();
    await newPassphrase("mustard cello glacier");
    expect(called(fake, "restoreBackup").map((call) => call.args)).toEqual([
      [null, KEY, "mustard cello glacier", false],
    ]);
  });

  test("or for a plain no, and says what that means", async () => {
    const { fake } = await look();
    await press("recover-lock-off");
    expect(document.body.textContent).toContain("open by themselves whenever you are signed in");
    await press("restore-do");
    expect(called(fake, "restoreBackup").map((call) => call.args)).toEqual([[null, KEY, null, false]]);
  });
});

describe("a drill that proves nothing says why, and what helps:", () => {
  const whole = { matching: 8, of: 8, missing: 0 };
  test.each([
    ["the keyring's copy", { vault: whole, backup: whole, bothWhole: false, mended: 2 }, "keyring is open"],
    [
      "what the key opens",
      { vault: { ...whole, matching: 7 }, backup: whole, bothWhole: true, mended: 0 },
      "not all that this window shows",
    ],
    [
      "the backup",
      { vault: whole, backup: { ...whole, matching: 7 }, bothWhole: true, mended: 2 },
      "Make a new backup",
    ],
  ])("%s", async (_, found, words) => {
    const { fake } = await openApp("open");
    fake.drill = found;
    await press("nav-settings");
    await press("settings-backups");
    await press("backups-drill");
    await type("drill-key", KEY);
    await submit("drill-run");
    expect(screen.getByTestId("drill-failed").textContent).toContain(words);
    expect(screen.getByTestId("drill-failed").textContent, "the key opened it: it is not what is wrong").not.toMatch(
      /(new|another) recovery key/,
    );
    expect(screen.queryByTestId("drill-mended")?.textContent ?? "", "what was mended, where it is mended").toContain(
      found.mended > 0 && found.bothWhole ? "2 entries of the keyring" : "",
    );
  });
});
