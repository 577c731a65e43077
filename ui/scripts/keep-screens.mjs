// Draws the pictures that pages show anew: copies those of docs/screens from what the tests in Chromium have drawn, with few
// colours so that they stay small (ImageMagick). Every other picture stays in test-results/screens.
import { execFileSync, spawnSync } from "node:child_process";
import { existsSync, readdirSync } from "node:fs";

const [from, to] = ["test-results/screens", "../docs/screens"];
const program = ["magick", "convert-im6.q16", "convert"].find((name) => spawnSync(name, ["-version"]).status === 0);
if (!program) throw new Error("ImageMagick is missing (Debian: imagemagick)");
for (const name of readdirSync(to)) {
  if (!existsSync(`${from}/${name}`)) {
    console.log(`${name}: not drawn by this run, left as it is`);
    continue;
  }
  const few = ["-strip", "-dither", "None", "-colors", "96", "-define", "png:compression-level=9"];
  execFileSync(program, [`${from}/${name}`, ...few, `PNG8:${to}/${name}`]);
  console.log(`${name}: drawn anew`);
}
