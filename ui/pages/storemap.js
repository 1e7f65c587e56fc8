// The store as a map: time along; a lane for each size of tables, the largest on top, one for what is in memory, and one for the
// index, whose segments have no time and stand by their size.

import { fill, h } from "../core/dom.js";
import { counted, formatBytes, formatCount, shortCount } from "../core/units.js";
import { formatMoment, lasting } from "../core/time.js";
import { zone } from "../core/zone.js";

/** Tables below this size (bytes) are all of one lane; a lane's tables are at most so many times as large as those of the one below. */
const SMALLEST = 1 << 20;
const FAN_IN = 4;
/** Height of a row of boxes in pixels, the gap below it included. */
const ROW = 22;
/** How much of the accent a box has that takes fewest or most bytes a sample, in percent. */
const [FAINT, FULL] = [30, 85];

/**
 * @typedef {object} Part a table or a memtable
 * @property {number} [number] of a table
 * @property {boolean} [sealed] of a memtable
 * @property {number | null} minTime
 * @property {number | null} maxTime
 * @property {number} series
 * @property {number} samples
 * @property {number} bytes
 * @property {number} [damagedBlocks]
 */

/** @typedef {Part & {minTime: number, maxTime: number}} Placed one that has samples */
/** @typedef {{number: number, series: number, labelPairs: number, bytes: number}} Segment */
/** @typedef {{tables: Part[], memtables: Part[], indexSegments: Segment[], walBytes: number}} Store */

/** Of tables that are merged when there are as many as the fan-in: the lane of a size. @param {number} bytes */
const laneOf = (bytes) => Math.floor(Math.log(Math.max(bytes, SMALLEST) / SMALLEST) / Math.log(FAN_IN) + 1e-9);

/** What a lane's tables have in common. @param {number} lane */
function nameOf(lane) {
  const bytes = (/** @type {number} */ lane) => formatBytes(SMALLEST * FAN_IN ** lane).replace(".0 ", " ");
  return lane === 0 ? `below ${bytes(1)}` : `from ${bytes(lane)}`;
}

/**
 * Parts in as few rows as keep them apart, the longest in the first.
 * @param {Placed[]} parts
 * @returns {Placed[][]}
 */
export function rowsOf(parts) {
  /** @type {Placed[][]} */
  const rows = [];
  for (const part of [...parts].sort((a, b) => b.maxTime - b.minTime - (a.maxTime - a.minTime))) {
    const free = rows.find((row) => row.every((one) => part.minTime > one.maxTime || part.maxTime < one.minTime));
    if (free) free.push(part);
    else rows.push([part]);
  }
  return rows;
}

/**
 * @param {HTMLElement} host
 * @param {Store} store
 */
