// Tests of the platform's pages in Debian's Chromium: the real server on a free port, its data in a folder that goes away.
import { defineConfig } from "@playwright/test";
import base from "./playwright.config";

export default defineConfig({
  ...base,
  testDir: "e2e/platform",
  testIgnore: [],
  webServer: undefined,
  use: { ...base.use, baseURL: undefined },
});
