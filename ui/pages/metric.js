// A metric's page: its labels at the left, charts chosen by its type at the right.

import { ApiError, aborted, data, envelope } from "../core/api.js";
import { intervalOf, vector } from "../core/ask.js";
import { plainTable, trouble } from "../core/controls.js";
import { fill, h, href } from "../core/dom.js";
import { formatDuration } from "../core/time.js";
import { formatCount, unitOf } from "../core/units.js";
import { quote } from "../chart/data.js";
import { ChartGrid } from "./chartgrid.js";
import { queryLink } from "./links.js";
import { typeOf } from "./metrictype.js";
import { changed, timeChoice, settleRange, timeOfAddress } from "./timechoice.js";

/** Series that are looked at for their labels. */
const LOOKED_AT = 5000;
/** A label with more values makes no chart of its own. */
const MOST_VALUES = 40;
/** Values shown of a label before "all". */
const SHOWN = 8;

/**
 * @param {HTMLElement} element
 * @param {string} name
 * @param {import("../core/app.js").Context} page
 * @returns {import("../core/app.js").Mounted}
 */
export function mountMetric(element, name, { go, signal }) {
  const head = h("div", { class: "stack metric-head" });
  const labels = h("aside", { class: "card metric-labels", "aria-label": "Labels" });
  const body = h("div", { class: "metric-charts" });
  const time = timeChoice(go);
  element.append(
    h("div", { class: "row" }, h("a", { href: "explore" }, "all metrics"), h("span", { class: "grow" }), time.element),
    head,
    h("div", { class: "metric-columns" }, labels, body),
  );
  const grid = new ChartGrid(body, { zoom: time.zoom, back: () => history.back() });
  /** @type {{type: string, help: string, unit: string} | null} */
  let kind = null;
  let shown = "";

  const params = () => new URLSearchParams(location.search);
  /** Matchers of the address: `f` is a label, an operator and a value. */
  const filters = () => params().getAll("f");
  const selector = (/** @type {string} */ metric = name) => {
    const plain = /^[a-zA-Z_:][\w:]*$/.test(metric);
    const all = [
      ...(plain ? [] : [quote(metric)]),
      ...(params().get("job") ? [`job=${quote(params().get("job") ?? "")}`] : []),
      ...filters(),
    ];
    return `${plain ? metric : ""}${all.length > 0 ? `{${all.join(", ")}}` : ""}`;
  };

  const load = async () => {
    await settleRange().catch(() => {});
    time.show();
    const { range, end } = timeOfAddress();
    const now = JSON.stringify([selector(), params().get("by"), range]);
    if (now === shown) return grid.at(range, end);
    shown = now;
    try {
      const to = (end ?? Date.now()) / 1000;
      const [series, families] = await Promise.all([
        envelope(
          "api/v1/series",
          { "match[]": selector(), start: to - range / 1000, end: to, limit: LOOKED_AT },
          { signal },
        ),
        data("api/v1/metadata", { limit_per_metric: 1 }, { signal }),
      ]);
      kind = typeOf(name, families);
      const sets = /** @type {Record<string, string>[]} */ (series.data);
      heading(sets.length, series.warnings.length > 0);
      showLabels(sets);
      await charts(sets, range);
      await grid.at(range, end);
    } catch (error) {
      shown = "";
      if (aborted(error)) return;
      if (!(error instanceof ApiError)) throw error;
      fill(
        head,
        h("h1", {}, name),
        trouble(error, () => void load()),
      );
    }
  };

  /** @param {number} count @param {boolean} more */
  function heading(count, more) {
    const unit = kind?.unit || unitOf(name).kind;
    fill(
      head,
      h(
        "div",
        { class: "row" },
        h("h1", { class: "mono metric-name" }, name),
        h("span", { class: "chip" }, kind?.type),
        unit && h("span", { class: "chip" }, unit),
        h("span", { class: "chip" }, `${more ? "more than " : ""}${formatCount(count)} series`),
        h("a", { class: "button small", href: queryLink(selector()) }, "open in query"),
      ),
      kind?.help && h("p", { class: "soft" }, kind.help),
      (filters().length > 0 || params().get("job")) &&
        h(
          "div",
          { class: "row" },
          h("span", { class: "soft" }, "only"),
          params().get("job") &&
            h(
              "button",
              { type: "button", class: "small", title: "Remove", onclick: () => go(changed({ job: "" })) },
              `job=${quote(params().get("job") ?? "")} ×`,
            ),
          filters().map((filter) =>
            h(
              "button",
              {
                type: "button",
                class: "small mono",
                title: "Remove",
                onclick: () => refilter(filters().filter((one) => one !== filter)),
              },
              `${filter} ×`,
            ),
          ),
        ),
    );
  }

  /** @param {string[]} all */
  function refilter(all) {
    const next = params();
    next.delete("f");
    for (const one of all) next.append("f", one);
    go(`explore?${next}`);
  }

  /** @param {Record<string, string>[]} sets */
  function showLabels(sets) {
    const values = valuesOf(sets);
    const by = params().get("by") ?? "";
    fill(
      labels,
      h("h2", {}, "Labels"),
      values.length === 0 && h("p", { class: "soft" }, "none"),
      values.map(([label, counts]) => {
        const sorted = [...counts].sort((a, b) => b[1] - a[1]);
        const list = h("ul", { class: "label-values" });
        const draw = (/** @type {number} */ most) =>
          fill(
            list,
            sorted.slice(0, most).map(([value, count]) =>
              h(
                "li",
                {},
                h(
                  "button",
                  {
                    type: "button",
                    class: "link label-pick",
                    title: value,
                    onclick: () => refilter([...filters(), `${label}=${quote(value)}`]),
                  },
                  value.slice(0, 80) || "(empty)",
                ),
                h("span", { class: "soft num" }, formatCount(count)),
                h(
                  "button",
                  {
                    type: "button",
                    class: "quiet tiny square",
                    title: "Without these",
                    "aria-label": `Without ${label}=${value.slice(0, 80)}`,
                    onclick: () => refilter([...filters(), `${label}!=${quote(value)}`]),
                  },
                  "−",
                ),
              ),
            ),
            sorted.length > most &&
              h(
                "li",
                {},
                h(
                  "button",
                  { type: "button", class: "link small", onclick: () => draw(Infinity) },
                  `all ${formatCount(sorted.length)}`,
                ),
              ),
          );
        draw(SHOWN);
        return h(
          "details",
          { open: sorted.length <= SHOWN || undefined },
          h(
            "summary",
            {},
            h("span", { class: "mono" }, label),
            h("span", { class: "soft num" }, ` ${formatCount(sorted.length)}`),
          ),
          sorted.length > 1 &&
            h(
              "div",
              { class: "row" },
              h(
                "button",
                {
                  type: "button",
                  class: `small${by === label ? " on" : ""}`,
                  onclick: () => go(changed({ by: by === label ? "" : label })),
                },
                by === label ? "not grouped" : "group all by it",
              ),
            ),
          list,
        );
      }),
    );
  }

  /** @param {Record<string, string>[]} sets @param {number} range */
  async function charts(sets, range) {
    if (sets.length === 0) {
      grid.show([]);
      fill(
        body,
        h(
          "section",
          { class: "card" },
          h("p", {}, `No series of ${selector()} has samples in this time.`),
          h("p", { class: "soft" }, h("a", { href: queryLink(selector()) }, "The query page"), " says why."),
        ),
      );
      return;
    }
    const window = await windowOf(selector(), range, signal);
    const split = valuesOf(sets)
      .filter(([, counts]) => counts.size > 1 && counts.size <= MOST_VALUES)
      .sort((a, b) => a[1].size - b[1].size)
      .map(([label]) => label);
    const by = params().get("by") ?? "";
    const wanted = by ? [by] : split.filter((label) => label !== "le" && label !== "quantile").slice(0, 5);
    fill(body, grid.element);
    const isNative = kind?.type === "histogram" && !name.endsWith("_bucket") ? true : false;
    const items = itemsOf({
      name,
      type: kind?.type ?? "unknown",
      selector: selector(),
      window,
      by: wanted,
      native: isNative,
      range,
      count: sets.length,
    });
    if (items) return grid.show(items);
    grid.show([]);
    fill(body, infoTable(sets));
  }

  void load();
  return { update: () => void load(), unmount: () => grid.remove() };
}

