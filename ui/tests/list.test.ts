// The list: searching, order, which rows are in the page, moving by arrows, keys, marks.
// @vitest-environment node
import { describe, expect, test } from "vitest";
import { actionFor } from "../src/lib/keys";
import outlines from "virtual:brand-outlines";
import { brandOf } from "../src/lib/marks";
import { hue, monogram } from "../src/lib/monogram";
import { matches, pinnedFirst } from "../src/lib/search";
import { nearest } from "../src/lib/spatial";
import { FAR, pulled } from "../src/lib/swipe";
import { rowsInView } from "../src/lib/window-of";
import type { AccountView } from "../src/lib/ipc";

const account = (issuer: string | null, name: string, over: Partial<AccountView> = {}): AccountView => ({
  id: name,
  kind: "totp",
  issuer,
  account: name,
  note: "",
  pinned: false,
  groups: [],
  cameBack: false,
  period: 30,
  digits: 6,
  code: "123456",
  nextCode: "654321",
  validFrom: 0,
  validUntil: 30,
  ...over,
});

describe("search", () => {
  const cafe = account("Café Société", "user482@example.com", { note: "summer house", groups: ["Living room"] });
  test.each(["caf", "CAFE soc", "societe", "482", "summer", "living", "", "   ", "room cafe"])(
    "%s finds it",
    (query) => {
      expect(matches(cafe, query)).toBe(true);
    },
  );
  test.each(["netflix", "cafe netflix", "societee"])("%s does not find it", (query) => {
    expect(matches(cafe, query), "every word must be somewhere").toBe(false);
  });
  test("a word does not reach across two fields", () => {
    expect(matches(account("ab", "cd"), "bc")).toBe(false);
  });
});

test("pinned accounts come first, and otherwise the person's order stays", () => {
  const list = [
    account("a", "1"),
    account("b", "2", { pinned: true }),
    account("c", "3"),
    account("d", "4", { pinned: true }),
  ];
  expect(pinnedFirst(list).map((one) => one.account)).toEqual(["2", "4", "1", "3"]);
});

describe("rows in view", () => {
  test("a short list is in the page as a whole", () => {
    expect(rowsInView(80, 1, 124, 150, 0, 600)).toEqual({ from: 0, to: 80 });
  });
  test("of a thousand only what is near is in the page", () => {
    const { from, to } = rowsInView(1000, 1, 124, 150, 60_000, 600);
    expect(from).toBeLessThanOrEqual(Math.floor((60_000 - 150) / 124));
    expect(to).toBeGreaterThanOrEqual(Math.ceil((60_600 - 150) / 124));
    expect(to - from, "a screen above, a screen below, and what is seen").toBeLessThan(24);
  });
  test("columns are never torn apart", () => {
    const { from, to } = rowsInView(1000, 3, 124, 150, 20_000, 1080);
    expect(from % 3).toBe(0);
    expect(to % 3 === 0 || to === 1000).toBe(true);
  });
  test.each([0, 1e9])("scrolled to %i there is always something", (top) => {
    const { from, to } = rowsInView(1000, 2, 124, 150, top, 600);
    expect(to).toBeGreaterThan(from);
    expect(from).toBeGreaterThanOrEqual(0);
    expect(to).toBeLessThanOrEqual(1000);
  });
});

