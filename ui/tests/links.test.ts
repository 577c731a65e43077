// Links from outside wait, visibly: no screen is left for one, and none takes the place of what is about to be saved.
import { fireEvent, screen } from "@testing-library/dom";
import { describe, expect, test, vi } from "vitest";
import { called, openApp, settle, where } from "./app";

type Opened = Awaited<ReturnType<typeof openApp>>;
const press = async (testid: string) => {
  await fireEvent.click(screen.getByTestId(testid));
  await settle();
};
const type = async (testid: string, value: string) => {
  await fireEvent.input(screen.getByTestId(testid), { target: { value } });
  await settle();
};
const choose = async (testid: string, words: string, name: string, kind: string) => {
  await fireEvent.change(screen.getByTestId(testid), { target: { files: [new File([words], name, { type: kind })] } });
};
const there = (testid: string) =>
  vi.waitFor(() => expect(screen.queryAllByTestId(testid).length).toBeGreaterThan(0)).then(settle);
const comes = async ({ fake }: Opened, words = "plain") => {
  fake.link(words);
  await settle();
};
const bar = () => screen.queryByTestId("links")?.textContent?.replace(/\s+/g, " ").trim();
const button = () => screen.queryByTestId("links-look");

/** Everything on the screen but the bar itself, as a person sees it: words, and what is typed. */
const shown = () => {
  const copy = document.querySelector<HTMLElement>(".content")?.innerHTML ?? "";
  return copy + [...document.querySelectorAll("input")].map((input) => `${input.value}|${input.checked}`).join();
};

/** Where something would be lost: shown once, typed, chosen, or about to be saved. */
const unfinished: Record<string, { query: string; go?: (opened: Opened) => Promise<void> }> = {
  "a recovery key that is shown once": {
    query: "open",
    go: async () => {
      await press("nav-settings");
      await press("settings-recovery");
      await press("recovery-make");
      await there("recovery-key");
    },
  },
  "new keys": {
    query: "open",
    go: async () => {
      await press("nav-settings");
      await press("settings-new-keys");
      await fireEvent.submit(screen.getByTestId("new-keys-make").closest("form") as HTMLFormElement);
      await settle();
      await there("recovery-key");
    },
  },
  "an import's preview": {
    query: "open",
    go: async () => {
      await press("nav-settings");
      await press("settings-import");
      await choose("add-file-input", "aegis 8", "export.json", "application/json");
      await there("preview-row");
    },
  },
  "an export's password": {
    query: "open",
    go: async () => {
      await press("nav-settings");
      await press("settings-import");
      await choose("add-file-input", "aegis 8 locked", "export.json", "application/json");
      await there("sealed-password");
      await type("sealed-password", "half a pass");
    },
  },
  "an export": {
    query: "open",
    go: async () => {
      await press("nav-settings");
      await press("settings-export");
      await settle();
    },
  },
  "a restore": {
    query: "open",
    go: async () => {
      await press("nav-settings");
      await press("settings-backups");
      await settle();
      await fireEvent.click(screen.getAllByTestId("backup-restore")[0] as HTMLElement);
      await settle();
      await type("restore-key", "AAAA-BBBB");
    },
  },
  "a drill": {
    query: "open",
    go: async () => {
      await press("nav-settings");
      await press("settings-backups");
      await settle();
      await press("backups-drill");
      await type("drill-key", "AAAA-BBBB");
    },
  },
  "the preview of a picture": {
    query: "open",
    go: async () => {
      await press("nav-add");
      await choose("add-file-input", "two", "code.png", "image/png");
      await there("preview-row");
    },
  },
  "a form that is being filled in": {
    query: "open",
    go: async () => {
      await press("nav-add");
      await press("add-manual");
      await type("manual-issuer", "Garden TV");
    },
  },
  "the Television view": {
    query: "open",
    go: async () => {
      await fireEvent.click(screen.getAllByTestId("row-television")[0] as HTMLElement);
      await settle();
    },
  },
  "a first passphrase": {
    query: "first-run&keyring=missing",
    go: async () => {
      await press("welcome-scan");
      await type("new-passphrase", "correct hor");
    },
  },
  "a passphrase that is being typed": { query: "locked", go: () => type("unlock-passphrase", "correct hor") },
  "a recovery key that is being typed": {
    query: "locked",
    go: async () => {
      await press("unlock-recovery");
      await type("recover-key", "AAAA-BB");
    },
  },
  trouble: { query: "trouble:needs_recovery" },
};

