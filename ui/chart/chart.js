// A chart: a picture of pixels with axes, a second canvas above it for what follows the pointer, and words for those who
// don't see either. It draws what it is shown and tells what is done to it; it asks the server nothing.

import { h } from "../core/dom.js";
import { watch } from "../core/settings.js";
import { zone } from "../core/zone.js";
import { extent, stack } from "./data.js";
import { theme } from "./colours.js";
import { paintHeat } from "./heat.js";
import { Hover } from "./hover.js";
import { mix, Raster } from "./raster.js";
import { share, timeTicks, valueScale } from "./scale.js";
import { listenZoom } from "./zoom.js";
import { heatLabels, paintAxes, paintMarks } from "./axes.js";

/**
 * @typedef {object} Line
 * @property {string} key
 * @property {Record<string, string>} labels
 * @property {Float64Array} values
 * @property {number} slot its colour
 * @property {import("./data.js").Stats} stats
 * @property {boolean} [ghost] whether it is one of an earlier time
 */

/**
 * @typedef {object} Mark an exemplar
 * @property {number} time
 * @property {number} value
 * @property {Record<string, string>} labels
 * @property {Record<string, string>} series
 */

/**
 * @typedef {object} View
 * @property {number} start in ms, of the first step
 * @property {number} end
 * @property {number} step
 * @property {Line[]} lines those that are to be seen
 * @property {import("../core/units.js").Unit} unit
 * @property {"lines" | "stacked" | "heatmap"} mode
 * @property {boolean} [log]
 * @property {boolean} [zero]
 * @property {boolean} [points]
 * @property {import("./heat.js").Heat | null} [heat]
 * @property {Mark[]} [marks]
 * @property {[number, number][]} [holes] times in which data was lost
 * @property {(labels: Record<string, string>) => string} [name] what a series is called
 */

/**
 * @typedef {object} Callbacks
 * @property {(start: number, end: number) => void} [zoom]
 * @property {() => void} [back]
 * @property {(key: string | null) => void} [hover]
 * @property {(key: string) => void} [pick]
 * @property {(mark: Mark) => void} [mark]
 * @property {() => void} [table]
 */

/** @typedef {{left: number, top: number, width: number, height: number}} Plot in CSS pixels */

const BOTTOM = 22;
const TOP = 10;
const RIGHT = 14;
/** More lines than these are drawn with half the care at their edges, and more than those without any. */
const SOME = 40;
const MANY = 250;

export class Chart {
  /**
   * @param {HTMLElement} host
   * @param {{height?: number, label?: string, on?: Callbacks}} [options]
   */
  constructor(host, { height = 300, label = "Chart", on = {} } = {}) {
    this.on = on;
    this.tall = height;
    this.base = h("canvas", { class: "chart-base", role: "img", "aria-label": label });
    this.over = h("canvas", { class: "chart-over", "aria-hidden": "true" });
    this.live = h("div", { class: "offscreen", "aria-live": "polite" });
    this.element = h(
      "div",
      {
        class: "chart",
        tabindex: 0,
        role: "application",
        "aria-label": `${label}: arrow keys move the crosshair`,
        style: { height: `${height}px` },
      },
      this.base,
      this.over,
      this.live,
    );
    host.appendChild(this.element);
    /** @type {View | null} */
    this.view = null;
    /** @type {Plot} */
    this.plot = { left: 48, top: TOP, width: 100, height: 100 };
    /** @type {import("./scale.js").Scale} */
    this.scale = valueScale(null, { unit: { kind: "" }, height });
    /** What is drawn for each line: its values, or the tops of its stack. @type {Float64Array[]} */
    this.tops = [];
    /** Whether a missing step was taken as zero in a stack. */
    this.gaps = false;
    /** How long the last picture took, in ms. */
    this.took = 0;
    this.ratio = 1;
    this.size = { width: 0, height: 0 };
    /** The buffer of the last picture, for one of the same size. @type {Raster | null} */
    this.raster = null;
    this.hover = new Hover(this);
    listenZoom(this);
    this.observer = new ResizeObserver(() => this.draw());
    this.observer.observe(this.element);
    this.unwatch = watch(() => requestAnimationFrame(() => this.draw()));
    this.dark = matchMedia("(prefers-color-scheme: dark)");
    this.redraw = () => this.draw();
    this.dark.addEventListener("change", this.redraw);
  }

  /** Takes it off the page. */
  remove() {
    this.observer.disconnect();
    this.unwatch();
    this.dark.removeEventListener("change", this.redraw);
    this.hover.remove();
    this.element.remove();
  }

  /** @param {View} view */
  show(view) {
    this.view = view;
    this.draw();
  }

  /** @param {number} time */
  x(time) {
    const { start, end } = this.range;
    return this.plot.left + ((time - start) / (end - start)) * this.plot.width;
  }

  /** @param {number} value */
  y(value) {
    return this.plot.top + (1 - share(this.scale, value)) * this.plot.height;
  }

