// The legend: a row a series with its statistics. Click isolates, Ctrl+click hides, the field narrows, heads sort; labels that
// all have alike are named once.

import { h, icon } from "../core/dom.js";
import { copyAndTell } from "../core/copy.js";
import { formatValue } from "../core/units.js";
import { VirtualTable } from "../table/virtual.js";
import { theme } from "./colours.js";
import { common, selectorOf } from "./data.js";
import { shorten } from "./hover.js";

/** @typedef {import("./chart.js").Line & {hidden: boolean, drawn: boolean}} Entry */

/** With fewer series there is nothing to search. */
const SEARCHED_FROM = 8;

export class Legend {
  /**
   * @param {HTMLElement} host
   * @param {object} on
   * @param {(key: string, add: boolean) => void} on.isolate
   * @param {(key: string) => void} on.hide
   * @param {() => void} on.all
   * @param {(key: string | null) => void} on.hover
   */
  constructor(host, on) {
    this.on = on;
    /** @type {Record<string, string>} */
    this.shared = {};
    this.unit = { kind: "" };
    /** @type {(labels: Record<string, string>) => string} */
    this.name = (labels) => selectorOf(labels, this.shared);
    this.same = h("span", { class: "legend-common" });
    this.count = h("span", { class: "legend-count soft" });
    this.search = h("input", {
      type: "search",
      class: "small",
      placeholder: "filter series",
      "aria-label": "Filter series",
      oninput: () => this.narrow(),
    });
    this.all = h("button", { type: "button", class: "quiet small", onclick: () => on.all() }, "show all");
    this.bar = h("div", { class: "legend-bar" }, this.same, this.count, this.all, this.search);
    host.appendChild(this.bar);
    const number = (/** @type {"min" | "avg" | "max" | "last"} */ name) => ({
      name,
      number: true,
      width: 11,
      value: (/** @type {Entry} */ entry) => entry.stats[name],
      show: (/** @type {Entry} */ entry) =>
        entry.stats.points === 0 ? "–" : formatValue(entry.stats[name], this.unit),
    });
    const names = {
      name: "series",
      grow: true,
      least: 12,
      value: (/** @type {Entry} */ entry) => this.name(entry.labels),
      show: (/** @type {Entry} */ entry) => this.cell(entry),
    };
    // Where there is room for one number only, it is the last.
    this.small = matchMedia("(max-width: 720px)");
    const columns = () => [
      names,
      ...(this.small.matches ? [] : [number("min"), number("avg"), number("max")]),
      number("last"),
    ];
    this.resized = () => this.table.dressUp(columns());
    this.small.addEventListener("change", this.resized);
    /** @type {VirtualTable<Entry>} */
    this.table = new VirtualTable(
      host,
      columns(),
      {
        label: "Series",
        rows: 9,
        pick: (entry, event) =>
          event.ctrlKey || event.metaKey ? on.hide(entry.key) : on.isolate(entry.key, event.shiftKey),
        hover: (entry) => on.hover(entry && !entry.hidden ? entry.key : null),
        dress: (entry) => (entry.hidden ? "is-hidden" : entry.drawn ? "" : "is-left"),
      },
    );
    this.table.element.classList.add("legend");
  }

  /** @param {Entry} entry */
  cell(entry) {
    const names = theme().names;
    return h(
      "span",
      { class: "legend-name" },
      h("span", { class: `swatch${entry.ghost ? " is-ghost" : ""}`, style: { "--ink": names[entry.slot] } }),
      h(
        "span",
        { class: "legend-text" },
        shorten(this.name(entry.labels)),
        entry.ghost && h("span", { class: "soft" }, " earlier"),
      ),
      h(
        "button",
        {
          type: "button",
          class: "quiet square tiny legend-copy",
          tabindex: -1,
          title: "Copy as a selector",
          "aria-label": "Copy as a selector",
          onclick: () => void copyAndTell(selectorOf(entry.labels)),
        },
        icon("copy"),
      ),
    );
  }

  /**
   * @param {Entry[]} entries
   * @param {import("../core/units.js").Unit} unit
   */
  show(entries, unit) {
    this.unit = unit;
    this.shared = common(entries.filter((entry) => !entry.ghost).map((entry) => entry.labels));
    this.same.hidden = Object.keys(this.shared).length === 0;
    this.same.textContent = Object.keys(this.shared).length > 0 ? `all have ${selectorOf(this.shared)}` : "";
    this.same.title = this.same.textContent;
    const hidden = entries.filter((entry) => entry.hidden).length;
    this.all.hidden = hidden === 0;
    this.count.textContent = `${entries.length} series${hidden ? `, ${hidden} hidden` : ""}`;
    this.search.hidden = entries.length < SEARCHED_FROM;
    this.table.show(entries);
  }

  narrow() {
    const text = this.search.value.toLowerCase();
    this.table.filter((entry) => this.name(entry.labels).toLowerCase().includes(text));
  }

  /**
   * Marks the row of the series that the pointer is at in the chart.
   * @param {string | null} key
   */
  mark(key) {
    for (const [i, row] of this.table.drawn)
      row.classList.toggle("is-near", key !== null && this.table.seen[i]?.key === key);
  }

  remove() {
    this.small.removeEventListener("change", this.resized);
    this.table.remove();
  }
}
