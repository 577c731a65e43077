// A code for the eye, the ear and the hand: groups, spoken digits, and the held code of the Television view.
// @vitest-environment node
import { describe, expect, test } from "vitest";
import { groups, spoken } from "../src/lib/grouping";
import { afterChange, hold, phase, step, waiting } from "../src/lib/held";
import type { AccountView } from "../src/lib/ipc";

const at = (n: number, over: Partial<AccountView> = {}): AccountView => ({
  id: "1",
  kind: "totp",
  issuer: "StreamTV",
  account: "anna",
  note: "",
  pinned: false,
  groups: [],
  cameBack: false,
  period: 30,
  digits: 6,
  code: `00000${n}`,
  nextCode: `00000${n + 1}`,
  validFrom: n * 30,
  validUntil: n * 30 + 30,
  ...over,
});
const counter = (code: string) =>
  at(0, { kind: "hotp", period: null, code, nextCode: null, validFrom: null, validUntil: null });

describe("groups", () => {
  test.each([
    ["482913", 3, ["482", "913"]],
    ["482913", 2, ["48", "29", "13"]],
    ["1234567", 3, ["123", "456", "7"]],
    ["12345678", 3, ["123", "456", "78"]],
    ["12345678", 2, ["12", "34", "56", "78"]],
    ["7KP2M", 3, ["7KP2M"]],
  ])("%s in groups of %i", (code, size, expected) => {
    expect(groups(code, size)).toEqual(expected);
    expect(groups(code, size).join(""), "no digit is lost or moved").toBe(code);
  });

  test("a screen reader hears digits, with a pause between the groups", () => {
    expect(spoken("482913", 3)).toBe("4 8 2, 9 1 3");
    expect(spoken("048291", 2), "a leading zero is heard too").toBe("0 4, 8 2, 9 1");
  });
});

describe("the held code", () => {
  test("stays when its step ends, and is called late", () => {
    const held = hold(at(1));
    const later = afterChange(held, at(2));
    expect(later.code, "while somebody types, the digits never jump").toBe("000001");
    expect(phase(later, at(2))).toBe("late");
    expect(waiting(later, at(2)), "the code that lives now waits beneath").toBe("000002");
  });

  test("is live in its own step, with the next one beneath", () => {
    const held = hold(at(1));
    expect(phase(held, at(1))).toBe("live");
    expect(waiting(held, at(1))).toBe("000002");
  });

  test("is too old after a second step, and says so", () => {
    const held = hold(at(1));
    expect(phase(held, at(3)), "services accept one step, not two").toBe("old");
    expect(waiting(held, at(3))).toBe("000003");
  });

  test("what waits beneath is what the next hold shows, so moving on never shows a third code", () => {
    const held = hold(at(1));
    expect(hold(at(2)).code).toBe(waiting(held, at(2)));
  });

  test("a clock set back does not make a live code late", () => {
    expect(phase(hold(at(5)), at(4))).toBe("live");
  });

  test("a counter-based code is never late, and changes when the counter was moved on", () => {
    const held = hold(counter("111111"));
    expect(phase(held, counter("111111"))).toBe("live");
    expect(afterChange(held, counter("222222")).code).toBe("222222");
    expect(waiting(held, counter("111111")), "the next counter's code is not known before it is asked for").toBeNull();
  });

  test("the place moves on from digit to digit and vanishes after the last", () => {
    let held = hold(at(1));
    const places = Array.from({ length: 8 }, () => (held = step(held, 1)).place);
    expect(places).toEqual([0, 1, 2, 3, 4, 5, -1, 0]);
    expect(step(hold(at(1)), -1).place, "back from nowhere stays nowhere").toBe(-1);
    expect(step({ ...hold(at(1)), place: 3 }, -1).place).toBe(2);
  });

  test("keeping one's place does not touch the code", () => {
    expect(step(hold(at(1)), 1).code).toBe("000001");
  });
});