  /** @param {number} x */
  time(x) {
    const { start, end } = this.range;
    return start + ((x - this.plot.left) / this.plot.width) * (end - start);
  }

  /** The times at the left and right edge: half a step wider where cells are drawn, and never nothing. */
  get range() {
    if (!this.view) return { start: 0, end: 1 };
    const { start, end, step, heat, mode } = this.view;
    const wide = heat && mode === "heatmap" ? step / 2 : 0;
    return { start: start - wide, end: Math.max(end, start + step) + wide };
  }

  draw() {
    const { view, element } = this;
    const width = element.clientWidth;
    const height = element.clientHeight;
    if (!view || width < 40 || height < 20) return;
    const begun = performance.now();
    this.ratio = window.devicePixelRatio || 1;
    if (
      this.size.width !== width ||
      this.size.height !== height ||
      this.base.width !== Math.round(width * this.ratio)
    ) {
      this.size = { width, height };
      for (const canvas of [this.base, this.over]) {
        canvas.width = Math.round(width * this.ratio);
        canvas.height = Math.round(height * this.ratio);
      }
    }
    const context = this.base.getContext("2d", { alpha: false });
    if (!context) {
      this.live.textContent = "This browser draws no charts: see the table";
      return;
    }
    const colours = theme();
    const heat = view.mode === "heatmap" ? (view.heat ?? null) : null;
    this.tops = view.lines.map((line) => line.values);
    this.gaps = false;
    if (view.mode === "stacked") {
      const stacked = stack(view.lines.filter((line) => !line.ghost).map((line) => line.values));
      this.gaps = stacked.gaps;
      let at = 0;
      this.tops = view.lines.map((line) => (line.ghost ? line.values : stacked.tops[at++]));
    }
    const marks = (view.marks ?? []).map((mark) => mark.value);
    const found = extent([...this.tops, ...(marks.length ? [Float64Array.from(marks)] : [])], view.log);
    this.scale = heat
      ? { min: 0, max: heat.rows.length, log: false, ticks: heatLabels(heat, height - TOP - BOTTOM, view.unit) }
      : valueScale(found, {
          unit: view.unit,
          log: view.log && (found?.[0] ?? 0) > 0,
          zero: view.zero || view.mode === "stacked",
          height: height - TOP - BOTTOM,
        });
    context.setTransform(this.ratio, 0, 0, this.ratio, 0, 0);
    context.font = `12px ${getComputedStyle(document.documentElement).getPropertyValue("--sans")}`;
    const widest = Math.max(...this.scale.ticks.map((tick) => context.measureText(tick.label).width), 16);
    const left = Math.min(Math.ceil(widest) + 12, width / 2);
    this.plot = { left, top: TOP, width: width - left - RIGHT, height: height - TOP - BOTTOM };
    context.fillStyle = colours.cardName;
    context.fillRect(0, 0, width, height);
    const { start, end } = this.range;
    const times = timeTicks(start, end, this.plot.width, zone());
    this.paint(context, colours, heat, times);
    paintAxes(context, this, times, colours);
    paintMarks(context, this, colours);
    this.hover.drawn();
    this.took = performance.now() - begun;
    element.dataset.took = this.took.toFixed(1);
    element.dataset.top = String(this.scale.max);
    element.dataset.lines = String(view.lines.length);
  }

