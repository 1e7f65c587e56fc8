// Alerts and rules: those that run here where there are some, those that senders store, and else how to have some.

import { ApiError, aborted, data } from "../core/api.js";
import { address } from "../core/base.js";
import { vector } from "../core/ask.js";
import { trouble } from "../core/controls.js";
import { copyButton } from "../core/copy.js";
import { fill, h } from "../core/dom.js";
import { poll } from "../core/poll.js";
import { distance, formatDuration, lasting } from "../core/time.js";
import { formatCount } from "../core/units.js";
import { selectorOf } from "../chart/data.js";
import { VirtualTable } from "../table/virtual.js";
import { queryLink } from "./links.js";

export const title = "Alerts";

const EVERY_MS = 10_000;

const RULER = `vmalert -rule=rules.yml \\
  -datasource.url=${address} \\
  -remoteWrite.url=${address} -remoteRead.url=${address} \\
  -notifier.url=http://127.0.0.1:9093`;

/** @typedef {{name: string, state: string, labels: Record<string, string>, value: number, since: number, expr: string}} Alert */
/** @typedef {{group: string, name: string, kind: string, query: string, health: string, last: number, took: number, error: string, wait: number}} Rule */

/**
 * @param {HTMLElement} element
 * @param {import("../core/app.js").Context} page
 */
