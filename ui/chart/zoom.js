// Choosing a range on a chart: by drag, wheel, fingers or keys of the page.

import { h } from "../core/dom.js";

/** A shorter drag is a click. */
const LEAST_PX = 6;
/** What a notch of the wheel does to the range. */
const NOTCH = 0.8;

/** @param {import("./chart.js").Chart} chart */
export function listenZoom(chart) {
  const { element } = chart;
  const mark = h("div", { class: "zoom-mark", hidden: true });
  element.appendChild(mark);
  /** @type {Map<number, number>} */
  const fingers = new Map();
  /** @type {{x: number, pan: boolean, range: {start: number, end: number}} | null} */
  let drag = null;
  /** @type {{apart: number, middle: number, range: {start: number, end: number}} | null} */
  let pinch = null;
  let wheel = 0;
  const place = (/** @type {PointerEvent | WheelEvent} */ event) =>
    event.clientX - element.getBoundingClientRect().left;
  const within = (/** @type {number} */ x) =>
    Math.min(Math.max(x, chart.plot.left), chart.plot.left + chart.plot.width);
  const zoom = (/** @type {number} */ start, /** @type {number} */ end) => {
    if (end - start >= 10) chart.on.zoom?.(Math.round(start), Math.round(end));
  };

  element.addEventListener("pointerdown", (event) => {
    if (!chart.on.zoom || !chart.view) return;
    if (event.pointerType === "touch") {
      fingers.set(event.pointerId, place(event));
      if (fingers.size === 2) {
        const [a, b] = [...fingers.values()];
        pinch = { apart: Math.max(20, Math.abs(a - b)), middle: (a + b) / 2, range: chart.range };
        element.setPointerCapture(event.pointerId);
      }
      return;
    }
    if (event.button !== 0) return;
    drag = { x: place(event), pan: event.shiftKey, range: chart.range };
    element.setPointerCapture(event.pointerId);
  });

  element.addEventListener("pointermove", (event) => {
    if (fingers.has(event.pointerId)) fingers.set(event.pointerId, place(event));
    if (!drag) return;
    const x = place(event);
    const [from, to] = drag.pan
      ? [chart.plot.left, chart.plot.left + chart.plot.width]
      : [within(Math.min(drag.x, x)), within(Math.max(drag.x, x))];
    mark.hidden = Math.abs(x - drag.x) < LEAST_PX;
    mark.classList.toggle("is-pan", drag.pan);
    mark.style.setProperty("left", `${from + (drag.pan ? x - drag.x : 0)}px`);
    mark.style.setProperty("width", `${to - from}px`);
    mark.style.setProperty("top", `${chart.plot.top}px`);
    mark.style.setProperty("height", `${chart.plot.height}px`);
  });

  const end = (/** @type {PointerEvent} */ event) => {
    if (pinch && fingers.size === 2 && event.type === "pointerup") {
      const [a, b] = [...fingers.values()];
      const factor = pinch.apart / Math.max(20, Math.abs(a - b));
      const { start, end } = pinch.range;
      const middle = start + ((pinch.middle - chart.plot.left) / chart.plot.width) * (end - start);
      const moved = (((a + b) / 2 - pinch.middle) / chart.plot.width) * (end - start) * factor;
      if (Math.abs(factor - 1) > 0.05 || Math.abs(moved) > (end - start) / 50) {
        zoom(middle - (middle - start) * factor - moved, middle + (end - middle) * factor - moved);
      }
      pinch = null;
    }
    fingers.delete(event.pointerId);
    if (fingers.size < 2) pinch = null;
    if (!drag) return;
    const done = drag;
    drag = null;
    mark.hidden = true;
    const x = place(event);
    if (event.type !== "pointerup" || Math.abs(x - done.x) < LEAST_PX) return;
    if (done.pan) {
      const by = ((done.x - x) / chart.plot.width) * (done.range.end - done.range.start);
      zoom(done.range.start + by, done.range.end + by);
    } else zoom(chart.time(within(Math.min(done.x, x))), chart.time(within(Math.max(done.x, x))));
  };
  element.addEventListener("pointerup", end);
  element.addEventListener("pointercancel", end);
  element.addEventListener("dblclick", () => chart.on.back?.());
  element.addEventListener("keydown", (event) => {
    if (event.key === "Escape" && drag) {
      drag = null;
      mark.hidden = true;
      event.stopPropagation();
    }
  });
  element.addEventListener(
    "wheel",
    (event) => {
      if (!event.ctrlKey || !chart.on.zoom) return;
      event.preventDefault();
      // A fast wheel gives many notches: they are one zoom.
      if (wheel) return;
      wheel = window.setTimeout(() => (wheel = 0), 120);
      const factor = event.deltaY < 0 ? NOTCH : 1 / NOTCH;
      const at = chart.time(within(place(event)));
      const { start, end } = chart.range;
      zoom(at - (at - start) * factor, at + (end - at) * factor);
    },
    { passive: false },
  );
}
