// How strange a series behaves in a part of time: how far it leaves what it was just before, measured by how much it moved then.

/** What grows by its nature is judged by how fast. */
const COUNTER = /_(total|count|sum)$/;
/** With fewer values before or in the part nothing can be said. */
const LEAST = 3;
/** A change of less than this share of the values is none: it bounds the score of what never moved before. */
const RESOLUTION = 0.02;
/** The median of distances times this is the standard deviation of what is spread normally. */
const NORMAL = 1.4826;

/** @param {number[]} values */
function median(values) {
  const sorted = Float64Array.from(values).sort();
  const middle = sorted.length >> 1;
  return sorted.length % 2 ? sorted[middle] : (sorted[middle - 1] + sorted[middle]) / 2;
}

/**
 * What is judged of a series: its values, or how fast it grows where it is a counter or did nothing but grow (or fall) before.
 * @param {string} name
 * @param {Float64Array} values one a step
 * @param {number} split how many of them come before
 * @returns {{values: Float64Array, speed: boolean}}
 */
export function judged(name, values, split) {
  const speeds = values.map((value, i) => (i === 0 ? NaN : value - values[i - 1]));
  const before = [...speeds.subarray(0, split)].filter(Number.isFinite);
  const one = before.length >= LEAST && (before.every((by) => by > 0) || before.every((by) => by < 0));
  const counter = COUNTER.test(name);
  // A counter that is less than before began anew.
  return counter || one
    ? { values: counter ? speeds.map((by) => (by < 0 ? NaN : by)) : speeds, speed: true }
    : { values, speed: false };
}

/**
 * The score of a series: how many times its usual spread the farthest value lies from its usual one; 0 where nothing can be said.
 * @param {Float64Array} values
 * @param {number} split how many of them come before the part that is judged
 */
export function strangeness(values, split) {
  const finite = (/** @type {Float64Array} */ part) => [...part].filter(Number.isFinite);
  const [before, here] = [finite(values.subarray(0, split)), finite(values.subarray(split))];
  if (before.length < LEAST || here.length < 1) return 0;
  const usual = median(before);
  const spread = NORMAL * median(before.map((value) => Math.abs(value - usual)));
  const far = here.reduce((most, value) => (Math.abs(value - usual) > Math.abs(most - usual) ? value : most), usual);
  const size = Math.max(Math.abs(usual), Math.abs(far));
  return size === 0 ? 0 : Math.abs(far - usual) / (spread + RESOLUTION * size);
}
