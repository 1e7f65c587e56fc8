import assert from "node:assert/strict";
import { test } from "node:test";
import { judged, strangeness } from "./strange.js";

const column = (length, value) => Float64Array.from({ length }, (_, i) => value(i));
const score = (value, { name = "x", length = 60, split = 30 } = {}) =>
  strangeness(judged(name, column(length, value), split).values, split);
// Noise that is the same on every machine.
const noise = (i) => ((i * 7919) % 101) / 50 - 1;

test("a jump is stranger than noise, rest, growth and waves", () => {
  const jump = score((i) => (i < 40 ? 5 : 10));
  const noisyJump = score((i) => 100 + noise(i) + (i < 40 ? 0 : 50));
  assert.ok(jump > 20 && noisyJump > 10, `${jump} ${noisyJump}`);
  for (const calm of [
    score(noise),
    score((i) => 100 + noise(i)),
    score(() => 7),
    score(() => 0),
    score((i) => 1e9 + 15 * i),
    score((i) => 5 + Math.sin(i)),
    score((i) => 3 * i, { name: "x_total" }),
  ])
    assert.ok(calm < 5, `${calm}`);
});

test("a counter is judged by its speed, over its new beginnings", () => {
  assert.ok(score((i) => (i < 40 ? 10 * i : 400 + 100 * (i - 40)), { name: "x_total" }) > 20);
  assert.ok(score((i) => 10 * (i % 45), { name: "x_total" }) < 1, "a restart is no jump");
  assert.equal(judged("x_total", column(60, (i) => i), 30).speed, true);
  assert.equal(judged("x", column(60, noise), 30).speed, false);
});

test("of what wasn't there before nothing is said", () => {
  assert.equal(score((i) => (i < 29 ? NaN : 5)), 0);
  assert.equal(score((i) => (i < 30 ? 5 : NaN)), 0);
});
