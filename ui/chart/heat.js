// Heatmaps: buckets of native and classic histograms as cells of one grid, a column a step and a row a bucket.

import { mix } from "./raster.js";

/**
 * @typedef {object} Heat
 * @property {number[]} bounds ascending; a row lies between neighbours
 * @property {Float64Array[]} rows counts of each step
 * @property {number} most
 */

/**
 * Whether a frame can be drawn so, and whether it can't be drawn otherwise.
 * @param {import("./decode.js").Series[]} series
 * @returns {"native" | "classic" | null}
 */
export function heatKind(series) {
  if (series.some((one) => one.histograms)) return "native";
  return series.length > 1 && series.every((one) => one.labels.le !== undefined) ? "classic" : null;
}

/**
 * The cells of a frame.
 * @param {import("./decode.js").Frame} frame
 * @returns {Heat | null}
 */
export function heatOf(frame) {
  const kind = heatKind(frame.series);
  if (kind === "native") return native(frame);
  return kind === "classic" ? classic(frame) : null;
}

/** @param {import("./decode.js").Frame} frame @returns {Heat | null} */
function native({ series, length }) {
  /** @type {Set<number>} */
  const found = new Set();
  for (const { histograms } of series) {
    for (const histogram of histograms ?? []) {
      for (const { low, high } of histogram?.buckets ?? []) found.add(low).add(high);
    }
  }
  if (found.size < 2) return null;
  const bounds = filled([...found].sort((a, b) => a - b));
  const at = new Map(bounds.map((bound, i) => [bound, i]));
  const rows = Array.from({ length: bounds.length - 1 }, () => new Float64Array(length));
  for (const { histograms } of series) {
    histograms?.forEach((histogram, step) => {
      for (const { low, high, count } of histogram?.buckets ?? []) {
        const [from, to] = [at.get(low) ?? 0, at.get(high) ?? 0];
        // A bucket of a coarser schema lies over several rows.
        for (let row = from; row < to; row += 1) rows[row][step] += count / (to - from);
      }
    });
  }
  return { bounds, rows, most: greatest(rows) };
}

/**
 * Bounds with those of the empty buckets between them, where they grow by a constant factor.
 * @param {number[]} bounds
 */
function filled(bounds) {
  const ratios = bounds
    .slice(1)
    .map((high, i) => (bounds[i] > 0 && Number.isFinite(high) ? Math.log2(high / bounds[i]) : NaN))
    .filter((ratio) => ratio > 1e-6);
  const least = Math.min(...ratios);
  if (!Number.isFinite(least)) return bounds;
  const all = [bounds[0]];
  bounds.slice(1).forEach((high, i) => {
    const low = bounds[i];
    const steps = low > 0 && Number.isFinite(high) ? Math.round(Math.log2(high / low) / least) : 1;
    const even = steps > 1 && steps < 400 && Math.abs(Math.log2(high / low) / least - steps) < 0.01;
    if (even) for (let step = 1; step < steps; step += 1) all.push(low * 2 ** (least * step));
    all.push(high);
  });
  return all;
}

/** @param {import("./decode.js").Frame} frame @returns {Heat | null} */
function classic({ series, length }) {
  /** @type {Map<number, Float64Array>} */
  const sums = new Map();
  for (const { labels, values } of series) {
    const bound = labels.le === "+Inf" ? Infinity : Number(labels.le);
    if (Number.isNaN(bound)) continue;
    const sum = sums.get(bound) ?? new Float64Array(length);
    sums.set(bound, sum);
    for (let i = 0; i < length; i += 1) if (Number.isFinite(values[i])) sum[i] += values[i];
  }
  const highs = [...sums.keys()].sort((a, b) => a - b);
  if (highs.length === 0) return null;
  const bounds = [highs[0] > 0 ? 0 : -Infinity, ...highs];
  const rows = highs.map((high, i) => {
    const [sum, below] = [/** @type {Float64Array} */ (sums.get(high)), i > 0 ? sums.get(highs[i - 1]) : undefined];
    return sum.map((value, step) => Math.max(0, value - (below ? below[step] : 0)));
  });
  return { bounds, rows, most: greatest(rows) };
}

/** @param {Float64Array[]} rows */
function greatest(rows) {
  let most = 0;
  for (const row of rows) for (const count of row) if (count > most) most = count;
  return most;
}

/** How much of the accent a cell with nearly nothing in it has: to be told from one with nothing. */
export const FAINTEST = 24 / 256;

/**
 * Paints the cells, the root of their counts from the card to the accent.
 * @param {import("./raster.js").Raster} raster
 * @param {Heat} heat
 * @param {{x0: number, dx: number, height: number, card: number, accent: number}} place
 */
export function paintHeat(raster, { rows, most }, { x0, dx, height, card, accent }) {
  const tall = height / rows.length;
  rows.forEach((row, r) => {
    const bottom = Math.round(height - r * tall);
    // A line of the card tells cells apart where there is room for one.
    const top = Math.round(height - (r + 1) * tall) + (tall > 8 ? 1 : 0);
    row.forEach((count, i) => {
      if (!(count > 0)) return;
      const left = Math.round(x0 + (i - 0.5) * dx);
      const right = Math.max(Math.round(x0 + (i + 0.5) * dx) - (dx > 8 ? 1 : 0), left + 1);
      raster.box(left, top, right, bottom, mix(card, accent, Math.round(256 * (FAINTEST + (1 - FAINTEST) * Math.sqrt(count / most)))));
    });
  });
}
