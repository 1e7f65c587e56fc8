// An instant answer as a table: label sets, or a column for each label; values with bars; native histograms as small bars.

import { h, icon } from "../core/dom.js";
import { menuButton } from "../core/dialog.js";
import { copyAndTell } from "../core/copy.js";
import { formatMoment } from "../core/time.js";
import { formatCount, formatValue } from "../core/units.js";
import { zone } from "../core/zone.js";
import { number } from "../core/ask.js";
import { selectorOf } from "../chart/data.js";
import { shorten } from "../chart/hover.js";
import { open } from "../core/dialog.js";
import { VirtualTable } from "./virtual.js";

/**
 * @typedef {object} Row
 * @property {Record<string, string>} labels
 * @property {string} text the label set
 * @property {number} value NaN for a histogram
 * @property {string} exact as the server wrote it
 * @property {number} time
 * @property {any} histogram
 */

/**
 * @typedef {object} Callbacks
 * @property {(label: string, value: string, operator: "=" | "!=") => void} filter
 * @property {(label: string) => void} group
 * @property {(cols: string[] | null) => void} columns
 */

/** With fewer rows there is nothing to search. */
const SEARCHED_FROM = 6;

/**
 * Rows of the API's answer.
 * @param {any} data
 * @returns {Row[]}
 */
export function rowsOf({ resultType, result }) {
  const row = (
    /** @type {Record<string, string>} */ labels,
    /** @type {number} */ time,
    /** @type {string} */ exact,
    /** @type {any} */ histogram = null,
  ) => ({
    labels,
    text: selectorOf(labels),
    value: histogram ? NaN : number(exact),
    exact,
    time: time * 1000,
    histogram,
  });
  if (resultType === "scalar") return [row({}, result[0], result[1])];
  if (resultType === "string") return [{ ...row({}, result[0], "NaN"), exact: result[1] }];
  if (resultType === "vector") {
    return result.map((/** @type {any} */ one) =>
      one.histogram
        ? row(one.metric, one.histogram[0], `count ${one.histogram[1].count}`, one.histogram[1])
        : row(one.metric, one.value[0], one.value[1]),
    );
  }
  // A range selector's samples: a row each.
  return result.flatMap((/** @type {any} */ one) => [
    ...(one.values ?? []).map((/** @type {any} */ [time, value]) => row(one.metric, time, value)),
    ...(one.histograms ?? []).map((/** @type {any} */ [time, value]) =>
      row(one.metric, time, `count ${value.count}`, value),
    ),
  ]);
}

export class Results {
  /**
   * @param {HTMLElement} host
   * @param {Callbacks} on
   */
  constructor(host, on) {
    this.on = on;
    /** @type {Row[]} */
    this.rows = [];
    this.unit = { kind: "" };
    this.samples = false;
    this.most = 0;
    this.count = h("span", { class: "soft small" });
    this.search = h("input", {
      type: "search",
      class: "small",
      placeholder: "filter rows",
      "aria-label": "Filter rows",
      oninput: () => this.narrow(),
    });
    this.columns = menuButton([icon("more"), "columns"], () => this.choices(), { class: "small" });
    host.append(
      h("div", { class: "row results-bar" }, this.count, h("span", { class: "grow" }), this.columns, this.search),
    );
    /** @type {string[] | null} */
    this.cols = null;
    /** @type {VirtualTable<Row>} */
    this.table = new VirtualTable(host, [], { label: "Result", rows: 18, pick: (row, event) => this.pick(row, event) });
    this.table.element.classList.add("results");
  }

  /**
   * @param {any} data
   * @param {import("../core/units.js").Unit} unit
   * @param {string[] | null} cols
   */
  show(data, unit, cols) {
    this.rows = rowsOf(data);
    this.samples = data.resultType === "matrix";
    this.unit = unit;
    this.cols = cols;
    this.most = this.rows.reduce(
      (most, { value }) => (Number.isFinite(value) ? Math.max(most, Math.abs(value)) : most),
      0,
    );
    this.search.hidden = this.rows.length < SEARCHED_FROM;
    this.dress();
    this.table.show(this.rows);
    this.narrow();
  }

