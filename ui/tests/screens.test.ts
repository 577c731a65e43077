// What a person meets, on the whole window with the fake behind it.
import { fireEvent, screen, within } from "@testing-library/dom";
import { describe, expect, test, vi } from "vitest";
import { called, codeOf, NOON, openApp, settle, where } from "./app";

const press = async (testid: string) => {
  await fireEvent.click(screen.getByTestId(testid));
  await settle();
};
const type = async (testid: string, value: string) => {
  await fireEvent.input(screen.getByTestId(testid), { target: { value } });
};
const key = async (name: string) => {
  await fireEvent.keyDown(document.activeElement ?? document.body, { key: name });
  await settle();
};
const titles = () =>
  screen.getAllByTestId("account-row").map((row) => row.querySelector(".issuer")?.textContent?.trim());

describe("the first run", () => {
  test("asks for nothing: no vault is made until the first account is saved", async () => {
    const { fake } = await openApp("first-run");
    expect(where()).toBe("welcome");
    await press("welcome-scan");
    await press("add-paste");
    expect(called(fake, "createVault"), "looking at a code makes no vault").toEqual([]);
    await press("preview-save");
    expect(called(fake, "createVault").map((call) => call.args)).toEqual([[null]]);
    expect(where()).toBe("check");
  });

  test("ends with the recovery key, which may wait", async () => {
    const { fake } = await openApp("first-run");
    await press("welcome-scan");
    await press("add-paste");
    await press("preview-save");
    await press("check-done");
    expect(where()).toBe("recovery");
    await press("recovery-later");
    expect(where()).toBe("codes");
    expect(called(fake, "drawRecoveryKey"), "no key is made that nobody asked for").toEqual([]);
    expect(titles()).toEqual(["StreamTV"]);
  });

  test("without a keyring a passphrase comes before anything else", async () => {
    const { fake } = await openApp("first-run&keyring=missing");
    await press("welcome-scan");
    expect(where()).toBe("new-passphrase");
    await type("new-passphrase", "correct horse battery");
    await type("new-passphrase-again", "correct horsf");
    expect(
      (screen.getByTestId("new-passphrase-submit") as HTMLButtonElement).disabled,
      "the two must be the same",
    ).toBe(true);
    await type("new-passphrase-again", "correct horse battery");
    await fireEvent.submit(screen.getByTestId("new-passphrase-submit").closest("form") as HTMLFormElement);
    await settle();
    expect(called(fake, "createVault").map((call) => call.args)).toEqual([["correct horse battery"]]);
    expect(where()).toBe("add");
  });
});

describe("what is said until the person has looked", () => {
  for (const notice of ["incomplete", "came_back", "file_rebuilt"]) {
    test(`${notice} ends with one press`, async () => {
      const { fake } = await openApp(`accounts&notices=${notice}`);
      expect(screen.getByTestId("notice").dataset.notice).toBe(notice);
      await press("notice-seen");
      expect(called(fake, "seen")).toHaveLength(1);
      expect(screen.queryByTestId("notice")).toBeNull();
    });
  }
});

describe("codes that come with the page", () => {
  const heard = async () => {
    await vi.advanceTimersByTimeAsync(0);
    await settle();
  };

  test("are shown before anything is asked, and then asked for once", async () => {
    const { fake } = await openApp("open&look&accounts=3");
    expect(where()).toBe("codes");
    expect(titles()).toHaveLength(3);
    expect(fake.calls, "the first picture waits for no answer").toEqual([]);
    await heard();
    expect(called(fake, "codes"), "what changed before anybody listened").toHaveLength(1);
  });

  test("stay hidden where they are to be hidden", async () => {
    await openApp("open&look&hidden");
    expect(screen.queryAllByTestId("code")).toEqual([]);
    expect(screen.getAllByTestId("code-hidden").length).toBeGreaterThan(0);
  });

  test("go when the vault was locked before anybody listened", async () => {
    const { fake } = await openApp("open&look");
    Object.assign(fake.status, { state: "locked", lock: "strong" });
    await heard();
    expect(where()).toBe("unlock");
    expect(screen.queryAllByTestId("code"), "no code stays").toEqual([]);
  });

  test("make room for what a link brought", async () => {
    await openApp("link&look");
    await heard();
    expect(where()).toBe("add");
  });
});

