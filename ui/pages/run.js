// What the tabs of a panel ask for, and how it is shown. What only one of them needs is loaded when it is opened.

import { aborted, ApiError, data, instant } from "../core/api.js";
import { intervalOf, range as askRange } from "../core/ask.js";
import { fill, h } from "../core/dom.js";
import { formatCount } from "../core/units.js";
import { source } from "../editor/editor.js";
import { gridOf, rangeOf } from "../editor/price.js";
import { heaviest } from "../promql/advice.js";
import { groupedBy, withMatcher } from "../promql/edit.js";

/** @typedef {import("./panel.js").Panel} Panel */
/** @typedef {import("../core/address.js").Panel} PanelState */

/** @param {Panel} host @param {PanelState} panel @param {AbortSignal} signal @param {string} [timeout] */
export async function runGraph(host, panel, signal, timeout) {
  const grid = gridOf(panel, host.ran);
  const { vs } = panel;
  // Names alone tell most units: the chart doesn't wait for the metadata.
  void source.help(signal);
  const [answer, ghost, marks, { GraphView }] = await Promise.all([
    askRange(panel.expr, { ...grid, timeout: timeout ?? "2m", signal, asked: true }),
    vs
      ? askRange(panel.expr, {
          ...grid,
          start: grid.start - vs,
          end: grid.end - vs,
          timeout: timeout ?? "2m",
          signal,
          asked: true,
        })
      : null,
    panel.exemplars ? import("./exemplars.js").then(({ exemplars }) => exemplars(panel.expr, grid, signal)) : [],
    import("./graphview.js"),
  ]);
  if (signal.aborted) return;
  const { frame } = answer;
  if (!host.graph) {
    fill(host.body);
    fill(host.controls);
    host.graph = new GraphView(host.body, host.controls, {
      change: (change, run) => {
        if (run) host.asked = "";
        host.set(change, true);
      },
      zoom: host.page.zoom,
      back: host.page.back,
      use: (expr) => host.use(expr),
      table: () => host.set({ tab: "table" }, true),
      mark: (mark) => void import("./exemplars.js").then(({ showTrace }) => showTrace(mark)),
    });
  }
  host.graph.show(panel, frame, host.unit(panel.expr), {
    ghost: ghost?.frame ?? null,
    marks,
    holes: holesOf(frame.warnings),
  });
  const points = frame.series.reduce((sum, { values, histograms }) => {
    let count = 0;
    for (let i = 0; i < values.length; i += 1) if (values[i] === values[i] || histograms?.[i]) count += 1;
    return sum + count;
  }, 0);
  host.tellFoot(
    `${formatCount(frame.series.length)} series · ${formatCount(points)} points`,
    answer.took,
    answer.requestId,
  );
  host.tellNotes(frame.warnings, frame.infos);
  host.graph.chart.element.hidden = frame.series.length === 0;
  host.graph.legend.table.element.parentElement?.classList.toggle("is-empty", frame.series.length === 0);
  if (frame.series.length === 0) await explainEmpty(host, grid.start, grid.end, signal);
  else fill(host.message);
}

/** @param {Panel} host @param {PanelState} panel @param {AbortSignal} signal @param {string} [timeout] */
export async function runTable(host, panel, signal, timeout) {
  const begun = performance.now();
  const time = panel.moment ?? panel.end ?? host.ran;
  const [{ data: answer, warnings, infos, requestId }, { Results }] = await Promise.all([
    instant(panel.expr, { time, timeout, signal }),
    import("../table/results.js"),
  ]);
  if (signal.aborted) return;
  if (!host.results) {
    fill(host.body);
    fill(host.controls);
    host.results = new Results(host.body, {
      filter: (label, value, operator) => host.use(withMatcher(host.state.expr, label, operator, value)),
      group: (label) => host.use(groupedBy(host.state.expr, label)),
      columns: (cols) => host.page.change({ cols }, false),
    });
  }
  host.results.show(answer, host.unit(panel.expr), panel.cols);
  const rows = host.results.rows.length;
  host.body.classList.toggle("is-empty", rows === 0);
  host.tellFoot(`${formatCount(rows)} ${rows === 1 ? "row" : "rows"}`, performance.now() - begun, requestId);
  host.tellNotes(warnings, infos);
  if (rows === 0) await explainEmpty(host, time - 300_000, time, signal);
  else fill(host.message);
}

/** @param {Panel} host @param {PanelState} panel @param {AbortSignal} signal @param {boolean} analyze */
export async function runPlan(host, panel, signal, analyze) {
  const grid = gridOf(panel, host.ran);
  const params = { query: panel.expr, start: grid.start / 1000, end: grid.end / 1000, step: grid.step / 1000 };
  const plan = await data(
    "api/v1/explain",
    analyze ? { ...params, analyze: "true", positions: 1 } : { ...params, quiet: 1, positions: 1 },
    {
      method: "POST",
      signal,
    },
  );
  if (signal.aborted) return;
  const [{ showPlan }, most] = [await import("./plan.js"), heaviest(plan.plan)?.selector];
  const selector = most && `{${most.index.map(({ matcher }) => matcher).join(", ")}}`;
  const interval = selector && most.series > 0 ? await intervalOf(selector, { time: most.end * 1000, signal }) : 0;
  if (signal.aborted) return;
  const place = h("div", { class: "plan-place" });
  showPlan(place, plan, {
    step: grid.step,
    interval,
    analyze: () => {
      host.ran = Date.now();
      host.element.classList.add("is-running");
      runPlan(host, panel, signal, true)
        .catch((error) => {
          if (error instanceof ApiError) host.failed(error);
          else if (!aborted(error)) throw error;
        })
        .finally(() => host.element.classList.remove("is-running"));
    },
    point: (step) => host.point(step),
  });
  fill(host.controls);
  fill(host.body, place);
  fill(host.foot);
  if (analyze) {
    const { leftover } = await import("./joins.js");
    const lost = await leftover(plan, grid.end, signal).catch((error) => {
      if (error instanceof ApiError || aborted(error)) return null;
      throw error;
    });
    if (lost) place.querySelector(".plan-bar")?.after(lost);
  }
}

/** @param {Panel} host @param {number} start @param {number} end @param {AbortSignal} signal */
async function explainEmpty(host, start, end, signal) {
  const plan = await data("api/v1/explain", { ...rangeOf(host.state, host.ran), quiet: 1 }, { method: "POST", signal });
  const { whyEmpty } = await import("./empty.js");
  const why = await whyEmpty(plan, {
    expr: host.state.expr,
    start,
    end,
    signal,
    use: (expr) => host.use(expr),
    go: (to) => host.set({ end: to, moment: host.state.tab === "table" ? to : host.state.moment }, true),
  });
  if (!signal.aborted) fill(host.message, why);
}

/**
 * Times in which samples were lost to damage, as the warnings of an answer name them.
 * @param {string[]} warnings
 * @returns {[number, number][]}
 */
export function holesOf(warnings) {
  return warnings.flatMap((text) => {
    const found = /^samples are missing: .* from (\S+) to (\S+)$/.exec(text);
    const times = found ? [Date.parse(found[1]), Date.parse(found[2])] : [];
    return times.length === 2 && times.every(Number.isFinite) ? [/** @type {[number, number]} */ (times)] : [];
  });
}