export function showMap(host, { tables, memtables, indexSegments, walBytes }) {
  const placed = (/** @type {Part[]} */ parts) =>
    /** @type {Placed[]} */ (parts.filter((part) => part.minTime !== null && part.samples > 0));
  const [written, held] = [placed(tables), placed(memtables)];
  const all = [...written, ...held];
  if (all.length === 0) {
    fill(host, h("h2", {}, "Files over time"), h("p", { class: "empty" }, "Nothing stored yet."));
    return;
  }
  const start = Math.min(...all.map((part) => part.minTime));
  const end = Math.max(...all.map((part) => part.maxTime), start + 60_000);
  const costs = written.map((part) => part.bytes / part.samples);
  const [least, most] = [Math.min(...costs), Math.max(...costs)];
  const box = (/** @type {Placed} */ part, /** @type {number} */ row) => {
    const cost = part.bytes / part.samples;
    const share = most > least ? (cost - least) / (most - least) : 0.3;
    const kind = part.number === undefined ? "memory" : "table";
    return h("div", {
      class: `store-part is-${kind}${(part.damagedBlocks ?? 0) > 0 ? " is-damaged" : ""}`,
      title: wordsOf(part, cost),
      style: {
        left: `${((part.minTime - start) / (end - start)) * 100}%`,
        width: `max(3px, ${((part.maxTime - part.minTime) / (end - start)) * 100}%)`,
        top: `${row * ROW}px`,
        "--share": `${Math.round(FAINT + (FULL - FAINT) * share)}%`,
      },
    });
  };
  const lane = (/** @type {string} */ name, /** @type {string} */ more, /** @type {Placed[]} */ parts) => {
    const rows = rowsOf(parts);
    return track(name, more, rows.length, rows.flatMap((row, i) => row.map((part) => box(part, i))));
  };
  const lanes = [...new Set(written.map(({ bytes }) => laneOf(bytes)))].sort((a, b) => b - a);
  const moment = (/** @type {number} */ time) => formatMoment(time, zone(), "minute");
  fill(
    host,
    h(
      "div",
      { class: "card-head" },
      h("h2", {}, "Files over time"),
      most > least &&
        h(
          "div",
          { class: "row small soft num" },
          least.toFixed(2),
          h("span", { class: "store-scale", style: { "--from": `${FAINT}%`, "--to": `${FULL}%` } }),
          `${most.toFixed(2)} bytes a sample`,
        ),
    ),
    h(
      "div",
      {
        class: "store-map",
        role: "img",
        "aria-label": `${counted(tables.length, "table")}, ${counted(memtables.length, "memtable")} from ${moment(start)} to ${moment(end)}, and ${counted(indexSegments.length, "index segment")}`,
      },
      lanes.flatMap((number) => {
        const parts = written.filter(({ bytes }) => laneOf(bytes) === number);
        return lane(`tables ${nameOf(number)}`, counted(parts.length, "file"), parts);
      }),
      lane("memory and log", `${formatBytes(walBytes)} of log`, held),
      h(
        "div",
        { class: "store-ends soft small num" },
        h("span", {}, moment(start)),
        h("span", { class: "store-length" }, lasting(end - start)),
        h("span", {}, moment(end)),
      ),
      indexSegments.length > 0 && index(indexSegments),
    ),
  );
}

/**
 * A lane: what it is, and its boxes.
 * @param {string} name
 * @param {string} more
 * @param {number} rows
 * @param {HTMLElement[]} boxes
 */
function track(name, more, rows, boxes) {
  return [
    h("div", { class: "store-lane small" }, h("div", {}, name), h("div", { class: "soft" }, more)),
    h("div", { class: "store-track", style: { height: `${Math.max(rows, 1) * ROW - 4}px` } }, boxes),
  ];
}

/** The segments of the index side by side, as wide as they are large. @param {Segment[]} segments */
function index(segments) {
  const sum = segments.reduce((total, { bytes }) => total + bytes, 0);
  let left = 0;
  const boxes = segments.map(({ number, series, labelPairs, bytes }) => {
    const share = (bytes / Math.max(sum, 1)) * 100;
    const place = { left: `${left}%`, width: `max(3px, ${share}%)`, top: "0px" };
    left += share;
    return h("div", {
      class: "store-part is-index",
      title: `index ${number}: ${formatCount(series)} series, ${formatCount(labelPairs)} label pairs, ${formatBytes(bytes)}`,
      style: place,
    });
  });
  return track("index, by size", `${counted(segments.length, "file")}, ${formatBytes(sum)}`, 1, boxes);
}

/** @param {Placed} part @param {number} cost */
function wordsOf(part, cost) {
  const { number, sealed, minTime, maxTime, series, samples, bytes, damagedBlocks = 0 } = part;
  const name = number !== undefined ? `table ${number}` : sealed ? "memtable, being written" : "memtable";
  const moment = (/** @type {number} */ time) => formatMoment(time, zone(), "minute");
  const damage = damagedBlocks > 0 ? `, ${counted(damagedBlocks, "damaged block")}` : "";
  return `${name}: ${moment(minTime)} to ${moment(maxTime)}, ${formatCount(series)} series, ${shortCount(samples)} samples, ${formatBytes(bytes)}, ${cost.toFixed(2)} bytes a sample${damage}`;
}