describe("codes", () => {
  test("are there at once, pinned first, with the digits as they are", async () => {
    await openApp("open");
    expect(titles()[0]).toBe("Kick");
    expect(screen.getAllByTestId("code").every((code) => /^\d{6,8}$/.test(code.dataset["code"] ?? ""))).toBe(true);
  });

  test("change when their step ends, by one timer, and are asked for only then", async () => {
    const { fake } = await openApp("open");
    const before = screen.getAllByTestId("code").map((code) => code.dataset["code"]);
    const asked = called(fake, "codes").length;
    await vi.advanceTimersByTimeAsync(21_000);
    expect(called(fake, "codes").length, "nothing polls while codes are on show").toBe(asked);
    await vi.advanceTimersByTimeAsync(1_100);
    await settle();
    expect(called(fake, "codes").length).toBe(asked + 1);
    const after = screen.getAllByTestId("code").map((code) => code.dataset["code"]);
    expect(after.filter((code, i) => code !== before[i]).length, "all but the one of sixty seconds").toBe(
      before.length - 1,
    );
  });

  test("are copied by a click, and the toast says when the clipboard is cleared", async () => {
    const { fake } = await openApp("open");
    await fireEvent.click(screen.getAllByTestId("account-row")[0]?.querySelector(".main") as HTMLElement);
    await settle();
    expect(called(fake, "copyCode")[0]?.args[1]).toBe(false);
    expect(screen.getByTestId("toast").textContent).toContain("30 seconds");
  });

  test("hidden until tapped, the first tap shows and the second copies", async () => {
    const { fake } = await openApp("open&hidden");
    expect(screen.queryAllByTestId("code"), "no digit is in the page before").toEqual([]);
    const row = () => screen.getAllByTestId("account-row")[0]?.querySelector(".main") as HTMLElement;
    await fireEvent.click(row());
    await vi.advanceTimersByTimeAsync(60_000);
    expect(screen.getAllByTestId("code"), "it stays, where nobody chose a time").toHaveLength(1);
    expect(called(fake, "copyCode")).toEqual([]);
    await fireEvent.click(row());
    expect(called(fake, "copyCode")).toHaveLength(1);
  });

  test("a code that was tapped hides again when that is chosen, and a tap begins the time anew", async () => {
    const { app } = await openApp("open&hidden");
    await press("nav-settings");
    const choice = screen.getByTestId<HTMLSelectElement>("setting-hide-again");
    expect([...choice.options].map((option) => option.label)).toEqual([
      "10 seconds",
      "30 seconds",
      "1 minute",
      "Never",
    ]);
    await fireEvent.change(choice, { target: { value: "10" } });
    await settle();
    expect(app.settings.hideAgainSeconds).toBe(10);
    await press("nav-codes");
    const row = () => screen.getAllByTestId("account-row")[0]?.querySelector(".main") as HTMLElement;
    await fireEvent.click(row());
    await vi.advanceTimersByTimeAsync(9_000);
    expect(screen.getAllByTestId("code")).toHaveLength(1);
    await fireEvent.click(row());
    await vi.advanceTimersByTimeAsync(9_000);
    expect(screen.getAllByTestId("code"), "nine seconds after the second tap").toHaveLength(1);
    await vi.advanceTimersByTimeAsync(1_000);
    expect(screen.queryAllByTestId("code")).toEqual([]);
  });

  test("are filtered as one types, and an empty answer says what to do", async () => {
    await openApp("open");
    await type("search", "yout");
    await settle();
    expect(titles()).toEqual(["YouTube"]);
    await type("search", "zzz");
    await settle();
    expect(screen.getByText("Nothing matches “zzz”")).toBeTruthy();
  });

  test("removed comes with ten seconds of Undo, which brings it back", async () => {
    await openApp("open");
    (screen.getAllByTestId("account-row")[1]?.querySelector(".main") as HTMLElement).focus();
    await key("Delete");
    expect(titles()).not.toContain("YouTube");
    await vi.advanceTimersByTimeAsync(9_500);
    await press("undo");
    expect(titles()).toContain("YouTube");
  });

  test("the key that removes does nothing while no account has the focus", async () => {
    const { fake } = await openApp("open");
    (document.activeElement as HTMLElement | null)?.blur();
    await key("Delete");
    expect(called(fake, "remove")).toEqual([]);
  });

  test("a damaged account is shown and does not block the others", async () => {
    await openApp("damaged&accounts=3");
    expect(screen.getAllByTestId("damaged-row")).toHaveLength(2);
    expect(screen.getAllByTestId("account-row")).toHaveLength(3);
  });

  test("a counter-based code moves on only when asked", async () => {
    const { fake } = await openApp("open&accounts=12");
    const row = () => document.querySelector<HTMLElement>('[data-id$="0b"] [data-testid=code]')?.dataset["code"];
    const before = row();
    await vi.advanceTimersByTimeAsync(65_000);
    await settle();
    expect(row()).toBe(before);
    await press("row-next");
    expect(row()).not.toBe(before);
    expect(called(fake, "hotpNext")).toHaveLength(1);
  });

  test("eighty are in the page as a whole, for find-in-page and screen readers", async () => {
    await openApp("open&accounts=80");
    expect(screen.getAllByTestId("account-row")).toHaveLength(80);
  });
});

