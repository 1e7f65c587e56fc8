// Native histograms: from the wire, and as buckets with bounds.

/**
 * @typedef {object} Bucket
 * @property {number} low
 * @property {number} high
 * @property {number} count
 */

/**
 * @typedef {object} Histogram
 * @property {number} count
 * @property {number} sum
 * @property {Bucket[]} buckets those with observations, ascending
 */

/** The schema that says that bounds are listed. */
const CUSTOM = -53;

/** @param {number} number */
const unzigzag = (number) => (number % 2 === 0 ? number / 2 : -(number + 1) / 2);

/**
 * Reads a histogram sample.
 * @param {import("./decode.js").Reader} reader
 * @returns {{time: number, value: Histogram}}
 */
export function histogram(reader) {
  const until = reader.varint() + reader.at;
  let [count, sum, schema, width, zeros, time] = [0, 0, 0, 0, 0, 0];
  const [negative, positive] = [side(), side()];
  /** @type {number[]} */
  const bounds = [];
  while (reader.at < until) {
    const tag = reader.varint();
    const field = tag >>> 3;
    if (field === 1) count = reader.varint();
    else if (field === 2) count = reader.double();
    else if (field === 3) sum = reader.double();
    else if (field === 4) schema = unzigzag(reader.varint());
    else if (field === 5) width = reader.double();
    else if (field === 6) zeros = reader.varint();
    else if (field === 7) zeros = reader.double();
    else if (field === 8) negative.spans.push(span(reader));
    else if (field === 11) positive.spans.push(span(reader));
    else if (field === 9) numbers(reader, tag, negative.deltas, () => unzigzag(reader.varint()));
    else if (field === 12) numbers(reader, tag, positive.deltas, () => unzigzag(reader.varint()));
    else if (field === 10) numbers(reader, tag, negative.counts, () => reader.double());
    else if (field === 13) numbers(reader, tag, positive.counts, () => reader.double());
    else if (field === 15) time = reader.signed();
    else if (field === 16) numbers(reader, tag, bounds, () => reader.double());
    else reader.skip(tag & 7);
  }
  const bound = (/** @type {number} */ index) =>
    schema === CUSTOM ? (bounds[index] ?? Infinity) : 2 ** (index * 2 ** -schema);
  /** @type {Bucket[]} */
  const buckets = [];
  for (const [index, found] of indexed(negative).reverse())
    buckets.push({ low: -bound(index), high: -bound(index - 1), count: found });
  if (zeros > 0) buckets.push({ low: -width, high: width, count: zeros });
  for (const [index, found] of indexed(positive)) {
    const low = schema === CUSTOM && index === 0 ? -Infinity : bound(index - 1);
    buckets.push({ low, high: bound(index), count: found });
  }
  return { time, value: { count, sum, buckets: buckets.filter((bucket) => bucket.count > 0) } };
}

/** @returns {{spans: [number, number][], deltas: number[], counts: number[]}} */
const side = () => ({ spans: [], deltas: [], counts: [] });

/**
 * @param {import("./decode.js").Reader} reader
 * @returns {[number, number]}
 */
function span(reader) {
  const until = reader.varint() + reader.at;
  let [offset, length] = [0, 0];
  while (reader.at < until) {
    const tag = reader.varint();
    if (tag === 8) offset = unzigzag(reader.varint());
    else if (tag === 16) length = reader.varint();
    else reader.skip(tag & 7);
  }
  return [offset, length];
}

/**
 * Repeated numbers, packed or one by one.
 * @param {import("./decode.js").Reader} reader
 * @param {number} tag
 * @param {number[]} into
 * @param {() => number} one
 */
function numbers(reader, tag, into, one) {
  if ((tag & 7) !== 2) {
    into.push(one());
    return;
  }
  const until = reader.varint() + reader.at;
  while (reader.at < until) into.push(one());
}

/**
 * Index and count of each bucket that is listed.
 * @param {ReturnType<typeof side>} side
 * @returns {[number, number][]}
 */
function indexed({ spans, deltas, counts }) {
  /** @type {[number, number][]} */
  const found = [];
  let index = 0;
  let listed = 0;
  let running = 0;
  for (const [offset, length] of spans) {
    index += offset;
    for (let i = 0; i < length; i += 1) {
      running += deltas[listed] ?? 0;
      found.push([index, counts.length > 0 ? (counts[listed] ?? 0) : running]);
      index += 1;
      listed += 1;
    }
  }
  return found;
}
