// The step clock: one timer, set anew for every change, never a poll.
// @vitest-environment node
import { describe, expect, test } from "vitest";
import { countdown, elapsed, stepClock, type Timers } from "../src/lib/clock";

function fakeTimers(now: number) {
  const set: { call: () => void; delay: number; id: number }[] = [];
  const cleared: number[] = [];
  const timers: Timers = {
    now: () => now,
    set: (call, delay) => {
      set.push({ call, delay, id: set.length });
      return set.length - 1;
    },
    clear: (id) => void cleared.push(id as number),
  };
  return { timers, set, cleared, running: () => set.filter((timer) => !cleared.includes(timer.id)).length };
}

describe("the step clock", () => {
  test("sets one timer, just after the moment of the change", () => {
    const { timers, set } = fakeTimers(1_000_000);
    stepClock(() => undefined, timers).arm(1_010);
    expect(
      set.map((timer) => timer.delay),
      "ten seconds and a little, so that the other clock has passed it too",
    ).toEqual([10_020]);
  });

  test("arming again forgets the earlier timer, so there is never a second one", () => {
    const { timers, cleared, running } = fakeTimers(0);
    const clock = stepClock(() => undefined, timers);
    clock.arm(10);
    clock.arm(20);
    clock.arm(30);
    expect(cleared).toEqual([0, 1]);
    expect(running(), "one timer however often it is armed").toBe(1);
  });

  test("calls once, and does not go on by itself", () => {
    let calls = 0;
    const { timers, set } = fakeTimers(0);
    stepClock(() => calls++, timers).arm(5);
    set[0]?.call();
    expect(calls).toBe(1);
    expect(set.length, "whoever is called arms again; the clock itself never polls").toBe(1);
  });

  test("a moment that has passed already is answered at once", () => {
    const { timers, set } = fakeTimers(60_000);
    stepClock(() => undefined, timers).arm(10);
    expect(set[0]?.delay).toBe(20);
  });

  test("nothing that changes sets no timer", () => {
    const { timers, set } = fakeTimers(0);
    stepClock(() => undefined, timers).arm(null);
    expect(set).toEqual([]);
  });

  test("a change in the far future does not overflow a browser's timer", () => {
    const { timers, set } = fakeTimers(0);
    stepClock(() => undefined, timers).arm(10_000_000);
    expect(set[0]?.delay).toBe(2 ** 31 - 1);
  });

  test("stopped, it leaves nothing behind", () => {
    const { timers, running } = fakeTimers(0);
    const clock = stepClock(() => undefined, timers);
    clock.arm(10);
    clock.stop();
    expect(running()).toBe(0);
  });

  test.each([
    [30, "seconds", 30],
    [60, "seconds", 60],
    [1, "seconds", 1],
    [120, "seconds", 120],
    [300, "minutes", 5],
    [301, "minutes", 6],
    [86_400, "hours", 24],
  ])("a step of %i seconds is counted down in %s", (period, unit, count) => {
    const found = countdown(period);
    expect([found.unit, found.count]).toEqual([unit, count]);
    expect(found.strip.split("\n").map(Number), "from all of it down to one").toEqual(
      Array.from({ length: count }, (_, i) => count - i),
    );
  });

  test("a countdown knows how long it has been running, and never less than nothing", () => {
    expect(elapsed(1_000, 1_008_250)).toBe(8_250);
    expect(elapsed(1_000, 999_000), "a clock that runs a little behind starts at the beginning").toBe(0);
  });
});