describe("the Television view", () => {
  test("holds the code when its step ends, and moves on at one key", async () => {
    await openApp("open");
    await press("nav-codes");
    await fireEvent.click(screen.getAllByTestId("row-television")[0] as HTMLElement);
    await settle();
    const held = codeOf("tv-code");
    const next = codeOf("tv-waiting");
    await vi.advanceTimersByTimeAsync(23_000);
    await settle();
    expect(codeOf("tv-code"), "while somebody types, the digits never jump").toBe(held);
    expect(screen.getByText("Late: still accepted by most services for a few seconds")).toBeTruthy();
    expect(codeOf("tv-waiting"), "the one that was announced is the one that waits").toBe(next);
    await key("Enter");
    expect(codeOf("tv-code")).toBe(next);
    expect(screen.getByText("Type this now")).toBeTruthy();
  });

  test("puts nothing on the clipboard, and leaving takes the code away", async () => {
    const { fake } = await openApp("open");
    await fireEvent.click(screen.getAllByTestId("row-television")[0] as HTMLElement);
    await settle();
    await key(" ");
    await key("Enter");
    expect(called(fake, "copyCode")).toEqual([]);
    await key("Escape");
    expect(where()).toBe("codes");
    expect(screen.queryByTestId("tv-code")).toBeNull();
  });

  test("marks the digit one is on, by space and arrows", async () => {
    await openApp("open");
    await fireEvent.click(screen.getAllByTestId("row-television")[0] as HTMLElement);
    await settle();
    const marked = () => [...document.querySelectorAll(".here")].map((digit) => digit.textContent);
    const code = codeOf("tv-code") ?? "";
    await key(" ");
    expect(marked()).toEqual([code[0]]);
    await key("ArrowRight");
    await key("ArrowRight");
    await key("ArrowLeft");
    expect(marked()).toEqual([code[1]]);
  });

  test("tells the time left only when asked", async () => {
    await openApp("open");
    await fireEvent.click(screen.getAllByTestId("row-television")[0] as HTMLElement);
    await settle();
    expect(screen.queryByText("22 seconds left")).toBeNull();
    await press("tv-left");
    expect(screen.getByText("22 seconds left")).toBeTruthy();
  });
});

