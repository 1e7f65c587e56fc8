// A table of any number of rows: only those in sight are in the document. Sorting and filtering work on plain arrays.

import { h, uid } from "../core/dom.js";

/**
 * @template R
 * @typedef {object} Column
 * @property {string} name
 * @property {(row: R) => string | number} value what it is sorted by
 * @property {(row: R) => import("../core/dom.js").Child} [show] what stands there, the value unless given
 * @property {boolean} [number] whether it stands at the right
 * @property {number} [width] in characters; measured of the values unless given
 * @property {boolean} [grow] whether it takes the room that is left
 * @property {number} [least] characters of one that grows
 * @property {string} [title]
 */

/** A row's height in CSS pixels: `--row` in the style sheet. */
const ROW = 28;
/** Rows beyond the edge, so that slow scrolling shows no gap. */
const SPARE = 6;
/** No column is measured wider than so many characters. */
const WIDEST = 64;
/** The least width of a column that takes the room that is left. */
const GROWING = 24;

/** @template R */
export class VirtualTable {
  /**
   * @param {HTMLElement} host
   * @param {Column<R>[]} columns
   * @param {object} [options]
   * @param {string} [options.label]
   * @param {number} [options.rows] shown at once at most
   * @param {(row: R, event: MouseEvent | KeyboardEvent) => void} [options.pick]
   * @param {(row: R | null) => void} [options.hover]
   * @param {(row: R) => string} [options.dress] class of a row
   * @param {{column: string, down: boolean}} [options.sort]
   */
  constructor(host, columns, { label = "Table", rows = 16, pick, hover, dress, sort } = {}) {
    this.columns = columns;
    this.most = rows;
    this.pick = pick;
    this.dress = dress;
    /** @type {R[]} */
    this.all = [];
    /** @type {R[]} */
    this.seen = [];
    this.sort = sort ?? null;
    /** @type {(row: R) => boolean} */
    this.test = () => true;
    this.active = 0;
    this.id = uid();
    /** @type {Map<number, HTMLElement>} */
    this.drawn = new Map();
    this.head = h("div", { class: "vt-head", role: "row" });
    this.body = h("div", { class: "vt-body", role: "rowgroup" });
    this.scroller = h(
      "div",
      {
        class: "vt-scroll",
        tabindex: 0,
        role: "table",
        "aria-label": label,
        onscroll: () => this.draw(),
        onkeydown: (/** @type {KeyboardEvent} */ event) => this.key(event),
      },
      h("div", { class: "vt-rows", role: "rowgroup" }, this.head),
      this.body,
    );
    this.element = h("div", { class: "vt" }, this.scroller);
    this.body.addEventListener("click", (event) => this.clicked(event));
    if (hover) {
      this.body.addEventListener("pointermove", (event) => hover(this.rowOf(event)));
      this.body.addEventListener("pointerleave", () => hover(null));
    }
    host.appendChild(this.element);
    this.drawHead();
    this.observer = new ResizeObserver(() => this.draw());
    this.observer.observe(this.scroller);
  }

  remove() {
    this.observer.disconnect();
    this.element.remove();
  }

  /** @param {R[]} rows */
  show(rows) {
    this.all = rows;
    this.measure();
    this.arrange();
  }

  /** @param {Column<R>[]} columns */
  dressUp(columns) {
    this.columns = columns;
    if (this.sort && !columns.some((column) => column.name === this.sort?.column)) this.sort = null;
    this.drawHead();
    this.show(this.all);
  }

  /** @param {(row: R) => boolean} test */
  filter(test) {
    this.test = test;
    this.arrange();
  }

  /** Filters, sorts and draws. */
  arrange() {
    const seen = this.all.filter(this.test);
    const { sort } = this;
    const column = sort && this.columns.find((one) => one.name === sort.column);
    if (sort && column) {
      const keys = seen.map((row) => column.value(row));
      const order = seen.map((_, i) => i);
      const down = sort.down ? -1 : 1;
      if (keys.every((key) => typeof key === "number")) {
        const numbers = Float64Array.from(/** @type {number[]} */ (keys));
        // NaN has no place of its own: it goes last either way.
        order.sort(
          (a, b) =>
            (numbers[a] !== numbers[a] ? 1 : numbers[b] !== numbers[b] ? -1 : (numbers[a] - numbers[b]) * down) ||
            a - b,
        );
      } else {
        const texts = keys.map(String);
        order.sort((a, b) => (texts[a] < texts[b] ? -down : texts[a] > texts[b] ? down : a - b));
      }
      this.seen = order.map((i) => seen[i]);
    } else this.seen = seen;
    this.active = Math.min(this.active, Math.max(0, this.seen.length - 1));
    this.body.style.setProperty("height", `${this.seen.length * ROW}px`);
    const shown = Math.min(this.most, Math.max(1, this.seen.length));
    this.scroller.style.setProperty("max-height", `${shown * ROW + ROW + 2}px`);
    this.scroller.setAttribute("aria-rowcount", String(this.seen.length + 1));
    for (const row of this.drawn.values()) row.remove();
    this.drawn.clear();
    this.drawHead();
    this.draw();
  }

