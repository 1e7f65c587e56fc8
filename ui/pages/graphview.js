// The graph of a panel: chart, what of it is drawn, legend, and what there is to say about it.

import { fill, h } from "../core/dom.js";
import { menuButton } from "../core/dialog.js";
import { press, segments } from "../core/controls.js";
import { formatCount, PLAIN } from "../core/units.js";
import { formatDuration, parseDuration } from "../core/time.js";
import { Chart } from "../chart/chart.js";
import { Palette } from "../chart/colours.js";
import { highest, selectorOf, stats } from "../chart/data.js";
import { heatKind, heatOf } from "../chart/heat.js";
import { heatScale } from "../chart/heatscale.js";
import { Legend } from "../chart/legend.js";
import { unitOfBounds } from "../promql/unit.js";

/** So many lines are drawn unless all are asked for. */
const MOST = 1000;
const GHOSTS = ["1h", "1d", "1w"];

/**
 * @typedef {object} Callbacks
 * @property {(change: Partial<import("../core/address.js").Panel>, run?: boolean) => void} change
 * @property {(start: number, end: number) => void} zoom
 * @property {() => void} back
 * @property {(expr: string) => void} use
 * @property {() => void} table
 * @property {(mark: import("../chart/chart.js").Mark) => void} mark
 */

export class GraphView {
  /**
   * @param {HTMLElement} host
   * @param {HTMLElement} controls
   * @param {Callbacks} on
   */
  constructor(host, controls, on) {
    this.on = on;
    this.palette = new Palette();
    /** @type {import("../chart/decode.js").Frame | null} */
    this.frame = null;
    /** @type {import("../chart/decode.js").Frame | null} */
    this.ghost = null;
    /** @type {import("../chart/chart.js").Mark[]} */
    this.marks = [];
    /** @type {import("../core/address.js").Panel | null} */
    this.panel = null;
    /** @type {import("../core/units.js").Unit} */
    this.unit = PLAIN;
    /** Whether all lines were asked for. */
    this.whole = false;
    /** @type {[number, number][]} */
    this.holes = [];
    this.notes = h("div", { class: "graph-notes" });
    host.append(this.notes);
    this.chart = new Chart(host, {
      height: 320,
      label: "Graph",
      on: {
        zoom: on.zoom,
        back: on.back,
        table: on.table,
        mark: on.mark,
        hover: (key) => this.legend.mark(key),
        pick: (key) => this.isolate(key, false),
      },
    });
    this.heat = h("div", { class: "heat-place" });
    host.append(this.heat);
    this.legend = new Legend(host, {
      isolate: (key, add) => this.isolate(key, add),
      hide: (key) => this.hide(key),
      all: () => on.change({ hide: [], only: [] }),
      hover: (key) => this.chart.hover.choose(key),
    });
    this.modes = segments(
      "Display",
      [
        { value: "lines", label: "lines" },
        { value: "stacked", label: "stacked" },
        { value: "heatmap", label: "heatmap" },
      ],
      "lines",
      (mode) => on.change({ mode }),
      "small",
    );
    const toggle = (
      /** @type {"log" | "zero" | "points" | "exemplars"} */ name,
      /** @type {string} */ label,
      /** @type {string} */ title,
    ) =>
      h(
        "button",
        {
          type: "button",
          class: "small toggle",
          title,
          "aria-pressed": "false",
          "data-toggle": name,
          onclick: () => on.change({ [name]: !this.panel?.[name] }, name === "exemplars"),
        },
        label,
      );
    this.toggles = [
      toggle("zero", "from 0", "The axis begins at zero"),
      toggle("log", "log", "Logarithmic axis"),
      toggle("points", "points", "A dot at each point"),
      toggle("exemplars", "exemplars", "Observations that were kept with their trace, as diamonds"),
    ];
    this.ghosts = menuButton(
      "",
      () => [
        { label: "no ghost", checked: !this.panel?.vs, run: () => on.change({ vs: 0 }, true) },
        ...GHOSTS.map((text) => ({
          label: `${text} earlier`,
          checked: this.panel?.vs === parseDuration(text),
          run: () => on.change({ vs: parseDuration(text) ?? 0 }, true),
        })),
      ],
      { class: "small", title: "The same of an earlier time, dashed" },
    );
    this.others = h(
      "button",
      {
        type: "button",
        class: "small toggle",
        title: "Series of the same instance or job that did something else in this time than in as long before",
        onclick: () => {
          const { frame, panel } = this;
          if (!frame || !panel) return;
          const { start, end } = frame;
          const shown = { expr: panel.expr, series: frame.series.map(({ labels }) => labels), start, end };
          void import("./moved.js").then(({ whatElseMoved }) => whatElseMoved(shown));
        },
      },
      "what else moved?",
    );
    this.controls = h("div", { class: "row graph-controls" }, this.modes, this.toggles, this.ghosts, this.others);
    controls.append(this.controls);
  }