/**
 * How many series have each value of each label.
 * @param {Record<string, string>[]} sets
 * @returns {[string, Map<string, number>][]}
 */
function valuesOf(sets) {
  /** @type {Map<string, Map<string, number>>} */
  const found = new Map();
  for (const set of sets) {
    for (const [label, value] of Object.entries(set)) {
      if (label === "__name__") continue;
      const counts = found.get(label) ?? new Map();
      found.set(label, counts);
      counts.set(value, (counts.get(value) ?? 0) + 1);
    }
  }
  return [...found].sort((a, b) => (a[0] < b[0] ? -1 : 1));
}

/**
 * A window of four times the usual distance of samples, and no shorter than the points of the chart are apart.
 * @param {string} selector
 * @param {number} range
 * @param {AbortSignal} signal
 */
async function windowOf(selector, range, signal) {
  const apart = (await intervalOf(selector, { signal })) || 60_000;
  const ms = Math.max(apart * 4, range / 200);
  return formatDuration(Math.max(20_000, Math.ceil(ms / 5000) * 5000));
}

/**
 * The charts of a metric by its type; null where a table says more.
 * @param {{name: string, type: string, selector: string, window: string, by: string[], native: boolean, range: number, count: number}} metric
 * @returns {import("./chartgrid.js").Item[] | null}
 */
