// Who sends: jobs and instances seen through their own `up`, how old their last samples are, who fell silent, and which programs write.

import { ApiError, aborted } from "../core/api.js";
import { vector } from "../core/ask.js";
import { trouble } from "../core/controls.js";
import { fill, h, href } from "../core/dom.js";
import { poll } from "../core/poll.js";
import { distance } from "../core/time.js";
import { formatCount, formatValue } from "../core/units.js";
import { quote } from "../chart/data.js";
import { keyOf } from "../chart/decode.js";
import { VirtualTable } from "../table/virtual.js";
import { queryLink } from "./links.js";
import { showWriters } from "./writers.js";

export const title = "Senders";

const EVERY_MS = 10_000;

/** @typedef {{job: string, instance: string, labels: Record<string, string>, state: "up" | "down" | "silent", last: number, samples: number, seconds: number, share: number}} Sender */

/**
 * @param {HTMLElement} element
 * @param {import("../core/app.js").Context} page
 */
export function mount(element, { go, signal }) {
  const sum = h("p", { class: "soft" }, "Asking …");
  const body = h("section", { class: "card", hidden: true });
  const writers = h("section", { class: "card", hidden: true });
  const search = h("input", {
    type: "search",
    class: "small",
    placeholder: "filter",
    "aria-label": "Filter senders",
    oninput: () => narrow(),
  });
  element.append(h("div", { class: "row" }, h("h1", {}, "Senders"), h("span", { class: "grow" }), search), sum, body, writers);
  const word = { up: "up", down: "down", silent: "fell silent" };
  /** @type {VirtualTable<Sender>} */
  const table = new VirtualTable(
    body,
    [
      {
        name: "state",
        width: 12,
        value: (one) => one.state,
        show: (one) =>
          h(
            "span",
            { class: "row", style: { gap: "6px", "flex-wrap": "nowrap" } },
            h("span", { class: `dot ${one.state === "up" ? "good" : one.state === "down" ? "bad" : "mind"}` }),
            word[one.state],
          ),
      },
      {
        name: "job",
        value: (one) => one.job,
        show: (one) => h("a", { href: href("explore", { job: one.job }) }, one.job),
      },
      {
        name: "instance",
        grow: true,
        value: (one) => one.instance,
        show: (one) => h("span", { class: "mono" }, one.instance),
      },
      {
        name: "last sample",
        number: true,
        width: 14,
        value: (one) => one.last,
        show: (one) => distance(one.last, Date.now()),
      },
      {
        name: "samples each time",
        number: true,
        width: 16,
        value: (one) => one.samples,
        show: (one) => (Number.isNaN(one.samples) ? "" : formatCount(one.samples)),
      },
      {
        name: "a scrape takes",
        number: true,
        width: 14,
        value: (one) => one.seconds,
        show: (one) => (Number.isNaN(one.seconds) ? "" : formatValue(one.seconds, { kind: "seconds" })),
      },
      {
        name: "up in the last day",
        number: true,
        width: 18,
        value: (one) => one.share,
        show: (one) =>
          Number.isNaN(one.share)
            ? ""
            : h(
                "span",
                { class: one.share < 0.999 ? "mind" : "" },
                `${(one.share * 100).toFixed(one.share < 0.999 ? 1 : 0)} %`,
              ),
      },
    ],
    {
      label: "Senders",
      rows: 24,
      pick: (one) =>
        go(queryLink(`up{job=${quote(one.job)}, instance=${quote(one.instance)}}`, { "g0.range_input": "1d" })),
    },
  );
  const narrow = () => {
    const text = search.value.toLowerCase();
    table.filter((one) => `${one.job} ${one.instance} ${word[one.state]}`.toLowerCase().includes(text));
  };
  const end = poll(async () => {
    try {
      const [all] = await Promise.all([senders(signal), showWriters(writers, signal)]);
      writers.hidden = false;
      table.show(all);
      narrow();
      const count = (/** @type {Sender["state"]} */ state) => all.filter((one) => one.state === state).length;
      fill(
        sum,
        all.length === 0
          ? [
              "Nobody sends ",
              h("code", {}, "up"),
              " yet. Scrapers write it for each of their targets; what is pushed or imported has none and is in the ",
              h("a", { href: "explore" }, "catalogue"),
              ". ",
              h("a", { href: "./" }, "How to send data"),
            ]
          : `${formatCount(count("up"))} up, ${formatCount(count("down"))} down, ${formatCount(count("silent"))} fell silent within a day. This is what their own “up” says: vctsdb scrapes nobody but itself.`,
      );
      search.hidden = all.length < 6;
      body.hidden = all.length === 0;
    } catch (error) {
      if (aborted(error)) return;
      if (error instanceof ApiError && table.all.length === 0) fill(sum, trouble(error));
      throw error;
    }
  }, EVERY_MS);
  return {
    unmount() {
      end();
      table.remove();
    },
  };
}

/** @param {AbortSignal} signal @returns {Promise<Sender[]>} */
async function senders(signal) {
  const ask = (/** @type {string} */ query) => vector(query, { signal });
  const optional = (/** @type {string} */ query) =>
    ask(query).catch((error) => {
      if (error instanceof ApiError) return [];
      throw error;
    });
  const [now, lasts, silent, samples, seconds, shares] = await Promise.all([
    ask("up"),
    ask("timestamp(up)"),
    optional("max_over_time(timestamp(up)[1d:1m]) unless up"),
    optional("scrape_samples_scraped"),
    optional("scrape_duration_seconds"),
    optional("avg_over_time(up[1d])"),
  ]);
  const key = (/** @type {Record<string, string>} */ { __name__, ...labels }) => keyOf(labels);
  const map = (/** @type {import("../core/ask.js").Sample[]} */ all) =>
    new Map(all.map(({ labels, value }) => [key(labels), value]));
  const [last, size, took, share] = [lasts, samples, seconds, shares].map(map);
  const row = (
    /** @type {import("../core/ask.js").Sample} */ { labels },
    /** @type {Sender["state"]} */ state,
    /** @type {number} */ time,
  ) => {
    const id = key(labels);
    return {
      job: labels.job ?? "",
      instance: labels.instance ?? "",
      labels,
      state,
      last: time * 1000,
      samples: size.get(id) ?? NaN,
      seconds: took.get(id) ?? NaN,
      share: share.get(id) ?? NaN,
    };
  };
  const order = { down: 0, silent: 1, up: 2 };
  return [
    ...now.map((one) => row(one, one.value > 0 ? "up" : "down", last.get(key(one.labels)) ?? one.time / 1000)),
    ...silent.map((one) => row(one, "silent", one.value)),
  ].sort(
    (a, b) =>
      order[a.state] - order[b.state] || (a.job < b.job ? -1 : a.job > b.job ? 1 : a.instance < b.instance ? -1 : 1),
  );
}
