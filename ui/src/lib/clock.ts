// One timer for the moment when the earliest code changes. Nothing polls: the countdown between two changes is CSS.

export interface Timers {
  now(): number; // milliseconds since 1970
  set(call: () => void, delay: number): unknown;
  clear(timer: unknown): void;
}

const real: Timers = {
  now: () => Date.now(),
  set: (call, delay) => setTimeout(call, delay),
  clear: (timer) => clearTimeout(timer as ReturnType<typeof setTimeout>),
};

/** A timer that browsers keep in 32 bits overflows after 24.8 days. */
const LONGEST = 2 ** 31 - 1;
/** A little after the second, so that Rust's clock has passed it too. */
const LATE_BY = 20;

export interface StepClock {
  /** Forgets the timer that was set and sets one for `changesAt` (Unix seconds); null sets none. */
  arm(changesAt: number | null): void;
  stop(): void;
}

/** Calls `changed` once when the armed moment has come. Whoever is called arms again with the next moment. */
export function stepClock(changed: () => void, timers: Timers = real): StepClock {
  let timer: unknown = null;
  const stop = () => {
    if (timer !== null) timers.clear(timer);
    timer = null;
  };
  return {
    arm(changesAt) {
      stop();
      if (changesAt === null) return;
      const delay = Math.max(0, changesAt * 1000 - timers.now()) + LATE_BY;
      timer = timers.set(
        () => {
          timer = null;
          changed();
        },
        Math.min(delay, LONGEST),
      );
    },
    stop,
  };
}

/** How long a countdown has been running: the negative delay of its animation, in milliseconds. */
export function elapsed(validFrom: number, now: number = Date.now()): number {
  return Math.max(0, now - validFrom * 1000);
}

export interface Countdown {
  unit: "seconds" | "minutes" | "hours";
  count: number;
  /** Every number that is on show in turn, one a line. */ strip: string;
}

/** How a step of this many seconds is counted down: by the second, or in larger units where that would be a long wait. */
export function countdown(period: number): Countdown {
  const [unit, seconds] =
    period <= 120
      ? (["seconds", 1] as const)
      : period <= 7_200
        ? (["minutes", 60] as const)
        : (["hours", 3_600] as const);
  const count = Math.ceil(period / seconds);
  const known = strips.get(count) ?? Array.from({ length: count }, (_, i) => count - i).join("\n");
  strips.set(count, known);
  return { unit, count, strip: known };
}

const strips = new Map<number, string>();
