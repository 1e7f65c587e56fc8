// Why a query takes long: rules of thumb that fit its plan, in words that say what to do instead.

import { formatDuration as written } from "../core/time.js";
import { formatCount as count } from "../core/units.js";
import { flat, matcherOf } from "./advice.js";

/** @typedef {import("./advice.js").Step} Step */
/** @typedef {{about: Step, text: string}} Advice */

/** Rules that are shown at most: more would be read by nobody. */
const MOST = 3;
/** Fewer series than these cost nothing to speak of. */
const MANY_SERIES = 1000;
/** Fewer samples than these are read at once. */
const MANY_SAMPLES = 50_000;
/** In a smaller index also a look at every value is quick. */
const LARGE_INDEX = 10_000;
/** Functions that need two samples in their window. */
const OF_TWO = /^(rate|irate|increase|delta|idelta|deriv|predict_linear|double_exponential_smoothing)\(\)$/;
const AGGREGATION = /^(sum|avg|min|max|count|group|stddev|stdvar|quantile|count_values) (by|without) /;

/**
 * What would make a query cheaper, or its answer better: the two or three rules that fit, the one that saves most first.
 * @param {import("./advice.js").Plan} plan
 * @param {number} step in ms; 0 for one time
 * @param {number} [interval] ms between samples of what is read most, where known
 * @returns {Advice[]}
 */
export function slowness({ plan }, step, interval = 0) {
  const steps = flat(plan).map((one) => one.step);
  return [empties, everything, subqueries, relabels, regexes, overlaps, fine, keeps, tops]
    .flatMap((rule) => steps.flatMap((one) => rule(one, step, interval).map((text) => ({ about: one, text }))))
    .filter(({ text }, i, all) => all.findIndex((other) => other.text === text) === i)
    .slice(0, MOST);
}

/**
 * A window that is too short for two samples.
 * @param {Step} one @param {number} _step @param {number} interval
 */
function empties(one, _step, interval) {
  if (!OF_TWO.test(one.operator) || interval <= 0) return [];
  const [window, text] = windowOf(one.inputs?.find((input) => windowOf(input)[0] > 0));
  if (window <= 0 || window >= 2 * interval) return [];
  const name = one.operator.slice(0, -2);
  return [
    `\`[${text}]\` is shorter than two times the ${written(interval)} between samples, and ${name} needs two of them: take \`[${written(4 * interval)}]\` or longer`,
  ];
}

/**
 * A selection of nearly all that is stored, or of all metrics.
 * @param {Step} one
 */
function everything({ selector }) {
  if (!selector || selector.series < MANY_SERIES) return [];
  const { series, ofSeries, index } = selector;
  const named = index.some(({ matcher }) => {
    const parts = matcherOf(matcher);
    return parts?.label === "__name__" && parts.operator === "=";
  });
  const share = `${count(series)} of ${count(ofSeries)} series`;
  if (!named) return [`This names no metric and so reads ${share}: with a name it reads those of one`];
  return series > ofSeries / 2
    ? [`This selects ${share}, most of what is stored: a further label would leave fewer to read`]
    : [];
}

/**
 * A subquery over more than a few steps.
 * @param {Step} one
 */
function subqueries(one) {
  const found = /^subquery over (\S+) every (\S+)/.exec(one.operator);
  if (!found || one.estimate.samplesRead < MANY_SAMPLES) return [];
  const times = Math.round(durationOf(found[1]) / durationOf(found[2]));
  return [
    `The subquery evaluates what is in it each ${found[2]}, ${count(times)} times for the first step: a recording rule would keep these values, and \`[${found[1]}]\` of it would read them`,
  ];
}

/**
 * Labels that are written of many series before they are added up.
 * @param {Step} one
 */
function relabels({ operator, estimate }) {
  return /^label_(replace|join)\(\)$/.test(operator) && estimate.series >= MANY_SERIES
    ? [
        `${operator.slice(0, -2)} writes the labels of ${count(estimate.series)} series: aggregate first, and it has fewer to write`,
      ]
    : [];
}

/**
 * Regular expressions that leave nothing out, or that the index can't look up.
 * @param {Step} one
 */
function regexes({ selector }) {
  if (!selector) return [];
  const { index, ofSeries } = selector;
  return index.flatMap(({ matcher, series, path }) => {
    const parts = matcherOf(matcher);
    if (parts?.operator !== "=~" || index.length < 2) return [];
    if (parts.value === ".*" || (series === ofSeries && series > 0))
      return [`\`${matcher}\` leaves nothing out: without it the index has less to look up`];
    if (path === "scan of all values" && ofSeries >= LARGE_INDEX)
      return [
        `\`${matcher}\` is compared with every value of ${parts.label}: a text that it begins with, or plain alternatives as in \`a|b\`, would be looked up`,
      ];
    return [];
  });
}

/**
 * Windows that overlap many times.
 * @param {Step} one @param {number} step
 */
function overlaps(one, step) {
  const [window, text] = windowOf(one);
  if (step <= 0 || window / step < 8 || one.estimate.samplesRead < MANY_SAMPLES) return [];
  const times = Math.round(window / step);
  return [`${times} windows overlap each sample: a step of ${text} computes ${times} times fewer`];
}

/**
 * Steps between which there is no new sample.
 * @param {Step} one @param {number} step @param {number} interval
 */
function fine(one, step, interval) {
  if (!one.selector || interval <= 0 || step <= 0 || one.steps < 2 || step > interval / 2) return [];
  if (one.estimate.series * one.steps < MANY_SAMPLES) return [];
  return [
    `Samples come every ${written(interval)} and steps every ${written(step)}: a step of ${written(interval)} shows as much for less`,
  ];
}

/**
 * An aggregation that keeps nearly every series apart.
 * @param {Step} one
 */
function keeps(one) {
  const inner = one.inputs?.at(-1)?.estimate.series ?? 0;
  return AGGREGATION.test(one.operator) && inner >= MANY_SERIES && one.estimate.series > inner / 2
    ? [
        `\`${one.operator}\` leaves ${count(one.estimate.series)} of ${count(inner)} series: its labels tell nearly all apart, fewer of them would add more up`,
      ]
    : [];
}

/**
 * The highest at each step, which are many over a range.
 * @param {Step} one
 */
function tops(one) {
  if (!/^(topk|bottomk)( |$)/.test(one.operator) || one.steps < 2) return [];
  const inner = one.inputs?.at(-1)?.estimate.series ?? 0;
  return inner >= 100
    ? [
        `${one.operator} chooses anew at each of ${count(one.steps)} steps, so that more series come than it says: choose by one time, as in \`x and topk(5, x @ end())\``,
      ]
    : [];
}

/**
 * The window that a step selects, in ms and as it stands there.
 * @param {Step} [one]
 * @returns {[number, string]}
 */
function windowOf(one) {
  const text = /^select windows of (\S+)/.exec(one?.operator ?? "")?.[1] ?? "";
  return [durationOf(text), text];
}

const UNITS = /** @type {Record<string, number>} */ ({
  ms: 1,
  s: 1000,
  m: 60_000,
  h: 3_600_000,
  d: 86_400_000,
  w: 604_800_000,
  y: 31_536_000_000,
});

/** @param {string} text */
function durationOf(text) {
  let sum = 0;
  for (const [, number, unit] of text.matchAll(/(\d+)(ms|[smhdwy])/g)) sum += Number(number) * UNITS[unit];
  return sum;
}
