// The plan of an expression: its operators as an indented list with what they should cost, and once analyzed what they did.

import { fill, h } from "../core/dom.js";
import { formatCount, shortCount } from "../core/units.js";
import { emptiness, flat } from "../promql/advice.js";
import { slowness } from "../promql/slow.js";

/**
 * @param {HTMLElement} host
 * @param {import("../promql/advice.js").Plan} plan
 * @param {{step: number, interval: number, analyze: () => void, point: (step: import("../promql/advice.js").Step | null) => void}} on
 */
export function showPlan(host, plan, { step, interval, analyze, point }) {
  const steps = flat(plan.plan);
  const analyzed = plan.actual !== undefined;
  const longest = Math.max(...steps.map(({ step: one }) => one.actual?.seconds ?? 0), 1e-9);
  const rows = steps.map(({ step: one, depth }) => {
    const { actual, estimate, selector } = one;
    return h(
      "tr",
      { onmouseenter: () => point(one), onmouseleave: () => point(null) },
      analyzed &&
        h(
          "td",
          { class: "plan-time" },
          actual?.seconds !== undefined && [
            h("span", { class: "meter" }, h("span", { style: { width: `${(actual.seconds / longest) * 100}%` } })),
            h("span", { class: "num" }, seconds(actual.seconds)),
          ],
        ),
      h(
        "td",
        { class: "plan-operator", style: { "padding-left": `${depth * 20}px` } },
        h(
          "div",
          {},
          depth > 0 && h("span", { class: "soft", "aria-hidden": "true" }, "└ "),
          h("span", { class: "plan-name" }, one.operator),
        ),
        h("code", { class: "soft plan-expr" }, one.expr),
        selector &&
          h(
            "div",
            { class: "small soft plan-index" },
            selector.index.map(({ matcher, path, series }) =>
              h(
                "div",
                {},
                h("code", { class: series === 0 ? "bad" : "" }, matcher),
                ` ${path}, ${series === 0 ? "matches nothing" : `${formatCount(series)} of ${formatCount(selector.ofSeries)} series`}`,
              ),
            ),
          ),
      ),
      h("td", { class: "is-number" }, formatCount(estimate.series)),
      analyzed &&
        h(
          "td",
          { class: `is-number${off(estimate.series, actual?.series) ? " mind" : ""}` },
          actual?.series === undefined ? "" : formatCount(actual.series),
        ),
      h("td", { class: "is-number" }, shortCount(estimate.samplesRead)),
      analyzed &&
        h("td", { class: "is-number" }, actual?.samplesRead === undefined ? "" : shortCount(actual.samplesRead)),
    );
  });
  const head = h(
    "tr",
    {},
    analyzed && h("th", {}, "time, what is below included"),
    h("th", {}, "operator"),
    h("th", { class: "is-number" }, analyzed ? "series, about" : "series"),
    analyzed && h("th", { class: "is-number" }, "really"),
    h("th", { class: "is-number" }, analyzed ? "reads, about" : "samples read"),
    analyzed && h("th", { class: "is-number" }, "really"),
  );
  fill(
    host,
    h(
      "div",
      { class: "row plan-bar" },
      h(
        "span",
        { class: "soft" },
        analyzed && plan.actual
          ? `took ${seconds(plan.actual.seconds)}, read ${formatCount(plan.actual.samplesRead)} samples, held ${formatCount(plan.actual.peakSamples)} at most`
          : "What it should cost; nothing has been read for this.",
      ),
      h("span", { class: "grow" }),
      h(
        "button",
        { type: "button", class: analyzed ? "small" : "small primary", onclick: analyze },
        analyzed ? "Analyze again" : "Analyze: run it and measure",
      ),
    ),
    advice(plan, step, interval),
    h(
      "div",
      { class: "wide", tabindex: 0, role: "region", "aria-label": "Plan" },
      h("table", { class: "plain plan" }, h("thead", {}, head), h("tbody", {}, rows)),
    ),
  );
}

/** @param {import("../promql/advice.js").Plan} plan @param {number} step @param {number} interval */
function advice(plan, step, interval) {
  const slow = slowness(plan, step, interval);
  const empty = emptiness(plan.plan);
  return [
    empty?.why === "matcher" &&
      h("div", { class: "note mind" }, h("span", {}, h("code", {}, empty.matcher), " matches no series")),
    slow.length > 0 &&
      h(
        "div",
        { class: "note plan-advice" },
        // Every other part stands between back quotes: it is PromQL.
        slow.map(({ text }) =>
          h(
            "div",
            {},
            text.split("`").map((part, i) => (i % 2 ? h("code", {}, part) : part)),
          ),
        ),
      ),
  ];
}

/**
 * Whether an estimate was far off.
 * @param {number} estimate
 * @param {number | undefined} actual
 */
function off(estimate, actual) {
  return actual !== undefined && Math.max(estimate, actual) > 10 && (estimate > actual * 3 || actual > estimate * 3);
}

/** @param {number} time */
function seconds(time) {
  if (time < 1e-3) return `${(time * 1e6).toFixed(0)} µs`;
  return time < 1 ? `${(time * 1000).toFixed(time < 0.01 ? 2 : 0)} ms` : `${time.toFixed(2)} s`;
}