describe("adding", () => {
  const picture = (words: string) => new File([words], "code.png", { type: "image/png" });
  const choose = async (...words: string[]) => {
    await fireEvent.change(screen.getByTestId("add-file-input"), { target: { files: words.map(picture) } });
    await vi.waitFor(() =>
      expect(document.querySelector("[data-testid=preview-row], [data-testid=part], [data-testid=error]")).toBeTruthy(),
    );
    await settle();
  };

  test("shows warnings in plain words before anything is saved", async () => {
    const { fake } = await openApp("open");
    await press("nav-add");
    await choose("short mismatch duplicate clock");
    expect(screen.getAllByTestId("warning").map((one) => one.textContent?.trim().slice(0, 30))).toHaveLength(2);
    expect(screen.getByTestId("warning-clock")).toBeTruthy();
    expect(called(fake, "add")).toEqual([]);
  });

  test("saves the corrected names", async () => {
    const { fake } = await openApp("open");
    await press("nav-add");
    await choose("nameless");
    await type("preview-issuer", " Garden TV ");
    await press("preview-save");
    expect(called(fake, "add")[0]?.args[0]).toMatchObject({
      except: [],
      renamed: [{ issuer: "Garden TV", account: "" }],
    });
  });

  test("several codes are a list to choose from", async () => {
    const { fake } = await openApp("open");
    await press("nav-add");
    await choose("two");
    expect(screen.getAllByTestId("preview-row")).toHaveLength(2);
    await fireEvent.click(screen.getAllByTestId("preview-include")[0] as HTMLElement);
    await settle();
    await press("preview-save");
    expect(called(fake, "add")[0]?.args[0]).toMatchObject({
      except: [expect.any(Number)],
      renamed: [],
    });
  });

  test("an export in three parts is counted, and pictures chosen together are read to its end", async () => {
    await openApp("open");
    await press("nav-add");
    await choose("batch 1/3");
    expect(screen.getByTestId("batch").textContent).toContain("1 of 3 scanned");
    await choose("batch 2/3", "batch 3/3");
    await vi.waitFor(() => expect(screen.getByTestId("batch").textContent).toContain("All 3 scanned"));
    expect(screen.getAllByTestId("preview-row")).toHaveLength(6);
  });

  test("a part of a link says so, saves nothing, and becomes one account with the other part", async () => {
    const { fake } = await openApp("open");
    await press("nav-add");
    await choose("part 1/2");
    expect(screen.getByTestId("batch").textContent).toContain("This is part 1 of 2. Show the other one.");
    expect(screen.queryByTestId("preview-save")).toBeNull();
    await choose("part 2/2");
    expect(screen.getAllByTestId("preview-row")).toHaveLength(1);
    await press("preview-save");
    expect(called(fake, "add")[0]?.args[0]).toMatchObject({ except: [], renamed: [] });
  });

  test("the parts of a link that are chosen together are read to the end", async () => {
    await openApp("open");
    await press("nav-add");
    await choose("part 1/2", "part 2/2");
    await vi.waitFor(() => expect(screen.getAllByTestId("preview-row")).toHaveLength(1));
    expect(screen.queryByTestId("part")).toBeNull();
  });

  test("a part that is left behind is forgotten in Rust too", async () => {
    const { fake } = await openApp("open");
    await press("nav-add");
    await choose("part 1/2");
    await press("preview-back");
    expect(called(fake, "discardPreview")).toHaveLength(1);
  });

  test.each([
    "no_qr_code",
    "qr_is_web_link",
    "picture_damaged",
    "picture_too_large",
    "bad_secret",
    "unsupported_digits",
  ])("%s is said with a cure, and nothing is saved", async (code) => {
    const { fake } = await openApp("open");
    await press("nav-add");
    await choose(`error ${code}`);
    expect(screen.getByTestId("error").dataset["code"]).toBe(code);
    expect(called(fake, "add")).toEqual([]);
  });

  test("a refusal while saving keeps what was typed", async () => {
    const { fake } = await openApp("open");
    await press("nav-add");
    await choose("plain");
    await type("preview-issuer", "Garden TV");
    fake.failNext("add", "storage_full");
    await press("preview-save");
    expect(screen.getByTestId("error").dataset["code"]).toBe("storage_full");
    expect((screen.getByTestId("preview-issuer") as HTMLInputElement).value).toBe("Garden TV");
  });

  test("what a link brought is shown, not saved", async () => {
    const { fake } = await openApp("link");
    expect(where()).toBe("add");
    expect(screen.getAllByTestId("preview-row")).toHaveLength(1);
    expect(called(fake, "add")).toEqual([]);
  });

  test("leaving forgets what was looked at", async () => {
    const { fake } = await openApp("open");
    await press("nav-add");
    await choose("plain");
    await press("nav-codes");
    expect(called(fake, "discardPreview")).toHaveLength(1);
  });

  test("a code that the TV refused can be removed and scanned again", async () => {
    const { fake } = await openApp("open");
    await press("nav-add");
    await press("add-paste");
    await press("preview-save");
    expect(codeOf("tv-code")).toMatch(/^\d{6}$/);
    await press("check-refused");
    await press("check-again");
    expect(called(fake, "remove")).toHaveLength(1);
    expect(where()).toBe("add");
  });
});

