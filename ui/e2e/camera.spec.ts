// The camera, from getUserMedia to a saved account: Chromium plays a photograph of a television (e2e/fixtures/tv-photo.jpg,
// drawn for these tests) as its camera, and a real decoder outside of the page reads the frames that the page sends.
import { execFile } from "node:child_process";
import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";
import { crc32, deflateSync } from "node:zlib";
import { expect, openWindow, sizes, test } from "./window";

const folder = mkdtempSync(join(tmpdir(), "couchkey-camera-"));
const film = join(folder, "television.mjpeg");
const photo = readFileSync("e2e/fixtures/tv-photo.jpg");
writeFileSync(film, Buffer.concat(Array.from({ length: 10 }, () => photo)));
test.afterAll(() => rmSync(folder, { recursive: true, force: true }));

test.use({
  permissions: ["camera"],
  launchOptions: async ({ launchOptions }, use) => {
    const args = [
      "--use-fake-ui-for-media-stream",
      "--use-fake-device-for-media-stream",
      `--use-file-for-fake-video-capture=${film}`,
    ];
    await use({ ...launchOptions, args: [...(launchOptions.args ?? []), ...args] });
  },
});

/** An 8-bit grey PNG (RFC 2083), so that any decoder can look at the frame. */
function greyPng(width: number, height: number, grey: Buffer): Buffer {
  const chunk = (kind: string, data: Buffer) => {
    const body = Buffer.concat([Buffer.from(kind, "latin1"), data]);
    const [length, check] = [Buffer.alloc(4), Buffer.alloc(4)];
    length.writeUInt32BE(data.length);
    check.writeUInt32BE(crc32(body) >>> 0);
    return Buffer.concat([length, body, check]);
  };
  const head = Buffer.alloc(13);
  head.writeUInt32BE(width, 0);
  head.writeUInt32BE(height, 4);
  head[8] = 8; // bits; colour type 0 is grey
  const lines = Buffer.alloc((width + 1) * height);
  for (let y = 0; y < height; y++) grey.copy(lines, y * (width + 1) + 1, y * width, (y + 1) * width);
  return Buffer.concat([
    Buffer.from("\x89PNG\r\n\x1a\n", "latin1"),
    chunk("IHDR", head),
    chunk("IDAT", deflateSync(lines, { level: 1 })),
    chunk("IEND", Buffer.alloc(0)),
  ]);
}

/** What the QR code in a picture says: read by couchkey itself when COUCHKEY_CLI names it, else by zbarimg. */
function readQr(path: string): Promise<string | null> {
  const own = process.env["COUCHKEY_CLI"];
  if (own && !existsSync(resolve(own))) throw new Error(`COUCHKEY_CLI names ${own}, which is not there`);
  const [program, args]: [string, string[]] = own
    ? [resolve(own), ["scan", "--json", "--text", path]]
    : ["zbarimg", ["-q", "--raw", path]];
  return new Promise((done, fail) =>
    execFile(program, args, (error, stdout) => {
      if (error && (error as NodeJS.ErrnoException).code === "ENOENT")
        return fail(new Error(`no QR decoder: install zbar-tools or set COUCHKEY_CLI (${program})`));
      if (!own) return done(stdout.trim() || null);
      const [image] = JSON.parse(stdout || "[]") as { codes?: { issuer?: string; account?: string }[] }[];
      const code = image?.codes?.[0];
      done(code?.issuer ? `otpauth://totp/${code.issuer}:${code.account ?? ""}?issuer=${code.issuer}` : null);
    }),
  );
}

test("a QR code held before the camera is read, shown and saved", async ({ page }) => {
  await page.setViewportSize(sizes.phone);
  const frames: string[] = [];
  await page.exposeFunction("decodeFrame", async (width: number, height: number, base64: string) => {
    const grey = Buffer.from(base64, "base64");
    frames.push(`${width} × ${height}`);
    expect(grey.length, "one byte for each pixel").toBe(width * height);
    const path = join(folder, `frame-${frames.length}.png`);
    writeFileSync(path, greyPng(width, height, grey));
    return readQr(path);
  });
  await openWindow(page, "open", { still: false });
  await page.evaluate(() => {
    const decode = (
      window as unknown as { decodeFrame(width: number, height: number, base64: string): Promise<string | null> }
    ).decodeFrame;
    if (!window.couchkeyFake) throw new Error("no fake");
    let inFlight = 0;
    window.couchkeyFake.previewFrame = async (width, height, grey) => {
      if (++inFlight > 1) throw new Error("two frames in flight");
      let binary = "";
      for (let i = 0; i < grey.length; i += 0x8000) binary += String.fromCharCode(...grey.subarray(i, i + 0x8000));
      const text = await decode(width, height, btoa(binary));
      inFlight--;
      if (!text) return null;
      const found = new URL(text);
      const issuer = found.searchParams.get("issuer") ?? "";
      return {
        id: 900,
        rows: [
          {
            token: 900,
            kind: "totp",
            issuer,
            account: decodeURIComponent(found.pathname).split(":").pop() ?? "",
            labelIssuer: issuer,
            algorithm: "SHA1",
            digits: 6,
            period: 30,
            secretBits: 160,
            warnings: [],
            duplicateOf: null,
            repeatOf: null,
            note: "",
            groups: [],
            pinned: false,
            trashed: false,
          },
        ],
        skipped: [],
        batch: null,
        format: null,
        room: 10_000,
        clockWrong: false,
      };
    };
  });
  await page.getByTestId("nav-add").click();
  await page.getByTestId("add-camera").click();
  await expect(page.getByTestId("preview-row")).toBeVisible({ timeout: 30_000 });
  await expect(page.getByTestId("preview-issuer")).toHaveValue("StreamTV");
  await expect(page.getByTestId("preview-account")).toHaveValue("user835@example.com");
  expect(frames[0], "the frame is as large as the camera's, its shorter side at most 720").toBe("1280 × 720");
  expect(await page.evaluate(() => document.querySelectorAll("video").length), "the camera is off again").toBe(0);
  await page.getByTestId("preview-save").click();
  await expect(page.getByTestId("check-done")).toBeVisible();
});

test("the picture of the camera is on the screen, and Stop gives the camera back", async ({ page }) => {
  await page.setViewportSize(sizes.laptop);
  await openWindow(page, "open", { still: false });
  await page.evaluate(() => {
    if (window.couchkeyFake) window.couchkeyFake.previewFrame = async () => null;
  });
  await page.getByTestId("nav-add").click();
  await page.getByTestId("add-camera").click();
  await expect(page.getByText("Starting the camera…")).toBeHidden();
  const video = page.locator("video");
  await expect.poll(() => video.evaluate((element) => (element as HTMLVideoElement).videoWidth)).toBe(1280);
  const track = await video.evaluateHandle(
    (element) => ((element as HTMLVideoElement).srcObject as MediaStream).getTracks()[0],
  );
  await page.screenshot({ path: "test-results/screens/add-camera-laptop-light.png" });
  await page.getByTestId("camera-stop").click();
  await expect.poll(() => track.evaluate((one) => one?.readyState)).toBe("ended");
});

test("a camera that is not allowed is said in words, with what to do", async ({ page }) => {
  await openWindow(page, "open");
  await page.evaluate(() => {
    navigator.mediaDevices.getUserMedia = () => Promise.reject(new DOMException("no", "NotAllowedError"));
  });
  await page.getByTestId("nav-add").click();
  await page.getByTestId("add-camera").click();
  await expect(page.getByTestId("camera-trouble")).toHaveAttribute("data-trouble", "denied");
});
