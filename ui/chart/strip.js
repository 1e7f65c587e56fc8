// The strip of time: all that the store has, by how dense it is, with the window that is shown. The window is moved by drag and
// by keys.

import { aborted, ApiError, data } from "../core/api.js";
import { h } from "../core/dom.js";
import { distance, formatMoment, lasting } from "../core/time.js";
import { watch } from "../core/settings.js";
import { zone } from "../core/zone.js";
import { channels, theme } from "./colours.js";

const TALL = 20;

export class Strip {
  /**
   * @param {HTMLElement} host
   * @param {{change: (range: number, end: number | null, done: boolean) => void, signal: AbortSignal}} on
   */
  constructor(host, on) {
    this.on = on;
    this.range = 0;
    /** @type {number | null} */
    this.end = null;
    /** @type {{start: number, end: number, samples: number}[]} */
    this.parts = [];
    this.canvas = h("canvas", { class: "strip-canvas", "aria-hidden": "true" });
    this.window = h("div", { class: "strip-window" });
    this.words = h("span", { class: "soft small strip-words" });
    this.element = h(
      "div",
      { class: "strip", tabindex: 0, role: "slider", "aria-label": "Time that is shown" },
      this.canvas,
      this.window,
    );
    host.append(this.element, this.words);
    host.hidden = true;
    this.host = host;
    this.element.addEventListener("pointerdown", (event) => this.drag(event));
    this.element.addEventListener("keydown", (event) => this.key(event));
    this.observer = new ResizeObserver(() => this.draw());
    this.observer.observe(this.element);
    this.unwatch = watch(() => requestAnimationFrame(() => this.draw()));
    void this.load();
  }

  remove() {
    this.observer.disconnect();
    this.unwatch();
  }

  async load() {
    try {
      const { tables, memtables } = await data("api/v1/status/storage", {}, { signal: this.on.signal });
      this.parts = [...tables, ...memtables]
        .filter((part) => part.minTime !== null && part.samples > 0)
        .map((part) => ({ start: part.minTime, end: part.maxTime, samples: part.samples }));
      this.draw();
    } catch (error) {
      if (!aborted(error) && !(error instanceof ApiError)) throw error;
    }
  }

  /** What the strip shows: from the first sample to now. */
  get whole() {
    const now = Date.now();
    return { start: Math.min(...this.parts.map((part) => part.start), now - 60_000), end: now };
  }

  /** @param {number} range @param {number | null} end */
  show(range, end) {
    this.range = range;
    this.end = end;
    this.draw();
  }

  draw() {
    const { start, end } = this.whole;
    // A store of a few minutes has nothing to move through.
    this.host.hidden = this.parts.length === 0 || end - start < 600_000;
    const width = this.element.clientWidth;
    if (this.host.hidden || width === 0) return;
    const ratio = window.devicePixelRatio || 1;
    this.canvas.width = Math.round(width * ratio);
    this.canvas.height = Math.round(TALL * ratio);
    const context = this.canvas.getContext("2d");
    if (!context) return;
    const columns = this.canvas.width;
    const density = new Float64Array(columns);
    for (const part of this.parts) {
      const from = Math.floor(((part.start - start) / (end - start)) * columns);
      const to = Math.max(from + 1, Math.ceil(((part.end - start) / (end - start)) * columns));
      for (let x = Math.max(0, from); x < Math.min(columns, to); x += 1) density[x] += part.samples / (to - from);
    }
    const most = Math.max(...density, 1);
    const [red, green, blue] = channels(theme().accentName);
    for (let x = 0; x < columns; x += 1) {
      if (density[x] === 0) continue;
      context.fillStyle = `rgb(${red} ${green} ${blue} / ${0.15 + 0.35 * Math.sqrt(density[x] / most)})`;
      context.fillRect(x, 0, 1, this.canvas.height);
    }
    const last = this.end ?? Date.now();
    const left = ((last - this.range - start) / (end - start)) * width;
    const right = ((last - start) / (end - start)) * width;
    const shownLeft = Math.max(0, Math.min(width - 6, left));
    this.window.style.setProperty("left", `${shownLeft}px`);
    this.window.style.setProperty("width", `${Math.max(6, Math.min(width, right) - shownLeft)}px`);
    this.words.textContent = `${lasting(end - start)} stored`;
    this.element.setAttribute("aria-valuemin", String(Math.round(start / 1000)));
    this.element.setAttribute("aria-valuemax", String(Math.round(end / 1000)));
    this.element.setAttribute("aria-valuenow", String(Math.round(last / 1000)));
    this.element.setAttribute(
      "aria-valuetext",
      `until ${this.end === null ? "now" : `${formatMoment(last, zone(), "minute")}, ${distance(last, Date.now())}`}`,
    );
  }

  /** @param {PointerEvent} event */
  drag(event) {
    if (event.button !== 0) return;
    const box = this.element.getBoundingClientRect();
    const { start, end } = this.whole;
    const at = (/** @type {PointerEvent} */ move) => start + ((move.clientX - box.left) / box.width) * (end - start);
    const last = this.end ?? Date.now();
    const inside = at(event) >= last - this.range && at(event) <= last;
    // A press beside the window brings its middle there.
    const hold = inside ? at(event) - last : -this.range / 2;
    const to = (/** @type {PointerEvent} */ move) =>
      Math.min(Date.now(), Math.max(start + this.range / 2, at(move) - hold));
    this.element.setPointerCapture(event.pointerId);
    const move = (/** @type {PointerEvent} */ moved) => {
      this.end = to(moved);
      this.draw();
    };
    const up = (/** @type {PointerEvent} */ moved) => {
      this.element.removeEventListener("pointermove", move);
      this.element.removeEventListener("pointerup", up);
      this.finish(to(moved));
    };
    move(event);
    this.element.addEventListener("pointermove", move);
    this.element.addEventListener("pointerup", up);
  }

  /** @param {number} end */
  finish(end) {
    this.end = end >= Date.now() - Math.min(5000, this.range / 100) ? null : Math.round(end / 1000) * 1000;
    this.on.change(this.range, this.end, true);
  }

  /** @param {KeyboardEvent} event */
  key(event) {
    const { start } = this.whole;
    const last = this.end ?? Date.now();
    const by = { ArrowLeft: -0.5, ArrowRight: 0.5, PageDown: -4, PageUp: 4 }[event.key];
    if (by !== undefined) this.finish(Math.max(start + this.range / 2, last + by * this.range));
    else if (event.key === "Home") this.finish(start + this.range);
    else if (event.key === "End") this.finish(Date.now());
    else return;
    event.preventDefault();
    event.stopPropagation();
  }
}
