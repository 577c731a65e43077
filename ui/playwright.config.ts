// Tests of the built window in Debian's Chromium, on the fake IPC, under the page policy of the real window.
import { defineConfig } from "@playwright/test";
import { existsSync } from "node:fs";

const chromium = ["/usr/bin/chromium", "/usr/bin/chromium-browser", "/usr/bin/google-chrome"].find((path) =>
  existsSync(path),
);

export default defineConfig({
  testDir: "e2e",
  testIgnore: "platform/**", // the platform's pages: playwright.platform.config.ts
  outputDir: "test-results/artifacts",
  snapshotPathTemplate: "{testDir}/{arg}{ext}",
  fullyParallel: true,
  workers: 2,
  retries: 0,
  forbidOnly: true,
  timeout: 60_000,
  expect: { timeout: 10_000 },
  reporter: [["list"], ["json", { outputFile: "test-results/report.json" }]],
  use: {
    baseURL: `http://127.0.0.1:${process.env["COUCHKEY_UI_PORT"]}/`, // the server's, as it says below
    browserName: "chromium",
    locale: "en-GB",
    timezoneId: "UTC",
    launchOptions: {
      ...(chromium ? { executablePath: chromium } : {}),
      args: ["--no-sandbox", "--disable-dev-shm-usage", "--disable-gpu", "--font-render-hinting=none"],
    },
  },
  // On a port that is free, so that another run on this machine is never asked instead, and never in the way.
  webServer: {
    command: "npx vite preview --mode fake --outDir dist-fake --port 0",
    env: { NO_COLOR: "1" },
    wait: { stdout: /http:\/\/127\.0\.0\.1:(?:\u001b\[\d+m)*(?<couchkey_ui_port>\d+)/ },
    reuseExistingServer: false,
    stdout: "ignore",
    stderr: "pipe",
  },
});
