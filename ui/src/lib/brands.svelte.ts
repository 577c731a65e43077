// The table of brand marks comes as a chunk of its own, beside the first screen, so that the first code does not wait for it.

class Brands {
  path = $state.raw<((issuer: string | null) => string | null) | null>(null);
}

export const brands = new Brands();
void import("./marks").then((marks) => (brands.path = marks.brandPath));
