// Copies the pictures of every screen, light and dark, into docs/screens, with few colours so that they stay small (ImageMagick).
// What else is there, the platform's pages and the camera's picture, stays: other tests draw it.
import { execFileSync, spawnSync } from "node:child_process";
import { mkdirSync, readdirSync } from "node:fs";

const [from, to] = ["test-results/screens", "../docs/screens"];
mkdirSync(to, { recursive: true });
const program = ["magick", "convert-im6.q16", "convert"].find((name) => spawnSync(name, ["-version"]).status === 0);
if (!program) throw new Error("ImageMagick is missing (Debian: imagemagick)");
const pictures = readdirSync(from).filter((name) => /-(light|dark)\.png$/.test(name));
for (const name of pictures) {
  execFileSync(program, [`${from}/${name}`, "-strip", "-dither", "None", "-colors", "96", "-define", "png:compression-level=9", `PNG8:${to}/${name}`]);
}
console.log(`${pictures.length} pictures in docs/screens`);
