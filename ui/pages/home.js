// Home: how the server is doing, what arrives, its first charts, and how to send it data.

import { data, ApiError, aborted, connection } from "../core/api.js";
import { address } from "../core/base.js";
import { fill, h, href } from "../core/dom.js";
import { poll } from "../core/poll.js";
import { range, vector } from "../core/ask.js";
import { formatBytes, formatCount, formatValue } from "../core/units.js";
import { lasting } from "../core/time.js";
import { Chart } from "../chart/chart.js";
import { viewOf } from "../chart/lines.js";
import { Palette } from "../chart/colours.js";
import { snippets } from "./send.js";

export const title = "Home";

/** What the store's own metrics show. Gauges come first: a rate needs two samples. */
const CHARTS = /** @type {const} */ ([
  { name: "resident memory", expr: 'process_resident_memory_bytes{job="vctsdb"}', unit: { kind: "bytes" } },
  { name: "series", expr: "vctsdb_series", unit: { kind: "" } },
  { name: "requests", expr: "sum(rate(vctsdb_http_requests_total[1m]))", unit: { kind: "", rate: true } },
  {
    name: "samples stored",
    expr: "sum(rate(vctsdb_storage_samples_appended_total[1m]))",
    unit: { kind: "", rate: true },
  },
]);

/** The longest time that first charts show. */
const LONGEST_MS = 3_600_000;
const EVERY_MS = 5000;
/** Steps of a store that is minutes old. */
const YOUNG_STEP_MS = 250;
/** For so long after the start, a chart without a sample is asked for again after a moment, and then after longer ones. */
const BEGINNING_MS = 20_000;
const AGAIN_MS = 100;

/**
 * @param {HTMLElement} element
 * @param {import("../core/app.js").Context} page
 */