  /** Chooses the columns. */
  dress() {
    const { cols, unit, most } = this;
    /** @type {import("./virtual.js").Column<Row>[]} */
    const columns = [];
    if (cols) {
      for (const name of cols) {
        columns.push({
          name,
          value: (row) => row.labels[name] ?? "",
          show: (row) =>
            row.labels[name] === undefined ? "" : labelButton(name, row.labels[name], shorten(row.labels[name])),
        });
      }
    } else columns.push({ name: "series", grow: true, value: (row) => row.text, show: (row) => chips(row.labels) });
    if (this.samples)
      columns.push({
        name: "time",
        value: (row) => row.time,
        show: (row) => formatMoment(row.time, zone(), "ms"),
        width: 23,
      });
    const bars = window.innerWidth >= 720 && this.rows.length > 1 && most > 0 && unit.kind !== "timestamp";
    // On a narrow screen the value comes first, so that it is seen without scrolling.
    const narrow = window.innerWidth < 720;
    columns[narrow ? "unshift" : "push"]({
      name: "value",
      number: true,
      width: narrow ? 9 : 22,
      value: (row) => (row.histogram ? Number(row.histogram.count) : row.value),
      show: (row) => {
        if (row.histogram) return smallBars(row.histogram);
        const text =
          this.rows[0]?.exact !== undefined && Number.isNaN(row.value) && row.exact !== "NaN"
            ? row.exact
            : formatValue(row.value, unit);
        return h(
          "span",
          { class: "bar-of", title: row.exact },
          bars &&
            Number.isFinite(row.value) &&
            h("span", { class: "bar", style: { width: `${(Math.abs(row.value) / most) * 18}ch` } }),
          h("span", { class: "over-bar" }, text),
        );
      },
    });
    this.table.columns = columns;
    this.table.element.classList.toggle("has-cols", cols !== null);
  }

  /** @returns {import("../core/dialog.js").Item[]} */
  choices() {
    const names = new Set(/** @type {string[]} */ ([]));
    for (const { labels } of this.rows.slice(0, 5000)) for (const name of Object.keys(labels)) names.add(name);
    const all = [...names].sort();
    const chosen = this.cols ?? [];
    const set = (/** @type {string[] | null} */ cols) => {
      this.cols = cols;
      this.dress();
      this.table.dressUp(this.table.columns);
      this.on.columns(cols);
    };
    return [
      { label: "label sets", checked: this.cols === null, run: () => set(null) },
      {
        label: "a column for each label",
        checked: this.cols !== null && chosen.length === all.length,
        run: () => set(all),
      },
      "line",
      ...all.map((name) => ({
        label: name,
        checked: chosen.includes(name),
        run: () =>
          set(
            chosen.includes(name)
              ? chosen.filter((one) => one !== name)
              : all.filter((one) => one === name || chosen.includes(one)),
          ),
      })),
    ];
  }

  narrow() {
    const text = this.search.value.toLowerCase();
    this.table.filter(text ? (row) => row.text.toLowerCase().includes(text) || row.exact.includes(text) : () => true);
    const [seen, all] = [this.table.seen.length, this.rows.length];
    this.count.textContent = `${seen < all ? `${formatCount(seen)} of ` : ""}${formatCount(all)} ${this.samples ? "samples" : all === 1 ? "row" : "rows"}`;
  }

  /**
   * @param {Row} row
   * @param {MouseEvent | KeyboardEvent} event
   */
  pick(row, event) {
    const target = event.target instanceof Element ? event.target.closest("[data-label]") : null;
    if (target) this.offer(target.getAttribute("data-label") ?? "", row);
    else if (event instanceof KeyboardEvent || row.histogram) this.details(row);
  }