export function mount(element, { go, signal }) {
  const alerts = h("section", { class: "card" });
  const rules = h("section", { class: "card" });
  element.append(h("h1", {}, "Alerts and rules"), alerts, rules);
  const alertBody = h("div", {});
  const ruleBody = h("div", {});
  const words = h("div", { class: "stack" });
  fill(alerts, h("h2", {}, "Alerts"), alertBody);
  const search = h("input", {
    type: "search",
    class: "small",
    placeholder: "filter rules",
    "aria-label": "Filter rules",
    oninput: () => narrow(),
  });
  fill(rules, h("div", { class: "card-head" }, h("h2", {}, "Rules"), search), words, ruleBody);
  const state = (/** @type {string} */ name) =>
    h(
      "span",
      { class: "row", style: { gap: "6px", "flex-wrap": "nowrap" } },
      h("span", { class: `dot ${name === "firing" ? "bad" : name === "pending" ? "mind" : "good"}` }),
      name,
    );
  /** @type {VirtualTable<Alert>} */
  const alertTable = new VirtualTable(
    alertBody,
    [
      { name: "state", width: 10, value: (one) => one.state, show: (one) => state(one.state) },
      { name: "alert", value: (one) => one.name },
      {
        name: "labels",
        grow: true,
        value: (one) => selectorOf(one.labels),
        show: (one) =>
          h("span", { class: "mono" }, selectorOf(one.labels, { alertname: "", alertstate: "", __name__: "" })),
      },
      {
        name: "since",
        number: true,
        width: 12,
        value: (one) => one.since,
        show: (one) => (Number.isNaN(one.since) ? "" : distance(one.since, Date.now())),
      },
    ],
    { label: "Alerts", rows: 14, pick: (one) => go(queryLink(one.expr, { "g0.range_input": "6h" })) },
  );
  /** @type {VirtualTable<Rule>} */
  const ruleTable = new VirtualTable(
    ruleBody,
    [
      {
        name: "health",
        width: 8,
        value: (one) => one.health,
        show: (one) => h("span", { class: one.health === "err" ? "bad" : "", title: one.error }, one.health),
      },
      { name: "group", value: (one) => one.group },
      { name: "rule", value: (one) => one.name },
      {
        name: "expression",
        grow: true,
        value: (one) => one.query,
        show: (one) => h("a", { class: "mono", href: queryLink(one.query) }, one.query),
      },
      {
        name: "for",
        width: 6,
        value: (one) => one.wait,
        show: (one) => (one.wait > 0 ? formatDuration(one.wait * 1000) : ""),
      },
      {
        name: "last run",
        number: true,
        width: 12,
        value: (one) => one.last,
        show: (one) => (one.last > 0 ? distance(one.last, Date.now()) : "never"),
      },
      {
        name: "took",
        number: true,
        width: 8,
        value: (one) => one.took,
        show: (one) => (one.took > 0 ? lasting(one.took * 1000) : ""),
      },
    ],
    { label: "Rules", rows: 20 },
  );
  const narrow = () => {
    const text = search.value.toLowerCase();
    ruleTable.filter((one) => `${one.group} ${one.name} ${one.query} ${one.health}`.toLowerCase().includes(text));
  };

  const end = poll(async () => {
    try {
      const [own, groups, stored] = await Promise.all([
        data("api/v1/alerts", {}, { signal }),
        data("api/v1/rules", {}, { signal }),
        vector("ALERTS", { signal }).catch((error) => {
          if (error instanceof ApiError) return [];
          throw error;
        }),
      ]);
      const since =
        stored.length > 0
          ? new Map(
              (await vector("ALERTS_FOR_STATE", { signal }).catch(() => [])).map((one) => [
                one.labels.alertname + selectorOf(one.labels, { __name__: "", alertstate: "" }),
                one.value * 1000,
              ]),
            )
          : new Map();
      /** @type {Alert[]} */
      const all = [
        ...own.alerts.map((/** @type {any} */ one) => ({
          name: one.labels.alertname ?? "",
          state: one.state,
          labels: one.labels,
          value: Number(one.value),
          since: Date.parse(one.activeAt),
          expr: exprOf(groups, one),
        })),
        ...stored.map((one) => ({
          name: one.labels.alertname ?? "",
          state: one.labels.alertstate ?? "",
          labels: one.labels,
          value: one.value,
          since: since.get(one.labels.alertname + selectorOf(one.labels, { __name__: "", alertstate: "" })) ?? NaN,
          expr: selectorOf(one.labels, { alertstate: "" }),
        })),
      ].sort((a, b) => (a.state < b.state ? -1 : a.state > b.state ? 1 : a.name < b.name ? -1 : 1));
      alertTable.show(all);
      alertTable.element.hidden = all.length === 0;
      if (all.length === 0) {
        if (!alertBody.querySelector(".empty"))
          alertBody.append(
            h(
              "p",
              { class: "empty" },
              "None is pending or firing, here or in the series ",
              h("code", {}, "ALERTS"),
              " that senders store.",
            ),
          );
      } else alertBody.querySelector(".empty")?.remove();
      const flat = groups.groups.flatMap((/** @type {any} */ group) =>
        group.rules.map((/** @type {any} */ rule) => ({
          group: group.name,
          name: rule.name,
          kind: rule.type,
          query: rule.query,
          health: rule.health ?? "",
          last: Date.parse(rule.lastEvaluation ?? "") || 0,
          took: rule.evaluationTime ?? 0,
          error: rule.lastError ?? "",
          wait: rule.duration ?? 0,
        })),
      );
      ruleTable.show(flat);
      narrow();
      search.hidden = flat.length < 6;
      ruleTable.element.hidden = flat.length === 0;
      if (flat.length > 0)
        fill(
          words,
          h(
            "p",
            { class: "soft" },
            `${formatCount(flat.length)} rules in ${formatCount(groups.groups.length)} groups.`,
          ),
        );
      else if (!words.firstChild)
        fill(
          words,
          h("p", {}, "No rules run in this server. Two ways to have some:"),
          h(
            "ul",
            {},
            h(
              "li",
              {},
              "In the Prometheus that sends here: its rules run there, and their results and ",
              h("code", {}, "ALERTS"),
              " arrive here with everything else.",
            ),
            h("li", {}, "With a ruler beside this server, which asks it and writes back to it:"),
          ),
          h(
            "div",
            { class: "code", style: { width: "100%" } },
            h("pre", { tabindex: 0, "aria-label": "Command" }, RULER),
            copyButton(() => RULER),
          ),
          h(
            "p",
            { class: "soft" },
            "Any expression of the query page can be copied as a recording or alerting rule from its menu.",
          ),
        );
    } catch (error) {
      if (aborted(error)) return;
      if (error instanceof ApiError && !words.firstChild) fill(words, trouble(error));
      throw error;
    }
  }, EVERY_MS);
  return {
    unmount() {
      end();
      alertTable.remove();
      ruleTable.remove();
    },
  };
}

/** @param {any} groups @param {any} alert */
function exprOf(groups, alert) {
  const rule = groups.groups
    .flatMap((/** @type {any} */ group) => group.rules)
    .find((/** @type {any} */ one) => one.name === alert.labels.alertname && one.type === "alerting");
  return rule?.query ?? selectorOf({ __name__: "ALERTS", alertname: alert.labels.alertname ?? "" });
}
