// How the window is built. Mode "fake" is the test build: the same pages on an IPC kept in memory, with the page policy
// that the real window has, so that a violation shows in a browser too. The production build never contains the fake.
import { svelte } from "@sveltejs/vite-plugin-svelte";
import { svelteTesting } from "@testing-library/svelte/vite";
import * as simpleIcons from "simple-icons";
import type { Plugin } from "vite";
import { defineConfig } from "vitest/config";
import { brands } from "./brands.ts";

/** What tauri.conf.json asks of the real window; kept strict here so that tests see what people get. */
export const contentSecurityPolicy =
  "default-src 'self'; connect-src 'self' ipc: http://ipc.localhost; object-src 'none'; base-uri 'none'; form-action 'none'";

/** The outlines of the chosen brands as one small module: simple-icons' own also carries sources, titles and guidelines. */
function brandOutlines(): Plugin {
  const name = "virtual:brand-outlines";
  return {
    name,
    resolveId: (id) => (id === name ? `\0${name}` : null),
    load(id) {
      if (id !== `\0${name}`) return null;
      const bySlug = new Map(Object.values(simpleIcons).map((icon) => [icon.slug, icon.path]));
      const outlines = brands.map((brand) => {
        const path = bySlug.get(brand);
        if (!path) throw new Error(`simple-icons has no mark called ${brand}`);
        return [brand, path];
      });
      return `export default ${JSON.stringify(Object.fromEntries(outlines))}`;
    },
  };
}

export default defineConfig(({ mode }) => ({
  plugins: [svelte(), brandOutlines(), ...(mode === "test" ? [svelteTesting()] : [])],
  define: { __FAKE__: JSON.stringify(mode !== "production") },
  json: { stringify: true, namedExports: false }, // a language is one value, read by JSON.parse
  build: {
    // What only holds words and says nothing by itself is left out of each script that does not say it.
    rolldownOptions: {
      treeshake: { moduleSideEffects: [{ test: /\/src\/lib\/say\.svelte\.ts/, sideEffects: false }] },
    },
    target: "es2022",
    assetsInlineLimit: 0, // a data: font or picture would break the page policy
    modulePreload: { polyfill: false },
    cssCodeSplit: false, // a screen that is loaded later finds its styles in the page
    reportCompressedSize: true,
    emptyOutDir: true,
  },
  server: { host: "127.0.0.1", port: 1420, strictPort: true },
  preview: {
    host: "127.0.0.1",
    port: 4173,
    strictPort: true,
    headers: { "Content-Security-Policy": contentSecurityPolicy },
  },
  test: {
    environment: "jsdom",
    include: ["tests/**/*.test.ts"],
    setupFiles: ["tests/setup.ts"],
    restoreMocks: true,
    testTimeout: 30_000, // a whole window on a busy machine
  },
}));
