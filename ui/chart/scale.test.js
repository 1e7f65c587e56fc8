import assert from "node:assert/strict";
import { test } from "node:test";
import { share, timeTicks, valueScale } from "./scale.js";

const labels = (extent, options) =>
  valueScale(extent, { unit: { kind: "" }, height: 200, ...options }).ticks.map((tick) => tick.label);

test("a range of zero height gets an axis from zero", () => {
  const scale = valueScale([5, 5], { unit: { kind: "" }, height: 200 });
  assert.equal(scale.min, 0);
  assert.ok(scale.max >= 5);
});

test("ticks are round, in the unit of the greatest, and told apart", () => {
  assert.deepEqual(labels([0, 7 * 2 ** 20], { unit: { kind: "bytes" } }), ["0", "2 MiB", "4 MiB", "6 MiB", "8 MiB"]);
  assert.deepEqual(labels([0, 7200], { unit: { kind: "seconds" } }), ["0", "30m", "1h", "1h30m", "2h"]);
  for (const extent of [
    [1e-9, 3e-9],
    [0.999, 1.001],
    [-5, 5],
    [1e15, 1.1e15],
    [0, 1e300],
  ]) {
    const all = labels(extent, {});
    assert.equal(new Set(all).size, all.length, `${all}`);
    assert.ok(all.length >= 2 && all.length <= 12, `${all}`);
  }
});

test("shares that sum up to all end at 100 %", () => {
  const ends = (max, unit) => valueScale([0, max], { unit, height: 138 }).max;
  assert.equal(ends(1.0024, { kind: "ratio" }), 1);
  assert.equal(ends(101, { kind: "percent" }), 100);
  assert.equal(ends(1.2, { kind: "ratio" }), 1.5, "more than all is no rounding");
  assert.ok(ends(1.0024, { kind: "" }) > 1.0024);
});

test("a logarithmic axis has powers of ten", () => {
  const scale = valueScale([0.3, 2000], { unit: { kind: "" }, log: true, height: 200 });
  assert.deepEqual([scale.min, scale.max], [0.1, 10_000]);
  assert.ok(Math.abs(share(scale, 1) - 0.2) < 1e-9);
});

test("ticks of time are round in the zone, also across a change of the clock", () => {
  const ticks = timeTicks(Date.UTC(2026, 2, 28, 12), Date.UTC(2026, 2, 30, 12), 600, "Europe/Berlin");
  for (const { value } of ticks) {
    const hour = Number(
      new Intl.DateTimeFormat("en-GB", { timeZone: "Europe/Berlin", hour: "2-digit", hourCycle: "h23" }).format(value),
    );
    assert.equal(hour % 12, 0, new Date(value).toISOString());
  }
  assert.ok(ticks.some(({ label }) => label === "29 Mar"));
  assert.ok(timeTicks(0, 10 * 365 * 86_400_000, 800, "UTC").some(({ label }) => label === "1974"));
});