export function itemsOf({ name, type, selector, window, by, native, count }) {
  const unit = unitOf(name);
  if (type === "info") return null;
  if (type === "histogram") {
    const rate = `rate(${selector}[${window}])`;
    const group = (/** @type {string[]} */ labels) =>
      native
        ? labels.length
          ? `sum by (${labels.join(", ")}) (${rate})`
          : `sum(${rate})`
        : `sum by (${["le", ...labels].join(", ")}) (${rate})`;
    return [
      { title: "Observations by size", expr: group([]), mode: "heatmap", unit, wide: true },
      ...["0.5", "0.9", "0.99"].map((quantile) => ({
        title: `${Number(quantile) * 100} % are below`,
        expr: `histogram_quantile(${quantile}, ${group([])})`,
        unit,
        zero: true,
      })),
      ...by.map((label) => ({
        title: `90 % by ${label}`,
        expr: `histogram_quantile(0.9, ${group([label])})`,
        unit,
        zero: true,
      })),
    ];
  }
  if (unit.kind === "timestamp")
    return [
      { title: "Age", expr: `time() - ${selector}`, unit: { kind: "seconds" } },
      ...by.map((label) => ({
        title: `Age by ${label}`,
        expr: `time() - max by (${label}) (${selector})`,
        unit: { kind: "seconds" },
      })),
    ];
  const counter = type === "counter";
  const one = counter ? `rate(${selector}[${window}])` : selector;
  const how = counter ? "sum" : "avg";
  const word = counter ? "Rate" : "Mean";
  return [
    ...(count > 1
      ? [
          {
            title: counter ? "Rate of all" : "Least, mean, greatest",
            expr: counter
              ? `sum(${one})`
              : `label_replace(min(${one}), "of", "least", "", "") or label_replace(avg(${one}), "of", "mean", "", "") or label_replace(max(${one}), "of", "greatest", "", "")`,
            zero: counter,
          },
        ]
      : []),
    {
      title: counter ? "Rate of each series" : count > 1 ? "Each series" : "Value",
      expr: count > 100 ? `topk(20, ${one})` : one,
      zero: counter,
    },
    ...by.map((label) => ({ title: `${word} by ${label}`, expr: `${how} by (${label}) (${one})`, zero: counter })),
  ];
}

/** @param {Record<string, string>[]} sets */
function infoTable(sets) {
  const names = [...new Set(sets.flatMap((set) => Object.keys(set)))].filter((name) => name !== "__name__").sort();
  return h(
    "section",
    { class: "card" },
    plainTable(
      names.map((name) => ({ name })),
      sets.slice(0, 200).map((set) => names.map((name) => set[name] ?? "")),
      "Series",
    ),
    sets.length > 200 &&
      h(
        "p",
        { class: "soft" },
        `the first 200 of ${formatCount(sets.length)}`,
        " ",
        h("a", { href: href("graph", { "g0.expr": sets[0].__name__ ?? "", "g0.tab": "table" }) }, "all in a table"),
      ),
  );
}
