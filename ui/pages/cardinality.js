// What the series are made of, which of them come and go, and deleting them.

import { ApiError, aborted, data } from "../core/api.js";
import { trouble } from "../core/controls.js";
import { fill, h, href } from "../core/dom.js";
import { formatBytes, formatCount } from "../core/units.js";
import { quote } from "../chart/data.js";
import { selectorWords } from "./deleting.js";
import { churn } from "./churn.js";

export const title = "Cardinality";

/** Entries of a list. */
const SHOWN = 12;

/** @typedef {{name: string, value: number}} Entry */
/** @typedef {{series: number, metrics: Entry[], labels: Entry[], pairs: Entry[], bytes: Entry[]}} Lists */

/**
 * @param {HTMLElement} element
 * @param {import("../core/app.js").Context} page
 */
export function mount(element, { go, signal }) {
  const head = h("div", { class: "row cardinality-head" });
  const lists = h("div", { class: "cards cardinality-lists" });
  const movement = h("section", { class: "card", hidden: true });
  const deleting = h("section", { class: "card", hidden: true });
  element.append(h("h1", {}, "Cardinality"), head, lists, movement, deleting);
  const narrowed = () => new URLSearchParams(location.search).getAll("f");
  const narrow = (/** @type {string} */ matcher) => {
    const params = new URLSearchParams(location.search);
    if (!params.getAll("f").includes(matcher)) params.append("f", matcher);
    go(`cardinality?${params}`);
  };

  const load = async () => {
    const filters = narrowed();
    try {
      const found = await listsOf(filters.length > 0 ? `{${filters.join(",")}}` : "", signal);
      fill(
        head,
        h(
          "span",
          {},
          h("span", { class: "big" }, formatCount(found.series)),
          " series",
          filters.length > 0 && " of",
        ),
        filters.map((filter) =>
          h(
            "button",
            {
              type: "button",
              class: "small mono",
              title: "Remove",
              onclick: () => {
                const params = new URLSearchParams(location.search);
                params.delete("f");
                for (const one of filters) if (one !== filter) params.append("f", one);
                go(`cardinality${params.size ? `?${params}` : ""}`);
              },
            },
            `${filter} ×`,
          ),
        ),
        filters.length > 0 && h("a", { class: "small", href: "cardinality" }, "all series"),
      );
      const pair = (/** @type {string} */ text) => {
        const at = text.indexOf("=");
        return `${text.slice(0, at)}=${quote(text.slice(at + 1))}`;
      };
      const whole = found.series;
      fill(
        lists,
        list(
          "Metrics with most series",
          found.metrics,
          whole,
          (name) => narrow(`__name__=${quote(name)}`),
          (name) => href("explore", { metric: name }),
        ),
        list("Labels with most values", found.labels, 0, null),
        list(
          "Pairs of most series",
          found.pairs.filter(({ name }) => !name.startsWith("__name__=")),
          whole,
          (text) => narrow(pair(text)),
        ),
        found.bytes.length > 0 && list("Labels with longest values", found.bytes, 0, null, undefined, formatBytes),
      );
    } catch (error) {
      if (aborted(error)) return;
      if (!(error instanceof ApiError)) throw error;
      fill(
        lists,
        h(
          "section",
          { class: "card" },
          trouble(error, () => void load()),
        ),
      );
    }
    movement.hidden = false;
    churn(movement, { filters, signal, narrow: (name) => narrow(`__name__=${quote(name)}`) });
    void selectorWords(deleting, filters.length > 0 ? `{${filters.join(",")}}` : "", signal);
  };
  void load();
  return { update: () => void load(), unmount() {} };
}

/**
 * What the series are made of that a selector finds, or all.
 * @param {string} selector
 * @param {AbortSignal} signal
 * @returns {Promise<Lists>}
 */
async function listsOf(selector, signal) {
  const params = { "match[]": selector || undefined, limit: 4 * SHOWN };
  const status = await data("api/v1/status/tsdb", params, { signal });
  return {
    series: status.headStats.numSeries,
    metrics: status.seriesCountByMetricName,
    labels: status.labelValueCountByLabelName,
    pairs: status.seriesCountByLabelValuePair,
    bytes: status.memoryInBytesByLabelName,
  };
}

/**
 * @param {string} title
 * @param {Entry[]} entries
 * @param {number} whole what shares are of; 0 for the greatest
 * @param {((name: string) => void) | null} pick
 * @param {(name: string) => string} [link]
 * @param {(value: number) => string} [write]
 */
function list(title, entries, whole, pick, link, write = formatCount) {
  const most = whole || Math.max(...entries.map(({ value }) => value), 1);
  return h(
    "section",
    { class: "card" },
    h("h2", {}, title),
    entries.length === 0 && h("p", { class: "soft" }, "none"),
    h(
      "ol",
      { class: "shares" },
      entries.slice(0, SHOWN).map(({ name, value }) =>
        h(
          "li",
          {},
          h("span", { class: "share-bar", style: { width: `${(value / most) * 100}%` } }),
          pick
            ? h(
                "button",
                {
                  type: "button",
                  class: "link share-name mono",
                  title: name.slice(0, 300),
                  onclick: () => pick(name),
                },
                name.slice(0, 120),
              )
            : h("span", { class: "share-name mono", title: name.slice(0, 300) }, name.slice(0, 120)),
          whole > 0 &&
            h("span", { class: "soft num small" }, `${((value / most) * 100).toFixed(value / most < 0.1 ? 1 : 0)} %`),
          h("span", { class: "num share-value" }, write(value)),
          link && h("a", { class: "small", href: link(name) }, "explore"),
        ),
      ),
    ),
  );
}
