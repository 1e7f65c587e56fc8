// The crosshair: the nearest line under the pointer or the one chosen by keys, thickened, with its labels and values in a box
// that never leaves the window, and read out.

import { fill, h } from "../core/dom.js";
import { formatMoment } from "../core/time.js";
import { formatValue } from "../core/units.js";
import { zone } from "../core/zone.js";
import { DIAMOND } from "./axes.js";
import { theme } from "./colours.js";
import { selectorOf } from "./data.js";
import { Raster } from "./raster.js";

/** A line is found so many pixels away. */
const NEAR = 8;
/** Of so few lines all values are shown. */
const FEW = 8;
/** A longer label value is shortened: the legend copies it whole. */
const LONG = 200;

export class Hover {
  /** @param {import("./chart.js").Chart} chart */
  constructor(chart) {
    this.chart = chart;
    this.box = h("div", { class: "tip", hidden: true });
    document.body.appendChild(this.box);
    /** The step that is looked at, -1 for none, and the line, likewise. */
    this.step = -1;
    this.line = -1;
    /** The line chosen elsewhere, by its key. @type {string | null} */
    this.chosen = null;
    /** @type {{x: number, y: number} | null} */
    this.pointer = null;
    /** The buffer of the thick line. @type {Raster | null} */
    this.raster = null;
    const { element } = chart;
    element.addEventListener("pointermove", (event) => this.moved(event));
    element.addEventListener("pointerleave", (event) => {
      // A finger that was lifted leaves its numbers there to be read.
      if (event.pointerType !== "touch") this.leave();
    });
    element.addEventListener("pointerdown", (event) => {
      if (event.pointerType === "touch") this.moved(event);
    });
    element.addEventListener("click", (event) => this.clicked(event));
    element.addEventListener("blur", () => this.leave());
    this.elsewhere = (/** @type {Event} */ event) => {
      if (this.step >= 0 && event.target instanceof Node && !element.contains(event.target)) this.leave();
    };
    document.addEventListener("pointerdown", this.elsewhere);
    element.addEventListener("keydown", (event) => {
      if (this.key(event)) {
        event.preventDefault();
        event.stopPropagation();
      }
    });
  }

  remove() {
    document.removeEventListener("pointerdown", this.elsewhere);
    this.box.remove();
  }

  /** @param {PointerEvent} event */
  moved(event) {
    const box = this.chart.element.getBoundingClientRect();
    this.pointer = { x: event.clientX - box.left, y: event.clientY - box.top };
    this.find();
    this.paint();
  }

  leave() {
    this.pointer = null;
    this.step = -1;
    this.line = -1;
    this.chart.on.hover?.(null);
    this.paint();
  }

  /** After the chart was drawn anew, the same place has other numbers. */
  drawn() {
    if (this.pointer) this.find();
    const length = this.chart.tops[0]?.length ?? 0;
    if (this.step >= length) this.step = -1;
    if (this.line >= this.chart.tops.length) this.line = -1;
    this.paint();
  }

  /** Finds the step and the line under the pointer. */
  find() {
    const { chart, pointer } = this;
    const view = chart.view;
    if (!view || !pointer) return;
    const { plot } = chart;
    const length = Math.floor((view.end - view.start) / view.step) + 1;
    const inside = pointer.x >= plot.left - NEAR && pointer.x <= plot.left + plot.width + NEAR;
    this.step = inside
      ? Math.min(length - 1, Math.max(0, Math.round((chart.time(pointer.x) - view.start) / view.step)))
      : -1;
    const before = this.line;
    this.line = this.step < 0 || view.mode === "heatmap" ? -1 : this.nearest(pointer);
    if (this.line !== before) chart.on.hover?.(view.lines[this.line]?.key ?? null);
  }

  /**
   * The line nearest to a place, by its distance to the segments on both sides of the step.
   * @param {{x: number, y: number}} place
   */
  nearest({ x, y }) {
    const { chart, step } = this;
    const view = /** @type {import("./chart.js").View} */ (chart.view);
    let best = -1;
    let least = view.mode === "stacked" ? Infinity : NEAR * NEAR;
    const gap = view.points || view.lines.length <= FEW ? 3 : 1;
    chart.tops.forEach((values, i) => {
      for (const [from, to] of [
        [step - 1, step],
        [step, step + 1],
      ]) {
        const [x1, x2] = [chart.x(view.start + from * view.step), chart.x(view.start + to * view.step)];
        const [y1, y2] = [chart.y(values[from]), chart.y(values[to])];
        const away = segment(x, y, x1, y1, x2, y2) * (view.mode === "stacked" && y1 > y ? 1e6 : 1);
        if (away < least) [least, best] = [away, i];
      }
      const alone = (chart.x(view.start + step * view.step) - x) ** 2 + (chart.y(values[step]) - y) ** 2;
      if (alone < least * gap) [least, best] = [Math.min(alone, least), i];
    });
    return best;
  }