export function mount(element, { signal }) {
  const head = h("p", { class: "soft home-head" }, "Asking the server …");
  const facts = h("div", { class: "home-facts" });
  const waiting = h("p", { class: "home-waiting", role: "status" });
  const charts = h("div", { class: "home-charts" });
  const asleep = h(
    "p",
    { class: "empty", hidden: true },
    "Nothing yet: ",
    h("code", {}, "--self-scrape.interval"),
    " is off.",
  );
  const next = h("span", { class: "soft small" });
  element.append(
    h("h1", { class: "offscreen" }, "Home"),
    head,
    facts,
    h(
      "div",
      { class: "cards home-cards" },
      h(
        "section",
        { class: "card" },
        h(
          "div",
          { class: "card-head" },
          h("h2", {}, "It watches itself"),
          next,
          h("a", { href: href("dash", { d: "vctsdb" }) }, "open as board"),
        ),
        asleep,
        charts,
      ),
      h(
        "section",
        { class: "card" },
        h("div", { class: "card-head" }, h("h2", {}, "Send it data")),
        snippets(),
        waiting,
        h(
          "p",
          { class: "soft" },
          "Grafana takes it as a data source of type Prometheus with the URL ",
          h("code", {}, address),
          ".",
        ),
      ),
    ),
  );
  const shown = CHARTS.map(({ name, expr, unit }) => {
    const value = h("span", { class: "home-value" }, "–");
    const place = h("div", { class: "home-chart-place" });
    charts.append(
      h(
        "div",
        { class: "home-chart" },
        h(
          "div",
          { class: "home-chart-head" },
          h("a", { href: href("graph", { "g0.expr": expr, "g0.tab": "graph", "g0.range_input": "15m" }) }, name),
          value,
        ),
        place,
      ),
    );
    return { name, expr, unit, value, chart: new Chart(place, { height: 116, label: name }), palette: new Palette() };
  });
  /** When the process began, in ms. */
  let began = 0;
  let told = "";
  /** Whether the server has no samples of its own. */
  let off = false;

  const look = async () => {
    try {
      if (began === 0) began = Date.parse((await data("api/v1/status/runtimeinfo", {}, { signal })).startTime);
      // The charts come first: they are what one sees.
      const [drawn] = await Promise.all([
        Promise.all(shown.map(watchOne)),
        state().then((found) => {
          off = found;
        }),
      ]);
      asleep.hidden = drawn.includes(true) || !off;
      charts.hidden = !asleep.hidden;
    } catch (error) {
      if (aborted(error)) return;
      if (error instanceof ApiError && connection.opening)
        fill(head, "The store is opening: the log is being replayed. This page fills itself when that is done.");
      throw error;
    }
  };

  /** Shows what there is beside charts. @returns {Promise<boolean>} whether the server has no samples of its own */
  const state = async () => {
    const [flags, storage, jobs] = await Promise.all([
      data("api/v1/status/flags", {}, { signal }),
      data("api/v1/status/storage", {}, { signal }),
      vector("count by (job) (up)", { signal }),
    ]);
    tell(flags, storage, jobs);
    return /^(off|0\w*)$/.test(flags["self-scrape.interval"]);
  };

  /**
   * Draws a chart. A store's first samples are a moment younger than its pages, so one that has just begun is asked again.
   * @param {typeof shown[number]} one
   * @returns {Promise<boolean>} whether there is something to see
   */
  const watchOne = async (one) => {
    const begun = Date.now();
    for (let wait = AGAIN_MS; !(await draw(one)); wait *= 2) {
      const over = Date.now() + wait;
      if (off || over - began > BEGINNING_MS || over - begun > EVERY_MS || document.hidden) return false;
      await pause(wait);
    }
    return true;
  };

  /**
   * @param {typeof shown[number]} one
   * @returns {Promise<boolean>} whether there is something to see
   */
  const draw = async ({ name, expr, unit, value, chart, palette }) => {
    const now = Date.now();
    const from = Math.max(began, now - LONGEST_MS);
    // Until the store is a minute old the window is its first minute; a single sample has room on its right.
    const to = Math.max(now, began + 60_000);
    // A sample is seen from the first step after it on, so a young store has short steps.
    const least = to - from < LONGEST_MS / 10 ? YOUNG_STEP_MS : 1000;
    const step = Math.ceil((to - from) / 300 / least) * least;
    const start = Math.floor(from / step) * step;
    const end = Math.ceil(to / step) * step;
    const { frame } = await range(expr, { start, end: Math.floor(now / step) * step, step, signal });
    extend(frame, end);
    chart.show(viewOf(frame, unit, { zero: true, name: (labels) => labels.instance ?? name }, palette));
    const last = chart.view?.lines[0]?.stats.last ?? NaN;
    value.textContent = Number.isNaN(last)
      ? expr.includes("rate(")
        ? "needs two samples"
        : "no sample yet"
      : formatValue(last, unit);
    value.classList.toggle("soft", Number.isNaN(last));
    return !Number.isNaN(last);
  };

  /**
   * @param {Record<string, string>} flags
   * @param {any} storage
   * @param {import("../core/ask.js").Sample[]} jobs
   */
  const tell = (flags, storage, jobs) => {
    const keeps = [flags["retention.time"], flags["retention.size"]].filter((limit) => limit && limit !== "off");
    fill(
      head,
      `Running for ${lasting(Date.now() - began)} on ${address.replace(/^https?:\/\//, "")}, keeping everything in `,
      h("code", {}, flags["data-dir"]),
      keeps.length > 0 ? ` for ${keeps.join(" or ")}.` : " for ever.",
    );
    const all = [...storage.tables, ...storage.memtables];
    const samples = all.reduce((sum, part) => sum + part.samples, 0);
    const bytes = storage.tables.reduce(
      (/** @type {number} */ sum, /** @type {any} */ part) => sum + part.bytes,
      storage.walBytes,
    );
    const oldest = Math.min(...all.map((part) => part.minTime ?? Infinity));
    const fact = (
      /** @type {string} */ what,
      /** @type {string} */ value,
      /** @type {string} */ more,
      /** @type {string} */ to,
    ) =>
      h(
        "a",
        { class: "home-fact card", href: to },
        h("span", { class: "soft small" }, what),
        h("span", { class: "big" }, value),
        h("span", { class: "soft small" }, more),
      );
    const senders = jobs.filter((one) => one.labels.job !== "vctsdb");
    fill(
      facts,
      fact(
        "samples stored",
        count(samples),
        Number.isFinite(oldest) ? `of the last ${lasting(Date.now() - oldest)}` : "none yet",
        "storage",
      ),
      fact(
        "on disk",
        formatBytes(bytes),
        samples > 0 && storage.tables.length > 0 ? `${(bytes / samples).toFixed(2)} bytes a sample` : "in the log",
        "storage",
      ),
      fact(
        "disk free",
        storage.diskFreeBytes === null ? "unknown" : formatBytes(storage.diskFreeBytes),
        storage.writesRefused ?? "takes writes",
        "storage",
      ),
      fact(
        "senders",
        formatCount(senders.length),
        senders.length > 0
          ? senders
              .map((one) => one.labels.job)
              .sort()
              .join(", ")
          : "only itself so far",
        "targets",
      ),
    );
    arrivals(
      senders,
      storage.memtables.some((/** @type {any} */ one) => one.samples > 0),
    );
  };

  /**
   * Says what arrives from others.
   * @param {import("../core/ask.js").Sample[]} senders
   * @param {boolean} any
   */
  const arrivals = (senders, any) => {
    const now = JSON.stringify(senders.map((one) => [one.labels.job, one.value])) + any;
    if (now === told) return;
    told = now;
    waiting.classList.toggle("good", senders.length > 0);
    if (senders.length === 0)
      fill(
        waiting,
        h("span", { class: "spinner", "aria-hidden": "true" }),
        "waiting for the first sample of somebody else …",
      );
    else
      fill(
        waiting,
        h(
          "span",
          {},
          senders
            .slice(0, 6)
            .map((one, i) => [
              i > 0 && ", ",
              `${formatCount(one.value)} target${one.value === 1 ? "" : "s"} of `,
              h(
                "a",
                { class: "inline", href: href("explore", { job: one.labels.job ?? "" }) },
                one.labels.job ?? "no job",
              ),
            ])
            .flat(),
          senders.length > 6 && ` and ${senders.length - 6} more jobs`,
          " arrive",
        ),
      );
  };

  const end = poll(look, EVERY_MS);
  return {
    unmount() {
      end();
      for (const { chart } of shown) chart.remove();
    },
  };
}

/** @param {number} time */
function pause(time) {
  return new Promise((done) => window.setTimeout(done, time));
}

/** @param {number} samples */
function count(samples) {
  return formatValue(samples < 10_000 ? samples : Number(samples.toPrecision(3)));
}

/**
 * Leaves room at the right of an answer: what isn't yet has no values, though the last ones would hold for a while.
 * @param {import("../chart/decode.js").Frame} frame
 * @param {number} end
 */
function extend(frame, end) {
  const length = Math.floor((end - frame.start) / frame.step) + 1;
  for (const series of frame.series) {
    const values = new Float64Array(length).fill(NaN);
    values.set(series.values.subarray(0, length));
    series.values = values;
  }
  Object.assign(frame, { end, length });
}
