// Which series came and went between two moments, and which label's values are the new ones.

import { ApiError, aborted, data, envelope } from "../core/api.js";
import { vector } from "../core/ask.js";
import { plainTable, segments, trouble } from "../core/controls.js";
import { copyButton } from "../core/copy.js";
import { fill, h } from "../core/dom.js";
import { parseDuration } from "../core/time.js";
import { formatCount, shortCount } from "../core/units.js";
import { keyOf } from "../chart/decode.js";

/** An expression that reads more is only asked when somebody presses a button. */
const BY_ITSELF = 500_000;
/** Series of a metric that are compared by label. */
const LOOKED_AT = 20_000;
const AGO = ["5m", "1h", "1d", "1w"];

/**
 * @param {HTMLElement} host
 * @param {{filters: string[], signal: AbortSignal, narrow: (name: string) => void}} on
 */
export function churn(host, { filters, signal, narrow }) {
  const body = h("div", { class: "stack", style: { "align-items": "stretch" } });
  let ago = "1h";
  fill(
    host,
    h(
      "div",
      { class: "card-head" },
      h("h2", {}, "Churn"),
      h("span", { class: "soft" }, "now against"),
      segments(
        "Earlier moment",
        AGO.map((value) => ({ value, label: `${value} ago` })),
        ago,
        (value) => {
          ago = value;
          void look(false);
        },
        "small",
      ),
    ),
    body,
  );
  const one = filters.length === 1 && filters[0].startsWith("__name__=");

  /** @param {boolean} wanted */
  async function look(wanted) {
    fill(body, h("p", { class: "loading" }, "Comparing …"));
    try {
      if (one) return fill(body, await byLabel(`{${filters.join(",")}}`, ago, signal));
      const all = filters.length > 0 ? `{${filters.join(",")}}` : '{__name__=~".+"}';
      const gained = `count by (__name__) (${all} unless ${all} offset ${ago})`;
      const lost = `count by (__name__) (${all} offset ${ago} unless ${all})`;
      const { estimate } = await data(
        "api/v1/explain",
        { query: gained, timeout: "2s", quiet: 1 },
        { method: "POST", signal },
      );
      if (!wanted && estimate.samplesRead > BY_ITSELF) {
        return fill(
          body,
          h(
            "div",
            { class: "row" },
            h("span", {}, `Comparing all series reads about ${shortCount(2 * estimate.samplesRead)} samples.`),
            h("button", { type: "button", onclick: () => void look(true) }, "Compare them"),
          ),
        );
      }
      const [come, gone] = await Promise.all([gained, lost].map((query) => vector(query, { signal, timeout: "20s" })));
      const names = new Map(/** @type {[string, {gained: number, lost: number}][]} */ ([]));
      const of = (/** @type {string} */ name) => {
        let found = names.get(name);
        if (!found) names.set(name, (found = { gained: 0, lost: 0 }));
        return found;
      };
      for (const { labels, value } of come) of(labels.__name__ ?? "").gained = value;
      for (const { labels, value } of gone) of(labels.__name__ ?? "").lost = value;
      const rows = [...names].sort((a, b) => b[1].gained + b[1].lost - a[1].gained - a[1].lost);
      const sum = rows.reduce((total, [, { gained, lost }]) => [total[0] + gained, total[1] + lost], [0, 0]);
      fill(
        body,
        rows.length === 0
          ? h("p", { class: "soft" }, `The same series as ${ago} ago.`)
          : [
              h(
                "p",
                {},
                `${formatCount(sum[0])} series are new since ${ago} ago, ${formatCount(sum[1])} are gone. A metric shows which label they differ by.`,
              ),
              plainTable(
                [{ name: "new", number: true }, { name: "gone", number: true }, { name: "metric" }],
                rows
                  .slice(0, 20)
                  .map(([name, { gained, lost }]) => [
                    formatCount(gained),
                    formatCount(lost),
                    h(
                      "button",
                      { type: "button", class: "link mono", onclick: () => narrow(name) },
                      name || "(no name)",
                    ),
                  ]),
                "Metrics that changed",
                "churn",
              ),
            ],
      );
    } catch (error) {
      if (aborted(error)) return;
      if (!(error instanceof ApiError)) throw error;
      fill(
        body,
        trouble(error, () => void look(wanted)),
      );
    }
  }
  void look(false);
}

