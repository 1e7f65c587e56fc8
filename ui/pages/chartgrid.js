// Many small charts over one time: boards and the pages of metrics are made of them. Only those in sight are asked for.

import { ApiError, aborted } from "../core/api.js";
import { range as askRange } from "../core/ask.js";
import { trouble } from "../core/controls.js";
import { fill, h } from "../core/dom.js";
import { formatValue } from "../core/units.js";
import { formatDuration } from "../core/time.js";
import { Chart } from "../chart/chart.js";
import { Palette } from "../chart/colours.js";
import { common, highest, selectorOf } from "../chart/data.js";
import { heatOf } from "../chart/heat.js";
import { heatScale } from "../chart/heatscale.js";
import { linesOf } from "../chart/lines.js";
import { unitOfBounds, unitOfExpression } from "../promql/unit.js";
import { queryLink } from "./links.js";

/** Lines of a small chart at most. */
const MOST = 100;
/** Points of a small chart, about. */
const POINTS = 200;
/** With longer steps than this a chart ends now, and not at a whole step. */
const LONG_STEP_MS = 60_000;
/** Such a chart is asked for again when so much of a step is over: before, it would look the same. */
const WORTH_A_LOOK = 0.1;

/**
 * @typedef {object} Item
 * @property {string} title
 * @property {string} expr
 * @property {import("../core/units.js").Unit} [unit]
 * @property {"lines" | "stacked" | "heatmap"} [mode]
 * @property {boolean} [zero]
 * @property {string} [help]
 * @property {boolean} [wide]
 */

export class ChartGrid {
  /**
   * @param {HTMLElement} host
   * @param {{zoom: (start: number, end: number) => void, back: () => void}} on
   */
  constructor(host, on) {
    this.on = on;
    this.element = h("div", { class: "chart-grid" });
    host.append(this.element);
    this.range = 3_600_000;
    /** @type {number | null} */
    this.end = null;
    this.abort = new AbortController();
    /** @type {{item: Item, element: HTMLElement, chart: Chart, palette: Palette, last: HTMLElement, link: HTMLAnchorElement, note: HTMLElement, seen: boolean, stale: boolean, asked: number}[]} `asked` when, in ms */
    this.cells = [];
    this.watcher = new IntersectionObserver(
      (entries) => {
        for (const { target, isIntersecting } of entries) {
          const cell = this.cells.find((one) => one.element === target);
          if (!cell) continue;
          cell.seen = isIntersecting;
          if (isIntersecting && cell.stale) void this.load(cell);
        }
      },
      { rootMargin: "200px" },
    );
  }

  remove() {
    this.abort.abort();
    this.watcher.disconnect();
    for (const { chart } of this.cells) chart.remove();
    this.cells = [];
    fill(this.element);
  }

  /** @param {Item[]} items */
  show(items) {
    this.watcher.disconnect();
    for (const { chart } of this.cells) chart.remove();
    this.cells = items.map((item) => {
      const place = h("div", {});
      const last = h("span", { class: "num chart-last" });
      const link = h("a", { class: "chart-title" }, item.title);
      const note = h("div", { class: "chart-note" });
      const element = h(
        "section",
        { class: `card chart-cell${item.wide ? " is-wide" : ""}`, title: item.help },
        h("div", { class: "chart-cell-head" }, h("h2", {}, link), last),
        place,
        note,
      );
      this.element.append(element);
      const chart = new Chart(place, { height: 170, label: item.title, on: this.on });
      return { item, element, chart, palette: new Palette(), last, link, note, seen: false, stale: true, asked: 0 };
    });
    fill(
      this.element,
      this.cells.map((cell) => cell.element),
    );
    for (const { element } of this.cells) this.watcher.observe(element);
    this.links();
  }

  /**
   * Shows another time.
   * @param {number} range
   * @param {number | null} end
   */
  at(range, end) {
    const same = this.range === range && this.end === end;
    this.range = range;
    this.end = end;
    this.links();
    return this.again(!same);
  }

  links() {
    for (const { item, link } of this.cells) {
      link.href = queryLink(item.expr, {
        "g0.range_input": formatDuration(this.range),
        ...(this.end === null ? {} : { "g0.end_input": String(this.end / 1000) }),
        ...(item.mode ? { "g0.display_mode": item.mode } : {}),
      });
    }
  }

  /** ms between the points of a chart. */
  get step() {
    return Math.max(1000, Math.ceil(this.range / POINTS / 1000) * 1000);
  }

  /**
   * Asks anew for what is in sight.
   * @param {boolean} [all] also for what would look the same
   */
  async again(all = true) {
    const old = !all && this.step > LONG_STEP_MS ? Date.now() - this.step * WORTH_A_LOOK : Infinity;
    const due = this.cells.filter((cell) => cell.asked < old);
    if (due.length === 0) return;
    this.abort.abort();
    this.abort = new AbortController();
    for (const cell of due) cell.stale = true;
    await Promise.all(this.cells.filter((cell) => cell.seen && cell.stale).map((cell) => this.load(cell)));
  }

  /** @param {ChartGrid["cells"][number]} cell */
  async load(cell) {
    cell.stale = false;
    const { item, chart, palette, last, note } = cell;
    const { step } = this;
    const ask = async (/** @type {number} */ end) =>
      (await askRange(item.expr, { start: end - this.range, end, step, signal: this.abort.signal, timeout: "10s" }))
        .frame;
    const now = this.end ?? Date.now();
    try {
      // Whole steps let the server answer with those it has kept; of long ones the last would be hours ago.
      const whole = step > LONG_STEP_MS ? 1000 : step;
      cell.asked = Date.now();
      let frame = await ask(Math.floor(now / whole) * whole);
      // Samples younger than the last whole step, as all are in a store that has just begun.
      if (frame.series.length === 0 && this.end === null) frame = await ask(Math.floor(now / 1000) * 1000);
      const unit = item.unit ?? (item.mode === "heatmap" ? unitOfBounds(item.expr) : unitOfExpression(item.expr));
      const lines = linesOf(frame, palette);
      const seen = highest(lines, MOST);
      const heat = item.mode === "heatmap" ? heatOf(frame) : null;
      const shared = common(lines.map((line) => line.labels));
      chart.show({
        start: frame.start,
        end: frame.end,
        step,
        lines: heat ? [] : seen,
        unit,
        mode: item.mode === "heatmap" && !heat ? "lines" : (item.mode ?? "lines"),
        heat,
        zero: item.zero,
        name: (labels) => selectorOf(labels, shared),
      });
      chart.element.classList.toggle("is-blank", frame.series.length === 0);
      fill(
        note,
        frame.series.length === 0
          ? h("span", { class: "soft" }, "no samples in this time")
          : !heat && lines.every(({ stats }) => stats.points === 0)
            ? h("span", { class: "soft" }, "only values that aren't numbers: nothing happened in this time")
            : heat
              ? heatScale(heat)
              : seen.length < lines.length &&
              h("span", { class: "soft small" }, `the highest ${seen.length} of ${lines.length} series`),
      );
      fill(
        last,
        lines.length === 1 && Number.isFinite(lines[0].stats.last) ? formatValue(lines[0].stats.last, unit) : "",
      );
    } catch (error) {
      if (aborted(error)) {
        cell.stale = true;
        return;
      }
      if (!(error instanceof ApiError)) throw error;
      fill(
        note,
        trouble(error, () => void this.load(cell)),
      );
    }
  }
}