describe("locked and in trouble", () => {
  test("a wrong passphrase is said, and the right one opens", async () => {
    await openApp("locked");
    expect(where()).toBe("unlock");
    const submit = async () => {
      await fireEvent.submit(screen.getByTestId("unlock-submit").closest("form") as HTMLFormElement);
      await settle();
    };
    await type("unlock-passphrase", "wrong");
    await submit();
    expect(screen.getByTestId("error").dataset["code"]).toBe("wrong_passphrase");
    await type("unlock-passphrase", "correct horse battery");
    await submit();
    expect(where()).toBe("codes");
  });

  test("locking from Rust takes every code out of the page", async () => {
    const { fake, app } = await openApp("open");
    Object.assign(fake.status, { state: "locked", lock: "strong" });
    fake.emit("locked");
    await settle();
    expect(where()).toBe("unlock");
    expect(app.codes, "no code stays in memory").toBeNull();
    expect(document.querySelectorAll("[data-code]")).toHaveLength(0);
  });

  test.each([
    ["needs_recovery", "recover"],
    ["keyring_locked", "trouble"],
    ["keyring_silent", "trouble"],
    ["keyring_denied", "trouble"],
    ["keyring_unavailable", "trouble"],
    ["vault_damaged", "restore"],
    ["vault_newer_version", "trouble"],
  ])("%s has its own words and one button that leads somewhere", async (code, leads) => {
    const { fake } = await openApp(`trouble:${code}`);
    expect(where()).toBe("trouble");
    expect(screen.getByTestId("trouble-title").textContent?.length).toBeGreaterThan(10);
    await press("trouble-action");
    expect(where()).toBe(leads);
    expect(called(fake, "createVault"), "no key is ever made silently").toEqual([]);
  });

  test("trying again opens when the keyring has come back", async () => {
    await openApp("trouble:keyring_locked&heals");
    await press("trouble-action");
    expect(where()).toBe("codes");
  });

  test("a keyring that asks the person is waited for in words", async () => {
    await openApp("waiting");
    expect(where()).toBe("waiting");
  });

  test("a slip in the recovery key and a wrong one are told apart", async () => {
    await openApp("trouble:needs_recovery");
    await press("trouble-action");
    const attempt = async (text: string) => {
      await type("recover-key", text);
      await fireEvent.submit(document.getElementById("recover") as HTMLFormElement);
      await settle();
      return screen.queryByTestId("error")?.dataset["code"];
    };
    expect(await attempt("ABCD")).toBe("recovery_key_typo");
    expect(await attempt("Z".repeat(40))).toBe("wrong_recovery_key");
    expect(await attempt("A".repeat(40))).toBeUndefined();
    expect(where()).toBe("codes");
  });

  test("recovery does not take the lock off without a word: it asks for a new passphrase or a plain no", async () => {
    const { fake, app } = await openApp("locked");
    await press("unlock-recovery");
    await type("recover-key", "A".repeat(40));
    expect(screen.queryByTestId("recover-submit"), "row 14: not before one is chosen").toBeNull();
    for (const field of ["new-passphrase", "new-passphrase-again"]) await type(field, "mustard cello glacier");
    await settle();
    await fireEvent.submit(screen.getByTestId("new-passphrase-submit").closest("form") as HTMLFormElement);
    await settle();
    expect(called(fake, "recover").map((call) => call.args)).toEqual([["A".repeat(40), "mustard cello glacier"]]);
    expect(app.status?.lock).toBe("strong");
  });

  test("recovery without the lock says what that means", async () => {
    const { fake, app } = await openApp("locked");
    await press("unlock-recovery");
    await type("recover-key", "A".repeat(40));
    await press("recover-lock-off");
    expect(document.body.textContent).toContain("open by themselves whenever you are signed in");
    await fireEvent.submit(document.getElementById("recover") as HTMLFormElement);
    await settle();
    expect(called(fake, "recover").map((call) => call.args)).toEqual([["A".repeat(40), null]]);
    expect(app.status?.lock).toBe("device");
  });
});

