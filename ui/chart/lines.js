// From an answer to lines: colours that stay, statistics, and the least that a small chart needs.

import { stats } from "./data.js";
import { Palette } from "./colours.js";

/**
 * @param {import("./decode.js").Frame} frame
 * @param {Palette} [palette]
 * @returns {import("./chart.js").Line[]}
 */
export function linesOf(frame, palette = new Palette()) {
  return frame.series.map(({ key, labels, values }) => ({
    key,
    labels,
    values,
    slot: palette.slot(key),
    stats: stats(values),
  }));
}

/**
 * A view of an answer with nothing special.
 * @param {import("./decode.js").Frame} frame
 * @param {import("../core/units.js").Unit} unit
 * @param {Partial<import("./chart.js").View>} [more]
 * @param {Palette} [palette]
 * @returns {import("./chart.js").View}
 */
export function viewOf(frame, unit, more = {}, palette) {
  const { start, end, step } = frame;
  return { start, end, step, lines: linesOf(frame, palette), unit, mode: "lines", ...more };
}
