// Advice from plans: which matcher finds nothing and what was likely meant.

/**
 * @typedef {object} Step an operator of a plan, as `/api/v1/explain` shows it
 * @property {string} operator
 * @property {string} expr
 * @property {{start: number, end: number}} [position] bytes of the text, where the server says so
 * @property {number} steps
 * @property {{series: number, samples: number, samplesRead: number}} estimate
 * @property {{series?: number, rows?: number, samples?: number, seconds?: number, samplesRead?: number}} [actual]
 * @property {{index: {matcher: string, path: string, series: number}[], start: number, end: number, series: number, ofSeries: number, samples: number}} [selector]
 * @property {Step[]} [inputs]
 */

/**
 * @typedef {object} Plan
 * @property {Step} plan
 * @property {{series: number, samplesRead: number, peakSamples: number, peakBytes: number, limitSamples: number}} estimate
 * @property {{series: number, samplesRead: number, peakSamples: number, seconds: number}} [actual]
 */

/**
 * All steps, outer first, with how deep they are.
 * @param {Step} step
 * @param {number} [depth]
 * @returns {{step: Step, depth: number}[]}
 */
export function flat(step, depth = 0) {
  return [{ step, depth }, ...(step.inputs ?? []).flatMap((input) => flat(input, depth + 1))];
}

/** @param {Step} plan */
export const selections = (plan) =>
  flat(plan)
    .map(({ step }) => step)
    .filter((step) => step.selector);

/**
 * The selection that reads most, as its selector.
 * @param {Step} plan
 */
export function heaviest(plan) {
  let most = null;
  for (const step of selections(plan)) if (!most || step.estimate.samplesRead > most.estimate.samplesRead) most = step;
  return most;
}

/**
 * A matcher in its parts.
 * @param {string} text
 * @returns {{label: string, operator: string, value: string} | null}
 */
export function matcherOf(text) {
  const found = /^("(?:[^"\\]|\\.)*"|[\w.:]+)(=~|!~|!=|=)"((?:[^"\\]|\\.)*)"$/s.exec(text);
  return found
    ? { label: found[1].replace(/^"|"$/g, ""), operator: found[2], value: found[3].replace(/\\(.)/g, "$1") }
    : null;
}

/**
 * @typedef {object} Emptiness
 * @property {Step} step
 * @property {"matcher" | "together" | "time"} why
 * @property {string} matcher for `matcher` the one that finds nothing
 */

/**
 * Which selection of a plan finds nothing, and why.
 * @param {Step} plan
 * @returns {Emptiness | null}
 */
export function emptiness(plan) {
  for (const step of selections(plan)) {
    const selector = step.selector;
    if (!selector) continue;
    const nothing = selector.index.find((one) => one.series === 0);
    if (nothing) return { step, why: "matcher", matcher: nothing.matcher };
    if (selector.series === 0) return { step, why: "together", matcher: "" };
    if (selector.samples === 0) return { step, why: "time", matcher: "" };
  }
  return null;
}

/**
 * How many letters have to change; more than `most` is as good as any.
 * @param {string} a
 * @param {string} b
 * @param {number} most
 */
export function edits(a, b, most) {
  if (Math.abs(a.length - b.length) > most) return most + 1;
  let row = Array.from({ length: b.length + 1 }, (_, i) => i);
  for (let i = 1; i <= a.length; i += 1) {
    const next = [i];
    for (let j = 1; j <= b.length; j += 1) {
      next[j] = Math.min(row[j] + 1, next[j - 1] + 1, row[j - 1] + (a[i - 1] === b[j - 1] ? 0 : 1));
    }
    row = next;
  }
  return row[b.length];
}

/**
 * The values most like one that isn't there.
 * @param {string} value
 * @param {string[]} known
 * @param {number} [most] suggestions
 */
export function alike(value, known, most = 3) {
  const lower = value.toLowerCase();
  const allowed = Math.max(2, Math.floor(value.length / 3));
  return known
    .map((text) => {
      const other = text.toLowerCase();
      const begins = lower.length > 1 && (other.startsWith(lower) || lower.startsWith(other));
      const inside = lower.length > 2 && other.includes(lower);
      return { text, away: other === lower ? 0 : begins ? 0.5 : inside ? 1 : edits(lower, other, allowed) };
    })
    .filter(({ away }) => away <= allowed)
    .sort((a, b) => a.away - b.away || a.text.length - b.text.length)
    .slice(0, most)
    .map(({ text }) => text);
}