  remove() {
    this.chart.remove();
    this.legend.remove();
    this.controls.remove();
  }

  /**
   * @param {import("../core/address.js").Panel} panel
   * @param {import("../chart/decode.js").Frame | null} frame
   * @param {import("../core/units.js").Unit} unit
   * @param {{ghost?: import("../chart/decode.js").Frame | null, marks?: import("../chart/chart.js").Mark[], holes?: [number, number][]}} [more]
   */
  show(panel, frame, unit, { ghost = null, marks = [], holes = [] } = {}) {
    if (frame !== this.frame) this.whole = false;
    Object.assign(this, { frame, ghost, marks, unit, holes });
    this.dress(panel);
  }

  /**
   * Shows the same answer as the panel says now.
   * @param {import("../core/address.js").Panel} panel
   */
  dress(panel) {
    this.panel = panel;
    const { frame, ghost } = this;
    press(this.modes, panel.mode);
    for (const button of this.toggles) {
      const name = /** @type {"log" | "zero" | "points" | "exemplars"} */ (button.dataset.toggle);
      button.setAttribute("aria-pressed", String(panel[name]));
    }
    fill(this.ghosts, panel.vs ? `vs ${formatDuration(panel.vs)} earlier` : "ghost");
    this.ghosts.setAttribute("aria-pressed", String(panel.vs > 0));
    if (!frame) return;
    const kind = heatKind(frame.series);
    const heatButton = /** @type {HTMLElement | null} */ (this.modes.querySelector('[data-value="heatmap"]'));
    if (heatButton) heatButton.hidden = !kind && panel.mode !== "heatmap";
    // Histograms without float samples have no lines.
    const only =
      kind === "native" && frame.series.every((one) => one.histograms && !one.values.some((value) => value === value));
    const heat = panel.mode === "heatmap" || only ? heatOf(frame) : null;
    press(this.modes, heat ? "heatmap" : panel.mode === "heatmap" ? "lines" : panel.mode);
    for (const button of this.modes.querySelectorAll("button")) if (button !== heatButton) button.hidden = only;
    for (const button of [...this.toggles, this.ghosts]) button.hidden = Boolean(heat);
    const entries = this.entries(panel, frame, ghost);
    const visible = entries.filter((entry) => !entry.hidden);
    const drawn = this.whole || panel.mode === "stacked" ? visible : highest(visible, MOST);
    const kept = new Set(drawn);
    for (const entry of entries) entry.drawn = kept.has(entry);
    const shared = this.legend;
    shared.show(heat ? [] : entries, this.unit);
    shared.table.element.hidden = Boolean(heat);
    shared.bar.hidden = Boolean(heat);
    fill(this.heat, heat && frame.series.length > 0 && heatScale(heat));
    this.chart.show({
      start: frame.start,
      end: frame.end,
      step: frame.step,
      lines: heat ? [] : drawn,
      unit: heat ? unitOfBounds(panel.expr) : this.unit,
      mode: heat ? "heatmap" : panel.mode === "heatmap" ? "lines" : panel.mode,
      log: panel.log,
      zero: panel.zero,
      points: panel.points,
      heat,
      marks: this.marks,
      holes: this.holes,
      name: this.legend.name,
    });
    this.tell(panel, entries, visible.length, drawn.length, heat);
    this.chart.base.setAttribute(
      "aria-label",
      heat ? "Heatmap of a histogram" : `Graph of ${entries.length} series: ${panel.expr}`,
    );
  }