  /** @param {MouseEvent} event */
  clicked(event) {
    const { chart } = this;
    const box = chart.element.getBoundingClientRect();
    const [x, y] = [event.clientX - box.left, event.clientY - box.top];
    const mark = (chart.view?.marks ?? []).find(
      (one) => Math.abs(chart.x(one.time) - x) <= DIAMOND + 3 && Math.abs(chart.y(one.value) - y) <= DIAMOND + 3,
    );
    if (mark) chart.on.mark?.(mark);
  }

  /** @param {KeyboardEvent} event */
  key(event) {
    const { chart } = this;
    const view = chart.view;
    if (!view || event.ctrlKey || event.metaKey || event.altKey) return false;
    const length = Math.floor((view.end - view.start) / view.step) + 1;
    const jump = event.shiftKey ? 10 : 1;
    const at = this.step < 0 ? length - 1 : this.step;
    if (event.key === "ArrowLeft") this.step = this.step < 0 ? at : Math.max(0, at - jump);
    else if (event.key === "ArrowRight") this.step = this.step < 0 ? at : Math.min(length - 1, at + jump);
    else if (event.key === "Home") this.step = 0;
    else if (event.key === "End") this.step = length - 1;
    else if (event.key === "ArrowDown") this.line = (this.line + 1) % Math.max(1, view.lines.length);
    else if (event.key === "ArrowUp") this.line = (this.line <= 0 ? view.lines.length : this.line) - 1;
    else if (event.key === "t") {
      chart.on.table?.();
      return true;
    } else if (event.key === "Enter" && view.lines[this.line]) {
      chart.on.pick?.(view.lines[this.line].key);
      return true;
    } else if (event.key === "Escape" && this.step >= 0) {
      this.leave();
      return true;
    } else return false;
    if (this.step < 0) this.step = at;
    if (this.line < 0 && view.lines.length > 0) this.line = 0;
    this.pointer = null;
    this.paint();
    this.readOut();
    return true;
  }

  /** Says time, series and value to who doesn't see them. */
  readOut() {
    const { chart, step, line } = this;
    const view = chart.view;
    if (!view || step < 0) return;
    const one = view.lines[line];
    const what = one ? `${this.name(one)}: ${value(one.values[step], view.unit)}` : "";
    chart.live.textContent = `${formatMoment(view.start + step * view.step, zone())}, ${what}`;
  }

  /** @param {import("./chart.js").Line} line */
  name(line) {
    return this.chart.view?.name?.(line.labels) ?? selectorOf(line.labels);
  }

  /**
   * Marks a line chosen elsewhere, by its row in the legend.
   * @param {string | null} key
   */
  choose(key) {
    this.chosen = key;
    this.paint();
  }

  /** Draws the crosshair and the thick line on the canvas above, and fills the box. */
  paint() {
    const { chart, step } = this;
    const { view, plot, ratio, over } = chart;
    const context = over.getContext("2d");
    if (!context) return;
    context.setTransform(1, 0, 0, 1, 0, 0);
    context.clearRect(0, 0, over.width, over.height);
    if (!view) return;
    const colours = theme();
    const chosen = this.chosen === null ? this.line : view.lines.findIndex((line) => line.key === this.chosen);
    if (chosen >= 0 && view.mode !== "heatmap") this.thicken(context, chosen, colours);
    if (step < 0) {
      this.box.hidden = true;
      return;
    }
    context.setTransform(ratio, 0, 0, ratio, 0, 0);
    const x = Math.round(chart.x(view.start + step * view.step)) + 0.5;
    context.strokeStyle = colours.soft;
    context.lineWidth = 1;
    context.beginPath();
    context.moveTo(x, plot.top);
    context.lineTo(x, plot.top + plot.height);
    context.stroke();
    const seen = view.lines.length <= FEW ? view.lines.map((_, i) => i) : this.line >= 0 ? [this.line] : [];
    for (const i of view.mode === "heatmap" ? [] : seen) {
      const y = chart.y(chart.tops[i][step]);
      if (!Number.isFinite(y)) continue;
      context.beginPath();
      context.arc(x, y, i === this.line ? 4.5 : 3.5, 0, 7);
      context.fillStyle = colours.names[view.lines[i].slot];
      context.fill();
      context.strokeStyle = colours.cardName;
      context.stroke();
    }
    this.tell(x);
  }

