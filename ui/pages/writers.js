// Writers: the programs that have written since the start, when each did last, and what was refused of it.

import { data } from "../core/api.js";
import { fill, h } from "../core/dom.js";
import { distance, formatMoment } from "../core/time.js";
import { formatCount } from "../core/units.js";
import { zone } from "../core/zone.js";

/**
 * @typedef {object} Writer
 * @property {string | null} address
 * @property {string} userAgent
 * @property {string} path
 * @property {string} last
 * @property {string | null} lastStored
 * @property {number} requests
 * @property {number} samples
 * @property {number} failed
 * @property {{time: string, status: number, reason: string | null} | null} lastFailure
 */

/** So many are shown, those heard of last. */
const MOST = 50;

/**
 * Asks for the writers and shows them.
 * @param {HTMLElement} host
 * @param {AbortSignal} signal
 */
export async function showWriters(host, signal) {
  /** @type {{senders: Writer[]}} */
  const { senders } = await data("api/v1/status/senders", {}, { signal });
  const heads = ["program", "writes to", "last stored", "requests", "samples", "refused"];
  fill(
    host,
    h(
      "div",
      { class: "card-head" },
      h("h2", {}, "Writers since the start"),
      h("span", { class: "soft small" }, "Who wrote, whether or not it sends “up”."),
    ),
    senders.length === 0
      ? h("p", { class: "empty" }, "Nobody has written yet. ", h("a", { href: "./" }, "How to send data"))
      : h(
          "div",
          { class: "wide", tabindex: 0, role: "region", "aria-label": "Writers" },
          h(
            "table",
            { class: "plain" },
            h(
              "thead",
              {},
              h(
                "tr",
                {},
                heads.map((name, i) => h("th", { class: i > 1 ? "is-number" : "" }, name)),
              ),
            ),
            h("tbody", {}, senders.slice(0, MOST).map(row)),
          ),
        ),
    senders.length > MOST &&
      h("p", { class: "soft small" }, `and ${formatCount(senders.length - MOST)} more, silent for longer`),
  );
}

/** @param {Writer} writer */
function row({ address, userAgent, path, lastStored, requests, samples, failed, lastFailure }) {
  const stored = lastStored === null ? NaN : Date.parse(lastStored);
  // A refusal since the last success is a fault of now.
  const failing = lastFailure !== null && !(Date.parse(lastFailure.time) < stored);
  const program = userAgent.length > 60 ? `${userAgent.slice(0, 60)}…` : userAgent;
  return h(
    "tr",
    {},
    h("td", {}, program || "says no name", address && h("span", { class: "soft" }, ` at ${address}`)),
    h("td", { class: "nowrap" }, h("code", { class: "small nowrap" }, path)),
    h(
      "td",
      { class: "is-number nowrap", title: Number.isNaN(stored) ? undefined : formatMoment(stored, zone()) },
      Number.isNaN(stored) ? "never" : distance(stored, Date.now()),
    ),
    h("td", { class: "is-number" }, formatCount(requests)),
    h("td", { class: "is-number" }, formatCount(samples)),
    h(
      "td",
      { class: `is-number${failing ? " bad" : ""}` },
      formatCount(failed),
      lastFailure &&
        h(
          "div",
          { class: "small", title: formatMoment(Date.parse(lastFailure.time), zone()) },
          `${lastFailure.status}${lastFailure.reason ? `: ${lastFailure.reason.slice(0, 200)}` : ""}, ${distance(Date.parse(lastFailure.time), Date.now())}`,
        ),
    ),
  );
}
