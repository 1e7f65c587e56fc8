// The catalogue of metrics: search over names and help, types, and how many series each has.

import { ApiError, aborted, data, envelope } from "../core/api.js";
import { segments, trouble } from "../core/controls.js";
import { fill, h, href } from "../core/dom.js";
import { formatCount } from "../core/units.js";
import { quote } from "../chart/data.js";
import { VirtualTable } from "../table/virtual.js";
import { typeOf } from "./metrictype.js";
import { changed } from "./timechoice.js";

export const title = "Explore";

/** Names in the page at most. */
const MOST = 20_000;

/** @typedef {{name: string, type: string, help: string, unit: string, series: number}} Metric */

/**
 * @param {HTMLElement} element
 * @param {import("../core/app.js").Context} page
 */
export async function mount(element, page) {
  const name = () => new URLSearchParams(location.search).get("metric") ?? "";
  const place = h("div", { class: "stack explore" });
  element.append(place);
  let shown = name();
  let inner = await open(shown);

  /** @param {string} metric */
  async function open(metric) {
    fill(place);
    if (!metric) return catalogue(place, page);
    const { mountMetric } = await import("./metric.js");
    return mountMetric(place, metric, page);
  }
  return {
    update() {
      const next = name();
      if (next === shown) return inner.update?.();
      inner.unmount();
      shown = next;
      void open(next).then((made) => (inner = made));
    },
    unmount: () => inner.unmount(),
  };
}

/**
 * @param {HTMLElement} element
 * @param {import("../core/app.js").Context} page
 * @returns {import("../core/app.js").Mounted}
 */
function catalogue(element, { go, signal }) {
  const params = () => new URLSearchParams(location.search);
  const job = params().get("job") ?? "";
  let type = params().get("type") ?? "all";
  const search = h("input", {
    type: "search",
    class: "explore-search",
    placeholder: "search names and help",
    "aria-label": "Search metrics",
    value: params().get("q") ?? "",
    oninput: () => {
      narrow();
      go(changed({ q: search.value }), true);
    },
  });
  const count = h("span", { class: "soft" });
  const types = segments(
    "Type",
    ["all", "counter", "gauge", "histogram", "summary", "info", "unknown"].map((value) => ({ value, label: value })),
    type,
    (value) => {
      type = value;
      narrow();
      go(changed({ type: value === "all" ? "" : value }), true);
    },
    "small",
  );
  const body = h("section", { class: "card" });
  element.append(
    h("h1", {}, job ? `Metrics of ${job}` : "Metrics"),
    h(
      "div",
      { class: "row explore-bar" },
      search,
      h("div", { class: "wide" }, types),
      job && h("a", { class: "button small", href: "explore" }, "of all jobs"),
      h("span", { class: "grow" }),
      count,
    ),
    body,
  );
  /** @type {VirtualTable<Metric>} */
  const table = new VirtualTable(
    body,
    [
      {
        name: "metric",
        width: 50,
        value: (one) => one.name,
        show: (one) =>
          h("a", { class: "mono", href: href("explore", { metric: one.name, ...(job ? { job } : {}) }) }, one.name),
      },
      {
        name: "series",
        number: true,
        width: 9,
        value: (one) => one.series,
        show: (one) => (Number.isNaN(one.series) ? "" : formatCount(one.series)),
      },
      { name: "type", width: 10, value: (one) => one.type, show: (one) => h("span", { class: "soft" }, one.type) },
      {
        name: "help",
        grow: true,
        value: (one) => one.help,
        show: (one) => h("span", { class: "soft", title: one.help }, one.help),
      },
    ],
    { label: "Metrics", rows: 24, pick: (one) => go(href("explore", { metric: one.name, ...(job ? { job } : {}) })) },
  );

  function narrow() {
    const words = search.value.toLowerCase().split(/\s+/).filter(Boolean);
    table.filter(
      (one) =>
        (type === "all" || one.type === type) &&
        words.every((word) => one.name.toLowerCase().includes(word) || one.help.toLowerCase().includes(word)),
    );
    count.textContent = `${formatCount(table.seen.length)}${table.seen.length < table.all.length ? ` of ${formatCount(table.all.length)}` : ""} metrics`;
  }

  const load = async () => {
    try {
      const match = job ? { "match[]": `{job=${quote(job)}}` } : {};
      const [names, families, counts] = await Promise.all([
        envelope("api/v1/label/__name__/values", { ...match, limit: MOST }, { signal }),
        data("api/v1/metadata", { limit_per_metric: 1, limit: MOST }, { signal }),
        job
          ? perJob(job, signal)
          : data("api/v1/status/tsdb", { limit: 10_000 }, { signal }).then(
              (status) =>
                new Map(status.seriesCountByMetricName.map((/** @type {any} */ one) => [one.name, one.value])),
            ),
      ]);
      table.show(
        names.data.map((/** @type {string} */ name) => {
          const { type, help, unit } = typeOf(name, families);
          return { name, type, help, unit, series: counts.get(name) ?? NaN };
        }),
      );
      narrow();
      if (names.warnings.length > 0)
        body.prepend(
          h(
            "div",
            { class: "note mind" },
            `There are more names than the ${formatCount(MOST)} that are listed: search on the query page, which asks the server.`,
          ),
        );
      if (names.data.length === 0)
        fill(body, h("p", { class: "empty" }, "No metrics yet. ", h("a", { href: "./" }, "How to send data")));
    } catch (error) {
      if (aborted(error)) return;
      if (!(error instanceof ApiError)) throw error;
      body.prepend(trouble(error, () => void load()));
    }
  };
  void load();
  search.focus({ preventScroll: true });
  return { unmount: () => table.remove() };
}

/** @param {string} job @param {AbortSignal} signal @returns {Promise<Map<string, number>>} */
async function perJob(job, signal) {
  const { vector } = await import("../core/ask.js");
  const found = await vector(`count by (__name__) ({job=${quote(job)}})`, { signal }).catch((error) => {
    // The counts are a courtesy: where they cost too much there are none.
    if (error instanceof ApiError) return [];
    throw error;
  });
  return new Map(found.map((one) => [one.labels.__name__ ?? "", one.value]));
}
