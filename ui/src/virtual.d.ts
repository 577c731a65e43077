// Modules that vite.config.ts makes at build time.
declare module "virtual:brand-outlines" {
  /** simple-icons' slug, and its outline as an SVG path on a grid of 24. */
  const outlines: Record<string, string>;
  export default outlines;
}
