import assert from "node:assert/strict";
import { test } from "node:test";
import { colour, mix, Raster } from "./raster.js";

const white = colour(255, 255, 255);
const black = colour(0, 0, 0);
/** How dark a column is all together, in whole pixels. */
const ink = (raster, x) => {
  let sum = 0;
  for (let y = 0; y < raster.height; y += 1) sum += 1 - (raster.pixels[x * raster.height + y] & 255) / 255;
  return sum;
};

test("a level line is as thick as its pen, wherever it lies between pixels", () => {
  for (const sub of [3, 2])
    for (const y of [10, 10.25, 10.5, 10.9]) {
      const raster = new Raster(40, 30);
      raster.fill(white);
      raster.line(new Float64Array(41).fill(y), 0, 1, black, 0.75, sub);
      assert.ok(Math.abs(ink(raster, 20) - 1.5) < 0.06, `${ink(raster, 20)} at ${y}`);
    }
});

test("a slope is as thick as its pen across", () => {
  const raster = new Raster(60, 60);
  raster.fill(white);
  raster.line(
    Float64Array.from({ length: 61 }, (_, i) => i),
    0,
    1,
    black,
    1,
  );
  assert.ok(Math.abs(ink(raster, 30) - 2 * Math.SQRT2) < 0.1, `${ink(raster, 30)}`);
});

test("noise paints what it must and nothing outside", () => {
  for (const sub of [3, 2, 1]) {
    const raster = new Raster(100, 50);
    raster.fill(white);
    raster.line(
      Float64Array.from({ length: 1000 }, (_, i) => (i % 2 ? -1e9 : 1e9)),
      0,
      0.1,
      black,
      0.75,
      sub,
    );
    for (let x = 1; x < 99; x += 1) assert.ok(ink(raster, x) > 49.5);
  }
});

test("a gap has no ink, a lone point is a dot", () => {
  const raster = new Raster(60, 20);
  raster.fill(white);
  const ys = new Float64Array(61).fill(NaN);
  ys.fill(10, 0, 20);
  ys[40] = 10;
  raster.line(ys, 0, 1, black, 1);
  assert.equal(ink(raster, 30), 0);
  assert.ok(ink(raster, 10) > 1.9 && ink(raster, 39) > 1);
});

test("mixing keeps its ends and is opaque", () => {
  assert.equal(mix(white, black, 0), white);
  assert.equal(mix(white, black, 256), black);
  assert.equal(mix(colour(0, 100, 200, 0), colour(200, 100, 0), 128), colour(100, 100, 100));
});
