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
/** The same random numbers each time. */
function noise() {
  let state = 7;
  return () => {
    state = (Math.imul(state, 1664525) + 1013904223) >>> 0;
    return state / 2 ** 32;
  };
}

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

test("leaving out what nearer lines hide changes no pixel", () => {
  const random = noise();
  const kinds = [
    () => random() * 90 - 10,
    (i, n) => 35 + 30 * Math.sin(i / 9 + n) + random(),
    (i, n) => (i % 17 === 0 ? NaN : n % 2 ? 20 : random() * 1e6 - 5e5),
  ];
  for (const sub of [3, 2, 1])
    for (const dx of [0.07, 0.9, 5]) {
      const strokes = Array.from({ length: 40 }, (_, n) => ({
        ys: Float64Array.from({ length: Math.ceil(310 / dx) }, (_, i) => kinds[n % 3](i, n)),
        x0: -3.3 + n / 7,
        dx,
        ink: colour(n * 6, 255 - n * 5, (n * 83) & 255),
        radius: n % 5 === 4 ? 2 : 0.75,
        sub,
        apart: n % 5 === 4 && dx > 0.5,
      }));
      const [one, all] = [new Raster(300, 70), new Raster(300, 70)];
      for (const raster of [one, all]) raster.fill(white);
      for (const stroke of strokes) one.strokes([stroke]);
      all.strokes(strokes);
      assert.deepEqual(all.pixels, one.pixels, `sub ${sub}, dx ${dx}`);
      assert.ok(all.pen.count < one.pen.count * 40);
    }
});

test("of a hundred noisy lines most is hidden, and left out", () => {
  const raster = new Raster(1300, 360);
  raster.fill(white);
  const random = noise();
  let spans = 0;
  const paint = raster.blend;
  raster.blend = (begin, end, ...more) => {
    spans += end - begin;
    paint.call(raster, begin, end, ...more);
  };
  const strokes = Array.from({ length: 100 }, (_, n) => ({
    ys: Float64Array.from({ length: 1001 }, () => random() * 360),
    x0: 0,
    dx: 1.3,
    ink: black,
    radius: 0.75,
    sub: 2,
  }));
  raster.strokes(strokes);
  assert.ok(spans < 0.4 * 100 * 1300, `${spans} spans`);
});