describe("arrows", () => {
  const grid = [0, 1, 2, 3].map((n) => ({ left: (n % 2) * 100, top: Math.floor(n / 2) * 50, width: 80, height: 40 }));
  const [a, b, c, d] = grid as [(typeof grid)[0], (typeof grid)[0], (typeof grid)[0], (typeof grid)[0]];
  test.each([
    [a, [b, c, d], "right", 0],
    [a, [b, c, d], "down", 1],
    [d, [a, b, c], "up", 1],
    [d, [a, b, c], "left", 2],
    [a, [b, c, d], "up", -1],
    [a, [b, c, d], "left", -1],
  ] as const)("go to the neighbour in that direction", (from, others, way, expected) => {
    expect(nearest(from, others, way)).toBe(expected);
  });
  test("a button inside a row is reached from the row, and the row from the button", () => {
    const row = { left: 0, top: 0, width: 300, height: 100 };
    const more = { left: 256, top: 10, width: 44, height: 40 };
    expect(nearest(row, [more], "right")).toBe(0);
    expect(nearest(more, [row], "left")).toBe(0);
  });
  test("straight ahead wins over nearer but beside", () => {
    const start = { left: 0, top: 0, width: 40, height: 40 };
    expect(
      nearest(
        start,
        [
          { left: 60, top: 90, width: 40, height: 40 },
          { left: 200, top: 0, width: 40, height: 40 },
        ],
        "right",
      ),
    ).toBe(1);
  });
});

describe("keys", () => {
  test.each([
    ["/", "search"],
    ["t", "television"],
    ["T", "television"],
    ["n", "add"],
    ["e", "edit"],
    ["Delete", "remove"],
    ["?", "help"],
    ["Escape", "leave"],
  ])("%s is %s", (key, action) => expect(actionFor({ key }, false)).toBe(action));
  test.each(["t", "n", "e", "/", "?", "Delete"])("%s in a field is a letter", (key) =>
    expect(actionFor({ key }, true)).toBeNull(),
  );
  test("Ctrl+L and ⌘L lock, from a field too", () => {
    expect(actionFor({ key: "l", ctrlKey: true }, true)).toBe("lock");
    expect(actionFor({ key: "L", metaKey: true }, false)).toBe("lock");
  });
  test.each([{ key: "t", ctrlKey: true }, { key: "n", metaKey: true }, { key: "e", altKey: true }, { key: "x" }])(
    "$key with others means nothing here",
    (event) => {
      expect(actionFor(event, false)).toBeNull();
    },
  );
});

describe("marks", () => {
  test.each([
    "Netflix",
    "netflix.com",
    "NETFLIX Family",
    "Paramount+",
    "YouTube",
    "PlayStation Network",
    "Proton",
    "Sky Go",
  ])("%s has its own", (issuer) => {
    expect(outlines[brandOf(issuer) ?? ""]).toMatch(/^M/i);
  });
  test.each([
    null,
    "",
    "Haus & Garten",
    "Netflixx",
    "x-files club",
    "Signal Insurance",
    "Max Miller Ltd",
    "X Bank",
    "Wise Owl",
  ])("%s has none", (issuer) => expect(brandOf(issuer)).toBeNull());
  test.each([
    ["Haus & Garten", "HG"],
    ["anna@example.com", "A"],
    ["ING", "I"],
    ["", "?"],
    ["★", "?"],
    ["日本 放送", "日放"],
    ["'quoted'", "Q"],
  ])("%s has the letters %s", (name, letters) => {
    expect(monogram(name)).toBe(letters);
  });
  test("the colour of a name stays the same", () => {
    expect(hue("Netflix")).toBe(hue("netflix"));
    expect(
      new Set(["a", "b", "c", "d", "e", "f", "g", "h"].map(hue)).size,
      "and differs between names",
    ).toBeGreaterThan(3);
  });
});

describe("a row pulled aside", () => {
  test.each([
    [0, 0],
    [11, 0],
    [-11, 3],
    [30, 60],
    [-40, 30],
    [0, 200],
  ])("a finger moved by %i, %i taps or scrolls", (dx, dy) => {
    expect(pulled(dx, dy)).toBeNull();
  });
  test.each([
    [20, 0, 20],
    [-30, 10, -30],
    [FAR, 20, FAR],
    [-500, 0, -1.5 * FAR],
    [500, 100, 1.5 * FAR],
  ])("moved by %i, %i it pulls the row to %i", (dx, dy, at) => {
    expect(pulled(dx, dy)).toBe(at);
  });
});
