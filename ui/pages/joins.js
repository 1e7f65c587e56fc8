// What a join leaves over: label sets of both sides that have no partner, as examples.

import { vector } from "../core/ask.js";
import { h } from "../core/dom.js";
import { formatCount } from "../core/units.js";
import { keyOf } from "../chart/decode.js";
import { selectorOf } from "../chart/data.js";
import { flat } from "../promql/advice.js";

/** More series than these aren't compared by the page. */
const MOST = 20_000;
/** Examples of each side. */
const SHOWN = 3;

/**
 * Joins of a plan that may lose series: those of two sides of vectors.
 * @param {import("../promql/advice.js").Plan} plan
 */
function joins(plan) {
  return flat(plan.plan)
    .map(({ step }) => step)
    .filter(
      (step) =>
        /^(\+|-|\*|\/|%|\^|==|!=|<=?|>=?|and|unless|atan2)( |$)/.test(step.operator) &&
        step.inputs?.length === 2 &&
        step.operator !== "unless" &&
        step.inputs.every((input) => (input.actual?.series ?? input.estimate.series) <= MOST),
    );
}

/**
 * @param {import("../promql/advice.js").Plan} plan
 * @param {number} time
 * @param {AbortSignal} signal
 * @returns {Promise<HTMLElement | null>}
 */
export async function leftover(plan, time, signal) {
  const notes = [];
  for (const step of joins(plan).slice(0, 3)) {
    const [left, right] = /** @type {import("../promql/advice.js").Step[]} */ (step.inputs);
    if ([left, right].some((side) => /^[\d.]+$/.test(side.expr))) continue;
    const sides = await Promise.all([left, right].map((side) => vector(side.expr, { time, signal })));
    const on = /\b(on|ignoring) \(([^)]*)\)/.exec(step.operator) ?? /\b(on|ignoring)\s*\(([^)]*)\)/.exec(step.expr);
    const labels = on
      ? on[2]
          .split(",")
          .map((name) => name.trim())
          .filter(Boolean)
      : [];
    const key = (/** @type {Record<string, string>} */ set) =>
      keyOf(
        Object.fromEntries(
          Object.entries(set).filter(
            ([name]) => name !== "__name__" && (on?.[1] === "on" ? labels.includes(name) : !labels.includes(name)),
          ),
        ),
      );
    const keys = sides.map((side) => new Set(side.map((one) => key(one.labels))));
    const lost = sides.map((side, i) => side.filter((one) => !keys[1 - i].has(key(one.labels))));
    if (lost.every((side) => side.length === 0)) continue;
    notes.push(
      h(
        "div",
        { class: "note mind" },
        h("strong", {}, `${step.operator}: some series have no partner`),
        lost.map(
          (side, i) =>
            side.length > 0 &&
            h(
              "div",
              {},
              `${formatCount(side.length)} of ${formatCount(sides[i].length)} at the ${i === 0 ? "left" : "right"}, such as `,
              side
                .slice(0, SHOWN)
                .map((one, n) => [n > 0 && ", ", h("code", {}, selectorOf(one.labels))])
                .flat(),
            ),
        ),
      ),
    );
  }
  return notes.length > 0 ? h("div", { class: "stack", style: { "align-items": "stretch" } }, notes) : null;
}
