// Every screen but the list of codes, and what opens on it, read at the first sign of a hand (main.ts) or when one of them is opened: the first code
// waits for none of them, and a person who only reads codes has none in memory.

class Rest {
  screens = $state.raw<typeof import("../screens/rest") | null>(null);

  async load(): Promise<typeof import("../screens/rest")> {
    return (this.screens ??= await import("../screens/rest"));
  }
}

export const rest = new Rest();