/**
 * The labels of a metric whose values only one of two moments has, the one that explains most first.
 * @param {string} selector
 * @param {string} ago
 * @param {AbortSignal} signal
 */
async function byLabel(selector, ago, signal) {
  const now = Date.now();
  const then = now - (parseDuration(ago) ?? 0);
  const at = async (/** @type {number} */ time) =>
    /** @type {Record<string, string>[]} */ (
      (
        await envelope(
          "api/v1/series",
          { "match[]": selector, start: (time - 300_000) / 1000, end: time / 1000, limit: LOOKED_AT },
          { signal },
        )
      ).data
    );
  const [present, past] = await Promise.all([at(now), at(then)]);
  const found = compare(present, past);
  if (found.gained + found.lost === 0)
    return h("p", { class: "soft" }, `The same ${formatCount(present.length)} series as ${ago} ago.`);
  return h(
    "div",
    { class: "stack", style: { "align-items": "stretch" } },
    h(
      "p",
      {},
      `${formatCount(found.gained)} new, ${formatCount(found.lost)} gone, ${formatCount(present.length - found.gained)} stayed.`,
    ),
    found.labels.map(({ label, fresh, old, share }, i) =>
      h(
        "div",
        { class: `note${i === 0 ? " mind" : ""} churn-label` },
        h(
          "div",
          {},
          h("strong", { class: "mono" }, label),
          ` has values that only one side has: they explain ${Math.round(share * 100)} % of the change`,
        ),
        fresh.length > 0 && h("div", { class: "small" }, `only now: `, h("code", {}, sample(fresh))),
        old.length > 0 && h("div", { class: "small" }, `only then: `, h("code", {}, sample(old))),
      ),
    ),
    found.labels.length > 0 && dropping(selector, found.labels[0].label),
  );
}

/** @param {string[]} values */
const sample = (values) =>
  values
    .slice(0, 3)
    .map((value) => value.slice(0, 80))
    .join(", ") + (values.length > 3 ? ` and ${formatCount(values.length - 3)} more` : "");

/**
 * @param {Record<string, string>[]} present
 * @param {Record<string, string>[]} past
 */
export function compare(present, past) {
  const [now, then] = [new Set(present.map(keyOf)), new Set(past.map(keyOf))];
  const gained = present.filter((set) => !then.has(keyOf(set)));
  const lost = past.filter((set) => !now.has(keyOf(set)));
  const names = new Set([...present, ...past].flatMap((set) => Object.keys(set)));
  const labels = [...names]
    .map((label) => {
      const valuesOf = (/** @type {Record<string, string>[]} */ sets) => new Set(sets.map((set) => set[label] ?? ""));
      const [here, there] = [valuesOf(present), valuesOf(past)];
      const fresh = [...here].filter((value) => !there.has(value));
      const old = [...there].filter((value) => !here.has(value));
      const [freshSet, oldSet] = [new Set(fresh), new Set(old)];
      const explained =
        gained.filter((set) => freshSet.has(set[label] ?? "")).length +
        lost.filter((set) => oldSet.has(set[label] ?? "")).length;
      return { label, fresh, old, share: explained / Math.max(1, gained.length + lost.length) };
    })
    .filter(({ share }) => share > 0)
    .sort((a, b) => b.share - a.share || b.fresh.length + b.old.length - a.fresh.length - a.old.length);
  return { gained: gained.length, lost: lost.length, labels };
}

/** @param {string} selector @param {string} label */
function dropping(selector, label) {
  const name = /__name__="((?:[^"\\]|\\.)*)"/.exec(selector)?.[1] ?? "";
  const text = `metric_relabel_configs:
  - source_labels: [__name__]   # leaves the label out of this metric
    regex: ${name}
    target_label: ${label}
    replacement: ""`;
  return h(
    "div",
    { class: "stack", style: { gap: "4px", "align-items": "stretch" } },
    h(
      "p",
      { class: "soft small" },
      "Without that label, if nobody asks for it (series that then are the same are dropped by the scraper as duplicates):",
    ),
    h(
      "div",
      { class: "code" },
      h("pre", { tabindex: 0, "aria-label": "Relabelling" }, text),
      copyButton(() => text),
    ),
  );
}
