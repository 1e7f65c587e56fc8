// Queries: those that run, and the slowest since the start; what pages ask by themselves only when wanted.

import { ApiError, aborted, ask, data } from "../core/api.js";
import { trouble } from "../core/controls.js";
import { copyButton } from "../core/copy.js";
import { fill, h } from "../core/dom.js";
import { poll } from "../core/poll.js";
import { toast } from "../core/toast.js";
import { distance, formatDuration, formatMoment } from "../core/time.js";
import { zone } from "../core/zone.js";
import { queryLink } from "./links.js";

export const title = "Queries";

const EVERY_MS = 1000;

/** @typedef {{requestId: string, query: string, start: string, end: string, step: number, begun: string, seconds: number, error?: string, background?: boolean}} Query */
/** @typedef {{element: HTMLElement, took: (seconds: number, most: number) => void}} Row */
/** @typedef {Map<string, Row>} Rows */

/**
 * @param {HTMLElement} element
 * @param {import("../core/app.js").Context} page
 */
export function mount(element, { signal }) {
  const running = h("section", { class: "card", hidden: true });
  const slowest = h("section", { class: "card", hidden: true });
  const own = h("input", { type: "checkbox", onchange: () => void again() });
  element.append(
    h(
      "div",
      { class: "row" },
      h("h1", { class: "grow" }, "Queries"),
      h("label", { class: "check" }, own, "with those that pages ask by themselves"),
    ),
    running,
    slowest,
  );
  let told = "";
  let asked = "";
  /** The rows of those that run, by request. @type {Rows} */
  let rows = new Map();
  /** Whether the server ends queries of others when asked to; unknown at first. @type {boolean | null} */
  let cancels = null;
  const look = async () => {
    try {
      cancels ??= Boolean((await data("api/v1/features", {}, { signal })).api?.cancel_query);
      const found = await data("api/v1/status/queries", {}, { signal });
      const wanted = (/** @type {Query[]} */ queries) => queries.filter((one) => own.checked || !one.background);
      const now = wanted(found.running);
      const ids = JSON.stringify(now.map(({ requestId }) => requestId));
      // What hasn't changed keeps the reader's selection, and a button stays under the finger that is about to press it.
      if (ids !== asked) rows = show(running, "Running", now, "Nothing runs at the moment.", true, cancels, rows);
      asked = ids;
      const most = longest(now);
      now.forEach(({ requestId, seconds }) => rows.get(requestId)?.took(seconds, most));
      const slow = wanted(found.slowest);
      const text = JSON.stringify(slow);
      if (text !== told) show(slowest, "Slowest since the start", slow, "None yet.", false, false);
      told = text;
      running.hidden = slowest.hidden = false;
    } catch (error) {
      if (aborted(error)) return;
      if (error instanceof ApiError && !told) fill(running, trouble(error));
      running.hidden = false;
      throw error;
    }
  };
  let end = poll(look, EVERY_MS);
  const again = () => {
    end();
    end = poll(look, EVERY_MS);
  };
  return { unmount: () => end() };
}

/** @param {Query[]} queries */
function longest(queries) {
  return Math.max(...queries.map(({ seconds }) => seconds), 1e-9);
}

/**
 * Shows queries; those that were shown before keep their rows.
 * @param {HTMLElement} host
 * @param {string} title
 * @param {Query[]} queries
 * @param {string} none
 * @param {boolean} live
 * @param {boolean} cancels
 * @param {Rows} before
 * @returns {Rows}
 */
function show(host, title, queries, none, live, cancels, before = new Map()) {
  const most = longest(queries);
  const rows = queries.map((query) => before.get(query.requestId) ?? row(query, most, cancels));
  fill(
    host,
    h(
      "div",
      { class: "card-head" },
      h("h2", {}, title),
      live && h("span", { class: "soft small" }, "A query ends when who asked hangs up: closing its page is enough."),
    ),
    queries.length === 0
      ? h("p", { class: "empty" }, none)
      : h(
          "div",
          { class: "wide", tabindex: 0, role: "region", "aria-label": title },
          h(
            "table",
            { class: "plain queries" },
            h(
              "thead",
              {},
              h(
                "tr",
                {},
                h("th", {}, live ? "runs for" : "took"),
                h("th", {}, "expression"),
                h("th", {}, "range"),
                h("th", {}, "begun"),
                h("th", {}, "request"),
              ),
            ),
            h(
              "tbody",
              {},
              rows.map(({ element }) => element),
            ),
          ),
        ),
  );
  return new Map(queries.flatMap(({ requestId }, i) => (rows[i] ? [[requestId, rows[i]]] : [])));
}

/** @param {Query} query @param {number} most @param {boolean} cancels @returns {Row} */
function row({ query, start, end, step, begun, seconds, requestId, error }, most, cancels) {
  const [from, to] = [Date.parse(start), Date.parse(end)];
  const instant = step === 0;
  const link = instant
    ? queryLink(query, { "g0.tab": "table", "g0.moment_input": String(to / 1000) })
    : queryLink(query, {
        "g0.range_input": formatDuration(to - from),
        "g0.end_input": String(to / 1000),
        "g0.res_type": "fixed",
        "g0.res_step": String(step),
      });
  const bar = h("span", {});
  const number = h("span", { class: "num" });
  const age = h("td", { class: "nowrap num", title: formatMoment(Date.parse(begun), zone()) });
  const took = (/** @type {number} */ seconds, /** @type {number} */ most) => {
    bar.style.width = `${(seconds / most) * 100}%`;
    number.textContent = time(seconds);
    age.textContent = distance(Date.parse(begun), Date.now());
  };
  took(seconds, most);
  const element = h(
    "tr",
    {},
    h("td", { class: "query-time" }, h("div", { class: "meter" }, bar), number),
    h(
      "td",
      {},
      h("a", { href: link, class: "mono query-text" }, query.length > 400 ? `${query.slice(0, 400)}…` : query),
      error && h("div", { class: "bad small" }, error),
    ),
    h(
      "td",
      { class: "nowrap num" },
      instant ? "at one time" : `${formatDuration(to - from)}, step ${formatDuration(step * 1000)}`,
    ),
    age,
    h(
      "td",
      { class: "nowrap" },
      h(
        "span",
        { class: "row", style: { "flex-wrap": "nowrap", gap: "4px" } },
        h("code", { class: "small" }, requestId.slice(0, 32)),
        copyButton(() => requestId, "Copy the request id"),
        cancels && h("button", { type: "button", class: "small", onclick: () => void cancel(requestId) }, "End it"),
      ),
    ),
  );
  return { element, took };
}

/** @param {number} seconds */
function time(seconds) {
  return seconds < 1 ? `${(seconds * 1000).toFixed(seconds < 0.01 ? 1 : 0)} ms` : `${seconds.toFixed(1)} s`;
}

/** @param {string} requestId */
async function cancel(requestId) {
  try {
    await ask("api/v1/status/queries/cancel", { requestId }, { method: "POST" });
    toast("Told it to end");
  } catch (error) {
    if (!(error instanceof ApiError)) throw error;
    toast(error.message, "bad");
  }
}