  /** Works out how wide columns are, of the first and some further rows. */
  measure() {
    const every = Math.max(1, Math.floor(this.all.length / 400));
    let least = 0;
    const widths = this.columns.map((column) => {
      if (column.grow) {
        const chars = column.least ?? GROWING;
        least += chars;
        return `minmax(${chars}ch, 1fr)`;
      }
      let wide = column.width ?? 0;
      if (!column.width) {
        for (let i = 0; i < this.all.length; i += every) {
          const shown = column.show ? column.show(this.all[i]) : column.value(this.all[i]);
          const length = shown instanceof Node ? (shown.textContent ?? "").length : String(shown ?? "").length;
          if (length > wide) wide = length;
        }
      }
      const chars = Math.min(WIDEST, Math.max(column.name.length + 2, wide));
      least += chars;
      return `calc(${chars}ch + 24px)`;
    });
    const spare = this.columns.some((column) => column.grow) ? "" : " 1fr";
    this.element.style.setProperty("--columns", widths.join(" ") + spare);
    this.element.style.setProperty("--least", `calc(${least}ch + ${24 * this.columns.length}px)`);
  }

  drawHead() {
    this.head.textContent = "";
    this.head.setAttribute("aria-rowindex", "1");
    for (const column of this.columns) {
      const sorted = this.sort?.column === column.name ? (this.sort.down ? "descending" : "ascending") : "none";
      this.head.appendChild(
        h(
          "div",
          {
            class: `vt-cell${column.number ? " is-number" : ""}`,
            role: "columnheader",
            "aria-sort": sorted,
            title: column.title,
          },
          h(
            "button",
            { type: "button", tabindex: -1, onclick: () => this.sortBy(column) },
            column.name,
            sorted !== "none" && h("span", { "aria-hidden": "true" }, sorted === "descending" ? " ↓" : " ↑"),
          ),
        ),
      );
    }
  }

  /** @param {Column<R>} column */
  sortBy(column) {
    const same = this.sort?.column === column.name;
    // Numbers begin with the greatest; a third click gives the order of the answer back.
    const first = Boolean(column.number);
    if (!same) this.sort = { column: column.name, down: first };
    else if (this.sort?.down === first) this.sort = { column: column.name, down: !first };
    else this.sort = null;
    this.active = 0;
    this.scroller.scrollTop = 0;
    this.arrange();
  }

  /** Puts the rows in sight into the document, and takes the others out. */
  draw() {
    const { scroller, drawn } = this;
    const top = scroller.scrollTop;
    const from = Math.max(0, Math.floor(top / ROW) - SPARE);
    const to = Math.min(this.seen.length, Math.ceil((top + (scroller.clientHeight || this.most * ROW)) / ROW) + SPARE);
    for (const [i, row] of drawn) {
      if (i >= from && i < to) continue;
      row.remove();
      drawn.delete(i);
    }
    for (let i = from; i < to; i += 1) if (!drawn.has(i)) this.drawRow(i);
  }

  /** @param {number} i */
  drawRow(i) {
    const row = this.seen[i];
    const element = h("div", {
      class: `vt-row ${this.dress?.(row) ?? ""}${this.pick ? " is-pickable" : ""}`,
      role: "row",
      "aria-rowindex": i + 2,
      "data-row": i,
      style: { top: `${i * ROW}px` },
    });
    if (i === this.active && document.activeElement === this.scroller) element.classList.add("is-active");
    for (const column of this.columns) {
      const shown = column.show ? column.show(row) : String(column.value(row));
      element.appendChild(h("div", { class: `vt-cell${column.number ? " is-number" : ""}`, role: "cell" }, shown));
    }
    this.body.appendChild(element);
    this.drawn.set(i, element);
  }

  /** Draws rows anew whose look has changed. */
  refresh() {
    for (const row of this.drawn.values()) row.remove();
    this.drawn.clear();
    this.draw();
  }

  /** @param {Event} event @returns {R | null} */
  rowOf(event) {
    const element = event.target instanceof Element ? event.target.closest("[data-row]") : null;
    return element ? (this.seen[Number(element.getAttribute("data-row"))] ?? null) : null;
  }

  /** @param {MouseEvent} event */
  clicked(event) {
    if (event.target instanceof Element && event.target.closest("button, a")) return;
    if (String(getSelection() ?? "") !== "") return;
    const row = this.rowOf(event);
    if (row !== null) this.pick?.(row, event);
  }

  /** @param {KeyboardEvent} event */
  key(event) {
    if (event.target !== this.scroller || event.ctrlKey || event.metaKey || event.altKey) return;
    const page = Math.max(1, Math.floor(this.scroller.clientHeight / ROW) - 2);
    const last = this.seen.length - 1;
    const to = {
      ArrowDown: this.active + 1,
      ArrowUp: this.active - 1,
      PageDown: this.active + page,
      PageUp: this.active - page,
      Home: 0,
      End: last,
    }[event.key];
    if (to !== undefined) this.goTo(Math.max(0, Math.min(last, to)));
    else if ((event.key === "Enter" || event.key === " ") && this.pick && this.seen[this.active] !== undefined)
      this.pick(this.seen[this.active], event);
    else return;
    event.preventDefault();
    event.stopPropagation();
  }

  /** @param {number} i */
  goTo(i) {
    this.active = i;
    const { scroller } = this;
    if (i * ROW < scroller.scrollTop) scroller.scrollTop = i * ROW;
    const bottom = (i + 2) * ROW - scroller.clientHeight + 2;
    if (bottom > scroller.scrollTop) scroller.scrollTop = bottom;
    this.refresh();
  }
}
