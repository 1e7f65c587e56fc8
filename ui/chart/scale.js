// Axes as numbers: the range that is shown, and ticks that people would choose.

import { formatValue, scaleOf } from "../core/units.js";
import { formatDuration, formatMoment, offset } from "../core/time.js";

/** @typedef {{value: number, label: string}} Tick */
/** @typedef {{min: number, max: number, log: boolean, ticks: Tick[]}} Scale */

/**
 * A step of 1, 2 or 5 times a power of ten, or one that the unit prefers.
 * @param {number} rough
 * @param {import("../core/units.js").Unit} unit
 * @returns {number}
 */
export function niceStep(rough, unit) {
  if (unit.kind === "bytes" && rough >= 1) return 2 ** Math.ceil(Math.log2(rough) - 1e-9);
  if (unit.kind === "seconds" && !unit.rate && rough > 5) {
    const found = [10, 15, 30, 60, 120, 300, 600, 900, 1800, 3600, 7200, 10_800, 21_600, 43_200, 86_400].find(
      (step) => step >= rough,
    );
    if (found) return found;
    if (rough < 86_400 * 1000) return 86_400 * niceStep(rough / 86_400, { kind: "" });
  }
  const power = 10 ** Math.floor(Math.log10(rough));
  const lead = rough / power;
  return (lead <= 1.0001 ? 1 : lead <= 2.0001 ? 2 : lead <= 5.0001 ? 5 : 10) * power;
}

/**
 * The axis of values.
 * @param {[number, number] | null} extent
 * @param {object} options
 * @param {import("../core/units.js").Unit} options.unit
 * @param {boolean} [options.log]
 * @param {boolean} [options.zero] whether it begins at zero
 * @param {number} options.height in CSS pixels
 * @returns {Scale}
 */
export function valueScale(extent, { unit, log = false, zero = false, height }) {
  let [min, max] = extent ?? [0, 1];
  if (log && min > 0) return logScale(min, max, unit);
  // All values alike: an axis about them would show noise; one from zero shows their size.
  if (min === max) {
    if (min === 0) max = 1;
    else if (min > 0) min = 0;
    else max = 0;
  }
  if (zero) {
    if (min > 0) min = 0;
    if (max < 0) max = 0;
  }
  // All there is ends at 100 %, where samples that came a little late or early sum up to slightly more.
  const whole = unit.rate ? 0 : unit.kind === "ratio" ? 1 : unit.kind === "percent" ? 100 : 0;
  if (max > whole && max <= whole * 1.02) max = whole;
  // A range that nearly reaches zero anyway begins there.
  if (min > 0 && min < (max - min) * 0.2) min = 0;
  const count = Math.max(2, Math.floor(height / 44));
  const step = niceStep(Math.max((max - min) / count, Number.MIN_VALUE * 1e10), unit);
  const low = Math.floor(min / step + 1e-9) * step;
  const high = Math.ceil(max / step - 1e-9) * step;
  /** @type {Tick[]} */
  const ticks = [];
  const top = Math.max(Math.abs(low), Math.abs(high));
  for (let i = 0; i <= 40; i += 1) {
    const value = low + i * step;
    if (value > high + step / 2) break;
    const exact = Math.abs(value) < step / 1e6 ? 0 : value;
    ticks.push({ value: exact, label: tickLabel(exact, top, step, unit) });
  }
  return { min: low, max: high === low ? low + step : high, log: false, ticks };
}

/**
 * All ticks of an axis have the sign of the greatest, so that they can be compared at a glance.
 * @param {number} value
 * @param {number} top
 * @param {number} step
 * @param {import("../core/units.js").Unit} unit
 */
function tickLabel(value, top, step, unit) {
  if (unit.kind === "timestamp" && !unit.rate) return formatValue(value, unit);
  // Minutes and hours don't divide by ten: 3h20m, not 3.33 h.
  if (unit.kind === "seconds" && !unit.rate && top >= 120 && Number.isInteger(step))
    return value === 0 ? "0" : (value < 0 ? "−" : "") + formatDuration(Math.abs(value) * 1000);
  const [factor, sign] = scaleOf(top, unit);
  const digits = Math.max(0, Math.min(12, -Math.floor(Math.log10(step / factor) + 1e-6)));
  const scaled = value / factor;
  if (Math.abs(scaled) >= 1e15 || (step / factor < 1e-9 && step > 0)) return scaled.toExponential(2) + sign;
  let text = scaled.toFixed(digits);
  if (step / factor >= 1 || digits > 0) text = trimmed(text, step / factor, digits);
  return value === 0 ? "0" : text.replace(/^-/, "−") + sign;
}

