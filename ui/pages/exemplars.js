// Exemplars: observations that were kept with the trace they belong to.

import { aborted, ApiError, data } from "../core/api.js";
import { number } from "../core/ask.js";
import { copyAndTell } from "../core/copy.js";
import { open } from "../core/dialog.js";
import { h } from "../core/dom.js";
import { settings } from "../core/settings.js";
import { formatMoment } from "../core/time.js";
import { zone } from "../core/zone.js";
import { selectorOf } from "../chart/data.js";

/** So many diamonds at most: those with the highest values of each stretch of time. */
const MOST = 200;

/**
 * @param {string} query
 * @param {{start: number, end: number}} range
 * @param {AbortSignal} signal
 * @returns {Promise<import("../chart/chart.js").Mark[]>}
 */
export async function exemplars(query, { start, end }, signal) {
  try {
    const found = await data("api/v1/query_exemplars", { query, start: start / 1000, end: end / 1000 }, { signal });
    const all = found.flatMap((/** @type {any} */ series) =>
      series.exemplars.map((/** @type {any} */ one) => ({
        time: one.timestamp * 1000,
        value: number(one.value),
        labels: one.labels,
        series: series.seriesLabels,
      })),
    );
    return thinned(all, start, end);
  } catch (error) {
    if (aborted(error) || !(error instanceof ApiError)) throw error;
    return [];
  }
}

/**
 * @param {import("../chart/chart.js").Mark[]} marks
 * @param {number} start
 * @param {number} end
 */
function thinned(marks, start, end) {
  if (marks.length <= MOST) return marks;
  /** @type {Map<number, import("../chart/chart.js").Mark>} */
  const best = new Map();
  for (const mark of marks) {
    const stretch = Math.floor(((mark.time - start) / (end - start)) * MOST);
    const now = best.get(stretch);
    if (!now || mark.value > now.value) best.set(stretch, mark);
  }
  return [...best.values()];
}

/** @param {import("../chart/chart.js").Mark} mark */
export function showTrace({ time, value, labels, series }) {
  const id = labels.trace_id ?? labels.traceID ?? labels.traceId ?? "";
  const template = settings().trace;
  const link = id && /^https?:\/\//.test(template) ? template.replaceAll("{trace_id}", encodeURIComponent(id)) : "";
  open(
    "Exemplar",
    h(
      "div",
      { class: "stack" },
      h(
        "dl",
        { class: "facts" },
        Object.entries(labels).flatMap(([name, text]) => [h("dt", {}, name), h("dd", {}, h("code", {}, text))]),
        h("dt", {}, "value"),
        h("dd", {}, String(value)),
        h("dt", {}, "time"),
        h("dd", {}, formatMoment(time, zone(), "ms")),
        h("dt", {}, "series"),
        h("dd", {}, h("code", {}, selectorOf(series))),
      ),
      h(
        "div",
        { class: "row" },
        link &&
          h(
            "a",
            { class: "button primary", href: link, target: "_blank", rel: "noopener noreferrer" },
            "Open the trace",
          ),
        id && h("button", { type: "button", onclick: () => void copyAndTell(id) }, "Copy the trace id"),
      ),
      id &&
        !link &&
        h(
          "p",
          { class: "soft" },
          "The ",
          h("a", { href: "server" }, "settings"),
          " have a place for the address that shows traces.",
        ),
    ),
  );
}
