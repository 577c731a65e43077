// Keys that are pressed while the screen they are meant for is still being loaded. They wait, and are pressed again when it is there.
import { tick } from "svelte";

export class HeldKeys {
  #held: KeyboardEvent[] = [];

  hold(event: KeyboardEvent): void {
    event.preventDefault();
    event.stopPropagation();
    this.#held.push(event);
  }

  /** Presses them in their order, each where the one before it has led. */
  async release(): Promise<void> {
    for (let next = this.#held.shift(); next; next = this.#held.shift()) {
      (document.activeElement ?? document.body).dispatchEvent(new KeyboardEvent(next.type, next));
      await tick();
    }
  }
}
