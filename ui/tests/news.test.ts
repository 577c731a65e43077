// How the page hears of what happens in Rust: through the real door, with Tauri's side of it played here.
import { afterEach, beforeEach, expect, test, vi } from "vitest";
import type { News, RustEvent } from "../src/lib/ipc";

type Question = { after: number | null; answer: (news: News) => void; refuse: (error: unknown) => void };
let questions: Question[];
const tauri = window as unknown as { __TAURI_INTERNALS__?: unknown };

beforeEach(() => {
  questions = [];
  tauri.__TAURI_INTERNALS__ = {
    invoke: (command: string, { after }: { after: number | null }) => {
      expect(command).toBe("news");
      return new Promise<News>((answer, refuse) => questions.push({ after, answer, refuse }));
    },
  };
  vi.resetModules(); // a page of its own for each test
  vi.useFakeTimers();
});
afterEach(() => {
  vi.useRealTimers();
  delete tauri.__TAURI_INTERNALS__;
});

const settle = () => vi.advanceTimersByTimeAsync(0);
const last = () => questions.at(-1) as Question;

test("everybody hears everything once, in order, from one question at a time", async () => {
  const { ipc } = await import("../src/lib/ipc");
  const heard: string[] = [];
  const stop = ipc.onEvent((event: RustEvent) => heard.push(`one ${event}`));
  ipc.onEvent((event: RustEvent) => heard.push(`two ${event}`));
  expect(
    questions.map(({ after }) => after),
    "from now on, asked once",
  ).toEqual([null]);
  last().answer({ upTo: 7, events: ["changed", "locked"] });
  await settle();
  expect(heard).toEqual(["one changed", "two changed", "one locked", "two locked"]);
  expect(
    questions.map(({ after }) => after),
    "goes on where it was",
  ).toEqual([null, 7]);
  stop();
  last().answer({ upTo: 8, events: ["progress"] });
  await settle();
  expect(heard.slice(4), "who stopped hears no more").toEqual(["two progress"]);
});

test("a question that fails and a listener that breaks keep nobody from hearing the rest", async () => {
  const said = vi.spyOn(console, "error").mockImplementation(() => undefined);
  const { ipc } = await import("../src/lib/ipc");
  const heard: RustEvent[] = [];
  ipc.onEvent((event: RustEvent) => {
    heard.push(event);
    if (event === "link") throw new Error("a screen that cannot be drawn");
  });
  last().refuse("no connection");
  await settle();
  expect(questions, "not at once: that would never rest").toHaveLength(1);
  await vi.advanceTimersByTimeAsync(1_000);
  expect(last().after).toBeNull();
  last().answer({ upTo: 3, events: ["link", "changed"] });
  await settle();
  expect(last().after, "what broke the listener is not told again").toBe(3);
  last().answer({ upTo: 4, events: ["locked"] });
  await settle();
  expect(heard).toEqual(["link", "changed", "locked"]);
  expect(said).toHaveBeenCalledTimes(2);
});
