// Which series are new and which are gone, of which metrics, and which label's values are the new ones: told by the server from its
// index.

import { ApiError, aborted, data } from "../core/api.js";
import { plainTable, segments, trouble } from "../core/controls.js";
import { copyButton } from "../core/copy.js";
import { fill, h } from "../core/dom.js";
import { parseDuration } from "../core/time.js";
import { counted, formatCount } from "../core/units.js";

const RANGES = ["5m", "1h", "1d", "1w"];
/** Metrics and labels of a list. */
const SHOWN = 20;
/** Labels that are shown of one metric, or of all. */
const LABELS = 5;

/**
 * @typedef {object} Churn
 * @property {number} series
 * @property {number} appeared
 * @property {number} disappeared
 * @property {{name: string, appeared: number, disappeared: number}[]} byMetricName
 * @property {{name: string, newValues: number, examples: string[], appeared: number}[]} byLabelName
 */

/**
 * @param {HTMLElement} host
 * @param {{filters: string[], signal: AbortSignal, narrow: (name: string) => void}} on
 */
export function churn(host, { filters, signal, narrow }) {
  const body = h("div", { class: "stack", style: { "align-items": "stretch" } });
  let range = "1h";
  fill(
    host,
    h(
      "div",
      { class: "card-head" },
      h("h2", {}, "Churn"),
      h("span", { class: "soft" }, "the last"),
      segments(
        "Compared time",
        RANGES.map((value) => ({ value, label: value })),
        range,
        (value) => {
          range = value;
          void look();
        },
        "small",
      ),
      h("span", { class: "soft" }, "against as long before"),
    ),
    body,
  );
  const selector = filters.length > 0 ? `{${filters.join(",")}}` : "";

  async function look() {
    const asked = range;
    fill(body, h("p", { class: "loading" }, "Comparing …"));
    try {
      const end = Date.now() / 1000;
      const start = end - (parseDuration(asked) ?? 0) / 1000;
      const params = { "match[]": selector || undefined, start, end, limit: SHOWN };
      const found = await data("api/v1/status/churn", params, { signal });
      if (asked === range) fill(body, told(found, asked, selector, narrow));
    } catch (error) {
      if (aborted(error)) return;
      if (!(error instanceof ApiError)) throw error;
      fill(
        body,
        trouble(error, () => void look()),
      );
    }
  }
  void look();
}

/**
 * @param {Churn} found
 * @param {string} range
 * @param {string} selector
 * @param {(name: string) => void} narrow
 */
function told({ series, appeared, disappeared, byMetricName, byLabelName }, range, selector, narrow) {
  if (appeared + disappeared === 0)
    return h("p", { class: "soft" }, `The same ${counted(series, "series")} as in the ${range} before.`);
  if (appeared === series && disappeared === 0)
    return h("p", { class: "soft" }, `Nothing of this is from the ${range} before: all ${formatCount(series)} series are new.`);
  // The label that explains most comes first; of those that explain as much, the one with more new values.
  const labels = byLabelName
    .filter(({ name }) => name !== "__name__")
    .sort((a, b) => b.appeared - a.appeared || b.newValues - a.newValues)
    .slice(0, LABELS);
  const metric = /^\{__name__="((?:[^"\\]|\\.)*)"/.exec(selector)?.[1];
  return [
    h(
      "p",
      {},
      `${formatCount(appeared)} of ${formatCount(series)} series are new, ${formatCount(disappeared)} of the ${range} before are gone.`,
    ),
    h(
      "div",
      { class: "cards" },
      metric === undefined &&
        plainTable(
          [{ name: "metric" }, { name: "new", number: true }, { name: "gone", number: true }],
          byMetricName.map(({ name, appeared, disappeared }) => [
            h("button", { type: "button", class: "link mono", onclick: () => narrow(name) }, name || "(no name)"),
            formatCount(appeared),
            formatCount(disappeared),
          ]),
          "Metrics that changed",
          "churn",
        ),
      labels.length > 0 &&
        h(
          "div",
          { class: "stack", style: { "align-items": "stretch" } },
          labels.map((label, i) => explained(label, appeared, i === 0)),
        ),
      metric !== undefined && labels.length > 0 && dropping(metric, labels[0].name),
    ),
  ];
}

/**
 * @param {Churn["byLabelName"][number]} label
 * @param {number} all new series
 * @param {boolean} first
 */
function explained({ name, newValues, examples, appeared }, all, first) {
  const more = newValues > examples.length ? ` and ${formatCount(newValues - examples.length)} more` : "";
  return h(
    "div",
    { class: `note${first ? " mind" : ""} churn-label` },
    h(
      "div",
      {},
      h("strong", { class: "mono" }, name),
      ` has ${counted(newValues, "new value")}: ${newValues === 1 ? "it is" : "they are"} in ${Math.round((appeared / all) * 100)} % of the new series`,
    ),
    h("div", { class: "small" }, h("code", {}, examples.map((value) => value.slice(0, 80)).join(", ")), more),
  );
}

/** @param {string} name @param {string} label */
function dropping(name, label) {
  const text = `metric_relabel_configs:
  - source_labels: [__name__]   # leaves the label out of this metric
    regex: ${name}
    target_label: ${label}
    replacement: ""`;
  return h(
    "div",
    { class: "stack", style: { gap: "4px", "align-items": "stretch" } },
    h(
      "p",
      { class: "soft small" },
      "Without that label, if nobody asks for it (series that then are the same are dropped by the scraper as duplicates):",
    ),
    h(
      "div",
      { class: "code" },
      h("pre", { tabindex: 0, "aria-label": "Relabelling" }, text),
      copyButton(() => text),
    ),
  );
}
