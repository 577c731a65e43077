// Frames of the camera as grey pictures, about eight a second and one in flight; what they hold is read in Rust.

export type CameraTrouble = "denied" | "missing" | "busy";

/** The shorter side of what is sent; a QR code that fills a third of it still has several pixels for each module. */
const SHORTER = 720;
const EVERY_MS = 125;

export function troubleOf(error: unknown): CameraTrouble {
  const name = error instanceof Error ? error.name : "";
  if (name === "NotAllowedError" || name === "SecurityError") return "denied";
  if (name === "NotFoundError" || name === "OverconstrainedError" || name === "TypeError") return "missing";
  return "busy";
}

/** Luma of RGBA pixels with the weights of ITU-R BT.601, in 8-bit fixed point. */
export function grey(rgba: Uint8ClampedArray): Uint8Array {
  const out = new Uint8Array(rgba.length / 4);
  for (let i = 0, o = 0; o < out.length; i += 4, o++) {
    out[o] = ((rgba[i] ?? 0) * 77 + (rgba[i + 1] ?? 0) * 150 + (rgba[i + 2] ?? 0) * 29) >> 8;
  }
  return out;
}

/** The size at which a frame is sent: whole, or with its shorter side at most 720. */
export function frameSize(width: number, height: number): { width: number; height: number } {
  const scale = Math.min(1, SHORTER / Math.min(width, height));
  return { width: Math.round(width * scale), height: Math.round(height * scale) };
}

/**
 * Shows the camera in `video` and hands frames to `look`, never two at a time, until it answers true or the returned
 * function is called.
 */
export async function watchCamera(
  video: HTMLVideoElement,
  look: (width: number, height: number, grey: Uint8Array) => Promise<boolean>,
): Promise<() => void> {
  if (!navigator.mediaDevices?.getUserMedia) throw new TypeError("no camera interface");
  const stream = await navigator.mediaDevices.getUserMedia({
    audio: false,
    video: { facingMode: "environment", width: { ideal: 1280 }, height: { ideal: 720 } },
  });
  let over = false;
  let timer: ReturnType<typeof setTimeout> | undefined;
  const stop = () => {
    over = true;
    clearTimeout(timer);
    // First the player, then what it plays: WebKitGTK's page may stand still for ever where a camera ends under a player.
    video.pause();
    video.srcObject = null;
    stream.getTracks().forEach((track) => track.stop());
  };
  video.srcObject = stream;
  await video.play().catch(() => undefined);
  const canvas = document.createElement("canvas");
  const context = canvas.getContext("2d", { willReadFrequently: true });
  const frame = async () => {
    if (over || !context) return;
    const started = performance.now();
    if (video.readyState >= HTMLMediaElement.HAVE_CURRENT_DATA && video.videoWidth > 0) {
      const size = frameSize(video.videoWidth, video.videoHeight);
      if (canvas.width !== size.width || canvas.height !== size.height) Object.assign(canvas, size);
      context.drawImage(video, 0, 0, size.width, size.height);
      const seen = await look(size.width, size.height, grey(context.getImageData(0, 0, size.width, size.height).data));
      if (seen) return stop();
    }
    if (!over) timer = setTimeout(() => void frame(), Math.max(0, EVERY_MS - (performance.now() - started)));
  };
  void frame();
  return stop;
}