  /**
   * Paints the plot itself, in device pixels.
   * @param {CanvasRenderingContext2D} context
   * @param {import("./colours.js").Theme} colours
   * @param {import("./heat.js").Heat | null} heat
   * @param {import("./scale.js").Tick[]} times
   */
  paint(context, colours, heat, times) {
    const view = /** @type {View} */ (this.view);
    const { plot, ratio } = this;
    const [left, top] = [Math.round(plot.left * ratio), Math.round(plot.top * ratio)];
    // A pen at the edge isn't cut in half: the picture reaches a little beyond the plot.
    const margin = Math.round(4 * ratio);
    const [width, height] = [Math.round(plot.width * ratio) + 2 * margin, Math.round(plot.height * ratio) + 2 * margin];
    /** @type {Raster} */
    const raster =
      this.raster?.width === width && this.raster.height === height ? this.raster : new Raster(width, height);
    this.raster = raster;
    raster.fill(colours.card);
    for (const tick of times)
      raster.column(Math.round((this.x(tick.value) - plot.left) * ratio) + margin, colours.line);
    for (const tick of this.scale.ticks)
      raster.row(Math.round((this.y(tick.value) - plot.top) * ratio) + margin, colours.line);
    const { start, end } = this.range;
    const dx = (view.step / (end - start)) * plot.width * ratio;
    const x0 = ((view.start - start) / (end - start)) * plot.width * ratio + margin;
    for (const [from, to] of view.holes ?? []) this.hatch(raster, from, to, margin, colours);
    if (heat) {
      const cells = new Raster(width - 2 * margin, height - 2 * margin);
      cells.fill(colours.card);
      paintHeat(cells, heat, {
        x0: x0 - margin,
        dx,
        height: height - 2 * margin,
        card: colours.card,
        accent: colours.accent,
      });
      context.putImageData(cells.image(), left, top);
      return;
    }
    const columns = this.tops.map((values) => this.heights(values, margin));
    const floor = new Float64Array(columns[0]?.length ?? 0).fill(
      (this.y(this.scale.log ? this.scale.min : 0) - plot.top) * ratio + margin,
    );
    const sub = view.lines.length > MANY ? 1 : view.lines.length > SOME ? 2 : 3;
    const radius = 0.75 * ratio;
    if (view.mode === "stacked") {
      let below = floor;
      view.lines.forEach((line, i) => {
        if (line.ghost) return;
        raster.area(columns[i], below, x0, dx, colours.series[line.slot], 150);
        below = columns[i];
      });
    }
    // The first series are those that are looked at first: they lie on top.
    /** @type {import("./pen.js").Stroke[]} */
    const strokes = [];
    for (let i = view.lines.length - 1; i >= 0; i -= 1) {
      const { slot, ghost } = view.lines[i];
      const ink = colours.series[slot];
      const stroke = { ys: columns[i], x0, dx, ink, radius, sub };
      if (ghost) strokes.push({ ...stroke, ...this.dashes(columns[i], dx), ink: mix(colours.card, ink, 150) });
      else strokes.push(stroke);
      for (const [ys, wide] of dots(columns[i], Boolean(view.points) && !ghost))
        strokes.push({ ...stroke, ys, radius: radius * wide, sub: 3, apart: true });
    }
    raster.strokes(strokes);
    context.putImageData(raster.image(), left - margin, top - margin);
  }

  /**
   * Values as heights of the picture.
   * @param {Float64Array} values
   * @param {number} margin
   */
  heights(values, margin) {
    const { min, max, log } = this.scale;
    const height = this.plot.height * this.ratio;
    const ys = new Float64Array(values.length);
    if (log) {
      const per = height / Math.log(max / min);
      for (let i = 0; i < ys.length; i += 1)
        ys[i] = values[i] > 0 && values[i] < Infinity ? height + margin - Math.log(values[i] / min) * per : NaN;
    } else {
      const per = height / (max - min);
      for (let i = 0; i < ys.length; i += 1) {
        const y = height + margin - (values[i] - min) * per;
        ys[i] = y - y === 0 ? y : NaN;
      }
    }
    return ys;
  }

  /**
   * A line of dashes: every other stretch of 6 pixels.
   * @param {Float64Array} ys
   * @param {number} dx
   */
  dashes(ys, dx) {
    const dash = 6 * this.ratio;
    // On a grid of single pixels a dash can begin and end anywhere.
    const fine = new Float64Array(Math.max(0, Math.floor((ys.length - 1) * dx)) + 1).fill(NaN);
    for (let x = 0; x < fine.length; x += 1) {
      if (Math.floor(x / dash) % 2 === 1) continue;
      const i = Math.min(ys.length - 2, Math.floor(x / dx));
      if (i >= 0) fine[x] = ys[i] + (ys[i + 1] - ys[i]) * (x / dx - i);
    }
    return { ys: fine, dx: 1 };
  }

  /**
   * Hatches times in which data was lost.
   * @param {Raster} raster
   * @param {number} from
   * @param {number} to
   * @param {number} margin
   * @param {import("./colours.js").Theme} colours
   */
  hatch(raster, from, to, margin, colours) {
    const px = (/** @type {number} */ time) => (this.x(time) - this.plot.left) * this.ratio + margin;
    const ink = mix(colours.card, colours.text, 50);
    for (
      let x = Math.max(margin, Math.floor(px(from)));
      x < Math.min(raster.width - margin, Math.max(px(to), px(from) + 2));
      x += 1
    ) {
      for (let y = margin - (x % 8); y < raster.height - margin; y += 8)
        if (y >= 0) raster.box(x, y, x + 1, y + 2, ink);
    }
  }
}

/**
 * Points that are dots, with how many times the pen's radius they have: those without neighbours, which have no line, and with
 * `all` the others too.
 * @param {Float64Array} ys
 * @param {boolean} all
 */
function dots(ys, all) {
  /** @type {Float64Array | null} */
  let alone = null;
  for (let i = 0; i < ys.length; i += 1) {
    const joined = (i > 0 && ys[i - 1] === ys[i - 1]) || (i + 1 < ys.length && ys[i + 1] === ys[i + 1]);
    if (joined || ys[i] !== ys[i]) continue;
    alone ??= new Float64Array(ys.length).fill(NaN);
    alone[i] = ys[i];
  }
  /** @type {[Float64Array, number][]} */
  const found = all ? [[ys, 2.4]] : [];
  if (alone) found.push([alone, 3]);
  return found;
}
