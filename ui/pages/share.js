// What a panel can be copied or saved as.

import { ask, ApiError } from "../core/api.js";
import { address } from "../core/base.js";
import { copyAndTell } from "../core/copy.js";
import { gridOf } from "../editor/price.js";
import { formatDuration } from "../core/time.js";
import { toast } from "../core/toast.js";
import { write } from "../core/address.js";
import { png, save } from "../chart/image.js";

/**
 * @typedef {object} Shared
 * @property {import("../core/address.js").Panel} panel
 * @property {import("../core/address.js").PageState} state
 * @property {import("../chart/chart.js").Chart | null} chart
 * @property {number} ran when it was run last, in ms
 */

/** @param {string} text */
const shell = (text) => `'${text.replaceAll("'", "'\\''")}'`;

/**
 * The parameters of the panel's request.
 * @param {import("../core/address.js").Panel} panel
 * @param {number} now
 * @returns {[string, Record<string, string | number>]}
 */
export function request(panel, now) {
  if (panel.tab === "table")
    return ["api/v1/query", { query: panel.expr, time: (panel.moment ?? panel.end ?? now) / 1000 }];
  const { start, end, step } = gridOf(panel, now);
  return ["api/v1/query_range", { query: panel.expr, start: start / 1000, end: end / 1000, step: step / 1000 }];
}

/**
 * The page's state with its times fixed.
 * @param {import("../core/address.js").PageState} state
 * @param {number} now
 * @returns {import("../core/address.js").PageState}
 */
export function frozen(state, now) {
  return {
    ...state,
    refresh: 0,
    panels: state.panels.map((panel) => {
      const { end } = gridOf(panel, now);
      return { ...panel, end, moment: panel.tab === "table" ? (panel.moment ?? panel.end ?? now) : panel.moment };
    }),
  };
}

/** @param {string} expr */
const indented = (expr) => expr.trim().split("\n").join("\n      ");

/**
 * @param {() => Shared} shared
 * @returns {import("../core/dialog.js").Item[]}
 */
export function shareItems(shared) {
  const { panel, state, chart, ran } = shared();
  const now = ran || Date.now();
  const [path, params] = request(panel, now);
  const copy = (/** @type {string} */ label, /** @type {() => string} */ text) => ({
    label,
    run: () => void copyAndTell(text(), `Copied: ${label}`),
  });
  return [
    copy("link", () => `${address}/graph${write(state)}`),
    copy("link, frozen in time", () => `${address}/graph${write(frozen(state, now))}`),
    copy(
      "curl",
      () =>
        `curl ${shell(`${address}/${path}`)} ${Object.entries(params)
          .map(([name, value]) => `--data-urlencode ${shell(`${name}=${value}`)}`)
          .join(" ")}`,
    ),
    copy("vctsdb query", () =>
      panel.tab === "table"
        ? `vctsdb query --server ${address} --time ${params.time} ${shell(panel.expr)}`
        : `vctsdb query --server ${address} --start ${params.start} --end ${params.end} --step ${formatDuration(gridOf(panel, now).step)} ${shell(panel.expr)}`,
    ),
    "line",
    { label: "save as CSV", run: () => void csv(path, params) },
    {
      label: "save as PNG",
      disabled: panel.tab !== "graph" || !chart,
      run: () => void (chart && png(chart).then((blob) => blob && save(blob, "vctsdb.png"))),
    },
    "line",
    copy(
      "recording rule",
      () =>
        `groups:\n  - name: example\n    rules:\n    - record: job:example\n      expr: |\n        ${indented(panel.expr)}\n`,
    ),
    copy(
      "alerting rule",
      () =>
        `groups:\n  - name: example\n    rules:\n    - alert: Example\n      expr: |\n        ${indented(panel.expr)}\n      for: 5m\n      labels:\n        severity: warning\n`,
    ),
    copy("Grafana panel", () =>
      JSON.stringify(
        {
          type: "timeseries",
          title: panel.expr.slice(0, 80),
          gridPos: { w: 12, h: 8, x: 0, y: 0 },
          datasource: { type: "prometheus" },
          targets: [{ refId: "A", expr: panel.expr }],
          fieldConfig: { defaults: { custom: { stacking: { mode: panel.mode === "stacked" ? "normal" : "none" } } } },
        },
        null,
        2,
      ),
    ),
  ];
}

/**
 * Saves the answer as the server writes it.
 * @param {string} path
 * @param {Record<string, string | number>} params
 */
async function csv(path, params) {
  try {
    const response = await ask(path, params, { method: "POST", accept: "text/csv" });
    save(await response.blob(), "vctsdb.csv");
  } catch (error) {
    if (!(error instanceof ApiError)) throw error;
    toast(error.message, "bad");
  }
}
