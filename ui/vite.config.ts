// How the window is built. Mode "fake" is the test build: the same pages on an IPC kept in memory, with the page policy
// that the real window has, so that a violation shows in a browser too. The production build never contains the fake.
import { svelte } from "@sveltejs/vite-plugin-svelte";
import { svelteTesting } from "@testing-library/svelte/vite";
import * as simpleIcons from "simple-icons";
import { build, type Plugin, type Rolldown } from "vite";
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

/** The list of codes, drawn while the window is built, as a template in the page: src/first.server.ts says what for. */
function firstPicture(): Plugin {
  return {
    name: "first-picture",
    apply: "build",
    async transformIndexHtml(page) {
      const built = (await build({
        configFile: false,
        logLevel: "warn",
        plugins: [svelte(), brandOutlines()],
        define: { __FAKE__: "false" },
        build: { ssr: "src/first.server.ts", write: false, minify: false },
        ssr: { noExternal: true },
      })) as Rolldown.RolldownOutput;
      const script = Buffer.from(built.output[0].code).toString("base64");
      const { draw } = (await import(`data:text/javascript;base64,${script}`)) as { draw(): string };
      // Out goes where Svelte would go on, what the page policy forbids, and the names by which tests find what can be pressed.
      const picture = draw().replace(/<!--.*?-->/gs, "").replace(/ (style|data-testid|data-screen)="[^"]*"/g, "");
      return page.replace('<template id="first-picture">', (before) => before + picture);
    },
  };
}

export default defineConfig(({ mode }) => ({
  plugins: [svelte(), brandOutlines(), firstPicture(), ...(mode === "test" ? [svelteTesting()] : [])],
  define: { __FAKE__: JSON.stringify(mode !== "production") },
  build: {
    target: "es2022",
    assetsInlineLimit: 0, // a data: font or picture would break the page policy
    modulePreload: { polyfill: false },
    cssCodeSplit: false, // the first picture has the styles of what is read after it
    // What draws the first picture is one file: a second one would be asked for only when the first is there.
    rolldownOptions: { output: { codeSplitting: { groups: [{ name: "first", test: /src\/first\.ts$/ }] } } },
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