/** @param {string} text @param {number} step @param {number} digits */
function trimmed(text, step, digits) {
  // 0.25 apart needs two digits although its power says one.
  if (digits < 12 && Math.abs(step * 10 ** digits - Math.round(step * 10 ** digits)) > 1e-6)
    return Number(text).toFixed(digits + 1);
  return text;
}

/**
 * @param {number} min
 * @param {number} max
 * @param {import("../core/units.js").Unit} unit
 * @returns {Scale}
 */
function logScale(min, max, unit) {
  const low = Math.floor(Math.log10(min) + 1e-9);
  const high = Math.max(Math.ceil(Math.log10(max) - 1e-9), low + 1);
  const every = Math.max(1, Math.ceil((high - low) / 8));
  /** @type {Tick[]} */
  const ticks = [];
  for (let power = low; power <= high; power += every)
    ticks.push({ value: 10 ** power, label: formatValue(10 ** power, unit) });
  return { min: 10 ** low, max: 10 ** high, log: true, ticks };
}

/**
 * How far up a value is, from 0 to 1; not finite for what a logarithm has no place for.
 * @param {Scale} scale
 * @param {number} value
 */
export function share({ min, max, log }, value) {
  return log ? Math.log(value / min) / Math.log(max / min) : (value - min) / (max - min);
}

const S = 1000;
const M = 60 * S;
const H = 60 * M;
const D = 24 * H;
const TIME_STEPS = [
  1,
  5,
  10,
  50,
  100,
  500,
  S,
  2 * S,
  5 * S,
  10 * S,
  15 * S,
  30 * S,
  M,
  2 * M,
  5 * M,
  10 * M,
  15 * M,
  30 * M,
  H,
  2 * H,
  3 * H,
  6 * H,
  12 * H,
  D,
  2 * D,
  7 * D,
  14 * D,
];

const MONTHS = ["Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"];

/**
 * Ticks of the axis of time, at round times of the zone.
 * @param {number} start
 * @param {number} end
 * @param {number} width in CSS pixels
 * @param {string} zone
 * @returns {Tick[]}
 */
export function timeTicks(start, end, width, zone) {
  const rough = (end - start) / Math.max(1, Math.floor(width / 96));
  const step = TIME_STEPS.find((one) => one >= rough);
  const ahead = offset(start, zone);
  if (step === undefined) return monthTicks(start, end, rough, ahead);
  /** @type {Tick[]} */
  const ticks = [];
  let day = "";
  for (let at = Math.ceil((start + ahead) / step) * step; at <= end + ahead; at += step) {
    const ms = at - ahead;
    // Across a change of the clock ticks stay round.
    const value = ms - (offset(ms, zone) - ahead);
    if (value < start || value > end) continue;
    const text = formatMoment(value, zone, "ms");
    const [date, time] = text.split(" ");
    const midnight = time.startsWith("00:00:00") && !time.includes(".");
    const newDay = date !== day && (day !== "" || midnight);
    day = date;
    const label =
      step >= D || (newDay && midnight) ? dayName(date) : step < S ? time : step < M ? time : time.slice(0, 5);
    ticks.push({ value, label });
  }
  return ticks;
}

/** @param {string} date */
function dayName(date) {
  const [, month, day] = date.split("-");
  return `${Number(day)} ${MONTHS[Number(month) - 1]}`;
}

/**
 * @param {number} start
 * @param {number} end
 * @param {number} rough
 * @param {number} ahead
 * @returns {Tick[]}
 */
function monthTicks(start, end, rough, ahead) {
  const months = [1, 2, 3, 6, 12, 24, 60, 120, 600, 1200, 12_000].find((count) => count * 30 * D >= rough) ?? 120_000;
  const first = new Date(start + ahead);
  let month = Math.ceil((first.getUTCFullYear() * 12 + first.getUTCMonth()) / months) * months;
  /** @type {Tick[]} */
  const ticks = [];
  for (let i = 0; i < 60; i += 1, month += months) {
    const date = new Date(0);
    date.setUTCFullYear(Math.floor(month / 12), month % 12, 1);
    const value = date.getTime() - ahead;
    if (value > end) break;
    if (value >= start)
      ticks.push({
        value,
        label: month % 12 === 0 ? String(Math.floor(month / 12)) : MONTHS[((month % 12) + 12) % 12],
      });
  }
  return ticks;
}
