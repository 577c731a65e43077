// Lazy-loads the outlines of the brands, 90 kB, when the first account of a brand is on show.

class Outlines {
  /** By simple-icons' slug, as paths on a grid of 24; null until they are here. */
  all = $state.raw<Record<string, string> | null>(null);
  #reading: Promise<unknown> | null = null;

  load(): void {
    this.#reading ??= import("virtual:brand-outlines").then((outlines) => (this.all = outlines.default));
  }
}

export const outlines = new Outlines();