describe("settings and the recovery key", () => {
  test("a refused change is taken back and said", async () => {
    const { fake, app } = await openApp("open");
    await press("nav-settings");
    fake.failNext("setSettings", "storage_full");
    await press("setting-reveal");
    expect(app.settings.tapToReveal).toBe(false);
    expect(screen.getByTestId("error").dataset["code"]).toBe("storage_full");
  });

  test("the key is shown once in groups, and is gone from the page after 'written down'", async () => {
    const { fake } = await openApp("open");
    await press("nav-settings");
    await press("settings-recovery");
    await press("recovery-make");
    expect(within(screen.getByTestId("recovery-key")).getAllByRole("listitem").length).toBeGreaterThan(5);
    await press("recovery-saved");
    expect(called(fake, "keepRecoveryKey").map((call) => call.args)).toEqual([[true]]);
    expect(screen.queryByTestId("recovery-key")).toBeNull();
    expect(screen.getByTestId("recovery-older").textContent, "what the key of before still opens").toContain(
      "can open this vault, too",
    );
    await press("recovery-older-keep");
    expect(called(fake, "removeOldBackups")).toHaveLength(0);
    expect(where()).toBe("codes");
  });

  test("turning the lock on shows the new recovery key, and nothing is asked that is not there", async () => {
    const { fake } = await openApp("open");
    await press("nav-settings");
    await press("passphrase-set");
    expect(screen.queryByTestId("passphrase-today"), "there is none yet").toBeNull();
    await type("new-passphrase", "password1234");
    await settle();
    expect(screen.getByTestId("new-passphrase-hint").textContent).toContain("many people have");
    await type("new-passphrase-again", "password1234");
    expect((screen.getByTestId("new-passphrase-submit") as HTMLButtonElement).disabled, "row 16: it is not taken").toBe(
      true,
    );
    for (const field of ["new-passphrase", "new-passphrase-again"]) await type(field, "mustard cello glacier");
    await settle();
    await fireEvent.submit(screen.getByTestId("new-passphrase-submit").closest("form") as HTMLFormElement);
    await settle();
    expect(called(fake, "drawRecoveryKey").map((call) => call.args)).toEqual([["lock", "mustard cello glacier"]]);
    expect(where()).toBe("new-keys");
    expect(within(screen.getByTestId("recovery-key")).getAllByRole("listitem").length).toBeGreaterThan(5);
    await press("recovery-saved");
    expect(screen.queryByTestId("recovery-key")).toBeNull();
    expect(screen.getByTestId("new-keys-done").textContent).toContain("The passphrase is set.");
    await press("new-keys-leave");
    expect(where()).toBe("settings");
  });

  test("with a lock, a passphrase for backups asks for today's: it would read every secret", async () => {
    const { fake } = await openApp("locked");
    await type("unlock-passphrase", fake.passphrase);
    await fireEvent.submit(screen.getByTestId("unlock-submit").closest("form") as HTMLFormElement);
    await settle();
    await press("nav-settings");
    await press("settings-backups");
    await press("backups-passphrase");
    const save = async (today: string) => {
      await type("passphrase-today", today);
      for (const field of ["new-passphrase", "new-passphrase-again"]) await type(field, "mustard cello glacier");
      await settle();
      await fireEvent.submit(screen.getByTestId("new-passphrase-submit").closest("form") as HTMLFormElement);
      await settle();
    };
    await save("wrong");
    expect(screen.getByTestId("error").dataset["code"]).toBe("wrong_passphrase");
    expect(screen.getByTestId("passphrase-today"), "the dialog stays").toBeTruthy();
    await save(fake.passphrase);
    expect(called(fake, "setBackupPassphrase").at(-1)?.args).toEqual([fake.passphrase, "mustard cello glacier"]);
    expect(screen.queryByTestId("passphrase-today")).toBeNull();
  });

  test("with a lock, changing it, ending it and a new recovery key ask for today's passphrase", async () => {
    const { fake, app } = await openApp("locked");
    await type("unlock-passphrase", fake.passphrase);
    await fireEvent.submit(screen.getByTestId("unlock-submit").closest("form") as HTMLFormElement);
    await settle();
    const submit = async (testid: string) => {
      await fireEvent.submit(screen.getByTestId(testid).closest("form") as HTMLFormElement);
      await settle();
    };
    await press("nav-settings");
    await press("settings-recovery");
    expect((screen.getByTestId("recovery-make") as HTMLButtonElement).disabled, "not without it").toBe(true);
    await type("recovery-passphrase", "wrong");
    await submit("recovery-make");
    expect(screen.getByTestId("error").dataset["code"]).toBe("wrong_passphrase");
    expect(screen.queryByTestId("recovery-key"), "and no key").toBeNull();
    await type("recovery-passphrase", fake.passphrase);
    await submit("recovery-make");
    expect(screen.getByTestId("recovery-key")).toBeTruthy();
    await press("recovery-saved");
    await press("recovery-older-keep");

    await press("nav-settings");
    await press("passphrase-off");
    expect(called(fake, "setPassphrase"), "row 10: one press turns nothing off").toEqual([]);
    await type("passphrase-today", "wrong");
    await submit("passphrase-off-submit");
    expect(screen.getByTestId("error").dataset["code"]).toBe("wrong_passphrase");
    expect(app.status?.lock).toBe("strong");
    await type("passphrase-today", fake.passphrase);
    await submit("passphrase-off-submit");
    expect(app.status?.lock).toBe("device");
  });

  test("settings say since when there is a key; one without a date has none", async () => {
    const { fake, app } = await openApp("open");
    await press("nav-settings");
    const made = new Date(1_793_966_400_000).toLocaleDateString("en-US", { dateStyle: "long" });
    const words = () => document.getElementById("s-recovery")?.textContent ?? "";
    expect(words()).toContain(`made on ${made}.`);
    app.status = { ...fake.status, recoveryMade: null };
    await settle();
    expect(words()).toBe("You have one on paper. A new one replaces it.");
    app.status = { ...fake.status, recoverySaved: false };
    await settle();
    expect(words()).toContain(`on ${made} but did not say`);
    app.status = { ...fake.status, recoverySaved: false, hasRecoveryKey: false, recoveryMade: null };
    await settle();
    expect(words()).toContain("You have none yet");
  });

  test("removed accounts can be put back", async () => {
    await openApp("trash");
    await press("nav-settings");
    await press("settings-trash");
    expect(screen.getAllByTestId("trash-row")).toHaveLength(2);
    await fireEvent.click(screen.getAllByTestId("trash-restore")[0] as HTMLElement);
    await settle();
    expect(screen.getAllByTestId("trash-row")).toHaveLength(1);
  });
});

test("the clock of the tests stands where it says", () => {
  expect(new Date(NOON).toISOString()).toBe("2026-11-23T10:00:08.000Z");
});