  /**
   * @param {CanvasRenderingContext2D} context
   * @param {number} index
   * @param {import("./colours.js").Theme} colours
   */
  thicken(context, index, colours) {
    const { chart } = this;
    const { view, plot, ratio } = chart;
    if (!view) return;
    const margin = Math.round(4 * ratio);
    const [width, height] = [Math.round(plot.width * ratio) + 2 * margin, Math.round(plot.height * ratio) + 2 * margin];
    /** @type {Raster} */
    const raster =
      this.raster?.width === width && this.raster.height === height ? this.raster : new Raster(width, height);
    this.raster = raster;
    raster.fill(0);
    const { start, end } = chart.range;
    const dx = (view.step / (end - start)) * plot.width * ratio;
    const x0 = ((view.start - start) / (end - start)) * plot.width * ratio + margin;
    raster.line(chart.heights(chart.tops[index], margin), x0, dx, colours.series[view.lines[index].slot], 1.6 * ratio);
    context.putImageData(raster.image(), Math.round(plot.left * ratio) - margin, Math.round(plot.top * ratio) - margin);
  }

  /**
   * Fills the box and puts it beside the crosshair.
   * @param {number} x
   */
  tell(x) {
    const { chart, step, box } = this;
    const view = /** @type {import("./chart.js").View} */ (chart.view);
    const time = h("div", { class: "tip-time" }, formatMoment(view.start + step * view.step, zone()));
    const rows = view.mode === "heatmap" && view.heat ? this.cell(view.heat) : this.rows(view);
    box.hidden = rows.length === 0 && !this.pointer;
    fill(box, time, rows);
    const host = chart.element.getBoundingClientRect();
    const { width, height } = box.getBoundingClientRect();
    const room = document.documentElement.clientWidth;
    const right = host.left + x + 14;
    const left = right + width <= room - 4 ? right : host.left + x - width - 14;
    const top = host.top + (this.pointer?.y ?? 20) - height / 2;
    box.style.setProperty("left", `${Math.max(4, Math.min(left, room - width - 4))}px`);
    box.style.setProperty("top", `${Math.max(4, Math.min(top, window.innerHeight - height - 4))}px`);
  }

  /** @param {import("./chart.js").View} view */
  rows(view) {
    const few = view.lines.length <= FEW;
    const order = few ? view.lines.map((_, i) => i) : this.line >= 0 ? [this.line] : [];
    if (few && view.mode !== "stacked")
      order.sort((a, b) => num(view.lines[b].values[this.step]) - num(view.lines[a].values[this.step]));
    const colours = theme();
    return order.map((i) => {
      const line = view.lines[i];
      return h(
        "div",
        { class: `tip-row${i === this.line ? " is-near" : ""}` },
        h("span", { class: "swatch", style: { background: colours.names[line.slot] } }),
        h(
          "span",
          { class: "tip-name" },
          shorten(this.name(line)),
          line.ghost && h("span", { class: "soft" }, " earlier"),
        ),
        h("span", { class: "tip-value" }, value(line.values[this.step], view.unit)),
      );
    });
  }

  /** @param {import("./heat.js").Heat} heat */
  cell(heat) {
    const { chart, pointer, step } = this;
    if (!pointer) return [];
    const row = Math.floor(((chart.plot.top + chart.plot.height - pointer.y) / chart.plot.height) * heat.rows.length);
    if (row < 0 || row >= heat.rows.length) return [];
    const unit = chart.view?.unit;
    const bounds = `${formatValue(heat.bounds[row], unit)} to ${formatValue(heat.bounds[row + 1], unit)}`;
    return [
      h(
        "div",
        { class: "tip-row" },
        h("span", { class: "tip-name" }, bounds),
        h("span", { class: "tip-value" }, formatValue(heat.rows[row][step])),
      ),
    ];
  }
}

/** @param {number} number */
const num = (number) => (Number.isNaN(number) ? -Infinity : number);

/** @param {number} number @param {import("../core/units.js").Unit} unit */
const value = (number, unit) => (Number.isNaN(number) ? "no sample" : formatValue(number, unit));

/** @param {string} text */
export function shorten(text) {
  return text.length > LONG ? `${text.slice(0, LONG)}… (${text.length} characters)` : text;
}

/**
 * The square of the distance of a place to a segment.
 * @param {number} x
 * @param {number} y
 * @param {number} x1
 * @param {number} y1
 * @param {number} x2
 * @param {number} y2
 */
function segment(x, y, x1, y1, x2, y2) {
  const [dx, dy] = [x2 - x1, y2 - y1];
  const along = Math.max(0, Math.min(1, ((x - x1) * dx + (y - y1) * dy) / (dx * dx + dy * dy || 1)));
  return (x - x1 - along * dx) ** 2 + (y - y1 - along * dy) ** 2;
}