  /**
   * @param {import("../core/address.js").Panel} panel
   * @param {import("../chart/decode.js").Frame} frame
   * @param {import("../chart/decode.js").Frame | null} ghost
   * @returns {import("../chart/legend.js").Entry[]}
   */
  entries(panel, frame, ghost) {
    const [hide, only] = [new Set(panel.hide), new Set(panel.only)];
    const make = (/** @type {import("../chart/decode.js").Frame} */ of, /** @type {boolean} */ earlier) =>
      of.series.map(({ key, labels, values }) => {
        const text = hide.size + only.size > 0 ? selectorOf(labels) : "";
        return {
          key: earlier ? `${key} earlier` : key,
          labels,
          values,
          slot: this.palette.slot(key),
          stats: stats(values),
          ghost: earlier,
          hidden: hide.has(text) || (only.size > 0 && !only.has(text)),
          drawn: true,
        };
      });
    return [...make(frame, false), ...(ghost ? make(ghost, true) : [])];
  }

  /**
   * What is to be known about the picture.
   * @param {import("../core/address.js").Panel} panel
   * @param {import("../chart/legend.js").Entry[]} entries
   * @param {number} visible
   * @param {number} drawn
   * @param {import("../chart/heat.js").Heat | null} heat
   */
  tell(panel, entries, visible, drawn, heat) {
    /** @type {import("../core/dom.js").Child[]} */
    const notes = [];
    if (drawn < visible) {
      notes.push(
        h(
          "div",
          { class: "row graph-cut" },
          `The ${formatCount(drawn)} series with the highest values are drawn, ${formatCount(visible - drawn)} are not.`,
          h(
            "button",
            {
              type: "button",
              class: "small",
              onclick: () => {
                this.whole = true;
                this.dress(panel);
              },
            },
            "Draw all",
          ),
          h(
            "button",
            { type: "button", class: "small", onclick: () => this.on.use(`topk(20, ${panel.expr.trim()})`) },
            "Top 20",
          ),
          h(
            "button",
            { type: "button", class: "small", onclick: () => this.on.use(`sum(${panel.expr.trim()})`) },
            "Sum",
          ),
        ),
      );
    }
    if (panel.mode === "stacked" && this.chart.gaps)
      notes.push(
        h("div", { class: "soft" }, "Some series have gaps: where one has no sample, the stack takes it as zero."),
      );
    if (panel.log && entries.some((entry) => !entry.hidden && entry.stats.min <= 0))
      notes.push(h("div", { class: "soft" }, "Values of zero and less have no place on a logarithmic axis."));
    if (panel.mode === "heatmap" && !heat)
      notes.push(
        h("div", { class: "soft" }, "A heatmap needs histograms, or series with the label le: these are lines."),
      );
    const infinite = entries.filter(
      (entry) =>
        !entry.hidden &&
        entry.stats.points < entry.values.length &&
        entry.values.some((value) => Math.abs(value) === Infinity),
    ).length;
    if (infinite > 0)
      notes.push(
        h(
          "div",
          { class: "soft" },
          `${formatCount(infinite)} series ${infinite === 1 ? "has" : "have"} infinite values, which aren't drawn.`,
        ),
      );
    fill(this.notes, ...notes);
  }

  /** @param {string} key */
  labelsOf(key) {
    const found = this.frame?.series.find((one) => one.key === key.replace(/ earlier$/, ""));
    return found ? selectorOf(found.labels) : null;
  }

  /** @param {string} key @param {boolean} add */
  isolate(key, add) {
    const text = this.labelsOf(key);
    if (text === null || !this.panel) return;
    const { only } = this.panel;
    if (add)
      this.on.change({ hide: [], only: only.includes(text) ? only.filter((one) => one !== text) : [...only, text] });
    else this.on.change({ hide: [], only: only.length === 1 && only[0] === text ? [] : [text] });
  }

  /** @param {string} key */
  hide(key) {
    const text = this.labelsOf(key);
    if (text === null || !this.panel) return;
    const { hide, only } = this.panel;
    if (only.length > 0) this.on.change({ only: only.filter((one) => one !== text) });
    else this.on.change({ hide: hide.includes(text) ? hide.filter((one) => one !== text) : [...hide, text] });
  }
}
