import assert from "node:assert/strict";
import { test } from "node:test";
import { common, extent, highest, quote, selectorOf, stack, stats } from "./data.js";

test("statistics leave out what isn't finite", () => {
  assert.deepEqual(stats(Float64Array.of(1, NaN, 3, Infinity)), { min: 1, max: 3, avg: 2, last: 3, points: 2 });
  assert.ok(Number.isNaN(stats(Float64Array.of(NaN)).max));
});

test("the extent of a logarithmic axis is of values above zero", () => {
  assert.deepEqual(extent([Float64Array.of(-1, 0, 5, Infinity, NaN)]), [-1, 5]);
  assert.deepEqual(extent([Float64Array.of(-1, 0, 0.5, 5)], true), [0.5, 5]);
  assert.equal(extent([Float64Array.of(NaN)]), null);
});

test("a stack takes missing steps as zero and says so", () => {
  const { tops, gaps } = stack([Float64Array.of(1, NaN, NaN), Float64Array.of(2, 2, NaN)]);
  assert.deepEqual([...tops[1]], [3, 2, NaN]);
  assert.equal(gaps, true);
  assert.equal(stack([Float64Array.of(1), Float64Array.of(2)]).gaps, false);
});

test("the highest are chosen and stay in order", () => {
  const series = [3, 9, 1, 9, 5].map((max) => ({ stats: { min: 0, max, avg: 0, last: 0, points: 1 } }));
  assert.deepEqual(
    highest(series, 3).map((one) => one.stats.max),
    [9, 9, 5],
  );
  assert.equal(highest(series, 1).length, 1);
});

test("selectors are quoted, shared labels are left out", () => {
  assert.deepEqual(
    common([
      { a: "1", b: "2" },
      { a: "1", b: "3" },
    ]),
    { a: "1" },
  );
  assert.equal(selectorOf({ __name__: "up", job: 'a"\\\n' }), 'up{job="a\\"\\\\\\n"}');
  assert.equal(selectorOf({ __name__: "http.server", "a.b": "1" }), '{"http.server", "a.b"="1"}');
  assert.equal(selectorOf({ a: "1", b: "2" }, { a: "1" }), '{b="2"}');
  assert.equal(quote("a\tb"), '"a\\tb"');
});
