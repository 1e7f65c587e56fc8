// What a chart works out of its series: statistics, extent, stacks, which of them are drawn, and what they are called.

/** @typedef {import("./decode.js").Series} Series */

/**
 * @typedef {object} Stats
 * @property {number} min
 * @property {number} max
 * @property {number} avg
 * @property {number} last
 * @property {number} points
 */

/**
 * Statistics of the finite values.
 * @param {Float64Array} values
 * @returns {Stats}
 */
export function stats(values) {
  let [min, max, sum, points, last] = [Infinity, -Infinity, 0, 0, NaN];
  for (let i = 0; i < values.length; i += 1) {
    const value = values[i];
    if (!Number.isFinite(value)) continue;
    if (value < min) min = value;
    if (value > max) max = value;
    sum += value;
    points += 1;
    last = value;
  }
  if (points === 0) return { min: NaN, max: NaN, avg: NaN, last: NaN, points };
  return { min, max, avg: sum / points, last, points };
}

/**
 * The least and greatest finite value; with `log` of those above zero.
 * @param {Float64Array[]} columns
 * @param {boolean} [log]
 * @returns {[number, number] | null}
 */
export function extent(columns, log = false) {
  let [min, max] = [Infinity, -Infinity];
  for (const values of columns) {
    for (let i = 0; i < values.length; i += 1) {
      const value = values[i];
      if (value < min && value > (log ? 0 : -Infinity)) min = value;
      if (value > max && value < Infinity) max = value;
    }
  }
  return min <= max ? [min, max] : null;
}

/**
 * Running sums, first series at the bottom. A missing step counts as zero.
 * @param {Float64Array[]} columns
 * @returns {{tops: Float64Array[], gaps: boolean}}
 */
export function stack(columns) {
  const length = columns[0]?.length ?? 0;
  const sum = new Float64Array(length);
  const any = new Uint8Array(length);
  let gaps = false;
  for (const values of columns) for (let i = 0; i < length; i += 1) if (Number.isFinite(values[i])) any[i] = 1;
  const tops = columns.map((values) => {
    const top = new Float64Array(length);
    for (let i = 0; i < length; i += 1) {
      const value = values[i];
      if (Number.isFinite(value)) sum[i] += value;
      else if (any[i]) gaps = true;
      top[i] = any[i] ? sum[i] : NaN;
    }
    return top;
  });
  return { tops, gaps };
}

/**
 * The `most` series with the highest values, in their own order, and how many were left out.
 * @template {{stats: Stats}} S
 * @param {S[]} series
 * @param {number} most
 * @returns {S[]}
 */
export function highest(series, most) {
  if (series.length <= most) return series;
  const order = (/** @type {S} */ one) => (Number.isNaN(one.stats.max) ? -Infinity : one.stats.max);
  const bound = series.map(order).sort((a, b) => b - a)[most - 1];
  let spare = most - series.filter((one) => order(one) > bound).length;
  return series.filter((one) => order(one) > bound || (order(one) === bound && spare-- > 0));
}

/**
 * Labels that all have alike.
 * @param {Record<string, string>[]} sets
 * @returns {Record<string, string>}
 */
export function common(sets) {
  /** @type {Record<string, string>} */
  const same = {};
  if (sets.length < 2) return same;
  for (const [name, value] of Object.entries(sets[0])) {
    if (sets.every((labels) => Object.hasOwn(labels, name) && labels[name] === value)) same[name] = value;
  }
  return same;
}

/**
 * A string literal of PromQL.
 * @param {string} text
 */
export function quote(text) {
  return `"${text.replace(/[\\"]/g, "\\$&").replace(/\n/g, "\\n").replace(/\r/g, "\\r").replace(/\t/g, "\\t")}"`;
}

/**
 * A label set as a selector writes it, without some labels.
 * @param {Record<string, string>} labels
 * @param {Record<string, string>} [without]
 */
export function selectorOf(labels, without = {}) {
  const name = labels.__name__ !== undefined && without.__name__ === undefined ? labels.__name__ : "";
  const plain = /^[a-zA-Z_:][a-zA-Z0-9_:]*$/.test(name);
  const pairs = Object.entries(labels)
    .filter(([label]) => label !== "__name__" && without[label] === undefined)
    .map(([label, value]) => `${/^[a-zA-Z_]\w*$/.test(label) ? label : quote(label)}=${quote(value)}`);
  if (name && !plain) pairs.unshift(quote(name));
  if (pairs.length === 0) return plain && name ? name : "{}";
  return `${plain ? name : ""}{${pairs.join(", ")}}`;
}