describe("a link that comes", () => {
  test.each(Object.keys(unfinished))("leaves %s as it is, and waits until it is done", async (name) => {
    const place = unfinished[name] as (typeof unfinished)[string];
    const opened = await openApp(place.query);
    await place.go?.(opened);
    const [screenBefore, before] = [where(), shown()];
    const asked = opened.fake.calls.length;
    await comes(opened);
    expect(where()).toBe(screenBefore);
    expect(shown(), "not a letter of it is another").toBe(before);
    expect(bar()).toMatch(/^A setup link is waiting\. Kept until you (are done here|have unlocked)\.$/);
    expect(button(), "nothing to press that would lose it").toBeNull();
    expect(
      opened.fake.calls.slice(asked).map((call) => call.command),
      "and nothing but the number was asked",
    ).toEqual(["links"]);
  });

  test.each(["codes", "add", "settings"])("leaves %s as it is too, and is looked at by a press", async (name) => {
    const opened = await openApp("open");
    await press(`nav-${name}`);
    const before = shown();
    await comes(opened);
    expect(where()).toBe(name);
    expect(shown()).toBe(before);
    expect(bar()).toContain("A setup link is waiting.");
    await press("links-look");
    expect(where()).toBe("add");
    expect(screen.getAllByTestId("preview-row")).toHaveLength(1);
    expect(bar(), "it waits no longer").toBeUndefined();
  });

  test("leaves a search as it is", async () => {
    const opened = await openApp("open");
    await type("search", "netf");
    const before = shown();
    await comes(opened);
    expect(shown()).toBe(before);
    expect(bar()).toContain("A setup link is waiting.");
  });

  test("is there when what came first is done, and is not what is saved before", async () => {
    const opened = await openApp("open");
    await press("nav-settings");
    await press("settings-import");
    await choose("add-file-input", "aegis 8", "export.json", "application/json");
    await there("preview-row");
    await comes(opened);
    await press("preview-save");
    expect(called(opened.fake, "add")[0]?.args[0]).toMatchObject({ preview: expect.any(Number) as number });
    expect(where()).toBe("codes");
    expect(opened.app.codes?.accounts, "eight that were shown, and not the one that waits").toHaveLength(16);
    expect(bar()).toContain("A setup link is waiting.");
    await press("links-look");
    await press("preview-save");
    expect(where()).toBe("check");
    expect(opened.app.codes?.accounts).toHaveLength(17);
  });

  test("is one of at most five, and says how many more came", async () => {
    const opened = await openApp("open");
    for (let i = 0; i < 7; i++) await comes(opened, `plain ${i}`);
    expect(bar()).toContain("5 setup links are waiting. 2 more came and were not kept: open them again later.");
    await press("links-look");
    expect(bar()).toContain("4 setup links are waiting. Kept until");
  });

  test("can be discarded", async () => {
    const opened = await openApp("open");
    await comes(opened);
    await press("links-forget");
    expect(bar()).toBeUndefined();
    expect(where()).toBe("codes");
    expect(called(opened.fake, "forgetLinks")).toHaveLength(1);
  });

  test("dies at a lock, and one that comes after it is there once unlocked", async () => {
    const opened = await openApp("open");
    opened.fake.status.lock = "strong";
    await comes(opened);
    await opened.app.lock();
    opened.fake.emit("locked");
    await settle();
    expect(where()).toBe("unlock");
    expect(bar(), "gone with everything else").toBeUndefined();
    await comes(opened);
    expect(bar()).toBe("A setup link is waiting. Kept until you have unlocked.");
    await type("unlock-passphrase", "correct horse battery");
    await fireEvent.submit(screen.getByTestId("unlock-submit").closest("form") as HTMLFormElement);
    await settle();
    expect(where()).toBe("codes");
    await press("links-look");
    expect(screen.getAllByTestId("preview-row")).toHaveLength(1);
  });

  test("that is refused is said with a cure, and the next one can be looked at", async () => {
    const opened = await openApp("open");
    await comes(opened, "error unsupported_type");
    await comes(opened, "plain");
    await press("links-look");
    expect(where()).toBe("add");
    expect(screen.getByTestId("error").dataset["code"]).toBe("unsupported_type");
    await press("links-look");
    expect(screen.queryByTestId("error")).toBeNull();
    expect(screen.getAllByTestId("preview-row")).toHaveLength(1);
  });
});

describe("a link that the program is started with", () => {
  test.each(["link", "link&look"])("is looked at at once (%s)", async (query) => {
    const { fake } = await openApp(query);
    await vi.advanceTimersByTimeAsync(0);
    await settle();
    expect(where()).toBe("add");
    expect(screen.getAllByTestId("preview-row")).toHaveLength(1);
    expect(called(fake, "previewLink")).toHaveLength(1);
  });

  test("waits where the vault asks for a passphrase first", async () => {
    await openApp("locked&links=plain");
    expect(where()).toBe("unlock");
    expect(bar()).toBe("A setup link is waiting. Kept until you have unlocked.");
  });
});

test("a passphrase that was typed is still there when the keyring was waited for", async () => {
  const { fake, app } = await openApp("locked");
  await type("unlock-passphrase", "correct hor");
  fake.emit("waiting_for_keyring");
  await settle();
  expect(where()).toBe("waiting");
  app.waiting = false;
  await settle();
  expect(where()).toBe("unlock");
  expect(screen.getByTestId<HTMLInputElement>("unlock-passphrase").value).toBe("correct hor");
});

test("a preview that something else replaced is not saved, and the words do not speak of time", async () => {
  const { fake } = await openApp("open");
  await press("nav-settings");
  await press("settings-import");
  await choose("add-file-input", "aegis 8", "export.json", "application/json");
  await there("preview-row");
  fake.failNext("add", "preview_gone");
  await press("preview-save");
  expect(screen.getByTestId("error").textContent).toContain("That preview is no longer open");
  expect(screen.getByTestId("error").textContent).not.toMatch(/too long|time/i);
});
