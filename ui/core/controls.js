// Controls that more than one page has.

import { h } from "./dom.js";

/**
 * A row of buttons of which one is pressed.
 * @template {string} V
 * @param {string} label
 * @param {{value: V, label: string, title?: string}[]} choices
 * @param {V} now
 * @param {(value: V) => void} chosen
 * @param {string} [size]
 */
export function segments(label, choices, now, chosen, size = "") {
  const element = h("div", { class: `segments ${size}`, role: "group", "aria-label": label });
  for (const { value, label: text, title } of choices) {
    element.append(
      h(
        "button",
        {
          type: "button",
          title,
          "data-value": value,
          "aria-pressed": String(value === now),
          onclick: () => {
            press(element, value);
            chosen(value);
          },
        },
        text,
      ),
    );
  }
  return element;
}

/**
 * Shows another one as pressed.
 * @param {HTMLElement} element
 * @param {string} value
 */
export function press(element, value) {
  for (const button of element.querySelectorAll("button"))
    button.setAttribute("aria-pressed", String(button.dataset.value === value));
}

/**
 * Why something isn't there, in words, with what to do about it.
 * @param {unknown} error
 * @param {() => void} [again]
 */
export function trouble(error, again) {
  const message = error instanceof Error ? error.message : String(error);
  return h(
    "div",
    { class: "note bad", role: "alert" },
    h("strong", {}, message),
    again && h("button", { type: "button", class: "small", onclick: again }, "Try again"),
  );
}

/**
 * A table of few rows, which scrolls sideways where it is too wide.
 * @param {{name: string, number?: boolean}[]} columns
 * @param {import("./dom.js").Child[][]} rows
 * @param {string} label
 * @param {string} [kind] class of the table
 */
export function plainTable(columns, rows, label, kind = "") {
  const look = (/** @type {number} */ i) => ({ class: columns[i]?.number ? "is-number" : undefined });
  // A head without a name would be read as an empty one: it is none.
  const head = columns.map(({ name }, i) => h(name ? "th" : "td", look(i), name));
  const body = rows.map((cells) =>
    h(
      "tr",
      {},
      cells.map((cell, i) => h("td", look(i), cell)),
    ),
  );
  return h(
    "div",
    { class: "wide", tabindex: 0, role: "region", "aria-label": label },
    h("table", { class: `plain ${kind}` }, h("thead", {}, h("tr", {}, head)), h("tbody", {}, body)),
  );
}
