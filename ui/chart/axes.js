// What of a chart is text or a sign: ticks, and exemplars as diamonds.

import { formatValue } from "../core/units.js";

/**
 * Labels beside the rows of a heatmap: as many bounds as have room.
 * @param {import("./heat.js").Heat} heat
 * @param {number} height
 * @param {import("../core/units.js").Unit} unit
 * @returns {import("./scale.js").Tick[]}
 */
export function heatLabels({ bounds }, height, unit) {
  const every = Math.max(1, Math.ceil((bounds.length * 22) / Math.max(height, 22)));
  return bounds.map((bound, i) => ({ value: i, label: formatValue(bound, unit) })).filter((_, i) => i % every === 0);
}

/**
 * @param {CanvasRenderingContext2D} context
 * @param {import("./chart.js").Chart} chart
 * @param {import("./scale.js").Tick[]} times
 * @param {import("./colours.js").Theme} colours
 */
export function paintAxes(context, chart, times, colours) {
  const { plot, scale, size } = chart;
  context.fillStyle = colours.soft;
  context.textBaseline = "middle";
  context.textAlign = "right";
  for (const { value, label } of scale.ticks) context.fillText(label, plot.left - 8, Math.round(chart.y(value)) + 0.5);
  context.textBaseline = "alphabetic";
  context.textAlign = "center";
  let edge = -Infinity;
  for (const { value, label } of times) {
    const wide = context.measureText(label).width / 2;
    // A label at the edge moves in rather than being cut.
    const x = Math.min(Math.max(chart.x(value), wide), size.width - wide - 1);
    if (x - wide < edge + 8) continue;
    context.fillText(label, x, size.height - 5);
    edge = x + wide;
  }
}

/** Half a diamond's width in CSS pixels. */
export const DIAMOND = 5;

/**
 * @param {CanvasRenderingContext2D} context
 * @param {import("./chart.js").Chart} chart
 * @param {import("./colours.js").Theme} colours
 */
export function paintMarks(context, chart, colours) {
  for (const mark of chart.view?.marks ?? []) {
    const [x, y] = [chart.x(mark.time), chart.y(mark.value)];
    if (!Number.isFinite(y) || x < chart.plot.left || x > chart.plot.left + chart.plot.width) continue;
    context.beginPath();
    context.moveTo(x, y - DIAMOND);
    context.lineTo(x + DIAMOND, y);
    context.lineTo(x, y + DIAMOND);
    context.lineTo(x - DIAMOND, y);
    context.closePath();
    context.fillStyle = colours.cardName;
    context.fill();
    context.strokeStyle = colours.ink;
    context.lineWidth = 1.5;
    context.stroke();
  }
}
