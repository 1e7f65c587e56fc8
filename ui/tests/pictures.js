// Takes the pictures of docs/pictures/ from a running server: `node ui/tests/pictures.js http://127.0.0.1:9201`. They look best five
// minutes after a Prometheus with a node exporter began to write to it.

import { writeFile } from "node:fs/promises";
import { chromium } from "playwright-core";

const [base = "http://127.0.0.1:9201"] = process.argv.slice(2);
const FOLDER = new URL("../../docs/pictures/", import.meta.url);
/** No picture may be larger: the repository keeps each for ever. */
const MOST_BYTES = 60 * 1024;
const busy = 'sum by (mode) (rate(node_cpu_seconds_total{mode!="idle"}[1m]))';
const PICTURES = [
  { name: "home", theme: "light", path: "/", height: 620 },
  {
    name: "query",
    theme: "dark",
    path: `/graph?${new URLSearchParams({ "g0.expr": busy, "g0.tab": "graph", "g0.range_input": "5m" })}`,
    height: 760,
  },
];

const browser = await chromium.launch({
  executablePath: process.env.CHROMIUM ?? "/usr/bin/chromium",
  args: ["--no-sandbox", "--disable-gpu"],
});
for (const { name, theme, path, height } of PICTURES) {
  const page = await browser.newPage({ viewport: { width: 1400, height }, colorScheme: theme });
  await page.goto(base + path);
  await page.waitForFunction(() => Number(document.querySelector(".chart")?.dataset.lines ?? 0) > 0);
  await page.waitForLoadState("networkidle");
  const shot = (await page.screenshot()).toString("base64");
  const paper = await browser.newPage();
  const webp = await paper.evaluate(async (shot) => {
    const picture = new Image();
    picture.src = `data:image/png;base64,${shot}`;
    await picture.decode();
    const canvas = document.createElement("canvas");
    [canvas.width, canvas.height] = [picture.width, picture.height];
    canvas.getContext("2d").drawImage(picture, 0, 0);
    return canvas.toDataURL("image/webp", 0.85).split(",")[1];
  }, shot);
  const bytes = Buffer.from(webp, "base64");
  if (bytes.length > MOST_BYTES) throw new Error(`${name} has ${bytes.length} bytes, at most ${MOST_BYTES} may be`);
  await writeFile(new URL(`${name}.webp`, FOLDER), bytes);
  console.log(`${name}.webp: ${bytes.length} bytes`);
}
await browser.close();