  /**
   * What can be done with a label.
   * @param {string} label
   * @param {Row} row
   */
  offer(label, row) {
    const value = row.labels[label] ?? "";
    const dialog = open(
      label,
      h(
        "div",
        { class: "stack" },
        h("code", { class: "label-value" }, shorten(value)),
        h(
          "div",
          { class: "row" },
          h(
            "button",
            {
              type: "button",
              class: "primary",
              onclick: () => {
                dialog.close();
                this.on.filter(label, value, "=");
              },
            },
            "Only these",
          ),
          h(
            "button",
            {
              type: "button",
              onclick: () => {
                dialog.close();
                this.on.filter(label, value, "!=");
              },
            },
            "Without these",
          ),
          label !== "__name__" &&
            h(
              "button",
              {
                type: "button",
                onclick: () => {
                  dialog.close();
                  this.on.group(label);
                },
              },
              `Sum by ${label}`,
            ),
          h("button", { type: "button", onclick: () => void copyAndTell(value) }, "Copy the value"),
          h("button", { type: "button", onclick: () => void copyAndTell(row.text) }, "Copy the series"),
        ),
      ),
    );
  }

  /** @param {Row} row */
  details(row) {
    const dialog = open(
      "Series",
      h(
        "div",
        { class: "stack" },
        h(
          "dl",
          { class: "facts" },
          Object.entries(row.labels).flatMap(([name, value]) => [
            h(
              "dt",
              {},
              h(
                "button",
                {
                  type: "button",
                  class: "link",
                  onclick: () => {
                    dialog.close();
                    this.offer(name, row);
                  },
                },
                name,
              ),
            ),
            h("dd", {}, shorten(value)),
          ]),
          h("dt", {}, "value"),
          h("dd", {}, row.exact),
          h("dt", {}, "time"),
          h("dd", {}, formatMoment(row.time, zone(), "ms")),
        ),
        row.histogram &&
          h(
            "table",
            { class: "plain" },
            h("thead", {}, h("tr", {}, h("th", {}, "bucket"), h("th", { class: "is-number" }, "count"))),
            h(
              "tbody",
              {},
              (row.histogram.buckets ?? []).map((/** @type {any} */ [side, low, high, count]) =>
                h(
                  "tr",
                  {},
                  h(
                    "td",
                    { class: "num" },
                    `${side === 1 || side === 3 ? "[" : "("}${low}, ${high}${side === 0 || side === 3 ? "]" : ")"}`,
                  ),
                  h("td", { class: "is-number" }, count),
                ),
              ),
            ),
          ),
        h("button", { type: "button", onclick: () => void copyAndTell(row.text) }, "Copy the series"),
      ),
    );
  }
}

/** @param {string} name @param {string} value @param {string} text */
function labelButton(name, value, text) {
  return h("span", { class: "label", "data-label": name, title: value.length > 60 ? shorten(value) : undefined }, text);
}

/** @param {Record<string, string>} labels */
function chips(labels) {
  const { __name__: name, ...rest } = labels;
  const pairs = Object.entries(rest);
  return h(
    "span",
    { class: "labels" },
    name !== undefined && h("span", { class: "label label-metric", "data-label": "__name__" }, shorten(name)),
    pairs.map(([label, value]) =>
      h(
        "span",
        { class: "label", "data-label": label },
        h("span", { class: "label-name" }, label),
        "=",
        h("bdi", {}, shorten(value)),
      ),
    ),
    name === undefined && pairs.length === 0 && h("span", { class: "soft" }, "no labels"),
  );
}

/** @param {any} histogram */
function smallBars({ count, buckets = [] }) {
  const counts = buckets.map((/** @type {any} */ bucket) => Number(bucket[3]));
  const most = Math.max(...counts, 1e-300);
  return h(
    "span",
    { class: "small-bars", title: `${count} observations` },
    counts
      .slice(0, 40)
      .map((/** @type {number} */ one) => h("i", { style: { height: `${Math.max(1, (one / most) * 18)}px` } })),
    h("span", {}, formatCount(Number(count))),
  );
}
