// What the colours of a heatmap mean: a bar from least to most, with numbers.

import { h } from "../core/dom.js";
import { formatValue } from "../core/units.js";
import { FAINTEST } from "./heat.js";

/**
 * The scale of a heatmap. A colour is the root of its count, so that the middle of the bar is a quarter of the most.
 * @param {import("./heat.js").Heat} heat
 */
export function heatScale({ most }) {
  const write = (/** @type {number} */ count) => formatValue(Number(count.toPrecision(2)));
  const numbers = [0, most / 4, most].map((count) => h("span", {}, write(count)));
  return h(
    "div",
    {
      class: "heat-scale small soft num",
      role: "img",
      "aria-label": `Colours from 0 to ${write(most)} in a cell`,
    },
    h("span", { class: "heat-scale-bar", style: { "--faintest": `${Math.round(FAINTEST * 100)}%` } }),
    h("span", { class: "heat-scale-numbers" }, numbers),
  );
}
