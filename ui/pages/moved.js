// What else moved: of the series of the same instance or job those that left their own past farthest, in the time that is shown.

import { ApiError, aborted, data } from "../core/api.js";
import { intervalOf, range as askRange } from "../core/ask.js";
import { trouble } from "../core/controls.js";
import { open } from "../core/dialog.js";
import { fill, h } from "../core/dom.js";
import { formatDuration } from "../core/time.js";
import { formatCount, shortCount } from "../core/units.js";
import { Chart } from "../chart/chart.js";
import { common, quote, selectorOf } from "../chart/data.js";
import { viewOf } from "../chart/lines.js";
import { selectors } from "../promql/edit.js";
import { matchersOf } from "../promql/matchers.js";
import { unitOfExpression } from "../promql/unit.js";
import { judged, strangeness } from "../promql/strange.js";
import { queryLink } from "./links.js";

/** Series that are drawn. */
const SHOWN = 10;
/** Below this a series did what it always does. */
const STRANGE = 5;
/** Points of each half: the part that is shown, and as long before. */
const POINTS = 30;
/** What would read more is only asked when somebody presses a button. */
const BY_ITSELF = 2_000_000;
/** Labels that say where something comes from, the closest first. */
const SCOPES = ["instance", "job"];

/**
 * Where the series of a chart come from: matchers that select all that comes from there, and the names of its own metrics.
 * @param {string} expr
 * @param {Record<string, string>[]} series label sets of the answer
 */
export function scopeOf(expr, series) {
  const own = selectors(expr).map(({ text }) => matchersOf(text));
  const names = own
    .flat()
    .filter(({ label, operator }) => label === "__name__" && operator === "=")
    .map(({ value }) => value);
  for (const label of SCOPES) {
    const asked = own.map((all) => all.find((one) => one.label === label && one.operator === "=")?.value);
    const told = series.map((labels) => labels[label]);
    for (const values of [told, asked]) {
      const [value] = values;
      if (value && values.every((one) => one === value)) return { matcher: `${label}=${quote(value)}`, names };
    }
  }
  return { matcher: "", names };
}

/**
 * Opens a dialog with what moved besides.
 * @param {{expr: string, series: Record<string, string>[], start: number, end: number}} shown
 */
export function whatElseMoved({ expr, series, start, end }) {
  const { matcher, names } = scopeOf(expr, series);
  const abort = new AbortController();
  const body = h("div", { class: "stack moved" });
  const dialog = open("What else moved", body);
  dialog.classList.add("is-wide");
  /** @type {Chart[]} */
  const charts = [];
  dialog.addEventListener("close", () => {
    abort.abort();
    for (const chart of charts) chart.remove();
  });
  const { signal } = abort;
  // Buckets say what their sums and counts say, many times over.
  const others = `__name__!~${quote([".+_bucket", ...names.map(literally)].join("|"))}`;
  const selector = `{${matcher || '__name__=~".+"'}, ${others}}`;
  const where = matcher ? [" with ", h("code", {}, matcher)] : "";

  /** @param {boolean} wanted */
  const look = async (wanted) => {
    fill(body, h("p", { class: "loading" }, "Looking …"));
    try {
      const length = end - start;
      const apart = await intervalOf(matcher ? `up{${matcher}}` : "up", { time: end, signal });
      // A step has several samples: else one that comes late would make a counter jump.
      const step = Math.max(1000, Math.ceil(length / POINTS / 1000) * 1000, 4 * apart);
      const grid = { start: start - length, end, step };
      const times = { start: grid.start / 1000, end: end / 1000, step: step / 1000 };
      const params = { query: selector, ...times, timeout: "2s", quiet: 1 };
      const { estimate } = await data("api/v1/explain", params, { method: "POST", signal });
      if (!wanted && estimate.samplesRead > BY_ITSELF) {
        fill(
          body,
          h(
            "div",
            { class: "row" },
            h("span", {}, "Comparing all series", where, ` reads about ${shortCount(estimate.samplesRead)} samples.`),
            h("button", { type: "button", onclick: () => void look(true) }, "Compare them"),
          ),
        );
        return;
      }
      const { frame } = await askRange(selector, { ...grid, timeout: "20s", signal, asked: true });
      const split = Math.ceil(length / step);
      const found = frame.series
        .map((one) => {
          const name = one.labels.__name__ ?? "";
          const { values, speed } = judged(name, one.values, split);
          return { ...one, name, values, speed, score: strangeness(values, split) };
        })
        .filter(({ score }) => score >= STRANGE)
        .sort((a, b) => b.score - a.score);
      const first = found.slice(0, SHOWN);
      const shared = common(first.map(({ labels }) => labels));
      fill(
        body,
        h(
          "p",
          {},
          `${formatCount(found.length)} of ${formatCount(frame.series.length)} series`,
          where,
          ` left in these ${formatDuration(length)} what they were in the ${formatDuration(length)} before.`,
          found.length > SHOWN && ` The ${SHOWN} that did most:`,
        ),
        h(
          "div",
          { class: "moved-list" },
          first.map((one) => {
            const place = h("div", {});
            const chart = new Chart(place, { height: 120, label: one.name });
            charts.push(chart);
            // What grows is drawn as its speed, a second.
            const values = one.speed ? one.values.map((value) => (value * 1000) / step) : one.values;
            const shown = selectorOf(one.labels);
            const rate = `rate(${shown}[${formatDuration(step)}])`;
            const view = { ...frame, series: [{ ...one, values, histograms: null }] };
            // It has a size only once it is in the document.
            queueMicrotask(() => chart.show(viewOf(view, unitOfExpression(one.speed ? rate : shown))));
            return h(
              "section",
              { class: "moved-one" },
              h(
                "a",
                {
                  class: "mono small",
                  href: queryLink(one.speed && /_(total|count|sum)$/.test(one.name) ? rate : shown, {
                    "g0.range_input": formatDuration(Math.round((2 * length) / 1000) * 1000),
                    "g0.end_input": String(end / 1000),
                  }),
                  onclick: () => dialog.close(),
                },
                selectorOf(one.labels, shared),
              ),
              one.speed && h("span", { class: "soft small" }, " a second"),
              place,
            );
          }),
        ),
      );
    } catch (error) {
      if (aborted(error)) return;
      if (!(error instanceof ApiError)) throw error;
      fill(
        body,
        trouble(error, () => void look(wanted)),
      );
    }
  };
  void look(false);
}

/** A text as a regular expression that finds it alone. @param {string} text */
const literally = (text) => text.replace(/[.*+?^${}()|[\]\\]/g, "\\$&");
